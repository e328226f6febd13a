"""Decoding that never gives up an object for one bad field: what does not fit its type is left out and named.

Generic over msgspec Structs whose fields all have defaults. A subtree that fits is converted in one go, so that only
the way down to the bad field costs Python.
"""

import types
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Annotated, Any, Final, Union, get_args, get_origin

import msgspec

MAX_PROBLEMS: Final = 20
MAX_DEPTH: Final = 50
"""Deeper than any real object; a template in a template in a template … must not end in a RecursionError."""

_MAX_KEY_LENGTH: Final = 120
_MISFIT: Final = object()


@dataclass(frozen=True, slots=True)
class DecodeProblem:
    """What was left out: where, and why."""

    path: str
    text: str

    def __str__(self) -> str:
        return f"{self.path or 'object'}: {self.text}"


@dataclass(frozen=True, slots=True)
class Lenient:
    """A tolerant conversion; the problems it met are collected in the order of the object's fields."""

    problems: list[DecodeProblem] = field(default_factory=list)

    def convert(self, value: object, wanted: Any, path: str = "", depth: int = 0) -> Any:
        """The value as the type wanted, without what does not fit; ``_MISFIT`` where nothing of it does."""
        if depth > MAX_DEPTH:
            return self._misfit(path, f"nested more than {MAX_DEPTH} levels deep")
        try:
            return msgspec.convert(value, wanted)
        except (msgspec.ValidationError, RecursionError) as error:
            reason = str(error).partition(" - at `")[0]
        return self._parts(value, _container(wanted, value), path, depth, reason)

    def _parts(self, value: object, wanted: Any, path: str, depth: int, error: str) -> Any:
        if isinstance(value, dict) and _is_struct(wanted):
            return wanted(**dict(self._fields(value, wanted, path, depth)))
        if isinstance(value, dict) and get_origin(wanted) is dict:
            return dict(self._entries(value, get_args(wanted)[1], path, depth))
        if isinstance(value, list) and get_origin(wanted) is list:
            return list(self._items(value, get_args(wanted)[0], path, depth))
        return self._misfit(path, error[:1].lower() + error[1:])

    def _fields(self, value: dict[str, Any], wanted: Any, path: str, depth: int) -> Iterator[tuple[str, Any]]:
        for info in _fields_of(wanted):
            part = value.get(info.encode_name)
            if part is not None:  # null means absent, as Go writes a nil map, list or pointer
                at = f"{path}.{info.encode_name}" if path else info.encode_name
                yield from _kept(info.name, self.convert(part, info.type, at, depth + 1))

    def _entries(self, value: dict[str, Any], wanted: Any, path: str, depth: int) -> Iterator[tuple[str, Any]]:
        for key, part in value.items():
            yield from _kept(key, self.convert(part, wanted, f"{path}[{key[:_MAX_KEY_LENGTH]}]", depth + 1))

    def _items(self, value: list[Any], wanted: Any, path: str, depth: int) -> Iterator[Any]:
        for index, part in enumerate(value):
            for _, item in _kept("", self.convert(part, wanted, f"{path}[{index}]", depth + 1)):
                yield item

    def _misfit(self, path: str, text: str) -> object:
        self.problems.append(DecodeProblem(path, text))
        return _MISFIT


def _kept(name: str, value: object) -> Iterator[tuple[str, Any]]:
    if value is not _MISFIT:
        yield name, value


@lru_cache(maxsize=256)
def _fields_of(struct: type[msgspec.Struct]) -> tuple[msgspec.structs.FieldInfo, ...]:
    return msgspec.structs.fields(struct)


def _container(wanted: Any, value: object) -> Any:
    """The part of the declared type into which a value of that shape may be taken apart."""
    if get_origin(wanted) is Annotated:
        return _container(get_args(wanted)[0], value)
    if get_origin(wanted) in {Union, types.UnionType}:
        return next((part for part in get_args(wanted) if _takes(part, value)), wanted)
    return wanted


def _takes(part: Any, value: object) -> bool:
    if isinstance(value, dict):
        return _is_struct(part) or get_origin(part) is dict
    return isinstance(value, list) and get_origin(part) is list


def _is_struct(wanted: Any) -> bool:
    return isinstance(wanted, type) and issubclass(wanted, msgspec.Struct)


def problem_lines(problems: list[DecodeProblem]) -> tuple[str, ...]:
    """One line per problem; of many, the first twenty and how many more there are."""
    lines = tuple(str(problem) for problem in problems[:MAX_PROBLEMS])
    more = len(problems) - len(lines)
    return (*lines, f"and {more:,} more") if more else lines

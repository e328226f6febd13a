"""Converts an object even if some of its fields do not fit their type. Those fields are omitted and reported.

It works for msgspec Structs whose fields all have defaults. A subtree that fits is converted by msgspec at once, so
only the path to a bad field is handled in Python.
"""

import types
from collections.abc import Iterator
from functools import lru_cache
from typing import Annotated, Any, Final, Union, get_args, get_origin

import msgspec
from msgspec import Struct, field

MAX_PROBLEMS: Final = 20
"""Maximum number of problems that are listed."""

MAX_REPAIRS: Final = 20_000
"""Maximum number of parts that are left out: one of each node of a large run. All further parts are left out, too."""

_MAX_DESCRIBED: Final = 1000

MAX_DEPTH: Final = 50
"""Maximum nesting, deeper than any real object. The limit prevents a RecursionError for crafted input."""

MAX_KEY_LENGTH: Final = 120
_MISFIT: Final = object()


class DecodeProblem(Struct, frozen=True):
    """A part of an object that was omitted: its path, and the cause."""

    path: str
    text: str

    def __str__(self) -> str:
        return f"{self.path or 'object'}: {self.text}"


_UNDESCRIBED: Final = DecodeProblem("", "one of many problems")


class LenientConverter(Struct, frozen=True):
    """Converts plain values to msgspec types and collects the problems, in the order of the object's fields."""

    problems: list[DecodeProblem] = field(default_factory=list)

    def convert(self, value: object, target: Any, path: str = "", depth: int = 0) -> Any:
        """Convert the value to the target type without the parts that do not fit; ``_MISFIT`` if nothing fits."""
        if depth > MAX_DEPTH:
            return self._misfit(path, f"nested more than {MAX_DEPTH} levels deep")
        if self._is_exhausted:
            return _MISFIT
        try:
            return msgspec.convert(value, target)
        except (msgspec.ValidationError, RecursionError) as error:
            reason = str(error).partition(" - at `")[0]
        return self._convert_parts(value, _container_type(target, value), path, depth, reason)

    def _convert_parts(self, value: object, target: Any, path: str, depth: int, error: str) -> Any:
        if isinstance(value, dict) and _is_struct(target):
            return target(**dict(self._fields(value, target, path, depth)))
        if isinstance(value, dict) and get_origin(target) is dict:
            return dict(self._entries(value, get_args(target)[1], path, depth))
        if isinstance(value, list) and get_origin(target) is list:
            return list(self._items(value, get_args(target)[0], path, depth))
        return self._misfit(path, error[:1].lower() + error[1:])

    def _fields(self, value: dict[str, Any], target: Any, path: str, depth: int) -> Iterator[tuple[str, Any]]:
        for info in _fields_of(target):
            part = value.get(info.encode_name)
            if part is not None:  # null means absent, as Go writes a nil map, list or pointer
                at = f"{path}.{info.encode_name}" if path else info.encode_name
                yield from _unless_misfit(info.name, self.convert(part, info.type, at, depth + 1))

    def _entries(self, value: dict[str, Any], target: Any, path: str, depth: int) -> Iterator[tuple[str, Any]]:
        for key, part in value.items():
            if self._is_exhausted:
                return
            yield from _unless_misfit(key, self.convert(part, target, f"{path}[{key[:MAX_KEY_LENGTH]}]", depth + 1))

    def _items(self, value: list[Any], target: Any, path: str, depth: int) -> Iterator[Any]:
        for index, part in enumerate(value):
            if self._is_exhausted:
                return
            for _, item in _unless_misfit("", self.convert(part, target, f"{path}[{index}]", depth + 1)):
                yield item

    @property
    def _is_exhausted(self) -> bool:
        return len(self.problems) > MAX_REPAIRS

    def _misfit(self, path: str, text: str) -> object:
        self.problems.append(DecodeProblem(path, text) if len(self.problems) < _MAX_DESCRIBED else _UNDESCRIBED)
        return _MISFIT


def _unless_misfit(name: str, value: object) -> Iterator[tuple[str, Any]]:
    if value is not _MISFIT:
        yield name, value


@lru_cache(maxsize=256)
def _fields_of(struct: type[msgspec.Struct]) -> tuple[msgspec.structs.FieldInfo, ...]:
    return msgspec.structs.fields(struct)


def _container_type(target: Any, value: object) -> Any:
    """Return the member of a union or annotated type that accepts a value of this shape."""
    if get_origin(target) is Annotated:
        return _container_type(get_args(target)[0], value)
    if get_origin(target) in {Union, types.UnionType}:
        return next((part for part in get_args(target) if _accepts(part, value)), target)
    return target


def _accepts(part: Any, value: object) -> bool:
    if isinstance(value, dict):
        return _is_struct(part) or get_origin(part) is dict
    return isinstance(value, list) and get_origin(part) is list


def _is_struct(target: Any) -> bool:
    return isinstance(target, type) and issubclass(target, msgspec.Struct)


def problem_lines(problems: list[DecodeProblem]) -> tuple[str, ...]:
    """Return one line per problem: the first twenty, and the number of the others."""
    lines = tuple(str(problem) for problem in problems[:MAX_PROBLEMS])
    more = len(problems) - len(lines)
    return (*lines, f"and {more:,} more") if more else lines

"""Hostile values, and documents in which they replace one field at a time."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from controlplane.errors import ApiError

Json = dict[str, Any]
Path = tuple[str | int, ...]

YEAR_0, YEAR_9999 = "0000-01-01T00:00:00Z", "9999-12-31T23:59:59Z"
ODD: Final = "\u202egnp\u200b\x00\x1b[31m"
"""Bidirectional, zero-width and control characters."""

YAML_BOMB: Final = "a: &a [x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 8)}]\n" for before, name in itertools.pairwise("abcdefghi")
)
_MANY: Final = {f"k{number}": "v" for number in range(5_000)}


def nested(depth: int) -> Any:
    """Return an empty list in many others."""
    value: Any = []
    for _ in range(depth):
        value = [value]
    return value


HOSTILE: Final[tuple[Any, ...]] = (
    *("", ODD * 5, "a" * 253, "x" * 300_000, "../../../etc/passwd", "..", "a/b?c#d%2e%2e", YAML_BOMB),
    *("task '' errored: " * 10_000, "a-" * 50_000, "(" * 250, "{{" * 10_000, "{{workflow.parameters.x}}"),
    *(YEAR_0, "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-11-29T12:00:00.999999999+99:99"),
    *(0, -1, 2**31, 2**63 - 1, -(2**63), 0.5, 1e308, True, None, [], {}, [[]], [None], {"": None}, nested(90)),
    *(_MANY, ["x"] * 20_000, [{}] * 5_000, "1" * 4_000, "9e99999999Ki", "0x7fffffff", "NaN"),
)
"""Long words and odd ones, paths, a YAML bomb, repeated units, ends of the calendar, numbers, and wrong types."""

_REFUSED: Final = frozenset({400, 409, 413, 422, 500})
"""Answers of the API server to what it does not store. 500: it cannot convert a value at all."""


def leaves(value: Any, path: Path = ()) -> Iterator[Path]:
    """Yield the paths of all fields of a document, and of the first items of its lists."""
    items: Any = value.items() if isinstance(value, dict) else enumerate(value[:1]) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*path, key)
        yield from leaves(inner, (*path, key))


def replaced(document: Json, path: Path, value: Any) -> Json:
    """Return a document with another value at a path."""
    changed = copy.deepcopy(document)
    at: Any = changed
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    return changed


def mutations(
    part: Json, *, step: int, values: Sequence[Any] = HOSTILE, start: int = 0
) -> Iterator[tuple[Path, Any, Json]]:
    """Yield a path, a hostile value, and the document with that value there, of every ``step``-th pair.

    With a step that is no divisor of the number of values, each field gets some of the values, and each value is in
    some of the fields.
    """
    for path, value in itertools.islice(itertools.product(leaves(part), values), start, None, step):
        yield path, value, replaced(part, path, value)


def stored(call: Callable[..., Json], *arguments: Any) -> Json | None:
    """Make a request; return the object as the API server has stored it, None if it stores no such thing."""
    try:
        # Without warnings: thousands of them are more headers than a client reads.
        return call(*arguments, fieldValidation="Ignore")
    except ApiError as error:
        if error.status not in _REFUSED:
            raise
        return None


def is_stored(call: Callable[..., Json], *arguments: Any) -> bool:
    """Make a request; return whether the API server stores what it is given."""
    return stored(call, *arguments) is not None

"""How many examples of a law, and steps of an exhaustive loop, a run of the tests tries: all, or few."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import pytest
from hypothesis import settings

FAST_EXAMPLES = 20
"""Examples of each law in the profile `fast`, which `make unit` uses."""

BATCH = 50
"""Cases of a table that one test tries in the profile `fast`. pytest itself needs longer than most of them."""

T = TypeVar("T")


def is_fast() -> bool:
    """Return whether the developer's loop runs, which tries few examples; CI tries them all."""
    return settings().max_examples <= FAST_EXAMPLES


def examples(number: int) -> int:
    """Return the number of examples of a law whose number is its own: far fewer in the developer's loop."""
    return min(number, FAST_EXAMPLES) if is_fast() else number


def steps(every: Sequence[T], *, thinned_to: int) -> Sequence[T]:
    """Return all steps of an exhaustive loop; in the developer's loop, about this number of them, evenly spread."""
    return every[:: max(1, len(every) // thinned_to)] if is_fast() else every


def batches(cases: Sequence[T], *, name: Callable[[T], str]) -> list[object]:
    """Return all cases of a table as a test's parameters: one by one; in the developer's loop, many at once."""
    size = BATCH if is_fast() else 1
    parts = [cases[start : start + size] for start in range(0, len(cases), size)]
    names = [name(part[0]) + (f"+{len(part) - 1}" if len(part) > 1 else "") for part in parts]
    # cut names of different cases can be equal
    first = {each: number for number, each in reversed([*enumerate(names)])}
    ids = [each if first[each] == number else f"{each} #{number}" for number, each in enumerate(names)]
    return [pytest.param(part, id=identifier) for part, identifier in zip(parts, ids, strict=True)]

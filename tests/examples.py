"""How many examples of a law, and steps of an exhaustive loop, a run of the tests tries: all, or few."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from hypothesis import settings

FAST_EXAMPLES = 20
"""Examples of each law in the profile `fast`, which `make unit` uses."""

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

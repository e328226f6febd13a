"""The delay after repeated failures: it doubles with each of them, up to a maximum."""

from typing import Final

_MAX_DOUBLINGS: Final = 64
"""Beyond this, every delay of at least a nanosecond exceeds any maximum, and a float could overflow."""


def doubling_delay(failures: int, *, first_seconds: float, max_seconds: float) -> float:
    """Return the delay in seconds after the given number of failures in a row, from 1; without jitter."""
    return min(max_seconds, first_seconds * 2.0 ** min(failures - 1, _MAX_DOUBLINGS))

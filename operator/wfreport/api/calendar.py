"""Arithmetic with times and durations that users write: it stays within the calendar of ``datetime``.

The API server accepts any time from year 0 to 9999, and a sum beyond that would be an exception at a place that has
nothing to do with the object.
"""

from datetime import UTC, datetime, timedelta
from typing import Final

EARLIEST: Final = datetime.min.replace(tzinfo=UTC)
LATEST: Final = datetime.max.replace(tzinfo=UTC, microsecond=0)
_LONGEST_SECONDS: Final = int((LATEST - EARLIEST).total_seconds())


def shifted(at: datetime, by: timedelta) -> datetime:
    """Return a time that is later by a duration, or earlier by a negative one, but never outside of the calendar."""
    try:
        return at + by
    except OverflowError:
        return LATEST if by > timedelta(0) else EARLIEST


def duration_of(seconds: float) -> timedelta:
    """Return a duration of so many seconds, at most as long as the calendar."""
    return timedelta(seconds=max(-_LONGEST_SECONDS, min(seconds, _LONGEST_SECONDS)))

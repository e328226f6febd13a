"""The wall clock. No other module reads it; the time is passed as a parameter or as a function."""

from datetime import UTC, datetime


def now() -> datetime:
    """Return the current time in UTC, timezone-aware."""
    return datetime.now(UTC)

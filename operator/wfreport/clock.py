"""The only reader of the clock; whoever needs the time is given it."""

from datetime import UTC, datetime


def now() -> datetime:
    """The time, aware, UTC."""
    return datetime.now(UTC)

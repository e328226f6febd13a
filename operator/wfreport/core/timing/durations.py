"""Computes durations between two times, parses them, and formats durations and times for people."""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from wfreport.imports import lazy_pattern

_UNIT_SECONDS: Final = {"w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}
_DAY_SECONDS: Final = 86_400
_SHAPE: Final = lazy_pattern(r"(?:\d+[wdhms])+")


def parse_duration(text: str) -> timedelta:
    """Parse ``90s``, ``30m``, ``1h30m``, ``7d`` or ``1w``. A number without a unit means seconds.

    Raises:
        ValueError: the text is no such duration, or too long; the message has one line.
    """
    written = text.strip().lower()
    try:
        if written.isascii() and written.isdigit():
            return timedelta(seconds=int(written))
        if written.isascii() and _SHAPE.fullmatch(written):
            return timedelta(
                seconds=sum(int(n) * _UNIT_SECONDS[unit] for n, unit in re.findall(r"(\d+)([wdhms])", written))
            )
    except (OverflowError, ValueError) as error:
        raise ValueError(f"{text!r} is too long a duration") from error
    raise ValueError(f"{text!r} is not a duration; write 90s, 30m, 1h30m, 7d or 1w")


def short_duration(seconds: float) -> str:
    """Format a duration with its two largest units: ``34s``, ``12m40s``, ``1h02m``, ``3d04h``."""
    whole = max(0, round(seconds))
    minutes, seconds_left = divmod(whole, 60)
    hours, minutes_left = divmod(minutes, 60)
    days, hours_left = divmod(hours, 24)
    if days:
        return f"{days}d{hours_left:02}h"
    if hours:
        return f"{hours}h{minutes_left:02}m"
    return f"{minutes}m{seconds_left:02}s" if minutes else f"{seconds_left}s"


def seconds_between(start: datetime | None, end: datetime | None) -> int | None:
    """Return the whole seconds between two times, never negative; None if one of them is unknown."""
    if start is None or end is None:
        return None
    between = end - start
    return max(0, between.days * _DAY_SECONDS + between.seconds)  # a division by a second takes far longer


def instant(at: datetime | None) -> str:
    """Format a time in UTC, to the second; nothing if it is unknown."""
    return at.strftime("%Y-%m-%d %H:%M:%SZ") if at else ""


def minute(at: datetime) -> str:
    """Format a time in UTC, to the minute."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%MZ")

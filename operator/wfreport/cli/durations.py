"""Durations as people write and read them."""

import re
from datetime import timedelta
from typing import Final

_UNIT_SECONDS: Final = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_SHAPE: Final = re.compile(r"(?:\d+[dhms])+")


def parse_duration(text: str) -> timedelta:
    """Read ``90s``, ``30m``, ``2h`` or ``1h30m``; a bare number is seconds.

    Raises:
        ValueError: it is none of these, in one line.
    """
    written = text.strip().lower()
    try:
        if written.isascii() and written.isdigit():
            return timedelta(seconds=int(written))
        if written.isascii() and _SHAPE.fullmatch(written):
            return timedelta(
                seconds=sum(int(n) * _UNIT_SECONDS[unit] for n, unit in re.findall(r"(\d+)([dhms])", written))
            )
    except (OverflowError, ValueError) as error:
        raise ValueError(f"{text!r} is too long a duration") from error
    raise ValueError(f"{text!r} is not a duration; write 90s, 30m, 2h or 1h30m")

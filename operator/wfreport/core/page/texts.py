"""Texts of a page: visible characters only, clipped, and durations as people read them."""

from typing import Final

from wfreport.core.redact.printable import strip_invisible
from wfreport.core.timing.durations import short_duration

LINE_CHARACTERS: Final = 400
TEXT_CHARACTERS: Final = 4000


def line(text: str | None, limit: int = LINE_CHARACTERS) -> str:
    """Return a text on one line, at most ``limit`` characters of it."""
    plain = " ".join(strip_invisible((text or "")[: 4 * limit]).split())
    return plain if len(plain) <= limit else f"{plain[: limit - 1]}…"


def block(text: str | None, limit: int = TEXT_CHARACTERS) -> str:
    """Return the last ``limit`` characters of a text of several lines, from the start of a line."""
    plain = strip_invisible((text or "")[-4 * limit :].replace("\r\n", "\n").replace("\r", "\n"))
    if len(plain) <= limit:
        return plain
    cut = plain[-limit:]
    return f"…\n{cut.partition(chr(10))[2] or cut}"


def duration(seconds: float | None) -> str:
    """Format a duration; nothing if it is unknown."""
    return "" if seconds is None else short_duration(seconds)

"""Prepares free text for a report. Text is redacted before it is cut, so that no part of a secret remains."""

from wfreport.api.wire import LINE, TEXT
from wfreport.core.redact.bounds import TEXT_START, ClippedText, cut
from wfreport.core.redact.printable import strip_invisible
from wfreport.core.redact.redactor import Redactor


def clip(identifier: str | None, limit: int = LINE) -> str | None:
    """Truncate an identifier to its field's limit, without characters that have no glyph; None if it is empty.

    An over-long identifier is invalid in any case, so the cut is not marked.
    """
    return strip_invisible(identifier[:limit]) or None if identifier else None


class TextSanitizer:
    """Redacts text and cuts it to the length of its field."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor

    def text(self, raw: str | None, limit: int = TEXT) -> str | None:
        """Sanitize a message; None if it is empty or blank."""
        return self._sanitize(raw, limit) or None if raw and raw.strip() else None

    def line(self, raw: str) -> str:
        """Sanitize a display name; the name of a loop item contains the item's value."""
        return self._sanitize(raw, LINE)

    def value(self, name: str, raw: str, limit: int) -> str | None:
        """Sanitize the value of a parameter; None if it is blank. Often only its name reveals that it is a secret."""
        prefix = f"{name[-LINE:]}="  # the end of a long name, because a key must precede the value
        start, omitted = _start_of(raw)
        redacted = self._redactor.redact(prefix + start)[0]
        value = redacted.removeprefix(prefix) if redacted.startswith(prefix) else redacted
        return cut(value, limit, omitted=omitted) if value.strip() else None

    def _sanitize(self, raw: str, limit: int) -> str:
        start, omitted = _start_of(raw)
        return cut(self._redactor.redact(start)[0], limit, omitted=omitted)

    def log(self, raw: str) -> tuple[str, int]:
        """Redact a log. Return it with the number of secrets that were replaced."""
        return self._redactor.redact(raw)


def _start_of(raw: str) -> tuple[str, int]:
    """Return the part of a text that is searched for secrets, and the number of characters after it."""
    start = raw[:TEXT_START]
    return start, len(raw) - len(start) + (raw.omitted if isinstance(raw, ClippedText) else 0)

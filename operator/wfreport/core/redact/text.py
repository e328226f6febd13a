"""Prepares free text for a report. Text is redacted before it is cut, so that no part of a secret remains."""

from wfreport.api.wire import LINE, TEXT
from wfreport.core.redact.bounds import cut
from wfreport.core.redact.redactor import Redactor


def clip(identifier: str | None, limit: int = LINE) -> str | None:
    """Truncate an identifier to its field's limit; None if it is empty.

    An over-long identifier is invalid in any case, so the cut is not marked.
    """
    return identifier[:limit] if identifier else None


_CONTEXT_CHARACTERS = 32 * 1024
"""Characters after the limit that are searched too, for a secret that begins before the limit and ends after it.

Messages can have megabytes, so the rest is not searched.
"""


class TextSanitizer:
    """Redacts text and cuts it to the length of its field."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor

    def text(self, raw: str | None, limit: int = TEXT) -> str | None:
        """Sanitize a message; None if it is empty or blank."""
        return self._sanitize(raw, limit) if raw and raw.strip() else None

    def line(self, raw: str) -> str:
        """Sanitize a display name; the name of a loop item contains the item's value."""
        return self._sanitize(raw, LINE)

    def _sanitize(self, raw: str, limit: int) -> str:
        head = raw[: limit + _CONTEXT_CHARACTERS]
        return cut(self._redactor.redact(head)[0], limit, omitted=len(raw) - len(head))

    def log(self, raw: str) -> tuple[str, int]:
        """Redact a log. Return it with the number of secrets that were replaced."""
        return self._redactor.redact(raw)

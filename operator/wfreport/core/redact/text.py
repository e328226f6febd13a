"""Prepares free text for a report. Text is redacted before it is cut, so that no part of a secret remains."""

from collections.abc import Collection
from typing import TYPE_CHECKING, Final

from wfreport.api.wire import LINE, TEXT
from wfreport.core.redact.bounds import TEXT_START, ClippedText, cut
from wfreport.core.redact.placeholders import is_placeholder
from wfreport.core.redact.printable import strip_invisible
from wfreport.core.redact.words import is_reference

if TYPE_CHECKING:  # three hundred patterns
    from wfreport.core.redact.redactor import Redactor


def clip(identifier: str | None, limit: int = LINE) -> str | None:
    """Truncate an identifier to its field's limit, without characters that have no glyph; None if it is empty.

    An over-long identifier is invalid in any case, so the cut is not marked.
    """
    return strip_invisible(identifier[:limit]) or None if identifier else None


FULL_CHARACTERS: Final = 128 * 1024
"""Characters of the texts of one report that are searched for secrets in full: half of what a report can hold.

Later texts are shortened first. So thousands of long messages cost no more time than the report that shows them.
"""

_FULL_VALUE_CHARACTERS: Final = 64 * 1024
"""Characters of the parameters that a report digests that are searched for secrets in full."""

_PROBE: Final = "Hunter2!"
"""What is masked after the name of any secret, and after no other name."""

_SHORT_START: Final = 512
_SHORT_LIMIT: Final = 256
"""Characters of a later text that are searched for secrets, and that are shown at most."""


class TextSanitizer:
    """Redacts the texts of one report and cuts them to the length of their fields."""

    def __init__(self, redactor: "Redactor") -> None:
        self._redactor = redactor
        self._sanitized: dict[tuple[str, int, int], str] = {}
        self._unread = FULL_CHARACTERS
        self._unread_of_values = _FULL_VALUE_CHARACTERS

    def text(self, raw: str | None, limit: int = TEXT) -> str | None:
        """Sanitize a message; None if it is empty or blank."""
        return self._sanitize(raw, limit) or None if raw and raw.strip() else None

    def line(self, raw: str) -> str:
        """Sanitize a display name; the name of a loop item contains the item's value."""
        return self._sanitize(raw, LINE)

    def path(self, raw: str | None, names: Collection[str | None]) -> str | None:
        """Sanitize a path, such as the key of an artifact; None if it is empty or blank.

        Args:
            raw: the path.
            names: names of this run that the report shows anyway. A part of the path that is one of them is not
                searched for secrets. What is left is mostly the same in all runs, and has been searched before.
        """
        if not raw or len(raw) > TEXT or not (raw.isascii() and raw.isprintable()):
            return self.text(raw)
        rest = "/".join([part for part in raw.split("/") if part not in names])
        has_no_secret = len(rest) < len(raw) and self._redactor.redact(rest) == (rest, 0)
        return raw if has_no_secret else self.text(raw)

    def value(self, name: str, raw: str, limit: int) -> str | None:
        """Sanitize the value of a parameter; None if it is blank. Often only its name reveals that it is a secret."""
        start, omitted = _start_of(raw)
        value = self._redact_value(name, start)
        return cut(value, limit, omitted=omitted) if value.strip() else None

    def value_to_digest(self, name: str, raw: str) -> str:
        """Redact a whole value, which is digested. What is not searched for secrets counts only by its length."""
        start = raw[: max(self._unread_of_values, _SHORT_START)]
        self._unread_of_values -= len(start)
        value = self._redact_value(name, start)
        return value if len(start) == len(raw) else f"{value}… (+{len(raw) - len(start):,} characters)"

    def log(self, raw: str) -> tuple[str, int]:
        """Redact a log. Return it with the number of secrets that were replaced."""
        return self._redactor.redact(raw)

    def _redact_value(self, name: str, start: str) -> str:
        prefix = f"{name[-LINE:]}="  # the end of a long name, because a key must precede the value
        redacted = self._redactor.redact(prefix + start)[0]
        if redacted == prefix + start and start.strip() and self._hides(prefix, start):
            redacted = self._redactor.redact(prefix + _PROBE)[0]
        return redacted.removeprefix(prefix) if redacted.startswith(prefix) else redacted

    def _hides(self, prefix: str, value: str) -> bool:
        """Whether a name hides any value. A log has many forms of harmless values; a parameter has a name of its own.

        A short value such as ``0`` looks harmless, and could be guessed from its digest.
        """
        if is_placeholder(value) or is_reference(value):
            return False
        return self._redactor.redact(prefix + _PROBE)[1] > 0

    def _sanitize(self, raw: str, limit: int) -> str:
        key = (raw, limit, raw.omitted if isinstance(raw, ClippedText) else 0)
        known = self._sanitized.get(key)  # a failed step is listed twice: as a step and as a failure
        if known is None:
            known = self._sanitized[key] = self._redact_and_cut(raw, limit)
        return known

    def _redact_and_cut(self, raw: str, limit: int) -> str:
        start, omitted = _start_of(raw)
        if self._unread <= 0:
            omitted += max(0, len(start) - _SHORT_START)
            start, limit = start[:_SHORT_START], min(limit, _SHORT_LIMIT)
        self._unread -= len(start)
        return cut(self._redactor.redact(start)[0], limit, omitted=omitted)


def _start_of(raw: str) -> tuple[str, int]:
    """Return the part of a text that is searched for secrets, and the number of characters after it."""
    start = raw[:TEXT_START]
    return start, len(raw) - len(start) + (raw.omitted if isinstance(raw, ClippedText) else 0)

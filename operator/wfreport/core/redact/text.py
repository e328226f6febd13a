"""Free text on its way into a report: redacted first, cut after, so that no half secret is left over."""

from wfreport.api.wire import LINE, TEXT
from wfreport.core.redact.bounds import cut
from wfreport.core.redact.redactor import Redactor


def clip(identifier: str | None, limit: int = LINE) -> str | None:
    """An identifier that fits its field; None for an empty one. One that is longer is garbage, kept as such."""
    return identifier[:limit] if identifier else None


_LOOK_AHEAD = 32 * 1024
"""So far behind what is kept a secret that begins in it is looked for; users write megabytes into messages."""


class TextSanitizer:
    """Makes text fit for a report."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor

    def text(self, raw: str | None, limit: int = TEXT) -> str | None:
        """A message; None where there is none."""
        return self._cut(raw, limit) if raw and raw.strip() else None

    def line(self, raw: str) -> str:
        """A name: loop items carry their values in it."""
        return self._cut(raw, LINE)

    def _cut(self, raw: str, limit: int) -> str:
        seen = raw[: limit + _LOOK_AHEAD]
        return cut(self._redactor.redact(seen)[0], limit, not_seen=len(raw) - len(seen))

    def log(self, raw: str) -> tuple[str, int]:
        """A log, and how many secrets were replaced in it."""
        return self._redactor.redact(raw)

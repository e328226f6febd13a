"""Free text on its way into a report: redacted first, cut after, so that no half secret is left over."""

from wfreport.api.wire import LINE, TEXT
from wfreport.core.bounds import cut
from wfreport.core.redact import Redactor


def clip(identifier: str | None, limit: int = LINE) -> str | None:
    """An identifier that fits its field; None for an empty one. One that is longer is garbage, kept as such."""
    return identifier[:limit] if identifier else None


class Prose:
    """Makes text fit for a report."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor

    def text(self, raw: str | None, limit: int = TEXT) -> str | None:
        """A message; None where there is none."""
        return cut(self._redactor.redact(raw)[0], limit) if raw and raw.strip() else None

    def line(self, raw: str) -> str:
        """A name: loop items carry their values in it."""
        return cut(self._redactor.redact(raw)[0], LINE)

    def log(self, raw: str) -> tuple[str, int]:
        """A log, and how many secrets were replaced in it."""
        return self._redactor.redact(raw)

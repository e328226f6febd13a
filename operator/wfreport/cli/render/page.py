"""Lines of text with colours, wrapped to a terminal's width and never touched in a pipe."""

import io
from collections.abc import Iterable
from datetime import datetime
from typing import Final

from rich.console import Console
from rich.text import Text

from wfreport.api.argo import Phase
from wfreport.cli.render.style import PHASE_STYLES, Style, harmless, one_line

_LABEL_COLUMNS: Final = 13
_LEAST_BODY_COLUMNS: Final = 16
_FIELD_LINES: Final = 6


class TextPage:
    """Collects the lines of one report.

    Attributes:
        look: where it will be shown.
        lines: what was added so far.
    """

    def __init__(self, look: Style) -> None:
        self.look = look
        self.lines: list[Text] = []
        # rich wraps by a console's rules; this one is never written to.
        self._ruler = Console(file=io.StringIO(), width=look.width or 80, color_system=None)

    def blank(self) -> None:
        """Add an empty line, once."""
        if self.lines and self.lines[-1].plain:
            self.lines.append(Text())

    def heading(self, title: str, rest: str = "", style: str = "bold") -> None:
        """Start a section."""
        self.blank()
        body = Text(one_line(rest), style="bold") if rest else Text()
        self.hanging(Text(f"{title}  " if rest else title, style=style), body, most_lines=_FIELD_LINES)

    def field(self, label: str, value: str | Text | None, style: str = "") -> None:
        """Add ``label  value``; an absent or empty value adds nothing."""
        if value:
            body = value if isinstance(value, Text) else Text(harmless(value).strip(), style=style)
            self.hanging(Text(f"  {label:<{_LABEL_COLUMNS - 2}}", style="dim"), body, most_lines=_FIELD_LINES)

    def hanging(
        self, prefix: Text, body: Text, *, following: Text | None = None, most_lines: int | None = None
    ) -> None:
        """Add a body that hangs beside its prefix; over ``most_lines`` it is cut on a terminal, in a pipe never."""
        indent = following if following is not None else Text(" " * prefix.cell_len)
        columns = max((self.look.width or 0) - max(prefix.cell_len, indent.cell_len), _LEAST_BODY_COLUMNS)
        for number, line in enumerate(self._cut(self._broken(body, columns), columns, most_lines)):
            complete = (indent if number else prefix) + line
            complete.rstrip()
            self.lines.append(complete)

    def _broken(self, body: Text, columns: int) -> list[Text]:
        if self.look.width is None:
            return list(body.split("\n", allow_blank=True)) or [Text()]
        return list(body.wrap(self._ruler, columns)) or [Text()]

    def _cut(self, lines: list[Text], columns: int, most: int | None) -> list[Text]:
        if self.look.width is None or most is None or len(lines) <= most:
            return lines
        kept = lines[:most]
        ellipsis = self.look.glyphs.ellipsis
        kept[-1].truncate(max(columns - len(ellipsis), 1))
        kept[-1].rstrip()
        kept[-1].append(ellipsis)
        return kept


def phase_mark(look: Style, phase: str | None) -> Text:
    """The glyph of a phase in its colour; a phase that is not known gets a question mark."""
    return Text(look.glyphs.phases.get(phase or "", look.glyphs.unknown), style=phase_style(phase))


def phase_style(phase: str | None) -> str:
    """The colour of a phase."""
    return PHASE_STYLES.get(phase or "", "yellow")


def instant(at: datetime | None) -> str:
    """An instant in UTC, to the second."""
    return at.strftime("%Y-%m-%d %H:%M:%SZ") if at else ""


def span(look: Style, start: datetime | None, end: datetime | None) -> str:
    """From when to when; the date is written once where both are of one day."""
    if start is None:
        return ""
    if end is None:
        return f"since {instant(start)}"
    same_day = start.date() == end.date()
    return f"{instant(start)} {look.glyphs.arrow} {end.strftime('%H:%M:%SZ') if same_day else instant(end)}"


def joined(look: Style, parts: Iterable[str | None]) -> str:
    """The parts that are there, with dots between."""
    return f" {look.glyphs.dot} ".join(part for part in parts if part)


def is_active(phase: str | None) -> bool:
    """Whether something in this phase has not ended."""
    return phase in (None, "", Phase.PENDING, Phase.RUNNING)

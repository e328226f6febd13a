"""A page of styled lines, wrapped to the width of a terminal and never changed in a pipe."""

import io
from collections.abc import Iterable
from datetime import datetime
from typing import Final

from rich.console import Console
from rich.text import Text

from wfreport.cli.render.shown_texts import ShownTexts
from wfreport.cli.render.style import PHASE_STYLES, Style, one_line, terminal_safe
from wfreport.core.timing.durations import instant, short_duration

_LABEL_COLUMNS: Final = 13
_MIN_BODY_COLUMNS: Final = 16
_MAX_FIELD_LINES: Final = 6


class TextPage:
    """Collects the lines of one report.

    Attributes:
        style: style of the output.
        lines: lines added so far.
        shown: messages that are shown in full.
    """

    def __init__(self, style: Style) -> None:
        self.style = style
        self.lines: list[Text] = []
        self.shown = ShownTexts()
        # rich needs a console to wrap text; nothing is ever printed on this one.
        self._ruler = Console(file=io.StringIO(), width=style.width or 80, color_system=None)

    def blank(self) -> None:
        """Add an empty line, unless the last line is empty."""
        if self.lines and self.lines[-1].plain:
            self.lines.append(Text())

    def heading(self, title: str, rest: str = "", style: str = "bold") -> None:
        """Start a section."""
        self.blank()
        body = Text(one_line(rest), style="bold") if rest else Text()
        self.hanging(Text(f"{title}  " if rest else title, style=style), body, max_lines=_MAX_FIELD_LINES)

    def field(self, label: str, value: str | Text | None, style: str = "") -> None:
        """Add ``label  value``; an absent or empty value adds nothing."""
        if value:
            body = value if isinstance(value, Text) else Text(terminal_safe(value).strip(), style=style)
            self.hanging(Text(f"  {label:<{_LABEL_COLUMNS - 2}}", style="dim"), body, max_lines=_MAX_FIELD_LINES)

    def message(self, label: str, value: str | None, style: str = "") -> None:
        """Add a message, unless the page has said it."""
        if value and not self.shown.has(value):
            self.field(label, value, style)
            self.record_shown(value)

    def record_shown(self, text: str) -> None:
        """Remember a message that the last lines have, unless the terminal cut it."""
        if self.style.width is None or not self.lines[-1].plain.endswith(self.style.glyphs.ellipsis):
            self.shown.add(text)

    def verbatim(self, label: str, value: str | None, style: str = "") -> None:
        """Add ``label  value`` on one line of any length: a name or URL that people copy is neither cut nor wrapped."""
        if value:
            self.lines.append(
                Text(f"  {label:<{_LABEL_COLUMNS - 2}}", style="dim") + Text(one_line(value), style=style)
            )

    def hanging(self, prefix: Text, body: Text, *, following: Text | None = None, max_lines: int | None = None) -> None:
        """Add a prefix with a body that is wrapped beside it.

        Args:
            prefix: text before the first line.
            body: the text to wrap.
            following: text before each further line; None: spaces as wide as the prefix.
            max_lines: number of lines after which a terminal cuts the body; a pipe never does.
        """
        indent = following if following is not None else Text(" " * prefix.cell_len)
        columns = max((self.style.width or 0) - max(prefix.cell_len, indent.cell_len), _MIN_BODY_COLUMNS)
        for number, line in enumerate(self._cut(self._wrapped(body, columns), columns, max_lines)):
            complete = (indent if number else prefix) + line
            complete.rstrip()
            self.lines.append(complete)

    def _wrapped(self, body: Text, columns: int) -> list[Text]:
        if self.style.width is None:
            return list(body.split("\n", allow_blank=True)) or [Text()]
        return list(body.wrap(self._ruler, columns)) or [Text()]

    def _cut(self, lines: list[Text], columns: int, max_lines: int | None) -> list[Text]:
        if self.style.width is None or max_lines is None or len(lines) <= max_lines:
            return lines
        shown = lines[:max_lines]
        ellipsis = self.style.glyphs.ellipsis
        shown[-1].truncate(max(columns - len(ellipsis), 1))
        shown[-1].rstrip()
        shown[-1].append(ellipsis)
        return shown


def phase_mark(style: Style, phase: str | None) -> Text:
    """Return the glyph of a phase in its color; an unknown phase has a question mark."""
    return Text(style.glyphs.phases.get(phase or "", style.glyphs.unknown), style=phase_style(phase))


def phase_style(phase: str | None) -> str:
    """Return the rich style of a phase."""
    return PHASE_STYLES.get(phase or "", "yellow")


def ago(at: datetime, now: datetime) -> str:
    """Format the time since then, such as ``3h12m ago``."""
    return f"{short_duration((now - at).total_seconds())} ago"


def span(style: Style, start: datetime | None, end: datetime | None) -> str:
    """Format a time span; the date is printed once if both ends are on the same day."""
    if start is None:
        return ""
    if end is None:
        return f"since {instant(start)}"
    same_day = start.date() == end.date()
    return f"{instant(start)} {style.glyphs.arrow} {end.strftime('%H:%M:%SZ') if same_day else instant(end)}"


def joined(style: Style, parts: Iterable[str | None]) -> str:
    """Join the non-empty parts with dots."""
    return f" {style.glyphs.dot} ".join(part for part in parts if part)

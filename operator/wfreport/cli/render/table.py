"""Rows and columns: fitted to a terminal's width, whole in a pipe."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rich.text import Text

from wfreport.api.argo import Phase
from wfreport.cli.render.page import phase_mark, phase_style
from wfreport.cli.render.style import Style, glyphs_for, one_line

if TYPE_CHECKING:
    from rich.console import Console

_SPACE: Final = 2


@dataclass(frozen=True, slots=True)
class Column:
    """A column.

    Attributes:
        title: in capitals, as kubectl has it.
        least: columns of the terminal that it may be cut down to; None: it is never cut.
        optional: whether a terminal too narrow for ``least`` does without it.
        share: how many times the space of others it keeps when columns are cut.
    """

    title: str
    least: int | None = None
    optional: bool = False
    share: int = 1


def print_table(columns: Sequence[Column], rows: Sequence[Sequence[Text]], console: "Console") -> None:
    """Print rows under their titles."""
    look = style_of(console)
    for line in table_lines(look, columns, rows):
        # soft_wrap: the lines are of the right width already, and rich must not pad or cut them.
        console.print(line, soft_wrap=True, highlight=False, markup=False, emoji=False)


def style_of(console: "Console") -> Style:
    """What a console can show."""
    return Style(glyphs=glyphs_for(console.encoding), width=console.width if console.file.isatty() else None)


def phase_cell(look: Style, phase: str) -> Text:
    """A phase; in a pipe a column is one word, for awk."""
    found = phase or Phase.PENDING
    word = Text(one_line(found), style=phase_style(found))
    return word if look.width is None else phase_mark(look, found) + Text(" ") + word


def table_lines(look: Style, columns: Sequence[Column], rows: Sequence[Sequence[Text]]) -> list[Text]:
    """The lines of a table; pure."""
    shown = list(columns)
    widths = _natural_widths(shown, rows)
    if look.width is not None:
        while shown[-1].optional and not _can_fit(shown, widths, look.width):
            shown.pop()
            widths.pop()
        widths = _fitted(shown, widths, look.width)
    titles = [Text(column.title, style="bold") for column in shown]
    return [_line(look, cells, widths) for cells in (titles, *rows)]


def _natural_widths(columns: Sequence[Column], rows: Sequence[Sequence[Text]]) -> list[int]:
    return [
        max([len(column.title), *(row[position].cell_len for row in rows)]) for position, column in enumerate(columns)
    ]


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + _SPACE * (len(widths) - 1)


def _can_fit(columns: Sequence[Column], widths: Sequence[int], width: int) -> bool:
    least = [min(wide, column.least or wide) for column, wide in zip(columns, widths, strict=True)]
    return _total(least) <= width


def _fitted(columns: Sequence[Column], widths: Sequence[int], width: int) -> list[int]:
    """The widest column that may be cut loses first, so that short cells stay whole."""
    fitted = list(widths)
    cuttable = [position for position, column in enumerate(columns) if column.least]
    for _ in range(max(_total(fitted) - width, 0)):
        spare = [position for position in cuttable if fitted[position] > (columns[position].least or 0)]
        if not spare:
            break
        fitted[max(spare, key=lambda position: fitted[position] / columns[position].share)] -= 1
    return fitted


def _line(look: Style, cells: Sequence[Text], widths: Sequence[int]) -> Text:
    line = Text()
    for cell, width in zip(cells, widths, strict=False):
        shown = cell.copy()
        if shown.cell_len > width:
            shown.truncate(max(width - len(look.glyphs.ellipsis), 0))
            shown.append(look.glyphs.ellipsis)
        line.append(shown)
        line.append(" " * (width - shown.cell_len + _SPACE))
    line.rstrip()
    return line

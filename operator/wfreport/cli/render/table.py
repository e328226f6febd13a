"""Tables: fitted to the width of a terminal, never cut in a pipe.

``rich.table.Table`` does not fit: it pads every line, marks a cut with one Unicode ellipsis whatever the encoding, and
on a narrow terminal it also cuts columns that must not be cut, such as names that users copy.
"""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from rich.text import Text

from wfreport.api.argo import Phase
from wfreport.cli.render.column import Column, ItemT
from wfreport.cli.render.console import report_console
from wfreport.cli.render.page import phase_mark, phase_style
from wfreport.cli.render.style import Style, glyphs_for, one_line

if TYPE_CHECKING:
    from rich.console import Console

_GAP: Final = 2


def print_items(columns: Sequence[Column[ItemT]], items: Sequence[ItemT], *, color: str) -> None:
    """Print a table on stdout."""
    print_table(columns, items, report_console(color, sys.stdout))


def print_table(columns: Sequence[Column[ItemT]], items: Sequence[ItemT], console: "Console") -> None:
    """Print a table: a line of titles, then a line per item."""
    width = console.width if console.file.isatty() else None
    for line in table_lines(Style(glyphs=glyphs_for(console.encoding), width=width), columns, items):
        # soft_wrap: the lines are already fitted, and rich must neither pad nor cut them.
        console.print(line, soft_wrap=True, highlight=False, markup=False, emoji=False)


def table_lines(style: Style, columns: Sequence[Column[ItemT]], items: Sequence[ItemT]) -> list[Text]:
    """Return the lines of a table. This function is pure."""
    fitted = [column for column in columns if column.shown]
    rows = [[_cell(style, column, item) for column in fitted] for item in items]
    widths = [
        max([len(column.title), *(row[position].cell_len for row in rows)]) for position, column in enumerate(fitted)
    ]
    if style.width is not None:
        while fitted[-1].optional and not _can_fit(fitted, widths, style.width):
            fitted.pop()
            widths.pop()
        widths = _fitted_widths(fitted, widths, style.width)
    titles = [Text(column.title, style="bold") for column in fitted]
    return [_line(style, cells, widths) for cells in (titles, *rows)]


def _cell(style: Style, column: Column[ItemT], item: ItemT) -> Text:
    text = column.text(item) or ""
    if column.is_phase:
        return _phase_cell(style, text or Phase.PENDING)
    return Text(one_line(text), style=column.style if isinstance(column.style, str) else column.style(item))


def _phase_cell(style: Style, phase: str) -> Text:
    word = Text(one_line(phase), style=phase_style(phase))
    # In a pipe every cell is one word, for awk.
    return word if style.width is None else phase_mark(style, phase) + Text(" ") + word


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + _GAP * (len(widths) - 1)


def _can_fit(columns: Sequence[Column[ItemT]], widths: Sequence[int], width: int) -> bool:
    smallest = [min(natural, column.min_width or natural) for column, natural in zip(columns, widths, strict=True)]
    return _total(smallest) <= width


def _fitted_widths(columns: Sequence[Column[ItemT]], widths: Sequence[int], width: int) -> list[int]:
    """Cut the widest column first, so that short cells stay whole."""
    fitted = list(widths)
    cuttable = [position for position, column in enumerate(columns) if column.min_width]
    for _ in range(max(_total(fitted) - width, 0)):
        spare = [position for position in cuttable if fitted[position] > (columns[position].min_width or 0)]
        if not spare:
            break
        fitted[max(spare, key=lambda position: fitted[position] / columns[position].share)] -= 1
    return fitted


def _line(style: Style, cells: Sequence[Text], widths: Sequence[int]) -> Text:
    line = Text()
    for cell, width in zip(cells, widths, strict=False):
        shown = cell.copy()
        if shown.cell_len > width:
            shown.truncate(max(width - len(style.glyphs.ellipsis), 0))
            shown.append(style.glyphs.ellipsis)
        line.append(shown)
        line.append(" " * (width - shown.cell_len + _GAP))
    line.rstrip()
    return line

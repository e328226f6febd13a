"""Tables: fitted to the width of a terminal, never cut in a pipe.

``rich.table.Table`` does not fit: it pads every line, marks a cut with one Unicode ellipsis whatever the encoding, and
on a narrow terminal it also cuts columns that must not be cut, such as names that users copy.
"""

import sys
from collections.abc import Iterable, Sequence
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


def print_items(
    columns: Sequence[Column[ItemT]], items: Sequence[ItemT], *, color: str, drops_columns: bool = True
) -> None:
    """Print a table on stdout."""
    print_table(columns, items, report_console(color, sys.stdout), drops_columns=drops_columns)


def print_table(
    columns: Sequence[Column[ItemT]], items: Sequence[ItemT], console: "Console", *, drops_columns: bool = True
) -> None:
    """Print a table: a line of titles, then a line per item."""
    width = console.width if console.file.isatty() else None
    style = Style(glyphs=glyphs_for(console.encoding), width=width)
    for line in table_lines(style, columns, items, drops_columns=drops_columns):
        # soft_wrap: the lines are already fitted, and rich must neither pad nor cut them.
        console.print(line, soft_wrap=True, highlight=False, markup=False, emoji=False)


def table_lines(
    style: Style, columns: Sequence[Column[ItemT]], items: Sequence[ItemT], *, drops_columns: bool = True
) -> list[Text]:
    """Return the lines of a table. This function is pure.

    A narrow terminal first cuts free text, then drops columns. If ``drops_columns`` is false, all columns stay.
    """
    shown = [column for column in columns if column.shown]
    rows = [[_cell(style, column, item) for column in shown] for item in items]
    widths = [max([len(column.title), *(row[at].cell_len for row in rows)]) for at, column in enumerate(shown)]
    kept = list(range(len(shown)))
    if style.width is not None:
        kept = _fitting(shown, widths, style.width) if drops_columns else kept
        widths = _fitted_widths(shown, widths, kept, style.width)
    titles = [Text(column.title, style="bold") for column in shown]
    return [_line(style, [(cells[at], widths[at]) for at in kept]) for cells in (titles, *rows)]


def _cell(style: Style, column: Column[ItemT], item: ItemT) -> Text:
    text = column.text(item) or ""
    if column.is_phase:
        return _phase_cell(style, text or Phase.PENDING)
    return Text(one_line(text), style=column.style if isinstance(column.style, str) else column.style(item))


def _phase_cell(style: Style, phase: str) -> Text:
    word = Text(one_line(phase), style=phase_style(phase))
    # In a pipe every cell is one word, for awk.
    return word if style.width is None else phase_mark(style, phase) + Text(" ") + word


def _total(widths: Iterable[int]) -> int:
    return sum(width + _GAP for width in widths) - _GAP


def _fitting(columns: Sequence[Column[ItemT]], widths: Sequence[int], width: int) -> list[int]:
    """Return the positions of the columns that fit: those that are never dropped, and of the others what has room."""
    least = [min(natural, column.min_width or natural) for column, natural in zip(columns, widths, strict=True)]
    kept: list[int] = []
    for at in sorted(range(len(columns)), key=lambda at: columns[at].drop_order):
        if columns[at].drop_order == 0 or _total(least[other] for other in [*kept, at]) <= width:
            kept.append(at)
    return sorted(kept)


def _fitted_widths(
    columns: Sequence[Column[ItemT]], widths: Sequence[int], kept: Sequence[int], width: int
) -> list[int]:
    """Cut free text, from the left to the right, until the kept columns fit."""
    fitted = list(widths)
    for at in kept:
        excess = max(_total(fitted[other] for other in kept) - width, 0)
        fitted[at] -= min(excess, max(fitted[at] - (columns[at].min_width or fitted[at]), 0))
    return fitted


def _line(style: Style, cells: Sequence[tuple[Text, int]]) -> Text:
    line = Text()
    for cell, width in cells:
        shown = cell.copy()
        if shown.cell_len > width:
            shown.truncate(max(width - len(style.glyphs.ellipsis), 0))
            shown.append(style.glyphs.ellipsis)
        line.append(shown)
        line.append(" " * (width - shown.cell_len + _GAP))
    line.rstrip()
    return line

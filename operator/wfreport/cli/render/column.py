"""The columns of a table, declared without rich."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

ItemT = TypeVar("ItemT")


@dataclass(frozen=True, slots=True)
class Column(Generic[ItemT]):
    """A column of a table.

    Attributes:
        title: heading, in capitals as kubectl prints it.
        text: returns the cell of an item; None is an empty cell.
        style: rich style of the cells, or a function of the item that returns it.
        shown: whether the table has this column.
        min_width: width that a narrow terminal may cut the column down to; None: the column is never cut.
        optional: whether the column is dropped if the terminal is too narrow even for the minimum widths.
        share: space that the column keeps relative to others when columns are cut.
        is_phase: whether the cells are phases, shown with a glyph and a color on a terminal.
    """

    title: str
    text: Callable[[ItemT], str | None]
    style: str | Callable[[ItemT], str] = ""
    shown: bool = True
    min_width: int | None = None
    optional: bool = False
    share: int = 1
    is_phase: bool = False

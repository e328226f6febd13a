"""The columns of a table, declared without rich."""

from collections.abc import Callable
from typing import Generic, TypeVar

from msgspec import Struct

ItemT = TypeVar("ItemT")


class Column(Struct, Generic[ItemT], frozen=True):
    """A column of a table.

    Attributes:
        title: heading, in capitals as kubectl prints it.
        text: returns the cell of an item; None is an empty cell.
        style: rich style of the cells, or a function of the item that returns it.
        shown: whether the table has this column.
        min_width: width that a narrow terminal may cut free text down to; None: the column is never cut. Names, which
            people copy and type, are never cut.
        drop_order: order in which a narrow terminal drops columns, the highest first; 0: the column is never dropped.
        is_phase: whether the cells are phases, shown with a glyph and a color on a terminal.
    """

    title: str
    text: Callable[[ItemT], str | None]
    style: str | Callable[[ItemT], str] = ""
    shown: bool = True
    min_width: int | None = None
    drop_order: int = 0
    is_phase: bool = False

"""Finds secrets in tables with a header: CSV, the output of database clients and of ``kubectl``, data frames."""

import re
from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from wfreport.core.redact.detectors import Detector, Span
from wfreport.core.redact.words import is_random
from wfreport.imports import lazy_pattern

_COLUMN: Final = lazy_pattern(
    r"(?:[\w.-]{0,40}[_ .-])?(?:password|passwd|passwort|pwd|pass|passphrase|secret|token|credentials?"
    r"|(?:api|access|secret|private|auth)[_ -]?(?:key|token)|secretaccesskey)(?:[_ -]?value)?",
    re.IGNORECASE,
)
_NAME: Final = lazy_pattern(r"[A-Za-z_#][\w ./()#-]{0,40}")
_CELLS: Final = {
    separator: lazy_pattern(rf"[^{re.escape(separator)}\n]+") for separator in ("|", "│", "\t", ",", ";")
} | {"": lazy_pattern(r"[^\s]+(?:[ ][^\s]+)*")}
_RULE: Final = lazy_pattern(r"[\s|+:=─┼│-]+")
_LONGEST_LINE: Final = 1_000
_SHORTEST_VALUE: Final = 5
_QUOTES: Final = " \t\r\"'"


class _Table(Struct, frozen=True):
    """A header: the separator of its cells, their number, and the index of the cell that names a secret."""

    separator: str
    columns: int
    index: int


def _cells(line: str, separator: str) -> list[tuple[str, int]]:
    """Return each cell without quotes, and where it starts."""
    cells = []
    for match in _CELLS[separator].finditer(line):
        value = match[0].strip(_QUOTES)
        if value:
            cells.append((value, match.start() + match[0].index(value)))
    return cells


def _header_of(line: str) -> _Table | None:
    for separator in _CELLS:
        if separator in line:
            cells = _cells(line, separator)
            if len(cells) > 1 and all(_NAME.fullmatch(name) for name, _ in cells):
                index = next((index for index, (name, _) in enumerate(cells) if _COLUMN.fullmatch(name)), None)
                return None if index is None else _Table(separator, len(cells), index)
    return None


def _column_secrets(text: str) -> Iterator[Span]:
    table: _Table | None = None
    start = 0
    for line in text.replace("┃", "│").split("\n"):
        header = _header_of(line) if len(line) <= _LONGEST_LINE else None
        if header is not None:
            table = header
        elif table is not None and not _RULE.fullmatch(line):
            cells = _cells(line[:_LONGEST_LINE], table.separator)
            surplus = len(cells) - table.columns  # a data frame has the number of the row
            if surplus not in {0, 1 if not table.separator else 0}:
                table = None
            else:
                value, column = cells[table.index + surplus]
                is_text = " " in value or "](" in value or value.startswith("**")  # a link, an argument
                if is_random(value, _SHORTEST_VALUE) and not is_text:
                    yield start + column, start + column + len(value)
        start += len(line) + 1


_INSERT: Final = lazy_pattern(
    r"insert[ \t]{1,4}into[ \t]{1,4}[^\s(]{1,128}[ \t]{0,4}\((?P<columns>[^"
    r"()\n]{1,1000})\)[ \t\n]{0,8}values[ \t\n]{0,8}"
    r"\((?P<values>(?:'[^'\n]{0,1000}'|\"[^\"\n]{0,1000}\"|[^()'\"\n]|\([^()\n]{0,100}\)){1,1000})\)",
    re.IGNORECASE,
)
_VALUE: Final = lazy_pattern(
    r"'(?P<single>[^'\n]{0,1000})'|\"(?P<double>[^\"\n]{0,1000})\"|(?P<other>(?:[^,'\"()]|\([^()]{0,100}\))+)"
)


def _inserted_secrets(text: str) -> Iterator[Span]:
    for match in _INSERT.finditer(text):
        columns = [column.strip(_QUOTES + "`[]") for column in match["columns"].split(",")]
        values = [value for value in _VALUE.finditer(text, *match.span("values")) if value[0].strip()]
        for column, value in zip(columns, values, strict=False):
            group = value.lastgroup or "other"
            if group != "other" and _COLUMN.fullmatch(column) and is_random(value[group], _SHORTEST_VALUE):
                yield value.span(group)


DETECTORS: Final[tuple[Detector, ...]] = (
    Detector(
        (
            r"(?i)(?:passw|pwd|token|secret|key|credential|pass)\w*[\"']?(?:[,;|\t]|[ \t]+[|?]|[ \t]*\r?\n)",
            r"(?i)(?:passw|pwd|token|secret|key|credential|pass)\w*[ \t]{2}",
        ),
        _column_secrets,
    ),
    Detector((r"(?i)insert[ \t]+into[ \t]",), _inserted_secrets),
)

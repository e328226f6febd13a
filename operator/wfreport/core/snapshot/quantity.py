"""Quantities: parsed exactly, as in apimachinery's quantity.go, and formatted in binary units."""

import functools
from typing import TYPE_CHECKING, Final

from wfreport.imports import lazy_pattern

if TYPE_CHECKING:
    from decimal import Decimal

MEBIBYTE: Final = 1 << 20
_GIBIBYTE: Final = 1 << 30
_MAX_LENGTH: Final = 32
_MAX_DIGITS: Final = 253
"""Longest quantity that is parsed: a million digits are more than a Decimal holds."""

_QUANTITY: Final = lazy_pattern(
    r"(?P<number>[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+))(?:(?P<unit>[KMGTPE]i|[numkMGTPE])|[eE](?P<exp>[+-]?[0-9]{1,2}))?"
)


@functools.cache
def _units() -> "dict[str, Decimal]":
    from decimal import Decimal  # noqa: PLC0415  (few runs have quantities that are compared)

    return {
        "": Decimal(1),
        "n": Decimal("1e-9"),
        "u": Decimal("1e-6"),
        "m": Decimal("1e-3"),
        **{unit: Decimal(1000) ** (power + 1) for power, unit in enumerate("kMGTPE")},
        **{f"{unit}i": Decimal(1024) ** (power + 1) for power, unit in enumerate("KMGTPE")},
    }


def parse_quantity(quantity: object) -> "Decimal | None":
    """Return the amount that a quantity stands for; None for anything else, such as an expression."""
    if isinstance(quantity, bool) or not isinstance(quantity, str | int | float):
        return None
    text = str(quantity).strip()
    match = _QUANTITY.fullmatch(text) if len(text) <= _MAX_DIGITS else None
    if match is None:
        return None
    unit = _units()[match["unit"] or ""]
    number = type(unit)(match["number"])
    return number.scaleb(int(match["exp"] or 0)) * unit


def parse_bytes(quantity: object) -> int | None:
    """Return the bytes of a quantity, rounded up as in Kubernetes; None for anything else, such as an expression."""
    value = parse_quantity(quantity)
    return None if value is None else int(value.to_integral_value(rounding="ROUND_CEILING"))


def plain_quantity(quantity: object) -> str:
    """Return a quantity without a unit, so that equal amounts are equal texts. Other values are returned as text."""
    text = str(quantity)
    return text if len(text) > _MAX_LENGTH else _plain(text)


@functools.lru_cache(maxsize=1024)
def _plain(text: str) -> str:
    """Do the same for a short text, once: most containers have one of few amounts."""
    value = parse_quantity(text)
    return text if value is None else f"{value.normalize():f}"


def format_bytes(amount: int) -> str:
    """Format bytes as a quantity, in the largest of Gi, Mi and bytes that needs no fraction."""
    for size, unit in ((_GIBIBYTE, "Gi"), (MEBIBYTE, "Mi")):
        if amount and amount % size == 0:
            return f"{amount // size}{unit}"
    return str(amount)

"""Quantities of memory (apimachinery, pkg/api/resource/quantity.go): read exactly, written in binary units."""

import re
from decimal import Decimal
from typing import Final

MEBIBYTE: Final = 1 << 20
_GIBIBYTE: Final = 1 << 30
_UNITS: Final = {
    "": Decimal(1),
    "n": Decimal("1e-9"),
    "u": Decimal("1e-6"),
    "m": Decimal("1e-3"),
    **{unit: Decimal(1000) ** (power + 1) for power, unit in enumerate("kMGTPE")},
    **{f"{unit}i": Decimal(1024) ** (power + 1) for power, unit in enumerate("KMGTPE")},
}
_QUANTITY: Final = re.compile(
    r"(?P<number>[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+))(?:(?P<unit>[KMGTPE]i|[numkMGTPE])|[eE](?P<exp>[+-]?[0-9]{1,2}))?"
)


def parse_bytes(quantity: object) -> int | None:
    """The bytes of a quantity, rounded up as Kubernetes does; None where it is none (a template's expression)."""
    if isinstance(quantity, bool) or not isinstance(quantity, str | int | float):
        return None
    found = _QUANTITY.fullmatch(str(quantity).strip())
    if found is None:
        return None
    exponent = Decimal(10) ** int(found["exp"] or 0)
    value = Decimal(found["number"]) * _UNITS[found["unit"] or ""] * exponent
    return int(value.to_integral_value(rounding="ROUND_CEILING"))


def format_bytes(amount: int) -> str:
    """Bytes as a quantity: the largest of Gi, Mi and bytes that says it without a fraction."""
    for size, unit in ((_GIBIBYTE, "Gi"), (MEBIBYTE, "Mi")):
        if amount and amount % size == 0:
            return f"{amount // size}{unit}"
    return str(amount)

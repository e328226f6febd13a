"""Quantities of memory as people write them."""

from typing import Final

from wfreport.core.snapshot.quantity import parse_bytes

_GIBIBYTE: Final = 1 << 30
_EXACT_PARTS: Final = 100


def human_memory(quantity: str) -> str:
    """Return a quantity in Gi if that takes at most two decimals, such as 13.5Gi for 13824Mi; otherwise as it is."""
    amount = parse_bytes(quantity)
    if amount is None or amount < _GIBIBYTE or amount * _EXACT_PARTS % _GIBIBYTE:
        return quantity
    return f"{amount / _GIBIBYTE:.2f}".rstrip("0").rstrip(".") + "Gi"

"""Quantities of memory as people write them."""

import re
from typing import Final

from wfreport.core.snapshot.quantity import parse_bytes
from wfreport.imports import lazy_pattern

_GIBIBYTE: Final = 1 << 30
_EXACT_PARTS: Final = 100
_OF_KUBELET: Final = lazy_pattern(r"\b(?:quantity|available): (\d{7,20}(?:[KM]i)?)(?!\w|\.\d)")
"""Amounts in the kubelet's message about an eviction, in units of its own."""


def human_memory(quantity: str) -> str:
    """Return a quantity in Gi if that takes at most two decimals, such as 13.5Gi for 13824Mi; otherwise as it is."""
    amount = parse_bytes(quantity)
    if amount is None or amount < _GIBIBYTE or amount * _EXACT_PARTS % _GIBIBYTE:
        return quantity
    return f"{amount / _GIBIBYTE:.2f}".rstrip("0").rstrip(".") + "Gi"


def with_sizes(text: str) -> str:
    """Add to each amount of the kubelet's message about an eviction how much that is in Gi."""
    return _OF_KUBELET.sub(_with_size, text)


def _with_size(match: re.Match[str]) -> str:
    gibibytes = (parse_bytes(match[1]) or 0) / _GIBIBYTE
    return f"{match[0]} ({gibibytes:.1f}Gi)" if gibibytes >= 1 else match[0]

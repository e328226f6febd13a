"""Compares parameters whose values differ in every run: times, ids, and the run's own name."""

from collections.abc import Sequence
from typing import Final

from wfreport.imports import lazy_pattern

_UUID: Final = lazy_pattern(r"\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b")
_TIME: Final = lazy_pattern(
    r"\b\d{4}-?[01]\d-?[0-3]\d(?:[T_ -]?[0-2]\d(?::?[0-5]\d){1,2}(?:[.,]\d{1,9})?)?(?:Z|[+-]\d\d:?\d\d)?(?![\w])"
)
_EPOCH: Final = lazy_pattern(r"\b1\d{9}(?:\d{3}(?:\d{3}(?:\d{3})?)?)?\b")


def stable_value(value: str, own_names: Sequence[str]) -> str:
    """Return a value without what differs in every run. Equal results mean that two values differ in nothing else.

    Args:
        value: the value of a parameter.
        own_names: name and uid of the run's Workflow.
    """
    value = without_names(value, own_names)
    for pattern, mark in ((_UUID, "{uuid}"), (_TIME, "{time}"), (_EPOCH, "{time}")):
        value = pattern.sub(mark, value)
    return value


def without_names(value: str, own_names: Sequence[str]) -> str:
    """Return a value without the name and the uid of its own run."""
    for name in own_names:
        value = value.replace(name, "{workflow}") if name else value
    return value

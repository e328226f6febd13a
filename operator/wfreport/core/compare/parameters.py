"""Compares parameters whose values differ in every run: times, ids, and the run's own name."""

from collections.abc import Sequence

from wfreport.core.snapshot.digests import stable_text


def stable_value(value: str, own_names: Sequence[str]) -> str:
    """Return a value without what differs in every run. Equal results mean that two values differ in nothing else.

    Args:
        value: the value of a parameter.
        own_names: name and uid of the run's Workflow.
    """
    return stable_text(without_names(value, own_names))


def without_names(value: str, own_names: Sequence[str]) -> str:
    """Return a value without the name and the uid of its own run."""
    for name in own_names:
        value = value.replace(name, "{workflow}") if name else value
    return value

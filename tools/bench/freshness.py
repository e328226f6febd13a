"""Measures how old reports of running Workflows are: from a change of the Workflow to the report that shows it."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Key = tuple[str, str]
_ENDED = frozenset({"Succeeded", "Failed", "Error", "Skipped", "Omitted"})


@dataclass(frozen=True, slots=True)
class State:
    """How far a Workflow is, as its controller wrote it or as a report shows it. Both numbers only grow.

    Attributes:
        at_seconds: time of the write, or of the report (``time.monotonic``).
        failed: number of failed nodes.
        steps: number of nodes, and again of those that have ended.
    """

    at_seconds: float
    failed: int
    steps: int


def state_of(workflow: Mapping[str, Any], at_seconds: float) -> State:
    """Return the state of a Workflow."""
    phases = [node["phase"] for node in (workflow.get("status") or {}).get("nodes", {}).values()]
    failed = sum(phase in {"Failed", "Error"} for phase in phases)
    return State(at_seconds, failed, len(phases) + sum(phase in _ENDED for phase in phases))


def failure_ages_seconds(written: Mapping[Key, Sequence[State]], shown: Mapping[Key, Sequence[State]]) -> list[float]:
    """Return the times from each new failed node to the report that shows it, sorted."""
    return _ages(written, shown, "failed")


def progress_ages_seconds(written: Mapping[Key, Sequence[State]], shown: Mapping[Key, Sequence[State]]) -> list[float]:
    """Return the times from each new or ended node to the report that shows it, sorted."""
    return _ages(written, shown, "steps")


def _ages(written: Mapping[Key, Sequence[State]], shown: Mapping[Key, Sequence[State]], attribute: str) -> list[float]:
    return sorted(age for key, states in written.items() for age in _of_one(states, shown.get(key, ()), attribute))


def _of_one(written: Sequence[State], shown: Sequence[State], attribute: str) -> Iterable[float]:
    numbers = [int(getattr(state, attribute)) for state in shown]
    highest = [max(numbers[: index + 1]) for index in range(len(numbers))]
    before = 0
    for state in written:
        number = int(getattr(state, attribute))
        index = bisect_left(highest, number)
        if number > before and index < len(shown):
            yield max(0.0, shown[index].at_seconds - state.at_seconds)
        before = max(before, number)

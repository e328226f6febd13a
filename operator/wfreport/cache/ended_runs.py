"""Index of the reports of ended runs by what the runs have in common, so that a run can be compared with earlier ones.

It holds names only. Everything else about a run is in its entry of the ``ReportCache``.
"""

from bisect import bisect_left, insort
from datetime import datetime
from typing import Final

from wfreport.core.compare.origin import RunOutcome
from wfreport.kube.objects import NamespacedName

MAX_RUNS: Final = 50
"""Runs of an origin that are remembered: the newest."""


class EndedRuns:
    """The reports of ended runs, by namespace and origin, in the order in which the runs ended."""

    def __init__(self) -> None:
        self._by_origin: dict[tuple[str, str], list[tuple[datetime, str]]] = {}
        self._places: dict[NamespacedName, RunOutcome] = {}

    def put(self, report: NamespacedName, outcome: RunOutcome | None) -> None:
        """Add a report, or replace what is known of it; None if its run has not ended."""
        known = self._places.get(report)
        if known == outcome:
            return
        if known:
            self.remove(report)
        if outcome is None:
            return
        runs = self._by_origin.setdefault((report[0], outcome.origin), [])
        insort(runs, (outcome.finished_at, report[1]))
        self._places[report] = outcome
        if len(runs) > MAX_RUNS:
            _, oldest = runs.pop(0)
            del self._places[report[0], oldest]

    def remove(self, report: NamespacedName) -> None:
        """Forget a report."""
        outcome = self._places.pop(report, None)
        if outcome is None:
            return
        runs = self._by_origin[report[0], outcome.origin]
        runs.remove((outcome.finished_at, report[1]))
        if not runs:
            del self._by_origin[report[0], outcome.origin]

    def before(self, namespace: str, origin: str, ended_before: datetime) -> list[tuple[str, RunOutcome]]:
        """Return the names of the reports of earlier runs, with how the runs ended, oldest first."""
        runs = self._by_origin.get((namespace, origin), [])
        names = [name for _, name in runs[: bisect_left(runs, (ended_before, ""))]]
        return [(name, self._places[namespace, name]) for name in names]

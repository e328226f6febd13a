"""Remembers runs with which something is to be done once, e.g. to count them."""

from collections import OrderedDict
from datetime import datetime
from typing import Final

from wfreport.api.report import ReportStatus

MAX_HANDLED_RUNS: Final = 10_000
"""Runs that are remembered. Several reports of a run are final within seconds of each other."""

_RunKey = tuple[str, datetime | None]


class HandledRuns:
    """The runs that were handled last, by the Workflow's uid and the start: users may have reports of a run, too."""

    def __init__(self) -> None:
        self._runs: OrderedDict[_RunKey, None] = OrderedDict()

    def __contains__(self, status: ReportStatus) -> bool:
        """Return whether the run of a report was handled."""
        return _key(status) in self._runs

    def add(self, status: ReportStatus) -> None:
        """Remember the run of a report."""
        self._runs[_key(status)] = None
        if len(self._runs) > MAX_HANDLED_RUNS:
            self._runs.popitem(last=False)


def _key(status: ReportStatus) -> _RunKey:
    run = status.observed_workflow
    return (run.uid or "", run.started_at) if run else ("", None)

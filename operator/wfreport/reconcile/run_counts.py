"""Counts runs for the metrics: how they ended, and what the running ones wait for."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Final

from wfreport.api.argo import COMPLETED_PHASES, Phase
from wfreport.api.report import ReportStatus
from wfreport.api.wait_reasons import KUBERNETES_WAITS, WAIT_MEANINGS
from wfreport.cache.handled_runs import HandledRuns
from wfreport.cache.reports import ReportEntry
from wfreport.core.classify.pending import STARTUP_FAILURE_EVENTS
from wfreport.core.record.completeness import is_complete
from wfreport.kube.objects import NamespacedName
from wfreport.metrics import Metrics

RUN_PHASES: Final = (Phase.PENDING, Phase.RUNNING, *sorted(COMPLETED_PHASES))

OTHER: Final = "other"
"""Label of every phase and reason that is not known. Anybody who may write a Workflow's status can invent more."""

_WAITS: Final = frozenset(WAIT_MEANINGS) | KUBERNETES_WAITS | STARTUP_FAILURE_EVENTS

_Labels = tuple[str, ...]


class RunCounts:
    """Counts each run that ends while this process lives, once: by its Workflow's uid and its start.

    A restart counts nothing again: a stored final report is never counted, nor a run that ended before the start.

    Args:
        metrics: the metrics.
        started_at: the start of this process.
    """

    def __init__(self, metrics: Metrics, started_at: datetime) -> None:
        self._metrics = metrics
        self._started_at = started_at
        self._counted = HandledRuns()
        self._waits: dict[NamespacedName, Counter[_Labels]] = {}

    def observe(
        self, report: NamespacedName, before: ReportStatus | None, status: ReportStatus, *, is_final: bool
    ) -> None:
        """Count what a written status has beyond the stored one.

        Args:
            report: namespace and name of the report.
            before: its stored status.
            status: its new status.
            is_final: whether the run has ended.
        """
        labels = self._metrics.run_labels.of(report[0], _template(status))
        self._set_waits(report, () if is_final else _reasons(status), labels)
        if is_final and is_complete(status) and not is_complete(before):
            self._count_end(status, labels)

    def forget(self, report: NamespacedName) -> None:
        """Count no waits for a report that was deleted."""
        self._set_waits(report, (), ())

    def _count_end(self, status: ReportStatus, labels: _Labels) -> None:
        run = status.observed_workflow
        if run is None or run.finished_at is None or run.finished_at < self._started_at or status in self._counted:
            return
        self._counted.add(status)
        phase = run.phase if run.phase in COMPLETED_PHASES else OTHER
        self._metrics.runs_ended.labels(phase, *labels).inc()
        if run.started_at:
            seconds = (run.finished_at - run.started_at).total_seconds()
            self._metrics.run_seconds.labels(phase, *labels).observe(max(0.0, seconds))
        if phase in (Phase.FAILED, Phase.ERROR):
            leading = status.failures[0] if status.failure_class and status.failures else None
            owner = leading.owner if leading else ""
            self._metrics.run_failures.labels(status.failure_class or "", owner, *labels).inc()

    def _set_waits(self, report: NamespacedName, reasons: Iterable[str], labels: _Labels) -> None:
        now = Counter((reason, *labels) for reason in reasons)
        before = self._waits.pop(report, Counter())
        if now:
            self._waits[report] = now
        for key in before.keys() | now.keys():
            if change := now[key] - before[key]:
                self._metrics.run_waits.labels(*key).inc(change)


def _reasons(status: ReportStatus) -> list[str]:
    return [wait.reason if wait.reason in _WAITS else OTHER for wait in status.waiting or ()]


def _template(status: ReportStatus) -> str:
    return status.workflow_source.template if status.workflow_source else ""


def runs_by_phase(entries: Iterable[ReportEntry]) -> Counter[str]:
    """Count the runs of these reports by phase; several reports of a run count once."""
    phases = {entry.bound_uid: entry.phase for entry in entries if entry.bound_uid and not entry.deleted}
    return Counter(phases.values())

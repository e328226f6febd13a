"""Adds the comparison with earlier runs to a status, and a clause of it to the summary."""

from datetime import datetime
from typing import Final

from wfreport.api.comparison import Comparison
from wfreport.api.report import ReportStatus, StepWarning
from wfreport.api.wire import TEXT
from wfreport.core.compare.changes import ComparedRun
from wfreport.core.compare.comparison import KnownRuns, clause_of, compare
from wfreport.core.compare.late import SLOW, late_run, late_steps
from wfreport.core.redact.bounds import cut

_MAX_WARNINGS: Final = 100


def with_comparison(
    status: ReportStatus, workflow_name: str, known: KnownRuns, stored_run: ReportStatus | None
) -> ReportStatus:
    """Return the status with the comparison.

    It is computed once. Later, earlier runs may be forgotten, and the report would change without a reason. Only late
    evidence that gives the run another failure computes it again.

    Args:
        status: the rendered status.
        workflow_name: name of the Workflow.
        known: what is known of earlier runs.
        stored_run: the stored status of the same run.
    """
    comparison = _stored(stored_run, status) or compare(ComparedRun(workflow_name, status), known)
    if comparison is None:
        return status
    clause = clause_of(comparison)
    summary = cut(f"{status.summary}; {clause}", TEXT) if clause else status.summary
    return status.changed(comparison=comparison, summary=summary)


def with_lateness(
    status: ReportStatus, workflow_name: str, known: KnownRuns, stored_run: ReportStatus | None, now: datetime
) -> ReportStatus:
    """Return the status of a running run with warnings that it and its steps are slow.

    They are found once. Later, the usual durations may be others, and the report would change without a reason.
    """
    observed = status.observed_workflow
    if observed is None or observed.started_at is None or observed.finished_at is not None:
        return status
    late = slow_warnings(stored_run) if stored_run else []
    run = None if late else late_run(observed.started_at, known.durations, now)
    if run:
        late = [run, *late_steps(status.steps or (), known.steps, now, workflow_name)]
    if not late:
        return status
    summary = cut(f"{status.summary}; {late[0].message}", TEXT)
    return status.changed(warnings=[*(status.warnings or ()), *late][:_MAX_WARNINGS], summary=summary)


def slow_warnings(status: ReportStatus) -> list[StepWarning]:
    """Return the warnings that a run or its steps are slow."""
    return [warning for warning in status.warnings or () if warning.reason == SLOW]


def _stored(stored_run: ReportStatus | None, status: ReportStatus) -> Comparison | None:
    if stored_run is None or _fingerprint(stored_run) != _fingerprint(status):
        return None
    return stored_run.comparison


def _fingerprint(status: ReportStatus) -> str | None:
    return status.failures[0].fingerprint if status.failures else None

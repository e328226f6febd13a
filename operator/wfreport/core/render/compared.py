"""Adds the comparison with earlier runs to a status, and a clause of it to the summary."""

from wfreport.api.comparison import Comparison
from wfreport.api.report import ReportStatus
from wfreport.api.wire import TEXT
from wfreport.core.compare.changes import ComparedRun
from wfreport.core.compare.comparison import KnownRuns, clause_of, compare
from wfreport.core.redact.bounds import cut


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


def _stored(stored_run: ReportStatus | None, status: ReportStatus) -> Comparison | None:
    if stored_run is None or _fingerprint(stored_run) != _fingerprint(status):
        return None
    return stored_run.comparison


def _fingerprint(status: ReportStatus) -> str | None:
    return status.failures[0].fingerprint if status.failures else None

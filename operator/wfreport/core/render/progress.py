"""Distinguishes bare progress of a running Workflow from what a person would act on."""

from typing import Final

from wfreport.api.report import ReportStatus

_PROGRESS: Final = ("summary", "counts", "step_counts", "timing", "critical_path", "steps", "resources", "outputs")
"""Fields that change as a run goes on. What else a summary and the counts say is compared in the other fields."""


def is_bare_progress(stored: ReportStatus, rendered: ReportStatus) -> bool:
    """Return whether two statuses of a run differ only in how far it is.

    The phase, a failure, a failed attempt, a wait, a warning and a condition are more than progress.
    """
    return (
        _failed_nodes(stored) == _failed_nodes(rendered)
        and _conditions(stored) == _conditions(rendered)
        and _without_progress(stored) == _without_progress(rendered)
    )


def _failed_nodes(status: ReportStatus) -> tuple[int, int, int] | None:
    counts = status.counts
    return (counts.failed, counts.errored, counts.retried_attempts) if counts else None


def _conditions(status: ReportStatus) -> set[tuple[str, str, str]]:
    return {(one.type, one.status, one.reason) for one in status.conditions or ()}


def _without_progress(status: ReportStatus) -> ReportStatus:
    observed = status.observed_workflow
    return status.changed(
        **dict.fromkeys(_PROGRESS),
        conditions=None,
        observed_workflow=observed.model_copy(update={"progress": None}) if observed else None,
    )

"""Decides whether a report is complete: nothing about the run can be added later."""

from wfreport.api.reasons import ConditionType, Reason
from wfreport.api.report import ReportStatus


def is_final(status: ReportStatus | None) -> bool:
    """Return whether a report is about a run that has ended."""
    return bool(status and status.observed_workflow and status.observed_workflow.resource_version)


def is_complete(status: ReportStatus | None) -> bool:
    """Return whether the run has ended and no pod of it is being captured, which may still change the class."""
    if status is None or not is_final(status):
        return False
    return not any(
        condition.type == ConditionType.EVIDENCE_COMPLETE and condition.reason == Reason.CAPTURE_PENDING
        for condition in status.conditions or ()
    )

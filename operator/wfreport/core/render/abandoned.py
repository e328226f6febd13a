"""Renders the status of a report whose Workflow is not reconciled any more, because that killed the operator twice.

It reads only the Workflow's metadata: the rest killed the operator.
"""

from collections.abc import Mapping
from typing import Final

from wfreport.api.argo import LABEL_PHASE, Phase, Workflow
from wfreport.api.condition import Condition
from wfreport.api.reasons import ConditionType, Reason
from wfreport.api.report import ObservedWorkflow, ReportStatus
from wfreport.api.wire import TEXT
from wfreport.core.redact.bounds import cut
from wfreport.core.render.conditions import Status, condition
from wfreport.core.snapshot.identity import is_labelled_completed

_BY_PHASE: Final[Mapping[str, tuple[Status, Reason]]] = {
    Phase.SUCCEEDED: ("True", Reason.WORKFLOW_SUCCEEDED),
    Phase.FAILED: ("False", Reason.WORKFLOW_FAILED),
    Phase.ERROR: ("False", Reason.WORKFLOW_ERRORED),
}


def is_abandoned(status: ReportStatus | None) -> bool:
    """Return whether a status reports that its Workflow is not reconciled any more."""
    return any(
        c.type == ConditionType.READY and c.reason == Reason.RECONCILE_ABANDONED
        for c in (status and status.conditions) or ()
    )


def render_abandoned(
    stored: ReportStatus | None, workflow: Workflow, *, cause: str, generation: int | None
) -> ReportStatus:
    """Render the status: what was reported before remains, and the conditions show that it is not up to date.

    The phase is left out, so that no policy acts on a run that was not classified. ``Succeeded`` follows Argo's labels.

    Args:
        stored: the status before, if there is one.
        workflow: the Workflow, of which only the metadata was read.
        cause: what is known about the deaths, as the end of a sentence.
        generation: generation of the report's spec.
    """
    meta = workflow.metadata
    last = stored.summary if stored and not is_abandoned(stored) else None
    observed = ObservedWorkflow(
        uid=meta.uid, resource_version=meta.resource_version if is_labelled_completed(workflow) else None
    )
    summary = "Not reported: the operator died twice while it reconciled this Workflow"
    return (stored or ReportStatus()).changed(
        observed_generation=generation,
        observed_workflow=observed,
        conditions=_conditions(workflow, cause, generation),
        summary=cut(f"{summary}; last known: {last}" if last else summary, TEXT),
        reason=Reason.RECONCILE_ABANDONED.value,
        waiting=None,
    )


def _conditions(workflow: Workflow, cause: str, generation: int | None) -> list[Condition]:
    at = workflow.metadata.creation_timestamp
    message = (
        f"the operator died twice while it reconciled this Workflow: {cause}. Its log may name the line of code "
        "(event loop blocked, reconcile abandoned). It tries again when the completed Workflow changes, when the spec "
        "of this report changes, or when this report is deleted"
    )
    phase = workflow.metadata.labels.get(LABEL_PHASE, "")
    completed = _BY_PHASE.get(phase) if is_labelled_completed(workflow) else None
    status, reason = completed or ("Unknown", Reason.WORKFLOW_ACTIVE)
    by_label = f"by its labels, the Workflow is {phase or 'not started'}"
    outdated = "the Workflow is not reconciled any more (see Ready)"
    return [
        condition(ConditionType.READY, "False", Reason.RECONCILE_ABANDONED, message, at, generation),
        condition(ConditionType.SUCCEEDED, status, reason, by_label, at, generation),
        condition(ConditionType.NODES_AVAILABLE, "False", Reason.RECONCILE_ABANDONED, outdated, at, generation),
        condition(ConditionType.EVIDENCE_COMPLETE, "False", Reason.RECONCILE_ABANDONED, outdated, at, generation),
    ]

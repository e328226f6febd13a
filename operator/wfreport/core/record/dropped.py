"""Explains why an intent is dropped: a decision that was made again has led to a hold."""

from typing import Final

from wfreport.api.reasons import HoldReason, RemediationReason
from wfreport.api.remediation import Remediation
from wfreport.core.decide.model import Decision, Run
from wfreport.core.record.progress import ExecutionResult

_REASONS: Final = {
    HoldReason.BEING_DELETED: RemediationReason.TARGET_GONE,
    HoldReason.RUN_SUCCEEDED: RemediationReason.TARGET_CHANGED,
    HoldReason.RUN_ACTIVE: RemediationReason.TARGET_CHANGED,
    HoldReason.STALL_NOT_DUE: RemediationReason.TARGET_CHANGED,
    HoldReason.STOP_INEFFECTIVE: RemediationReason.STOP_INEFFECTIVE,
}
"""Holds whose intents have a reason of their own."""


def dropped_intent(remediation: Remediation, decision: Decision) -> ExecutionResult:
    """Return the result of an intent that a hold closes.

    Args:
        remediation: the intent.
        decision: the hold.
    """
    reason = _REASONS.get(HoldReason(decision.reason), RemediationReason.SPEC_NOT_REPRODUCED)
    is_gone = reason is RemediationReason.TARGET_GONE
    return ExecutionResult("False", reason, _deleted(remediation, decision.run) if is_gone else decision.message)


def _deleted(remediation: Remediation, run: Run) -> str:
    """Return what deleted the Workflow, as far as is known, how to keep the next one, and how to run it again."""
    waited = " was approved and" if remediation.spec.approval_required else ""
    message = f"Workflow {run.name} was deleted before {remediation.spec.action}{waited} could be performed"
    if run.cron_workflow:
        return (
            f"{message}: CronWorkflow {run.cron_workflow} keeps only failedJobsHistoryLimit failed runs (default 1), "
            "raise it so that they outlast the approval; to run it again: "
            f"argo submit -n {run.namespace} --from cronwf/{run.cron_workflow}"
        )
    return f"{message}: let its ttlStrategy keep failed runs until the approval; to run it again, submit it"

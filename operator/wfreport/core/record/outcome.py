"""Derives the outcome of an action from the end of the run that it created or retried."""

from typing import Final

from msgspec import Struct

from wfreport.api.reasons import RemediationReason
from wfreport.core.decide.model import Run
from wfreport.core.render.conditions import Status

_REFERENCE_MODE: Final = "when the controller is in reference mode"
"""Argo's ``workflowRestrictions.templateReferencing`` (setExecWorkflow, workflow/controller/operator.go)."""


class Outcome(Struct, frozen=True):
    """The condition ``Succeeded`` of a Remediation.

    Attributes:
        status: True if the action helped, Unknown if that cannot be determined.
        reason: stable reason.
        message: reason in words.
    """

    status: Status
    reason: RemediationReason
    message: str


def outcome_of(run: Run, message: str | None) -> Outcome:
    """Return the outcome, from the completed run and the Workflow's ``status.message``."""
    if run.has_succeeded:
        return Outcome("True", RemediationReason.RUN_SUCCEEDED, f"it helped: {run.name} succeeded")
    if run.is_cancelled:
        return Outcome("Unknown", RemediationReason.NO_OUTCOME, f"a person ended {run.name}")
    if _REFERENCE_MODE in (message or ""):
        advice = "set WFREPORT_ARGO_REFERENCES_ONLY=true to create no more such runs"
        message = f"Argo refused {run.name}, because templateReferencing only allows WorkflowTemplates; {advice}"
        return Outcome("False", RemediationReason.RUN_REFUSED, message)
    if run.was_stopped_by_policy:
        message = f"it did not help: {run.name} hung or took too long, and a policy stopped it"
        return Outcome("False", RemediationReason.RUN_FAILED, message)
    failure_class = f": {run.failure_class}" if run.failure_class else ""
    return Outcome("False", RemediationReason.RUN_FAILED, f"it did not help: {run.name} failed too{failure_class}")

"""Finds out who stopped or terminated a Workflow.

A CronWorkflow with ``concurrencyPolicy: Replace`` terminates its previous run (``terminateOutstandingWorkflows`` of
Argo's ``workflow/cron``). Nothing in the Workflow's fields differs from a termination by a person, except for the field
manager of ``spec.shutdown``: that is Argo's controller, and not Argo's command, Argo Server or kubectl. If the API
server records only ``spec`` as a whole, its manager is the one: nobody edits a spec after the end of the run.
"""

from typing import Final

from wfreport.api.argo import LABEL_ACTION, LABEL_CRON_WORKFLOW, LABEL_RESUBMITTED_FROM, Workflow
from wfreport.api.names import ANNOTATION_REMEDIATION_UID, FIELD_MANAGER
from wfreport.core.snapshot.chain import link_of

STOPPED: Final = "WorkflowStopped"
STOPPED_BY_POLICY: Final = "StoppedByPolicy"
REPLACED_BY_CRON: Final = "ReplacedByCron"
STOPPED_OR_REPLACED: Final = "StoppedOrReplaced"

_CONTROLLER: Final = "workflow-controller"


def stop_reason(workflow: Workflow) -> str:
    """Return the reason of a stop: by a person, a policy, or its CronWorkflow; the last two only if that is certain.

    ``kubectl get`` leaves out the field managers. Then the annotation of a Remediation shows a policy, and a run of a
    CronWorkflow that was terminated may have been replaced, unless Argo Server recorded the person.
    """
    managers = _managers(workflow)
    if FIELD_MANAGER in managers or (not managers and _is_signed(workflow)):
        return STOPPED_BY_POLICY
    labels = workflow.metadata.labels
    if LABEL_CRON_WORKFLOW not in labels or workflow.spec.shutdown != "Terminate":
        return STOPPED
    if managers:
        return REPLACED_BY_CRON if _CONTROLLER in managers else STOPPED
    return STOPPED if LABEL_ACTION in labels else STOPPED_OR_REPLACED


def _managers(workflow: Workflow) -> list[str]:
    entries = workflow.metadata.managed_fields
    of_shutdown = [entry.manager for entry in entries if entry.has_shutdown]
    return of_shutdown or [entry.manager for entry in entries if entry.has_spec]


def _is_signed(workflow: Workflow) -> bool:
    """Return whether a Remediation changed this Workflow. ``argo resubmit`` copies annotations to another one."""
    metadata = workflow.metadata
    is_copy = LABEL_RESUBMITTED_FROM in metadata.labels
    is_ours = link_of(name=metadata.name, uid=metadata.uid, labels=metadata.labels).attempt > 0
    return ANNOTATION_REMEDIATION_UID in metadata.annotations and (is_ours or not is_copy)

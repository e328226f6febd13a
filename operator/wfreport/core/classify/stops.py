"""Finds out who stopped or terminated a Workflow.

A CronWorkflow with ``concurrencyPolicy: Replace`` terminates its previous run (``terminateOutstandingWorkflows`` of
Argo's ``workflow/cron``). Nothing in the Workflow's fields differs from a termination by a person, except for the field
manager of ``spec.shutdown``: that is Argo's controller, and not Argo's command, Argo Server or kubectl.
"""

from typing import Final

from wfreport.api.argo import LABEL_ACTION, LABEL_CRON_WORKFLOW, Workflow
from wfreport.api.names import FIELD_MANAGER

STOPPED: Final = "WorkflowStopped"
STOPPED_BY_POLICY: Final = "StoppedByPolicy"
REPLACED_BY_CRON: Final = "ReplacedByCron"
STOPPED_OR_REPLACED: Final = "StoppedOrReplaced"

_CONTROLLER: Final = "workflow-controller"


def stop_reason(workflow: Workflow) -> str:
    """Return the reason of a stop: by a person, a policy, or its CronWorkflow; the last two only if that is certain.

    ``kubectl get`` leaves out the field managers. Then a run of a CronWorkflow that was terminated may have been
    replaced, unless Argo Server recorded the person.
    """
    managers = [entry.manager for entry in workflow.metadata.managed_fields if entry.has_shutdown]
    if FIELD_MANAGER in managers:
        return STOPPED_BY_POLICY
    labels = workflow.metadata.labels
    if LABEL_CRON_WORKFLOW not in labels or workflow.spec.shutdown != "Terminate":
        return STOPPED
    if managers:
        return REPLACED_BY_CRON if _CONTROLLER in managers else STOPPED
    return STOPPED if LABEL_ACTION in labels else STOPPED_OR_REPLACED

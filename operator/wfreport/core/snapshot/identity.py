"""Name and labels of a Workflow's report, and the binding of reports to Workflows and their runs."""

from typing import Any, Final

from wfreport.api import argo, names
from wfreport.api.report import ReportStatus
from wfreport.api.wire import is_same_time
from wfreport.core.redact.bounds import cut_label

_NAME_LENGTH: Final = 52
_UID_DIGITS: Final = 10

_COPIED_LABELS: Final = (
    argo.LABEL_CRON_WORKFLOW,
    argo.LABEL_WORKFLOW_TEMPLATE,
    argo.LABEL_CLUSTER_WORKFLOW_TEMPLATE,
    argo.LABEL_RESUBMITTED_FROM,
    argo.LABEL_CONTROLLER_INSTANCE_ID,
)
"""Labels of a Workflow that its report copies, so that users can select reports by them."""


def report_name(workflow_name: str, uid: str) -> str:
    """Return the name of a Workflow's automatic report. It is deterministic, and unique among Workflows of one name."""
    return f"{workflow_name[:_NAME_LENGTH].rstrip('-.')}-{uid.replace('-', '')[:_UID_DIGITS]}".rstrip("-")


def new_report(workflow: argo.Workflow) -> dict[str, Any]:
    """Return the automatic report of a Workflow as it is created: metadata and spec; the status is written later."""
    metadata = workflow.metadata
    return {
        "apiVersion": names.API_VERSION,
        "kind": names.KIND_REPORT,
        "metadata": {
            "name": report_name(metadata.name, metadata.uid),
            "namespace": metadata.namespace,
            "labels": _labels(metadata),
        },
        "spec": {"workflowRef": {"name": metadata.name, "uid": metadata.uid}, "source": "Auto"},
    }


def _labels(metadata: argo.Metadata) -> dict[str, str]:
    own = {names.LABEL_WORKFLOW: cut_label(metadata.name), names.LABEL_WORKFLOW_UID: cut_label(metadata.uid)}
    return own | {key: metadata.labels[key] for key in _COPIED_LABELS if key in metadata.labels}


def is_skipped(workflow: argo.Workflow) -> bool:
    """Whether the Workflow opts out of an automatic report by its annotation."""
    return workflow.metadata.annotations.get(names.ANNOTATION_SKIP) == "true"


def binds(ref_uid: str | None, bound_uid: str | None, uid: str) -> bool:
    """Whether a report belongs to the Workflow ``uid`` or may be bound to it. A bound report never rebinds.

    Args:
        ref_uid: the uid in the report's spec, if any.
        bound_uid: the uid that the report is bound to, if any.
        uid: the Workflow's uid.
    """
    target_uid = bound_uid or ref_uid
    return target_uid is None or target_uid == uid


def is_labelled_completed(workflow: argo.Workflow) -> bool:
    """Return whether Argo's controller labelled the Workflow as completed, whatever its phase."""
    return workflow.metadata.labels.get(argo.LABEL_COMPLETED) == "true"


def status_of_run(stored: ReportStatus | None, workflow: argo.Workflow) -> ReportStatus | None:
    """Return the stored status if it describes the Workflow's present run; None after a manual retry.

    A manual retry keeps the Workflow's uid and changes its startedAt. A run that had not started when it was reported
    is the same run as the first one that did.
    """
    observed = stored.observed_workflow if stored else None
    reported, started = observed.started_at if observed else None, workflow.status.started_at
    was_retried = reported is not None and started is not None and not is_same_time(reported, started)
    return None if was_retried else stored

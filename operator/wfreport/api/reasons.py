"""Every CamelCase reason of a condition, with its meaning.

They are API: tools match them, messages are for people.
"""

from enum import StrEnum


class ConditionType(StrEnum):
    """The conditions of a WorkflowReport, in the order they are shown."""

    READY = "Ready"
    SUCCEEDED = "Succeeded"
    NODES_AVAILABLE = "NodesAvailable"
    EVIDENCE_COMPLETE = "EvidenceComplete"
    TRUNCATED = "Truncated"


class Reason(StrEnum):
    """Reasons that are not Argo's phases or failure classes."""

    REPORT_CURRENT = "ReportCurrent"
    WORKFLOW_NOT_FOUND = "WorkflowNotFound"
    WORKFLOW_MALFORMED = "WorkflowMalformed"
    WORKFLOW_DELETED = "WorkflowDeleted"
    WORKFLOW_ACTIVE = "WorkflowActive"
    WORKFLOW_SUCCEEDED = "WorkflowSucceeded"
    WORKFLOW_FAILED = "WorkflowFailed"
    WORKFLOW_ERRORED = "WorkflowErrored"
    NODES_READ = "NodesRead"
    NO_NODES_YET = "NoNodesYet"
    NODES_OFFLOADED = "NodesOffloaded"
    NODES_UNREADABLE = "NodesUnreadable"
    EVIDENCE_CAPTURED = "EvidenceCaptured"
    NOTHING_FAILED = "NothingFailed"
    POD_NOT_CAPTURED = "PodNotCaptured"
    SIZE_LIMIT = "SizeLimit"
    WITHIN_LIMITS = "WithinLimits"


REASON_MEANINGS: dict[Reason, str] = {
    Reason.REPORT_CURRENT: "The report says what the Workflow says.",
    Reason.WORKFLOW_NOT_FOUND: (
        "No Workflow of that name (and uid, if one is given) is in the namespace; it is picked up when it appears."
    ),
    Reason.WORKFLOW_MALFORMED: (
        "Parts of the Workflow could not be read; the message names the fields. The rest is reported."
    ),
    Reason.WORKFLOW_DELETED: "The Workflow was deleted before it ended; what was known is kept.",
    Reason.WORKFLOW_ACTIVE: "The Workflow has not ended.",
    Reason.WORKFLOW_SUCCEEDED: "The Workflow ended with phase Succeeded.",
    Reason.WORKFLOW_FAILED: "The Workflow ended with phase Failed, and no root cause could be named.",
    Reason.WORKFLOW_ERRORED: "The Workflow ended with phase Error, and no root cause could be named.",
    Reason.NODES_READ: "All nodes were read.",
    Reason.NO_NODES_YET: "The Workflow has no nodes (yet).",
    Reason.NODES_OFFLOADED: "The nodes are kept in Argo's database; counts and steps are unknown, not zero.",
    Reason.NODES_UNREADABLE: "The compressed nodes could not be decoded; counts and steps are unknown, not zero.",
    Reason.EVIDENCE_CAPTURED: "Every failed pod was seen.",
    Reason.NOTHING_FAILED: "No pod failed, so there is nothing to capture.",
    Reason.POD_NOT_CAPTURED: (
        "Some failed pods were gone before they were seen; their failures rest on Argo's messages."
    ),
    Reason.SIZE_LIMIT: "The report was cut to its size limit; the message says what and how much.",
    Reason.WITHIN_LIMITS: "Nothing was cut.",
}

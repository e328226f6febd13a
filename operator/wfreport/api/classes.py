"""The vocabularies of a failure: class, owner, role and confidence.

They are published API. They may grow, so readers must treat an unknown class as ``Unknown``.
"""

from enum import StrEnum
from typing import Final


class FailureClass(StrEnum):
    """The kind of a failure."""

    OOM_KILLED = "OOMKilled"
    NODE_LOST = "NodeLost"
    EVICTED = "Evicted"
    PREEMPTED = "Preempted"
    POD_DELETED = "PodDeleted"
    IMAGE_PULL = "ImagePull"
    CONFIG_ERROR = "ConfigError"
    UNSCHEDULABLE = "Unschedulable"
    TIMEOUT = "Timeout"
    EXIT_CODE = "ExitCode"
    KILLED = "Killed"
    ARTIFACT_IO = "ArtifactIO"
    LOCK_WAIT = "LockWait"
    TEMPLATE_ERROR = "TemplateError"
    QUOTA_EXCEEDED = "QuotaExceeded"
    CONTROLLER_ERROR = "ControllerError"
    CANCELLED = "Cancelled"
    UNKNOWN = "Unknown"

    @classmethod
    def _missing_(cls, value: object) -> "FailureClass":  # noqa: ARG003 - enum's own signature
        """Return Unknown for a class that a newer operator wrote, so that the report can still be read."""
        return cls.UNKNOWN


class Owner(StrEnum):
    """The party that can fix the failure."""

    USER = "User"
    INFRASTRUCTURE = "Infrastructure"
    PLATFORM = "Platform"


class Role(StrEnum):
    """The part of a failed leaf in the outcome of the run."""

    ROOT_CAUSE = "RootCause"
    EXIT_HANDLER = "ExitHandler"
    VICTIM = "Victim"
    TOLERATED = "Tolerated"


CAUSES: Final = frozenset({Role.ROOT_CAUSE, Role.EXIT_HANDLER})
"""Roles of failures that decide the outcome of a run."""


class Confidence(StrEnum):
    """The confidence in the class.

    High: it rests on the pod itself. Medium: it rests on Argo's message. Low: it rests on an exit code alone, or the
    text is unknown.
    """

    HIGH = "High"
    MEDIUM = "Medium"
    LOW = "Low"


CLASS_MEANINGS: dict[FailureClass, str] = {
    FailureClass.OOM_KILLED: "A container exceeded its memory limit and was killed by the kernel.",
    FailureClass.NODE_LOST: "The machine shut down or stopped responding while the pod ran on it.",
    FailureClass.EVICTED: "The kubelet evicted the pod: the machine ran short, or the pod exceeded its storage limit.",
    FailureClass.PREEMPTED: "The pod was removed to make room for one with a higher priority.",
    FailureClass.POD_DELETED: "The pod was deleted while it ran; it is not known by whom.",
    FailureClass.IMAGE_PULL: "The container's image could not be pulled.",
    FailureClass.CONFIG_ERROR: (
        "An object or command that the pod needs is missing, or access to it was denied: Secret, ConfigMap, "
        "ServiceAccount, command, admission."
    ),
    FailureClass.UNSCHEDULABLE: "No machine could take the pod, or the chosen one rejected it or could not prepare it.",
    FailureClass.TIMEOUT: "A deadline of the pod, the template or the Workflow passed.",
    FailureClass.EXIT_CODE: (
        "The step itself failed: its program ended with an exit code other than 0, its request got an error response, "
        "or its daemon ended."
    ),
    FailureClass.KILLED: "The step was killed by a signal (exit code 137 or 143); it is not known by whom.",
    FailureClass.ARTIFACT_IO: "An input could not be loaded, or an output could not be saved.",
    FailureClass.LOCK_WAIT: "A mutex or semaphore could not be acquired.",
    FailureClass.TEMPLATE_ERROR: "The Workflow, a template, an expression or a parameter is invalid.",
    FailureClass.QUOTA_EXCEEDED: "A ResourceQuota or LimitRange rejected the pod or its volume.",
    FailureClass.CONTROLLER_ERROR: "Argo's controller, or the API server behind it, could not continue the run.",
    FailureClass.CANCELLED: "The Workflow was stopped or terminated: by a person, a policy, or its CronWorkflow.",
    FailureClass.UNKNOWN: "No rule of the classifier matches the failure.",
}

CLASS_ADVICE: dict[FailureClass, str] = {
    FailureClass.OOM_KILLED: (
        "Raise the memory limit of the container named in `container`, or reduce its memory usage. `wait`, `init` and "
        "`supervisor` belong to Argo: the platform sizes them."
    ),
    FailureClass.NODE_LOST: "Run it again. If the same machine recurs in `hostNodeName`, drain it.",
    FailureClass.EVICTED: (
        "Owner Infrastructure: run it again, and set requests close to the actual usage. Owner User: raise the storage "
        "limit of the step."
    ),
    FailureClass.PREEMPTED: "Run it again. If it happens often, raise its priority or add spare capacity.",
    FailureClass.POD_DELETED: "Run it again. Find out who deletes pods: a drain, a clean-up job, a person.",
    FailureClass.IMAGE_PULL: (
        "Check the image name, the tag and the pull secret. Owner Infrastructure: check the registry and run it again."
    ),
    FailureClass.CONFIG_ERROR: "Create the object named in `message`, or correct its name, the command, or the rights.",
    FailureClass.UNSCHEDULABLE: "Compare requests, selectors and tolerations with the machines; add capacity or wait.",
    FailureClass.TIMEOUT: "Check `timing` and the log for the slow part; then speed it up or raise the deadline.",
    FailureClass.EXIT_CODE: "Read the log tail. The cause is in the step's program, or in the service that it called.",
    FailureClass.KILLED: (
        "Check for an out-of-memory kill of a child process, a drain of the machine, or a failed liveness probe."
    ),
    FailureClass.ARTIFACT_IO: (
        "Owner User: the path or key is wrong, or the step did not write the file. Owner Platform: check the store, "
        "its bucket and its credentials."
    ),
    FailureClass.LOCK_WAIT: "Find the holder of the lock named in `message`; raise its limit or wait longer.",
    FailureClass.TEMPLATE_ERROR: "Correct the spec, expression or parameter named in `message`; a retry cannot help.",
    FailureClass.QUOTA_EXCEEDED: (
        "Free or raise the quota. Reason LimitRange: change the requests and limits to fit its range."
    ),
    FailureClass.CONTROLLER_ERROR: (
        "Check the workflow-controller and the API server. Reason WorkflowTooLarge: offload nodes or split the run."
    ),
    FailureClass.CANCELLED: "Nothing: it was stopped on purpose; `reason` tells by whom.",
    FailureClass.UNKNOWN: (
        "Read `message`. Owner Infrastructure: the machine failed, run it again. Please report the text."
    ),
}
"""Advice for the reader of a report, in one or two sentences."""

CLASS_OF_WAIT: dict[str, FailureClass] = {
    **dict.fromkeys(
        (
            "ErrImagePull",
            "ImagePullBackOff",
            "ErrImageNeverPull",
            "InvalidImageName",
            "ImageInspectError",
            "RegistryUnavailable",
            "SignatureValidationFailed",
            "ImageCommandLookupFailed",
        ),
        FailureClass.IMAGE_PULL,
    ),
    **dict.fromkeys(
        (
            "CreateContainerConfigError",
            "CreateContainerError",
            "RunContainerError",
            "FailedMount",
            "FailedMapVolume",
            "FailedMountOnFilesystemMismatch",
            "FailedAttachVolume",
            "FailedPostStartHook",
            "FailedValidation",
            "Forbidden",
        ),
        FailureClass.CONFIG_ERROR,
    ),
    **dict.fromkeys(
        (
            "Unschedulable",
            "SchedulingGated",
            "FailedCreatePodSandBox",
            "FailedCreatePodContainer",
            "FailedPrepareDynamicResources",
            "FailedResourceClaimCreation",
            "NetworkNotReady",
        ),
        FailureClass.UNSCHEDULABLE,
    ),
    "LockWait": FailureClass.LOCK_WAIT,
    "QuotaExceeded": FailureClass.QUOTA_EXCEEDED,
}
"""The class with which a run fails if what it waits for never comes, by the reason of the wait."""

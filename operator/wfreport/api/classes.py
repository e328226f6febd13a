"""The closed vocabularies of a failure.

Class, owner, role, confidence. Published; they may grow, and ``Unknown`` is a value.
"""

from enum import StrEnum


class FailureClass(StrEnum):
    """What kind of failure it is."""

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
        """A class that a newer operator wrote: unknown, and no reason to lose the report's evidence."""
        return cls.UNKNOWN


class Owner(StrEnum):
    """Who can do something about it."""

    USER = "User"
    INFRASTRUCTURE = "Infrastructure"
    PLATFORM = "Platform"


class Role(StrEnum):
    """What part a failed leaf had in the run's end."""

    ROOT_CAUSE = "RootCause"
    EXIT_HANDLER = "ExitHandler"
    VICTIM = "Victim"
    TOLERATED = "Tolerated"


class Confidence(StrEnum):
    """How sure the class is.

    High = the pod itself says so, Medium = Argo's message, Low = an exit code alone or text never seen.
    """

    HIGH = "High"
    MEDIUM = "Medium"
    LOW = "Low"


CLASS_MEANINGS: dict[FailureClass, str] = {
    FailureClass.OOM_KILLED: "A container used more memory than its limit and the kernel killed it.",
    FailureClass.NODE_LOST: "The machine shut down or stopped answering while the pod ran on it.",
    FailureClass.EVICTED: "The kubelet evicted the pod: its machine, or the pod's own storage limit, ran short.",
    FailureClass.PREEMPTED: "The pod was removed to make room for one of a higher priority.",
    FailureClass.POD_DELETED: "The pod was deleted while it ran, by whom is not known.",
    FailureClass.IMAGE_PULL: "The container's image could not be pulled.",
    FailureClass.CONFIG_ERROR: (
        "Something the pod refers to is missing or refused: Secret, ConfigMap, ServiceAccount, command, admission."
    ),
    FailureClass.UNSCHEDULABLE: "No machine could take the pod, or the chosen one refused or could not prepare it.",
    FailureClass.TIMEOUT: "A deadline of the pod, the template or the Workflow passed.",
    FailureClass.EXIT_CODE: (
        "The step's own work failed: its program ended with an exit code other than 0, its request with a bad answer, "
        "or its daemon ended."
    ),
    FailureClass.KILLED: "The step was killed by a signal (exit code 137 or 143), and nothing says by whom.",
    FailureClass.ARTIFACT_IO: "An input could not be loaded or an output could not be saved.",
    FailureClass.LOCK_WAIT: "A mutex or semaphore could not be had.",
    FailureClass.TEMPLATE_ERROR: "The Workflow, a template, an expression or a parameter is invalid.",
    FailureClass.QUOTA_EXCEEDED: "A ResourceQuota or LimitRange refused the pod or its volume.",
    FailureClass.CONTROLLER_ERROR: "Argo's controller, or the API server behind it, could not carry on with the run.",
    FailureClass.CANCELLED: "A person stopped or terminated the Workflow.",
    FailureClass.UNKNOWN: "Nothing that is known fits.",
}

CLASS_ADVICE: dict[FailureClass, str] = {
    FailureClass.OOM_KILLED: (
        "Raise the memory limit of the container that `container` names, or make it need less. `wait`, `init` and "
        "`supervisor` are Argo's: the platform sizes them."
    ),
    FailureClass.NODE_LOST: "Run it again; where one machine returns in `hostNodeName`, drain it.",
    FailureClass.EVICTED: (
        "Owner Infrastructure: run it again, and set requests near what the step uses. Owner User: raise the storage "
        "limit that it set itself."
    ),
    FailureClass.PREEMPTED: "Run it again; if it happens often, give it a higher priority or spare capacity.",
    FailureClass.POD_DELETED: "Run it again; look for who deletes pods: a drain, a clean-up job, a person.",
    FailureClass.IMAGE_PULL: "Check image name, tag and pull secret; owner Infrastructure: the registry, run it again.",
    FailureClass.CONFIG_ERROR: "Create what `message` names, or correct its name, the command, or the rights.",
    FailureClass.UNSCHEDULABLE: "Compare requests, selectors and tolerations with the machines; add capacity or wait.",
    FailureClass.TIMEOUT: "See in `timing` and the log where the time went; then raise the deadline or fix what hangs.",
    FailureClass.EXIT_CODE: "Read the log tail: it is the step's own program, or the service that it asked.",
    FailureClass.KILLED: "Look for memory without a verdict (children of the program), a drain, or a liveness probe.",
    FailureClass.ARTIFACT_IO: (
        "Owner User: the path or key is wrong, or the step did not write it. Owner Platform: the store, its bucket or "
        "its credentials."
    ),
    FailureClass.LOCK_WAIT: "See who holds the lock that `message` names; raise its limit or wait longer.",
    FailureClass.TEMPLATE_ERROR: "Correct the spec, expression or parameter that `message` names; a retry cannot help.",
    FailureClass.QUOTA_EXCEEDED: "Free or raise the quota; reason LimitRange: bring the requests into its range.",
    FailureClass.CONTROLLER_ERROR: (
        "Look at the workflow-controller and the API server; reason WorkflowTooLarge: offload nodes or split the run."
    ),
    FailureClass.CANCELLED: "Nothing: a person wanted it.",
    FailureClass.UNKNOWN: "Read `message`; owner Infrastructure: the machine, run it again. Tell us the text.",
}
"""What a person does about it, in one or two sentences."""

"""The texts by which failures are known: the kubelet's, the API server's, Argo's and argoexec's.

Sources: reference/argo-workflows.md §3 (operator.go, steps.go, dag.go of v4.1.2, older tags where noted), the
kubelet's ``pkg/kubelet/eviction`` and ``pkg/kubelet/kubelet.go``, and the recordings. Texts are no API: a structured
reason, where there is one, is tried first.
"""

import re
from typing import Final

from wfreport.api.classes import FailureClass as Class

POD_REASONS: Final[dict[str, Class]] = {
    "Evicted": Class.EVICTED,
    "Terminated": Class.NODE_LOST,  # graceful node shutdown, kubelet nodeshutdown
    "NodeShutdown": Class.NODE_LOST,
    "Shutdown": Class.NODE_LOST,
    "NodeLost": Class.NODE_LOST,
    "Preempting": Class.PREEMPTED,
    "Preempted": Class.PREEMPTED,
    "UnexpectedAdmissionError": Class.UNSCHEDULABLE,
    "NodeAffinity": Class.UNSCHEDULABLE,
    "OutOfcpu": Class.UNSCHEDULABLE,
    "OutOfmemory": Class.UNSCHEDULABLE,
    "OutOfpods": Class.UNSCHEDULABLE,
}
"""``pod.status.reason``; DeadlineExceeded is not among them: what the pod waited for may stand behind it."""

DISRUPTION_REASONS: Final[dict[str, Class]] = {
    "PreemptionByScheduler": Class.PREEMPTED,
    "DeletionByTaintManager": Class.NODE_LOST,
    "DeletionByPodGC": Class.NODE_LOST,
    "EvictionByEvictionAPI": Class.EVICTED,
}
"""Reasons of the pod condition DisruptionTarget; TerminationByKubelet always comes with a pod reason."""

OWN_STORAGE_LIMIT: Final = re.compile(
    r"Usage of EmptyDir volume|ephemeral local storage usage exceeds|exceeded its local ephemeral storage limit"
)
"""Evictions for a limit that the pod itself set."""

KUBELET_MESSAGES: Final[tuple[tuple[re.Pattern[str], Class], ...]] = (
    (
        re.compile(r"^(?:The node was low on resource|The node had condition)|" + OWN_STORAGE_LIMIT.pattern),
        Class.EVICTED,
    ),
    (
        re.compile(r"imminent node shutdown|[Nn]ode is shutting down|Node .* (?:is not ready|was lost)"),
        Class.NODE_LOST,
    ),
    (re.compile(r"^Preempted (?:in order to admit|by )"), Class.PREEMPTED),
)

DEADLINE_MESSAGES: Final[tuple[re.Pattern[str], ...]] = (
    re.compile(r"^Pod was active on the node longer than the specified deadline"),
    re.compile(r"^Step exceeded its deadline"),  # exec_control.go:65
    re.compile(r"^timeout$"),  # operator.go:2295
    re.compile(r"^(?:retry|step|pod) exceeded workflow deadline"),  # operator.go:1071
    re.compile(r"^(?:Max duration limit exceeded|Backoff would exceed max duration limit)"),  # operator.go:1092-1201
    re.compile(r"\(exit code \d+\): (?:Step exceeded its deadline|.*context deadline exceeded$)"),
)

WAITING_REASON: Final = re.compile(
    r"\b(?:ErrImagePull|ImagePullBackOff|ErrImageNeverPull|InvalidImageName|ImageInspectError|RegistryUnavailable|"
    r"CreateContainerConfigError|CreateContainerError|RunContainerError|StartError|ContainerCannotRun|FailedMount|"
    r"Unschedulable|FailedScheduling)\b"
)

WAITING_EVENTS: Final[tuple[tuple[re.Pattern[str], Class], ...]] = (
    (
        re.compile(
            r"\b(?:ErrImagePull|ImagePullBackOff|ErrImageNeverPull|InvalidImageName|ImageInspectError|RegistryUnavailable)\b|"
            r"Failed to pull image|Back-off pulling image"
        ),
        Class.IMAGE_PULL,
    ),
    (
        re.compile(
            r"\b(?:CreateContainerConfigError|CreateContainerError|RunContainerError|StartError|ContainerCannotRun|FailedMount)\b|"
            r"\b(?:secret|configmap|serviceaccount|persistentvolumeclaim) \"[^\"]+\" not found"
        ),
        Class.CONFIG_ERROR,
    ),
    (re.compile(r"\b(?:Unschedulable|FailedScheduling)\b|\d+/\d+ nodes are available"), Class.UNSCHEDULABLE),
)
"""What keeps a container from starting: as a waiting reason, as an Event, or in Argo's message."""

USUAL_WAITING_REASON: Final[dict[Class, str]] = {
    Class.IMAGE_PULL: "ImagePullBackOff",
    Class.CONFIG_ERROR: "CreateContainerConfigError",
    Class.UNSCHEDULABLE: "Unschedulable",
}
"""The reason the kubelet gives in such a case, where the text itself names none."""

START_ERROR_REASONS: Final = frozenset({"StartError", "ContainerCannotRun", "CreateContainerError"})
"""Reasons of a *terminated* container that never ran."""

REGISTRY_TROUBLE: Final = re.compile(
    r"429 Too Many Requests|toomanyrequests|i/o timeout|connection refused|no such host|50[0-9] [A-Z]|TLS handshake"
)
"""An image that cannot be pulled now, though it may exist."""

NODE_LOST_EVENT: Final = re.compile(r"^(?:NodeNotReady|NodeLost|TaintManagerEviction|NodeShutdown|DeletingNode)\b")

FAILED_BEFORE_START: Final = re.compile(
    r"Pod failed before main container starts due to (\w+)|^pod failed: neither main|^can't find failed message for pod"
)

ARTIFACT_MESSAGE: Final = re.compile(
    r"artifact \S+ failed to (?:load|save)|failed to (?:load|save) artifact|required artifact '[^']*' not supplied|"
    r"failed to (?:put|get) file|NoSuchBucket|NoSuchKey"
)
MISSING_ARTIFACT: Final = re.compile(
    r"no such file or directory|specified key does not exist|NoSuchKey|NoSuchBucket|not supplied|not found"
)
"""The file or object is not there: the store works, the path is wrong."""

REFUSALS: Final[tuple[tuple[re.Pattern[str], Class, str], ...]] = (
    (
        re.compile(
            r"exceeded quota|maximum (?:cpu|memory|\S+) usage per|minimum (?:cpu|memory|\S+) usage per|LimitRange"
        ),
        Class.QUOTA_EXCEEDED,
        "QuotaExceeded",
    ),
    (
        re.compile(
            r"failed to initialize semaphore|database session is not available|(?:semaphore|mutex|lock).* not found"
        ),
        Class.CONFIG_ERROR,
        "LockError",
    ),
    (re.compile(r"synchronization lock|^Waiting for \S+ lock"), Class.LOCK_WAIT, "LockError"),
    (
        re.compile(
            r"workflow is longer than maximum allowed size|offload node status|etcdserver: request is too large"
        ),
        Class.CONTROLLER_ERROR,
        "WorkflowTooLarge",
    ),
    (re.compile(r"Error applying PodSpecPatch"), Class.TEMPLATE_ERROR, "PodSpecPatch"),
    (
        re.compile(r"failed to find name in PATH|exec format error|permission denied: unknown"),
        Class.CONFIG_ERROR,
        "CommandNotFound",
    ),
    (
        re.compile(
            r"artifact driver \S+ not found|artifact repository|failed to look-up entrypoint|failed to find an Artifact"
        ),
        Class.CONFIG_ERROR,
        "MissingReference",
    ),
    (
        re.compile(r"admission webhook .* denied|violates PodSecurity|is forbidden|Forbidden\)"),
        Class.CONFIG_ERROR,
        "PodRejected",
    ),
    (
        re.compile(
            r"^[a-z.]*(?:workflowtemplates|clusterworkflowtemplates)\.argoproj\.io \"|\S+\.\S+ \"[^\"]+\" not found"
        ),
        Class.CONFIG_ERROR,
        "MissingReference",
    ),
    (re.compile(r"^Pod \"[^\"]+\" is invalid|is invalid: "), Class.TEMPLATE_ERROR, "PodRejected"),
    (re.compile(r"^invalid spec: |failed to set global parameters"), Class.TEMPLATE_ERROR, "InvalidSpec"),
    (
        re.compile(
            r"failed to resolve|[Uu]nable to resolve|could not be parsed|cannot be used with the comparator|"
            r"[Ff]ailed to (?:evaluate|expand)|invalid syntax|invalid expression|template name '[^']*' undefined|"
            r"was not supplied|recursion depth|unmarshal|invalid character|depends.* invalid|"
            r"retryStrategy\.expression|must not be more than"
        ),
        Class.TEMPLATE_ERROR,
        "TemplateError",
    ),
    (
        re.compile(
            r"error in entry template execution|Workflow operation error|panic|internal error|etcdserver|"
            r"the server is currently unable"
        ),
        Class.CONTROLLER_ERROR,
        "ControllerError",
    ),
    (re.compile(r" not found$"), Class.CONFIG_ERROR, "MissingReference"),
)
"""Text, class, and the stable reason it is given."""

"""Reasons and messages of the kubelet, the scheduler and the node controllers, and Argo's about stops and deadlines.

Sources: the kubelet's ``pkg/kubelet/eviction``, ``lifecycle/predicate.go``, ``nodeshutdown``, ``preemption`` and
``kuberuntime``; KEP-3329; docs/explanation/argo-behaviour.md; the recordings. Messages are no API, so a structured
reason is evaluated first if there is one.
"""

import re
from typing import Final

from wfreport.api.classes import FailureClass as Class
from wfreport.core.classify.message_patterns import MessagePattern, message_pattern

POD_REASONS: Final[dict[str, Class]] = {
    "Evicted": Class.EVICTED,
    "Terminated": Class.NODE_LOST,  # graceful node shutdown, kubelet nodeshutdown
    "NodeShutdown": Class.NODE_LOST,
    "Shutdown": Class.NODE_LOST,
    "NodeLost": Class.NODE_LOST,
    "Preempting": Class.PREEMPTED,  # kubelet, for a critical pod
    "Preempted": Class.PREEMPTED,
    "UnexpectedAdmissionError": Class.UNSCHEDULABLE,
    "TopologyAffinityError": Class.UNSCHEDULABLE,
    "NodeAffinity": Class.UNSCHEDULABLE,
    "MatchNodeSelector": Class.UNSCHEDULABLE,
    "NodePorts": Class.UNSCHEDULABLE,
    "HostPort": Class.UNSCHEDULABLE,
    "InsufficientResource": Class.UNSCHEDULABLE,
    "VolumeAttachmentLimitExceeded": Class.UNSCHEDULABLE,
    "PodOSSelectorNodeLabelDoesNotMatch": Class.UNSCHEDULABLE,
    "PodOSNotSupported": Class.UNSCHEDULABLE,
    "SysctlForbidden": Class.CONFIG_ERROR,
    "AppArmor": Class.CONFIG_ERROR,
}
"""Classes by ``pod.status.reason``. DeadlineExceeded is missing, because its cause may be what the pod waited for."""

_OUT_OF = "OutOf"


def class_of_pod_reason(reason: str) -> Class | None:
    """Return the class for a pod's own reason. ``OutOf<resource>`` exists for any resource (predicate.go)."""
    return Class.UNSCHEDULABLE if reason.startswith(_OUT_OF) else POD_REASONS.get(reason)


DISRUPTION_REASONS: Final[dict[str, Class]] = {
    "PreemptionByScheduler": Class.PREEMPTED,
    "DeletionByTaintManager": Class.NODE_LOST,
    "DeletionByPodGC": Class.NODE_LOST,
    "EvictionByEvictionAPI": Class.EVICTED,
}
"""Classes by the reason of the pod condition DisruptionTarget. TerminationByKubelet always comes with a pod reason."""

OWN_STORAGE_LIMIT: Final = message_pattern(
    r"Usage of EmptyDir volume|ephemeral local storage usage exceeds|exceeded its local ephemeral storage limit"
)
"""Evictions because of a limit in the pod's own spec."""

KUBELET_MESSAGES: Final[tuple[tuple[MessagePattern, Class], ...]] = (
    (
        message_pattern(
            r"^(?:Pod was rejected: |Pod )?(?:The node was low on resource|The node had condition)|"
            r"^Eviction API: evicting|^Evicted$|" + OWN_STORAGE_LIMIT.pattern
        ),
        Class.EVICTED,
    ),
    (
        message_pattern(
            r"imminent node shutdown|[Nn]ode is (?:in progress of )?shutting|which was running pod \S+ is unresponsive|"
            r"^(?:NodeLost|NodeShutdown)$|"
            r"^Node \S+ (?:is not ready|was lost)|node no longer exists|node is out of service|"
            r"^Unexpected pod phase for \S+: Unknown"  # assessNodeStatus, operator.go
        ),
        Class.NODE_LOST,
    ),
    (
        message_pattern(
            r"^Preempt(?:ed|ing)$|"
            r"^Preempted (?:in order to admit|by )|^\S+: preempting to accommodate a higher priority pod"
        ),
        Class.PREEMPTED,
    ),
    (message_pattern(r"^(?:Pod was rejected: )?(?:forbidden sysctl|Cannot enforce AppArmor)"), Class.CONFIG_ERROR),
    (
        message_pattern(
            r"^Pod was rejected: |^Pod (?:Node didn't have enough|Predicate|Allocate failed)|"
            r"^Node didn't have enough (?:resource|capacity)|"
            r"^(?:Pod )?Unexpected error while attempting to recover|^Predicate \S+ failed|^Allocate failed due to|"
            r"^Resources cannot be allocated with Topology locality"
        ),
        Class.UNSCHEDULABLE,
    ),
)
"""Classes by ``status.message`` of a pod. Argo copies the message to the node, but not the reason."""

DISRUPTION_EVENTS: Final[tuple[tuple[MessagePattern, Class], ...]] = (
    (message_pattern(r"^(?:Preempted|Preempting) "), Class.PREEMPTED),
    (
        message_pattern(r"^(?:NodeNotReady|NodeLost|NodeShutdown|DeletingNode) |^TaintManagerEviction Marking"),
        Class.NODE_LOST,
    ),
    (message_pattern(r"^(?:Evicted|Descheduled|ScaleDown) "), Class.EVICTED),
)
"""Classes by the Events of a removed pod, as ``<reason> <message>``: of the scheduler, node controllers, or a drain."""

STOPPED_MESSAGE: Final = message_pattern(r"^(?:workflow shutdown with strategy|Stopped with strategy|terminated$)")
"""Messages of nodes and runs that a stop ended (exec_control.go:50, operator.go:598, 1400; the last one before Argo 3).

See docs/explanation/argo-behaviour.md.
"""

DEADLINE_MESSAGES: Final[tuple[MessagePattern, ...]] = (
    message_pattern(r"^Pod was active on the node longer than the specified deadline|^DeadlineExceeded$"),
    message_pattern(r"^Step exceeded its deadline"),  # exec_control.go:65
    message_pattern(r"^timeout$"),  # operator.go:139, template timeout and pendingTimeout
    message_pattern(r"^(?:retry|step|pod) exceeded workflow deadline"),  # operator.go:1071
    message_pattern(
        r"^(?:Max duration limit exceeded|Backoff would exceed max duration limit)"
    ),  # operator.go:1092-1201
    message_pattern(r"^\S.{0,512} exceeded its deadline$"),  # workflowpod.go:955
)

WAITING_REASON: Final = message_pattern(
    r"\b(?:ErrImagePull|ImagePullBackOff|ErrImageNeverPull|InvalidImageName|ImageInspectError|RegistryUnavailable|"
    r"SignatureValidationFailed|CreateContainerConfigError|CreateContainerError|RunContainerError|StartError|"
    r"ContainerCannotRun|CreatePodSandboxError|FailedCreatePodSandBox|FailedAttachVolume|FailedMount|"
    r"Unschedulable|FailedScheduling)\b"
)

START_FAILURES: Final[tuple[tuple[MessagePattern, Class], ...]] = (
    (
        message_pattern(
            r"\b(?:ErrImagePull|ImagePullBackOff|ErrImageNeverPull|InvalidImageName|ImageInspectError|"
            r"RegistryUnavailable|SignatureValidationFailed)\b|Failed to pull image|Back-off pulling image"
        ),
        Class.IMAGE_PULL,
    ),
    (
        message_pattern(
            r"\b(?:CreateContainerConfigError|CreateContainerError|RunContainerError|StartError|ContainerCannotRun|"
            r"FailedMount|FailedAttachVolume)\b|Multi-Attach error|"
            r"\b(?:secret|configmap|persistentvolumeclaim) \"[^\"]+\" not found|"
            r"couldn't find key \S+ in (?:ConfigMap|Secret)|runAsNonRoot"
        ),
        Class.CONFIG_ERROR,
    ),
    (
        message_pattern(
            r"\b(?:Unschedulable|FailedScheduling|FailedCreatePodSandBox|CreatePodSandboxError)\b|"
            r"\b\d{1,9}/\d{1,9} nodes are available"
        ),
        Class.UNSCHEDULABLE,
    ),
)
"""Classes by the cause that prevents a container's start: its waiting reason, an Event, or Argo's message."""

DEFAULT_WAITING_REASONS: Final[dict[Class, str]] = {
    Class.IMAGE_PULL: "ImagePullBackOff",
    Class.CONFIG_ERROR: "CreateContainerConfigError",
    Class.UNSCHEDULABLE: "Unschedulable",
}
"""The kubelet's usual reason for the class, used if the text contains none."""

NETWORK_ERRORS: Final = message_pattern(
    r"i/o timeout|connection refused|connection reset|connection timed out|no route to host|no such host|"
    r"server misbehaving|TLS handshake timeout|unexpected EOF|: EOF\b|context deadline exceeded|Client\.Timeout|"
    r"broken pipe|GOAWAY|network is unreachable|temporary failure in name resolution|stream error: stream ID|"
    r"net/http: request canceled|use of closed network connection|connection closed before server preface",
    re.IGNORECASE,
)
"""Temporary failures of a connection."""

REGISTRY_ERRORS: Final = message_pattern(
    NETWORK_ERRORS.pattern + r"|429 Too Many Requests|toomanyrequests|pull QPS exceeded|\b50[0-9] [A-Z]|"
    r"status(?: code)?:? 50[0-9]\b|no space left on device|disk quota exceeded",
    re.IGNORECASE,
)
"""Temporary failures to pull an image that may exist."""

STARTUP_ERRORS: Final = message_pattern(
    r"timed out waiting for the condition|context deadline exceeded|Multi-Attach error|FailedAttachVolume|"
    r"failed to reserve (?:container|sandbox) name|DeadlineExceeded|"
    r"container process is already dead|getting the final child's pid|cannot allocate memory|no space left on device|"
    r"disk quota exceeded|"
    r"[Rr]esource temporarily unavailable|device or resource busy|input/output error|too many open files|"
    r"ttrpc: closed|transport is closing|containerd\.sock|shim disconnected|failed to start shim|"
    r"cgroup config(?:uration)?: unable to start unit|\bdbus: |sync pipe|container init exited prematurely|"
    r"(?:parent snapshot|snapshot) \S{1,300} does not exist|no running task found|layer not known|"
    r"requests that are timing out in CRI-O|\(probably exited\) json message|structure needs cleaning|"
    r"/volume-subpaths/.{1,600}no such file or directory|failed to (?:prepare subPath|create subPath directory)|"
    r"(?:apply(?:ing)?|setting) cgroup config(?!.{0,400}invalid argument)|(?:join or|failed to) create cgroup|"
    r"exec setns process|"
    r"unable to retrieve OCI runtime error|did not terminate suc{1,2}essfully|failed to mount rootfs component|"
    r"Thin Pool has|"
    r"failed to sync (?:secret|configmap) cache|"
    r"nvidia-container-cli: (?:initialization|detection|device|mount|driver) error|nvml: |GPU is lost"
)
"""Volumes and containers that could not start because of the machine or the storage, not of a wrong name."""

EXECUTOR_MISSING: Final = message_pattern(r"exec: \W{0,8}(?:/[\w/]{1,60}/)?(?:argoexec|launcher-v2)\W{1,8}: ")
"""The image of Argo's executor, or of Kubeflow's launcher, lacks its program: its version is not the server's."""

EXECUTOR_IMAGE: Final = message_pattern(r"image \"[^\"\s]{0,300}\bargoexec\b")
"""The image of Argo's executor, which the platform chooses, could not be pulled."""

INIT_OUT_OF_MEMORY: Final = message_pattern(r"container init was OOM-killed")
"""runc's message of a container whose memory limit is too small even for its start."""

LOST_CONTAINERS: Final[frozenset[tuple[str, int]]] = frozenset({("ContainerStatusUnknown", 137), ("Unknown", 255)})
"""Reason and exit code of a container that its runtime lost.

The first is the kubelet's (kubelet_pods.go: "could not be located when the pod was terminated"). The second is
containerd's after a restart of the machine or of containerd (``unknownExitReason`` of internal/cri).
"""

FAILED_BEFORE_START: Final = message_pattern(
    r"^Pod failed before \S+ container starts due to (\w*)|"  # operator.go:1848
    r"^pod failed: (?:neither )?(?:main|wait)|"  # operator.go:1893-1905
    r"^can't find failed message for pod|"  # operator.go:1832
    # before Argo 3:
    r"^pod failed for unknown reason$|^Pod failed before \S+ container starts$|^Unexpected node phase |"
    r"^agent pod failed with reason[: ]|^create agent pod failed|"  # agent.go:54
    r"^Pod Failed whilst container running$"  # operator.go:1590
)
"""Messages of a pod that failed without a container that explains it."""

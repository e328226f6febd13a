"""Reasons of ``status.waiting`` and ``status.warnings`` that wfreport gives itself, and their meanings.

Others are those of Kubernetes: of a container's state, a pod's condition or an Event.
"""

from typing import Final

WAIT_MEANINGS: dict[str, str] = {
    "NotStarted": "No Argo controller has taken the Workflow up.",
    "RetryNotStarted": "The Workflow was retried by hand, and no Argo controller has taken it up again.",
    "LabelledCompleted": "Argo's controller ignores the Workflow: a label says that it is completed, and it is not.",
    "WorkflowSuspended": "`spec.suspend` of the Workflow is true.",
    "Suspended": "A suspend step waits for a person to resume it, or for its duration to elapse.",
    "ParallelismLimit": "As many Workflows run as Argo's controller may run at a time.",
    "LockWait": "The step or the Workflow waits for a mutex or semaphore; the message names the holders.",
    "LockLimitMissing": "The semaphore has no limit: its ConfigMap or the key is missing.",
    "Backoff": "The next attempt of the step's retryStrategy is not due yet.",
    "QuotaExceeded": "A ResourceQuota or LimitRange rejects the pod; Argo tries again.",
    "Forbidden": "The API server rejects the pod; Argo tries again.",
    "ImageCommandLookupFailed": "Argo cannot read the image's command from its registry.",
    "Pending": "The pod has not started, and nothing shows why.",
    "PodRestarting": "Argo starts the step again: its pod failed before the program ran.",
    "HTTPPending": "An HTTP step waits for Argo's agent.",
    "PluginPending": "A plugin step waits for Argo's agent.",
    "Stopping": "The Workflow is being stopped, and the step still runs.",
    "DeadlinePassed": "The deadline of the Workflow has passed, and Argo has not ended it.",
    "PodFailed": "The step's pod has failed, and Argo has not recorded it.",
    "PodSucceeded": "The step's pod has succeeded, and Argo has not recorded it.",
    "PodTerminating": "The step's pod is being deleted and does not end.",
    "MainNotStarted": "A container of the step's running pod cannot start.",
    "MainEnded": "The step's main container has ended, and others keep its pod alive.",
    "ExecutorFailed": "Argo's container in the step's pod has failed or ended, so nothing reports the step's end.",
    "MachineSilent": "The machine of the step's pod does not respond.",
}

KUBERNETES_WAITS: Final = frozenset(
    {
        *("ContainerCreating", "PodInitializing", "Unschedulable", "SchedulingGated", "CrashLoopBackOff"),
        *("ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName", "ImageInspectError"),
        *("RegistryUnavailable", "SignatureValidationFailed", "CreateContainerConfigError", "CreateContainerError"),
        *("RunContainerError", "StartError", "PreCreateHookError", "PreStartHookError", "PostStartHookError"),
    }
)
"""Reasons of a container's state or a pod's condition that the kubelet and the scheduler give."""

WARNING_MEANINGS: dict[str, str] = {
    "OOMKilled": "A container exceeded its memory limit, and the step did not fail.",
    "PodRestarted": "Argo started the pod again, because it failed before the program ran.",
    "PodFailed": "The step succeeded for Argo, and its pod failed: outputs may be missing.",
    "NeverEnded": "The run succeeded, and Argo never recorded the end of this step.",
    "Hung": "The run hung until it was ended.",
    "Slow": "The run takes longer than its last successful runs.",
    "ArtifactGCError": "Argo could not delete the artifacts of the run.",
    "MetricsError": "Argo could not compute a metric of the Workflow.",
    "SpecWarning": "Argo warns about the spec of the Workflow.",
}

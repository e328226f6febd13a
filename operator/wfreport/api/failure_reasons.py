"""The reasons of failures that the classifier itself gives, with their meanings.

``failures[].reason`` may also be one of Kubernetes' own reasons, such as ``Evicted`` or ``ImagePullBackOff``.
"""

from enum import StrEnum


class FailureReason(StrEnum):
    """A reason that is more specific than the failure's class."""

    # quota
    EXECUTOR_RESOURCES = "ExecutorResources"
    LIMIT_RANGE = "LimitRange"
    QUOTA_EXCEEDED = "QuotaExceeded"
    RESOURCES_NOT_SET = "ResourcesNotSet"
    # configuration
    ALREADY_EXISTS = "AlreadyExists"
    ARGUMENTS_TOO_LONG = "ArgumentsTooLong"
    COMMAND_NOT_FOUND = "CommandNotFound"
    COMMAND_NOT_STARTED = "CommandNotStarted"
    CONTAINER_CANNOT_RUN = "ContainerCannotRun"
    EXEC_FORMAT_ERROR = "ExecFormatError"
    FORBIDDEN = "Forbidden"
    MISSING_REFERENCE = "MissingReference"
    POD_REJECTED = "PodRejected"
    RESOURCE_NOT_SERVED = "ResourceNotServed"
    RESTRICTED = "Restricted"
    UNAUTHORIZED = "Unauthorized"
    # locks
    LOCK_ERROR = "LockError"
    LOCK_POISONED = "LockPoisoned"
    LOCK_WAIT = "LockWait"
    # the spec
    ARTIFACT_PATH = "ArtifactPath"
    INVALID_SPEC = "InvalidSpec"
    MISSING_TEMPLATE = "MissingTemplate"
    POD_SPEC_PATCH = "PodSpecPatch"
    RECURSION_DEPTH = "RecursionDepth"
    TEMPLATE_ERROR = "TemplateError"
    # Argo
    API_SERVER_ERROR = "APIServerError"
    CONTROLLER_ERROR = "ControllerError"
    DATABASE_ERROR = "DatabaseError"
    EXECUTOR_ERROR = "ExecutorError"
    TASK_RESULT_LOST = "TaskResultLost"
    WORKFLOW_TOO_LARGE = "WorkflowTooLarge"
    # the step
    DAEMON_EXITED = "DaemonExited"
    FAILURE_CONDITION = "FailureCondition"
    HTTP_ERROR = "HTTPError"
    KUBEFLOW_ERROR = "KubeflowError"
    PLUGIN_ERROR = "PluginError"
    RESOURCE_DELETED = "ResourceDeleted"
    # the pod
    NEVER_STARTED = "NeverStarted"
    POD_DELETED = "PodDeleted"
    # deadlines and stops
    REPLACED_BY_CRON = "ReplacedByCron"
    STOPPED_BY_POLICY = "StoppedByPolicy"
    STOPPED_OR_REPLACED = "StoppedOrReplaced"
    SUSPEND_FAILED = "SuspendFailed"
    TIMEOUT = "Timeout"
    MAX_DURATION_EXCEEDED = "MaxDurationExceeded"
    WORKFLOW_DEADLINE_EXCEEDED = "WorkflowDeadlineExceeded"
    WORKFLOW_STOPPED = "WorkflowStopped"


FAILURE_REASON_MEANINGS: dict[FailureReason, str] = {
    FailureReason.EXECUTOR_RESOURCES: (
        "A quota demands requests and limits of every container, and Argo's own containers have none."
    ),
    FailureReason.LIMIT_RANGE: "The requests or limits are outside of the namespace's LimitRange.",
    FailureReason.QUOTA_EXCEEDED: "A ResourceQuota is used up.",
    FailureReason.RESOURCES_NOT_SET: "A quota demands requests and limits, and a container of the template has none.",
    FailureReason.ALREADY_EXISTS: "An object that the Workflow creates exists already.",
    FailureReason.ARGUMENTS_TOO_LONG: "Arguments and environment are longer than the kernel allows.",
    FailureReason.COMMAND_NOT_FOUND: "The image has no program of the template's command.",
    FailureReason.COMMAND_NOT_STARTED: "The program of the template's command exists and could not be started.",
    FailureReason.CONTAINER_CANNOT_RUN: (
        "The container runtime could not start the container: for a mount, a user, a device, or the machine itself."
    ),
    FailureReason.EXEC_FORMAT_ERROR: (
        "The machine cannot execute the program: it is for another CPU architecture, or a script without `#!`."
    ),
    FailureReason.FORBIDDEN: "RBAC denied a request: a ServiceAccount lacks a right.",
    FailureReason.MISSING_REFERENCE: "An object, key or plugin that the Workflow refers to does not exist.",
    FailureReason.POD_REJECTED: "The API server or an admission policy rejected the pod.",
    FailureReason.RESOURCE_NOT_SERVED: "The API server does not know the resource: its kind or its scope is wrong.",
    FailureReason.RESTRICTED: "Argo's configuration does not allow this Workflow.",
    FailureReason.UNAUTHORIZED: "The API server did not accept the credentials.",
    FailureReason.LOCK_ERROR: "A mutex or semaphore is configured wrongly, or could not be taken.",
    FailureReason.LOCK_POISONED: "An earlier holder of the lock ended in an unknown state.",
    FailureReason.LOCK_WAIT: "A deadline passed while the step waited for a lock.",
    FailureReason.ARTIFACT_PATH: "The path of an artifact is not allowed.",
    FailureReason.INVALID_SPEC: "The Workflow's spec is invalid.",
    FailureReason.MISSING_TEMPLATE: "A template or WorkflowTemplate that the Workflow refers to does not exist.",
    FailureReason.POD_SPEC_PATCH: "A podSpecPatch is invalid.",
    FailureReason.RECURSION_DEPTH: "Templates call each other more deeply than Argo allows.",
    FailureReason.TEMPLATE_ERROR: "An expression, parameter or field of a template is invalid.",
    FailureReason.API_SERVER_ERROR: "The API server, or a webhook that it calls, failed or did not respond in time.",
    FailureReason.CONTROLLER_ERROR: "Argo's controller met a state that it could not handle.",
    FailureReason.DATABASE_ERROR: "The database of Argo's controller failed.",
    FailureReason.EXECUTOR_ERROR: "Argo's own program in the pod (argoexec) failed.",
    FailureReason.TASK_RESULT_LOST: (
        "An earlier step succeeded, but its result never reached Argo's controller, so that what uses it could not "
        "run. The template is probably right."
    ),
    FailureReason.WORKFLOW_TOO_LARGE: "The Workflow's status is larger than etcd or the API server accepts.",
    FailureReason.DAEMON_EXITED: "A daemon ended while it was still needed.",
    FailureReason.FAILURE_CONDITION: "The object of a resource template met its failureCondition.",
    FailureReason.HTTP_ERROR: "The request of an HTTP template got an error response, or none.",
    FailureReason.KUBEFLOW_ERROR: (
        "The driver or launcher of Kubeflow Pipelines failed because of a service of the platform: ML Metadata, its "
        "API server, the artifact store. The step's own program is not to blame."
    ),
    FailureReason.PLUGIN_ERROR: "The plugin of a template reported an error.",
    FailureReason.RESOURCE_DELETED: "The object of a resource template was deleted while Argo watched it.",
    FailureReason.NEVER_STARTED: "The pod failed before its main container started, and nothing shows why.",
    FailureReason.POD_DELETED: "The pod was deleted while it ran; nothing shows by whom.",
    FailureReason.REPLACED_BY_CRON: "The next run of the CronWorkflow replaced it (`concurrencyPolicy: Replace`).",
    FailureReason.STOPPED_BY_POLICY: "A RemediationPolicy stopped it.",
    FailureReason.STOPPED_OR_REPLACED: "A person terminated it, or its CronWorkflow replaced it.",
    FailureReason.SUSPEND_FAILED: "A person let a suspended step fail.",
    FailureReason.TIMEOUT: "A deadline of the pod or the template passed.",
    FailureReason.MAX_DURATION_EXCEEDED: (
        "The `maxDuration` of the template's retryStrategy passed, which is for all attempts together."
    ),
    FailureReason.WORKFLOW_DEADLINE_EXCEEDED: "The deadline of the whole Workflow passed.",
    FailureReason.WORKFLOW_STOPPED: "A person stopped or terminated the Workflow.",
}
"""What each reason means, in one sentence for a reader who does not know Argo."""

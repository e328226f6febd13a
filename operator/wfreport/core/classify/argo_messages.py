"""Patterns of messages of the controller, the API server and argoexec about refusals and errors of their own.

Sources: Argo (the files are named beside each pattern, see docs/explanation/argo-behaviour.md), Kubernetes' admission
plugins, and the messages of artifact stores. Messages are no API; an unknown one is classified as Unknown.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from wfreport.api.classes import FailureClass as Class
from wfreport.api.classes import Owner
from wfreport.core.classify.kubelet_messages import NETWORK_ERRORS
from wfreport.core.classify.message_patterns import MessagePattern, message_pattern


@dataclass(frozen=True, slots=True)
class RefusalMessage:
    """A pattern of a refusal and its classification.

    Attributes:
        pattern: matches the message.
        failure_class: the class of the failure.
        reason: the stable reason of the failure.
        owner: the owner, if it differs from the class's default.
        retryable: whether a retry may succeed, if it differs from the class's default.
    """

    pattern: MessagePattern
    failure_class: Class
    reason: str
    owner: Owner | None = None
    retryable: bool | None = None


_LOST_RESULT: Final = message_pattern(
    r"could not be parsed as a JSON list: \{\{(?:steps|tasks)\.[^{}\s]{1,512}\.outputs\."
)
"""A loop over the result of a step, whose placeholder is still there: the result never reached the controller."""

REFUSALS: Final[tuple[RefusalMessage, ...]] = (
    # --- Argo's prefix for states that should be impossible (sync_manager.go:614)
    RefusalMessage(message_pattern(r"^bug: "), Class.CONTROLLER_ERROR, "ControllerError"),
    # --- admission: ResourceQuota, LimitRange. Limits of Argo's own containers are in its executor.resources.
    RefusalMessage(
        message_pattern(r"must specify (?:limits|requests)\S* for: (?:init|wait)(?:,(?:init|wait))*(?:;|$)"),
        Class.QUOTA_EXCEEDED,
        "ExecutorResources",
        retryable=False,
    ),
    RefusalMessage(
        message_pattern(r"(?:maximum|minimum) \S+ usage per|max limit to request ratio per"),
        Class.QUOTA_EXCEEDED,
        "LimitRange",
        Owner.USER,
        retryable=False,
    ),
    RefusalMessage(
        message_pattern(r"must specify (?:limits|requests)\."),
        Class.QUOTA_EXCEEDED,
        "ResourcesNotSet",
        Owner.USER,
        retryable=False,
    ),
    RefusalMessage(
        message_pattern(r"exceeded quota|resource quota evaluation timed out|cannot be fulfilled on resourcequota"),
        Class.QUOTA_EXCEEDED,
        "QuotaExceeded",
    ),
    # --- locks: sync/*.go
    # --- argoexec's own files and those of its containers: commands/emissary.go
    RefusalMessage(
        message_pattern(r"exit-code of dependency|\bopen /var/run/argo/|Post \"https://\S{1,512} x509: "),
        Class.CONTROLLER_ERROR,
        "ExecutorError",
    ),
    RefusalMessage(
        message_pattern(r"^Unauthorized$|the client to provide credentials"),
        Class.CONFIG_ERROR,
        "Unauthorized",
        Owner.PLATFORM,
    ),
    RefusalMessage(
        message_pattern(r"semaphore with both|invalid lock kind|unknown Synchronization Type"),
        Class.CONFIG_ERROR,
        "LockError",
    ),  # sync/lock_name.go
    RefusalMessage(
        message_pattern(
            r"semaphore limit for|Failed to add to queue|nil Synchronization|decode locks|current lock holders|"
            r"holder ?key|determine level for"
        ),
        Class.CONTROLLER_ERROR,
        "LockError",
    ),  # sync/sync_manager.go
    RefusalMessage(
        message_pattern(r"poisoned state"), Class.LOCK_WAIT, "LockPoisoned", Owner.PLATFORM, retryable=False
    ),  # sync/poison.go
    RefusalMessage(
        message_pattern(r"database session is not available|Sync configuration key"),
        Class.CONFIG_ERROR,
        "LockError",
        Owner.PLATFORM,
    ),
    RefusalMessage(
        message_pattern(
            r"failed to initialize semaphore|(?:semaphore|mutex|lock).{0,300} not found|"
            r"requested configuration is invalid|"
            r"[Ii]nvalid (?:ConfigMap )?lock key|duplicate synchronization item|cannot get [Ll]ock[Nn]ame"
        ),
        Class.CONFIG_ERROR,
        "LockError",
    ),
    RefusalMessage(
        message_pattern(r"re-establish synchronization lock"), Class.LOCK_WAIT, "LockError", Owner.PLATFORM
    ),  # controller.go:544
    RefusalMessage(
        message_pattern(r"synchronization lock\..{0,300} is forbidden: "),
        Class.CONFIG_ERROR,
        "LockError",
        Owner.PLATFORM,
    ),
    RefusalMessage(message_pattern(r"synchronization lock|^Waiting for \S+ lock"), Class.LOCK_WAIT, "LockError"),
    # --- size: packer.go, hydrator.go, etcd
    RefusalMessage(
        message_pattern(
            r"workflow is longer than maximum allowed size|offload node status|etcdserver: request is too large|"
            r"Request entity too large|trying to send message larger than max"
        ),
        Class.CONTROLLER_ERROR,
        "WorkflowTooLarge",
        retryable=False,
    ),
    # --- the API server, or something that it calls, does not respond
    RefusalMessage(
        message_pattern(
            r"failed calling webhook|Internal error occurred|etcdserver: |the server is currently unable|"
            r"[Cc]lient rate limiter Wait|Too many requests|the object has been modified|"
            r"must never update completed|request did not complete within|the server was unable to return a response"
        ),
        Class.CONTROLLER_ERROR,
        "APIServerError",
    ),
    RefusalMessage(
        message_pattern(r"Error applying PodSpecPatch|substitute the PodSpecPatch"),
        Class.TEMPLATE_ERROR,
        "PodSpecPatch",
    ),
    # --- argoexec: commands/emissary.go
    RefusalMessage(message_pattern(r"exec format error"), Class.CONFIG_ERROR, "ExecFormatError"),
    RefusalMessage(message_pattern(r"argument list too long"), Class.CONFIG_ERROR, "ArgumentsTooLong"),
    RefusalMessage(
        message_pattern(r"failed to find name in PATH|executable file not found"), Class.CONFIG_ERROR, "CommandNotFound"
    ),
    RefusalMessage(
        message_pattern(r"failed to start command|permission denied: unknown"), Class.CONFIG_ERROR, "CommandNotStarted"
    ),
    RefusalMessage(message_pattern(r"refusing to stage input artifact"), Class.TEMPLATE_ERROR, "ArtifactPath"),
    # --- missing references
    RefusalMessage(
        message_pattern(
            r"artifact driver \S+ not found|artifact repository|artifact storage is not configured|"
            r"need to configure artifact storage|token volumes|"
            r"memoization configmap doesn't have|cannot get resource '?[cw]|"
            r"failed to look-up entrypoint|must either explicitly specify the command|"
            r"failed to find an Artifact|no plugin executed the template|[Uu]nsupported artifact driver"
        ),
        Class.CONFIG_ERROR,
        "MissingReference",
    ),
    RefusalMessage(
        message_pattern(
            r"template \S+ not found(?: in workflow template|$)|template reference \S+ not found|"
            r"WorkflowTemplate Informer cannot find|workflow template \S+ not found|"
            r"(?<![a-z0-9.-])(?:cluster)?workflowtemplates?(?:\.argoproj\.io)? \"[^\"]{1,300}\" not found"
        ),
        Class.TEMPLATE_ERROR,
        "MissingTemplate",
    ),
    RefusalMessage(
        message_pattern(
            r"(?<![a-z0-9.-])[a-z]+(?:\.[a-z0-9.-]{1,253})? \"[^\"]{1,300}\" not found|"
            r"the server doesn't have a resource type|"
            r"no matches for kind|resource mapping not found|could not find the requested resource|"
            r"[Cc]onfig[Mm]ap '[^']*' (?:does not|needs to)|secret '[^']*' does not have|no PriorityClass with name|"
            r"volume '[^']*' not found in workflow spec|Error from server \(NotFound\)"
        ),
        Class.CONFIG_ERROR,
        "MissingReference",
    ),
    # --- rejected objects
    RefusalMessage(
        message_pattern(
            r"admission webhook .{0,300} denied|violates PodSecurity|"
            r"ValidatingAdmissionPolicy|unable to validate against any (?:pod security policy|security context)"
        ),
        Class.CONFIG_ERROR,
        "PodRejected",
    ),
    RefusalMessage(
        message_pattern(r"User \"[^\"]{1,300}\" cannot [a-z]{1,40} resource|Error from server \(Forbidden\)"),
        Class.CONFIG_ERROR,
        "Forbidden",
    ),
    RefusalMessage(message_pattern(r"is forbidden|\(Forbidden\)|Unauthorized"), Class.CONFIG_ERROR, "PodRejected"),
    RefusalMessage(
        message_pattern(
            r"not permitted when using workflowTemplateRef|in reference mode|may not change during execution|"
            r"pvc already exists|serviceAccountName must not be empty"
        ),
        Class.CONFIG_ERROR,
        "Restricted",
    ),
    RefusalMessage(message_pattern(r"\(AlreadyExists\)|\" already exists$"), Class.CONFIG_ERROR, "AlreadyExists"),
    RefusalMessage(
        message_pattern(
            r"is invalid: |\(BadRequest\)|\(Invalid\)|\(UnprocessableEntity\)|error validating|strict decoding error|"
            r"error parsing|Kind and name are both required|flags or manifest"
        ),
        Class.TEMPLATE_ERROR,
        "PodRejected",
    ),
    RefusalMessage(_LOST_RESULT, Class.CONTROLLER_ERROR, "TaskResultLost"),
    # --- the spec, its templates, expressions and parameters: validate.go, steps.go, dag.go, scope.go, operator.go
    RefusalMessage(
        message_pattern(r"^invalid spec: |failed to set global parameter|cannot unmarshall spec"),
        Class.TEMPLATE_ERROR,
        "InvalidSpec",
    ),
    RefusalMessage(message_pattern(r"Maximum recursion depth exceeded"), Class.TEMPLATE_ERROR, "RecursionDepth"),
    RefusalMessage(
        message_pattern(
            r"failed to resolve|[Uu]nable to (?:resolve|evaluate|parse argo variable|compile)|could not be parsed|"
            r"failed to parse|cannot be used with the comparator|[Ff]ailed to (?:evaluate|expand|compile|parse)|"
            r"invalid syntax|[Ii]nvalid (?:'when' )?expression|Expected boolean evaluation|[Ee]xpression required|"
            r"template name '[^']*' undefined|missing specification|was not supplied|unmarshal|invalid character|"
            r"depends.{0,300} invalid|retryStrategy|RetryPolicy|must not be more than|invalid duration|"
            r"invalid timeout format|withSequence|withItems\[|withParam|displayName must match|"
            r"output parameters? |outputs from scope|is not an artifact|invalid label value|"
            r"volumeClaimTemplates\[|strconv\.|must have a valueFrom|time: (?:unknown unit|missing unit|invalid)|"
            r"quantities must match|resource name may not be empty|converting YAML to JSON|yaml: line \d|"
            r"cannot be resolved to an int|as a duration|duration has to be positive|unable to cast expression|"
            r"template replacement|task result '[^']*' for task|missing location information|had no value$|"
            r"substitute configMapKeyRef|unable to retrieve inputs\.|either value or valueFrom must be|"
            r"invalid \(https://argo|template '[^']*' type is unknown|without workflowTemplateRef|unknown field \"|"
            r"expected exactly one key|key unsupported: |template artifact location not set|key was not found for|"
            r"artifact subpath|invalid maxAge|invalid cache key|failed to get a template$|"
            r"no (?:valid source is used for )?data template|unable to process data|error processing data step|"
            r"data in transformation|are not supported for delete action|"
            r"error in inputs\.artifacts|malformed (?:cluster ?)?workflow ?template|references an absent optional"
        ),
        Class.TEMPLATE_ERROR,
        "TemplateError",
    ),
    # --- the controller itself
    RefusalMessage(
        message_pattern(
            r"Workflow operation error|\bpanic\b|runtime error: |internal error|critical error; |"
            r"Ancestor task node|cache entry|config map cache|cache could not be found|"
            r"could not find (?:node|\S+ in nodes)|no (?:Retry )?Node found by the name of|expected node (?:type|for) |"
            r"node \S+ already initialized|child index '|out noden name|obtain (?:nodePhase|childNode) for|"
            r"initialize a cached node|expected (?:no more than )?1 (?:pod|workflow), got|expected \W{0,3}apiv1\.|"
            r"^Unexpected pod phase for|pvc create error|evaluated (?:expression|marshaled)|container args for"
        ),
        Class.CONTROLLER_ERROR,
        "ControllerError",
    ),
    RefusalMessage(
        message_pattern(
            r"failed (?:to patch|patching) [Tt]ask[Ss]et|failed to (?:hydrate|convert|marshal|update|get) (?:to )?"
            r"(?:workflow|patch|pod|informer|the Pod)|Tried to offload|compressed size \d|create Agent pod|"
            r"check if secret|unstructured$"
        ),
        Class.CONTROLLER_ERROR,
        "APIServerError",
    ),
    RefusalMessage(
        message_pattern(
            r"failed to (?:create|read|get|open|write|copy|close) (?:ctr directory|emissary|template|retry strategy|"
            r"combined|stdout|container args|large arg)|from environment variable \S+$"
        ),
        Class.CONTROLLER_ERROR,
        "ExecutorError",
    ),  # commands/emissary.go
    RefusalMessage(message_pattern(r"not found$"), Class.CONFIG_ERROR, "MissingReference"),
    RefusalMessage(
        message_pattern(
            r"^(?:Get|Post|Put|Patch|Delete) \"https?://|client connection lost|rpc error: code = (?:Unavail|Internal)"
        ),
        Class.CONTROLLER_ERROR,
        "APIServerError",
    ),
    RefusalMessage(
        message_pattern(r"in this result set$|^Error \d{4}\b.{0,40}: |^(?:upper|pq|ERROR): |\bSQLSTATE\b|^sql: "),
        Class.CONTROLLER_ERROR,
        "DatabaseError",
    ),  # nodes that are offloaded to Argo's database
    RefusalMessage(NETWORK_ERRORS, Class.CONTROLLER_ERROR, "APIServerError"),
)
"""The first match counts. The refusing party comes before the refused object, and specific messages before general."""


@lru_cache(maxsize=64)
def find_refusal(text: str) -> RefusalMessage | None:
    """Return the first refusal whose pattern matches the text."""
    return next((refusal for refusal in REFUSALS if refusal.pattern.search(text)), None)


ENTRY_TEMPLATE_ERROR: Final = message_pattern(r"^error in (?:entry|exit) template execution")
"""The controller could not run the entrypoint (operator.go:425). Its cause, if known, is matched by an earlier rule."""

ARTIFACT_MESSAGE: Final = message_pattern(
    r"artifact \S+ failed to (?:load|save)|failed to (?:load|save) (?:input )?artifact|"
    r"failed to load (?:non-plugin )?input artifacts|required artifact '[^']*' not supplied|"
    r"failed to (?:put|get) (?:file|directory)|failed to create new (?:S3|OSS) client|NoSuchBucket|NoSuchKey|"
    r"failed to tarball the output|failed to stat input artifact|plugin \S+ (?:load|save|stream)|"
    r"^failed to save outputs: |"  # Argo 2.x, whose wait container annotated the pod
    r"supervisor (?:presumed dead|reported pre-main failure)"
)
"""Messages of argoexec about artifacts (executor.go, artifacts/*), also if they name none of its own containers."""

LOST_CONNECTION: Final = message_pattern(
    r"unable to upgrade connection|exited too quickly|^(?:failed to save outputs: )?pods \"[^\"]*\" not found"
)
"""argoexec lost the container or its pod."""

TOO_LARGE_OUTPUT: Final = message_pattern(
    r"Too long: must have at most|[Rr]equest entity too large|request is too large|too large to be saved|"
    r"larger than maximum of"
)
"""An output parameter or result is larger than Kubernetes accepts."""

MISSING_ARTIFACT: Final = message_pattern(
    r"no such file or directory|[Kk]ey does not exist|NoSuchKey|not supplied|object doesn't exist|BlobNotFound|"
    r"no key found|\b404\b|[Rr]epository not found|reference not found|couldn't find remote ref|"
    r"illegal file path|does not exist in archive|file does not exist|Could not find the file|not found"
)
"""The file, object or revision does not exist: the store works, and the path is wrong."""

DENIED_ARTIFACT: Final = message_pattern(
    r"[Aa]ccess ?[Dd]enied|NoSuchBucket|bucket does ?n[o']t exist|ContainerNotFound|InvalidAccessKeyId|"
    r"SignatureDoesNotMatch|ExpiredToken|AuthorizationFailure|AuthenticationFailed|\b40[13]\b|Forbidden|"
    r"could not find default credentials|no credential|authentication required|[Uu]nauthorized|"
    r"[Pp]ermission denied|handshake failed|InvalidBucketName|accountKey secret is required|x509: |"
    r"signature (?:we calculated )?does not match|Access Key Id you provided|InvalidClientTokenId|WebIdentityErr|"
    r"NoCredentialProviders|Cannot connect to the Docker daemon|necessary privileges|[Aa]uthorization failed|"
    r"HTTP response to HTTPS client|"
    r"failed to (?:retrieve|refresh) (?:cached )?credentials|invalid_grant|"
    r"executable file not found in \$PATH"  # argoexec's image lacks a program, such as git
)
"""The store, its credentials or argoexec's image are configured wrongly."""

AGENT_POD_FAILED: Final = message_pattern(r"^(?:create )?agent pod failed with reason:")
"""The agent's pod, which sends the requests of HTTP and Plugin templates, failed (agent.go:54, taskset.go:108)."""

NO_PLUGIN: Final = message_pattern(r"no plugin executed the template")  # agent.go:389

EXECUTOR_FORBIDDEN: Final = message_pattern(r"is forbidden: User \"system:serviceaccount:")
"""The pod's ServiceAccount lacks a permission, for example on workflowtaskresults."""

HTTP_RESPONSE_ERROR: Final = message_pattern(r"^received non-2xx response code: |^successCondition '")
"""A response arrived, but not a successful one (agent.go)."""

HTTP_UNAVAILABLE: Final = message_pattern(
    r"^received non-2xx response code: (?:408|425|429|5\d\d)$|\bcontext canceled\b|" + NETWORK_ERRORS.pattern,
    re.IGNORECASE,
)
"""The service was unavailable or overloaded, or Argo's agent gave the request up, so a retry may succeed."""

RESOURCE_NOT_SERVED: Final = message_pattern(
    r"^The resource has been deleted while its status .{0,512}could not find the requested resource"
)
"""The API server does not know the URL: a kind or a scope is wrong, and nothing was deleted (resource.go)."""

RESOURCE_OUTCOMES: Final[tuple[tuple[MessagePattern, str], ...]] = (
    (message_pattern(r"^failure condition '.*' evaluated true", re.DOTALL), "FailureCondition"),  # resource.go:288
    # resource.go:260. argoexec says the same of a resource that the API server does not know at all.
    (
        message_pattern(
            r"^The resource has been deleted while its status(?!.{0,512}could not find the requested resource)"
        ),
        "ResourceDeleted",
    ),
)
"""Failures of the object that a resource template created, with their reasons."""

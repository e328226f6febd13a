"""Patterns of messages of the controller, the API server and argoexec about refusals and errors of their own.

Sources: Argo (the files are named beside each pattern, see docs/explanation/argo-behaviour.md), Kubernetes' admission
plugins, and the messages of artifact stores. Messages are no API; an unknown one is classified as Unknown.
"""

import re
from functools import lru_cache
from typing import Final

from wfreport.api.classes import FailureClass as Class
from wfreport.api.classes import Owner
from wfreport.core.classify.artifact_messages import OF_API_SERVER, OTHER_VERSION, UNKNOWN_FLAG
from wfreport.core.classify.kubelet_messages import NETWORK_ERRORS, REGISTRY_ERRORS
from wfreport.core.classify.message_patterns import MessagePattern, PatternList, message_pattern
from wfreport.core.classify.refusals import LOCK_REFUSALS, QUOTA_REFUSALS, RefusalMessage
from wfreport.core.classify.runtime_messages import RUNTIME_REFUSALS

_LOST_RESULT: Final = message_pattern(
    r"could not be parsed as a JSON list: \{\{(?:steps|tasks)\.[^{}\s]{1,512}\.outputs\.(?!artifacts\.)"
)
"""A loop over the result of a step, whose placeholder is still there: the result never reached the controller.

Over an artifact there is no loop, so its placeholder stays whatever the step did.
"""
_OF_OTHER_VERSION: Final = RefusalMessage(OTHER_VERSION, Class.CONTROLLER_ERROR, "ExecutorError", retryable=False)
REFUSALS: Final[tuple[RefusalMessage, ...]] = (
    # --- Argo's prefix for states that should be impossible (sync_manager.go:614)
    RefusalMessage(message_pattern(r"^bug: "), Class.CONTROLLER_ERROR, "ControllerError"),
    *QUOTA_REFUSALS,
    *RUNTIME_REFUSALS,
    RefusalMessage(
        message_pattern(r"failed calling webhook .{0,600}(?:x509: |could not find the requested resource)", re.DOTALL),
        Class.CONTROLLER_ERROR,
        "APIServerError",
        retryable=False,
    ),
    RefusalMessage(
        message_pattern(r"could not find the requested resource \((?:get|post|put|patch) workflowtaskresults"),
        Class.CONFIG_ERROR,
        "MissingReference",
        Owner.PLATFORM,
    ),
    # --- argoexec's own files and those of its containers: commands/emissary.go
    RefusalMessage(
        message_pattern(r"exit-code of dependency|\bopen /var/run/argo/|Post \"https://\S{1,512} x509: "),
        Class.CONTROLLER_ERROR,
        "ExecutorError",
    ),
    _OF_OTHER_VERSION,
    RefusalMessage(
        message_pattern(
            r"^(?:failed to (?:save outputs|load artifacts): )?Unauthorized$|the client to provide credentials"
        ),
        Class.CONFIG_ERROR,
        "Unauthorized",
        Owner.PLATFORM,
        retryable=True,  # another pod gets another token
    ),
    *LOCK_REFUSALS,
    # --- size: packer.go, hydrator.go, etcd
    RefusalMessage(
        message_pattern(r"Tried to offload but encountered (?:an )?error: (?!offload node status is not supported)"),
        Class.CONTROLLER_ERROR,
        "DatabaseError",
    ),
    RefusalMessage(
        message_pattern(
            r"[Ww]orkflow is longer than maximum allowed size|offload node status|etcdserver: request is too large|"
            r"Request entity too large|(?:trying to send|received) message larger than max"
        ),
        Class.CONTROLLER_ERROR,
        "WorkflowTooLarge",
        retryable=False,
    ),
    # --- the API server, or something that it calls, does not respond
    RefusalMessage(
        message_pattern(
            r"failed calling webhook|Internal error occurred|status unknown for quota|"
            r"Operation cannot be fulfilled on |etcdserver: |the server is currently unable|"
            r"[Cc]lient rate limiter Wait|[Tt]oo many requests|the object has been modified|"
            r"must never update completed|request did not complete within|the server was unable to return a response|"
            r"could not be completed at this time|prevented the request from succeeding|Too large resource version|"
            r"conversion webhook for .{1,200} failed|server rejected our request|server responded with the status code"
        ),
        Class.CONTROLLER_ERROR,
        "APIServerError",
    ),
    RefusalMessage(
        message_pattern(
            r"Error applying PodSpecPatch|substitute the PodSpecPatch|[Ii]nvalid [Pp]odSpecPatch|"
            r"merge the workflow PodSpecPatch|strategic merge patch|Unmarshalling after merge the patch|"
            r"order in patch list"
        ),
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
        message_pattern(r"^failed to look-up entrypoint.{0,800} is forbidden: User \""),
        Class.CONFIG_ERROR,
        "Forbidden",
        Owner.PLATFORM,
    ),
    RefusalMessage(
        message_pattern(
            r"^failed to look-up entrypoint.{0,800}(?:" + REGISTRY_ERRORS.pattern + ")", re.DOTALL | re.IGNORECASE
        ),
        Class.CONFIG_ERROR,
        "MissingReference",
        Owner.INFRASTRUCTURE,
        retryable=True,
    ),
    RefusalMessage(
        message_pattern(
            r"artifact storage is not configured|need to configure artifact storage|default archive location|"
            r"ConfigMap does not have executorImage"
        ),
        Class.CONFIG_ERROR,
        "MissingReference",
        Owner.PLATFORM,
    ),
    RefusalMessage(
        message_pattern(
            r"artifact driver \S+ not found|artifact repository|artifactory ref|token volumes|"
            r"memoization configmap doesn't have|cannot get resource '?[cw]|"
            r"failed to look-up entrypoint|must either explicitly specify the command|"
            r"failed to find an Artifact|no plugin executed the template|[Uu]nsupported artifact driver|"
            r"[Ss]ervice account \S{1,300} does not have any"
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
            r"no matches for kind|no kind \"[^\"]{1,200}\" is registered|"
            r"resource mapping not found|could not find the requested resource|"
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
        message_pattern(
            r"User \"[^\"]{1,300}\" cannot [a-z]{1,40} (?:resource|\S{1,100} in the n)|Error from server \(Forbidden\)"
        ),
        Class.CONFIG_ERROR,
        "Forbidden",
    ),
    RefusalMessage(
        message_pattern(r"[Nn]o API token found for service account"),
        Class.CONFIG_ERROR,
        "MissingReference",
        Owner.PLATFORM,
        retryable=True,
    ),  # Kubernetes before 1.24
    RefusalMessage(message_pattern(r"is forbidden|\(Forbidden\)|Unauthorized"), Class.CONFIG_ERROR, "PodRejected"),
    RefusalMessage(
        message_pattern(
            r"not permitted when using workflowTemplateRef|in reference mode|may not change during execution|"
            r"pvc (?:has )?already exists|serviceAccountName must not be empty|executor plugins are disabled|"
            r"must use the emissary executor rather"
        ),
        Class.CONFIG_ERROR,
        "Restricted",
    ),
    RefusalMessage(message_pattern(r"\(AlreadyExists\)|\" already exists$"), Class.CONFIG_ERROR, "AlreadyExists"),
    RefusalMessage(
        message_pattern(r"cache entry: .{0,600}Too long: must have at most", re.DOTALL),
        Class.CONTROLLER_ERROR,
        "ControllerError",
        retryable=False,
    ),  # the ConfigMap of a memoization cache is full
    # A webhook injected a part twice or removed a container of Argo's, or something changed a pod that exists.
    RefusalMessage(
        message_pattern(
            r"is invalid: .{0,600}(?:(?:apparmor|seccomp)\.security\.[\w.]{1,60}/(?:init|wait|supervisor)\]|"
            r"Duplicate value: \"(?:istio|linkerd|vault-agent|dapr|datadog)-|pod updates may not change fields)",
            re.DOTALL,
        ),
        Class.CONFIG_ERROR,
        "PodRejected",
        Owner.PLATFORM,
    ),
    RefusalMessage(
        message_pattern(
            r"is invalid: |cannot be handled as a |"
            r"\(BadRequest\)|\(Invalid\)|\(UnprocessableEntity\)|error validating|strict decoding error|"
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
    RefusalMessage(
        message_pattern(r"Maximum recursion depth exceeded|template reference exceeded max depth"),
        Class.TEMPLATE_ERROR,
        "RecursionDepth",
    ),
    RefusalMessage(
        message_pattern(
            r"[Ff]ailed to resolve|[Uu]nable to (?:resolve|evaluate|parse argo var|compile|substitute )|"
            r"could not be parsed|failed to parse|cannot be used with the comparator|"
            r"[Ff]ailed to (?:evaluate|expand|compile|parse)|"
            r"invalid syntax|[Ii]nvalid (?:'when' )?expression|Expected boolean evaluation|[Ee]xpression required|"
            r"template name '[^']*' undefined|missing specification|was not supplied|unmarshal|invalid character|"
            r"unexpected end of JSON input|json: (?:unsupported|invalid|unknown) |"
            r"depends.{0,300} invalid|retryStrategy|RetryPolicy|must not be more than|invalid duration|"
            r"invalid timeout format|withSequence|withItems\[|withParam|displayName must match|"
            r"output parameters? |outputs from scope|is not an artifact|invalid label value|"
            r"volumeClaimTemplates\[|strconv\.|must have a valueFrom|time: (?:unknown unit|missing unit|invalid)|"
            r"\(\d{1,5}:\d{1,5}\)(?:\n|$)|unable to parse quantity|"
            r"quantities must match|resource name may not be empty|converting YAML to JSON|yaml: line \d|"
            r"cannot be resolved to an int|as a duration|duration has to be positive|unable to cast expression|"
            r"template replacement|task result '[^']*' for task|missing location information|had no value$|"
            r"substitute configMapKeyRef|unable to retrieve inputs\.|either value or valueFrom must be|"
            r"invalid \(https://argo|template '[^']*' type is unknown|without workflowTemplateRef|unknown field \"|"
            r"expected exactly one key|key unsupported: |template artifact location not set|key was not found for|"
            r"artifact subpath|invalid maxAge|invalid cache key|failed to get a template$|"
            r"no (?:valid source is used for )?data template|unable to process data|error processing data step|"
            r"data in transformation|are not supported for delete action|"
            r"error in inputs\.artifacts|malformed (?:cluster ?)?workflow ?template|references an absent optional|"
            r"is not a (?:string|concrete template)$|template '[^']*' undefined|has unknown node type|"
            r"did not specify a path|No artifact location found|does not support SubPath|global param substitution|"
            r"did not evaluate to a boolean|is an ancestor of volume mount|plugin metadata name is mandatory"
        ),
        Class.TEMPLATE_ERROR,
        "TemplateError",
    ),
    # --- the controller itself
    RefusalMessage(
        message_pattern(
            r"Workflow operation error|\bpanic\b|runtime error: |assignment to entry in nil map|interface conversion: |"
            r"^reflect: |closed channel|internal error|critical error; |"
            r"Ancestor task node|cache entry|config map cache|cache could not be found|hit timestamp on cache|"
            r"could not find (?:node|\S+ in nodes)|no (?:Retry )?Node found by the name of|"
            r"[Ee]xpected node (?:type|for) |"
            r"node \S+ (?:already|not) initialized|child index '|out noden name|obtain (?:nodePhase|childNode) for|"
            r"node \S+ uninitialized|Failed to find (?:first child of |last child of )?node |unable to find \S+$|"
            r"expected < 2 pods|impossible Item|^Deadline exceeded$|^Max parallelism reached$|has been recreated|"
            r"^resource creation rate-limit reached$|"
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
            r"check if secret|unstructured$|[Ff]ail(?:ed)? to marshal the Pod|create a template context|"
            r"create PDB resource|workflow decompression failed"
        ),
        Class.CONTROLLER_ERROR,
        "APIServerError",
    ),
    RefusalMessage(
        message_pattern(
            r"failed to (?:create|read|get|open|write|copy|close|rename) (?:ctr directory|emissary|template|"
            r"retry strategy|combined|stdout|stderr|container args|large arg|exit code|dependency dir|command:|"
            r"marker|initial status)|"
            r"supervisor status: |working directory before staging|re-enter working directory|"
            r"from environment variable \S+$"
        ),
        Class.CONTROLLER_ERROR,
        "ExecutorError",
    ),  # commands/emissary.go
    RefusalMessage(message_pattern(r"not found$"), Class.CONFIG_ERROR, "MissingReference"),
    RefusalMessage(
        message_pattern(
            r"^(?:Get|Post|Put|Patch|Delete) \"?https?://|client connection lost|rpc error: code = (?:Unavail|Internal)"
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
    RefusalMessage(message_pattern(r"(?:^|: )context canceled$"), Class.CONTROLLER_ERROR, "APIServerError"),
    # whatever ended it, and whatever Argo 2.x put before it
    RefusalMessage(OF_API_SERVER, Class.CONTROLLER_ERROR, "APIServerError"),
)
"""The first match counts. The refusing party comes before the refused object, and specific messages before general."""


_REFUSAL_PATTERNS: Final = PatternList(refusal.pattern for refusal in REFUSALS)


@lru_cache(maxsize=64)
def find_refusal(text: str) -> RefusalMessage | None:
    """Return the first refusal whose pattern matches the text."""
    index = _REFUSAL_PATTERNS.first(text)
    return None if index is None else REFUSALS[index]


def find_executor_refusal(text: str) -> RefusalMessage | None:
    """Return the same for one of argoexec's own containers, whose flags are the controller's choice."""
    return _OF_OTHER_VERSION if UNKNOWN_FLAG.match(text) else find_refusal(text)


ENTRY_TEMPLATE_ERROR: Final = message_pattern(r"^(?:\S{1,253} )?error in (?:entry|exit) template execution")
"""The controller could not run the entrypoint (operator.go:425). Its cause, if known, is matched by an earlier rule."""

EXECUTOR_FORBIDDEN: Final = message_pattern(r"is forbidden: User \"system:serviceaccount:")
"""The pod's ServiceAccount lacks a permission, for example on workflowtaskresults."""

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

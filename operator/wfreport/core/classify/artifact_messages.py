"""Patterns of messages of argoexec and of artifact stores about artifacts and outputs.

Sources: Argo's executor and artifact drivers (executor.go, artifacts/*), and the stores' own errors.
"""

from typing import Final

from wfreport.core.classify.message_patterns import message_pattern

ARTIFACT_MESSAGE: Final = message_pattern(
    r"artifact \S+ failed to (?:load|save)|failed to (?:load|save) (?:input )?artifact|"
    r"failed to load (?:non-plugin )?input artifacts|required artifact \S{1,300} not supplied|"
    r"failed to (?:put|get) (?:file|directory)|failed to create new (?:S3|OSS) client|NoSuchBucket|NoSuchKey|"
    r"failed to tarball the output|failed to (?:stat|symlink) input artifact|failed to stage files|"
    r"failed to \w{4,10} (?:parent (?:directory )?(?:for|of) |existing path for )?artifact(?: path)? \"|"
    r"plugin \S+ (?:load|save|stream)|"
    r"^failed to save outputs: |"  # Argo 2.x, whose wait container annotated the pod
    r"^verify serviceaccount \S+ has necessary privileges|"  # the same without its start
    r"supervisor (?:presumed dead|reported pre-main failure)"
)
"""Messages of argoexec about artifacts (executor.go, artifacts/*), also if they name none of its own containers."""

LOST_CONNECTION: Final = message_pattern(
    r"unable to upgrade connection|exited too quickly|No such container: |Main container ID cannot be found|"
    r"(?:^|[^d] )container does not exist|(?:container(?:ID)?|pod) \S{1,300} is not found in the pod|"
    r"^(?:failed to save outputs: )?pods \"[^\"]*\" not found"
)
"""argoexec lost the container or its pod."""

TOO_LARGE_OUTPUT: Final = message_pattern(
    r"Too long: must have at most|[Rr]equest entity too large|request is too large|too large to be saved|"
    r"larger than maximum of|exceeds the maximum allowed (?:object )?size|EntityTooLarge|size exceeds limit"
)
"""An output parameter or result is larger than Kubernetes accepts, or an artifact than its store does."""

UNSUPPORTED_ARTIFACT: Final = message_pattern(
    r"not implemented in the \S{1,40} executor|artifacts unsupported|currently unimplemented|did not specify a path|"
    r"No archive location|Archive location provided no|key unsupported(?:: |$)|does not have the key|"
    r"Unsupported artifact driver|contains unsupported characters|XMinioInvalidObjectName|invalid cross-device link|"
    r"(?:gzip|zlib): invalid (?:header|checksum)|archive/tar: invalid tar header|not a valid zip file|"
    r"remote repository is empty|repository already exists"
)
"""The template asks for what its executor or its store cannot do, or names what is not there or no archive."""

MISSING_ARTIFACT: Final = message_pattern(
    r"no such file or directory|[Kk]ey does not exist|NoSuchKey|not supplied|object doesn't exist|BlobNotFound|"
    r"no key found|\b404\b|[Rr]epository not found|reference not found|couldn't find remote ref|"
    r"pathspec '[^']{1,300}' did not match|local file and a tracking branch|matched multiple \(\d+\) remote|"
    r"reference is not a tree|ambiguous argument '|not our ref|[Ii]nvalid refspec|bad (?:object|revision) |"
    r"illegal file path|does not exist (?:\(or \S{1,300} is empty\) )?in archive|"
    r"file does not exist|Could not find the file|not found|"
    r"[Aa]rtifact does not exist|NoSuchVersion|[Ff]ile name too long"
)
"""The file, object or revision does not exist: the store works, and the path is wrong."""

_NOT_ISSUED: Final = (
    r"[Ff]ailed to acquire a token|GCE metadata \"|Unable to generate access token|"
    r"failed to (?:retrieve|refresh) (?:cached )?credentials"
)
DENIED_ARTIFACT: Final = message_pattern(
    r"[Aa]ccess ?[Dd]enied|NoSuchBucket|bucket does ?n[o']t exist|ContainerNotFound|InvalidAccessKeyId|"
    r"SignatureDoesNotMatch|AuthorizationFailure|AuthenticationFailed|\b40[13]\b|Forbidden|"
    r"could not find default credentials|no credential|authentication required|[Uu]nauthorized|"
    r"[Pp]ermission denied|handshake failed|InvalidBucketName|accountKey secret is required|x509: |"
    r"signature (?:we calculated )?does not match|Access Key Id you provided|InvalidClientTokenId|WebIdentityErr|"
    r"NoCredentialProviders|Cannot connect to the Docker daemon|necessary (?:RBAC )?privileges|[Aa]uthorization failed|"
    r"HTTP response to HTTPS client|"
    r"invalid_grant|operation not permitted|"
    r"no configuration has been provided|process namespace sharing is not enabled|"
    # argoexec's image lacks a program, such as git, or is for machines of another kind
    r"executable file not found in \$PATH|exec format error|fork/exec \S{1,300}: (?:no such file|permission denied)|"
    r"(?:open|read|stat|lstat) /argo/secret|no key found$|unable to authenticate|"  # the Secret of the repository
    r"Permission '[^']*' denied|does not have \S{1,100} access|[Aa]ccount (?:is )?[Dd]isabled|"
    r"(?:Invalid|Expired)(?:Security)?Token|SecurityToken(?:Expired|Invalid)|InvalidAuthenticationInfo|"
    r"(?:token|credentials?) (?:\S{1,20} ){0,3}(?:has expired|is expired|expired|malformed|is invalid)|"
    r"AADSTS(?!90006\b|90012\b|90024\b|90033\b|90055\b)\d|"
    r"AuthorizationPermissionMismatch|NotPermitted\b|"
    r"could not read (?:Username|Password)|Host key verification failed|"
    r"KDC_ERR(?!_SVC_UNAVAILABLE)|KRB_AP_ERR|AccessControlException|" + _NOT_ISSUED
)
"""The store, its credentials or argoexec's image are configured wrongly.

A KDC or a directory that is unavailable, or that throttles, refuses nobody: the same credentials may do the next time.
"""

REFUSED_REQUEST: Final = message_pattern(
    r"(?:[Ss]tatus(?:[ _]?[Cc]ode)?[:=]? |returned error: |HTTP(?:/\d\.\d)? |bad response code: |"
    r"googleapi: Error |RESPONSE )(?:40[0256]|41\d|42[1-8])\b|: 400 Bad Request\b"
)
"""The store does not understand the request, or refuses it for what it is."""

TEMPORARY: Final = message_pattern(
    r"RequestTimeout|[Tt]imed? ?out|Throttl|SlowDown|IncompleteBody|RequestTimeTooSkewed"
)
"""Words with which some stores answer 400 to a request that may do the next time."""

NO_TOKEN: Final = message_pattern(_NOT_ISSUED + "|cannot fetch token")
"""No credentials could be had. If the service that issues them did not answer, they may be had the next time."""

MISCONFIGURED_STORE: Final = message_pattern(
    r"does not follow ip address or domain|Endpoint url|Missing Region|[Ii]nvalid [Rr]egion|"
    r"the region '[^']*' is wrong|PermanentRedirect|\b30\d response missing Location|301 Moved|"
    r"must be addressed using the specified endpoint|"
    r"unsupported protocol scheme|missing protocol scheme|"
    r"Bucket name (?:cannot|contains)|invalid (?:port|URL|URI|character in host name)|too many colons in address|"
    r"artifact storage is not configured|need to configure artifact storage|"
    r"bucket is in this region|specified bucket is not valid|location constraint|account is not signed up|"
    r"implies functionality that is not implemented|NotImplemented\b|WORM protected|[Oo]bject [Ll]ock|"
    r"requester pays|minimum free drive threshold|StorageFull|BlobAlreadyExists|repository rejected the artifact|"
    r"missing port in address|first path segment in URL|AuthorizationHeaderMalformed|IllegalLocationConstraint"
)
"""The configuration of the artifact repository names no store that can be reached."""

EXECUTOR_PREFIX: Final = message_pattern(r"failed to (?:save outputs|load artifacts): ")
"""Argo 2.x put it before each error of its executor, whether it was about artifacts or not."""

OF_API_SERVER: Final = message_pattern(
    r"^(?:failed to (?:save outputs|load artifacts): )?"
    r"(?:Failed to establish pod watch: |etcdserver: |Unauthorized$|"
    r"the server (?:was unable|is currently unable|has asked)|Timeout: request did not complete|"
    r"Operation cannot be fulfilled on|Internal error occurred: |"
    r"(?:Get|Post|Put|Patch) \"?https?://[^\s/]{1,253}/api(?:s/argoproj\.io)?/v1)"
)
"""A request of argoexec to the API server failed: for its pod, or for the result of the step."""

OF_TASK_RESULTS: Final = message_pattern(
    r"workflowtaskresults\.argoproj\.io(?: \"[^\"]{1,300}\")? is forbidden: (?!User )|"
    r"could not find the requested resource \((?:get|post|put|patch) workflowtaskresults"
)
"""The result of a step was refused, or its kind is not installed: no artifact is to blame."""

UNTRUSTED_API_SERVER: Final = message_pattern(r"x509: |HTTP response to HTTPS client|: Forbidden$")
"""argoexec cannot talk to what answers at the address of the API server: another pod cannot, either."""

OTHER_VERSION: Final = message_pattern(r"/argo/podmetadata/|unknown command \"[^\"]{1,100}\" for \"argoexec\"")
"""argoexec is of another version than the controller that started it."""

UNKNOWN_FLAG: Final = message_pattern(r"^(?:Error: )?unknown (?:shorthand )?flag: ")
"""The same, if one of argoexec's own containers has it: the controller alone chooses their flags."""

NOT_STARTED: Final = message_pattern(
    r"argument list too long|exec format error|" + OTHER_VERSION.pattern + "|" + UNKNOWN_FLAG.pattern
)
"""argoexec itself could not be started, by the machine or because of what it was given. No artifact is to blame."""

OF_WAIT: Final = message_pattern(
    r"\b(?:save|saving|put|upload|outputs?|wait for|main container|chroot|archive/tar|tarball|workflowtaskresults)\b|"
    r"container named \"main|/(?:docker\.sock|outputs)\b|No such container|/pods\b|\bopen /mainctrfs/"
)
"""What only the wait container does: it waits for main, and stores its outputs."""

OF_INIT: Final = message_pattern(r"failed to load")
"""What only the init container does: it loads inputs."""

OF_EMISSARY: Final = message_pattern(
    r"^(?:failed to find name in PATH|failed to start command|failed to read exit-code of dependency)"
)
"""argoexec's errors in a container of the user, whose program it starts (commands/emissary.go)."""

"""Judges failures of Kubeflow Pipelines' own programs by their last words.

Its driver prepares each step in a pod of its own. Its launcher is the main program of a step: it loads the inputs, runs
the user's program and stores the outputs. Both end with exit code 1, so that only their last line tells them from the
user's program (backend/src/v2/cmd/driver/main.go and launcher-v2/main.go).
"""

import re
from typing import Final

from msgspec import Struct

from wfreport.api.argo import Template
from wfreport.api.classes import Owner
from wfreport.api.kubernetes import Pod
from wfreport.core.classify.artifact_messages import DENIED_ARTIFACT, MISCONFIGURED_STORE
from wfreport.core.classify.kubelet_messages import REGISTRY_ERRORS
from wfreport.core.classify.message_patterns import message_pattern
from wfreport.imports import lazy_pattern


class Judgement(Struct, frozen=True):
    """Who can mend a failure, and whether to run it again.

    Attributes:
        owner: the party that can mend it.
        retryable: whether another attempt may succeed without a change.
    """

    owner: Owner
    retryable: bool


TASK_TEMPLATE: Final = "system-container-impl"
"""The template of all tasks, whose resources come from the pipeline's code."""

_TEMPLATE: Final = lazy_pattern(rf"(?:retry-)?(?:system-(?:dag|container)-driver|{TASK_TEMPLATE})|system-importer")
"""Names of templates that Kubeflow's compiler writes (backend/src/v2/compiler/argocompiler)."""

_CONTAINER: Final = lazy_pattern(
    r"[\w.-]{0,128}(?:kfp|pipelines?)-(?:driver|launcher)(?:[._-][\w.-]{0,128})?(?:[:@][^/]{0,256})?"
)
"""Names and images of their containers without the repository's path, also in builds of other vendors."""

_SPOKEN: Final = lazy_pattern(
    r"(?:[EF]\d{4} [\d:.]{8,20} +\d+ main\.go:\d+\] )?"
    r"(?:KFP driver: (?:driver\.\w{1,20}\([^\n]{0,2000}?\) failed: )?|[Ff]ailed to execute (?:importer )?component: |"
    r"(?=failed to (?:create (?:component launcher|importer launcher)|"
    r"(?:pre-)?publish (?:results to ML|(?:\S{1,20} )?(?:execution|pipeline|task|DAG|driver)\b)|"
    r"initialize (?:metadata|MLMD|ML Metadata|cache|pipelines?|KFP|kubernetes|k8s) ?client)))"
)
"""How their last line begins."""

_OF_THE_USER: Final = message_pattern(
    r"^(?:exit status \d|signal: )|"  # of the program that the launcher ran
    r"resolv(?:e|ing) (?:inputs?|\S{1,40} name|executor input|container (?:command|args)|output artifact)|"
    r"cannot find (?:producer task|output|input|parameter)|no such file or directory|file does not exist|"
    r"executable file not found|fork/exec |mkdir \S{1,300}: permission denied|command and arguments are empty|"
    r"failed to (?:find|read) output parameter|failed to unmarshall? |init container |missing either |"
    r"unable to create directory|invalid value|failed to parse (?:pvc|size|generic)|failed to make podSpecPatch|"
    r"volume mount (?:at|name) |runAsUser=0|unsupported (?:value|storage scheme)|path traversal|"
    r"does not match (?:type|the)|"
    r"failed to (?:download|import) input artifact[^\n]{0,500}(?:NoSuchBucket|NoSuchKey|code ?= ?NotFound)"
)
"""The cause is the pipeline, the program that the launcher ran, or its image."""

_REFUSED: Final = message_pattern(
    r"\bcode = (?:Unimplemented|PermissionDenied|Unauthenticated|FailedPrecondition)|"
    r"\bcode = InvalidArgument desc = Failed to |"
    r"unknown method |flag provided but not defined|is forbidden: User |NoSuchBucket|"
    r"\"(?:mlpipeline|ml-pipeline|kfp|metadata)[\w.-]{0,200}\" not found$|"
    r"failed to (?:retrieve|get Bucket) credentials"
)
"""The platform's services refused the request, or are of another version."""

_UNAVAILABLE: Final = message_pattern(
    r"\bcode ?= ?(?:Unavailable|DeadlineExceeded|Internal|Aborted|ResourceExhausted|Unknown|Canceled|"
    r"AlreadyExists)|upstream connect error|no healthy upstream|RequestError: send request failed|"
    r"[Ff]ailed (?:Get|Put)\w{1,40}\(|failed to (?:list tasks|create task|publish|update DAG)|"
    + REGISTRY_ERRORS.pattern,
    re.IGNORECASE,
)
"""A service of the platform did not answer, or could not: ML Metadata, the pipelines' API server, the store."""


def is_kubeflow_template(name: str) -> bool:
    """Return whether a template has a name that Kubeflow's compiler gives."""
    return _TEMPLATE.fullmatch(name) is not None


def is_of_kubeflow(template_name: str, template: Template | None, pod: Pod | None) -> bool:
    """Return whether the main program of a step is Kubeflow's own, by its template's name, its containers or images."""
    if is_kubeflow_template(template_name):
        return True
    own = (template.container, *template.init_containers) if template else ()
    of_pod = (*pod.spec.containers, *pod.spec.init_containers) if pod else ()
    texts = (text for container in (*own, *of_pod) if container for text in (container.name, container.image))
    return any(_CONTAINER.fullmatch(text.rpartition("/")[2]) for text in texts)


def judge(line: str) -> Judgement | None:
    """Return who can mend what the last line of Kubeflow's own program tells; None if it is the user, or unknown."""
    spoken = _SPOKEN.match(line)
    cause = line[spoken.end() :] if spoken else ""
    if not cause or _OF_THE_USER.search(cause):
        return None
    if _REFUSED.search(cause):
        return Judgement(Owner.PLATFORM, retryable=False)
    if _UNAVAILABLE.search(cause):
        return Judgement(Owner.PLATFORM, retryable=True)
    is_denied = DENIED_ARTIFACT.search(cause) or MISCONFIGURED_STORE.search(cause)
    return Judgement(Owner.PLATFORM, retryable=False) if is_denied else None

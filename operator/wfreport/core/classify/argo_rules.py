"""Rules that read the type of the node and the messages of the controller, the API server and argoexec.

The docstring of each rule is its entry in docs/reference/classifier.md.
"""

from typing import Final

from wfreport.api.argo import NodeType
from wfreport.api.classes import Confidence, FailureClass, Owner
from wfreport.core.classify import agent_messages, argo_messages, artifact_messages, kubelet_messages
from wfreport.core.classify.named_objects import OF_KUBECTL, find_denied
from wfreport.core.classify.pod_rules import KILLED_CODES
from wfreport.core.classify.symptom import ARGOEXEC_CODES, Symptom
from wfreport.core.classify.verdicts import verdict_of
from wfreport.core.snapshot.model import Verdict

_CREATED_BY_CONTROLLER: Final = frozenset({"pods", "persistentvolumeclaims"})
"""Resources that no container of Argo's creates; kubectl's messages are told apart."""
_USED_BY_CONTROLLER: Final = frozenset(
    f"{kind}.argoproj.io" for kind in ("clusterworkflowtemplates", "workflowtasksets", "workflowartifactgctasks")
)
"""Resources that are the controller's alone, but for the pod of an agent, whose messages no node has."""


def cancelled(symptom: Symptom) -> Verdict | None:
    """The Workflow was stopped or terminated while the step ran: by a person, a policy, or its CronWorkflow."""
    if not symptom.was_stopped and not kubelet_messages.STOPPED_MESSAGE.match(symptom.message):
        return None
    return verdict_of(
        symptom, FailureClass.CANCELLED, Confidence.HIGH, "workflow.spec.shutdown", reason=symptom.stop_reason
    )


def request_failed(symptom: Symptom) -> Verdict | None:
    """The request of an HTTP or Plugin template got an error response, or none. There is no exit code."""
    node_type = symptom.node.type if symptom.node else None
    if node_type not in (NodeType.HTTP, NodeType.PLUGIN) or agent_messages.AGENT_POD_FAILED.match(symptom.text):
        return None
    unavailable = agent_messages.HTTP_UNAVAILABLE.search(symptom.message) is not None
    if not unavailable and _was_never_sent(symptom, node_type):
        return None
    owner, retryable = (Owner.INFRASTRUCTURE, True) if unavailable else (None, None)
    return verdict_of(
        symptom,
        FailureClass.EXIT_CODE,
        Confidence.MEDIUM,
        "node.message",
        owner=owner,
        retryable=retryable,
        reason="HTTPError" if node_type == NodeType.HTTP else "PluginError",
    )


def _was_never_sent(symptom: Symptom, node_type: str | None) -> bool:
    """Whether the agent never sent the request. The text of a plugin can contain anything and is not evaluated."""
    if node_type == NodeType.PLUGIN:
        return agent_messages.NO_PLUGIN.search(symptom.message) is not None
    return (
        not agent_messages.HTTP_RESPONSE_ERROR.search(symptom.message)
        and argo_messages.find_refusal(symptom.message) is not None
    )


def resource_failed(symptom: Symptom) -> Verdict | None:
    """The object created by a resource template met its failureCondition, was deleted, or is of an unknown kind."""
    if symptom.ending is not None and argo_messages.RESOURCE_NOT_SERVED.search(symptom.ending.detail):
        return verdict_of(
            symptom, FailureClass.CONFIG_ERROR, Confidence.MEDIUM, "node.message", reason="ResourceNotServed"
        )
    for pattern, reason in argo_messages.RESOURCE_OUTCOMES:
        if pattern.search(symptom.system_text):
            return verdict_of(symptom, FailureClass.EXIT_CODE, Confidence.MEDIUM, "node.message", reason=reason)
    return None


def artifact_failed(symptom: Symptom) -> Verdict | None:
    """One of argoexec's containers (init, wait, supervisor) failed, or the main container failed at an artifact."""
    if not _is_about_artifacts(symptom):
        return None
    owner, retryable = _artifact_owner(symptom.system_text)
    return verdict_of(
        symptom, FailureClass.ARTIFACT_IO, Confidence.MEDIUM, "node.message", owner=owner, retryable=retryable
    )


def _is_about_artifacts(symptom: Symptom) -> bool:
    if artifact_messages.OF_TASK_RESULTS.search(symptom.system_text):
        return False
    if _is_of_api_server(symptom.system_text) or (
        artifact_messages.EXECUTOR_PREFIX.match(symptom.system_text)
        and argo_messages.EXECUTOR_FORBIDDEN.search(symptom.system_text)
    ):
        return False
    if artifact_messages.ARTIFACT_MESSAGE.search(symptom.system_text):
        return True
    by_executor = symptom.ending is not None and symptom.is_argos(symptom.container)
    return (
        by_executor
        and symptom.exit_code not in KILLED_CODES
        and not argo_messages.EXECUTOR_FORBIDDEN.search(symptom.system_text)
        and not artifact_messages.NOT_STARTED.search(symptom.system_text)
    )


def _is_of_api_server(text: str) -> bool:
    """Whether a request of argoexec to the API server failed, and another one may not."""
    return artifact_messages.OF_API_SERVER.search(text) is not None and not (
        artifact_messages.UNTRUSTED_API_SERVER.search(text)
    )


def _may_get_token(text: str) -> bool:
    """Whether the service that issues credentials did not answer."""
    has_no_token = artifact_messages.NO_TOKEN.search(text) is not None
    return has_no_token and kubelet_messages.REGISTRY_ERRORS.search(text) is not None


def _artifact_owner(text: str) -> tuple[Owner | None, bool | None]:
    """Return the owner and whether a retry may succeed; (None, None) for the defaults of the class."""
    if artifact_messages.LOST_CONNECTION.search(text) or _may_get_token(text):
        return None, None
    if artifact_messages.TOO_LARGE_OUTPUT.search(text) or artifact_messages.UNSUPPORTED_ARTIFACT.search(text):
        return Owner.USER, False
    if artifact_messages.DENIED_ARTIFACT.search(text) or artifact_messages.MISCONFIGURED_STORE.search(text):
        return Owner.PLATFORM, False
    if artifact_messages.MISSING_ARTIFACT.search(text):
        return Owner.USER, False
    is_refused = artifact_messages.REFUSED_REQUEST.search(text) and not artifact_messages.TEMPORARY.search(text)
    return (Owner.PLATFORM, False) if is_refused else (None, None)


def refused_or_invalid(symptom: Symptom) -> Verdict | None:
    """The API server, the controller or argoexec rejected it: quota, lock, missing reference, template, size."""
    # the cheap question first: a search for a refusal compiles and tries dozens of patterns
    find = argo_messages.find_executor_refusal if symptom.is_argos(symptom.container) else argo_messages.find_refusal
    refusal = find(symptom.system_text) if _may_be_refused(symptom) else None
    if refusal is None:
        return None
    return verdict_of(
        symptom,
        refusal.failure_class,
        Confidence.MEDIUM,
        "node.message",
        owner=refusal.owner or (Owner.PLATFORM if _is_of_the_controller(symptom) else None),
        retryable=refusal.retryable,
        reason=refusal.reason,
    )


def _is_of_the_controller(symptom: Symptom) -> bool:
    """Whether the controller's own request was refused.

    No container made it, and it is for a resource that the API server does not serve, by an account of another
    namespace, or what only the controller asks for.
    """
    text = symptom.message
    if symptom.ending is not None or OF_KUBECTL.search(text) or artifact_messages.EXECUTOR_PREFIX.match(text):
        return False
    right = find_denied(text)
    account = right.service_account if right else None
    if right is None or account is None:
        return text.endswith("the server could not find the requested resource")
    if account[0] != right.namespace or right.resource in _USED_BY_CONTROLLER:
        return True
    return right.verb == "create" and right.resource in _CREATED_BY_CONTROLLER


def _may_be_refused(symptom: Symptom) -> bool:
    """Whether the text is that of argoexec, if it is that of a container: before Argo 3.5 its exit code was 1."""
    ending = symptom.ending
    return ending is None or ending.code in ARGOEXEC_CODES or symptom.is_argoexec


def entry_template_failed(symptom: Symptom) -> Verdict | None:
    """The controller could not run the entrypoint or the exit handler, and no earlier rule found a cause."""
    if not argo_messages.ENTRY_TEMPLATE_ERROR.match(symptom.text):
        return None
    return verdict_of(
        symptom, FailureClass.CONTROLLER_ERROR, Confidence.MEDIUM, "node.message", reason="ControllerError"
    )


def daemon_exited(symptom: Symptom) -> Verdict | None:
    """A daemon ended with exit code 0 too early. Argo marks it as Failed, without a message (operator.go:1491)."""
    node = symptom.node
    if node is None or node.type != NodeType.POD or symptom.message or not symptom.may_be_daemon:
        return None
    if node.outputs is None or node.outputs.exit_code != "0":
        return None
    return verdict_of(
        symptom, FailureClass.EXIT_CODE, Confidence.MEDIUM, "node.outputs.exitCode", reason="DaemonExited"
    )


def suspend_failed_by_user(symptom: Symptom) -> Verdict | None:
    """A Suspend node failed. Only a person can cause that (``argo stop --node-field-selector``, ``argo node set``)."""
    if symptom.node is None or symptom.node.type != NodeType.SUSPEND:
        return None
    return verdict_of(symptom, FailureClass.CANCELLED, Confidence.MEDIUM, "node.type", reason="SuspendFailed")

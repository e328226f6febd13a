"""From a failed leaf and what was seen of its pod to a class: an ordered chain of small rules, the first decides.

Order of evidence (design.md §4): the captured pod, then Argo's message, then an exit code alone. OOMKilled stands
before the exit code, since a killed child shows as 1, not 137 (reference/real-node.md). Adding a rule is one function
and one line in ``RULES``.
"""

import re
from collections.abc import Callable

from wfreport.api.argo import NodeType
from wfreport.api.classes import Confidence, FailureClass, Owner
from wfreport.core import texts
from wfreport.core.model import Verdict
from wfreport.core.symptom import Symptom

EXECUTOR_CONTAINERS = frozenset({"init", "wait", "supervisor"})
"""argoexec's own containers: their memory and their errors are not the user's program's."""

_SIGKILL, _SIGTERM, _SIGNAL_BASE, _ARGOEXEC_ERROR = 9, 15, 128, 64


Rule = Callable[[Symptom], Verdict | None]

_DEFAULTS: dict[FailureClass, tuple[Owner, bool]] = {
    FailureClass.OOM_KILLED: (Owner.USER, False),
    FailureClass.NODE_LOST: (Owner.INFRASTRUCTURE, True),
    FailureClass.EVICTED: (Owner.INFRASTRUCTURE, True),
    FailureClass.PREEMPTED: (Owner.INFRASTRUCTURE, True),
    FailureClass.POD_DELETED: (Owner.INFRASTRUCTURE, True),
    FailureClass.IMAGE_PULL: (Owner.USER, False),
    FailureClass.CONFIG_ERROR: (Owner.USER, False),
    FailureClass.UNSCHEDULABLE: (Owner.INFRASTRUCTURE, True),
    FailureClass.TIMEOUT: (Owner.USER, True),
    FailureClass.EXIT_CODE: (Owner.USER, False),
    FailureClass.KILLED: (Owner.INFRASTRUCTURE, True),
    FailureClass.ARTIFACT_IO: (Owner.PLATFORM, True),
    FailureClass.LOCK_WAIT: (Owner.USER, True),
    FailureClass.TEMPLATE_ERROR: (Owner.USER, False),
    FailureClass.QUOTA_EXCEEDED: (Owner.PLATFORM, True),
    FailureClass.CONTROLLER_ERROR: (Owner.PLATFORM, True),
    FailureClass.CANCELLED: (Owner.USER, False),
    FailureClass.UNKNOWN: (Owner.USER, False),
}


def classify_failure(symptom: Symptom) -> Verdict:
    """What kind of failure it is, by the first rule that fits."""
    for rule in RULES:
        verdict = rule(symptom)
        if verdict is not None:
            return verdict
    return _verdict(symptom, FailureClass.UNKNOWN, Confidence.LOW, "message" if symptom.message else "none")


def _verdict(
    symptom: Symptom,
    failure_class: FailureClass,
    confidence: Confidence,
    evidence: str,
    *,
    owner: Owner | None = None,
    retryable: bool | None = None,
    reason: str | None = None,
    container: str | None = None,
) -> Verdict:
    default_owner, default_retryable = _DEFAULTS[failure_class]
    return Verdict(
        failure_class=failure_class,
        owner=owner or default_owner,
        retryable=default_retryable if retryable is None else retryable,
        confidence=confidence,
        evidence=evidence,
        reason=reason or symptom.pod_reason or (symptom.ending.reason if symptom.ending else None),
        container=container or symptom.container,
        signal=_signal(symptom.exit_code),
    )


def _signal(exit_code: int | None) -> int | None:
    return exit_code - _SIGNAL_BASE if exit_code is not None and _SIGNAL_BASE < exit_code <= _SIGNAL_BASE + 64 else None


# --- the rules, in order


def cancelled_by_hand(symptom: Symptom) -> Verdict | None:
    """A person stopped or terminated the Workflow while this ran."""
    if not symptom.was_stopped:
        return None
    return _verdict(
        symptom, FailureClass.CANCELLED, Confidence.HIGH, "workflow.spec.shutdown", reason="WorkflowStopped"
    )


def pod_disrupted(symptom: Symptom) -> Verdict | None:
    """The pod itself says that it was evicted, preempted, or lost its machine."""
    found = texts.POD_REASONS.get(symptom.pod_reason) or texts.DISRUPTION_REASONS.get(symptom.disruption_reason)
    if found is None:
        return None
    owner = _eviction_owner(symptom.pod_message) if found == FailureClass.EVICTED else None
    reason = symptom.pod_reason or symptom.disruption_reason
    return _verdict(symptom, found, Confidence.HIGH, "pod.status.reason", owner=owner, reason=reason)


def kubelet_said_so(symptom: Symptom) -> Verdict | None:
    """Argo's message is the pod's own text, which wins over everything else there (operator.go:1786).

    The reason itself is lost.
    """
    for pattern, found in texts.KUBELET_MESSAGES:
        if pattern.search(symptom.message):
            owner = _eviction_owner(symptom.message) if found == FailureClass.EVICTED else None
            return _verdict(symptom, found, Confidence.MEDIUM, "node.message", owner=owner, reason=found.value)
    return None


def _eviction_owner(message: str) -> Owner | None:
    return Owner.USER if texts.OWN_STORAGE_LIMIT.search(message) else None


def waited_until_the_deadline(symptom: Symptom) -> Verdict | None:
    """A deadline passed while the pod could not start: what it waited for is the cause."""
    if not _deadline_passed(symptom):
        return None
    for pattern, found in texts.WAITING_EVENTS:
        for text in (*symptom.event_texts, *_waiting_texts(symptom)):
            if pattern.search(text):
                return _verdict(symptom, found, Confidence.HIGH, "pod.events", reason=_waiting_reason(text, found))
    return None


def deadline_passed(symptom: Symptom) -> Verdict | None:
    """A deadline of the pod, the template or the Workflow passed."""
    if not _deadline_passed(symptom):
        return None
    confidence = Confidence.HIGH if symptom.pod_reason else Confidence.MEDIUM
    evidence = "pod.status.reason" if symptom.pod_reason else "node.message"
    reason = symptom.pod_reason or ("WorkflowDeadlineExceeded" if symptom.deadline_passed else "Timeout")
    return _verdict(symptom, FailureClass.TIMEOUT, confidence, evidence, reason=reason)


def _deadline_passed(symptom: Symptom) -> bool:
    return (
        symptom.deadline_passed
        or symptom.pod_reason == "DeadlineExceeded"
        or any(pattern.search(symptom.message) for pattern in texts.DEADLINE_MESSAGES)
    )


def _waiting_texts(symptom: Symptom) -> list[str]:
    waiting = (status.state.waiting for status in symptom.container_statuses() if status.state is not None)
    return [f"{state.reason} {state.message}" for state in waiting if state is not None]


def _waiting_reason(text: str, found: FailureClass) -> str:
    known = texts.WAITING_REASON.search(text)
    return known.group(0) if known else texts.USUAL_WAITING_REASON[found]


def pod_vanished(symptom: Symptom) -> Verdict | None:
    """The pod was deleted under the running step; NodeLost where its Events say that the machine went first."""
    if symptom.message not in ("pod deleted", "container deleted"):
        return None
    lost = next((text for text in symptom.event_texts if texts.NODE_LOST_EVENT.search(text)), None)
    if lost is not None:
        return _verdict(symptom, FailureClass.NODE_LOST, Confidence.HIGH, "pod.events", reason=lost.split(" ", 1)[0])
    return _verdict(symptom, FailureClass.POD_DELETED, Confidence.MEDIUM, "node.message", reason="PodDeleted")


def out_of_memory(symptom: Symptom) -> Verdict | None:
    """A container was killed for its memory; argoexec's own containers are the platform's to size."""
    killed = [name for name, terminated in symptom.terminations() if terminated.reason == "OOMKilled"]
    named = symptom.container
    by_message = symptom.ending is not None and symptom.ending.reason == "OOMKilled"
    if not by_message and not _killed_is_the_cause(killed, named, symptom):
        return None
    container = named if by_message or named in killed else killed[0]
    owner = Owner.PLATFORM if container in EXECUTOR_CONTAINERS else Owner.USER
    confidence, evidence = (Confidence.HIGH, "pod.containerStatuses") if killed else (Confidence.MEDIUM, "node.message")
    return _verdict(
        symptom,
        FailureClass.OOM_KILLED,
        confidence,
        evidence,
        owner=owner,
        reason="OOMKilled",
        container=container,
    )


def _killed_is_the_cause(killed: list[str], named: str | None, symptom: Symptom) -> bool:
    """Whether an OOM kill seen on the pod is what failed the step.

    It hit the named container, or the step was killed without a word.
    """
    if not killed:
        return False
    return named in killed or named is None or symptom.exit_code == _SIGNAL_BASE + _SIGKILL


def could_not_start(symptom: Symptom) -> Verdict | None:
    """Image, Secret, ConfigMap or command: a container could not be started, by its state or by Argo's message."""
    sources = (
        (text, Confidence.HIGH, "pod.containerStatuses") for text in (*_waiting_texts(symptom), *_start_errors(symptom))
    )
    for text, confidence, evidence in (*sources, (symptom.message, Confidence.MEDIUM, "node.message")):
        for pattern, found in texts.WAITING_EVENTS:
            if pattern.search(text):
                return _starting_verdict(symptom, found, text, confidence, evidence)
    return None


def _start_errors(symptom: Symptom) -> list[str]:
    return [f"{t.reason} {t.message}" for _, t in symptom.terminations() if t.reason in texts.START_ERROR_REASONS]


def _starting_verdict(
    symptom: Symptom, found: FailureClass, text: str, confidence: Confidence, evidence: str
) -> Verdict:
    throttled = found == FailureClass.IMAGE_PULL and texts.REGISTRY_TROUBLE.search(text) is not None
    owner, retryable = (Owner.INFRASTRUCTURE, True) if throttled else (None, None)
    return _verdict(
        symptom,
        found,
        confidence,
        evidence,
        owner=owner,
        retryable=retryable,
        reason=_waiting_reason(text, found),
    )


def never_started(symptom: Symptom) -> Verdict | None:
    """The pod failed before its main container started, and nothing says why.

    The machine's doing (Flyte: UnknownError is system).
    """
    match = texts.FAILED_BEFORE_START.search(symptom.message)
    if match is None:
        return None
    reason = match.group(1) or "NeverStarted"
    return _verdict(
        symptom,
        FailureClass.UNKNOWN,
        Confidence.LOW,
        "node.message",
        owner=Owner.INFRASTRUCTURE,
        retryable=True,
        reason=reason,
    )


def artifact_trouble(symptom: Symptom) -> Verdict | None:
    """One of argoexec's containers (init, wait, supervisor) failed, or main did over an artifact."""
    ending = symptom.ending
    by_executor = ending is not None and ending.container in EXECUTOR_CONTAINERS
    if not by_executor and not texts.ARTIFACT_MESSAGE.search(symptom.message):
        return None
    missing = texts.MISSING_ARTIFACT.search(symptom.message) is not None
    owner, retryable = (Owner.USER, False) if missing else (None, None)
    return _verdict(
        symptom, FailureClass.ARTIFACT_IO, Confidence.MEDIUM, "node.message", owner=owner, retryable=retryable
    )


def refused_or_invalid(symptom: Symptom) -> Verdict | None:
    """The API server, the controller or argoexec refused it: quota, lock, missing reference, template, size."""
    if symptom.ending is not None and symptom.ending.code != _ARGOEXEC_ERROR:
        return None
    for pattern, found, reason in texts.REFUSALS:
        if pattern.search(symptom.message):
            return _verdict(symptom, found, Confidence.MEDIUM, "node.message", reason=reason)
    return None


def killed_by_signal(symptom: Symptom) -> Verdict | None:
    """137 or 143, and nothing better is known."""
    if symptom.exit_code not in (_SIGNAL_BASE + _SIGKILL, _SIGNAL_BASE + _SIGTERM):
        return None
    return _verdict(symptom, FailureClass.KILLED, Confidence.LOW, "exit code")


def own_exit_code(symptom: Symptom) -> Verdict | None:
    """The step's own program ended with it."""
    if symptom.exit_code is None:
        return None
    confidence = (
        Confidence.HIGH
        if any(t.exit_code == symptom.exit_code for _, t in symptom.terminations())
        else Confidence.MEDIUM
    )
    return _verdict(symptom, FailureClass.EXIT_CODE, confidence, "exit code")


def own_request_failed(symptom: Symptom) -> Verdict | None:
    """An HTTP or Plugin template was answered badly; there is no exit code."""
    if symptom.node is None or symptom.node.type not in (NodeType.HTTP, NodeType.PLUGIN):
        return None
    reason = "HTTPError" if symptom.node.type == NodeType.HTTP else "PluginError"
    return _verdict(symptom, FailureClass.EXIT_CODE, Confidence.MEDIUM, "node.message", reason=reason)


def daemon_exited(symptom: Symptom) -> Verdict | None:
    """A daemon ended with 0 while it was needed: Failed, without a message (operator.go:1491)."""
    node = symptom.node
    if (
        node is None
        or node.type != NodeType.POD
        or symptom.message
        or not (node.outputs and node.outputs.exit_code == "0")
    ):
        return None
    return _verdict(symptom, FailureClass.EXIT_CODE, Confidence.MEDIUM, "node.outputs.exitCode", reason="DaemonExited")


def failed_by_hand(symptom: Symptom) -> Verdict | None:
    """A Suspend node fails only when a person says so (``argo stop --node-field-selector``, ``argo node set``)."""
    if symptom.node is None or symptom.node.type != NodeType.SUSPEND:
        return None
    return _verdict(symptom, FailureClass.CANCELLED, Confidence.MEDIUM, "node.type", reason="SuspendFailed")


RULES: tuple[Rule, ...] = (
    cancelled_by_hand,
    pod_disrupted,
    kubelet_said_so,
    waited_until_the_deadline,
    deadline_passed,
    pod_vanished,
    out_of_memory,
    could_not_start,
    never_started,
    artifact_trouble,
    refused_or_invalid,
    killed_by_signal,
    own_exit_code,
    own_request_failed,
    daemon_exited,
    failed_by_hand,
)


def rule_table() -> list[tuple[str, str]]:
    """Name and meaning of every rule, in order: the documentation is made from it."""
    return [(rule.__name__, re.sub(r"\s+", " ", (rule.__doc__ or "").strip())) for rule in RULES]

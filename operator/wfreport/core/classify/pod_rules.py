"""The rules that read the pod and what the kubelet said: a captured pod first, then its text in Argo's message."""

from typing import Final

from wfreport.api.argo import NodeType
from wfreport.api.classes import Confidence, FailureClass, Owner
from wfreport.core.classify import kubelet_messages
from wfreport.core.classify.symptom import ARGOEXEC_CODES, EXECUTOR_CONTAINERS, START_ERROR_REASONS, Symptom
from wfreport.core.classify.verdicts import SIGNAL_BASE, verdict_of
from wfreport.core.snapshot.model import Verdict

KILLED_CODES = frozenset({SIGNAL_BASE + 9, SIGNAL_BASE + 15})
"""Exit codes of SIGKILL and SIGTERM."""

_SIGKILL_CODE = SIGNAL_BASE + 9
_DELETED_MESSAGES = frozenset({"pod deleted", "container deleted"})  # operator.go:1341, 1376


WAITED_FOR: Final = "report.waiting"
"""Where what a step waited for was read, when nothing is left of its pod."""


def pod_disrupted(symptom: Symptom) -> Verdict | None:
    """The pod itself says that it was evicted, preempted, rejected by its machine, or lost it."""
    found = kubelet_messages.class_of_pod_reason(symptom.pod_reason) or kubelet_messages.DISRUPTION_REASONS.get(
        symptom.disruption_reason
    )
    if found is None:
        return None
    reason = symptom.pod_reason or symptom.disruption_reason
    return _taken_away(symptom, found, Confidence.HIGH, "pod.status.reason", symptom.pod_message, reason)


def kubelet_said_so(symptom: Symptom) -> Verdict | None:
    """Argo's message is the pod's own text, which wins over everything else there (operator.go:1786).

    The reason itself is lost.
    """
    if symptom.ending is not None:
        return None
    for pattern, found in kubelet_messages.KUBELET_MESSAGES:
        if pattern.search(symptom.message):
            return _taken_away(symptom, found, Confidence.MEDIUM, "node.message", symptom.message, found.value)
    return None


def _taken_away(
    symptom: Symptom, found: FailureClass, confidence: Confidence, evidence: str, text: str, reason: str
) -> Verdict:
    own_limit = found == FailureClass.EVICTED and kubelet_messages.OWN_STORAGE_LIMIT.search(text) is not None
    owner, retryable = (Owner.USER, False) if own_limit else (None, None)
    return verdict_of(symptom, found, confidence, evidence, owner=owner, retryable=retryable, reason=reason)


def waited_until_the_deadline(symptom: Symptom) -> Verdict | None:
    """A deadline passed while the step could not start: what it waited for, a lock or its pod's start, is the cause."""
    if not _deadline_passed(symptom):
        return None
    if symptom.node is not None and symptom.node.synchronization_status and symptom.node.synchronization_status.waiting:
        return verdict_of(
            symptom, FailureClass.LOCK_WAIT, Confidence.MEDIUM, "node.synchronizationStatus", reason="LockWait"
        )
    seen = _kept_from_starting(symptom, symptom.startup_texts, Confidence.HIGH, "pod.events")
    if seen is not None or symptom.has_started or not symptom.waited_for:
        return seen
    return _kept_from_starting(symptom, (symptom.waited_for,), Confidence.MEDIUM, WAITED_FOR)


def deadline_passed(symptom: Symptom) -> Verdict | None:
    """A deadline of the pod, the template, the retries or the Workflow passed."""
    if not _deadline_passed(symptom):
        return None
    confidence = Confidence.HIGH if symptom.pod_reason else Confidence.MEDIUM
    evidence = "pod.status.reason" if symptom.pod_reason else "node.message"
    reason = symptom.pod_reason or ("WorkflowDeadlineExceeded" if symptom.deadline_passed else "Timeout")
    return verdict_of(symptom, FailureClass.TIMEOUT, confidence, evidence, reason=reason)


def _deadline_passed(symptom: Symptom) -> bool:
    return (
        symptom.deadline_passed
        or symptom.pod_reason == "DeadlineExceeded"
        or (
            symptom.ending is None
            and any(pattern.search(symptom.message) for pattern in kubelet_messages.DEADLINE_MESSAGES)
        )
    )


def out_of_memory(symptom: Symptom) -> Verdict | None:
    """A container was killed for its memory; argoexec's own containers are the platform's to size."""
    killed = [name for name, terminated in symptom.terminations() if terminated.reason == "OOMKilled"]
    by_message = symptom.ending is not None and symptom.ending.reason == "OOMKilled"
    container = symptom.container if by_message else _killed_culprit(killed, symptom)
    if container is None:
        return None
    owner = Owner.PLATFORM if container in EXECUTOR_CONTAINERS else Owner.USER
    seen = container in killed
    return verdict_of(
        symptom,
        FailureClass.OOM_KILLED,
        Confidence.HIGH if seen else Confidence.MEDIUM,
        "pod.containerStatuses" if seen else "node.message",
        owner=owner,
        reason="OOMKilled",
        container=container,
    )


def _killed_culprit(killed: list[str], symptom: Symptom) -> str | None:
    """The OOM-killed container that made the step fail.

    The named one; where none is named, or the named one was killed without a word, any; argoexec's own where main
    ended with argoexec's code for it.
    """
    named = symptom.container
    if named in killed:
        return named
    if symptom.node is not None and symptom.node.type == NodeType.CONTAINER:
        return None
    if symptom.exit_code in ARGOEXEC_CODES:
        killed = [name for name in killed if name in EXECUTOR_CONTAINERS]
    elif named is not None and symptom.exit_code != _SIGKILL_CODE:
        return None
    return next(iter(killed), None)


def disrupted_by_event(symptom: Symptom) -> Verdict | None:
    """The step was killed, deleted or lost without a word, and the pod's Events say who took it."""
    wordless = (
        symptom.exit_code in KILLED_CODES
        or symptom.message in _DELETED_MESSAGES
        or kubelet_messages.FAILED_BEFORE_START.search(symptom.message) is not None
    )
    if not wordless:
        return None
    for pattern, found in kubelet_messages.DISRUPTION_EVENTS:
        told = next((text for text in symptom.event_texts if pattern.search(text)), None)
        if told is not None:
            reason, _, message = told.partition(" ")
            return _taken_away(symptom, found, Confidence.HIGH, "pod.events", message, reason)
    return None


def container_lost(symptom: Symptom) -> Verdict | None:
    """The runtime lost the container: its machine, or what runs containers there, was restarted."""
    ending = symptom.ending
    if ending is None or (ending.reason, ending.code) not in kubelet_messages.LOST_CONTAINERS:
        return None
    return verdict_of(symptom, FailureClass.NODE_LOST, Confidence.MEDIUM, "node.message")


def pod_vanished(symptom: Symptom) -> Verdict | None:
    """The pod was deleted under the running step, and nothing says by whom."""
    if symptom.message not in _DELETED_MESSAGES:
        return None
    return verdict_of(symptom, FailureClass.POD_DELETED, Confidence.MEDIUM, "node.message", reason="PodDeleted")


def could_not_start(symptom: Symptom) -> Verdict | None:
    """Image, Secret, ConfigMap or command: a container could not be started, by its state or by Argo's message."""
    ending = symptom.ending
    if ending is not None:
        if ending.reason not in START_ERROR_REASONS:
            return None
        text = f"{ending.reason} {ending.detail}"
        return _kept_from_starting(symptom, (text,), Confidence.MEDIUM, "node.message")
    start_errors = (f"{t.reason} {t.message}" for _, t in symptom.terminations() if t.reason in START_ERROR_REASONS)
    by_state = (*symptom.waiting_texts, *start_errors)
    return _kept_from_starting(symptom, by_state, Confidence.HIGH, "pod.containerStatuses") or _kept_from_starting(
        symptom, (symptom.message,), Confidence.MEDIUM, "node.message"
    )


def _kept_from_starting(
    symptom: Symptom, told: tuple[str, ...], confidence: Confidence, evidence: str
) -> Verdict | None:
    """What the texts say of a container's start; the owner by all of them, since only one may name the cause."""
    for pattern, found in kubelet_messages.WAITING_TEXTS:
        text = next((text for text in told if pattern.search(text)), None)
        if text is not None:
            trouble = (
                kubelet_messages.REGISTRY_TROUBLE
                if found == FailureClass.IMAGE_PULL
                else kubelet_messages.VOLUME_TROUBLE
            )
            passing = found != FailureClass.UNSCHEDULABLE and any(trouble.search(one) for one in told)
            owner, retryable = (Owner.INFRASTRUCTURE, True) if passing else (None, None)
            reason = _waiting_reason(text, found)
            return verdict_of(symptom, found, confidence, evidence, owner=owner, retryable=retryable, reason=reason)
    return None


def _waiting_reason(text: str, found: FailureClass) -> str:
    known = kubelet_messages.WAITING_REASON.search(text)
    return known.group(0) if known else kubelet_messages.USUAL_WAITING_REASON[found]


def never_started(symptom: Symptom) -> Verdict | None:
    """The pod failed, no container of it says why, and neither does anything else.

    The machine's doing (Flyte: UnknownError is system).
    """
    match = kubelet_messages.FAILED_BEFORE_START.search(symptom.message)
    if match is None:
        return None
    return verdict_of(
        symptom,
        FailureClass.UNKNOWN,
        Confidence.LOW,
        "node.message",
        owner=Owner.INFRASTRUCTURE,
        retryable=True,
        reason=match.group(1) or "NeverStarted",
    )


def killed_by_signal(symptom: Symptom) -> Verdict | None:
    """137 or 143, and nothing better is known."""
    if symptom.exit_code not in KILLED_CODES:
        return None
    return verdict_of(symptom, FailureClass.KILLED, Confidence.LOW, "exit code")


def own_exit_code(symptom: Symptom) -> Verdict | None:
    """The step's own program ended with it."""
    if symptom.exit_code is None:
        return None
    seen = any(terminated.exit_code == symptom.exit_code for _, terminated in symptom.terminations())
    confidence = Confidence.HIGH if seen else Confidence.MEDIUM
    return verdict_of(symptom, FailureClass.EXIT_CODE, confidence, "exit code")

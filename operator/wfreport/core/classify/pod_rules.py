"""Rules that read the captured pod, or the kubelet's text in Argo's message.

The docstring of each rule is its entry in docs/reference/classifier.md.
"""

from typing import Final

from wfreport.api.argo import MAIN_CONTAINER, NodeType
from wfreport.api.classes import Confidence, FailureClass, Owner
from wfreport.core.classify import kubelet_messages
from wfreport.core.classify.failed_pod import AGENT_TYPES
from wfreport.core.classify.symptom import ARGOEXEC_CODES, Symptom
from wfreport.core.classify.verdicts import SIGNAL_BASE, verdict_of
from wfreport.core.snapshot.messages import ExitMessage
from wfreport.core.snapshot.model import Verdict
from wfreport.core.snapshot.pod_states import START_ERROR_REASONS, has_start_error

KILLED_CODES = frozenset({SIGNAL_BASE + 9, SIGNAL_BASE + 15})
"""Exit codes of SIGKILL and SIGTERM."""

_SIGKILL_CODE = SIGNAL_BASE + 9
_DELETED_MESSAGES = frozenset(
    {"pod deleted", "container deleted", "pod deleted during operation", "pod termination"}
)  # operator.go:1341, 1376; the last two before 3.0 and 2.6

STORED_WAITING: Final = "report.waiting"
"""The place of evidence that the stored report has of a wait, if nothing remains of the pod."""


def disrupted_by_pod_status(symptom: Symptom) -> Verdict | None:
    """The pod's own status shows that it was evicted, preempted, rejected by its machine, or lost with it."""
    by_condition = kubelet_messages.DISRUPTION_REASONS.get(symptom.disruption_reason)
    failure_class = kubelet_messages.class_of_pod_reason(symptom.pod_reason) or by_condition
    if failure_class is None:
        return None
    reason = symptom.pod_reason or symptom.disruption_reason
    return _disruption(symptom, failure_class, Confidence.HIGH, "pod.status.reason", symptom.pod_message, reason)


def disrupted_by_message(symptom: Symptom) -> Verdict | None:
    """Argo's message is that of the pod and has the kubelet's text for a disruption.

    Argo copies this message, if there is one, and drops the pod's reason (operator.go:1786).
    """
    if symptom.ending is not None:
        return None
    text = symptom.message
    for pattern, failure_class in kubelet_messages.KUBELET_MESSAGES:
        if pattern.search(text):
            return _disruption(symptom, failure_class, Confidence.MEDIUM, "node.message", text, failure_class.value)
    return None


def _disruption(
    symptom: Symptom, failure_class: FailureClass, confidence: Confidence, evidence: str, text: str, reason: str
) -> Verdict:
    own_limit = failure_class == FailureClass.EVICTED and kubelet_messages.OWN_STORAGE_LIMIT.search(text) is not None
    owner, retryable = (Owner.USER, False) if own_limit else (None, None)
    return verdict_of(symptom, failure_class, confidence, evidence, owner=owner, retryable=retryable, reason=reason)


def deadline_while_waiting(symptom: Symptom) -> Verdict | None:
    """A deadline passed before the step could start. The cause is its wait: for a lock, or for the start of its pod."""
    if not _is_deadline_exceeded(symptom):
        return None
    if symptom.node is not None and symptom.node.synchronization_status and symptom.node.synchronization_status.waiting:
        return verdict_of(
            symptom, FailureClass.LOCK_WAIT, Confidence.MEDIUM, "node.synchronizationStatus", reason="LockWait"
        )
    failure = _start_failure(symptom, symptom.startup_texts, Confidence.HIGH, "pod.events")
    if failure is not None or symptom.has_started or not symptom.stored_waiting_text:
        return failure
    return _start_failure(symptom, (symptom.stored_waiting_text,), Confidence.MEDIUM, STORED_WAITING)


def deadline_exceeded(symptom: Symptom) -> Verdict | None:
    """A deadline of the pod, the template, all attempts of a step (`maxDuration`) or the Workflow passed."""
    if not _is_deadline_exceeded(symptom):
        return None
    confidence = Confidence.HIGH if symptom.pod_reason else Confidence.MEDIUM
    evidence = "pod.status.reason" if symptom.pod_reason else "node.message"
    return verdict_of(symptom, FailureClass.TIMEOUT, confidence, evidence, reason=_deadline_reason(symptom))


def _deadline_reason(symptom: Symptom) -> str:
    if symptom.pod_reason:
        return symptom.pod_reason
    if symptom.workflow_deadline_exceeded:
        return "WorkflowDeadlineExceeded"
    return "MaxDurationExceeded" if symptom.max_duration_exceeded else "Timeout"


def _is_deadline_exceeded(symptom: Symptom) -> bool:
    return (
        symptom.workflow_deadline_exceeded
        or (symptom.max_duration_exceeded and out_of_memory(symptom) is None)
        or symptom.pod_reason == "DeadlineExceeded"
        or (
            symptom.ending is None
            and any(pattern.search(symptom.message) for pattern in kubelet_messages.DEADLINE_MESSAGES)
        )
    )


def out_of_memory(symptom: Symptom) -> Verdict | None:
    """A container was killed for exceeding its memory limit. The platform is responsible for argoexec's containers."""
    killed = [name for name, terminated in symptom.terminations() if terminated.reason == "OOMKilled"]
    is_bare = symptom.message == "OOMKilled"  # the whole message before Argo 3
    by_message = is_bare or (symptom.ending is not None and _is_out_of_memory(symptom.ending))
    container = symptom.container or MAIN_CONTAINER if by_message else _oom_killed_container(killed, symptom)
    if container is None:
        return None
    is_in_agent = symptom.node is not None and symptom.node.type in AGENT_TYPES
    owner = Owner.PLATFORM if is_in_agent or symptom.is_argos(container) else Owner.USER
    by_status = container in killed
    return verdict_of(
        symptom,
        FailureClass.OOM_KILLED,
        Confidence.HIGH if by_status else Confidence.MEDIUM,
        "pod.containerStatuses" if by_status else "node.message",
        owner=owner,
        reason="OOMKilled",
        container=container,
    )


def _is_out_of_memory(ending: ExitMessage) -> bool:
    """Whether the kernel killed the container, or already the process that starts it."""
    is_at_start = ending.reason in START_ERROR_REASONS
    return ending.reason == "OOMKilled" or (
        is_at_start and kubelet_messages.INIT_OUT_OF_MEMORY.search(ending.detail) is not None
    )


def _oom_killed_container(killed: list[str], symptom: Symptom) -> str | None:
    """Return the OOM-killed container that made the step fail; None if no killed container did.

    * The container that the message names, if it was OOM-killed.
    * One of argoexec's own, if the exit code is argoexec's.
    * Any of them, if the message names none, or if the named one was killed by SIGKILL without a reason.
    """
    named = symptom.container
    if named in killed:
        return named
    if symptom.node is not None and symptom.node.type == NodeType.CONTAINER:
        return None
    if symptom.exit_code in ARGOEXEC_CODES:
        killed = [name for name in killed if symptom.is_argos(name)]
    elif named is not None and symptom.exit_code != _SIGKILL_CODE:
        return None
    return next(iter(killed), None)


def disrupted_by_event(symptom: Symptom) -> Verdict | None:
    """The pod's Events name a disruption, and Argo's message has no cause.

    The message only shows that the step was killed or deleted, or that it failed before its start.
    """
    has_no_cause = (
        symptom.exit_code in KILLED_CODES
        or symptom.message in _DELETED_MESSAGES
        or kubelet_messages.FAILED_BEFORE_START.search(symptom.message) is not None
    )
    if not has_no_cause:
        return None
    for pattern, failure_class in kubelet_messages.DISRUPTION_EVENTS:
        event = next((text for text in symptom.event_texts if pattern.search(text)), None)
        if event is not None:
            reason, _, message = event.partition(" ")
            return _disruption(symptom, failure_class, Confidence.HIGH, "pod.events", message, reason)
    return None


def container_lost(symptom: Symptom) -> Verdict | None:
    """The runtime lost the container, because the machine or its container runtime was restarted."""
    ending = symptom.ending
    if ending is None or (ending.reason, ending.code) not in kubelet_messages.LOST_CONTAINERS:
        return None
    return verdict_of(symptom, FailureClass.NODE_LOST, Confidence.MEDIUM, "node.message")


def pod_deleted(symptom: Symptom) -> Verdict | None:
    """The pod was deleted while the step ran, and nothing shows by whom."""
    if symptom.message not in _DELETED_MESSAGES:
        return None
    return verdict_of(symptom, FailureClass.POD_DELETED, Confidence.MEDIUM, "node.message", reason="PodDeleted")


def container_start_failed(symptom: Symptom) -> Verdict | None:
    """A container could not start because of its image, a Secret, a ConfigMap or its command.

    Its state shows it, or Argo's message.
    """
    ending = symptom.ending
    if ending is not None:
        if ending.reason not in START_ERROR_REASONS:
            return None
        text = f"{ending.reason} {ending.detail}"
        return _start_failure(symptom, (text,), Confidence.MEDIUM, "node.message")
    start_errors = (f"{t.reason} {t.message}" for _, t in symptom.terminations() if has_start_error(t))
    by_state = (*symptom.waiting_texts, *start_errors)
    return _start_failure(symptom, by_state, Confidence.HIGH, "pod.containerStatuses") or _start_failure(
        symptom, (symptom.message,), Confidence.MEDIUM, "node.message"
    )


def _start_failure(symptom: Symptom, texts: tuple[str, ...], confidence: Confidence, evidence: str) -> Verdict | None:
    """Classify by the first text about a failed start. All texts decide on the owner, as any may contain the cause."""
    for pattern, failure_class in kubelet_messages.START_FAILURES:
        text = next((text for text in texts if pattern.search(text)), None)
        if text is not None:
            is_temporary = failure_class != FailureClass.UNSCHEDULABLE and _is_temporary(texts, failure_class)
            owner, retryable = (Owner.INFRASTRUCTURE, True) if is_temporary else (_start_owner(texts), None)
            reason = _waiting_reason(text, failure_class)
            return verdict_of(
                symptom, failure_class, confidence, evidence, owner=owner, retryable=retryable, reason=reason
            )
    return None


def _is_temporary(texts: tuple[str, ...], failure_class: FailureClass) -> bool:
    by_registry = failure_class == FailureClass.IMAGE_PULL
    errors = kubelet_messages.REGISTRY_ERRORS if by_registry else kubelet_messages.STARTUP_ERRORS
    return any(errors.search(text) for text in texts)


def _start_owner(texts: tuple[str, ...]) -> Owner | None:
    """Return the platform if the image of Argo's executor is wrong; None for the default of the class."""
    patterns = (kubelet_messages.EXECUTOR_MISSING, kubelet_messages.EXECUTOR_IMAGE)
    is_executor = any(pattern.search(text) for pattern in patterns for text in texts)
    return Owner.PLATFORM if is_executor else None


def _waiting_reason(text: str, failure_class: FailureClass) -> str:
    match = kubelet_messages.WAITING_REASON.search(text)
    return match.group(0) if match else kubelet_messages.DEFAULT_WAITING_REASONS[failure_class]


def pod_failed_before_start(symptom: Symptom) -> Verdict | None:
    """The pod failed, and neither its containers nor other evidence shows why.

    It is attributed to the machine, as Flyte attributes its UnknownError to the system.
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
    """The exit code is 137 or 143 (SIGKILL, SIGTERM), and no earlier rule found a cause."""
    if symptom.exit_code not in KILLED_CODES:
        return None
    return verdict_of(symptom, FailureClass.KILLED, Confidence.LOW, "exit code")


def program_exited(symptom: Symptom) -> Verdict | None:
    """The step's own program ended with an exit code other than 0."""
    if symptom.exit_code is None:
        return None
    by_status = any(terminated.exit_code == symptom.exit_code for _, terminated in symptom.terminations())
    confidence = Confidence.HIGH if by_status else Confidence.MEDIUM
    return verdict_of(symptom, FailureClass.EXIT_CODE, confidence, "exit code")

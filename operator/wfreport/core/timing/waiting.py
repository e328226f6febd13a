"""Finds the waits of a running Workflow.

Some waits are a problem at once, and others are part of every pod's start, so a wait is listed only after the grace
time of its reason. Nothing else in a report depends on the present time. A run that has ended has no waits.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime

from msgspec import Struct

from wfreport.api.argo import (
    LABEL_COMPLETED,
    LABEL_CONTROLLER_INSTANCE_ID,
    UNFINISHED_PHASES,
    Node,
    NodeType,
    Phase,
)
from wfreport.api.calendar import duration_of, shifted
from wfreport.api.reasons import ORDINARY_WAITS
from wfreport.api.report import ReportStatus, Waiting
from wfreport.api.wire import LINE
from wfreport.core.classify.failed_pod import AGENT_TYPES
from wfreport.core.classify.pending import (
    STARTING_REASONS,
    STARTUP_FAILURE_EVENTS,
    autoscaler_answer,
    pending_reason,
    starting_detail,
    unscheduled_since,
)
from wfreport.core.classify.pod_volumes import volume_clause
from wfreport.core.redact.text import TextSanitizer, clip
from wfreport.core.snapshot.identity import is_labelled_completed
from wfreport.core.snapshot.model import PodEvidence, Snapshot, WaitingGraces
from wfreport.core.snapshot.pod_names import agent_pod_name, pod_name
from wfreport.core.snapshot.pod_states import is_of_an_earlier_run
from wfreport.core.timing.durations import short_duration
from wfreport.core.timing.hung_pods import HUNG_REASONS, hung_pod
from wfreport.core.timing.lock_waits import NO_HOLDS, LockHolds, holders_clause
from wfreport.imports import lazy_pattern

_MAX_ENTRIES = 100

_STARTING = "Pending"
"""Reason of a pod that exists, or will soon, if the cause of its wait is unknown."""

_REASONS: tuple[tuple[re.Pattern[str], str], ...] = (
    (lazy_pattern(r"^Failed to get semaphore limit"), "LockLimitMissing"),  # sync/semaphore.go:230
    (lazy_pattern(r"^Waiting for \S+ lock"), "LockWait"),  # sync/semaphore.go:233
    (lazy_pattern(r"exceeded quota"), "QuotaExceeded"),  # operator.go:3621
    (lazy_pattern(r"failed to look-up entrypoint"), "ImageCommandLookupFailed"),
    (lazy_pattern(r"^Backoff for "), "Backoff"),  # operator.go:1092
    (lazy_pattern(r"^Pod auto-restarting due to "), "PodRestarting"),  # pod_restart.go
    (lazy_pattern(r"is forbidden"), "Forbidden"),
    (
        lazy_pattern(r"too many workflows are already running|max parallelism limit"),
        "ParallelismLimit",
    ),  # controller.go:985
)
_LEADING_REASON = lazy_pattern(r"^([A-Z][A-Za-z]+)(?:: |$)")


def find_waiting(
    snapshot: Snapshot,
    sanitizer: TextSanitizer,
    *,
    evidence: Mapping[str, PodEvidence],
    now: datetime,
    graces: WaitingGraces,
    lock_holds: LockHolds = NO_HOLDS,
) -> list[Waiting]:
    """Return the waits of a running Workflow that have exceeded the grace time of their reason.

    Problems come first, then waits that are as intended, such as a backoff; each earliest first.
    """
    if snapshot.workflow.status.is_completed:
        return []
    waits = [*_workflow_waits(snapshot), *_node_waits(snapshot, evidence)]
    listed = [wait for wait in waits or _passed_deadline(snapshot) if _is_past_grace(wait, now, graces)]
    listed.sort(key=_order)
    return [_entry(wait, snapshot, sanitizer, lock_holds) for wait in listed[:_MAX_ENTRIES]]


class _Wait(Struct, frozen=True):
    """A wait whose message is neither complete nor sanitized yet: most of the waits of a large run are not listed."""

    reason: str
    message: str
    since_at: datetime | None
    node: Node | None = None
    pod_name: str | None = None


def _order(wait: _Wait) -> tuple[bool, float, str]:
    """Problems come before waits that are as intended: the first wait is the one that tables and summaries show."""
    since = wait.since_at.timestamp() if wait.since_at else 0.0
    return wait.reason in ORDINARY_WAITS, since, wait.node.display_name if wait.node else ""


def _entry(wait: _Wait, snapshot: Snapshot, sanitizer: TextSanitizer, lock_holds: LockHolds) -> Waiting:
    node = wait.node
    text = sanitizer.text(_message(wait, snapshot, lock_holds))
    return Waiting(
        display_name=sanitizer.line(node.display_name) if node else None,
        node_id=clip(node.id) if node else None,
        pod_name=clip(wait.pod_name),
        reason=wait.reason[:LINE],
        message=lock_holds.with_stored_times(text, node.id if node else "")
        if text and wait.reason == "LockWait"
        else text,
        since_at=wait.since_at,
    )


def _message(wait: _Wait, snapshot: Snapshot, lock_holds: LockHolds) -> str:
    """Return the message of a wait with what else the Workflow tells of it."""
    node, message = wait.node, wait.message
    if wait.reason == "LockWait":
        message += holders_clause(snapshot, node, message, lock_holds)
    elif wait.reason == "Suspended" and node and not message:
        message = _end_of_suspension(snapshot, node)
    return _with_stop(snapshot, wait, message)


def stored_waiting_texts(stored: ReportStatus | None) -> dict[str, str]:
    """Return ``<reason> <message>`` of the waits in the stored report, by node id.

    If a pod never started, its stored wait is the only evidence left: when the step's deadline expires, Argo deletes
    the pod and overwrites the node's message.
    """
    if stored is None:
        return {}
    pending = (step for step in stored.steps or () if step.phase == Phase.PENDING and step.message)
    listed = (entry for entry in stored.waiting or () if entry.node_id)
    return {step.node_id: step.message or "" for step in pending} | {
        entry.node_id or "": _waiting_text(entry) for entry in listed
    }


def _waiting_text(entry: Waiting) -> str:
    message = entry.message or ""
    return message if message.startswith(entry.reason) else f"{entry.reason}: {message}"


def slow_starting_pods(snapshot: Snapshot, *, now: datetime, graces: WaitingGraces) -> dict[str, str]:
    """Return the pods that have been starting for longer than the grace time, if they may show why.

    Argo has no reason for them, or it has the scheduler's, to which the autoscaler may have an answer. The result has
    the ids of their nodes, by the name that each pod is expected to have.
    """
    if snapshot.workflow.status.is_completed:
        return {}
    slow = (
        node
        for node in snapshot.nodes.values()
        if ((reason := _waiting_reason(node)) in STARTING_REASONS or reason in _SHOWN_BY_PODS)
        and node.started_at is not None
        and (now - node.started_at).total_seconds() >= graces.starting_seconds
    )
    return {name: node.id for node in slow if (name := _starting_pod_name(snapshot, node))}


_AGENT_WAITS = frozenset({"HTTPPending", "PluginPending"})
_SHOWN_BY_PODS = frozenset({"Unschedulable", *_AGENT_WAITS})
"""Reasons of waits about which the pod knows more."""


def _starting_pod_name(snapshot: Snapshot, node: Node) -> str | None:
    """Return the name of the pod that a node waits for, which is the agent's for HTTP and Plugin nodes."""
    if node.type in AGENT_TYPES:
        return agent_pod_name(snapshot.workflow.metadata.name)
    return pod_name(snapshot.workflow, node)


def _is_past_grace(wait: _Wait, now: datetime, graces: WaitingGraces) -> bool:
    if wait.since_at is None:
        return True
    return (now - wait.since_at).total_seconds() >= grace_seconds(wait.reason, graces)


def grace_seconds(reason: str, graces: WaitingGraces) -> float:
    """Return the grace time of a reason in seconds; 0 for waits that do not end by themselves."""
    if reason in ("Unschedulable", "SchedulingGated", "QuotaExceeded") or reason in STARTUP_FAILURE_EVENTS:
        return graces.unschedulable_seconds
    if reason in ("ErrImagePull", "ImagePullBackOff", "RegistryUnavailable"):
        return graces.image_pull_seconds
    if reason in ("CreateContainerConfigError", "CreateContainerError", "RunContainerError", "CrashLoopBackOff"):
        return graces.config_seconds
    if reason in STARTING_REASONS or reason in HUNG_REASONS or reason in _TAKEN_UP_LATE:
        return graces.starting_seconds
    return 0


_TAKEN_UP_LATE = frozenset({"HTTPPending", "PluginPending", "NotStarted", "RetryNotStarted", "DeadlinePassed"})


def _workflow_waits(snapshot: Snapshot) -> Iterator[_Wait]:
    workflow = snapshot.workflow
    since_at = workflow.status.started_at or workflow.metadata.creation_timestamp
    if workflow.spec.suspend:
        then = "Argo carries out its shutdown after that" if workflow.spec.shutdown else "it then continues"
        # Nothing tells when a Workflow was suspended that has run steps.
        suspended_at = None if snapshot.nodes else since_at
        yield _Wait("WorkflowSuspended", f"spec.suspend is true until argo resume; {then}", suspended_at)
    elif workflow.status.waits_for_retry:
        message = "it was retried by hand, and no Argo controller has taken it up again"
        yield _Wait("RetryNotStarted", message, since_at)
    elif is_labelled_completed(workflow):
        yield _Wait("LabelledCompleted", f"its label {LABEL_COMPLETED} is true, although it has not ended", None)
    elif not workflow.status.phase:
        instance_id = workflow.metadata.labels.get(LABEL_CONTROLLER_INSTANCE_ID)
        instance = f"instanceID {instance_id}" if instance_id else "without instanceID"
        message = f"no Argo controller has taken it up: does one run for this namespace, {instance}?"
        yield _Wait("NotStarted", message, since_at)
    if workflow.status.phase == Phase.PENDING:
        message = workflow.status.message
        yield _Wait(_reason(message) or _STARTING, message, since_at)


def _passed_deadline(snapshot: Snapshot) -> Iterator[_Wait]:
    """Yield that Argo has not ended a run by its deadline. Its exit handler may run longer."""
    workflow = snapshot.workflow
    stored = workflow.status.stored_workflow_template_spec
    limit = workflow.spec.active_deadline_seconds or (stored.active_deadline_seconds if stored else None)
    has_exit_handler = any(node.name == snapshot.tree.exit_handler_name for node in snapshot.nodes.values())
    if limit and workflow.status.started_at and not has_exit_handler:
        message = f"its deadline of {short_duration(limit)} has passed, and Argo has not ended it"
        passed_at = shifted(workflow.status.started_at, duration_of(limit))
        yield _Wait("DeadlinePassed", message, passed_at)


def _node_waits(snapshot: Snapshot, evidence: Mapping[str, PodEvidence]) -> Iterator[_Wait]:
    for node in snapshot.nodes.values():
        reason = _waiting_reason(node)
        if reason == "HTTPPending" and _agent_works(snapshot, node, evidence):
            continue
        wait = _hung(snapshot, node, evidence) if evidence else None
        if not (wait or reason) and evidence and _has_pending_pod(snapshot, node, evidence):
            reason = _STARTING
        wait = wait or (_node_wait(snapshot, node, reason, evidence) if reason else _stopping(snapshot, node))
        if wait is not None and node.id not in snapshot.tree.superseded_nodes:
            yield wait


def _has_pending_pod(snapshot: Snapshot, node: Node, evidence: Mapping[str, PodEvidence]) -> bool:
    """Return whether a step runs for Argo, and its pod has not started: early versions began with Running."""
    if node.type != NodeType.POD or node.phase != Phase.RUNNING:
        return False
    own = evidence.get(pod_name(snapshot.workflow, node) or "")
    pod = own.pod if own else None
    return pod is not None and pod.status.phase == "Pending" and not is_of_an_earlier_run(pod, node)


def _agent_works(snapshot: Snapshot, node: Node, evidence: Mapping[str, PodEvidence]) -> bool:
    """Return whether Argo's agent is at an HTTP step, which is Pending until its request has ended.

    A plugin answers at once, and its step is Running from then on.
    """
    own = evidence.get(_starting_pod_name(snapshot, node) or "")
    is_running = own is not None and own.pod is not None and own.pod.status.phase == "Running"
    return is_running and pending_reason(own) is None


def _hung(snapshot: Snapshot, node: Node, evidence: Mapping[str, PodEvidence]) -> _Wait | None:
    """Return the wait of a step whose pod has ended, or is about to, while Argo's node goes on."""
    if node.type != NodeType.POD or node.phase not in UNFINISHED_PHASES:
        return None
    name = pod_name(snapshot.workflow, node)
    found = hung_pod(node, evidence.get(name or ""), snapshot.tree.containers_of_sets.get(node.id, ()))
    return _Wait(found.reason, found.message, found.since_at or node.started_at, node, name) if found else None


def _with_stop(snapshot: Snapshot, wait: _Wait, message: str) -> str:
    """Add to a step's message that the Workflow is being stopped, if it is: then the step should have ended."""
    shutdown, node = snapshot.workflow.spec.shutdown, wait.node
    if not shutdown or node is None or wait.reason == "Stopping":
        return message
    if shutdown == "Stop" and _OF_EXIT_HANDLER.search(node.name):
        return message
    return "; ".join(part for part in (message.rstrip("."), _being_stopped(shutdown)) if part)


def _stopping(snapshot: Snapshot, node: Node) -> _Wait | None:
    """Return the wait for a step that goes on although the Workflow is being stopped: nothing tells since when."""
    workflow = snapshot.workflow
    shutdown = workflow.spec.shutdown
    if not shutdown or node.phase != Phase.RUNNING or node.type not in _ENDED_BY_A_STOP or node.daemoned:
        return None
    if shutdown == "Stop" and _OF_EXIT_HANDLER.search(node.name):
        return None
    return _Wait("Stopping", _being_stopped(shutdown), None, node, _own_pod(snapshot, node))


def _being_stopped(shutdown: str) -> str:
    return f"the Workflow is being stopped (shutdown {shutdown})"


_OF_EXIT_HANDLER = lazy_pattern(r"\.onExit(?:$|[.\[(])")
"""Names of the steps of exit handlers, also of those of single steps: a stop lets them run (exit_handler.go:44)."""

_ENDED_BY_A_STOP = frozenset({NodeType.POD, NodeType.HTTP, NodeType.PLUGIN})


def _own_pod(snapshot: Snapshot, node: Node) -> str | None:
    return pod_name(snapshot.workflow, node) if node.type == NodeType.POD else None


def _node_wait(snapshot: Snapshot, node: Node, reason: str, evidence: Mapping[str, PodEvidence]) -> _Wait:
    if reason == "Backoff":
        ends = (child.finished_at for child in snapshot.tree.children(node))
        return _Wait(reason, node.message, _latest(node.started_at, *ends), node)
    if reason == "Suspended":
        return _Wait(reason, node.message, node.started_at, node)
    name, message = _existing_pod(snapshot, node, reason), node.message
    own = evidence.get((_starting_pod_name(snapshot, node) if reason in _AGENT_WAITS else name) or "")
    found = pending_reason(own) if reason in STARTING_REASONS or reason in _AGENT_WAITS else None
    since_at = found.since_at if found else None
    if found and reason in _AGENT_WAITS:
        message = f"its pod does not start: {': '.join(part for part in (found.reason, found.message) if part)}"
    elif found:
        reason, message = found.reason, found.message
    elif own and own.pod and reason in STARTING_REASONS:
        message = starting_detail(own.pod) or message
    if reason == "Unschedulable" and own:
        since_at = unscheduled_since(own)
        answer = autoscaler_answer(own)
        message = f"{message.rstrip('.')}; {answer}" if answer else message
    clause = volume_clause(message, own.pod) if own else ""
    message = f"{message.rstrip('.')}{clause}" if clause else message
    return _Wait(reason, message, _latest(node.started_at, since_at), node, name)


def _end_of_suspension(snapshot: Snapshot, node: Node) -> str:
    """Return when a suspended step goes on by itself; empty if only a person resumes it."""
    workflow = snapshot.workflow
    stored = workflow.status.stored_workflow_template_spec
    templates = [*workflow.status.stored_templates.values(), *workflow.spec.templates]
    templates += stored.templates if stored else ()
    named = (one.suspend for one in templates if one.suspend and one.name and one.name == node.called_template_name)
    duration = next((duration for suspend in named if (duration := suspend.get("duration"))), None)
    if not isinstance(duration, str | int) or "{{" in str(duration):
        return ""
    seconds = f"{duration}s" if str(duration).isdigit() else duration
    return f"it goes on by itself {seconds} after its start"


def _latest(*times: datetime | None) -> datetime | None:
    """Return the latest time: a wait begins neither before its step nor before its own cause."""
    return max((at for at in times if at), default=None)


def _waiting_reason(node: Node) -> str | None:
    """Return the reason why a node waits; None if it does not wait."""
    if node.phase == Phase.RUNNING and node.type == NodeType.SUSPEND:
        return "Suspended"
    if node.phase == Phase.RUNNING and node.type == NodeType.RETRY:
        return "Backoff" if node.message.startswith("Backoff for ") else None
    if node.phase != Phase.PENDING:
        return None
    if node.synchronization_status and node.synchronization_status.waiting:
        return "LockLimitMissing" if _reason(node.message) == "LockLimitMissing" else "LockWait"
    if node.type in (NodeType.HTTP, NodeType.PLUGIN):
        return f"{node.type}Pending"
    return _reason(node.message) or (_STARTING if node.type == NodeType.POD else None)


def _reason(message: str) -> str | None:
    for pattern, reason in _REASONS:
        if pattern.search(message):
            return reason
    leading = _LEADING_REASON.match(message)
    return leading.group(1) if leading else (_STARTING if message else None)


def _existing_pod(snapshot: Snapshot, node: Node, reason: str) -> str | None:
    """Return the name of the pod that waits. None exists yet if the node waits for a lock or the pod was refused."""
    if reason in ("LockWait", "LockLimitMissing", "QuotaExceeded", "ImageCommandLookupFailed", "Forbidden"):
        return None
    return pod_name(snapshot.workflow, node)

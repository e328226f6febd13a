"""What holds a running Workflow up.

Some waits are trouble at once, others are how every pod starts. So an entry is listed only after the grace time of its
reason. That, and nothing else in a report, depends on the time of the look; a run that has ended waits for nothing.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime

from wfreport.api.argo import Node, NodeType, Phase
from wfreport.api.report import ReportStatus, Waiting
from wfreport.api.wire import LINE
from wfreport.core.classify.pending import STARTING_REASONS, TELLING_EVENTS, why_pending
from wfreport.core.redact.text import TextSanitizer, clip
from wfreport.core.snapshot.model import PodEvidence, Snapshot, WaitingGraces
from wfreport.core.snapshot.pod_names import pod_name

_MAX_ENTRIES = 100

_STARTING = "Pending"
"""Reason of a pod that exists, or is about to, without a word about what it waits for."""

_REASONS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"^Waiting for \S+ lock"), "LockWait"),  # sync/semaphore.go:233
    (re.compile(r"exceeded quota"), "QuotaExceeded"),  # operator.go:3621
    (re.compile(r"failed to look-up entrypoint"), "ImageCommandLookupFailed"),
    (re.compile(r"^Backoff for "), "Backoff"),  # operator.go:1092
    (re.compile(r"^Pod auto-restarting due to "), "PodRestarting"),  # pod_restart.go
    (re.compile(r"is forbidden"), "Forbidden"),
    (re.compile(r"too many workflows are already running"), "ParallelismLimit"),  # controller.go:985
)
_LEADING_REASON = re.compile(r"^([A-Z][A-Za-z]+)(?:: |$)")


def find_waiting(
    snapshot: Snapshot,
    prose: TextSanitizer,
    *,
    evidence: Mapping[str, PodEvidence],
    now: datetime,
    graces: WaitingGraces,
) -> list[Waiting]:
    """What a running Workflow has waited for longer than the grace time of the reason, earliest first."""
    if snapshot.workflow.status.is_completed:
        return []
    entries = [*_of_the_workflow(snapshot, prose), *_of_the_nodes(snapshot, prose, evidence)]
    listed = [entry for entry in entries if _is_past_its_grace(entry, now, graces)]
    listed.sort(key=lambda entry: (entry.since_at.timestamp() if entry.since_at else 0.0, entry.display_name or ""))
    return listed[:_MAX_ENTRIES]


def waited_for(stored: ReportStatus | None) -> dict[str, str]:
    """``<reason> <message>`` of what each step waited for when the report was last written, by node id.

    Pods that never started leave nothing else behind: Argo deletes them at a deadline, and overwrites their message.
    """
    if stored is None:
        return {}
    pending = (step for step in stored.steps or () if step.phase == Phase.PENDING and step.message)
    listed = (entry for entry in stored.waiting or () if entry.node_id)
    return {step.node_id: step.message or "" for step in pending} | {
        entry.node_id or "": _told(entry) for entry in listed
    }


def _told(entry: Waiting) -> str:
    message = entry.message or ""
    return message if message.startswith(entry.reason) else f"{entry.reason}: {message}"


def slow_starters(snapshot: Snapshot, *, now: datetime, graces: WaitingGraces) -> frozenset[str]:
    """Names of the pods that have been starting for longer than the grace time, and nothing says why."""
    if snapshot.workflow.status.is_completed:
        return frozenset()
    slow = (
        node
        for node in snapshot.nodes.values()
        if _waiting_reason(node) in STARTING_REASONS
        and node.started_at is not None
        and (now - node.started_at).total_seconds() >= graces.starting_seconds
    )
    return frozenset(name for node in slow if (name := pod_name(snapshot.workflow, node)))


def _is_past_its_grace(entry: Waiting, now: datetime, graces: WaitingGraces) -> bool:
    if entry.since_at is None:
        return True
    return (now - entry.since_at).total_seconds() >= grace_seconds(entry.reason, graces)


def grace_seconds(reason: str, graces: WaitingGraces) -> float:
    """How long a wait of this reason is not worth a word; 0 for one that does not pass by itself."""
    if reason in ("Unschedulable", "SchedulingGated", "QuotaExceeded") or reason in TELLING_EVENTS:
        return graces.unschedulable_seconds
    if reason in ("ErrImagePull", "ImagePullBackOff", "RegistryUnavailable"):
        return graces.image_pull_seconds
    if reason in ("CreateContainerConfigError", "CreateContainerError", "RunContainerError", "CrashLoopBackOff"):
        return graces.config_seconds
    if reason in STARTING_REASONS or reason in ("HTTPPending", "PluginPending", "NotStarted"):
        return graces.starting_seconds
    return 0


def _of_the_workflow(snapshot: Snapshot, prose: TextSanitizer) -> Iterator[Waiting]:
    workflow = snapshot.workflow
    since_at = workflow.status.started_at or workflow.metadata.creation_timestamp
    if workflow.spec.suspend:
        yield Waiting(
            reason="WorkflowSuspended",
            message="spec.suspend is true: argo resume continues it",
            since_at=since_at,
        )
    elif not workflow.status.phase:
        yield Waiting(
            reason="NotStarted",
            message="no Argo controller has taken it up: does one run for this namespace and instanceID?",
            since_at=since_at,
        )
    if workflow.status.phase == Phase.PENDING and workflow.status.message:
        message = workflow.status.message
        yield Waiting(reason=(_reason(message) or _STARTING)[:LINE], message=prose.text(message), since_at=since_at)


def _of_the_nodes(snapshot: Snapshot, prose: TextSanitizer, evidence: Mapping[str, PodEvidence]) -> Iterator[Waiting]:
    for node in snapshot.nodes.values():
        reason, message = _waiting_reason(node), node.message
        if reason is None or snapshot.tree.is_superseded(node):
            continue
        pod = _existing_pod(snapshot, node, reason)
        if reason in STARTING_REASONS and pod:
            reason, message = why_pending(evidence.get(pod)) or (reason, message)
        yield Waiting(
            display_name=prose.line(node.display_name),
            node_id=clip(node.id),
            pod_name=clip(pod),
            reason=reason[:LINE],
            message=prose.text(message),
            since_at=node.started_at,
        )


def _waiting_reason(node: Node) -> str | None:
    """Why a node waits; None where it does not."""
    if node.type == NodeType.SUSPEND:
        return "Suspended" if node.phase == Phase.RUNNING else None
    if node.phase == Phase.RUNNING and node.type == NodeType.RETRY:
        return "Backoff" if node.message.startswith("Backoff for ") else None
    if node.phase != Phase.PENDING:
        return None
    if node.synchronization_status and node.synchronization_status.waiting:
        return "LockWait"
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
    """The pod that waits: none exists yet for a lock or a refused one."""
    if reason in ("LockWait", "QuotaExceeded", "ImageCommandLookupFailed", "Forbidden"):
        return None
    return pod_name(snapshot.workflow, node)

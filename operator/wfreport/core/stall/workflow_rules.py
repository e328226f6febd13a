"""Suspicions from the Workflow alone.

Argo's controller is driven by events. If it misses one, or waits for something that never comes, nothing writes the
Workflow again; the newest time of its nodes is then the time since which it hangs.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Final

from wfreport.api.argo import UNFINISHED_PHASES, Node, NodeType, Phase, WorkflowSpec
from wfreport.api.calendar import duration_of, shifted
from wfreport.api.reasons import StallReason
from wfreport.core.snapshot.identity import is_labelled_completed
from wfreport.core.snapshot.model import NodesState, Snapshot
from wfreport.core.stall.model import SHUTDOWN_SECONDS, Owed, StallGraces, Suspicion
from wfreport.imports import lazy_pattern

_KNOWN: Final = frozenset({NodesState.READ, NodesState.NONE_YET})
_LEAVES: Final = frozenset({NodeType.POD, NodeType.CONTAINER, NodeType.HTTP, NodeType.PLUGIN, NodeType.SUSPEND})
_BACKOFF: Final = lazy_pattern(r"^Backoff for (.*)$")  # operator.go:1092, humanize.Duration
_PART: Final = lazy_pattern(r"(\d{1,9}) (year|month|week|day|hour|minute|second)s?\b")
_MAX_NAMED: Final = 5
_HOUR: Final = 3600
_DAY: Final = 24 * _HOUR
_UNIT_SECONDS: Final = {
    "year": 360 * _DAY,
    "month": 30 * _DAY,
    "week": 7 * _DAY,
    "day": _DAY,
    "hour": _HOUR,
    "minute": 60,
    "second": 1,
}
_LEFT_OUT_SECONDS: Final = {"year": 360 * _DAY, "month": 30 * _DAY, "week": 7 * _DAY, "day": _HOUR, "hour": 60}
"""What the words can lack at most, by their largest unit: they have whole hours beside days, and whole weeks beside
hours."""


def workflow_suspicions(snapshot: Snapshot, graces: StallGraces) -> Iterator[Suspicion]:
    """Yield the suspicions that the Workflow alone raises."""
    if snapshot.workflow.status.is_completed or is_labelled_completed(snapshot.workflow):
        return
    if snapshot.workflow.spec.suspend:
        yield from _suspended(snapshot)
    elif snapshot.workflow.status.phase == Phase.RUNNING and snapshot.nodes_state in _KNOWN:
        yield from _running(snapshot, graces)
    elif not snapshot.workflow.status.phase:
        yield _not_started(snapshot, graces)


def unfinished_leaves(snapshot: Snapshot) -> Iterator[Node]:
    """Yield the steps that run or wait, and Retry nodes between two attempts. A daemon only serves other steps."""
    for node in snapshot.nodes.values():
        if (
            node.phase in UNFINISHED_PHASES
            and not node.daemoned
            and not _has_lost_its_pod(snapshot, node)
            and (node.type in _LEAVES or node.synchronization_status or _backoff(node))
        ):
            yield node


def _has_lost_its_pod(snapshot: Snapshot, node: Node) -> bool:
    """Whether a Container is unfinished for Argo, although the step whose pod it belongs to has ended."""
    pod_node = snapshot.tree.pod_node(node) if node.type == NodeType.CONTAINER else None
    return pod_node is not None and pod_node.phase not in UNFINISHED_PHASES


def newest_time(snapshot: Snapshot) -> datetime | None:
    """Return the newest time that Argo's controller wrote into the Workflow."""
    status = snapshot.workflow.status
    times = [status.started_at, status.finished_at]
    for node in snapshot.nodes.values():
        times += (node.started_at, node.finished_at)
    return max((time for time in times if time is not None), default=None)


def _suspended(snapshot: Snapshot) -> Iterator[Suspicion]:
    shutdown = snapshot.workflow.spec.shutdown
    if shutdown:
        message = f"spec.suspend and spec.shutdown: {shutdown} are set, and Argo does not shut down what is suspended"
        yield Suspicion(StallReason.SUSPENDED_AND_TERMINATED, message, SHUTDOWN_SECONDS)


def _not_started(snapshot: Snapshot, graces: StallGraces) -> Suspicion:
    """Return the suspicion that Argo has not taken the Workflow up. It needs other signs of silence as well."""
    return Suspicion(
        StallReason.CONTROLLER_SILENT,
        "no Argo controller has taken the Workflow up",
        graces.seconds,
        snapshot.workflow.metadata.creation_timestamp if not snapshot.workflow.status.started_at else None,
        owed=Owed.PERHAPS,
    )


def _running(snapshot: Snapshot, graces: StallGraces) -> Iterator[Suspicion]:
    leaves = list(unfinished_leaves(snapshot))
    if any(not _backoff(leaf) for leaf in leaves):
        yield from _blocking_results(snapshot, graces)
        return
    since_at = _last_backoff_end(snapshot, leaves) if leaves else newest_time(snapshot)
    yield _missing_result(snapshot, graces, since_at) or _nothing_scheduled(snapshot, graces, since_at)


def _missing_result(snapshot: Snapshot, graces: StallGraces, since_at: datetime | None) -> Suspicion | None:
    """Return the suspicion that Argo waits for the result of a step that has ended (``taskResultReconciliation``)."""
    completion = snapshot.workflow.status.task_results_completion_status
    for node in snapshot.nodes.values():
        if (node.task_result_synced is False or completion.get(node.id) is False) and _is_ended_pod(node):
            return _result_suspicion(node, graces, since_at)
    return None


def _blocking_results(snapshot: Snapshot, graces: StallGraces) -> Iterator[Suspicion]:
    """Yield the steps whose results Argo waits for before it goes on with what follows, while other steps run.

    Only Argo 4 does so. What it has gone on with, in spite of the result, is not blocked.
    """
    for node in snapshot.nodes.values():
        if node.task_result_synced is False and _is_ended_pod(node) and not node.children:
            group = snapshot.nodes.get(node.boundary_id)
            if group and group.phase in UNFINISHED_PHASES and node.id not in snapshot.tree.superseded_attempts:
                yield _result_suspicion(node, graces, node.finished_at)


def _is_ended_pod(node: Node) -> bool:
    return node.type == NodeType.POD and node.phase not in UNFINISHED_PHASES


def _result_suspicion(node: Node, graces: StallGraces, since_at: datetime | None) -> Suspicion:
    message = f"{node.display_name} has ended, and its executor never reported its result as complete"
    return Suspicion(StallReason.TASK_RESULT_MISSING, message, graces.task_result_seconds, since_at, node.id)


def _nothing_scheduled(snapshot: Snapshot, graces: StallGraces, since_at: datetime | None) -> Suspicion:
    root = snapshot.nodes.get(snapshot.workflow.metadata.name)
    has_ended = root is not None and root.phase not in UNFINISHED_PHASES
    daemons = [] if has_ended else _daemons_in_the_way(snapshot)
    if daemons:
        return Suspicion(
            StallReason.NOTHING_SCHEDULED,
            f"daemons use up the Workflow's parallelism of {_parallelism(snapshot)}, so no other step can start: "
            f"{', '.join(daemons[:_MAX_NAMED])}",
            graces.seconds,
            since_at,
        )
    reason, message = StallReason.NOTHING_SCHEDULED, "no step runs or waits, and Argo has not created the next one"
    if has_ended and not _owes_exit_handler(snapshot):
        message = "all steps have ended, and Argo has not completed the Workflow"
    elif has_ended:
        reason, message = StallReason.EXIT_HANDLER_NOT_STARTED, "all steps have ended, and the exit handler has not run"
    return Suspicion(reason, message, graces.seconds, since_at, owed=Owed.PERHAPS)


def _parallelism(snapshot: Snapshot) -> int | None:
    """Return how many pods the Workflow may have at a time; None for any number."""
    stored = snapshot.workflow.status.stored_workflow_template_spec
    return snapshot.workflow.spec.parallelism or (stored.parallelism if stored else None)


def _daemons_in_the_way(snapshot: Snapshot) -> list[str]:
    """Return the daemons that run, if no other pod may run beside them: Argo counts them as well."""
    limit = _parallelism(snapshot)
    if limit is None:
        return []
    pods = (node for node in snapshot.nodes.values() if node.type == NodeType.POD and node.phase == Phase.RUNNING)
    daemons = [node.display_name for node in pods if node.daemoned]
    return daemons if len(daemons) >= limit else []


def _owes_exit_handler(snapshot: Snapshot) -> bool:
    workflow, name = snapshot.workflow, snapshot.tree.exit_handler_name
    specs = [workflow.spec, workflow.status.stored_workflow_template_spec or WorkflowSpec()]
    has_handler = any(spec.on_exit or "exit" in spec.hooks for spec in specs)
    return has_handler and all(node.name != name for node in snapshot.nodes.values())


def _backoff(node: Node) -> str:
    """Return the length of a Retry node's backoff, as Argo words it; empty if it is in none."""
    match = _BACKOFF.match(node.message) if node.type == NodeType.RETRY else None
    return match[1] if match else ""


def _last_backoff_end(snapshot: Snapshot, retries: Iterable[Node]) -> datetime | None:
    """Return when the last of several backoffs was over; None if that is unknown of one of them."""
    ends = [_backoff_end(snapshot, retry) for retry in retries]
    return max((end for end in ends if end), default=None) if all(ends) else None


def _backoff_end(snapshot: Snapshot, retry: Node) -> datetime | None:
    """Return when the next attempt of a Retry node was due at the latest, counted from the end of the last one."""
    ends = [child.finished_at for child in snapshot.tree.children(retry) if child.finished_at]
    parts = _PART.findall(_backoff(retry))
    seconds = sum(int(number) * _UNIT_SECONDS[unit] for number, unit in parts)
    seconds += max((_LEFT_OUT_SECONDS.get(unit, 0) for _, unit in parts), default=0)
    return shifted(max(ends), duration_of(seconds)) if ends else None

"""Suspicions from the pods of steps that have not ended for Argo."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final

from wfreport.api.argo import (
    ANNOTATION_NODE_ID,
    EXECUTOR_CONTAINERS,
    UNFINISHED_PHASES,
    Node,
    NodeType,
    Phase,
)
from wfreport.api.kubernetes import ContainerStatus, Pod
from wfreport.api.reasons import StallReason
from wfreport.core.snapshot.model import Snapshot
from wfreport.core.snapshot.pod_names import pod_name
from wfreport.core.snapshot.pod_states import (
    ENDED_PHASES,
    all_statuses,
    failed_container,
    has_start_error,
    is_of_an_earlier_run,
    is_unready,
    latest_end,
    main_end,
    terminated,
)
from wfreport.core.stall.model import Owed, PodsSeen, StallGraces, Suspicion

_WAITING_TYPES: Final = frozenset({NodeType.HTTP, NodeType.PLUGIN})
_LABEL_COMPONENT: Final = "workflows.argoproj.io/component"
_AGENT_SUFFIX: Final = "-agent"


def pod_suspicions(snapshot: Snapshot, pods: PodsSeen, graces: StallGraces) -> Iterator[Suspicion]:
    """Yield the suspicions that the pods of unfinished steps raise."""
    sets = snapshot.tree.containers_of_sets
    for node in snapshot.nodes.values():
        if node.type == NodeType.POD and node.phase in UNFINISHED_PHASES:
            pod = pods.by_node.get(node.id)
            if pod and is_of_an_earlier_run(pod, node):
                continue
            found = _of_pod(snapshot, node, pod, graces, sets) if pod else _gone(snapshot, node, pods, graces)
            if found:
                yield found
    yield from _agent(snapshot, pods, graces)


def needs_pods(snapshot: Snapshot, *, now: datetime, after_seconds: float) -> bool:
    """Return whether a step has run, or waited for Argo's agent, for longer than this."""
    if snapshot.workflow.status.is_completed:
        return False
    return any(
        node.phase in UNFINISHED_PHASES
        and (node.phase == Phase.RUNNING if node.type == NodeType.POD else node.type in _WAITING_TYPES)
        and node.started_at is not None
        and (now - node.started_at).total_seconds() >= after_seconds
        for node in snapshot.nodes.values()
    )


def pods_seen(
    snapshot: Snapshot, pods: Iterable[Pod], *, is_complete: bool, seen_at: datetime | None = None
) -> PodsSeen:
    """Return the pods by their nodes. A pod that names no node is found by its name, the agent by its label or name."""
    by_node, agent, by_name = {}, None, {}
    for pod in pods:
        if pod.metadata.labels.get(_LABEL_COMPONENT) == "agent" or pod.metadata.name.endswith(_AGENT_SUFFIX):
            agent = pod
        elif node_id := pod.metadata.annotations.get(ANNOTATION_NODE_ID):
            by_node[node_id] = pod
        else:
            by_name[pod.metadata.name] = pod
    if by_name:
        nodes = (node for node in snapshot.nodes.values() if node.type == NodeType.POD)
        named = ((node.id, by_name.get(pod_name(snapshot.workflow, node) or "")) for node in nodes)
        by_node = {node_id: pod for node_id, pod in named if pod} | by_node
    return PodsSeen(by_node, agent, is_complete, seen_at)


def _of_pod(
    snapshot: Snapshot, node: Node, pod: Pod, graces: StallGraces, sets: Mapping[str, Collection[str]]
) -> Suspicion | None:
    if pod.status.phase in ENDED_PHASES:
        return _ended(snapshot, node, pod, graces)
    if pod.metadata.deletion_timestamp:
        return _terminating(node, pod, graces)
    return _main_ended(node, pod, graces, sets.get(node.id, ())) if pod.status.phase == "Running" else None


def _gone(snapshot: Snapshot, node: Node, pods: PodsSeen, graces: StallGraces) -> Suspicion | None:
    """Return the suspicion that the pod of a running step does not exist. A pending step may not have one yet."""
    is_older = pods.seen_at is None or (node.started_at is not None and node.started_at < pods.seen_at)
    if not pods.is_complete or node.phase != Phase.RUNNING or not is_older:
        return None
    name = pod_name(snapshot.workflow, node) or node.id
    message = f"{node.display_name} is Running for Argo, and its pod {name} does not exist"
    return _suspicion(StallReason.POD_GONE, message, graces.seconds, None, node, owed=Owed.PERHAPS)


def _ended(snapshot: Snapshot, node: Node, pod: Pod, graces: StallGraces) -> Suspicion:
    at, has_succeeded = _last_end(pod), pod.status.phase == "Succeeded"
    completion = snapshot.workflow.status.task_results_completion_status
    if has_succeeded and (node.task_result_synced is False or completion.get(node.id) is False):
        message = (
            f"the pod of {node.display_name} has succeeded, and its executor never reported its result as complete"
        )
        return _suspicion(
            StallReason.TASK_RESULT_MISSING, message, graces.task_result_seconds, at, node, owed=Owed.PERHAPS
        )
    message = (
        f"the pod of {node.display_name} has {pod.status.phase.lower()}{_failure_of(pod)}, "
        f"and Argo reports the step as {node.phase.lower()}"
    )
    has_failed_init = any((end := terminated(one)) and end.exit_code for one in pod.status.init_container_statuses)
    owed = Owed.PERHAPS if has_failed_init else Owed.CERTAINLY
    return _suspicion(StallReason.POD_GONE, message, graces.seconds, at, node, owed=owed)


def _failure_of(pod: Pod) -> str:
    """Return why a pod failed, in brackets; empty if that is unknown."""
    failed = failed_container(pod)
    if failed:
        name, state = failed
        message = f": {state.message.strip()}" if state.message.strip() else ""
        return f" ({name} exited with code {state.exit_code}{message})"
    return f" ({pod.status.reason})" if pod.status.reason else ""


def _terminating(node: Node, pod: Pod, graces: StallGraces) -> Suspicion:
    """Return the suspicion that a pod cannot be deleted. Its deletionTimestamp is the end of its own grace period."""
    machine = f" on machine {pod.spec.node_name}" if pod.spec.node_name else ""
    holder = f"; its finalizer {', '.join(pod.metadata.finalizers)} holds it" if pod.metadata.finalizers else ""
    lost = "; the machine may be lost" if is_unready(pod) and not holder and machine else ""
    message = f"the pod of {node.display_name} hangs in Terminating{machine}{holder}{lost}"
    return _suspicion(StallReason.POD_TERMINATING, message, graces.seconds, pod.metadata.deletion_timestamp, node)


def _main_ended(node: Node, pod: Pod, graces: StallGraces, set_names: Collection[str]) -> Suspicion | None:
    """Return the suspicion that only other containers than the main ones keep a pod alive."""
    ended = main_end(pod, set_names)
    if ended is None:
        return None
    state, alive = ended.state, ", ".join(ended.alive)
    keeps = f"and {alive} keeps the pod alive" if len(ended.alive) == 1 else f"and {alive} keep it alive"
    if has_start_error(state):
        message = f"{node.display_name} could not start its main container ({state.reason}, exit code "
        message += f"{state.exit_code}), {keeps}{f': {state.message}' if state.message else ''}"
        return _suspicion(StallReason.MAIN_NOT_STARTED, message, graces.seconds, ended.at, node)
    is_saving = not state.exit_code and any(name in EXECUTOR_CONTAINERS for name in ended.alive)
    grace_seconds = graces.outputs_seconds if is_saving else graces.seconds
    message = f"the main container of {node.display_name} exited with code {state.exit_code}, {keeps}"
    return _suspicion(StallReason.MAIN_ENDED, message, grace_seconds, ended.at, node)


def _agent(snapshot: Snapshot, pods: PodsSeen, graces: StallGraces) -> Iterator[Suspicion]:
    """Yield that steps wait for an agent that has ended, or that does not exist.

    A step that the agent has taken up is Running, and an agent may serve several Workflows: so if no agent is among the
    Workflow's pods, only pending steps wait for one.
    """
    waiting = [
        node for node in snapshot.nodes.values() if node.type in _WAITING_TYPES and node.phase in UNFINISHED_PHASES
    ]
    agent = pods.agent
    if agent is None:
        waiting = [node for node in waiting if node.phase == Phase.PENDING] if pods.is_complete else []
        state, at = "does not exist", None
    elif agent.status.phase in ENDED_PHASES or _all_ended(agent.status.container_statuses):
        state, at = _how_the_agent_ended(agent), _last_end(agent)
    else:
        return
    if waiting:
        names = ", ".join(node.display_name for node in waiting[:3])
        message = f"{names} wait for Argo's agent, whose pod {state}"
        yield _suspicion(StallReason.AGENT_GONE, message, graces.seconds, at, waiting[0], owed=Owed.PERHAPS)


def _how_the_agent_ended(agent: Pod) -> str:
    phase = agent.status.phase if agent.status.phase in ENDED_PHASES else "ended"
    machine = f" on machine {agent.spec.node_name}" if agent.spec.node_name else ""
    return f"{agent.metadata.name} has {phase.lower()}{machine}{_failure_of(agent)}"


def _suspicion(
    reason: StallReason,
    message: str,
    grace_seconds: float,
    since_at: datetime | None,
    node: Node,
    *,
    owed: Owed = Owed.NO,
) -> Suspicion:
    return Suspicion(reason, message, grace_seconds, since_at, node.id, owed=owed)


def _all_ended(statuses: Sequence[ContainerStatus]) -> bool:
    return bool(statuses) and all(terminated(one) for one in statuses)


def _last_end(pod: Pod) -> datetime | None:
    return latest_end(all_statuses(pod))

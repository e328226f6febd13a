"""Suspicions from the pods of steps that have not ended for Argo."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from wfreport.api.argo import (
    ANNOTATION_NODE_ID,
    UNFINISHED_PHASES,
    Node,
    NodeType,
    Phase,
)
from wfreport.api.kubernetes import Pod
from wfreport.api.reasons import StallReason
from wfreport.core.snapshot.model import Snapshot
from wfreport.core.snapshot.pod_names import pod_name
from wfreport.core.snapshot.pod_states import (
    ENDED_PHASES,
    MainEnd,
    all_statuses,
    has_start_error,
    is_argos_container,
    is_of_an_earlier_run,
    is_unready,
    latest_end,
    machine_silent_since,
    main_end,
    on_machine,
    terminated,
)
from wfreport.core.stall.agent import AgentTrouble, agent_trouble, failure_clause
from wfreport.core.stall.deletion import is_collector
from wfreport.core.stall.model import Owed, PodsSeen, StallGraces, Suspicion

_WAITING_TYPES: Final = frozenset({NodeType.HTTP, NodeType.PLUGIN})
_LABEL_COMPONENT: Final = "workflows.argoproj.io/component"
_AGENT_SUFFIX: Final = "-agent"

_SKEW_OF_EXISTING: Final = timedelta(minutes=10)
"""Tolerated difference between the clocks of Argo's controller, which starts a step, and of the API server, which
creates its pod. A pod that exists is the step's own, since Argo creates no other of its name: so this may be long."""

_EVICTION_SECONDS: Final = 300
"""Kubernetes deletes the pods of a machine that does not respond after this time, if they do not tolerate that."""

_USUAL_TERMINATION_SECONDS: Final = 30
"""Kubernetes' default of a pod's grace period, which is a part of every grace time."""


def pod_suspicions(snapshot: Snapshot, pods: PodsSeen, graces: StallGraces) -> Iterator[Suspicion]:
    """Yield the suspicions that the pods of unfinished steps raise."""
    sets = snapshot.tree.containers_of_sets
    for node in snapshot.nodes.values():
        if node.type == NodeType.POD and node.phase in UNFINISHED_PHASES:
            pod = pods.by_node.get(node.id)
            if pod and is_of_an_earlier_run(pod, node, skew=_SKEW_OF_EXISTING):
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
    by_node, agent, by_name, collectors = {}, None, {}, []
    for pod in pods:
        if is_collector(pod):
            collectors.append(pod)
        elif pod.metadata.labels.get(_LABEL_COMPONENT) == "agent" or pod.metadata.name.endswith(_AGENT_SUFFIX):
            agent = pod
        elif node_id := pod.metadata.annotations.get(ANNOTATION_NODE_ID):
            by_node[node_id] = pod
        else:
            by_name[pod.metadata.name] = pod
    if by_name:
        nodes = (node for node in snapshot.nodes.values() if node.type == NodeType.POD)
        named = ((node.id, by_name.get(pod_name(snapshot.workflow, node) or "")) for node in nodes)
        by_node = {node_id: pod for node_id, pod in named if pod} | by_node
    return PodsSeen(by_node, agent, tuple(collectors), is_complete, seen_at)


def _of_pod(
    snapshot: Snapshot, node: Node, pod: Pod, graces: StallGraces, sets: Mapping[str, Collection[str]]
) -> Suspicion | None:
    if pod.status.phase in ENDED_PHASES:
        return _ended(snapshot, node, pod, graces)
    if pod.metadata.deletion_timestamp:
        return _terminating(node, pod, graces)
    if pod.status.phase != "Running":
        return None
    return _main_ended(node, pod, graces, sets.get(node.id, ())) or _machine_silent(node, pod, graces)


def _gone(snapshot: Snapshot, node: Node, pods: PodsSeen, graces: StallGraces) -> Suspicion | None:
    """Return the suspicion that the pod of a running step does not exist. A pending step may not have one yet."""
    is_older = pods.seen_at is None or (node.started_at is not None and node.started_at < pods.seen_at)
    if not pods.is_complete or node.phase != Phase.RUNNING or not is_older:
        return None
    name = pod_name(snapshot.workflow, node) or node.id
    message = f"{node.display_name} is Running for Argo, and its pod {name} does not exist"
    return _suspicion(StallReason.POD_GONE, message, graces.seconds, None, node, owed=Owed.PERHAPS)


def _ended(snapshot: Snapshot, node: Node, pod: Pod, graces: StallGraces) -> Suspicion:
    at, has_succeeded = latest_end(all_statuses(pod)), pod.status.phase == "Succeeded"
    completion = snapshot.workflow.status.task_results_completion_status
    if has_succeeded and (node.task_result_synced is False or completion.get(node.id) is False):
        message = (
            f"the pod of {node.display_name} has succeeded, and its executor never reported its result as complete"
        )
        return _suspicion(
            StallReason.TASK_RESULT_MISSING, message, graces.task_result_seconds, at, node, owed=Owed.PERHAPS
        )
    message = (
        f"the pod of {node.display_name} has {pod.status.phase.lower()}{failure_clause(pod)}, "
        f"and Argo reports the step as {node.phase.lower()}"
    )
    has_failed_init = any((end := terminated(one)) and end.exit_code for one in pod.status.init_container_statuses)
    owed = Owed.PERHAPS if has_failed_init else Owed.CERTAINLY
    return _suspicion(StallReason.POD_GONE, message, graces.seconds, at, node, owed=owed)


def _terminating(node: Node, pod: Pod, graces: StallGraces) -> Suspicion:
    """Return the suspicion that a pod cannot be deleted. Its deletionTimestamp is the end of its own grace period."""
    machine = on_machine(pod)
    holder = f"; its finalizer {', '.join(pod.metadata.finalizers)} holds it" if pod.metadata.finalizers else ""
    lost = "; the machine may be lost" if is_unready(pod) and not holder and machine else ""
    message = f"the pod of {node.display_name} hangs in Terminating{machine}{holder}{lost}"
    return _suspicion(StallReason.POD_TERMINATING, message, graces.seconds, pod.metadata.deletion_timestamp, node)


def _machine_silent(node: Node, pod: Pod, graces: StallGraces) -> Suspicion | None:
    """Return the suspicion that a machine is lost with a pod that tolerates it, so that nobody deletes the pod."""
    condition = machine_silent_since(pod)
    if condition is None:
        return None
    message = f"the pod of {node.display_name} runs{on_machine(pod)}, which does not respond"
    seconds = graces.seconds + _EVICTION_SECONDS
    return _suspicion(StallReason.MACHINE_SILENT, message, seconds, condition.last_transition_time, node)


def _main_ended(node: Node, pod: Pod, graces: StallGraces, set_names: Collection[str]) -> Suspicion | None:
    """Return the suspicion that only other containers than the main ones keep a pod alive."""
    ended = main_end(pod, set_names)
    if ended is None:
        return None
    state, keeps = ended.state, _what_keeps(pod, ended.alive)
    if has_start_error(state):
        message = f"{node.display_name} could not start its main container ({state.reason}, exit code "
        message += f"{state.exit_code}), {keeps}{f': {state.message}' if state.message else ''}"
        return _suspicion(StallReason.MAIN_NOT_STARTED, message, graces.seconds, ended.at, node)
    message = f"the main container of {node.display_name} exited with code {state.exit_code}, {keeps}"
    return _suspicion(StallReason.MAIN_ENDED, message, _seconds_to_end(pod, ended, graces), ended.at, node)


def _what_keeps(pod: Pod, alive: Sequence[str]) -> str:
    """Return what keeps a pod from ending. Without any container, it is the kubelet, as on a machine that is lost."""
    if not alive:
        return f"and its pod does not end{on_machine(pod)}, although no container of it runs"
    return f"and {', '.join(alive)} {'keeps the pod' if len(alive) == 1 else 'keep it'} alive"


def _seconds_to_end(pod: Pod, ended: MainEnd, graces: StallGraces) -> float:
    """Return how long the other containers may outlive the main ones.

    Argo's stores logs and outputs, also those of a step that failed. Sidecars get SIGTERM, and have the pod's
    own grace period to end. Without any container, the kubelet has to end the pod, and cleans up first.
    """
    own_seconds = pod.spec.termination_grace_period_seconds or 0
    seconds = graces.seconds + max(0, own_seconds - _USUAL_TERMINATION_SECONDS)
    is_saving = not ended.alive or any(is_argos_container(name) for name in ended.alive)
    return max(seconds, graces.outputs_seconds) if is_saving else seconds


def _agent(snapshot: Snapshot, pods: PodsSeen, graces: StallGraces) -> Iterator[Suspicion]:
    """Yield that steps wait for an agent that has ended, or that does not exist.

    A step that the agent has taken up is Running, and an agent may serve several Workflows: so if no agent is among the
    Workflow's pods, only pending steps wait for one. A step that waits for a lock needs none yet.
    """
    waiting = [
        node
        for node in snapshot.nodes.values()
        if node.type in _WAITING_TYPES and node.phase in UNFINISHED_PHASES and not _waits_for_lock(node)
    ]
    agent = pods.agent
    if agent is None:
        waiting = [node for node in waiting if node.phase == Phase.PENDING] if pods.is_complete else []
    serves_plugins = any(node.type == NodeType.PLUGIN for node in waiting)
    missing = AgentTrouble("does not exist", None)
    trouble = agent_trouble(agent, serves_plugins=serves_plugins) if agent else missing
    if waiting and trouble:
        names = ", ".join(node.display_name for node in waiting[:3])
        message = f"{names} wait{'s' if len(waiting) == 1 else ''} for Argo's agent, whose pod {trouble.state}"
        owed = Owed.PERHAPS if agent is None or agent.status.phase in ENDED_PHASES else Owed.NO
        seconds = graces.seconds + trouble.pause_seconds
        yield _suspicion(StallReason.AGENT_GONE, message, seconds, trouble.since_at, waiting[0], owed=owed)


def _waits_for_lock(node: Node) -> bool:
    return node.synchronization_status is not None and bool(node.synchronization_status.waiting)


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

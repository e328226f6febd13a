"""Computes the queued and the running time of each step.

Argo's ``startedAt`` of a node is the node's creation, before that of its pod. Only the pod has the start of the main
container. If no pod was seen, the times are unknown and not 0.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import pairwise

from msgspec import Struct

from wfreport.api.argo import Node, NodeType
from wfreport.api.calendar import shifted
from wfreport.api.kubernetes import ContainerStatus, Pod
from wfreport.api.reasons import DelayReason
from wfreport.api.report import ReportStatus
from wfreport.api.wire import is_same_time
from wfreport.core.snapshot.model import PodEvidence, Snapshot
from wfreport.core.snapshot.pod_names import pod_name
from wfreport.core.snapshot.pod_states import CLOCK_SKEW, main_statuses
from wfreport.core.timing.durations import seconds_between

_RESOLUTION_SECONDS = 1
"""Kubernetes writes whole seconds, so a queued time of one second has no known cause."""


class PodTimes(Struct, frozen=True):
    """Queued and running time of a step.

    Attributes:
        queued_seconds: from the node's creation to the start of its main container, or to its end without a start.
        running_seconds: from the start of the main container to the end of the node.
        queued_reason: the longest part of the queued time; None if it is unknown.
    """

    queued_seconds: int
    running_seconds: int
    queued_reason: str | None = None


def step_times(
    snapshot: Snapshot, evidence: Mapping[str, PodEvidence], stored: ReportStatus | None
) -> dict[str, PodTimes]:
    """Return the known times of all steps that have ended, by node id.

    Args:
        snapshot: the run.
        evidence: the evidence of its pods that exist now, by pod name.
        stored: the stored status of the same run; it has the times of pods that have been deleted since.
    """
    times = _stored_times(snapshot, stored) if stored else {}
    for node in snapshot.nodes.values():
        if node.type == NodeType.SUSPEND:
            seconds = seconds_between(node.started_at, node.finished_at)
            measured = PodTimes(seconds, 0, DelayReason.SUSPENDED) if seconds is not None else None
        else:
            measured = _time_pod(node, _pod_of(node, snapshot, evidence)) if evidence else None
        if measured is not None:
            times[node.id] = measured
    return times


def _stored_times(snapshot: Snapshot, stored: ReportStatus) -> dict[str, PodTimes]:
    """Return the stored times of the same executions. They are in two lists, and each may be cut."""
    nodes = snapshot.nodes
    times: dict[str, PodTimes | None] = {}
    for step in stored.steps or ():
        if step.node_id in nodes and is_same_time(step.started_at, nodes[step.node_id].started_at):
            times[step.node_id] = _pod_times(step.queued_seconds, step.running_seconds, None)
    for critical in stored.critical_path or ():
        node, queued = nodes.get(critical.node_id), critical.queued_seconds
        if node and queued is not None and seconds_between(node.started_at, node.finished_at) == critical.seconds:
            times[node.id] = _pod_times(queued, critical.seconds - queued, critical.queued_reason)
    return {node_id: known for node_id, known in times.items() if known is not None}


def _pod_times(queued: int | None, running: int | None, reason: str | None) -> PodTimes | None:
    return PodTimes(queued, max(0, running), reason) if queued is not None and running is not None else None


def _pod_of(node: Node, snapshot: Snapshot, evidence: Mapping[str, PodEvidence]) -> Pod | None:
    name = pod_name(snapshot.workflow, node)
    captured = evidence.get(name) if name else None
    return captured.pod if captured else None


def _time_pod(node: Node, pod: Pod | None) -> PodTimes | None:
    if pod is None or node.started_at is None or node.finished_at is None:
        return None
    created_at = pod.metadata.creation_timestamp
    since, until = shifted(node.started_at, -CLOCK_SKEW), shifted(node.finished_at, CLOCK_SKEW)
    if created_at is None or not since <= created_at <= until:
        return None  # a pod of the same name from before a manual retry
    main_started_at = _main_started_at(pod)
    if main_started_at is None and not _is_waiting_to_start(pod):
        return None
    end = node.finished_at
    ran_from = min(max(main_started_at or end, node.started_at), end)
    queued = seconds_between(node.started_at, ran_from) or 0
    running = (seconds_between(node.started_at, end) or 0) - queued
    return PodTimes(queued, running, _queued_reason(node, pod, ran_from) if queued > _RESOLUTION_SECONDS else None)


def _main_started_at(pod: Pod) -> datetime | None:
    return min((at for status in main_statuses(pod) for at in _starts(status)), default=None)


def _starts(status: ContainerStatus) -> Iterator[datetime]:
    for state in (status.last_state, status.state):
        ran = (state.terminated or state.running) if state else None
        if ran is not None and ran.started_at is not None:
            yield ran.started_at


def _is_waiting_to_start(pod: Pod) -> bool:
    """Whether the main container is known to wait for its start. The statuses of an evicted pod do not show it."""
    return any(status.state is not None and status.state.waiting is not None for status in main_statuses(pod))


def _queued_reason(node: Node, pod: Pod, ran_from: datetime) -> str | None:
    """Return the longest stage before the start of the main container.

    None if a stage is unknown, or if the pod is not the node's first one.
    """
    scheduled_at = next(
        (c.last_transition_time for c in pod.status.conditions if c.type == "PodScheduled" and c.status == "True"), None
    )
    if node.failed_pod_restarts or node.started_at is None or pod.metadata.creation_timestamp is None:
        return None
    stages = [(pod.metadata.creation_timestamp, DelayReason.POD_NOT_CREATED)]
    if scheduled_at is None:
        stages.append((ran_from, DelayReason.SCHEDULING))
    else:
        init_started_at = min((at for s in pod.status.init_container_statuses for at in _starts(s)), default=ran_from)
        stages.append((scheduled_at, DelayReason.SCHEDULING))
        stages.append((init_started_at, DelayReason.CONTAINER_CREATING))
        stages.append((ran_from, DelayReason.POD_INITIALIZING))
    ends = [node.started_at, *(at for at, _ in stages)]
    lengths = [later - earlier for earlier, later in pairwise(ends)]
    return stages[lengths.index(max(lengths))][1]

"""How long a step was queued and how long it ran.

Argo's ``startedAt`` of a node is when the node was created, with its pod still to come. Only the pod says when its
main container ran; where no pod was seen, that is not known, and never 0.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from wfreport.api.argo import Node, NodeType
from wfreport.api.kubernetes import ContainerStatus, Pod
from wfreport.api.reasons import DelayReason
from wfreport.api.report import ReportStatus
from wfreport.api.wire import is_same_time
from wfreport.core.classify.symptom import EXECUTOR_CONTAINERS
from wfreport.core.snapshot.model import PodEvidence, Snapshot
from wfreport.core.snapshot.pod_names import pod_name
from wfreport.core.timing.durations import seconds_between

_CLOCK_SKEW = timedelta(seconds=5)
"""Argo's controller, the API server and the kubelet have clocks of their own."""

_RESOLUTION_SECONDS = 1
"""Kubernetes writes whole seconds: what one second went into cannot be told."""


@dataclass(frozen=True, slots=True)
class PodTimes:
    """The seconds of a step.

    Attributes:
        queued_seconds: from the node's creation until its main container ran, or until it ended without.
        running_seconds: from then to its end.
        queued_reason: what most of the queued time went into; None where that is not known.
    """

    queued_seconds: int
    running_seconds: int
    queued_reason: str | None = None


def times_of_pods(
    snapshot: Snapshot, evidence: Mapping[str, PodEvidence], stored: ReportStatus | None
) -> dict[str, PodTimes]:
    """The times of every step that has ended, by node id, as far as they are known.

    Args:
        snapshot: the run.
        evidence: what is seen of its pods now, by pod name.
        stored: what the report kept of the same run: by now the pods may be gone.
    """
    times = _kept(snapshot, stored) if stored else {}
    for node in snapshot.nodes.values():
        if node.type == NodeType.SUSPEND:
            seconds = seconds_between(node.started_at, node.finished_at)
            found = PodTimes(seconds, 0, DelayReason.SUSPENDED) if seconds is not None else None
        else:
            found = _time_pod(node, _pod_of(node, snapshot, evidence)) if evidence else None
        if found is not None:
            times[node.id] = found
    return times


def _kept(snapshot: Snapshot, stored: ReportStatus) -> dict[str, PodTimes]:
    """What the stored report says of the same executions: its list of steps may be cut, its critical path too."""
    kept, nodes = {}, snapshot.nodes
    for step in stored.steps or ():
        if step.node_id in nodes and is_same_time(step.started_at, nodes[step.node_id].started_at):
            kept[step.node_id] = _known(step.queued_seconds, step.running_seconds, None)
    for critical in stored.critical_path or ():
        node, queued = nodes.get(critical.node_id), critical.queued_seconds
        if node and queued is not None and seconds_between(node.started_at, node.finished_at) == critical.seconds:
            kept[node.id] = _known(queued, critical.seconds - queued, critical.queued_reason)
    return {node_id: times for node_id, times in kept.items() if times is not None}


def _known(queued: int | None, running: int | None, reason: str | None) -> PodTimes | None:
    return PodTimes(queued, max(0, running), reason) if queued is not None and running is not None else None


def _pod_of(node: Node, snapshot: Snapshot, evidence: Mapping[str, PodEvidence]) -> Pod | None:
    name = pod_name(snapshot.workflow, node)
    seen = evidence.get(name) if name else None
    return seen.pod if seen else None


def _time_pod(node: Node, pod: Pod | None) -> PodTimes | None:
    if pod is None or node.started_at is None or node.finished_at is None:
        return None
    created_at = pod.metadata.creation_timestamp
    if created_at is None or not node.started_at - _CLOCK_SKEW <= created_at <= node.finished_at + _CLOCK_SKEW:
        return None  # a pod of that name from before a manual retry
    main_started_at = _main_started_at(pod)
    if main_started_at is None and not _is_still_to_start(pod):
        return None
    end = node.finished_at
    ran_from = min(max(main_started_at or end, node.started_at), end)
    queued = seconds_between(node.started_at, ran_from) or 0
    running = (seconds_between(node.started_at, end) or 0) - queued
    return PodTimes(queued, running, _queued_reason(node, pod, ran_from) if queued > _RESOLUTION_SECONDS else None)


def _main_statuses(pod: Pod) -> list[ContainerStatus]:
    """The main container, or those of a containerSet, which has none."""
    own = [status for status in pod.status.container_statuses if status.name not in EXECUTOR_CONTAINERS]
    return [status for status in own if status.name == "main"] or own


def _main_started_at(pod: Pod) -> datetime | None:
    return min((at for status in _main_statuses(pod) for at in _starts(status)), default=None)


def _starts(status: ContainerStatus) -> Iterator[datetime]:
    for state in (status.last_state, status.state):
        ran = (state.terminated or state.running) if state else None
        if ran is not None and ran.started_at is not None:
            yield ran.started_at


def _is_still_to_start(pod: Pod) -> bool:
    """Whether the pod says that its main container has not run; the statuses of an evicted pod say nothing."""
    return any(status.state is not None and status.state.waiting is not None for status in _main_statuses(pod))


def _queued_reason(node: Node, pod: Pod, ran_from: datetime) -> str | None:
    """The longest of the stages on the way to the main container.

    None where a stage is not known, or the pod is not the node's first.
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

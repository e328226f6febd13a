"""Reads the containers' states out of a pod, and whether it is the pod of a node's present run."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from wfreport.api.argo import EXECUTOR_CONTAINERS, MAIN_CONTAINER, Node
from wfreport.api.calendar import shifted
from wfreport.api.kubernetes import ContainerStatus, Pod, StateTerminated

CLOCK_SKEW: Final = timedelta(seconds=5)
"""Tolerated difference between the clocks of Argo's controller, the API server and the kubelet."""


def is_of_an_earlier_run(pod: Pod, node: Node) -> bool:
    """Return whether the pod has the name or the id of the node's pod, but is from before a manual retry."""
    created_at = pod.metadata.creation_timestamp
    return created_at is not None and node.started_at is not None and created_at < shifted(node.started_at, -CLOCK_SKEW)


def main_statuses(pod: Pod) -> list[ContainerStatus]:
    """Return the status of the main container, or those of a containerSet, which has no main container."""
    own = [status for status in pod.status.container_statuses if status.name not in EXECUTOR_CONTAINERS]
    return [status for status in own if status.name == MAIN_CONTAINER] or own


def terminated(status: ContainerStatus) -> StateTerminated | None:
    """Return how a container ended; None if it has not."""
    return status.state.terminated if status.state else None


def latest_end(statuses: Iterable[ContainerStatus]) -> datetime | None:
    """Return when the last of these containers ended; None if none has, or if no end has a time."""
    ends = (state.finished_at for status in statuses if (state := terminated(status)) and state.finished_at)
    return max(ends, default=None)

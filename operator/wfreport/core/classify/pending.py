"""What a pod that does not start says of itself, where Argo's node says nothing.

Argo takes over what a waiting container says, but not a volume that cannot be mounted, or a pod that is not placed
yet: those are in the pod's conditions and Events alone.
"""

from collections.abc import Sequence
from typing import Final

from wfreport.api.kubernetes import Event, Pod
from wfreport.core.snapshot.model import PodEvidence

STARTING_REASONS: Final = frozenset({"Pending", "ContainerCreating", "PodInitializing"})
"""What every pod says on its way up: no trouble, unless it takes long."""

TELLING_EVENTS: Final = frozenset(
    {"FailedMount", "FailedAttachVolume", "FailedCreatePodSandBox", "FailedPostStartHook", "NetworkNotReady"}
)
"""Reasons of Events that say why a pod that has a machine does not start."""


def why_pending(seen: PodEvidence | None) -> tuple[str, str] | None:
    """Reason and message of a pod that is there and does not start; None where nothing tells."""
    if seen is None:
        return None
    return (_container_waits(seen.pod) or _not_scheduled(seen.pod) if seen.pod else None) or _told(seen.events)


def _container_waits(pod: Pod) -> tuple[str, str] | None:
    for status in (*pod.status.init_container_statuses, *pod.status.container_statuses):
        waiting = status.state.waiting if status.state else None
        if waiting is not None and waiting.reason and waiting.reason not in STARTING_REASONS:
            return waiting.reason, waiting.message
    return None


def _not_scheduled(pod: Pod) -> tuple[str, str] | None:
    for found in pod.status.conditions:
        if found.type == "PodScheduled" and found.status == "False" and found.reason:
            return found.reason, found.message
    return None


def _told(events: Sequence[Event]) -> tuple[str, str] | None:
    telling = [event for event in events if event.reason in TELLING_EVENTS]
    newest = max(telling, key=_seen_at, default=None)
    return (newest.reason, newest.message) if newest else None


def _seen_at(event: Event) -> float:
    at = event.last_timestamp or event.event_time or event.first_timestamp
    return at.timestamp() if at else 0.0

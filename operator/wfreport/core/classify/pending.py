"""Finds the reason why a pod does not start, if Argo's node has none.

Argo copies the reason of a waiting container to the node. A volume that cannot be mounted, or a pod that is not
scheduled yet, is visible in the pod's conditions and Events only.
"""

from collections.abc import Sequence
from typing import Final

from wfreport.api.kubernetes import Event, Pod
from wfreport.core.snapshot.model import PodEvidence

STARTING_REASONS: Final = frozenset({"Pending", "ContainerCreating", "PodInitializing"})
"""Reasons of every starting pod. They are no problem unless they last long."""

STARTUP_FAILURE_EVENTS: Final = frozenset(
    {"FailedMount", "FailedAttachVolume", "FailedCreatePodSandBox", "FailedPostStartHook", "NetworkNotReady"}
)
"""Reasons of Events that explain why a scheduled pod does not start."""


def pending_reason(evidence: PodEvidence | None) -> tuple[str, str] | None:
    """Return the reason and the message of an existing pod that does not start; None if they are unknown."""
    if evidence is None:
        return None
    pod = evidence.pod
    pod_reason = _waiting_container_reason(pod) or _scheduling_reason(pod) if pod else None
    return pod_reason or _event_reason(evidence.events)


_AUTOSCALER_EVENTS: Final = frozenset({"NotTriggerScaleUp", "TriggeredScaleUp"})


def autoscaler_answer(evidence: PodEvidence | None) -> str | None:
    """Return what the cluster autoscaler last did about an unschedulable pod; None if no Event shows it."""
    answers = [event for event in evidence.events if event.reason in _AUTOSCALER_EVENTS] if evidence else []
    newest = max(answers, key=_last_observed_at, default=None)
    return f"{newest.reason}: {newest.message}" if newest else None


def _waiting_container_reason(pod: Pod) -> tuple[str, str] | None:
    for status in (*pod.status.init_container_statuses, *pod.status.container_statuses):
        waiting = status.state.waiting if status.state else None
        if waiting is not None and waiting.reason and waiting.reason not in STARTING_REASONS:
            return waiting.reason, waiting.message
    return None


def _scheduling_reason(pod: Pod) -> tuple[str, str] | None:
    for condition in pod.status.conditions:
        if condition.type == "PodScheduled" and condition.status == "False" and condition.reason:
            return condition.reason, condition.message
    return None


def _event_reason(events: Sequence[Event]) -> tuple[str, str] | None:
    failures = [event for event in events if event.reason in STARTUP_FAILURE_EVENTS]
    newest = max(failures, key=_last_observed_at, default=None)
    return (newest.reason, newest.message) if newest else None


def _last_observed_at(event: Event) -> float:
    at = event.last_timestamp or event.event_time or event.first_timestamp
    return at.timestamp() if at else 0.0

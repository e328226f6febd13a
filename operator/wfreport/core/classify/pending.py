"""Finds the reason why a pod does not start, if Argo's node has none.

Argo copies the reason of a waiting container to the node. A volume that cannot be mounted, or a pod that is not
scheduled yet, is visible in the pod's conditions and Events only.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from msgspec import Struct

from wfreport.api.kubernetes import Event, Pod
from wfreport.core.snapshot.model import PodEvidence
from wfreport.core.snapshot.pod_states import all_statuses, unscheduled, waiting_states

STARTING_REASONS: Final = frozenset({"Pending", "ContainerCreating", "PodInitializing"})
"""Reasons of every starting pod. They are no problem unless they last long."""

STARTUP_FAILURE_EVENTS: Final = frozenset(
    {"FailedMount", "FailedAttachVolume", "FailedCreatePodSandBox", "FailedPostStartHook", "NetworkNotReady"}
)
"""Reasons of Events that explain why a scheduled pod does not start."""


class PendingReason(Struct, frozen=True):
    """Why a pod does not start.

    Attributes:
        reason: reason of a waiting container, of the scheduler or of an Event.
        message: its message.
        since_at: when it began; None if that is unknown.
    """

    reason: str
    message: str
    since_at: datetime | None = None


def pending_reason(evidence: PodEvidence | None) -> PendingReason | None:
    """Return why an existing pod does not start; None if that is unknown."""
    if evidence is None:
        return None
    pod = evidence.pod
    pod_reason = _waiting_container_reason(pod) or _scheduling_reason(pod) if pod else None
    return pod_reason or _event_reason(evidence.events)


_AUTOSCALER_EVENTS: Final = frozenset({"NotTriggerScaleUp", "TriggeredScaleUp"})


def autoscaler_answer(evidence: PodEvidence | None) -> str | None:
    """Return what the cluster autoscaler last did about an unschedulable pod; None if no Event shows it."""
    answers = [event for event in evidence.events if event.reason in _AUTOSCALER_EVENTS] if evidence else []
    newest = max(answers, key=last_observed_at, default=None)
    return f"{newest.reason}: {newest.message}" if newest else None


def unscheduled_since(evidence: PodEvidence) -> datetime | None:
    """Return since when the scheduler has no machine for a pod; None if nothing shows it."""
    condition = unscheduled(evidence.pod) if evidence.pod else None
    if condition and condition.last_transition_time:
        return condition.last_transition_time
    refusals = (_began_at(event) for event in evidence.events if event.reason == "FailedScheduling")
    return min((at for at in refusals if at), default=None)


def _waiting_container_reason(pod: Pod) -> PendingReason | None:
    waiting = (state for state in waiting_states(all_statuses(pod)) if state.reason not in ("", *STARTING_REASONS))
    state = next(waiting, None)
    return PendingReason(state.reason, state.message) if state else None


def _scheduling_reason(pod: Pod) -> PendingReason | None:
    condition = unscheduled(pod)
    return PendingReason(condition.reason, condition.message, condition.last_transition_time) if condition else None


def _event_reason(events: Sequence[Event]) -> PendingReason | None:
    failures = [event for event in events if event.reason in STARTUP_FAILURE_EVENTS]
    newest = max(failures, key=last_observed_at, default=None)
    return PendingReason(newest.reason, newest.message, _began_at(newest)) if newest else None


def _began_at(event: Event) -> datetime | None:
    return event.first_timestamp or event.event_time


def last_observed_at(event: Event) -> float:
    """Return when an Event happened last, in seconds; 0 if that is unknown."""
    at = event.last_timestamp or event.event_time or event.first_timestamp
    return at.timestamp() if at else 0.0

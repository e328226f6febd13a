"""Finds the reason why a pod does not start, if Argo's node has none.

Argo copies the reason of a waiting container to the node. A volume that cannot be mounted, or a pod that is not
scheduled yet, is visible in the pod's conditions and Events only.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from msgspec import Struct, structs

from wfreport.api.classes import CLASS_OF_WAIT, FailureClass
from wfreport.api.kubernetes import Event, Pod
from wfreport.core.snapshot.model import PodEvidence
from wfreport.core.snapshot.pod_states import all_statuses, how_it_crashes, unscheduled
from wfreport.imports import lazy_pattern

STARTING_REASONS: Final = frozenset({"Pending", "ContainerCreating", "PodInitializing"})
"""Reasons of every starting pod. They are no problem unless they last long."""

STARTUP_FAILURE_EVENTS: Final = frozenset(
    {
        "FailedMount",
        "FailedMapVolume",
        "FailedMountOnFilesystemMismatch",
        "FailedAttachVolume",
        "FailedCreatePodSandBox",
        "FailedCreatePodContainer",
        "FailedPrepareDynamicResources",
        "FailedResourceClaimCreation",
        "FailedPostStartHook",
        "FailedValidation",
        "NetworkNotReady",
    }
)
"""Reasons of Events that explain why a scheduled pod does not start."""


_PROGRESS_EVENTS: Final = frozenset({"Pulling", "Pulled", "Created", "Started"})
"""Reasons of Events that show that the kubelet has overcome what is older: it pulls images when all is mounted."""

_WITHOUT_CREDENTIALS: Final = "FailedToRetrieveImagePullSecret"
_VAGUE: Final = lazy_pattern(
    r"(?:Unable to (?:attach or )?mount volumes|timed? ?out (?:expired )?waiting for volumes)"
    r"(?!.{0,8000}\]: (?!timed out|timeout|context deadline)\S)"
)
"""The kubelet's lists of volumes. What follows them is the cause, unless it is that the kubelet waited."""

_REPEATED_SECONDS: Final = 300
"""The kubelet tries again after two minutes at the latest; a volume that it has mounted since then tells nothing."""


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
    pod_reason = _with_pull_secrets(pod_reason, evidence.events) if pod_reason else None
    is_unplaced = pod is None or not pod.spec.node_name
    return pod_reason or _event_reason(evidence.events) or (_refused_reason(evidence.events) if is_unplaced else None)


def _with_pull_secrets(found: PendingReason, events: Sequence[Event]) -> PendingReason:
    """Return why an image cannot be pulled, with the pull secrets that the kubelet did not find."""
    missing = next((event.message for event in events if event.reason == _WITHOUT_CREDENTIALS), "")
    if not missing or CLASS_OF_WAIT.get(found.reason) != FailureClass.IMAGE_PULL:
        return found
    return structs.replace(found, message=f"{found.message.rstrip('.')}; {missing.partition(';')[0]}")


def _refused_reason(events: Sequence[Event]) -> PendingReason | None:
    """Return what the scheduler last said of a pod whose condition is not known."""
    refusals = [event for event in events if event.reason == "FailedScheduling"]
    newest = max(refusals, key=last_observed_at, default=None)
    placed = max((last_observed_at(event) for event in events if event.reason == "Scheduled"), default=0.0)
    if newest is None or last_observed_at(newest) < placed:
        return None
    return PendingReason("Unschedulable", newest.message, _began_at(newest))


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
    for status in all_statuses(pod):
        state = status.state.waiting if status.state else None
        if state and state.reason not in ("", *STARTING_REASONS):
            crash = how_it_crashes(status)
            message = f"container {status.name} {crash}" if crash else state.message
            return PendingReason(state.reason, message)
    return None


def starting_detail(pod: Pod) -> str:
    """Return how far a pod is that starts without a problem; empty if it shows no more than Argo does."""
    if pod.spec.node_name and not any(all_statuses(pod)) and pod.status.phase == "Pending":
        return f"its machine {pod.spec.node_name} has not begun to start it"
    running = next((one for one in pod.status.init_container_statuses if one.state and one.state.running), None)
    return f"its init container {running.name} still runs" if running else ""


def _scheduling_reason(pod: Pod) -> PendingReason | None:
    condition = unscheduled(pod)
    return PendingReason(condition.reason, condition.message, condition.last_transition_time) if condition else None


def _event_reason(events: Sequence[Event]) -> PendingReason | None:
    progress = max((last_observed_at(event) for event in events if event.reason in _PROGRESS_EVENTS), default=0.0)
    failures = [
        event for event in events if event.reason in STARTUP_FAILURE_EVENTS and last_observed_at(event) >= progress
    ]
    newest = max(failures, key=last_observed_at, default=None)
    told = _telling(newest, failures) if newest else None
    return PendingReason(told.reason, told.message, _began_at(told)) if told else None


def _telling(newest: Event, failures: Sequence[Event]) -> Event:
    """Return the newest Event; if it only lists the volumes that are not mounted, a recent one that has the cause."""
    if not is_vague_about_volumes(newest.message):
        return newest
    since = last_observed_at(newest) - _REPEATED_SECONDS
    causes = (one for one in failures if last_observed_at(one) >= since and not is_vague_about_volumes(one.message))
    return max(causes, key=last_observed_at, default=newest)


def is_vague_about_volumes(message: str) -> bool:
    """Return whether the kubelet only tells that it gave up waiting for volumes, and not why."""
    return _VAGUE.match(message) is not None


def _began_at(event: Event) -> datetime | None:
    return event.first_timestamp or event.event_time


def last_observed_at(event: Event) -> float:
    """Return when an Event happened last, in seconds; 0 if that is unknown."""
    at = event.last_timestamp or event.event_time or event.first_timestamp
    return at.timestamp() if at else 0.0

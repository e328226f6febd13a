"""Finds out from a step's pod why it neither ends nor starts, while Argo's node only has Running or Pending."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from msgspec import Struct

from wfreport.api.argo import Node
from wfreport.api.kubernetes import ContainerStatus, Event, Pod, StateTerminated
from wfreport.core.classify import kubelet_messages
from wfreport.core.classify.symptom import START_ERROR_REASONS
from wfreport.core.snapshot.model import PodEvidence
from wfreport.core.snapshot.pod_states import is_of_an_earlier_run, latest_end, main_statuses, terminated

POD_FAILED: Final = "PodFailed"
POD_SUCCEEDED: Final = "PodSucceeded"
POD_TERMINATING: Final = "PodTerminating"
MAIN_NOT_STARTED: Final = "MainNotStarted"
MAIN_ENDED: Final = "MainEnded"
HUNG_REASONS: Final = frozenset({POD_FAILED, POD_SUCCEEDED, POD_TERMINATING, MAIN_NOT_STARTED, MAIN_ENDED})
"""Reasons of waits of a step whose pod has ended, or is about to, without the step."""


class HungPod(Struct, frozen=True):
    """Obstacles that keep a step from ending.

    Attributes:
        reason: stable reason, one of ``HUNG_REASONS``.
        message: the same as a clause.
        since_at: when it began; None if that is unknown.
    """

    reason: str
    message: str
    since_at: datetime | None


def hung_pod(node: Node, evidence: PodEvidence | None) -> HungPod | None:
    """Return what keeps a step with an existing pod from ending; None if its pod is well or unknown."""
    pod = evidence.pod if evidence else None
    if evidence is None or pod is None or is_of_an_earlier_run(pod, node):
        return None
    if pod.metadata.deletion_timestamp is not None:
        return _terminating(pod, pod.metadata.deletion_timestamp, evidence.events)
    if pod.status.phase == "Failed":
        return _failed(pod)
    if pod.status.phase == "Succeeded":
        since_at = latest_end(pod.status.container_statuses)
        return HungPod(POD_SUCCEEDED, "its pod succeeded, and Argo has not recorded it", since_at)
    return _main_ended(pod) if pod.status.phase == "Running" else None


def _terminating(pod: Pod, since_at: datetime, events: Sequence[Event]) -> HungPod:
    texts = (f"{event.reason} {event.message}" for event in events)
    cause = next((text for text in texts if _is_about_the_machine(text)), "")
    host = f" on machine {pod.spec.node_name}" if pod.spec.node_name else ""
    message = f"its pod{host} is terminating and does not end{f' ({cause})' if cause else ''}"
    return HungPod(POD_TERMINATING, message, since_at)


def _is_about_the_machine(text: str) -> bool:
    return any(pattern.search(text) for pattern, _ in kubelet_messages.DISRUPTION_EVENTS)


def _failed(pod: Pod) -> HungPod:
    init = [(f"init container {status.name}", end) for status, end in _ends(pod.status.init_container_statuses)]
    own = [(status.name, end) for status, end in _ends(pod.status.container_statuses)]
    failed = [(name, end) for name, end in (*init, *own) if end.exit_code]
    parts = [f"{name} {_how_it_ended(end)}" for name, end in failed[:1]] or [pod.status.reason, pod.status.message]
    since_at = latest_end((*pod.status.init_container_statuses, *pod.status.container_statuses))
    cause = ": ".join(part for part in parts if part)
    return HungPod(POD_FAILED, f"its pod failed, and Argo has not recorded it{f': {cause}' if cause else ''}", since_at)


def _main_ended(pod: Pod) -> HungPod | None:
    """Find a pod in which only sidecars still run; None while one of the user's containers runs."""
    statuses = pod.status.container_statuses
    own = main_statuses(pod)
    ends = _ends(own)
    running = [status.name for status in statuses if status not in own and status.state and status.state.running]
    if not ends or len(ends) < len(own) or not running:
        return None
    status, end = max(ends, key=lambda ended: bool(ended[1].exit_code))
    keeps = f"{', '.join(running)} still {'runs' if len(running) == 1 else 'run'}"
    if (end.exit_code and end.started_at is None) or end.reason in START_ERROR_REASONS:
        cause = f"{end.reason} (exit code {end.exit_code}{f', {end.message}' if end.message else ''})"
        return HungPod(MAIN_NOT_STARTED, f"{status.name} could not start: {cause}; {keeps}", end.finished_at)
    since_at = latest_end(own)
    return HungPod(MAIN_ENDED, f"{status.name} {_how_it_ended(end)}, but {keeps}", since_at)


def _ends(statuses: Sequence[ContainerStatus]) -> list[tuple[ContainerStatus, StateTerminated]]:
    return [(status, end) for status in statuses if (end := terminated(status))]


def _how_it_ended(end: StateTerminated) -> str:
    reason = f" ({end.reason})" if end.reason not in ("", "Error", "Completed") else ""
    message = f": {end.message.strip()}" if end.exit_code and end.message.strip() else ""
    return f"exited with code {end.exit_code}{reason}{message}"

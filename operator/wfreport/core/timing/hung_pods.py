"""Finds out from a step's pod why it neither ends nor starts, while Argo's node only has Running or Pending."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final

from msgspec import Struct

from wfreport.api.argo import EXECUTOR_CONTAINERS, Node, Phase
from wfreport.api.kubernetes import ContainerStatus, Event, Pod
from wfreport.core.classify import kubelet_messages
from wfreport.core.classify.pending import STARTING_REASONS, last_observed_at
from wfreport.core.snapshot.model import PodEvidence
from wfreport.core.snapshot.pod_states import (
    MainEnd,
    all_statuses,
    failed_container,
    has_start_error,
    how_it_crashes,
    how_it_ended,
    is_of_an_earlier_run,
    is_unready,
    latest_end,
    machine_silent_since,
    main_end,
    main_statuses,
    on_machine,
    terminated,
)

POD_FAILED: Final = "PodFailed"
POD_SUCCEEDED: Final = "PodSucceeded"
POD_TERMINATING: Final = "PodTerminating"
MAIN_NOT_STARTED: Final = "MainNotStarted"
MAIN_ENDED: Final = "MainEnded"
EXECUTOR_FAILED: Final = "ExecutorFailed"
MACHINE_SILENT: Final = "MachineSilent"
HUNG_REASONS: Final = frozenset(
    {POD_FAILED, POD_SUCCEEDED, POD_TERMINATING, MAIN_NOT_STARTED, MAIN_ENDED, EXECUTOR_FAILED, MACHINE_SILENT}
)
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


def hung_pod(node: Node, evidence: PodEvidence | None, set_names: Collection[str] = ()) -> HungPod | None:
    """Return what keeps a step with an existing pod from ending; None if its pod is well or unknown.

    Args:
        node: the step.
        evidence: its pod with its Events.
        set_names: names of its containers, if it is a containerSet.
    """
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
    ended = main_end(pod, set_names) if pod.status.phase == "Running" else None
    if ended and ended.alive:
        return _main_ended(ended)
    by_container = _executor_failed(pod, node) or _not_started(pod) if node.phase == Phase.RUNNING else None
    return by_container or _silent_machine(pod, evidence.events)


def _terminating(pod: Pod, since_at: datetime, events: Sequence[Event]) -> HungPod:
    texts = (f"{event.reason} {event.message}" for event in events)
    cause = next((text for text in texts if _is_about_the_machine(text)), "")
    message = f"its pod{on_machine(pod)} is terminating and does not end{f' ({cause})' if cause else ''}"
    return HungPod(POD_TERMINATING, message, since_at)


def _is_about_the_machine(text: str) -> bool:
    return any(pattern.search(text) for pattern, _ in kubelet_messages.DISRUPTION_EVENTS)


def _failed(pod: Pod) -> HungPod:
    failed = failed_container(pod)
    parts = [f"{failed[0]} {how_it_ended(failed[1])}"] if failed else [pod.status.reason, pod.status.message]
    cause = ": ".join(part for part in parts if part)
    message = f"its pod failed, and Argo has not recorded it{f': {cause}' if cause else ''}"
    return HungPod(POD_FAILED, message, latest_end(all_statuses(pod)))


def _main_ended(ended: MainEnd) -> HungPod:
    """Describe a pod in which only other containers than the main ones still run."""
    state = ended.state
    keeps = f"{', '.join(ended.alive)} still {'runs' if len(ended.alive) == 1 else 'run'}"
    if has_start_error(state) or (state.exit_code and state.started_at is None):
        cause = f"{state.reason} (exit code {state.exit_code}{f', {state.message}' if state.message else ''})"
        return HungPod(MAIN_NOT_STARTED, f"{ended.container} could not start: {cause}; {keeps}", ended.at)
    return HungPod(MAIN_ENDED, f"{ended.container} {how_it_ended(state)}, but {keeps}", ended.at)


def _silent_machine(pod: Pod, events: Sequence[Event]) -> HungPod | None:
    """Describe a pod whose machine no longer reports, as its conditions show, or else its Events.

    Only the newest Event counts: the machine may have come back.
    """
    condition = machine_silent_since(pod)
    newest = max(events, key=last_observed_at, default=None)
    text = f"{newest.reason} {newest.message}" if newest and is_unready(pod) else ""
    if pod.status.phase == "Unknown" or pod.status.reason == "NodeLost":
        text = text if _is_about_the_machine(text) else f"{pod.status.reason} {pod.status.message}".strip()
    elif not _is_about_the_machine(text):
        if condition is None:
            return None
        text = ""
    host = f" {pod.spec.node_name}" if pod.spec.node_name else ""
    message = f"its machine{host} does not respond{f' ({text})' if text else ''}"
    return HungPod(MACHINE_SILENT, message, condition.last_transition_time if condition else None)


def _executor_failed(pod: Pod, node: Node) -> HungPod | None:
    """Describe a running pod that Argo's own container does not serve: nothing will report how its step ends."""
    alive = [one.name for one in main_statuses(pod) if one.state and one.state.running]
    for status in pod.status.container_statuses:
        if status.name in EXECUTOR_CONTAINERS:
            end, cause = terminated(status), _why_it_waits(status)
            if end and end.exit_code:
                return HungPod(EXECUTOR_FAILED, f"Argo's {status.name} container {how_it_ended(end)}", end.finished_at)
            if end and alive and not node.daemoned:
                message = (
                    f"Argo's {status.name} container has ended, and {alive[0]} still runs: nothing will end its step"
                )
                return HungPod(EXECUTOR_FAILED, message, end.finished_at)
            if cause:
                return HungPod(EXECUTOR_FAILED, f"Argo's {status.name} container cannot start: {cause}", None)
    return None


def _not_started(pod: Pod) -> HungPod | None:
    """Describe a running pod of which one container cannot start."""
    for status in pod.status.container_statuses:
        crash, cause = how_it_crashes(status), _why_it_waits(status)
        if crash:
            return HungPod(MAIN_NOT_STARTED, f"{status.name} crashes again and again: {crash}", None)
        if cause:
            return HungPod(MAIN_NOT_STARTED, f"{status.name} could not start: {cause}", None)
    return None


def _why_it_waits(status: ContainerStatus) -> str:
    """Return why a container does not start, if that is a problem; else empty."""
    state = status.state.waiting if status.state else None
    if state is None or state.reason in ("", *STARTING_REASONS):
        return ""
    return ": ".join(part for part in (state.reason, state.message.strip()) if part)

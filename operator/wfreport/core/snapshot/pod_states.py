"""Predicates on the state of a pod, which the rules about failed, waiting and hung steps share.

Each reads one fact out of a pod. What a fact means differs: a start error fails a step, and hangs it if another
container keeps the pod alive.
"""

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct

from wfreport.api.argo import EXECUTOR_CONTAINERS, MAIN_CONTAINER, Node, Phase
from wfreport.api.calendar import shifted
from wfreport.api.kubernetes import ContainerStatus, Pod, PodCondition, StateTerminated, StateWaiting

CLOCK_SKEW: Final = timedelta(seconds=5)
"""Tolerated difference between the clocks of Argo's controller, the API server and the kubelet."""

ENDED_PHASES: Final = frozenset({"Succeeded", "Failed"})
"""Phases of a pod that has ended."""

START_ERROR_REASONS: Final = frozenset(
    {"StartError", "ContainerCannotRun", "ContainerCannotRunError", "CreateContainerError", "RunContainerError"}
)
"""Reasons of a *terminated* container whose program never ran (containerd, docker)."""


_PLUGIN_CONTAINERS: Final = ("artifact-plugin-", "init-artifact-")
"""Starts of the names of the containers that Argo adds for artifact plugins (common.go:16)."""


def is_argos_container(name: str | None) -> bool:
    """Return whether Argo added the container to the pod: argoexec, or an artifact plugin."""
    return name is not None and (name in EXECUTOR_CONTAINERS or name.startswith(_PLUGIN_CONTAINERS))


class MainEnd(Struct, frozen=True):
    """The end of a pod's main containers while the pod itself does not end.

    Attributes:
        container: name of the main container with the highest exit code.
        state: how it ended.
        alive: names of the containers that still run, or that are started again; empty if all have ended.
        at: when the last main container ended; None if that is unknown.
    """

    container: str
    state: StateTerminated
    alive: tuple[str, ...]
    at: datetime | None


def is_of_an_earlier_run(pod: Pod, node: Node, *, skew: timedelta = CLOCK_SKEW) -> bool:
    """Return whether the pod has the name or the id of the node's pod, but has been replaced.

    It is from before a manual retry, or Argo deletes it to start the step again (``pod_restart.go``, since 4.0).
    """
    if pod.metadata.uid and pod.metadata.uid == node.restarting_pod_uid:
        return True
    if node.failed_pod_restarts and node.phase == Phase.RUNNING and has_failed_before_its_start(pod):
        return True
    created_at = pod.metadata.creation_timestamp
    return created_at is not None and node.started_at is not None and created_at < shifted(node.started_at, -skew)


def has_failed_before_its_start(pod: Pod) -> bool:
    """Return whether the pod failed, and none of its main containers ever ran: Argo may start the step again."""
    ends = (terminated(status) for status in main_statuses(pod))
    return pod.status.phase == "Failed" and not any(end and end.started_at for end in ends)


def on_machine(pod: Pod) -> str:
    """Return on which machine a pod is, as a part of a sentence; empty if it has none yet."""
    return f" on machine {pod.spec.node_name}" if pod.spec.node_name else ""


def all_statuses(pod: Pod) -> Iterator[ContainerStatus]:
    """Yield the statuses of all containers, init containers first."""
    yield from pod.status.init_container_statuses
    yield from pod.status.container_statuses


def main_statuses(pod: Pod, names: Collection[str] = ()) -> list[ContainerStatus]:
    """Return the status of the main container, or those of a containerSet, which has no main container.

    Args:
        pod: the pod.
        names: names of the containers of a containerSet; without them, all that are not Argo's count.
    """
    own = [status for status in pod.status.container_statuses if status.name not in EXECUTOR_CONTAINERS]
    of_set = [status for status in own if status.name in names]
    return of_set or [status for status in own if status.name == MAIN_CONTAINER] or own


def main_end(pod: Pod, names: Collection[str] = ()) -> MainEnd | None:
    """Return the end of a running pod's main containers; None if one of them has not ended."""
    own = main_statuses(pod, names)
    ends = [(status.name, end) for status in own if (end := terminated(status))]
    mains, statuses = {status.name for status in own}, pod.status.container_statuses
    alive = tuple(one.name for one in statuses if one.name not in mains and one.state and not one.state.terminated)
    if not ends or len(ends) < len(own):
        return None
    container, state = max(ends, key=lambda ended: ended[1].exit_code)
    return MainEnd(container, state, alive, latest_end(own))


def has_start_error(state: StateTerminated) -> bool:
    """Return whether a container ended because its program could not be started."""
    return state.reason in START_ERROR_REASONS


def failed_container(pod: Pod) -> tuple[str, StateTerminated] | None:
    """Return what to call the first container that failed, and how it ended; init containers come first."""
    init = ((f"init container {one.name}", terminated(one)) for one in pod.status.init_container_statuses)
    own = ((one.name, terminated(one)) for one in pod.status.container_statuses)
    return next(((name, end) for part in (init, own) for name, end in part if end and end.exit_code), None)


def waiting_states(statuses: Iterable[ContainerStatus]) -> Iterator[StateWaiting]:
    """Yield why each waiting container waits."""
    return (status.state.waiting for status in statuses if status.state and status.state.waiting)


def unscheduled(pod: Pod) -> PodCondition | None:
    """Return the condition that the pod is not scheduled, if it has a reason."""
    return next(
        (one for one in pod.status.conditions if one.type == "PodScheduled" and one.status == "False" and one.reason),
        None,
    )


def disruption(pod: Pod) -> PodCondition | None:
    """Return the condition that the pod is evicted, preempted or deleted (KEP-3329)."""
    return next((one for one in pod.status.conditions if one.type == "DisruptionTarget" and one.status == "True"), None)


def is_unready(pod: Pod) -> bool:
    """Return whether the pod has the condition that it is not ready, as on a machine that is lost."""
    return any(one.type == "Ready" and one.status != "True" for one in pod.status.conditions)


def machine_silent_since(pod: Pod) -> PodCondition | None:
    """Return the condition that a running pod is not ready because its machine does not respond.

    The node lifecycle controller sets only this one condition, without a reason. The kubelet gives a reason, and tells
    of the containers as well.
    """
    by_type = {one.type: one for one in pod.status.conditions}
    ready, containers = by_type.get("Ready"), by_type.get("ContainersReady")
    is_set_from_outside = ready is not None and ready.status == "False" and not ready.reason
    return ready if is_set_from_outside and containers is not None and containers.status == "True" else None


def terminated(status: ContainerStatus) -> StateTerminated | None:
    """Return how a container ended; None if it has not."""
    return status.state.terminated if status.state else None


def how_it_ended(end: StateTerminated) -> str:
    """Return how a container ended, in words."""
    reason = f" ({end.reason})" if end.reason not in ("", "Error", "Completed") else ""
    message = f": {end.message.strip()}" if end.exit_code and end.message.strip() else ""
    return f"exited with code {end.exit_code}{reason}{message}"


def how_it_crashes(status: ContainerStatus) -> str:
    """Return how a container ended that is started again and again; empty if it is not, or if that is unknown."""
    waiting = status.state.waiting if status.state else None
    last = status.last_state.terminated if status.last_state else None
    return how_it_ended(last) if waiting and waiting.reason == "CrashLoopBackOff" and last else ""


def latest_end(statuses: Iterable[ContainerStatus]) -> datetime | None:
    """Return when the last of these containers ended; None if none has, or if no end has a time."""
    ends = (state.finished_at for status in statuses if (state := terminated(status)) and state.finished_at)
    return max(ends, default=None)

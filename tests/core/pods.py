"""Builders of failed pods, their container statuses and their Events."""

from typing import Any

from tests.builders import at

from wfreport.api.argo import Metadata
from wfreport.api.kubernetes import (
    ContainerState,
    ContainerStatus,
    Event,
    Pod,
    PodStatus,
    StateTerminated,
    StateWaiting,
)


def ended(name: str, code: int = 0, reason: str = "Error", *, ran: bool = True, **state: Any) -> ContainerStatus:
    terminated = StateTerminated(exit_code=code, reason=reason, started_at=at(0) if ran else None, **state)
    return ContainerStatus(name=name, state=ContainerState(terminated=terminated))


def restarted(name: str, code: int, reason: str) -> ContainerStatus:
    """Build the status of a container that runs again after such an end."""
    before = ContainerState(terminated=StateTerminated(exit_code=code, reason=reason, started_at=at(0)))
    return ContainerStatus(name=name, state=ContainerState(), last_state=before)


def waits(name: str, reason: str, message: str = "") -> ContainerStatus:
    return ContainerStatus(name=name, state=ContainerState(waiting=StateWaiting(reason=reason, message=message)))


def a_pod(*statuses: ContainerStatus, init: tuple[ContainerStatus, ...] = (), **status: Any) -> Pod:
    pod_status = PodStatus(
        phase="Failed", container_statuses=list(statuses), init_container_statuses=list(init), **status
    )
    return Pod(metadata=Metadata(name="p", uid="pu"), status=pod_status)


def an_event(text: str, second: float | None = 1) -> Event:
    reason, _, message = text.partition(" ")
    return Event(reason=reason, message=message, last_timestamp=None if second is None else at(second))

"""Pods as they are seen when a step is over, and Events about them."""

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
    """A container that ended so before, and runs again."""
    before = ContainerState(terminated=StateTerminated(exit_code=code, reason=reason, started_at=at(0)))
    return ContainerStatus(name=name, state=ContainerState(), last_state=before)


def waits(name: str, reason: str, message: str = "") -> ContainerStatus:
    return ContainerStatus(name=name, state=ContainerState(waiting=StateWaiting(reason=reason, message=message)))


def a_pod(*statuses: ContainerStatus, init: tuple[ContainerStatus, ...] = (), **status: Any) -> Pod:
    found = PodStatus(phase="Failed", container_statuses=list(statuses), init_container_statuses=list(init), **status)
    return Pod(metadata=Metadata(name="p", uid="pu"), status=found)


def an_event(text: str, second: float | None = 1) -> Event:
    reason, _, message = text.partition(" ")
    return Event(reason=reason, message=message, last_timestamp=None if second is None else at(second))

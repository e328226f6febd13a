"""Clips the free texts of objects when they are decoded, so that no later function has to handle megabytes."""

from collections.abc import Iterator
from itertools import chain
from typing import Any, TypeVar

import msgspec

from wfreport.api.argo import WorkflowStatus
from wfreport.api.kubernetes import Event, Pod, PodStatus
from wfreport.core.redact.bounds import TEXT_END, TEXT_START, clip_text

_MAX_CHARACTERS = TEXT_START + TEXT_END

T = TypeVar("T", Pod, Event, WorkflowStatus)


def clip_pod(pod: Pod) -> Pod:
    """Return the pod with clipped messages."""
    return _clipped(pod) if _any_is_long(_texts_of_pod(pod.status)) else pod


def clip_event(event: Event) -> Event:
    """Return the Event with clipped texts."""
    return _clipped(event) if _any_is_long(iter((event.message, event.reason))) else event


def clip_status(status: WorkflowStatus) -> WorkflowStatus:
    """Return the status with clipped messages: the Workflow's own, without those of its nodes."""
    texts = (status.message, *(condition.message for condition in status.conditions))
    if not _any_is_long(iter(texts)):
        return status
    return msgspec.structs.replace(
        status, message=clip_text(status.message), conditions=[_clipped(one) for one in status.conditions]
    )


def _any_is_long(texts: Iterator[str]) -> bool:
    return any(len(text) > _MAX_CHARACTERS for text in texts)


def _texts_of_pod(status: PodStatus) -> Iterator[str]:
    yield from (status.message, status.reason)
    for condition in status.conditions:
        yield from (condition.message, condition.reason)
    for container in chain(status.init_container_statuses, status.container_statuses):
        for state in (container.state, container.last_state):
            for part in (state.waiting, state.terminated) if state else ():
                yield from (part.message, part.reason) if part else ()


def _clipped(value: Any) -> Any:
    """Return the value with all its texts clipped, apart from those in maps, such as labels."""
    if isinstance(value, str):
        return clip_text(value)
    if isinstance(value, list):
        return [_clipped(part) for part in value]
    if isinstance(value, msgspec.Struct):
        fields = {name: _clipped(getattr(value, name)) for name in value.__struct_fields__}
        return msgspec.structs.replace(value, **fields)
    return value

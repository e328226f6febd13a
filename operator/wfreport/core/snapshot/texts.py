"""Clips the free texts of objects when they are decoded, so that no later function has to handle megabytes."""

from collections.abc import Iterator, Sized
from itertools import chain
from typing import Any, TypeVar

import msgspec

from wfreport.api.argo import WorkflowStatus
from wfreport.api.kubernetes import Event, Pod, PodStatus
from wfreport.core.redact.bounds import NAME_LENGTH, TEXT_END, TEXT_START, clip_text

_MAX_CHARACTERS = TEXT_START + TEXT_END
MAX_ENTRIES = 300
"""Entries of a list, or labels, of a pod. Pods have some dozens; one of 1.5 MB can have fifty thousand."""

_KNOWN_DOMAINS = ("argoproj.io", "k8s.io", "kubernetes.io", "kubeflow.org", "wfreport.dev")
"""Ends of the domains whose labels and annotations are read."""

T = TypeVar("T", Pod, Event, WorkflowStatus)


def clip_pod(pod: Pod) -> Pod:
    """Return the pod with clipped messages, and with few labels and entries of lists if it has very many of them."""
    if _has_very_many(pod):
        pod = msgspec.structs.replace(
            pod, metadata=_short(pod.metadata), spec=_short(pod.spec), status=_short(pod.status)
        )
    return _clipped(pod) if _any_is_long(texts_of_pod(pod.status)) else pod


def _has_very_many(pod: Pod) -> bool:
    meta, spec, status = pod.metadata, pod.spec, pod.status
    parts: list[Sized] = [meta.labels, meta.annotations, meta.owner_references, meta.finalizers, meta.managed_fields]
    parts += [spec.volumes, spec.containers, spec.init_containers]
    parts += [status.conditions, status.container_statuses, status.init_container_statuses]
    return max(map(len, parts)) > MAX_ENTRIES or sum(map(len, meta.annotations.values())) > _MAX_CHARACTERS


def _short(part: Any) -> Any:
    """Return a part of a pod with few entries in its lists and maps. Those of Argo and of Kubernetes stay."""
    fields: dict[str, Any] = {}
    for name in part.__struct_fields__:
        value = getattr(part, name)
        if isinstance(value, dict):
            fields[name] = {key: text for key, text in value.items() if _is_known(key) and len(text) <= NAME_LENGTH}
        elif isinstance(value, list):
            fields[name] = value[:MAX_ENTRIES]
    return msgspec.structs.replace(part, **fields)


def _is_known(key: str) -> bool:
    return key.partition("/")[0].endswith(_KNOWN_DOMAINS)


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


def texts_of_pod(status: PodStatus) -> Iterator[str]:
    """Yield the texts of a pod that the kubelet, runtimes and programs write."""
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

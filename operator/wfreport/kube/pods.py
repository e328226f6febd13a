"""The pods of Workflows, their Events and their logs, read only."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

from msgspec import Struct

from wfreport.api.argo import LABEL_COMPLETED, LABEL_WORKFLOW
from wfreport.api.kubernetes import Event, Pod
from wfreport.core.snapshot.decode import decode_event, decode_pod
from wfreport.core.snapshot.texts import clip_event, clip_pod
from wfreport.kube.client import Client
from wfreport.kube.errors import TooLargeError
from wfreport.kube.kinds import EVENT, POD
from wfreport.kube.resource import Resource
from wfreport.kube.streaming import open_stream, read_lines

PODS, LOG = POD.plural, "log"
LOG_SECONDS = 10
LOG_READ_MAX_BYTES = 4 << 20
"""The most bytes of a log that are read to find its end: lines may have any length."""

LINE_MAX_BYTES = 16 * 1024 * 1024
"""The longest line of a log that is followed."""

FEW_LINES = 5
"""The number of lines to request if the requested ones exceed `LOG_READ_MAX_BYTES`."""

PODS_BYTES = 16 << 20
"""Pods that are listed of a Workflow: a pod can have more than a megabyte, and usually has ten kilobytes."""

CACHED_LIMIT = 500
FEW_EVENTS = 20
FEWER_EVENTS = 5
LONG_EVENT = 16 * 1024
EVENTS_BYTES = 1 << 20
"""Texts of the Events that are read: a pod has few, of some hundred bytes each."""

_LOG_GONE = "unable to retrieve container logs for "
"""The body of the kubelet's 200 if the container no longer exists (kubernetes pkg/kubelet/kuberuntime)."""


class LogEnd(Struct, frozen=True):
    """The end of a container's log: whole lines, not yet redacted.

    Attributes:
        text: the lines.
        has_more: whether the log has lines before them.
    """

    text: str
    has_more: bool


class LogGoneError(Exception):
    """The log no longer exists, or its end was not reached within `LOG_READ_MAX_BYTES`."""


class Pods:
    """The pods that Argo created."""

    def __init__(self, client: Client, *, chunk_size: int) -> None:
        self._client = client
        self._pods = Resource(client, POD, Pod, chunk_size=chunk_size, decode_odd=decode_pod)
        self._events = Resource(client, EVENT, Event, decode_odd=decode_event)

    async def get(self, namespace: str, name: str, *, min_resource_version: int) -> Pod | None:
        """Return a pod of at least this version from the API server's cache; None if it does not exist.

        The request is a list of one, so that the permission to list pods is enough.

        Raises:
            ApiError: the request failed.
        """
        page = await self._pods.list_page(
            namespace, field_selector=f"metadata.name={name}", min_resource_version=min_resource_version
        )
        return next(map(clip_pod, page.items or ()), None)

    async def read_log(self, namespace: str, pod: str, container: str, *, lines: int, max_bytes: int) -> LogEnd:
        """Return the last lines of a container's log, ``max_bytes`` at most.

        The API's ``limitBytes`` would cut off the end of the log instead of its beginning.

        Raises:
            LogGoneError: the log no longer exists, or its lines are too long to find its end.
            ApiError: the request failed; InvalidError if the container never started.
        """
        path = POD.path(namespace, pod, LOG)
        for line_count in dict.fromkeys((lines, min(lines, FEW_LINES))):
            tail = await self._client.read_tail(
                f"{PODS}/{LOG}",
                path,
                params={"container": container, "tailLines": str(line_count)},
                keep_bytes=max_bytes,
                max_bytes=LOG_READ_MAX_BYTES,
                seconds=LOG_SECONDS,
            )
            is_cut = tail.total_bytes > len(tail.text)
            text = _whole_lines(tail.text, is_cut=is_cut)
            if text.startswith(_LOG_GONE):
                raise LogGoneError(text)
            if tail.reached_end and (text or not tail.total_bytes):
                return LogEnd(text, has_more=is_cut or text.count("\n") >= line_count)
        raise LogGoneError("its lines are too long")

    @asynccontextmanager
    async def open_log(
        self, namespace: str, pod: str, container: str, *, follow: bool, tail_lines: int | None
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """Open a container's log; the value is its lines, which end at one longer than `LINE_MAX_BYTES`.

        Args:
            namespace: of the pod.
            pod: its name.
            container: its name.
            follow: whether the lines go on until the container ends.
            tail_lines: the number of last lines to start with; None: all of them.

        Raises:
            InvalidError: the container has not started.
            ApiError: the request failed, or the connection broke inside the block.
        """
        params = {"container": container} | ({"follow": "true"} if follow else {})
        params |= {} if tail_lines is None else {"tailLines": str(tail_lines)}
        async with open_stream(self._client, POD.path(namespace, pod, LOG), params) as content:
            yield read_lines(content, max_bytes=LINE_MAX_BYTES)

    async def list_failed(self, namespace: str, workflow: str, *, limit: int) -> Sequence[Pod]:
        """List the failed pods of a Workflow, ``limit`` at most.

        Raises:
            ApiError: the request failed.
        """
        return await self._list_in_phase("Failed", namespace, workflow, limit)

    async def list_pending(self, namespace: str, workflow: str, *, limit: int) -> Sequence[Pod]:
        """List the pending pods of a Workflow, ``limit`` at most.

        Raises:
            ApiError: the request failed.
        """
        return await self._list_in_phase("Pending", namespace, workflow, limit)

    async def _list_in_phase(self, phase: str, namespace: str, workflow: str, limit: int) -> Sequence[Pod]:
        selectors = {"labelSelector": f"{LABEL_WORKFLOW}={workflow}", "fieldSelector": f"status.phase={phase}"}
        return (await self._list_some(namespace, selectors, limit))[0]

    async def list_unfinished(self, namespace: str, workflow: str, *, limit: int) -> tuple[Sequence[Pod], bool]:
        """List pods of a Workflow that Argo has not labelled as completed, ``limit`` at most, and whether that is all.

        Raises:
            ApiError: the request failed.
        """
        selector = f"{LABEL_WORKFLOW}={workflow},{LABEL_COMPLETED}!=true"
        return await self._list_some(namespace, {"labelSelector": selector}, limit)

    async def _list_some(self, namespace: str, selectors: Mapping[str, str], limit: int) -> tuple[Sequence[Pod], bool]:
        """List pods, ``limit`` or about `PODS_BYTES` at most, and whether that is all."""
        pods: list[Pod] = []
        is_complete = False
        async for page in self._pods.pages(namespace, selectors, limit=limit, max_bytes=PODS_BYTES):
            pods += [clip_pod(pod) for pod in page.items or ()]
            is_complete = not page.metadata.continue_token and len(pods) <= limit
            if len(pods) >= limit:
                break
        return pods[:limit], is_complete

    async def list_all(self, namespace: str, workflow: str) -> Sequence[Pod]:
        """List all pods of a Workflow, page by page.

        Raises:
            ApiError: a page failed.
        """
        pods = self._pods.list(namespace, label_selector=f"{LABEL_WORKFLOW}={workflow}")
        return [clip_pod(pod) async for pod in pods]

    async def list_cached(self, namespace: str, workflow: str) -> Sequence[Pod]:
        """List all pods of a Workflow from the API server's cache, at once: a page would wait for etcd.

        If they are too large for that, some of them are listed page by page.

        Raises:
            ApiError: the request failed.
        """
        selector = f"{LABEL_WORKFLOW}={workflow}"
        try:
            page = await self._pods.list_page(namespace, label_selector=selector, min_resource_version=0)
        except TooLargeError:
            return (await self._list_some(namespace, {"labelSelector": selector}, CACHED_LIMIT))[0]
        return [clip_pod(pod) for pod in page.items or ()]

    async def list_events(self, namespace: str, pod_uid: str, *, limit: int = 100) -> Sequence[Event]:
        """List the Events about a pod: few at first, because each may have more than a megabyte.

        Raises:
            ApiError: a request failed.
        """
        selector = f"involvedObject.uid={pod_uid}"
        try:
            page = await self._events.list_page(namespace, field_selector=selector, limit=min(FEW_EVENTS, limit))
        except TooLargeError:
            page = await self._events.list_page(namespace, field_selector=selector, limit=min(FEWER_EVENTS, limit))
        events = [clip_event(event) for event in page.items or ()]
        size = sum(map(_event_bytes, events))
        token, fitting = page.metadata.continue_token, EVENTS_BYTES * len(events) // max(1, size)
        more = min(limit - len(events), fitting)
        if token and more > 0:
            page = await self._events.list_page(namespace, field_selector=selector, limit=more, continue_token=token)
            events += [clip_event(event) for event in page.items or ()]
        return events


def _event_bytes(event: Event) -> int:
    """Return about how large an Event is. Texts were clipped, so that a long one may have had any length."""
    size = len(event.message) + len(event.reason)
    return size if size < LONG_EVENT else EVENTS_BYTES


def _whole_lines(tail: bytes, *, is_cut: bool) -> str:
    """Drop the first line if it is cut: it may begin with half a secret, which no redactor recognizes."""
    text = tail.decode("utf-8", "replace").replace("\x00", "\ufffd")
    return text.partition("\n")[2] if is_cut else text

"""Pods of Workflows, their Events and the ends of their logs: evidence, read only."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from wfreport.api.argo import LABEL_WORKFLOW
from wfreport.api.kubernetes import Event, Pod
from wfreport.kube.client import Client
from wfreport.kube.kinds import EVENT, POD
from wfreport.kube.resource import Resource
from wfreport.kube.streaming import open_stream, read_lines

PODS, LOG = POD.plural, "log"
LOG_SECONDS = 10
LOG_READ_MAX_BYTES = 4 << 20
"""Lines may be of any length: so much of a log is read at the most."""

LINE_MAX_BYTES = 16 * 1024 * 1024
"""The longest line of a log that is followed."""

FEW_LINES = 5
"""Where the wanted lines are longer than that, so many are asked for instead."""

_KUBELET_APOLOGY = "unable to retrieve container logs for "
"""The kubelet's 200 for a log whose container is gone (kubernetes pkg/kubelet/kuberuntime/kuberuntime_container.go)."""


@dataclass(frozen=True, slots=True)
class LogEnd:
    """The end of a container's log: whole lines, not yet redacted.

    Attributes:
        text: the lines.
        has_more: whether the log had more before them.
    """

    text: str
    has_more: bool


class LogGoneError(Exception):
    """The log is no more, or so large that its end was not reached."""


class Pods:
    """The pods that Argo made."""

    def __init__(self, client: Client, *, chunk_size: int) -> None:
        self._client = client
        self._pods = Resource(client, POD, Pod, chunk_size=chunk_size)
        self._events = Resource(client, EVENT, Event)

    async def get(self, namespace: str, name: str, *, min_resource_version: int) -> Pod | None:
        """Return a pod, or None if it does not exist. The API server's cache will do.

        The request is a list of one, so that the permission to list pods is enough.

        Raises:
            ApiError: the request failed.
        """
        page = await self._pods.list_page(
            namespace, field_selector=f"metadata.name={name}", min_resource_version=min_resource_version
        )
        return next(iter(page.items or ()), None)

    async def read_log(self, namespace: str, pod: str, container: str, *, lines: int, max_bytes: int) -> LogEnd:
        """The last lines of a container's log. ``limitBytes`` would cut its end off, so it is read and not kept.

        Raises:
            LogGoneError: nothing is left of it, or its lines are too long to find its end.
            ApiError: the request failed; 400 for a container that never started.
        """
        path = POD.path(namespace, pod, LOG)
        for wanted in dict.fromkeys((lines, min(lines, FEW_LINES))):
            ending = await self._client.read_tail(
                f"{PODS}/{LOG}",
                path,
                params={"container": container, "tailLines": str(wanted)},
                keep_bytes=max_bytes,
                max_bytes=LOG_READ_MAX_BYTES,
                seconds=LOG_SECONDS,
            )
            text = _whole_lines(ending.text, was_cut=ending.total_bytes > len(ending.text))
            if text.startswith(_KUBELET_APOLOGY):
                raise LogGoneError(text)
            if ending.reached_end and (text or not ending.total_bytes):
                cut = ending.total_bytes > len(ending.text)
                return LogEnd(text, has_more=cut or text.count("\n") >= wanted)
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
        """Pods of a Workflow whose phase is Failed, up to ``limit`` of them.

        Raises:
            ApiError: the request failed.
        """
        return await self._list_in_phase("Failed", namespace, workflow, limit)

    async def list_pending(self, namespace: str, workflow: str, *, limit: int) -> Sequence[Pod]:
        """Pods of a Workflow whose phase is Pending, up to ``limit`` of them.

        Raises:
            ApiError: the request failed.
        """
        return await self._list_in_phase("Pending", namespace, workflow, limit)

    async def _list_in_phase(self, phase: str, namespace: str, workflow: str, limit: int) -> Sequence[Pod]:
        page = await self._pods.list_page(
            namespace,
            label_selector=f"{LABEL_WORKFLOW}={workflow}",
            field_selector=f"status.phase={phase}",
            limit=limit,
        )
        return page.items or ()

    async def list_all(self, namespace: str, workflow: str) -> Sequence[Pod]:
        """List all pods of a Workflow, page by page.

        Raises:
            ApiError: a page failed.
        """
        return [pod async for pod in self._pods.list(namespace, label_selector=f"{LABEL_WORKFLOW}={workflow}")]

    async def list_events(self, namespace: str, pod_uid: str, *, limit: int = 100) -> Sequence[Event]:
        """List the Events about a pod.

        Raises:
            ApiError: the request failed.
        """
        page = await self._events.list_page(namespace, field_selector=f"involvedObject.uid={pod_uid}", limit=limit)
        return page.items or ()


def _whole_lines(read: bytes, *, was_cut: bool) -> str:
    """The text from a line's start on: half a line may begin with half a secret, which no redactor knows."""
    text = read.decode("utf-8", "replace").replace("\x00", "\ufffd")
    return text.partition("\n")[2] if was_cut else text

"""Pods of Workflows, their Events and the ends of their logs: evidence, read only."""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from wfreport.api.argo import LABEL_WORKFLOW, Struct
from wfreport.api.kubernetes import Event, Pod
from wfreport.kube.client import Client, decoded, join_path
from wfreport.kube.objects import ListMeta

PODS, EVENTS, LOG = "pods", "events", "log"
_BASE = "/api/v1"
LOG_SECONDS = 10
LOG_READ_MAX_BYTES = 4 << 20
"""Lines may be of any length: so much of a log is read at the most."""

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


class _PodList(Struct, frozen=True):
    metadata: ListMeta = ListMeta()
    items: tuple[Pod, ...] = ()


class _EventList(Struct, frozen=True):
    metadata: ListMeta = ListMeta()
    items: tuple[Event, ...] = ()


_decode_pods = msgspec.json.Decoder(_PodList).decode
_decode_events = msgspec.json.Decoder(_EventList).decode


class Pods:
    """The pods that Argo made."""

    def __init__(self, client: Client, *, chunk_size: int) -> None:
        self._client = client
        self._chunk_size = chunk_size

    async def fetch(self, namespace: str, name: str, *, not_older_than: int) -> Pod | None:
        """A pod, from the watch cache; None where there is none.

        A list of one: it needs no right besides those of the stream.

        Raises:
            ApiError: the request failed.
        """
        params = {
            "fieldSelector": f"metadata.name={name}",
            "resourceVersion": str(not_older_than),
            "resourceVersionMatch": "NotOlderThan",
        }
        answer = await self._client.request("list", PODS, join_path(_BASE, namespace, PODS), params=params)
        return next(iter(decoded(_decode_pods, answer).items), None)

    async def read_log(self, namespace: str, pod: str, container: str, *, lines: int, max_bytes: int) -> LogEnd:
        """The last lines of a container's log. ``limitBytes`` would cut its end off, so it is read and not kept.

        Raises:
            LogGoneError: nothing is left of it, or its lines are too long to find its end.
            ApiError: the request failed; 400 for a container that never started.
        """
        path = join_path(_BASE, namespace, PODS, pod, LOG)
        for wanted in dict.fromkeys((lines, min(lines, FEW_LINES))):
            ending = await self._client.end_of(
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
        params = {
            "labelSelector": f"{LABEL_WORKFLOW}={workflow}",
            "fieldSelector": f"status.phase={phase}",
            "limit": str(limit),
        }
        answer = await self._client.request("list", PODS, join_path(_BASE, namespace, PODS), params=params)
        return decoded(_decode_pods, answer).items

    async def list_all(self, namespace: str, workflow: str) -> Sequence[Pod]:
        """All pods of a Workflow, in pages.

        Raises:
            ApiError: a page failed.
        """
        found: list[Pod] = []
        params = {"labelSelector": f"{LABEL_WORKFLOW}={workflow}"}
        path = join_path(_BASE, namespace, PODS)
        async for page in self._client.pages(PODS, path, _decode_pods, limit=self._chunk_size, params=params):
            found += page.items
        return found

    async def list_events(self, namespace: str, pod_uid: str, *, limit: int = 100) -> Sequence[Event]:
        """Events about a pod.

        Raises:
            ApiError: the request failed.
        """
        params = {"fieldSelector": f"involvedObject.uid={pod_uid}", "limit": str(limit)}
        answer = await self._client.request("list", EVENTS, join_path(_BASE, namespace, EVENTS), params=params)
        return decoded(_decode_events, answer).items


def _whole_lines(read: bytes, *, was_cut: bool) -> str:
    """The text from a line's start on: half a line may begin with half a secret, which no redactor knows."""
    text = read.decode("utf-8", "replace").replace("\x00", "\ufffd")
    return text.partition("\n")[2] if was_cut else text

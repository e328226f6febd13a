"""Pods of Workflows and their Events: evidence, read only."""

from collections.abc import Sequence

import msgspec

from wfreport.api.argo import LABEL_WORKFLOW, Struct
from wfreport.api.kubernetes import Event, Pod
from wfreport.kube.client import Client, decoded, join_path
from wfreport.kube.objects import ListMeta

PODS, EVENTS = "pods", "events"
_BASE = "/api/v1"


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

"""Argo Workflows: read one, list the metadata of all. Nothing here writes."""

from collections.abc import AsyncIterator, Sequence

import msgspec

from wfreport.api.argo import GROUP, LABEL_CONTROLLER_INSTANCE_ID, VERSION
from wfreport.kube.client import ACCEPT_PARTIAL, ACCEPT_PARTIAL_LIST, Client, decoded_item, join_path
from wfreport.kube.errors import AheadError, NotFoundError
from wfreport.kube.objects import ItemList, ObjectMeta

WORKFLOWS = "workflows"
_BASE = f"/apis/{GROUP}/{VERSION}"
_decode = msgspec.json.Decoder(ItemList).decode


def workflow_selector(*, instance_id: str, label_selector: str) -> str:
    """The part of the label selector that holds for every stream and list of Workflows (Argo: util/instanceid)."""
    instance = f"{LABEL_CONTROLLER_INSTANCE_ID}={instance_id}" if instance_id else ""
    return ",".join(part for part in (instance, label_selector) if part)


class Workflows:
    """The Workflows of the namespaces that are watched."""

    def __init__(self, client: Client, *, namespaces: Sequence[str | None], selector: str, chunk_size: int) -> None:
        self._client = client
        self._namespaces = namespaces
        self._selector = selector
        self._chunk_size = chunk_size

    async def fetch(self, namespace: str, name: str, *, not_older_than: int) -> bytes:
        """GET one, from the API server's watch cache where it is as new as ``not_older_than`` (0: read afresh).

        Raises:
            NotFoundError: it is gone.
            ApiError: the request failed.
        """
        path = join_path(_BASE, namespace, WORKFLOWS, name)
        if not_older_than:
            try:
                return await self._client.request(
                    "get", WORKFLOWS, path, params={"resourceVersion": str(not_older_than)}
                )
            except AheadError:
                pass  # the cache lags behind our event, or etcd was restored from a backup: ask etcd itself
        return await self._client.request("get", WORKFLOWS, path)

    async def find_uid(self, namespace: str, name: str) -> str | None:
        """The uid of the Workflow of that name, read afresh; None where there is none.

        Raises:
            ApiError: the request failed.
        """
        path = join_path(_BASE, namespace, WORKFLOWS, name)
        try:
            answer = await self._client.request("get", WORKFLOWS, path, accept=ACCEPT_PARTIAL)
        except NotFoundError:
            return None
        return decoded_item(answer).metadata.uid

    async def list_metadata(self) -> AsyncIterator[ObjectMeta]:
        """The metadata of all of them, running and completed.

        Raises:
            ApiError: a page failed.
        """
        for namespace in self._namespaces:
            path = join_path(_BASE, namespace, WORKFLOWS)
            params = {"labelSelector": self._selector} if self._selector else {}
            async for page in self._client.pages(
                WORKFLOWS, path, _decode, limit=self._chunk_size, params=params, accept=ACCEPT_PARTIAL_LIST
            ):
                for item in page.items or ():
                    yield item.metadata

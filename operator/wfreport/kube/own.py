"""RemediationPolicies and Remediations: list, read, create, and server-side apply of ``/status``."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import msgspec

from wfreport.api.argo import Struct
from wfreport.api.metadata import ObjectMetadata
from wfreport.api.names import API_VERSION, FIELD_MANAGER
from wfreport.kube.client import ACCEPT_PARTIAL_LIST, APPLY_PATCH, Client, decoded, join_path
from wfreport.kube.objects import ItemList, ListMeta, ObjectMeta

_BASE = f"/apis/{API_VERSION}"


class _ObjectList(Struct, frozen=True):
    metadata: ListMeta = ListMeta()
    items: tuple[dict[str, Any], ...] = ()


_decode = msgspec.json.Decoder(dict[str, Any]).decode
_decode_page = msgspec.json.Decoder(_ObjectList).decode
_decode_metadata = msgspec.json.Decoder(ItemList).decode
_encode = msgspec.json.Encoder().encode


class OwnKind:
    """The objects of one of our kinds, in the namespaces that are watched; as documents, for their readers to judge."""

    def __init__(
        self, client: Client, kind: str, plural: str, *, namespaces: Sequence[str | None], chunk_size: int
    ) -> None:
        self._client = client
        self._kind = kind
        self._plural = plural
        self._namespaces = namespaces
        self._chunk_size = chunk_size

    async def list_all(self) -> AsyncIterator[dict[str, Any]]:
        """All of them, whole.

        Raises:
            ApiError: a page failed.
        """
        for namespace in self._namespaces:
            path = join_path(_BASE, namespace, self._plural)
            async for page in self._client.pages(self._plural, path, _decode_page, limit=self._chunk_size):
                for item in page.items:
                    yield item

    async def list_metadata(self) -> AsyncIterator[ObjectMeta]:
        """The metadata of all of them.

        Raises:
            ApiError: a page failed.
        """
        for namespace in self._namespaces:
            path = join_path(_BASE, namespace, self._plural)
            async for page in self._client.pages(
                self._plural, path, _decode_metadata, limit=self._chunk_size, accept=ACCEPT_PARTIAL_LIST
            ):
                for item in page.items or ():
                    yield item.metadata

    async def fetch(self, namespace: str, name: str) -> dict[str, Any]:
        """GET one, as it is now.

        Raises:
            NotFoundError: it is gone.
            ApiError: the request failed.
        """
        path = join_path(_BASE, namespace, self._plural, name)
        return decoded(_decode, await self._client.request("get", self._plural, path))

    async def create(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """POST one.

        Raises:
            AlreadyExistsError: there is one of that name.
            ApiError: the request failed; it may have been done.
        """
        path = join_path(_BASE, document["metadata"]["namespace"], self._plural)
        answer = await self._client.request(
            "create", self._plural, path, params={"fieldManager": FIELD_MANAGER}, body=_encode(document)
        )
        return decoded(_decode, answer)

    async def delete(self, metadata: ObjectMetadata) -> None:
        """DELETE one, if it is as it is known.

        Raises:
            ConflictError: it has changed since.
            NotFoundError: it is gone.
            ApiError: the request failed.
        """
        path = join_path(_BASE, metadata.namespace, self._plural, metadata.name)
        conditions = {"uid": metadata.uid, "resourceVersion": metadata.resource_version}
        await self._client.request("delete", self._plural, path, body=_encode({"preconditions": conditions}))

    async def apply_status(self, metadata: ObjectMetadata, status: Mapping[str, Any]) -> dict[str, Any]:
        """Write the whole status of the object as it is known.

        Raises:
            ConflictError: it has changed since.
            NotFoundError: it is gone.
            ApiError: the request failed; it may have been done.
        """
        body = {
            "apiVersion": API_VERSION,
            "kind": self._kind,
            "metadata": {
                "name": metadata.name,
                "namespace": metadata.namespace,
                "uid": metadata.uid,
                "resourceVersion": metadata.resource_version,
            },
            "status": status,
        }
        answer = await self._client.request(
            "apply",
            self._plural,
            join_path(_BASE, metadata.namespace, self._plural, metadata.name, "status"),
            params={"fieldManager": FIELD_MANAGER, "force": "true"},
            body=_encode(body),
            content_type=APPLY_PATCH,
        )
        return decoded(_decode, answer)

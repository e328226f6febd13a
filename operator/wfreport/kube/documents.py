"""Objects of other people's, whole, as the JSON documents that the API server has: what acts read and write."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from wfreport.api.argo import API_VERSION as ARGO_API_VERSION
from wfreport.api.names import FIELD_MANAGER
from wfreport.kube.client import MERGE_PATCH, Client, decoded, join_path
from wfreport.kube.errors import ConflictError, InvalidError

Document = dict[str, Any]

_decode = msgspec.json.Decoder(dict[str, Any]).decode
_encode = msgspec.json.Encoder().encode
_UID = "metadata.uid"
_MANAGER = {"fieldManager": FIELD_MANAGER}


class Documents:
    """The objects of one kind."""

    def __init__(self, client: Client, plural: str, *, api_version: str) -> None:
        self._client = client
        self._plural = plural
        self._base = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"

    async def fetch(self, namespace: str | None, name: str) -> Document:
        """GET one, as it is now.

        Raises:
            NotFoundError: it is gone.
            ApiError: the request failed.
        """
        return decoded(_decode, await self._client.request("get", self._plural, self._path(namespace, name)))

    async def create(self, namespace: str, document: Mapping[str, Any]) -> Document:
        """POST one.

        Raises:
            AlreadyExistsError: there is one of that name.
            ApiError: the request failed; it may have been done.
        """
        path = join_path(self._base, namespace, self._plural)
        body = _encode(document)
        return decoded(_decode, await self._client.request("create", self._plural, path, params=_MANAGER, body=body))

    async def patch(self, namespace: str, name: str, body: Mapping[str, Any]) -> Document:
        """Merge-patch one; ``metadata`` of the patch says which uid and resourceVersion it must have.

        Raises:
            ConflictError: it is another one, or was changed since.
            NotFoundError: it is gone.
            ApiError: the request failed; it may have been done.
        """
        try:
            answer = await self._client.request(
                "patch",
                self._plural,
                self._path(namespace, name),
                params=_MANAGER,
                body=_encode(body),
                content_type=MERGE_PATCH,
            )
        except InvalidError as error:
            if error.field == _UID:  # a patch for another uid is an attempt to change it, says the API server
                raise ConflictError("another object has that name", status=error.status) from error
            raise
        return decoded(_decode, answer)

    async def list_all(self, namespace: str) -> Sequence[Document]:
        """All of a namespace, in one page: for kinds of which there are few.

        Raises:
            ApiError: the request failed.
        """
        answer = await self._client.request("list", self._plural, join_path(self._base, namespace, self._plural))
        items: list[Document] = decoded(_decode, answer).get("items") or []
        return items

    def _path(self, namespace: str | None, name: str) -> str:
        return join_path(self._base, namespace, self._plural, name)


def workflows(client: Client) -> Documents:
    """Workflows."""
    return Documents(client, "workflows", api_version=ARGO_API_VERSION)


def cron_workflows(client: Client) -> Documents:
    """CronWorkflows."""
    return Documents(client, "cronworkflows", api_version=ARGO_API_VERSION)


def core(client: Client, plural: str) -> Documents:
    """A kind of core/v1."""
    return Documents(client, plural, api_version="v1")

"""The dynamic client: the objects of any kind, as Go's `dynamic.Interface` has them.

Paths, projections, preconditions and decoding are here and nowhere else. The modules beside this one are typed faces
over `Resource`; no code outside of `wfreport.kube` builds a path.
"""

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from typing import Any, Generic, Protocol, TypeVar

import msgspec

from wfreport.api.argo import Struct
from wfreport.api.names import FIELD_MANAGER
from wfreport.api.nesting import json_decoder
from wfreport.kube.client import (
    ACCEPT_JSON,
    ACCEPT_PARTIAL,
    ACCEPT_PARTIAL_LIST,
    APPLY_PATCH,
    MERGE_PATCH,
    Client,
    decoded,
    decoded_by_size,
)
from wfreport.kube.errors import ConflictError, InvalidError, error_of
from wfreport.kube.kinds import ResourceType
from wfreport.kube.listing import list_pages
from wfreport.kube.objects import Item, ObjectIdentity, ObjectMeta
from wfreport.kube.pages import ObjectPage, object_decoder, page_decoder
from wfreport.kube.streaming import open_stream, read_lines

Document = dict[str, Any]
"""A whole object, as JSON has it."""

StatusBody = Mapping[str, Any] | msgspec.Raw

CHUNK_SIZE = 100
"""Objects per page of a list (docs/decisions/0006)."""

EVENT_MAX_BYTES = 16 * 1024 * 1024
"""The longest line of a watch; etcd's own limit of an object is 1.5 MiB."""

_CLUSTER: Sequence[str | None] = (None,)
_EXPIRED = 410
_UID, _CONDITIONS = "metadata.uid", "status.conditions"
_encode = msgspec.json.Encoder().encode

ObjectT = TypeVar("ObjectT")
ReadT_co = TypeVar("ReadT_co", covariant=True)


class ResourceEvent(msgspec.Struct, Generic[ObjectT], frozen=True):
    """An event of a watch.

    Attributes:
        type: ADDED, MODIFIED, DELETED or BOOKMARK.
        object: the object as of the event.
    """

    type: str
    object: ObjectT


class _EventLine(Struct, frozen=True):
    type: str = ""
    object: msgspec.Raw = msgspec.Raw(b"{}")


class _ErrorStatus(Struct, frozen=True):
    code: int = _EXPIRED


_decode_event = json_decoder(_EventLine)
_decode_item = json_decoder(Item)
_decode_error_status = json_decoder(_ErrorStatus)


class ResourceReader(Protocol[ReadT_co]):
    """The part of a `Resource` that cannot write."""

    async def get(self, namespace: str | None, name: str) -> ReadT_co:
        """GET one object."""
        ...

    async def get_json(self, namespace: str | None, name: str) -> bytes:
        """GET one object as its JSON."""
        ...


class Resource(Generic[ObjectT]):
    """The objects of one kind.

    Args:
        client: makes the requests.
        resource_type: the kind.
        object_type: the type that an object is decoded to: a struct, `Document`, or ``msgspec.Raw`` for JSON that is
            not decoded.
        namespaces: the scope of lists; None in it is the whole cluster.
        chunk_size: objects per page of a list.
        metadata_only: request the objects as PartialObjectMetadata.
        field_manager: the name that writes are recorded under in ``metadata.managedFields``.
        decode_odd: decodes an object of a page of which one does not fit ``object_type``, so that it does not hide the
            others; None leaves it out.
    """

    def __init__(
        self,
        client: Client,
        resource_type: ResourceType,
        object_type: type[ObjectT],
        *,
        namespaces: Sequence[str | None] = _CLUSTER,
        chunk_size: int = CHUNK_SIZE,
        metadata_only: bool = False,
        field_manager: str = FIELD_MANAGER,
        decode_odd: Callable[[bytes], ObjectT | None] | None = None,
    ) -> None:
        self._client = client
        self._type = resource_type
        self._plural = resource_type.plural
        self._decode: Callable[[bytes], ObjectT] = object_decoder(object_type)
        self._decode_page = page_decoder(object_type, decode_odd)
        self._namespaces = namespaces
        self._chunk_size = chunk_size
        self._accept = ACCEPT_PARTIAL if metadata_only else ACCEPT_JSON
        self._accept_list = ACCEPT_PARTIAL_LIST if metadata_only else ACCEPT_JSON
        self._field_manager = field_manager

    def metadata_only(self) -> "Resource[Item]":
        """Return the same resource, decoded to metadata alone."""
        scope: dict[str, Any] = {"namespaces": self._namespaces, "chunk_size": self._chunk_size}
        return Resource(self._client, self._type, Item, metadata_only=True, field_manager=self._field_manager, **scope)

    # Reads

    async def get(self, namespace: str | None, name: str) -> ObjectT:
        """GET one object, as etcd has it now.

        Raises:
            NotFoundError: the object does not exist.
            ApiError: the request failed.
        """
        return await decoded_by_size(self._decode, await self.get_json(namespace, name))

    async def get_json(self, namespace: str | None, name: str, *, min_resource_version: int = 0) -> bytes:
        """GET one object as its JSON.

        Args:
            namespace: None for a kind without namespaces.
            name: of the object.
            min_resource_version: if given, accept a cached object of at least this version; 0: read etcd.

        Raises:
            NotFoundError: the object does not exist.
            AheadError: ``min_resource_version`` is ahead of the API server's watch cache.
            ApiError: the request failed.
        """
        params = {"resourceVersion": str(min_resource_version)} if min_resource_version else None
        return await self._client.request(
            "get", self._plural, self._type.path(namespace, name), params=params, accept=self._accept
        )

    async def list(
        self, namespace: str | None = None, *, label_selector: str = "", field_selector: str = ""
    ) -> AsyncIterator[ObjectT]:
        """List the objects of a namespace, or of the resource's whole scope, page by page.

        Raises:
            GoneError: the list's snapshot expired, and the server does not continue it; start over.
            ApiError: a page failed.
        """
        params = _selectors(label_selector, field_selector)
        for scope in (namespace,) if namespace else self._namespaces:
            async for page in self.pages(scope, params, limit=self._chunk_size):
                for item in page.items or ():
                    yield item

    def pages(
        self, namespace: str | None, params: Mapping[str, str], *, limit: int, max_bytes: int | None = None
    ) -> AsyncIterator[ObjectPage[ObjectT]]:
        """List objects in pages; see ``list_pages``."""
        listed = (self._client, self._plural, self._type.path(namespace), self._decode_page)
        return list_pages(*listed, limit=limit, params=params, accept=self._accept_list, max_bytes=max_bytes)

    async def list_page(
        self,
        namespace: str | None,
        *,
        label_selector: str = "",
        field_selector: str = "",
        limit: int = 0,
        continue_token: str = "",
        min_resource_version: int | None = None,
    ) -> ObjectPage[ObjectT]:
        """List objects by a single request.

        Args:
            namespace: None for all namespaces.
            label_selector: as ``kubectl get -l``.
            field_selector: as ``kubectl get --field-selector``.
            limit: the most objects to return; 0: all of them.
            continue_token: of the page before; empty for the first one.
            min_resource_version: if given, accept a cached list of at least this version; 0: of any version.

        Raises:
            ApiError: the request failed.
        """
        params = _selectors(label_selector, field_selector)
        if limit:
            params["limit"] = str(limit)
        if continue_token:
            params["continue"] = continue_token
        if min_resource_version is not None:
            params |= {"resourceVersion": str(min_resource_version), "resourceVersionMatch": "NotOlderThan"}
        body = await self._client.request(
            "list", self._plural, self._type.path(namespace), params=params, accept=self._accept_list
        )
        return await decoded_by_size(self._decode_page, body)

    async def list_metadata(
        self, namespace: str | None = None, *, label_selector: str = ""
    ) -> AsyncIterator[ObjectMeta]:
        """List the metadata of all objects.

        Raises:
            ApiError: a page failed.
        """
        async for item in self.metadata_only().list(namespace, label_selector=label_selector):
            yield item.metadata

    async def watch(
        self,
        namespace: str | None,
        *,
        resource_version: str,
        timeout_seconds: int,
        label_selector: str = "",
        field_selector: str = "",
    ) -> AsyncIterator[ResourceEvent[ObjectT]]:
        """Watch the objects until the server ends the stream.

        Args:
            namespace: None for all namespaces.
            resource_version: the version to watch from, e.g. of the list before.
            timeout_seconds: the time after which the server ends the stream.
            label_selector: as ``kubectl get -l``.
            field_selector: as ``kubectl get --field-selector``.

        Raises:
            GoneError: the version has expired; list again.
            ApiError: the watch was refused, broke, or sent an event that cannot be read.
        """
        params = {
            **_selectors(label_selector, field_selector),
            "watch": "true",
            "resourceVersion": resource_version,
            "timeoutSeconds": str(timeout_seconds),
        }
        async with open_stream(
            self._client,
            self._type.path(namespace),
            params,
            accept=self._accept,
            idle_seconds=timeout_seconds + self._client.timeout_seconds,
        ) as content:
            async for line in read_lines(content, max_bytes=EVENT_MAX_BYTES):
                if line.strip():
                    yield self._event(line)

    def _event(self, line: bytes) -> ResourceEvent[ObjectT]:
        event = decoded(_decode_event, line)
        body = bytes(event.object)
        if event.type == "ERROR":
            raise error_of(decoded(_decode_error_status, body).code, body)
        return ResourceEvent(event.type, decoded(self._decode, body))

    # Writes

    async def create(self, namespace: str | None, document: Mapping[str, Any]) -> ObjectT:
        """POST an object.

        Raises:
            AlreadyExistsError: the name is taken.
            ApiError: the request failed; it may have taken effect.
        """
        body = await self._client.request(
            "create",
            self._plural,
            self._type.path(namespace),
            params={"fieldManager": self._field_manager},
            body=_encode(document),
            accept=self._accept,
        )
        return decoded(self._decode, body)

    async def patch(self, namespace: str, name: str, patch: Mapping[str, Any], *, subresource: str = "") -> ObjectT:
        """Merge-patch an object. A uid and resourceVersion in the patch's ``metadata`` are preconditions.

        Raises:
            ConflictError: the object was changed since, or replaced by another one of its name.
            NotFoundError: the object does not exist.
            ApiError: the request failed; it may have taken effect.
        """
        return decoded(self._decode, await self._patch(namespace, name, subresource, patch))

    async def _patch(self, namespace: str, name: str, subresource: str, patch: Mapping[str, Any]) -> bytes:
        try:
            return await self._client.request(
                "patch",
                self._plural,
                self._type.path(namespace, name, subresource),
                params={"fieldManager": self._field_manager},
                body=_encode(patch),
                accept=self._accept,
                content_type=MERGE_PATCH,
            )
        except InvalidError as error:
            if error.field == _UID:  # the API server takes another uid for an attempt to change it
                raise ConflictError("another object has that name", status=error.status) from error
            raise

    async def apply_status(
        self, identity: ObjectIdentity, status: StatusBody, *, make_room: bool = False, remove: Collection[str] = ()
    ) -> ObjectT:
        """Write the whole status by server-side apply, after the fields to ``remove``, which others have written.

        ``make_room`` removes all conditions first if others' take all the room; the process may end in between.

        Raises:
            ConflictError: the object was changed since, or replaced by another one of its name.
            NotFoundError: the object does not exist.
            InvalidError: the status breaks the schema.
            ApiError: the request failed; it may have taken effect.
        """
        version = identity.resource_version
        if remove:
            version = await self._clear(identity, version, remove)
        try:
            return await self._apply_status(identity, version, status)
        except InvalidError as error:
            if not make_room or error.field != _CONDITIONS:
                raise
        return await self._apply_status(identity, await self._clear(identity, version, ("conditions",)), status)

    async def _clear(self, identity: ObjectIdentity, version: str | None, fields: Collection[str]) -> str:
        cleared = {"metadata": {"uid": identity.uid, "resourceVersion": version}, "status": dict.fromkeys(fields)}
        body = await self._patch(identity.namespace, identity.name, "status", cleared)
        return decoded(_decode_item, body).metadata.resource_version

    async def _apply_status(self, identity: ObjectIdentity, version: str | None, status: StatusBody) -> ObjectT:
        named = {
            "name": identity.name,
            "namespace": identity.namespace,
            "uid": identity.uid,
            "resourceVersion": version,
        }
        kind = {"apiVersion": self._type.api_version, "kind": self._type.kind}
        body = await self._client.request(
            "apply",
            self._plural,
            self._type.path(identity.namespace, identity.name, "status"),
            params={"fieldManager": self._field_manager, "force": "true"},
            body=_encode({**kind, "metadata": named, "status": status}),
            accept=self._accept,
            content_type=APPLY_PATCH,
        )
        return decoded(self._decode, body)

    async def delete(self, identity: ObjectIdentity) -> None:
        """DELETE an object.

        Raises:
            ConflictError: the object was changed since, or replaced by another one of its name.
            NotFoundError: the object does not exist.
            ApiError: the request failed; it may have taken effect.
        """
        preconditions = {"uid": identity.uid, "resourceVersion": identity.resource_version}
        await self._client.request(
            "delete",
            self._plural,
            self._type.path(identity.namespace, identity.name),
            body=_encode({"preconditions": preconditions}),
        )


def documents(
    client: Client,
    resource_type: ResourceType,
    *,
    namespaces: Sequence[str | None] = _CLUSTER,
    chunk_size: int = CHUNK_SIZE,
) -> Resource[Document]:
    """Return a kind whose objects are read and written whole."""
    return Resource(client, resource_type, Document, namespaces=namespaces, chunk_size=chunk_size)


def _selectors(label_selector: str, field_selector: str) -> dict[str, str]:
    selectors = {"labelSelector": label_selector, "fieldSelector": field_selector}
    return {name: selector for name, selector in selectors.items() if selector}

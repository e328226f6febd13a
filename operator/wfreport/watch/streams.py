"""The watch streams: kopf keeps them up, and what they say is heard here, as it passes through the session.

kopf has no hook for the Accept header, but its HTTP session is ours, and an aiohttp client middleware is the
documented way to change requests. The header differs between list and watch: with the list's on a watch the API
server silently sends whole objects.

An event is a few fields of metadata and a call that puts a key into a queue. Through kopf it would be a dict, a queue,
a task and half a millisecond first, so objects end here (docs/decisions/0005): kopf sees empty lists, and of a watch
the bookmarks and errors alone. The watch's position moves on by those bookmarks, one a minute: a watch that breaks in
between is told again what was heard.
"""

import logging
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any, Protocol

import aiohttp
import msgspec

from wfreport.api import argo, names
from wfreport.kube.client import ACCEPT_PARTIAL, ACCEPT_PARTIAL_LIST, Client, RequestObserver
from wfreport.kube.objects import PARTIAL_KIND, Item, ItemList, ObjectMeta, RawList, WatchEvent
from wfreport.kube.pods import PODS
from wfreport.logs import kv

log = logging.getLogger(__name__)
LISTED = "LISTED"
_CHANGES = frozenset({"ADDED", "MODIFIED", "DELETED"})
_COLLECTION = re.compile(
    r"(?:/api/v1|/apis/(?P<group>[^/]+)/v1alpha1)(?:/namespaces/(?P<namespace>[^/]+))?/(?P<plural>[a-z]+)$"
)
KINDS = (
    (argo.GROUP, argo.VERSION, "workflows"),
    ("", "v1", PODS),
    (names.GROUP, names.VERSION, names.PLURAL_REPORTS),
    (names.GROUP, names.VERSION, names.PLURAL_POLICIES),
    (names.GROUP, names.VERSION, names.PLURAL_REMEDIATIONS),
)
"""Group, version and plural of what is watched."""
_WATCHED = {(group, plural) for group, _, plural in KINDS}
_OK, _UNAUTHORIZED = 200, 401

_decode_list = msgspec.json.Decoder(RawList).decode
_decode_item = msgspec.json.Decoder(Item).decode
_decode_event = msgspec.json.Decoder(WatchEvent).decode
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Stream:
    """A collection that is watched.

    Attributes:
        plural: workflows, pods or workflowreports.
        namespace: None for all.
    """

    plural: str
    namespace: str | None


OnEvent = Callable[[str, str, ObjectMeta], None]
"""Takes an event: the stream's plural, the type (LISTED for what is in a list), the metadata."""


class StreamObserver(RequestObserver, Protocol):
    """Keeps watch over the streams."""

    def stream_connected(self, stream: Stream) -> None:
        """A watch began, which is after its list was read."""
        ...

    def stream_heard(self, stream: Stream, event_type: str, *, projected: bool) -> None:
        """Something came: an object, a bookmark, an error."""
        ...


def watched_stream(path: str) -> Stream | None:
    """The stream that a request for this path belongs to; None for all other requests (discovery, single objects)."""
    found = _COLLECTION.search(path)
    if found is None or (found["group"] or "", found["plural"]) not in _WATCHED:
        return None
    return Stream(plural=found["plural"], namespace=found["namespace"])


def accept_header(*, watching: bool) -> str:
    """The projection to ask for.

    A watch's objects are no lists: asked for the list's kind the server falls back to whole objects.
    """
    return ACCEPT_PARTIAL if watching else ACCEPT_PARTIAL_LIST


class SelectedStreams:
    """The client middleware of the framework's session."""

    def __init__(self, *, client: Client, observer: StreamObserver, hear: OnEvent) -> None:
        self._client = client
        self._observer = observer
        self._hear = hear

    async def __call__(self, request: aiohttp.ClientRequest, handler: Any) -> aiohttp.ClientResponse:
        """Pass a request on, with credentials and, on the watched collections, the projection."""
        authorization = await self._client.authorization()
        if authorization:
            request.headers["Authorization"] = authorization
        request.server_hostname = self._client.endpoint.server_name
        stream = watched_stream(request.url.path) if request.method == "GET" else None
        watching = request.url.query.get("watch") == "true"
        if stream:
            request.headers["Accept"] = accept_header(watching=watching)
        verb, resource = ("watch" if watching else "list", stream.plural) if stream else ("get", "discovery")
        response: aiohttp.ClientResponse = await handler(request)
        self._observer.observe_request(verb, resource, str(response.status))
        if response.status == _UNAUTHORIZED:
            await self._client.renewed_authorization(authorization)  # kopf logs in and asks again
        elif stream and response.status == _OK:
            await self._select(response, stream, watching=watching)
        return response

    async def _select(self, response: aiohttp.ClientResponse, stream: Stream, *, watching: bool) -> None:
        if watching:
            self._observer.stream_connected(stream)
            response.content = _Lines(response.content, lambda line: self._event(stream, line))  # type: ignore[assignment]
            return
        answer = await response.content.read()
        self._observer.observe_bytes("list", stream.plural, len(answer))
        response.content = _Whole(response.content, self._page(stream, answer))  # type: ignore[assignment]

    def _page(self, stream: Stream, answer: bytes) -> bytes:
        try:
            page = _decode_list(answer)
        except msgspec.MsgspecError as error:
            _complain(stream, error)
            return answer
        for text in page.items or ():
            try:
                self._observed(stream, LISTED, _decode_item(text))
            except msgspec.MsgspecError as error:
                _complain(stream, error)
        return _encode(ItemList(kind=f"{PARTIAL_KIND}List", metadata=page.metadata, items=[]))

    def _event(self, stream: Stream, line: bytes) -> bytes:
        self._observer.observe_bytes("watch", stream.plural, len(line) + 1)
        try:
            event = _decode_event(line)
        except msgspec.MsgspecError as error:
            _complain(stream, error)
            return b""
        if event.type not in _CHANGES:
            self._observer.stream_heard(stream, event.type, projected=True)
            return line
        self._observed(stream, event.type, event.object)
        return b""

    def _observed(self, stream: Stream, event_type: str, item: Item) -> None:
        self._observer.stream_heard(stream, event_type, projected=item.kind == PARTIAL_KIND)
        try:
            self._hear(stream.plural, event_type, item.metadata)
        except Exception:
            # a bug, to be reported; the streams of all other objects go on, and the sweep finds what this one said
            log.exception("an event could not be taken", extra=kv(stream=stream.plural, name=item.metadata.name))


def _complain(stream: Stream, error: Exception) -> None:
    """One odd object must not end all streams; the sweep meets it again."""
    log.warning("an object of a stream cannot be read", extra=kv(stream=stream.plural, reason=str(error)[:200]))


class _Content:
    """Stands in for a response's body; whatever else is asked of it, the real one answers."""

    def __init__(self, content: aiohttp.StreamReader) -> None:
        self._content = content

    def __getattr__(self, name: str) -> Any:
        return getattr(self._content, name)


class _Whole(_Content):
    """A body that was read and changed."""

    def __init__(self, content: aiohttp.StreamReader, body: bytes) -> None:
        super().__init__(content)
        self._body = body

    async def read(self, _: int = -1) -> bytes:
        return self._body


class _Lines(_Content):
    """A body whose lines are changed as they come, or left out."""

    def __init__(self, content: aiohttp.StreamReader, change: Callable[[bytes], bytes]) -> None:
        super().__init__(content)
        self._change = change

    async def iter_chunked(self, _: int) -> AsyncIterator[bytes]:
        rest = b""
        async for chunk in self._content.iter_any():
            *lines, rest = (rest + chunk).split(b"\n")
            kept = [changed for line in lines if line and (changed := self._change(line))]
            if kept:
                yield b"\n".join((*kept, b""))

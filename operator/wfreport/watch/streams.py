"""A tap on kopf's HTTP session: it takes watch events out of the responses before kopf builds objects from them.

kopf discovers the resources, lists and watches them, and reconnects. How it reads the two kinds of response, and what
the tap leaves of them:

    kopf                          tap                                       API server
    ----                          ---                                       ----------
    list:   GET ----------------> Accept: PartialObjectMetadataList ------> GET
            response.json()
              content.read() <--- the page without its items <------------- a page of objects
                                    each item -> on_event(LISTED), the last page -> on_listed
                           <------- an empty page with the token to go on <-- 410, the list has expired

    watch:  GET ----------------> Accept: PartialObjectMetadata ----------> GET
            content
              .iter_chunked() <-- lines BOOKMARK and ERROR <--------------- one line per event
                                    ADDED, MODIFIED, DELETED -> on_event

So kopf sees empty lists, and no objects in its watches. Through kopf, an event would become a dict, a queue entry and a
task, which costs half a millisecond; ``on_event`` reads a few fields of metadata and puts a key into a queue (decision
0005). The position of a watch advances with the bookmarks, one a minute. A watch that breaks in between repeats events,
which is harmless.

The Accept header differs because the API server silently sends whole objects if a watch asks for a list kind. kopf has
no hook for the header, but it accepts a session of ours, and aiohttp's client middlewares may change requests.

kopf ends if a list expires, so it does not see that. The rest of the list is newer than its beginning: what changed
between is found by the resync.

Most events of reports are echoes of our own writes. Each alone would wake the process, which costs more than to read
it: after each part of that stream, the tap reads nothing for a moment, and then everything that has gathered meanwhile.

kopf documents neither ``content.read`` nor ``content.iter_chunked``: tests/watch/test_kopf_reads.py fails if a new
version reads a response differently.
"""

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any, Final, Protocol

import aiohttp
import msgspec
import yarl
from msgspec import Struct

from wfreport.api import argo, names
from wfreport.api.nesting import json_decoder
from wfreport.kube.aiohttp_transport import read_body
from wfreport.kube.client import ACCEPT_PARTIAL, ACCEPT_PARTIAL_LIST, Client, RequestObserver
from wfreport.kube.errors import GoneError, error_of
from wfreport.kube.objects import (
    PARTIAL_KIND,
    Item,
    ItemList,
    ListMeta,
    NamespacedName,
    ObjectMeta,
    WatchEvent,
)
from wfreport.kube.pages import PageSize, decode_raw_page, list_page_size
from wfreport.kube.pods import PODS
from wfreport.kube.transport import LongBodyError
from wfreport.logs import kv
from wfreport.watch.listings import ListingCollector, OnListed

log = logging.getLogger(__name__)

LISTED = "LISTED"
_CHANGES = frozenset({"ADDED", "MODIFIED", "DELETED"})
_COLLECTION = re.compile(
    r"(?:/api/v1|/apis/(?P<group>[^/]+)/v1alpha1)(?:/namespaces/(?P<namespace>[^/]+))?/(?P<plural>[a-z]+)$"
)
WATCHED_KINDS = (
    (argo.GROUP, argo.VERSION, "workflows"),
    ("", "v1", PODS),
    (names.GROUP, names.VERSION, names.PLURAL_REPORTS),
    (names.GROUP, names.VERSION, names.PLURAL_POLICIES),
    (names.GROUP, names.VERSION, names.PLURAL_REMEDIATIONS),
)
"""Group, version and plural of the watched kinds."""
_WATCHED = {(group, plural) for group, _, plural in WATCHED_KINDS}
_OK, _UNAUTHORIZED, _GONE = 200, 401, 410

PAUSE_SECONDS: Final = {names.PLURAL_REPORTS: 0.2}
"""How long nothing is read of a watch after a part of it was read, by plural; 0 for the others.

A change of a report by another client is read a second later anyway (``OWN_WRITE_SECONDS``), a new report of a user at
once unless others have just been written.
"""

_decode_item = json_decoder(Item)
_decode_event = json_decoder(WatchEvent)
_encode = msgspec.json.Encoder().encode


class Stream(Struct, frozen=True):
    """A watched collection.

    Attributes:
        plural: the kind's plural name.
        namespace: the namespace; None for all.
    """

    plural: str
    namespace: str | None


OnEvent = Callable[[str, str, ObjectMeta], None]
"""Handles an event: the stream's plural, the event type (LISTED for an item of a list), and the object's metadata."""


class StreamObserver(RequestObserver, Protocol):
    """Observes the streams, for readiness and metrics."""

    def stream_connected(self, stream: Stream) -> None:
        """Note that a watch has begun; its list was read before."""
        ...

    def event_received(self, stream: Stream, event_type: str, *, projected: bool) -> None:
        """Note an object, a bookmark or an error, and whether an object was reduced to its metadata."""
        ...


def watched_stream(path: str) -> Stream | None:
    """Return the stream that a request's path belongs to; None for discovery and single objects."""
    match = _COLLECTION.search(path)
    if match is None or (match["group"] or "", match["plural"]) not in _WATCHED:
        return None
    return Stream(plural=match["plural"], namespace=match["namespace"])


def accept_header(*, watching: bool) -> str:
    """Return the Accept header that reduces objects to their metadata, for a watch or a list."""
    return ACCEPT_PARTIAL if watching else ACCEPT_PARTIAL_LIST


class StreamTap:
    """The client middleware of kopf's session."""

    def __init__(
        self,
        *,
        client: Client,
        observer: StreamObserver,
        on_event: OnEvent,
        on_listed: OnListed,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._client = client
        self._sleep = sleep
        self._observer = observer
        self._on_event = on_event
        self._listings = ListingCollector(on_listed)
        self._expired: set[Stream] = set()
        self._page_sizes: dict[Stream, PageSize] = {}

    async def __call__(self, request: aiohttp.ClientRequest, handler: Any) -> aiohttp.ClientResponse:
        """Send a request with current credentials, and tap the response if it is a list or watch of a watched kind."""
        authorization = await self._client.authorization()
        if authorization:
            request.headers["Authorization"] = authorization
        request.server_hostname = self._client.endpoint.server_name
        stream = watched_stream(request.url.path) if request.method == "GET" else None
        watching = request.url.query.get("watch") == "true"
        if stream:
            request.headers["Accept"] = accept_header(watching=watching)
        if stream and not watching:
            request.url = self._sized(request.url, stream)
        verb, resource = ("watch" if watching else "list", stream.plural) if stream else ("get", "discovery")
        response: aiohttp.ClientResponse = await handler(request)
        self._observer.observe_request(verb, resource, str(response.status))
        if response.status == _UNAUTHORIZED:
            await self._client.renewed_authorization(authorization)  # kopf then logs in again and repeats the request
        elif stream and response.status == _OK:
            try:
                await self._tap(response, stream, request.url.query)
            except LongBodyError as error:
                return await self._list_fewer(request, handler, stream, error)
        elif stream and response.status == _GONE and not watching:
            await self._continue_list(response, stream)
        return response

    async def _list_fewer(
        self, request: aiohttp.ClientRequest, handler: Any, stream: Stream, error: LongBodyError
    ) -> aiohttp.ClientResponse:
        """Request a page again, with fewer objects: it was too large to be read.

        Raises:
            ClientPayloadError: for kopf, if it was a single object.
        """
        size = self._page_sizes.get(stream)
        while size is not None and size.shrink():
            request.url = request.url.update_query(limit=str(size.items))
            response: aiohttp.ClientResponse = await handler(request)
            self._observer.observe_request("list", stream.plural, str(response.status))
            if response.status != _OK:
                return response
            with suppress(LongBodyError):
                await self._tap(response, stream, request.url.query)
                return response
        raise aiohttp.ClientPayloadError(str(error)) from error

    def _sized(self, url: yarl.URL, stream: Stream) -> yarl.URL:
        """Return the URL of a list with the number of objects that fit into its next page."""
        if "limit" not in url.query:
            return url
        if "continue" not in url.query or stream not in self._page_sizes:
            self._page_sizes[stream] = list_page_size(int(url.query["limit"]))
        return url.update_query(limit=str(self._page_sizes[stream].items))

    async def _tap(self, response: aiohttp.ClientResponse, stream: Stream, query: Mapping[str, str]) -> None:
        if query.get("watch") == "true":
            self._observer.stream_connected(stream)
            response.content = _FilteredLines(  # type: ignore[assignment]
                response.content, lambda line: self._filter_line(stream, line), lambda: self._pause(response, stream)
            )
            return
        body = await read_body(response)
        self._expired.discard(stream)
        self._observer.observe_bytes("list", stream.plural, len(body))
        page = self._empty_page(stream, body, is_first="continue" not in query)
        response.content = _ReplacedBody(response.content, page)  # type: ignore[assignment]

    async def _pause(self, response: aiohttp.ClientResponse, stream: Stream) -> None:
        """Read nothing for a moment. Meanwhile, the events gather in the buffer of the socket."""
        seconds = PAUSE_SECONDS.get(stream.plural)
        transport = response.connection.transport if response.connection else None
        if not seconds or transport is None:
            return
        transport.pause_reading()
        try:
            await self._sleep(seconds)
        finally:
            transport.resume_reading()

    async def _continue_list(self, response: aiohttp.ClientResponse, stream: Stream) -> None:
        """Let kopf go on with a list that has expired: by the token that the server offers, else from the beginning.

        Raises:
            ClientPayloadError: for kopf, which begins the list anew.
        """
        error = error_of(response.status, await response.content.read())
        token = error.continue_token if isinstance(error, GoneError) else ""
        log.info("list has expired", extra=kv(stream=stream.plural, continued=bool(token)))
        if not token or stream in self._expired:
            self._expired.discard(stream)
            raise aiohttp.ClientPayloadError(error.message)
        self._expired.add(stream)
        response.status = _OK
        page = ItemList(kind=f"{PARTIAL_KIND}List", metadata=ListMeta(continue_token=token), items=[])
        response.content = _ReplacedBody(response.content, _encode(page))  # type: ignore[assignment]

    def _empty_page(self, stream: Stream, body: bytes, *, is_first: bool) -> bytes:
        """Handle the items of a page, and return the page without them. kopf gets an invalid page as it is."""
        try:
            page = decode_raw_page(body)
        except msgspec.MsgspecError as error:
            _log_undecodable(stream, error)
            return body
        if stream in self._page_sizes:
            self._page_sizes[stream].observe(len(page.items or ()), len(body))
        names: set[NamespacedName] = set()
        collects = self._listings.collects(stream.plural)
        for text in page.items or ():
            try:
                item = _decode_item(bytes(text))
            except msgspec.MsgspecError as error:
                _log_undecodable(stream, error)
                continue
            if collects:
                names.add((item.metadata.namespace, item.metadata.name))
            self._handle(stream, LISTED, item)
        if collects:
            self._listings.page(stream.plural, stream.namespace, page.metadata, names, is_first=is_first)
        return _encode(ItemList(kind=f"{PARTIAL_KIND}List", metadata=page.metadata, items=[]))

    def _filter_line(self, stream: Stream, line: bytes) -> bytes:
        """Handle a change, or return a bookmark or an error for kopf."""
        self._observer.observe_bytes("watch", stream.plural, len(line) + 1)
        try:
            event = _decode_event(line)
        except msgspec.MsgspecError as error:
            _log_undecodable(stream, error)
            return b""
        if event.type not in _CHANGES:
            self._observer.event_received(stream, event.type, projected=True)
            return line
        self._handle(stream, event.type, event.object)
        return b""

    def _handle(self, stream: Stream, event_type: str, item: Item) -> None:
        self._observer.event_received(stream, event_type, projected=item.kind == PARTIAL_KIND)
        try:
            self._on_event(stream.plural, event_type, item.metadata)
        except Exception:
            # A bug in a handler must not end the stream of all other objects. The resync finds the missed change.
            log.exception("event handler failed", extra=kv(stream=stream.plural, name=item.metadata.name))


def _log_undecodable(stream: Stream, error: Exception) -> None:
    """Log an invalid object. It must not end the stream of all others; the resync meets it again."""
    log.warning("watched object cannot be decoded", extra=kv(stream=stream.plural, reason=str(error)[:200]))


class _Content:
    """Replaces a response's body, and delegates every other attribute to it."""

    def __init__(self, content: aiohttp.StreamReader) -> None:
        self._content = content

    def __getattr__(self, name: str) -> Any:
        return getattr(self._content, name)


class _ReplacedBody(_Content):
    """A body that has been read, with new bytes."""

    def __init__(self, content: aiohttp.StreamReader, body: bytes) -> None:
        super().__init__(content)
        self._body = body

    async def read(self, _: int = -1) -> bytes:
        return self._body


class _FilteredLines(_Content):
    """A body whose lines are filtered as they arrive; ``pause`` is awaited after each part."""

    def __init__(
        self,
        content: aiohttp.StreamReader,
        filter_line: Callable[[bytes], bytes],
        pause: Callable[[], Awaitable[None]],
    ) -> None:
        super().__init__(content)
        self._filter_line = filter_line
        self._pause = pause

    async def iter_chunked(self, _: int) -> AsyncIterator[bytes]:
        rest = b""
        async for chunk in self._content.iter_any():
            *lines, rest = (rest + chunk).split(b"\n")
            passed = [filtered for line in lines if line and (filtered := self._filter_line(line))]
            if passed:
                yield b"\n".join((*passed, b""))
            await self._pause()

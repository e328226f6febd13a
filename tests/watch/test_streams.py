"""What the tap takes out of a list and a watch, and what it leaves for kopf."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from tests.eventually import eventually_async

from wfreport.kube.objects import ObjectMeta
from wfreport.watch.listings import Listing
from wfreport.watch.streams import Stream, StreamTap, accept_header, watched_stream

WORKFLOWS = "/apis/argoproj.io/v1alpha1/workflows"
REPORTS = "/apis/wfreport.dev/v1alpha1/workflowreports"
ALL = Stream("workflows", None)


class Observer:
    """Records what is observed."""

    def __init__(self) -> None:
        self.received: list[tuple[str, bool]] = []
        self.connected: list[Stream] = []
        self.requests: list[tuple[str, str, str]] = []
        self.bytes = 0

    def observe_request(self, verb: str, resource: str, code: str) -> None:
        self.requests.append((verb, resource, code))

    def observe_bytes(self, _verb: str, _resource: str, count: int) -> None:
        self.bytes += count

    def stream_connected(self, stream: Stream) -> None:
        self.connected.append(stream)

    def event_received(self, _: Stream, event_type: str, *, projected: bool) -> None:
        self.received.append((event_type, projected))


class Endpoint:
    server_name = None


class LoggedIn:
    """Replaces the client: current credentials, and those that were refused."""

    endpoint = Endpoint()

    def __init__(self) -> None:
        self.refused: list[str | None] = []

    async def authorization(self) -> str:
        return "Bearer x"

    async def renewed_authorization(self, refused: str | None) -> str:
        self.refused.append(refused)
        return "Bearer y"


class World:
    """A server that responds with given chunks, and a session with the tap."""

    def __init__(self) -> None:
        self.observer, self.client = Observer(), LoggedIn()
        self.events: list[tuple[str, str, str]] = []
        self.lists: list[Listing] = []
        self.chunks: list[bytes] = []
        self.status = 200
        self.requests: list[web.Request] = []
        self.may_end: asyncio.Event | None = None
        self.is_reading: Callable[[], bool] = lambda: True
        self.was_reading: list[bool] = []

    async def sleep(self, _: float) -> None:
        self.was_reading.append(self.is_reading())

    def on_event(self, plural: str, event_type: str, meta: ObjectMeta) -> None:
        if meta.name == "bug":
            raise RuntimeError("a bug of ours")
        self.events.append((plural, event_type, meta.name))

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        response = web.StreamResponse(status=self.status, headers={"Content-Type": "application/json"})
        await response.prepare(request)
        for chunk in self.chunks:
            await response.write(chunk)
        if self.may_end:
            await self.may_end.wait()
        return response


@pytest.fixture
async def opened() -> AsyncIterator[Callable[[World], Any]]:
    closing: list[Any] = []

    async def open_(world: World) -> aiohttp.ClientSession:
        app = web.Application()
        app.router.add_get("/{path:.*}", world.answer)
        server = TestServer(app)
        await server.start_server()
        tap = StreamTap(
            client=world.client,  # type: ignore[arg-type]
            observer=world.observer,
            on_event=world.on_event,
            on_listed={"workflows": world.lists.append},
            sleep=world.sleep,
        )
        session = aiohttp.ClientSession(base_url=server.make_url("/"), middlewares=(tap,))
        closing.extend([session.close, server.close])
        return session

    yield open_
    for close in closing:
        await close()


def an_object(name: str, version: str = "7", *, kind: str = "PartialObjectMetadata", **labels: str) -> dict[str, Any]:
    return {
        "apiVersion": "meta.k8s.io/v1",
        "kind": kind,
        "metadata": {
            "name": name,
            "namespace": "n",
            "uid": f"uid-{name}",
            "resourceVersion": version,
            "labels": {"team": "x", **labels},
            "managedFields": [{"fieldsV1": {"f:status": {}}}] * 50,
        },
    }


def line(kind: str, item: dict[str, Any]) -> bytes:
    return json.dumps({"type": kind, "object": item}).encode() + b"\n"


async def watched(session: aiohttp.ClientSession) -> list[dict[str, Any]]:
    """Read a watch as kopf does: by chunks, split into lines."""
    async with session.get(f"{WORKFLOWS}?watch=true&resourceVersion=1") as response:
        text = b"".join([chunk async for chunk in response.content.iter_chunked(1024)])
    return [json.loads(event) for event in text.split(b"\n") if event]


async def test_items_of_a_list_are_projected_and_handled_and_kopf_gets_none(opened: Any) -> None:
    world = World()
    listed = {"metadata": {"resourceVersion": "9", "continue": "more"}, "items": [an_object("a"), an_object("b")]}
    world.chunks = [json.dumps(listed).encode()]
    session = await opened(world)
    async with session.get(WORKFLOWS) as response:
        page = await response.json()
    assert page == {
        "kind": "PartialObjectMetadataList",
        "metadata": {"resourceVersion": "9", "continue": "more"},
        "items": [],
    }
    assert world.events == [("workflows", "LISTED", "a"), ("workflows", "LISTED", "b")]
    (request,) = world.requests
    assert request.headers["Accept"] == "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"
    assert request.headers["Authorization"] == "Bearer x"
    assert world.observer.bytes == len(world.chunks[0])
    assert world.observer.connected == []  # ready is after the watch began


async def test_an_empty_list_is_a_list(opened: Any) -> None:
    world = World()
    world.chunks = [b'{"metadata": {"resourceVersion": "9"}, "items": null}']
    async with (await opened(world)).get(WORKFLOWS) as response:
        page = await response.json()
    assert page == {"kind": "PartialObjectMetadataList", "metadata": {"resourceVersion": "9"}, "items": []}


async def listed(session: aiohttp.ClientSession, world: World, version: str, *names: str, token: str = "") -> None:
    """Have kopf read a page that ends with this continue token; the page after another has one in its query."""
    page = {"metadata": {"resourceVersion": version, "continue": token}, "items": [an_object(name) for name in names]}
    world.chunks = [json.dumps(page).encode()]
    async with session.get(f"{WORKFLOWS}?{'continue=page' if version == '10' else ''}") as response:
        await response.json()


async def test_a_list_is_complete_after_its_last_page_and_has_the_version_of_its_first(opened: Any) -> None:
    world = World()
    session = await opened(world)
    await listed(session, world, "9", "a", token="more")
    assert world.lists == []
    await listed(session, world, "10", "b")
    await listed(session, world, "10", "c")  # no first page
    assert world.lists == [Listing("workflows", None, 9, {("n", "a"), ("n", "b")})]


async def test_kopfs_pages_grow_unless_their_objects_are_large(opened: Any) -> None:
    world = World()
    session = await opened(world)
    large = an_object("large") | {"padding": "x" * (4 << 20)}
    for token, items in (("", [an_object("a")]), ("2", [large] * 5), ("3", []), ("", [])):
        world.chunks = [json.dumps({"metadata": {"resourceVersion": "9", "continue": "more"}, "items": items}).encode()]
        async with session.get(f"{WORKFLOWS}?limit=500{f'&continue={token}' if token else ''}") as response:
            await response.json()
    assert [request.query["limit"] for request in world.requests] == ["25", "100", "3", "25"]
    assert world.requests[1].query["continue"] == "2"


async def answered_as_expired(session: aiohttp.ClientSession, world: World, token: str) -> dict[str, Any]:
    """Have kopf read a page whose continue token has expired."""
    status = {"kind": "Status", "code": 410, "reason": "Expired", "metadata": {"continue": token}}
    world.status, world.chunks = 410, [json.dumps(status).encode()]
    try:
        async with session.get(f"{WORKFLOWS}?continue=old") as response:
            response.raise_for_status()
            page: dict[str, Any] = await response.json()
    finally:
        world.status = 200
    return page


async def test_a_list_that_expires_is_continued_without_kopf_knowing(opened: Any) -> None:
    world = World()
    session = await opened(world)
    await listed(session, world, "9", "a", token="more")
    page = await answered_as_expired(session, world, "anew")
    assert (page["metadata"]["continue"], page["items"]) == ("anew", [])
    await listed(session, world, "10", "b")
    assert world.lists == [Listing("workflows", None, 9, {("n", "a"), ("n", "b")})]
    assert [name for _, _, name in world.events] == ["a", "b"]


async def test_kopf_begins_a_list_anew_that_the_server_does_not_continue(opened: Any) -> None:
    world = World()
    session = await opened(world)
    with pytest.raises(aiohttp.ClientPayloadError):  # after any other error, kopf ends or repeats the request
        await answered_as_expired(session, world, "")
    assert await answered_as_expired(session, world, "anew")
    with pytest.raises(aiohttp.ClientPayloadError):
        await answered_as_expired(session, world, "anew")
    assert await answered_as_expired(session, world, "anew")


@pytest.mark.parametrize(
    ("namespace", "name", "version", "is_lacking"),
    [
        (None, "b", "9", True),
        ("n", "b", "8", True),
        (None, "a", "8", False),  # is listed
        (None, "b", "10", False),  # was created after the list
        ("m", "b", "8", False),  # of a namespace that was not listed
    ],
)
def test_what_is_cached_and_older_than_a_list_and_not_in_it_was_deleted(
    namespace: str | None, name: str, version: str, is_lacking: bool
) -> None:
    assert Listing("workflowreports", namespace, 9, {("n", "a")}).lacks(("n", name), version) is is_lacking


async def test_an_event_is_handled_and_kopf_does_not_get_it(opened: Any) -> None:
    world = World()
    world.chunks = [line("ADDED", an_object("a", "7")), line("MODIFIED", an_object("b", "8"))]
    assert await watched(await opened(world)) == []
    assert world.events == [("workflows", "ADDED", "a"), ("workflows", "MODIFIED", "b")]
    assert world.observer.connected == [ALL]
    assert world.observer.received == [("ADDED", True), ("MODIFIED", True)]
    (request,) = world.requests
    assert request.headers["Accept"] == "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"


async def test_lines_are_complete_however_the_network_splits_them(opened: Any) -> None:
    text = line("ADDED", an_object("a")) + line("BOOKMARK", an_object("", "8")) + line("DELETED", an_object("b"))
    for size in (1, 7, 100, len(text)):
        world = World()
        world.chunks = [text[at : at + size] for at in range(0, len(text), size)]
        (bookmark,) = await watched(await opened(world))
        assert bookmark["object"]["metadata"]["resourceVersion"] == "8"
        assert world.events == [("workflows", "ADDED", "a"), ("workflows", "DELETED", "b")]


async def test_bookmarks_and_errors_pass_as_they_are(opened: Any) -> None:
    gone = {"kind": "Status", "code": 410, "reason": "Expired", "metadata": {}}
    world = World()
    world.chunks = [line("BOOKMARK", an_object("", "99")), line("ERROR", gone)]
    bookmark, error = await watched(await opened(world))
    assert bookmark["object"]["metadata"]["resourceVersion"] == "99"
    assert error["object"] == gone
    assert world.events == []


async def test_a_whole_object_instead_of_metadata_is_reported(opened: Any) -> None:
    world = World()
    world.chunks = [line("ADDED", an_object("a", kind="Workflow") | {"status": {"nodes": {"x": {}}}})]
    await watched(await opened(world))
    assert world.observer.received == [("ADDED", False)]
    assert world.events == [("workflows", "ADDED", "a")]


async def test_an_object_that_cannot_be_decoded_does_not_end_the_stream(
    opened: Any, caplog: pytest.LogCaptureFixture
) -> None:
    odd = an_object("odd")
    odd["metadata"]["labels"] = {"workflows.argoproj.io/workflow": 7}
    world = World()
    world.chunks = [line("ADDED", odd), line("ADDED", an_object("even"))]
    assert await watched(await opened(world)) == []
    world.chunks = [json.dumps({"metadata": {}, "items": [odd, an_object("listed")]}).encode()]
    async with (await opened(world)).get(WORKFLOWS) as response:
        assert (await response.json())["items"] == []
    assert world.events == [("workflows", "ADDED", "even"), ("workflows", "LISTED", "listed")]
    assert [record.message for record in caplog.records] == ["watched object cannot be decoded"] * 2


@pytest.mark.parametrize("levels", [1_500, 9_990])
async def test_a_deeply_nested_object_is_handled_like_any_other(opened: Any, levels: int) -> None:
    fields = '{"f:a":' * levels + "{}" + "}" * levels
    world = World()
    deep = json.dumps(an_object("deep") | {"x": "DEEP"}).replace('"DEEP"', fields)
    after = json.dumps(an_object("after"))
    world.chunks = [f'{{"type":"ADDED","object":{each}}}\n'.encode() for each in (deep, after)]
    assert await watched(await opened(world)) == []
    world.chunks = [f'{{"metadata":{{}},"items":[{deep},{after}]}}'.encode()]
    async with (await opened(world)).get(WORKFLOWS) as response:
        assert (await response.json())["items"] == []
    names = [("ADDED", "deep"), ("ADDED", "after"), ("LISTED", "deep"), ("LISTED", "after")]
    assert world.events == [("workflows", kind, name) for kind, name in names]


async def test_a_bug_in_an_event_handler_does_not_end_the_stream(opened: Any, caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    world.chunks = [line("ADDED", an_object("bug")), line("ADDED", an_object("even"))]
    assert await watched(await opened(world)) == []
    assert world.events == [("workflows", "ADDED", "even")]
    (record,) = caplog.records
    assert record.message == "event handler failed"
    assert record.exc_info
    assert "a bug of ours" in str(record.exc_info[1])


async def test_an_invalid_list_is_passed_to_kopf(opened: Any) -> None:
    world = World()
    world.chunks = [b'{"items": 7}']
    async with (await opened(world)).get(WORKFLOWS) as response:
        assert await response.json() == {"items": 7}


async def test_refused_credentials_are_renewed_before_kopf_repeats_the_request(opened: Any) -> None:
    world = World()
    world.status = 401
    async with (await opened(world)).get(WORKFLOWS) as response:
        assert response.status == 401
    assert world.client.refused == ["Bearer x"]


async def test_other_requests_get_credentials_and_nothing_else(opened: Any) -> None:
    world = World()
    world.chunks = [b'{"resources": []}']
    async with (await opened(world)).get("/apis/argoproj.io/v1alpha1") as response:
        assert await response.json() == {"resources": []}
    assert world.requests[0].headers["Accept"] == "*/*"
    assert world.observer.requests == [("get", "discovery", "200")]


@pytest.mark.parametrize(
    ("path", "stream"),
    [
        ("/apis/argoproj.io/v1alpha1/workflows", Stream("workflows", None)),
        ("/apis/argoproj.io/v1alpha1/namespaces/team-a/workflows", Stream("workflows", "team-a")),
        ("/k8s/clusters/c-1/apis/wfreport.dev/v1alpha1/workflowreports", Stream("workflowreports", None)),
        ("/api/v1/namespaces/team-a/pods", Stream("pods", "team-a")),
        ("/apis/argoproj.io/v1alpha1/namespaces/team-a/workflows/etl", None),
        ("/apis/argoproj.io/v1alpha1", None),
        ("/apis/argoproj.io/v1alpha1/cronworkflows", None),
        ("/api/v1/namespaces", None),
        ("/apis/metrics.k8s.io/v1alpha1/pods", None),
    ],
)
def test_only_the_watched_collections_are_projected(path: str, stream: Stream | None) -> None:
    assert watched_stream(path) == stream


def test_a_watch_requests_objects_and_a_list_a_list() -> None:
    assert accept_header(watching=True) == "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"
    assert accept_header(watching=False) == "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"


@pytest.mark.parametrize(("path", "pauses"), [(REPORTS, [False]), (WORKFLOWS, [])])
async def test_nothing_is_read_for_a_moment_of_a_stream_that_is_mostly_echoes_of_our_own_writes(
    opened: Any, path: str, pauses: list[bool]
) -> None:
    world = World()
    world.may_end = asyncio.Event()
    world.chunks = [line("ADDED", an_object("a"))]
    session = await opened(world)

    async with session.get(f"{path}?watch=true&resourceVersion=1") as response:
        world.is_reading = response.connection.transport.is_reading
        reading = asyncio.create_task(anext(response.content.iter_chunked(1024), None))
        await eventually_async(lambda: world.events)
        world.may_end.set()
        await reading

    assert world.was_reading == pauses

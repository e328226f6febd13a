"""Pods, and lists of them, that are as large as an API server stores: little of them is read, and less is kept."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from tests.kube.test_client import FixedCredentials, client
from tests.watch.test_streams import LoggedIn, Observer

from wfreport.api.argo import ANNOTATION_NODE_ID
from wfreport.cache.evidence import EvidenceCache, EvidenceCacheLimits
from wfreport.core.snapshot.decode import decode_event, decode_pod
from wfreport.core.snapshot.model import PodEvidence
from wfreport.core.snapshot.texts import MAX_ENTRIES
from wfreport.kube.errors import TooLargeError
from wfreport.kube.pages import list_page_size
from wfreport.kube.pods import PODS_BYTES, Pods
from wfreport.kube.transport import RESPONSE_MAX_BYTES, HttpTransport
from wfreport.settings import Settings
from wfreport.watch.streams import StreamTap

Json = dict[str, Any]
MAX_BYTES = 1 << 20
WORKFLOWS = "/apis/argoproj.io/v1alpha1/workflows"


def a_pod(name: str, *, labels: int = 1, annotation: str = "") -> Json:
    keys = {f"{'p' * 100}.example.com/{n}": "v" * 63 for n in range(labels)}
    annotations = {ANNOTATION_NODE_ID: "wf.a", "a": annotation}
    return {"metadata": {"name": name, "labels": keys, "annotations": annotations}, "status": {"phase": "Failed"}}


class ApiServer:
    """Serves a list in pages, as far as a limit is given; its cache has none."""

    def __init__(self, items: list[Json]) -> None:
        self.items = items
        self.limits: list[int] = []

    async def answer(self, request: web.Request) -> web.Response:
        query = request.query
        limit = 0 if query.get("resourceVersion") == "0" else int(query.get("limit", "0"))
        self.limits.append(limit)
        first = int(query.get("continue", "0"))
        last = first + limit if limit else len(self.items)
        metadata = {"continue": str(last)} if last < len(self.items) else {}
        return web.json_response({"metadata": metadata, "items": self.items[first:last]})


@pytest.fixture
async def url() -> AsyncIterator[Any]:
    servers: list[TestServer] = []

    async def serve(api: ApiServer) -> str:
        app = web.Application()
        app.router.add_get("/{path:.*}", api.answer)
        servers.append(TestServer(app))
        await servers[-1].start_server()
        return str(servers[-1].make_url("")).rstrip("/")

    yield serve
    for server in servers:
        await server.close()


@pytest.fixture(params=["direct", "aiohttp"])
def transport(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> HttpTransport:
    """Each transport, which reads a megabyte at most."""
    for module in ("exchange", "aiohttp_transport"):
        monkeypatch.setattr(f"wfreport.kube.{module}.RESPONSE_MAX_BYTES", MAX_BYTES)
    name: HttpTransport = request.param
    return name


def test_the_longest_responses_of_all_workers_fit_into_the_memory() -> None:
    assert Settings().workers * RESPONSE_MAX_BYTES <= 200 << 20
    assert list_page_size(100)._page_bytes < RESPONSE_MAX_BYTES, "an ordinary page fits"


async def test_a_response_that_is_too_long_is_an_error_and_the_next_request_goes_on(
    url: Any, transport: HttpTransport
) -> None:
    api = ApiServer([a_pod(f"p{n}", annotation="x" * 1000) for n in range(1200)])
    async with client(FixedCredentials(await url(api), tokens=["t"]), transport=transport) as connected:
        with pytest.raises(TooLargeError):
            await connected.request("list", "pods", "/api/v1/pods")
        assert json.loads(await connected.request("list", "pods", "/api/v1/pods", params={"limit": "1"}))["items"]


async def test_pods_that_are_too_large_for_one_response_are_listed_page_by_page(
    url: Any, transport: HttpTransport
) -> None:
    small = [a_pod(f"a{n}") for n in range(25)]
    api = ApiServer(small + [a_pod(f"b{n}", annotation="x" * 100_000) for n in range(60)])
    async with client(FixedCredentials(await url(api), tokens=["t"]), transport=transport) as connected:
        pods = Pods(connected, chunk_size=100)
        assert len(await pods.list_cached("ns", "wf")) == len(api.items)
        assert api.limits[:5] == [0, 25, 100, 25, 6]  # the first, the third and the fourth were too large


class ExpiringApiServer(ApiServer):
    """Its first snapshot expires after the first page."""

    has_expired = False

    async def answer(self, request: web.Request) -> web.Response:
        if "continue" not in request.query or self.has_expired:
            return await super().answer(request)
        self.has_expired = True
        return web.json_response({"code": 410, "metadata": {"continue": request.query["continue"]}}, status=410)


async def test_a_page_after_an_expired_snapshot_may_be_too_large_as_well(url: Any, transport: HttpTransport) -> None:
    large = [a_pod(f"b{n}", annotation="x" * 100_000) for n in range(20)]
    api = ExpiringApiServer([*(a_pod(f"a{n}") for n in range(25)), *large])
    async with client(FixedCredentials(await url(api), tokens=["t"]), transport=transport) as connected:
        pods, is_complete = await Pods(connected, chunk_size=100).list_unfinished("ns", "wf", limit=100)
    assert api.has_expired
    assert (len(pods), is_complete) == (len(api.items), True)


async def test_no_more_pods_are_listed_than_fit_into_some_megabytes(url: Any) -> None:
    api = ApiServer([a_pod(f"p{n}", annotation="x" * 1_000_000) for n in range(200)])
    async with client(FixedCredentials(await url(api), tokens=["t"])) as connected:
        pods, is_complete = await Pods(connected, chunk_size=100).list_unfinished("ns", "wf", limit=500)
    assert not is_complete
    assert len(pods) * 1_000_000 < 2 * PODS_BYTES


@pytest.mark.parametrize(("number", "limit", "expected"), [(60, 50, (50, False)), (50, 50, (50, True))])
async def test_some_pods_are_listed_and_whether_they_are_all(
    url: Any, number: int, limit: int, expected: tuple[int, bool]
) -> None:
    api = ApiServer([a_pod(f"p{n}") for n in range(number)])
    async with client(FixedCredentials(await url(api), tokens=["t"])) as connected:
        pods, is_complete = await Pods(connected, chunk_size=100).list_unfinished("ns", "wf", limit=limit)
    assert (len(pods), is_complete) == expected


async def test_a_page_of_a_watched_kind_that_is_too_long_is_requested_with_fewer_objects(
    url: Any, transport: HttpTransport
) -> None:
    assert transport
    api = ApiServer([a_pod(f"a{n}") for n in range(25)] + [a_pod(f"b{n}", annotation="x" * 90_000) for n in range(20)])
    seen: list[str] = []
    tap = StreamTap(
        client=LoggedIn(),  # type: ignore[arg-type]
        observer=Observer(),
        on_event=lambda _, __, meta: seen.append(meta.name),
        on_listed={},
    )
    async with aiohttp.ClientSession(base_url=await url(api), middlewares=(tap,)) as session:
        token = ""
        for _ in range(20):
            query = {"limit": "100"} | ({"continue": token} if token else {})
            async with session.get(WORKFLOWS, params=query) as got:
                token = json.loads(await got.content.read())["metadata"].get("continue", "")
            if not token:
                break
    assert seen == [item["metadata"]["name"] for item in api.items]
    assert max(api.limits[2:]) < 100


def test_of_very_many_labels_and_entries_few_are_kept_and_argos_stay() -> None:
    document = a_pod("p", labels=5_000, annotation="x" * 200_000)
    document["spec"] = {"containers": [{"name": f"c{n}"} for n in range(5_000)]}
    document["status"]["conditions"] = [{"type": f"c{n}", "message": "m" * 30_000} for n in range(1_000)]
    pod = decode_pod(document)
    assert pod.metadata.annotations == {ANNOTATION_NODE_ID: "wf.a"}
    assert pod.metadata.labels == {}
    assert len(pod.spec.containers) == len(pod.status.conditions) == MAX_ENTRIES
    usual = decode_pod(a_pod("p", labels=40))
    assert len(usual.metadata.labels) == 40


def test_evidence_is_weighed_with_its_events_and_pods() -> None:
    cache = EvidenceCache(EvidenceCacheLimits(pods=1000, max_bytes=4 << 20))
    event = decode_event({"message": "m" * 30_000})  # it is clipped
    pod = decode_pod(a_pod("p", annotation="x" * 15_000))
    for number in range(100):
        cache.put(("ns", "wf"), "u", f"p{number}", PodEvidence(pod, events=(event,) * 50))
    assert 0 < len(cache) <= 4

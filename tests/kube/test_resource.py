"""The dynamic client: paths, lists, watches and preconditions; the server is ours, to see each request."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import web
from tests.kube.test_client import Answer, FixedCredentials, client, serving

import wfreport
from wfreport.api.argo import Struct
from wfreport.core.redact.bounds import clip_text
from wfreport.kube import kinds
from wfreport.kube.errors import BadResponseError, ConflictError, ForbiddenError, GoneError, InvalidError
from wfreport.kube.objects import ListMeta, ObjectMeta
from wfreport.kube.pods import Pods
from wfreport.kube.resource import Resource, ResourceEvent, documents


class Named(Struct, frozen=True):
    metadata: ObjectMeta = ObjectMeta()


def named(*names: str) -> list[dict[str, Any]]:
    return [{"metadata": {"name": name}} for name in names]


def recorded(*answers: Any) -> tuple[list[web.Request], Answer]:
    """Give each request the next answer."""
    requests: list[web.Request] = []

    def answer(request: web.Request) -> Any:
        requests.append(request)
        return answers[len(requests) - 1]

    return requests, answer


# Paths


def test_a_collection_and_an_object_have_a_path() -> None:
    assert kinds.POD.path(None) == "/api/v1/pods"
    assert kinds.POD.path("ns", "p-1", "log") == "/api/v1/namespaces/ns/pods/p-1/log"
    assert kinds.NAMESPACE.path(None, "ns") == "/api/v1/namespaces/ns"
    assert kinds.LEASE.path("ns") == "/apis/coordination.k8s.io/v1/namespaces/ns/leases"
    assert kinds.REPORT.path("ns", "r", "status").endswith("/namespaces/ns/workflowreports/r/status")


# Reads


async def test_a_list_covers_the_scope_page_by_page() -> None:
    first = {"metadata": {"continue": "more"}, "items": named("one")}
    requests, answer = recorded(first, {"items": None}, {"items": named("two")})
    async with serving(answer) as server, client(FixedCredentials(server, tokens=["x"])) as api:
        pods = Resource(api, kinds.POD, Named, namespaces=["a", "b"], chunk_size=1)
        listed = [pod.metadata.name async for pod in pods.list(label_selector="l=1", field_selector="f=1")]
    assert listed == ["one", "two"]
    selected = {"labelSelector": "l=1", "fieldSelector": "f=1", "limit": "1"}
    assert [(request.path, dict(request.query)) for request in requests] == [
        ("/api/v1/namespaces/a/pods", selected),
        ("/api/v1/namespaces/a/pods", selected | {"continue": "more"}),
        ("/api/v1/namespaces/b/pods", selected),
    ]


def expired(token: str = "") -> web.Response:
    """Return the response to a continue token whose snapshot is gone; an API server offers another token."""
    body = {"kind": "Status", "reason": "Expired", "code": 410, "metadata": {"continue": token}}
    return web.json_response(body, status=410)


async def listed_in_pages(*answers: Any) -> tuple[list[str], list[str]]:
    """List pods; return their names and the continue tokens of the requests."""
    requests, answer = recorded(*answers)
    async with serving(answer) as server, client(FixedCredentials(server, tokens=["x"])) as api:
        names = [pod.metadata.name async for pod in Resource(api, kinds.POD, Named, chunk_size=1).list()]
    return names, [request.query.get("continue", "") for request in requests]


async def test_an_expired_list_is_continued_as_the_server_offers() -> None:
    pages = [{"metadata": {"continue": token}, "items": named(name)} for name, token in (("a", "1"), ("b", "2"))]
    answers = [pages[0], expired("anew"), pages[1], expired("again"), {"items": named("c")}]
    assert await listed_in_pages(*answers) == (["a", "b", "c"], ["", "1", "anew", "2", "again"])


@pytest.mark.parametrize("answers", [[expired()], [expired("anew"), expired("anew")]])
async def test_an_expired_list_that_the_server_does_not_continue_is_an_error(answers: list[web.Response]) -> None:
    first = {"metadata": {"continue": "1"}, "items": named("a")}
    with pytest.raises(GoneError) as raised:
        await listed_in_pages(first, *answers)
    assert raised.value.transient, "a list that begins anew may succeed"


async def test_pages_grow_unless_their_objects_are_large() -> None:
    large = [{"metadata": {"name": "l"}, "padding": "x" * (4 << 20)}] * 5
    pages = [{"metadata": {"continue": "more"}, "items": items} for items in (named("a"), named("b"), large)]
    requests, answer = recorded(*pages, {"items": named("c")})
    async with serving(answer) as server, client(FixedCredentials(server, tokens=["x"])) as api:
        assert len([pod async for pod in Resource(api, kinds.POD, Named, chunk_size=200).list()]) == 8
    assert [request.query["limit"] for request in requests] == ["25", "100", "200", "3"]


async def test_a_list_of_one_namespace_leaves_the_scope() -> None:
    requests, answer = recorded({"items": []})
    async with serving(answer) as server, client(FixedCredentials(server, tokens=["x"])) as api:
        assert [item async for item in documents(api, kinds.SECRET, namespaces=["a"]).list("c")] == []
    assert requests[0].path == "/api/v1/namespaces/c/secrets"


async def test_metadata_is_requested_as_such() -> None:
    requests, answer = recorded({"items": named("one")}, {"metadata": {"name": "one"}})
    async with serving(answer) as server, client(FixedCredentials(server, tokens=["x"])) as api:
        reports = Resource(api, kinds.REPORT, msgspec.Raw)
        assert [meta.name async for meta in reports.list_metadata()] == ["one"]
        assert (await reports.metadata_only().get("ns", "one")).metadata.name == "one"
    assert [request.headers["Accept"] for request in requests] == [
        "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io",
        "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io",
    ]


async def test_a_page_has_the_version_to_watch_from() -> None:
    requests, answer = recorded({"metadata": {"resourceVersion": "7"}, "items": named("one")})
    async with serving(answer) as server, client(FixedCredentials(server, tokens=["x"])) as api:
        page = await Resource(api, kinds.POD, Named).list_page("ns", limit=3, min_resource_version=5)
    assert page.metadata == ListMeta(resource_version="7")
    assert dict(requests[0].query) == {"limit": "3", "resourceVersion": "5", "resourceVersionMatch": "NotOlderThan"}


async def test_json_is_returned_undecoded() -> None:
    requests, answer = recorded(web.Response(body=b'{"a" : 1}'), {"items": [{"a": 1}]})
    async with serving(answer) as server, client(FixedCredentials(server, tokens=["x"])) as api:
        raw = Resource(api, kinds.REPORT, msgspec.Raw)
        assert await raw.get_json("ns", "r", min_resource_version=9) == b'{"a" : 1}'
        assert [bytes(item) async for item in raw.list("ns")] == [b'{"a": 1}']
    assert requests[0].query["resourceVersion"] == "9"


# Watches


async def watched(*lines: bytes, status: int = 200) -> tuple[list[web.Request], list[ResourceEvent[Named]]]:
    requests, answer = recorded(web.Response(body=b"\n".join(lines), status=status))
    async with serving(answer) as server, client(FixedCredentials(server, tokens=["x"])) as api:
        pods = Resource(api, kinds.POD, Named, metadata_only=True)
        stream = pods.watch("ns", resource_version="7", timeout_seconds=60, field_selector="metadata.name=p")
        return requests, [event async for event in stream]


def event(kind: str, **content: Any) -> bytes:
    return json.dumps({"type": kind, "object": content}).encode()


async def test_a_watch_yields_typed_events() -> None:
    requests, events = await watched(event("ADDED", metadata={"name": "p"}), b"", event("BOOKMARK"))
    assert events == [
        ResourceEvent("ADDED", Named(metadata=ObjectMeta(name="p"))),
        ResourceEvent("BOOKMARK", Named()),
    ]
    assert dict(requests[0].query) == {
        "fieldSelector": "metadata.name=p",
        "watch": "true",
        "resourceVersion": "7",
        "timeoutSeconds": "60",
    }
    assert requests[0].headers["Accept"] == "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"


@pytest.mark.parametrize(
    ("line", "error"),
    [
        (event("ERROR", code=410, message="too old resource version"), GoneError),
        (event("ERROR", code=403), ForbiddenError),
        (b"no JSON", BadResponseError),
        (event("ADDED", metadata=[]), BadResponseError),
    ],
)
async def test_an_event_that_is_an_error_ends_the_watch(line: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        await watched(line)


async def test_a_watch_may_be_refused() -> None:
    with pytest.raises(GoneError):
        await watched(b"{}", status=410)


async def test_an_object_that_does_not_fit_hides_no_other_one_of_its_page() -> None:
    body = {"metadata": {"continue": ""}, "items": [{"metadata": {"name": 7}}, *named("even"), {"metadata": []}]}

    def decode_odd(raw: bytes) -> Named | None:
        meta = json.loads(raw)["metadata"]
        return Named(metadata=ObjectMeta(name=str(meta["name"]))) if meta else None

    async with serving(lambda _: body) as server, client(FixedCredentials(server, tokens=["x"])) as api:
        lenient = Resource(api, kinds.POD, Named, decode_odd=decode_odd)
        assert [pod.metadata.name async for pod in lenient.list()] == ["7", "even"]
        with pytest.raises(BadResponseError):
            await Resource(api, kinds.POD, Named).list_page(None)


@pytest.mark.parametrize(("characters", "further"), [(100, ["80"]), (100_000, ["1"]), (1_000_000, ["1"])])
async def test_events_of_a_pod_are_read_as_far_as_they_fit(characters: int, further: list[str]) -> None:
    event = {"reason": "R", "message": "x" * characters, "lastTimestamp": "0000-01-01T00:00:00Z"}
    requests, answer = recorded({"metadata": {"continue": "more"}, "items": [event] * 20}, {"items": [event]})
    async with serving(answer) as server, client(FixedCredentials(server, tokens=["x"])) as api:
        events = await Pods(api, chunk_size=10).list_events("ns", "u")
    assert [request.query["limit"] for request in requests] == ["20", *further]
    assert len(events) == 20 + len(further)
    assert {len(event.message) for event in events} == {min(characters, len(clip_text("x" * characters)))}
    assert events[0].last_timestamp is None, "only what does not fit is left out"


async def test_events_that_are_too_large_for_one_response_are_read_in_part() -> None:
    event = {"reason": "R", "message": "x" * 2_000_000}
    requests, answer = recorded({"metadata": {"continue": "more"}, "items": [event] * 20}, {"items": [event] * 5})
    async with serving(answer) as server, client(FixedCredentials(server, tokens=["x"])) as api:
        events = await Pods(api, chunk_size=10).list_events("ns", "u")
    assert ([request.query["limit"] for request in requests], len(events)) == (["20", "5"], 5)


# Writes


async def test_a_write_has_our_name_and_its_preconditions() -> None:
    requests: list[tuple[str, str, dict[str, str], Any]] = []
    bodies: list[bytes] = []

    async def handle(request: web.Request) -> web.Response:
        bodies.append(await request.read())
        requests.append((request.method, request.path, dict(request.query), json.loads(bodies[-1])))
        return web.json_response({"metadata": {"name": "w"}})

    async with serving(handle) as server, client(FixedCredentials(server, tokens=["x"])) as api:
        own = Resource(api, kinds.REMEDIATION, Named, field_manager="me")
        read = ObjectMeta(name="r", namespace="ns", uid="u", resource_version="3")
        await own.create("ns", {"spec": {}})
        await own.patch("ns", "r", {"status": {}}, subresource="status")
        await own.apply_status(read, {"message": "m"})
        await own.delete(read)
    base = "/apis/wfreport.dev/v1alpha1/namespaces/ns/remediations"
    applied = {
        "apiVersion": "wfreport.dev/v1alpha1",
        "kind": "Remediation",
        "metadata": {"name": "r", "namespace": "ns", "uid": "u", "resourceVersion": "3"},
        "status": {"message": "m"},
    }
    assert requests == [
        ("POST", base, {"fieldManager": "me"}, {"spec": {}}),
        ("PATCH", f"{base}/r/status", {"fieldManager": "me"}, {"status": {}}),
        ("PATCH", f"{base}/r/status", {"fieldManager": "me", "force": "true"}, applied),
        ("DELETE", f"{base}/r", {}, {"preconditions": {"uid": "u", "resourceVersion": "3"}}),
    ]


@pytest.mark.parametrize(("field", "error"), [("metadata.uid", ConflictError), ("spec.shutdown", InvalidError)])
async def test_a_patch_of_another_uid_is_a_conflict(field: str, error: type[Exception]) -> None:
    status = {"reason": "Invalid", "details": {"causes": [{"field": field}]}}
    _, answer = recorded(web.json_response(status, status=422))
    async with serving(answer) as server, client(FixedCredentials(server, tokens=["x"])) as api:
        with pytest.raises(error):
            await documents(api, kinds.WORKFLOW).patch("ns", "etl", {"metadata": {"uid": "other"}})


# The boundary of the package


def test_only_kube_builds_paths() -> None:
    package = Path(wfreport.__file__).parent
    raw = re.compile(r"\bjoin_path\b|client\.(request|pages)\(|\"/(api/v1|apis)/")
    elsewhere = [
        str(path.relative_to(package))
        for path in package.rglob("*.py")
        if path.relative_to(package).parts[0] not in {"kube", "argoserver"} and raw.search(path.read_text())
    ]
    assert elsewhere == []


NO_ROOM = {
    "reason": "Invalid",
    "details": {"causes": [{"reason": "FieldValueTooMany", "field": "status.conditions"}]},
}


async def test_conditions_of_others_that_leave_no_room_are_removed() -> None:
    requests: list[tuple[str, Any]] = []

    async def handle(request: web.Request) -> web.Response:
        requests.append((request.headers["Content-Type"], await request.json()))
        if len(requests) == 1:
            return web.json_response(NO_ROOM, status=422)
        return web.json_response({"metadata": {"name": "r", "resourceVersion": str(len(requests) + 2)}})

    async with serving(handle) as server, client(FixedCredentials(server, tokens=["x"])) as api:
        read = ObjectMeta(name="r", namespace="ns", uid="u", resource_version="3")
        written = await Resource(api, kinds.REPORT, Named).apply_status(read, {"message": "m"}, make_room=True)
    assert written.metadata.resource_version == "5"
    (_, first), (kind, cleared), (_, second) = requests
    assert (kind, cleared) == (
        "application/merge-patch+json",
        {"metadata": {"uid": "u", "resourceVersion": "3"}, "status": {"conditions": None}},
    )
    assert (first["metadata"]["resourceVersion"], second["metadata"]["resourceVersion"]) == ("3", "4")
    assert first["status"] == second["status"] == {"message": "m"}


async def test_any_other_invalid_status_is_an_error() -> None:
    requests, answer = recorded(web.json_response({"reason": "Invalid"}, status=422))
    async with serving(answer) as server, client(FixedCredentials(server, tokens=["x"])) as api:
        with pytest.raises(InvalidError):
            await Resource(api, kinds.REPORT, Named).apply_status(
                ObjectMeta(name="r", namespace="ns"), {}, make_room=True
            )
    assert len(requests) == 1


async def test_a_kind_whose_conditions_are_its_state_keeps_them() -> None:
    requests, answer = recorded(web.json_response(NO_ROOM, status=422))
    async with serving(answer) as server, client(FixedCredentials(server, tokens=["x"])) as api:
        with pytest.raises(InvalidError):
            await Resource(api, kinds.REMEDIATION, Named).apply_status(ObjectMeta(name="r", namespace="ns"), {})
    assert len(requests) == 1

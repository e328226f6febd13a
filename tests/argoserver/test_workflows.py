"""A response about another run than the requested one counts as not found."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable
from typing import Any

import pytest
from tests.argoserver.fake_server import RESET, Reply, Request, argo_server, sequence, serving, workflow

from wfreport.argoserver.artifacts import ArchivedLogs, RunRef
from wfreport.argoserver.errors import (
    ServerBadResponseError,
    ServerFailedError,
    ServerNotFoundError,
    ServerUnreachableError,
    ServerWithoutDatabaseError,
)
from wfreport.argoserver.workflows import ServerWorkflows, StaleWorkflowError


async def _fetched(answer: Any, **given: Any) -> Any:
    replies, _ = sequence(Reply.of(answer))
    async with serving(replies) as url, argo_server(url) as server:
        return await ServerWorkflows(server).fetch("team", "etl", **given)


async def test_a_workflow_comes_with_its_nodes() -> None:
    snapshot = await _fetched(workflow(), uid="u-1")
    assert list(snapshot.nodes) == ["etl"]


@pytest.mark.parametrize(
    ("answer", "uid"),
    [
        (workflow(namespace="payroll"), None),
        (workflow(name="payroll"), None),
        (workflow(uid="u-2"), "u-1"),
        (workflow(uid=""), None),
    ],
    ids=["namespace", "name", "uid", "no uid"],
)
async def test_another_workflow_than_the_requested_one_is_not_found_and_not_disclosed(
    answer: dict[str, Any], uid: str | None
) -> None:
    with pytest.raises(ServerNotFoundError) as error:
        await _fetched(answer, uid=uid)
    assert "payroll" not in str(error.value)


@pytest.mark.parametrize("answer", [[], "x", {}, {"kind": "Status"}], ids=str)
async def test_a_body_that_is_not_a_workflow_is_a_bad_response(answer: Any) -> None:
    with pytest.raises(ServerBadResponseError):
        await _fetched(answer)


async def test_nodes_that_are_still_offloaded_mean_a_server_without_database() -> None:
    with pytest.raises(ServerWithoutDatabaseError):
        await _fetched(workflow(nodes=None, offloadNodeStatusVersion="fnv:1"))


async def test_without_a_uid_the_newest_archived_run_of_the_name_is_fetched() -> None:
    newest = workflow(uid="newest")
    answer, requests = sequence(Reply.of({"items": [{"metadata": newest["metadata"]}]}), Reply.of(newest))
    async with serving(answer) as url, argo_server(url) as server:
        snapshot = await ServerWorkflows(server).fetch_archived("team", "etl")
    assert snapshot.workflow.metadata.uid == "newest"
    assert "metadata.name%3Detl" in requests[0].target
    assert requests[1].target.startswith("/api/v1/archived-workflows/newest?")


@pytest.mark.parametrize(
    "items",
    [None, [], [{"metadata": {"name": "etl", "namespace": "payroll", "uid": "u"}}]],
    ids=["null", "none", "alien"],
)
async def test_a_name_that_the_archive_does_not_have_is_not_found(items: Any) -> None:
    answer, requests = sequence(Reply.of({"items": items}))
    async with serving(answer) as url, argo_server(url) as server:
        with pytest.raises(ServerNotFoundError):
            await ServerWorkflows(server).fetch_archived("team", "etl")
    assert len(requests) == 1


async def test_a_list_that_cannot_be_decoded_is_a_bad_response() -> None:
    answer, _ = sequence(Reply(body=b"[1]"))
    async with serving(answer) as url, argo_server(url) as server:
        with pytest.raises(ServerBadResponseError):
            await ServerWorkflows(server).fetch_archived("team", "etl")


async def test_names_are_quoted() -> None:
    answer, requests = sequence(Reply.of(workflow(name="a b?x", uid="u")))
    async with serving(answer) as url, argo_server(url) as server:
        await ServerWorkflows(server).fetch("team", "a b?x")
    assert requests[0].target == "/api/v1/workflows/team/a%20b%3Fx"


@pytest.mark.parametrize("name", ["", ".", "..", "../victim/etl", "a/b", "a%2Fb"])
async def test_no_request_is_made_with_a_name_that_no_object_can_have(name: str) -> None:
    answer, requests = sequence()
    async with serving(answer) as url, argo_server(url) as server:
        for request in (
            ServerWorkflows(server).fetch("team", name),
            ServerWorkflows(server).fetch(name, "etl"),
            ServerWorkflows(server).fetch_archived("team", "etl", uid=name or ".."),
            ServerWorkflows(server).retry("team", name, uid="u"),
        ):
            with pytest.raises(ServerNotFoundError):
                await request
    assert requests == []


# Retry


async def test_a_retry_sends_its_options_and_returns_the_new_run() -> None:
    after = workflow(version="8", nodes=None, offloadNodeStatusVersion="fnv:1", phase="")
    answer, requests = sequence(Reply.of(workflow()), Reply.of(after))
    async with serving(answer) as url, argo_server(url) as server:
        snapshot = await ServerWorkflows(server).retry(
            "team", "etl", uid="u-1", resource_version="7", parameters=("day=2",)
        )
    assert snapshot.workflow.metadata.resource_version == "8"
    assert (requests[1].method, requests[1].target) == ("PUT", "/api/v1/workflows/team/etl/retry")
    assert json.loads(requests[1].body) == {
        "namespace": "team",
        "name": "etl",
        "restartSuccessful": False,
        "nodeFieldSelector": "",
        "parameters": ["day=2"],
    }


@pytest.mark.parametrize("given", [{"uid": "u-0"}, {"uid": "u-1", "resource_version": "6"}], ids=["uid", "version"])
async def test_a_workflow_that_changed_since_is_not_retried(given: dict[str, Any]) -> None:
    answer, requests = sequence(Reply.of(workflow()))
    async with serving(answer) as url, argo_server(url) as server:
        with pytest.raises(StaleWorkflowError):
            await ServerWorkflows(server).retry("team", "etl", **given)
    assert [request.method for request in requests] == ["GET"]


@pytest.mark.parametrize("fault", [Reply(500), RESET], ids=["500", "reset"])
async def test_a_retry_without_a_response_is_not_repeated(fault: Reply) -> None:
    def answer(request: Request) -> Reply:
        methods.append(request.method)
        return Reply.of(workflow()) if request.method == "GET" else fault

    methods: list[str] = []
    async with serving(answer) as url, argo_server(url) as server:
        with pytest.raises((ServerFailedError, ServerUnreachableError)):
            await ServerWorkflows(server).retry("team", "etl", uid="u-1")
    assert methods == ["GET", "PUT"]


# Archived logs

RUN = RunRef("team", "etl", "u-1")


def log_then(log: bytes, current: dict[str, Any]) -> tuple[Callable[[Request], Reply], list[str]]:
    """Serve a log, and the Workflow that has the run's name now."""
    requests: list[str] = []

    def answer(request: Request) -> Reply:
        requests.append(request.target)
        return Reply(body=log) if request.target.startswith("/artifacts") else Reply.of(current)

    return answer, requests


async def test_the_last_whole_lines_of_an_archived_log_are_returned() -> None:
    text = "".join(f"line {n}\n" for n in range(1000))
    answer, requests = log_then(text.encode(), workflow())
    async with serving(answer) as url, argo_server(url) as server:
        logs = ArchivedLogs(server)
        log = await logs.tail(RUN, "etl-1", "main-logs", max_bytes=20)
        assert (log.text, log.has_more, log.is_cut) == ("line 998\nline 999\n", True, False)
        whole = await logs.tail(RUN, "etl-1", "main-logs", max_bytes=100_000, from_archive=True)
        assert (whole.text, whole.has_more) == (text, False)
    assert requests == [
        "/artifacts/team/etl/etl-1/main-logs",
        "/api/v1/workflows/team/etl?fields=metadata",
        "/artifacts-by-uid/u-1/etl-1/main-logs",
    ]


async def test_the_log_of_another_run_of_that_name_is_not_found() -> None:
    answer, _ = log_then(b"of the new run\n", workflow(uid="u-2"))
    async with serving(answer) as url, argo_server(url) as server:
        with pytest.raises(ServerNotFoundError) as error:
            await ArchivedLogs(server).tail(RUN, "etl-1", "main-logs", max_bytes=20)
    assert "new run" not in str(error.value)


async def test_reading_of_an_endless_log_stops_and_the_result_shows_it() -> None:
    answer, _ = log_then(b"x\n" * 200_000, workflow())
    async with serving(answer) as url, argo_server(url) as server:
        log = await ArchivedLogs(server, max_read_bytes=1000).tail(RUN, "n", "main-logs", max_bytes=10)
    assert log.is_cut
    assert len(log.text) <= 10


@pytest.mark.parametrize("levels", [1_500, 9_000])
@pytest.mark.parametrize("place", ["spec", "nodes", "compressedNodes"])
async def test_a_run_of_the_server_and_its_archive_is_read_however_deep(place: str, levels: int) -> None:
    deep = '{"a":' * levels + "[]" + "}" * levels
    answer = workflow()
    node = answer["status"]["nodes"]["etl"] | {"message": "boom", "x": "DEEP"}
    if place == "compressedNodes":
        nodes = json.dumps({"etl": node}).replace('"DEEP"', deep)
        packed = base64.b64encode(gzip.compress(nodes.encode(), mtime=0)).decode()
        answer["status"] = {"phase": "Failed", "compressedNodes": packed}
    elif place == "nodes":
        answer["status"]["nodes"]["etl"] = node
    else:
        answer["spec"]["plugin"] = "DEEP"
    body = json.dumps(answer).replace('"DEEP"', deep).encode()
    listed = (
        b'{"metadata":' + deep.encode() + b',"items":[{"metadata":' + json.dumps(answer["metadata"]).encode() + b"}]}"
    )
    replies, _ = sequence(Reply(body=body), Reply(body=listed), Reply(body=body))
    async with serving(replies) as url, argo_server(url) as server:
        from_cluster = await ServerWorkflows(server).fetch("team", "etl")
        from_archive = await ServerWorkflows(server).fetch_archived("team", "etl")
    for snapshot in (from_cluster, from_archive):
        assert list(snapshot.nodes) == ["etl"]
        assert snapshot.nodes["etl"].message == ("boom" if place != "spec" else "")
        assert any("nested too deeply" in problem for problem in snapshot.problems)

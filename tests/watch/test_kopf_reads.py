"""How kopf reads a response: undocumented, and the tap on its session (`watch/streams.py`) depends on it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from importlib.metadata import version
from typing import Any

import aiohttp
import kopf
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from tests.eventually import eventually_async

from wfreport.watch.framework import framework_registry, framework_settings, run_framework
from wfreport.watch.streams import watched_stream

READS = {name for name in dir(aiohttp.StreamReader) if name.startswith(("read", "iter"))}
"""Every method of a response's body that returns bytes. `async for` over it is recorded as __aiter__."""


def a_resource(plural: str, kind: str, *, namespaced: bool) -> dict[str, Any]:
    verbs = ["list", "watch", "get", "patch"]
    return {"name": plural, "kind": kind, "singularName": kind.lower(), "namespaced": namespaced, "verbs": verbs}


VERSION = {"version": "v1alpha1"}
DISCOVERY = {
    "/api": {"versions": ["v1"]},
    "/api/v1": {"resources": [a_resource("namespaces", "Namespace", namespaced=False)]},
    "/apis": {"groups": [{"name": "argoproj.io", "preferredVersion": VERSION, "versions": [VERSION]}]},
    "/apis/argoproj.io/v1alpha1": {"resources": [a_resource("workflows", "Workflow", namespaced=True)]},
}
PAGES = {
    "": {"items": [], "metadata": {"resourceVersion": "7", "continue": "page-2"}},
    "page-2": {"items": [], "metadata": {"resourceVersion": "7"}},
}
EXPIRED = aiohttp.ClientPayloadError("the list has expired")
BOOKMARK = {"type": "BOOKMARK", "object": {"kind": "Workflow", "metadata": {"resourceVersion": "8"}}}


class RecordingBody:
    """A response's body that records the methods by which it is read."""

    def __init__(self, body: aiohttp.StreamReader, reads: set[str]) -> None:
        self._body = body
        self._reads = reads

    def __getattr__(self, name: str) -> Any:
        if name in READS:
            self._reads.add(name)
        return getattr(self._body, name)

    def __aiter__(self) -> AsyncIterator[bytes]:
        self._reads.add("__aiter__")
        return self._body.__aiter__()


class RecordedKopf:
    """kopf over a server of one kind: how it read the responses, and what it requested next."""

    def __init__(self) -> None:
        self.reads: dict[str, set[str]] = {"list": set(), "watch": set()}
        self.continued: list[str] = []
        self.has_expired = True
        self.watched_from: list[str] = []

    async def respond(self, request: web.Request) -> web.StreamResponse:
        if request.path in DISCOVERY:
            return web.json_response(DISCOVERY[request.path])
        if request.query.get("watch") != "true":
            token = request.query.get("continue", "")
            self.continued.append(token)
            return web.json_response(PAGES[token])
        self.watched_from.append(request.query["resourceVersion"])
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        await response.write(json.dumps(BOOKMARK).encode() + b"\n")
        return response  # ends the watch, so that kopf continues it from the bookmark

    async def record(self, request: aiohttp.ClientRequest, handler: Any) -> aiohttp.ClientResponse:
        if "continue" in request.url.query and not self.has_expired:
            self.has_expired = True
            raise EXPIRED
        response: aiohttp.ClientResponse = await handler(request)
        if watched_stream(request.url.path):
            kind = "watch" if request.url.query.get("watch") == "true" else "list"
            response.content = RecordingBody(response.content, self.reads[kind])  # type: ignore[assignment]
        return response

    async def run(self) -> None:
        """Run kopf until it has continued a watch."""
        app = web.Application()
        app.router.add_get("/{path:.*}", self.respond)
        async with TestServer(app) as server:

            async def log_in() -> kopf.AiohttpSession:
                session = aiohttp.ClientSession(middlewares=(self.record,))
                return kopf.AiohttpSession(server=str(server.make_url("/")), aiohttp_session=session)

            stop = asyncio.Event()
            settings = framework_settings(
                selector="", chunk_size=100, watch_timeout_seconds=60, request_timeout_seconds=5
            )
            running = asyncio.create_task(
                run_framework(
                    registry=framework_registry(log_in),
                    settings=settings,
                    namespaces=[None],
                    stop=stop,
                    hook_signals=lambda: None,
                )
            )
            with suppress(AssertionError):  # the tests say what is missing
                await eventually_async(lambda: len(self.watched_from) > 1 or running.done())
            stop.set()
            await running


@pytest.fixture
async def recorded() -> RecordedKopf:
    kopf_ = RecordedKopf()
    await kopf_.run()
    return kopf_


async def test_kopf_reads_responses_by_the_methods_that_the_tap_replaces(recorded: RecordedKopf) -> None:
    assert recorded.reads == {"list": {"read"}, "watch": {"iter_chunked"}}, (
        f"kopf {version('kopf')} reads a response by other methods of its body than kopf 1.45 did. "
        "StreamTap (operator/wfreport/watch/streams.py) replaces `read` of a list and `iter_chunked` of a watch: "
        "objects would pass it unseen. Adapt _ReplacedBody and _FilteredLines."
    )


async def test_kopf_follows_the_pages_and_bookmarks_that_the_tap_leaves(recorded: RecordedKopf) -> None:
    reason = (
        f"kopf {version('kopf')} no longer takes the next page and the watch's position from `metadata.continue`, "
        "`metadata.resourceVersion` and bookmarks, which is all that StreamTap leaves of a response."
    )
    assert recorded.continued[:2] == ["", "page-2"], reason
    assert recorded.watched_from[:2] == ["7", "8"], reason


async def test_kopf_begins_a_list_anew_after_the_error_that_the_tap_raises_if_it_expires() -> None:
    kopf_ = RecordedKopf()
    kopf_.has_expired = False
    await kopf_.run()
    assert kopf_.continued[:3] == ["", "", "page-2"], f"kopf {version('kopf')} handles {EXPIRED!r} in another way"
    assert kopf_.watched_from[:1] == ["7"]

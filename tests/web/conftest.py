"""Fixtures: the live page before a fake API server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass

import aiohttp
import pytest
from aiohttp.test_utils import TestClient, TestServer
from tests.web.fake_api import FakeApi
from tests.web.reports import a_report

from wfreport.cli.sources.cluster import Cluster, open_client
from wfreport.cli.web.guard import LOOPBACK_HOSTS, AccessRules
from wfreport.cli.web.server import server_options
from wfreport.cli.web.site import Site
from wfreport.cli.web.viewers import LocalViewers, TokenViewers, Viewers
from wfreport.cli.web.views import LIVE_VIEWS
from wfreport.kube.credentials import BearerCredentials

SECRET = "s" * 43

Browser = TestClient[aiohttp.web.Request, aiohttp.web.Application]


@dataclass
class Live:
    """The live page, its API server, and a client.

    Attributes:
        api: the API server.
        browser: the client.
        site: the pages.
        base: the path before all pages.
    """

    api: FakeApi
    browser: Browser
    site: Site
    base: str

    async def text(self, path: str, *, status: int = 200, headers: dict[str, str] | None = None) -> str:
        """Return the body of a page."""
        async with self.browser.get(self.base + path, headers=headers) as response:
            body = await response.text()
            assert response.status == status, body
            return body


class Worlds:
    """Starts live pages, and ends them."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self._stack = stack

    async def local(
        self,
        *,
        rights: set[str | None],
        namespace: str | None = "team-a",
        streams_max: int = 9,
        idle_seconds: float = 30,
    ) -> Live:
        """Start a page on loopback with one user's rights."""
        api, url = await self._api({"me": rights})
        client = await self._stack.enter_async_context(open_client(BearerCredentials(url, None, "me")))
        viewers = LocalViewers(Cluster(client, namespace or "team-a"), namespace, idle_seconds=idle_seconds)
        return await self._live(api, viewers, AccessRules(SECRET, LOOPBACK_HOSTS), streams_max)

    async def in_cluster(self, rights: dict[str, set[str | None]], *, tokens_max: int = 9) -> Live:
        """Start a page that uses the token of each request."""
        api, url = await self._api(rights)
        viewers = TokenViewers(url, None, namespace=None, tokens_max=tokens_max)
        return await self._live(api, viewers, AccessRules("", frozenset()), 9)

    async def _api(self, rights: dict[str, set[str | None]]) -> tuple[FakeApi, str]:
        api = FakeApi(rights)
        server = TestServer(api.application())
        await server.start_server(shutdown_timeout=0.1)
        self._stack.push_async_callback(server.close)
        for namespace in ("team-a", "team-b"):
            await api.put(a_report(namespace, f"{namespace}-run"))
        return api, str(server.make_url("")).rstrip("/")

    async def _live(self, api: FakeApi, viewers: Viewers, rules: AccessRules, streams_max: int) -> Live:
        site = Site(viewers, rules, streams_max=streams_max)
        server = TestServer(site.application())
        await server.start_server(**server_options() | {"shutdown_timeout": 0.1})
        browser = TestClient(server)
        self._stack.push_async_callback(browser.close)
        return Live(api, browser, site, rules.base)


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let changes follow each other closely: no test waits for the time between two renderings."""
    for _, view in LIVE_VIEWS:
        monkeypatch.setattr(type(view), "interval_seconds", 0.02)


@pytest.fixture
async def worlds() -> AsyncIterator[Worlds]:
    async with AsyncExitStack() as stack:
        yield Worlds(stack)

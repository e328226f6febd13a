"""No name leaves its place in a path: not in our code, not in the HTTP libraries, not in a proxy."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.kube.test_client import FixedCredentials, client, serving

from controlplane import ControlPlane
from wfreport.kube import kinds
from wfreport.kube.credentials import Credentials, Endpoint
from wfreport.kube.errors import ApiError, NotFoundError
from wfreport.kube.objects import Item
from wfreport.kube.paths import PathNameError, path_segment
from wfreport.kube.pods import Pods
from wfreport.kube.resource import Resource
from wfreport.kube.streaming import open_stream
from wfreport.kube.transport import HttpTransport

BAD_NAMES = ["", ".", "..", "../../victim/secrets/notify", "a/b", "a\\b", "a%2Fb", "%2e%2e"]


@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_name_that_no_object_can_have_makes_no_path(name: str) -> None:
    with pytest.raises(PathNameError):
        path_segment(name)
    for namespace, object_name in (("ns", name), (name, "x")):
        with pytest.raises(NotFoundError):
            kinds.SECRET.path(namespace, object_name)


@given(name=st.text(max_size=20))
def test_a_segment_is_one_segment(name: str) -> None:
    with contextlib.suppress(PathNameError):
        segment = path_segment(name)
        assert segment.isascii()
        assert segment.isprintable()
        assert set("/?#\\ ").isdisjoint(segment)
        assert segment not in {"", ".", ".."}


@pytest.mark.parametrize("transport", ["direct", "aiohttp"])
@pytest.mark.parametrize("proxied", [False, True], ids=["direct", "proxied"])
async def test_a_path_is_sent_as_it_is(transport: HttpTransport, proxied: bool) -> None:
    targets: list[str] = []

    def answer(request: web.Request) -> dict[str, bool]:
        targets.append(request.raw_path.removeprefix("http://api.invalid:6443"))
        return {}

    async with serving(answer) as at:
        server, proxy = ("http://api.invalid:6443", at) if proxied else (at, None)
        async with client(FixedCredentials(server, tokens=["x"], proxy=proxy), transport=transport) as api:
            for path in ("/api/v1/a/../b", "/api/v1/a%2F..%2Fb", "/api/v1/%C3%A4"):
                await api.request("get", "x", path, params={"limit": "1"})
                await api.read_tail("x", path, params={"limit": "1"}, keep_bytes=9, max_bytes=9, seconds=5)
                async with open_stream(api, path, {"limit": "1"}):
                    pass
                assert set(targets) == {f"{path}?limit=1"}
                targets.clear()


@asynccontextmanager
async def connect_proxy() -> AsyncIterator[tuple[str, list[str]]]:
    """Serve an HTTP proxy that tunnels; yield its URL and the targets of its tunnels."""
    targets: list[str] = []

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
        writer.close()

    async def tunnel(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        target = (await reader.readuntil(b"\r\n\r\n")).split()[1].decode()
        targets.append(target)
        host, _, port = target.rpartition(":")
        to_reader, to_writer = await asyncio.open_connection(host, int(port))
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        await asyncio.gather(copy(reader, to_writer), copy(to_reader, writer))

    server = await asyncio.start_server(tunnel, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", targets
    finally:
        server.close()


class ProxiedCredentials(Credentials):
    """The credentials of a kubeconfig, through a proxy."""

    def __init__(self, kubeconfig: str, proxy: str | None) -> None:
        super().__init__(kubeconfig=kubeconfig)
        self._proxy = proxy

    def load(self) -> Endpoint:
        return replace(super().load(), proxy=self._proxy)


@pytest.mark.cluster
@pytest.mark.parametrize("proxied", [False, True], ids=["direct", "proxied"])
async def test_a_name_cannot_leave_its_namespace_on_a_real_api_server(
    plane: ControlPlane,
    namespace: str,
    proxied: bool,
) -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "notify"}, "stringData": {"urls": "x"}}
    plane.api.post(f"/api/v1/namespaces/{namespace}/secrets", secret)
    async with connect_proxy() as (proxy, targets):
        credentials = ProxiedCredentials(str(plane.kubeconfig), proxy if proxied else None)
        async with client(credentials) as api:
            secrets = Resource(api, kinds.SECRET, Item)
            assert (await secrets.get(namespace, "notify")).metadata.name == "notify"
            for name in (f"../../{namespace}/secrets/notify", f"..%2f..%2f{namespace}%2fsecrets%2fnotify", "..", "."):
                with pytest.raises(NotFoundError):
                    await secrets.get("default", name)
                with pytest.raises(NotFoundError):
                    await Pods(api, chunk_size=1).read_log("default", name, "main", lines=1, max_bytes=9)
            for path in (f"../../{namespace}/secrets/notify", f"%2e%2e/%2e%2e/{namespace}/secrets/notify"):
                with pytest.raises(ApiError):
                    await api.request("get", "secrets", f"/api/v1/namespaces/default/secrets/{path}")
    assert bool(targets) == proxied

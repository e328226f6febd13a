"""The HTTP server of metrics and probes, under connections that send nothing, half of a request, or too much."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from tests.eventually import eventually_async

from controlplane.ports import free_ports
from wfreport.runtime.health import health_server

HALF_REQUEST = b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-A: "
BIG = b"# " + b"x" * 32_000_000


class Flood:
    """Clients that connect and send something that is not a whole request."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._writers: list[asyncio.StreamWriter] = []
        self._reads: list[asyncio.Task[bytes]] = []

    async def connect(self, data: bytes) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        writer.write(data)
        self._writers.append(writer)
        self._reads.append(asyncio.create_task(reader.read()))

    def open_count(self) -> int:
        return sum(not read.done() for read in self._reads)

    async def close(self) -> None:
        for writer in self._writers:
            writer.transport.abort()
        await asyncio.gather(*self._reads, return_exceptions=True)


@asynccontextmanager
async def server(*, seconds: float = 60, maximum: int = 50, missing: tuple[str, ...] = ()) -> AsyncIterator[int]:
    (port,) = free_ports(1)
    async with health_server(
        host="127.0.0.1",
        port=port,
        metrics=lambda: (BIG, "text/plain"),
        missing=lambda: list(missing),
        connection_seconds=seconds,
        connections_max=maximum,
    ) as at:
        yield at


@asynccontextmanager
async def flood_of(port: int) -> AsyncIterator[Flood]:
    flood = Flood(port)
    try:
        yield flood
    finally:
        await flood.close()


async def get(port: int, path: str = "/healthz", method: str = "GET") -> tuple[int, str, str | None]:
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, f"http://127.0.0.1:{port}{path}", timeout=aiohttp.ClientTimeout(total=30)) as response,
    ):
        return response.status, await response.text(), response.headers.get("Connection")


async def test_probes_and_metrics_are_answered_and_the_connection_is_closed() -> None:
    async with server(missing=("the stream of pods",)) as port:
        assert await get(port) == (200, "ok\n", "close")
        assert await get(port, method="HEAD") == (200, "", "close")
        assert await get(port, "/readyz") == (503, "waiting for the stream of pods\n", "close")
        assert (await get(port, "/metrics"))[1] == BIG.decode()
        assert (await get(port, "/other"))[0] == 404
        assert (await get(port, method="POST"))[0] == 405
    async with server() as port:
        assert (await get(port, "/readyz"))[:2] == (200, "ok\n")


@pytest.mark.parametrize(
    "data", [b"", HALF_REQUEST, b"POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\na"]
)
async def test_a_flood_does_not_keep_the_probe_from_its_answer(data: bytes) -> None:
    async with server() as port, flood_of(port) as flood:
        for number in range(600):
            await flood.connect(data)
            if number % 200 == 199:
                assert (await get(port))[0] == 200
        await eventually_async(flood.open_count, lambda count: count <= 50)
        assert (await get(port))[0] == 200


@pytest.mark.parametrize(
    "data", [b"", HALF_REQUEST, b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"], ids=["silent", "half", "does not read"]
)
async def test_a_connection_ends_in_time(data: bytes) -> None:
    async with server(seconds=0.5) as port:
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(data)
            client.setblocking(False)
            await eventually_async(lambda: is_closed(client))


def is_closed(client: socket.socket) -> bool:
    """Whether the server has closed the connection; nothing that it sent is read before, so that it has to wait."""
    try:
        client.send(b"x")
    except OSError:
        return True
    return False


async def test_a_request_that_never_ends_is_cut_off() -> None:
    async with server() as port, flood_of(port) as flood:
        await flood.connect(HALF_REQUEST + b"x: y\r\n" * 20_000)
        await eventually_async(flood.open_count, lambda count: count == 0)
        assert (await get(port))[0] == 200


async def test_a_port_of_zero_is_no_server() -> None:
    async with health_server(host="127.0.0.1", port=0, metrics=lambda: (b"", ""), missing=list) as port:
        assert port == 0

"""The direct transport against a server of raw sockets, which speaks HTTP/1.1 correctly or not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.eventually import eventually_async

from wfreport.kube import exchange
from wfreport.kube.exchange import DirectTransport, NotHttpError
from wfreport.kube.transport import Response

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
Script = Callable[["Connection"], Awaitable[None]]


@dataclass
class Connection:
    """A connection, as the server sees it."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    requests: list[bytes]

    async def request(self) -> bytes:
        """Read the next request, head and body."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        body = await self.reader.readexactly(int(lengths[0].split(b":")[1])) if lengths else b""
        self.requests.append(head + body)
        return head + body

    async def send(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.writer.write(piece)
            await self.writer.drain()
            await asyncio.sleep(0)


@dataclass
class Server:
    url: str = ""
    connections: list[Connection] = field(default_factory=list)
    requests: list[bytes] = field(default_factory=list)


@asynccontextmanager
async def serving(*scripts: Script) -> AsyncIterator[Server]:
    """Handle each connection by the next script, further ones by the last; close it when its script ends."""
    server, tasks = Server(), set[asyncio.Task[None]]()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.current_task())  # type: ignore[arg-type]
        connection = Connection(reader, writer, server.requests)
        server.connections.append(connection)
        try:
            await scripts[min(len(server.connections), len(scripts)) - 1](connection)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client has closed the connection
        finally:
            writer.close()

    listener = await asyncio.start_server(handle, "127.0.0.1", 0)
    server.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    try:
        yield server
    finally:
        listener.close()
        if tasks:
            await asyncio.wait(tasks, timeout=5)


@asynccontextmanager
async def connected(url: str, *, limit: int = 4, timeout_seconds: float = 5) -> AsyncIterator[DirectTransport]:
    transport = DirectTransport(
        url,
        tls=None,
        server_name=None,
        headers={"User-Agent": "test"},
        limit=limit,
        timeout_seconds=timeout_seconds,
    )
    try:
        yield transport
    finally:
        await transport.close()


async def send(
    transport: DirectTransport, method: str = "GET", path: str = "/x", body: bytes | None = None
) -> Response:
    return await transport.request(method, path, params=None, headers={}, body=body)


def responding(*replies: bytes) -> Script:
    """Send one response per request, the last one for all further requests."""

    async def script(connection: Connection) -> None:
        for number in range(100):
            await connection.request()
            await connection.send(replies[min(number, len(replies) - 1)])

    return script


async def hang_up(connection: Connection) -> None:
    """Respond once; close the connection at the next request, without a response."""
    await connection.request()
    await connection.send(OK)
    await connection.request()


# Requests


async def test_a_request_has_all_that_http_requires() -> None:
    async with serving(responding(OK)) as server, connected(f"{server.url}/k8s/clusters/c-1/") as transport:
        await transport.request(
            "PATCH",
            "/apis/a name/ü",
            params={"labelSelector": "a=b,c in (d)", "limit": "5"},
            headers={"Accept": "application/json"},
            body=b"{}",
        )
        await transport.request("GET", "/apis/x", params={}, headers={}, body=None)
    host = server.url.removeprefix("http://")
    assert server.requests == [
        (
            "PATCH /k8s/clusters/c-1/apis/a%20name/%C3%BC?labelSelector=a%3Db%2Cc+in+%28d%29&limit=5 HTTP/1.1\r\n"
            f"Host: {host}\r\nUser-Agent: test\r\nAccept: application/json\r\nContent-Length: 2\r\n\r\n{{}}"
        ).encode(),
        f"GET /k8s/clusters/c-1/apis/x HTTP/1.1\r\nHost: {host}\r\nUser-Agent: test\r\n\r\n".encode(),
    ]


async def test_an_empty_body_has_a_length() -> None:
    async with serving(responding(OK)) as server, connected(server.url) as transport:
        await send(transport, "POST", body=b"")
    assert b"Content-Length: 0\r\n\r\n" in server.requests[0]


@pytest.mark.parametrize("value", ["Bearer a\r\nX: y", "a\nb"])
async def test_a_header_cannot_smuggle_another(value: str) -> None:
    async with serving(responding(OK)) as server, connected(server.url) as transport:
        with pytest.raises(ValueError, match="Authorization has a line break"):
            await transport.request("GET", "/x", params=None, headers={"Authorization": value}, body=None)
    assert server.requests == []


# Responses

CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nRetry-After: 7\r\n\r\n"
    b'5;a=b\r\n{"a":\r\n4\r\n "b"\r\n1\r\n}\r\n0\r\nTrailer: x\r\n\r\n'
)
INTERIM = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, 60), max_size=12))
def test_a_response_may_arrive_in_any_pieces(lengths: list[int]) -> None:
    async def script(connection: Connection) -> None:
        await connection.request()
        rest = CHUNKED
        for length in lengths:
            await connection.send(rest[:length])
            rest = rest[length:]
        await connection.send(rest)
        await connection.request()
        await connection.send(OK)

    async def main() -> tuple[list[Response], int]:
        async with serving(script) as server, connected(server.url) as transport:
            return [await send(transport), await send(transport)], len(server.connections)

    assert asyncio.run(main()) == ([Response(200, b'{"a": "b"}', "7"), Response(200, b"ok", None)], 1)


@pytest.mark.parametrize(
    ("reply", "status", "body", "is_reused"),
    [
        (OK, 200, b"ok", True),
        (INTERIM + OK, 200, b"ok", True),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b"", True),
        (b"HTTP/1.1 409 Conflict\r\ncontent-length: 0\r\n\r\n", 409, b"", True),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", 200, b"ok", False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", 200, b"ok", False),
        (OK + b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nbad", 200, b"ok", False),
    ],
    ids=["plain", "interim", "no-content", "empty", "closing", "http-1.0", "one-response-too-many"],
)
async def test_a_connection_is_reused_if_the_response_permits_it(
    reply: bytes, status: int, body: bytes, *, is_reused: bool
) -> None:
    async with serving(responding(reply), responding(OK)) as server, connected(server.url) as transport:
        response = await send(transport)
        assert (response.status, response.body) == (status, body)
        await send(transport)
        assert len(server.connections) == (1 if is_reused else 2)


async def test_a_response_without_a_length_ends_with_the_connection() -> None:
    async def script(connection: Connection) -> None:
        await connection.request()
        await connection.send(b"HTTP/1.1 200 OK\r\n\r\n", b"all of", b" it")

    async with serving(script, responding(OK)) as server, connected(server.url) as transport:
        assert (await send(transport)).body == b"all of it"
        assert (await send(transport)).body == b"ok"


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (b"", ConnectionResetError),
        (b"HTTP/1.1 200 OK\r\nConte", ConnectionResetError),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok", ConnectionResetError),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", ConnectionResetError),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", NotHttpError),
        (b"SSH-2.0-OpenSSH_9.6\r\n", NotHttpError),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", NotHttpError),
        (
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\nPRI * HTTP/2.0",
            NotHttpError,
        ),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc", NotHttpError),
    ],
)
async def test_an_incomplete_response_is_an_error(reply: bytes, error: type[Exception]) -> None:
    async def script(connection: Connection) -> None:
        await connection.request()
        await connection.send(reply)

    async with serving(script, responding(OK)) as server, connected(server.url) as transport:
        with pytest.raises(error):
            await send(transport)
        assert (await send(transport)).body == b"ok"
    assert len(server.requests) == 2


# Reused connections


async def test_a_get_is_sent_again_if_the_reused_connection_closes_without_a_response() -> None:
    async with serving(hang_up, responding(OK)) as server, connected(server.url) as transport:
        assert [(await send(transport)).status for _ in range(2)] == [200, 200]
    assert (len(server.requests), len(server.connections)) == (3, 2)


async def test_a_write_is_never_sent_again() -> None:
    async with serving(hang_up, responding(OK)) as server, connected(server.url) as transport:
        await send(transport)
        with pytest.raises(ConnectionResetError):
            await send(transport, "PATCH", body=b"{}")
    assert [text.split()[0] for text in server.requests] == [b"GET", b"PATCH"]


async def test_a_connection_that_the_server_has_closed_is_not_reused() -> None:
    async def script(connection: Connection) -> None:
        await connection.request()
        await connection.send(OK)

    async with serving(script, responding(OK)) as server, connected(server.url) as transport:
        await send(transport)
        await eventually_async(lambda: not transport._idle[0].is_reusable(), interval_seconds=0.001)
        assert (await send(transport, "PATCH", body=b"{}")).status == 200


async def test_a_connection_that_was_idle_for_long_is_not_reused(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(responding(OK)) as server, connected(server.url) as transport:
        await send(transport)
        await send(transport)
        assert len(server.connections) == 1
        monkeypatch.setattr(exchange, "KEEP_ALIVE_SECONDS", -1)
        await send(transport)
    assert len(server.connections) == 2


async def test_a_late_response_is_an_error_and_not_taken_for_the_next_one() -> None:
    late = asyncio.Event()

    async def script(connection: Connection) -> None:
        await connection.request()
        await late.wait()
        await connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate")

    async with serving(script, responding(OK)) as server, connected(server.url, timeout_seconds=0.1) as transport:
        with pytest.raises(TimeoutError):
            await send(transport)
        late.set()
        assert (await send(transport)).body == b"ok"


async def test_a_cancelled_request_leaves_no_half_read_connection() -> None:
    asked = asyncio.Event()

    async def script(connection: Connection) -> None:
        await connection.request()
        asked.set()
        await connection.request()

    async with serving(script, responding(OK)) as server, connected(server.url) as transport:
        task = asyncio.create_task(send(transport))
        async with asyncio.timeout(5):
            await asked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await send(transport)).body == b"ok"
    assert len(server.connections) == 2


async def test_there_are_never_more_connections_than_the_limit() -> None:
    together = most = 0

    async def script(connection: Connection) -> None:
        nonlocal together, most
        for _ in range(100):
            await connection.request()
            together += 1
            most = max(most, together)
            await asyncio.sleep(0.005)
            together -= 1
            await connection.send(OK)

    async with serving(script) as server, connected(server.url, limit=3) as transport:
        responses = await asyncio.gather(*(send(transport) for _ in range(20)))
    assert ({response.status for response in responses}, most, len(server.connections)) == ({200}, 3, 3)


async def test_a_request_that_ends_after_close_leaves_no_connection() -> None:
    asked, end = asyncio.Event(), asyncio.Event()
    ended = asyncio.Event()

    async def script(connection: Connection) -> None:
        await connection.request()
        asked.set()
        await end.wait()
        await connection.send(OK)
        await connection.reader.read()
        ended.set()

    async with serving(script) as server, connected(server.url) as transport:
        task = asyncio.create_task(send(transport))
        async with asyncio.timeout(5):
            await asked.wait()
            await transport.close()
            end.set()
            assert (await task).status == 200
            await ended.wait()

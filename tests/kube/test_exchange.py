"""Short requests over kept connections; the server speaks raw HTTP/1.1, well or badly."""

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
Play = Callable[["Visit"], Awaitable[None]]


@dataclass
class Visit:
    """One connection to the server."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    asked: list[bytes]

    async def request(self) -> bytes:
        """The next request, head and body."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        body = await self.reader.readexactly(int(lengths[0].split(b":")[1])) if lengths else b""
        self.asked.append(head + body)
        return head + body

    async def say(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.writer.write(piece)
            await self.writer.drain()
            await asyncio.sleep(0)


@dataclass
class Server:
    url: str = ""
    visits: list[Visit] = field(default_factory=list)
    asked: list[bytes] = field(default_factory=list)


@asynccontextmanager
async def serving(*plays: Play) -> AsyncIterator[Server]:
    """Each connection gets the next play, later ones the last; a connection is closed when its play is over."""
    server, tasks = Server(), set[asyncio.Task[None]]()

    async def visited(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.current_task())  # type: ignore[arg-type]
        visit = Visit(reader, writer, server.asked)
        server.visits.append(visit)
        try:
            await plays[min(len(server.visits), len(plays)) - 1](visit)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client has left
        finally:
            writer.close()

    listener = await asyncio.start_server(visited, "127.0.0.1", 0)
    server.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    try:
        yield server
    finally:
        listener.close()
        if tasks:
            await asyncio.wait(tasks, timeout=5)


@asynccontextmanager
async def connected(url: str, *, limit: int = 4, timeout_seconds: float = 5) -> AsyncIterator[DirectTransport]:
    connections = DirectTransport(
        url,
        tls=None,
        server_name=None,
        headers={"User-Agent": "test"},
        limit=limit,
        timeout_seconds=timeout_seconds,
    )
    try:
        yield connections
    finally:
        await connections.close()


async def ask(
    connections: DirectTransport, method: str = "GET", path: str = "/x", body: bytes | None = None
) -> Response:
    return await connections.request(method, path, params=None, headers={}, body=body)


def answering(*answers: bytes) -> Play:
    """One of these for each request, the last one for all that follow."""

    async def play(visit: Visit) -> None:
        for number in range(100):
            await visit.request()
            await visit.say(answers[min(number, len(answers) - 1)])

    return play


async def hang_up(visit: Visit) -> None:
    """Answer once, and close the connection at the next request, unanswered."""
    await visit.request()
    await visit.say(OK)
    await visit.request()


# What is asked


async def test_a_request_says_all_that_it_must() -> None:
    async with serving(answering(OK)) as server, connected(f"{server.url}/k8s/clusters/c-1/") as connections:
        await connections.request(
            "PATCH",
            "/apis/a name/ü",
            params={"labelSelector": "a=b,c in (d)", "limit": "5"},
            headers={"Accept": "application/json"},
            body=b"{}",
        )
        await connections.request("GET", "/apis/x", params={}, headers={}, body=None)
    host = server.url.removeprefix("http://")
    assert server.asked == [
        (
            "PATCH /k8s/clusters/c-1/apis/a%20name/%C3%BC?labelSelector=a%3Db%2Cc+in+%28d%29&limit=5 HTTP/1.1\r\n"
            f"Host: {host}\r\nUser-Agent: test\r\nAccept: application/json\r\nContent-Length: 2\r\n\r\n{{}}"
        ).encode(),
        f"GET /k8s/clusters/c-1/apis/x HTTP/1.1\r\nHost: {host}\r\nUser-Agent: test\r\n\r\n".encode(),
    ]


async def test_an_empty_body_has_a_length() -> None:
    async with serving(answering(OK)) as server, connected(server.url) as connections:
        await ask(connections, "POST", body=b"")
    assert b"Content-Length: 0\r\n\r\n" in server.asked[0]


@pytest.mark.parametrize("value", ["Bearer a\r\nX: y", "a\nb"])
async def test_a_header_cannot_smuggle_another(value: str) -> None:
    async with serving(answering(OK)) as server, connected(server.url) as connections:
        with pytest.raises(ValueError, match="Authorization has a line break"):
            await connections.request("GET", "/x", params=None, headers={"Authorization": value}, body=None)
    assert server.asked == []


# What is answered

CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nRetry-After: 7\r\n\r\n"
    b'5;a=b\r\n{"a":\r\n4\r\n "b"\r\n1\r\n}\r\n0\r\nTrailer: x\r\n\r\n'
)
INTERIM = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, 60), max_size=12))
def test_an_answer_may_come_in_any_pieces(lengths: list[int]) -> None:
    async def play(visit: Visit) -> None:
        await visit.request()
        rest = CHUNKED
        for length in lengths:
            await visit.say(rest[:length])
            rest = rest[length:]
        await visit.say(rest)
        await visit.request()
        await visit.say(OK)

    async def main() -> tuple[list[Response], int]:
        async with serving(play) as server, connected(server.url) as connections:
            return [await ask(connections), await ask(connections)], len(server.visits)

    assert asyncio.run(main()) == ([Response(200, b'{"a": "b"}', "7"), Response(200, b"ok", None)], 1)


@pytest.mark.parametrize(
    ("said", "status", "body", "stays"),
    [
        (OK, 200, b"ok", True),
        (INTERIM + OK, 200, b"ok", True),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b"", True),
        (b"HTTP/1.1 409 Conflict\r\ncontent-length: 0\r\n\r\n", 409, b"", True),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", 200, b"ok", False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", 200, b"ok", False),
        (OK + b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nbad", 200, b"ok", False),
    ],
    ids=["plain", "interim", "no-content", "empty", "closing", "http-1.0", "one-answer-too-many"],
)
async def test_a_connection_is_kept_where_the_answer_lets_it(
    said: bytes, status: int, body: bytes, *, stays: bool
) -> None:
    async with serving(answering(said), answering(OK)) as server, connected(server.url) as connections:
        answer = await ask(connections)
        assert (answer.status, answer.body) == (status, body)
        await ask(connections)
        assert len(server.visits) == (1 if stays else 2)


async def test_an_answer_without_a_length_ends_with_the_connection() -> None:
    async def play(visit: Visit) -> None:
        await visit.request()
        await visit.say(b"HTTP/1.1 200 OK\r\n\r\n", b"all of", b" it")

    async with serving(play, answering(OK)) as server, connected(server.url) as connections:
        assert (await ask(connections)).body == b"all of it"
        assert (await ask(connections)).body == b"ok"


@pytest.mark.parametrize(
    ("said", "error"),
    [
        (b"", ConnectionResetError),
        (b"HTTP/1.1 200 OK\r\nConte", ConnectionResetError),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok", ConnectionResetError),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", ConnectionResetError),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", NotHttpError),
        (b"SSH-2.0-OpenSSH_9.6\r\n", NotHttpError),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc", NotHttpError),
    ],
)
async def test_half_an_answer_is_none(said: bytes, error: type[Exception]) -> None:
    async def play(visit: Visit) -> None:
        await visit.request()
        await visit.say(said)

    async with serving(play, answering(OK)) as server, connected(server.url) as connections:
        with pytest.raises(error):
            await ask(connections)
        assert (await ask(connections)).body == b"ok"
    assert len(server.asked) == 2


# Kept connections


async def test_a_get_is_made_again_where_the_kept_connection_was_closed_just_then() -> None:
    async with serving(hang_up, answering(OK)) as server, connected(server.url) as connections:
        assert [(await ask(connections)).status for _ in range(2)] == [200, 200]
    assert (len(server.asked), len(server.visits)) == (3, 2)


async def test_a_write_is_never_made_again() -> None:
    async with serving(hang_up, answering(OK)) as server, connected(server.url) as connections:
        await ask(connections)
        with pytest.raises(ConnectionResetError):
            await ask(connections, "PATCH", body=b"{}")
    assert [text.split()[0] for text in server.asked] == [b"GET", b"PATCH"]


async def test_a_connection_that_the_server_has_closed_is_not_used() -> None:
    async def play(visit: Visit) -> None:
        await visit.request()
        await visit.say(OK)

    async with serving(play, answering(OK)) as server, connected(server.url) as connections:
        await ask(connections)
        await eventually_async(lambda: not connections._idle[0].is_reusable(), interval_seconds=0.001)
        assert (await ask(connections, "PATCH", body=b"{}")).status == 200


async def test_a_connection_that_was_idle_for_long_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(answering(OK)) as server, connected(server.url) as connections:
        await ask(connections)
        await ask(connections)
        assert len(server.visits) == 1
        monkeypatch.setattr(exchange, "KEEP_ALIVE_SECONDS", -1)
        await ask(connections)
    assert len(server.visits) == 2


async def test_no_answer_in_time_is_an_error_and_a_late_one_is_not_the_next_ones() -> None:
    late = asyncio.Event()

    async def play(visit: Visit) -> None:
        await visit.request()
        await late.wait()
        await visit.say(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate")

    async with serving(play, answering(OK)) as server, connected(server.url, timeout_seconds=0.1) as connections:
        with pytest.raises(TimeoutError):
            await ask(connections)
        late.set()
        assert (await ask(connections)).body == b"ok"


async def test_who_is_cancelled_leaves_no_half_read_connection() -> None:
    asked = asyncio.Event()

    async def play(visit: Visit) -> None:
        await visit.request()
        asked.set()
        await visit.request()

    async with serving(play, answering(OK)) as server, connected(server.url) as connections:
        task = asyncio.create_task(ask(connections))
        async with asyncio.timeout(5):
            await asked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await ask(connections)).body == b"ok"
    assert len(server.visits) == 2


async def test_no_more_connections_than_the_limit() -> None:
    together = most = 0

    async def play(visit: Visit) -> None:
        nonlocal together, most
        for _ in range(100):
            await visit.request()
            together += 1
            most = max(most, together)
            await asyncio.sleep(0.005)
            together -= 1
            await visit.say(OK)

    async with serving(play) as server, connected(server.url, limit=3) as connections:
        answers = await asyncio.gather(*(ask(connections) for _ in range(20)))
    assert ({answer.status for answer in answers}, most, len(server.visits)) == ({200}, 3, 3)


async def test_a_request_that_ends_after_the_pool_was_closed_leaves_no_connection() -> None:
    asked, end = asyncio.Event(), asyncio.Event()
    ended = asyncio.Event()

    async def play(visit: Visit) -> None:
        await visit.request()
        asked.set()
        await end.wait()
        await visit.say(OK)
        await visit.reader.read()
        ended.set()

    async with serving(play) as server, connected(server.url) as connections:
        task = asyncio.create_task(ask(connections))
        async with asyncio.timeout(5):
            await asked.wait()
            await connections.close()
            end.set()
            assert (await task).status == 200
            await ended.wait()

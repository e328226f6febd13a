"""The proxy counts what passes, and knows when a client still waits for an answer."""

from __future__ import annotations

import asyncio

from tests.eventually import eventually_async

from bench.proxy import CountingProxy


async def test_bytes_are_counted_each_way_and_an_answer_is_waited_for() -> None:
    may_answer = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(4)
        await may_answer.wait()
        writer.write(b"pong-pong")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server, CountingProxy(server.sockets[0].getsockname()[1]) as proxy:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(proxy.url.rpartition(":")[2]))
        assert not proxy.is_waiting

        writer.write(b"ping")
        await eventually_async(lambda: proxy.is_waiting)
        may_answer.set()

        assert await reader.read() == b"pong-pong"
        await eventually_async(lambda: not proxy.is_waiting)
        assert (proxy.sent_bytes, proxy.received_bytes) == (4, 9)
        writer.close()

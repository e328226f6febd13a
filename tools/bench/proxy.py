"""Counts bytes in a TCP pass-through; TLS stays end to end."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final

_CHUNK_BYTES: Final = 1 << 18


class CountingProxy:
    """Forwards connections to one local port, as an async context manager.

    Attributes:
        received_bytes: bytes from the server to the clients.
        sent_bytes: bytes from the clients to the server.
    """

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self._unanswered: set[asyncio.StreamWriter] = set()
        self.received_bytes = 0
        self.sent_bytes = 0

    async def __aenter__(self) -> CountingProxy:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0, limit=_CHUNK_BYTES)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server:
            self._server.close()
        for connection in tuple(self._connections):
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    @property
    def url(self) -> str:
        """URL of the proxy; a certificate for 127.0.0.1 is valid for it."""
        if self._server is None:
            raise RuntimeError("use `async with`")
        return f"https://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    @property
    def is_waiting(self) -> bool:
        """Whether a request is pending without any byte of its response: a large list takes seconds."""
        return bool(self._unanswered)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._passed_on(reader, writer))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def _passed_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            from_server, to_server = await asyncio.open_connection("127.0.0.1", self._target_port, limit=_CHUNK_BYTES)
        except OSError:  # The API server has exited: the client sees the same as without the proxy.
            writer.close()
            return
        try:
            await asyncio.gather(self._up(reader, to_server, writer), self._down(from_server, writer))
        finally:
            self._unanswered.discard(writer)
            to_server.close()
            writer.close()

    async def _up(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, client: asyncio.StreamWriter
    ) -> None:
        with suppress(ConnectionError):
            while chunk := await reader.read(_CHUNK_BYTES):
                self.sent_bytes += len(chunk)
                self._unanswered.add(client)
                writer.write(chunk)
                await writer.drain()
        with suppress(OSError, RuntimeError):  # The other direction may be closed already.
            writer.write_eof()

    async def _down(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while chunk := await reader.read(_CHUNK_BYTES):
                self.received_bytes += len(chunk)
                self._unanswered.discard(writer)
                writer.write(chunk)
                await writer.drain()
        with suppress(OSError, RuntimeError):
            writer.write_eof()

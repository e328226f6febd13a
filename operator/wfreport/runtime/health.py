"""The HTTP server of ``/metrics``, ``/healthz`` and ``/readyz``.

``/healthz`` responds if the event loop runs: a restart does not help against an unreachable API server. ``/readyz``
returns 503 until every stream has been listed.

Any pod of the cluster may connect, so a connection is bounded in time, in bytes and in number. It serves one request
and is closed. If too many are open, the oldest one is closed, not the newest refused: the kubelet's probe is served at
once, and a connection that sends nothing is the oldest soon.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final, cast

from aiohttp import web

CONNECTION_SECONDS: Final = 10.0
"""The longest life of a connection: to send a request, and to read the response."""

CONNECTIONS_MAX: Final = 128
"""The most connections at the same time."""

_REQUEST_MAX_BYTES: Final = 64 * 1024


@asynccontextmanager
async def health_server(
    *,
    host: str,
    port: int,
    metrics: Callable[[], tuple[bytes, str]],
    missing: Callable[[], list[str]],
    connection_seconds: float = CONNECTION_SECONDS,
    connections_max: int = CONNECTIONS_MAX,
) -> AsyncIterator[int]:
    """Serve while the context is open. It yields the port.

    Args:
        host: address to bind.
        port: port to bind; 0 for no server.
        metrics: returns the metrics in Prometheus' format, and their content type.
        missing: returns what is not ready yet; empty if everything is.
        connection_seconds: the longest life of a connection.
        connections_max: the most connections at the same time; beyond it, the oldest one is closed.
    """
    if not port:
        yield 0
        return

    async def respond(request: web.BaseRequest) -> web.Response:
        response = _response(request, metrics, missing)
        response.force_close()
        return response

    server = web.Server(respond, access_log=None, lingering_time=0)
    connections = _Connections(connection_seconds, connections_max)
    listener = await asyncio.get_running_loop().create_server(
        lambda: _BoundedConnection(server(), connections), host, port, backlog=connections_max
    )
    try:
        yield port
    finally:
        listener.close()
        connections.close()
        await server.shutdown(timeout=1)


def _response(
    request: web.BaseRequest, metrics: Callable[[], tuple[bytes, str]], missing: Callable[[], list[str]]
) -> web.Response:
    if request.method not in {"GET", "HEAD"}:
        return web.Response(status=405, text="only GET and HEAD are allowed\n", headers={"Allow": "GET, HEAD"})
    match request.path:
        case "/healthz":
            return web.Response(text="ok\n")
        case "/readyz":
            not_ready = missing()
            text = "".join(f"waiting for {name}\n" for name in not_ready) or "ok\n"
            return web.Response(text=text, status=503 if not_ready else 200)
        case "/metrics":
            body, content_type = metrics()
            return web.Response(body=body, headers={"Content-Type": content_type})
    return web.Response(status=404, text="not found\n")


class _Connections:
    """The open connections, in the order in which they were accepted."""

    def __init__(self, seconds: float, maximum: int) -> None:
        self._seconds = seconds
        self._maximum = maximum
        self._timers: dict[asyncio.Transport, asyncio.TimerHandle] = {}

    def add(self, transport: asyncio.Transport) -> None:
        self._timers[transport] = asyncio.get_running_loop().call_later(self._seconds, transport.abort)
        if len(self._timers) > self._maximum:
            oldest = next(iter(self._timers))
            self.remove(oldest)
            oldest.abort()

    def remove(self, transport: asyncio.Transport) -> None:
        timer = self._timers.pop(transport, None)
        if timer:
            timer.cancel()

    def close(self) -> None:
        for transport in list(self._timers):
            self.remove(transport)
            transport.abort()


class _BoundedConnection(asyncio.Protocol):
    """Passes the events of a connection on to aiohttp's handler, within the bounds."""

    _transport: asyncio.Transport

    def __init__(self, handler: asyncio.Protocol, connections: _Connections) -> None:
        self._handler = handler
        self._connections = connections
        self._received_bytes = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._connections.add(self._transport)
        self._handler.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        self._received_bytes += len(data)
        if self._received_bytes > _REQUEST_MAX_BYTES:
            self._transport.abort()
        else:
            self._handler.data_received(data)

    def eof_received(self) -> bool | None:
        return self._handler.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.remove(self._transport)
        self._handler.connection_lost(exc)

    def pause_writing(self) -> None:
        self._handler.pause_writing()

    def resume_writing(self) -> None:
        self._handler.resume_writing()

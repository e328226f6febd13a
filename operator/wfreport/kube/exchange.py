"""The direct transport: HTTP/1.1 for many short requests to one server, by a pool of connections.

Beside an API server that keeps the machine busy, aiohttp takes 0.8 ms of CPU for such a request and this transport
0.4 ms. The reasons, and the requests that are left to aiohttp, are in docs/decisions/0023.
"""

import asyncio
import ssl
from collections import deque
from collections.abc import Mapping
from enum import Enum, auto
from typing import cast
from urllib.parse import quote, urlencode, urlsplit

import httptools

from wfreport.kube.transport import RESPONSE_MAX_BYTES, LongBodyError, Response

KEEP_ALIVE_SECONDS = 60
"""A connection that was idle for longer is not reused: servers and load balancers close it about then."""

_REPEATABLE = frozenset({"GET", "PUT", "DELETE"})
# The characters that a path may contain unquoted (RFC 3986 §3.3), besides letters and digits; and those quoted already.
_PATH_SAFE = "/:@!$&'()*+,;=~%"
_FINAL = 200
"""A lower status is an interim response, which the final one follows (RFC 9110 §15.2)."""


class NotHttpError(ConnectionError):
    """The server sent bytes that are not HTTP/1.1."""


class DirectTransport:
    """A `wfreport.kube.transport.Transport` of our own.

    Args:
        server: the server's URL; a path in it precedes that of each request.
        tls: None for plain http.
        server_name: the name in the server's certificate, if that differs from the host.
        headers: sent with every request.
        limit: the most connections at the same time; further requests wait.
        timeout_seconds: the time limit of a request, with the time to wait for a connection and to open it.
    """

    def __init__(
        self,
        server: str,
        *,
        tls: ssl.SSLContext | None,
        server_name: str | None,
        headers: Mapping[str, str],
        limit: int,
        timeout_seconds: float,
    ) -> None:
        parts = urlsplit(server)
        self._host, self._port = parts.hostname or "", parts.port or (443 if tls else 80)
        self._prefix = parts.path.rstrip("/")
        self._tls, self._server_name = tls, (server_name or self._host) if tls else None
        self._headers = _lines({"Host": parts.netloc.rpartition("@")[2], **headers})
        self._slots = asyncio.Semaphore(limit)
        self._timeout_seconds = timeout_seconds
        self._idle: deque[_HttpConnection] = deque()
        self._is_closed = False

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None,
        headers: Mapping[str, str],
        body: bytes | None,
    ) -> Response:
        """Send a request and read the response to its end.

        A reused connection may be closed by the server at the same moment. A GET, PUT or DELETE that got no response
        for that reason is sent again; a POST or PATCH is not, because it may have taken effect.

        Raises:
            TimeoutError: the response was not complete within the time limit.
            OSError: the network or TLS failed, or the response is not HTTP.
            LongBodyError: the response is longer than `RESPONSE_MAX_BYTES`.
            ValueError: a header contains a line break.
        """
        message = self._message(method, path, params, headers, body)
        async with asyncio.timeout(self._timeout_seconds), self._slots:
            while connection := self._pop_idle():
                try:
                    return await self._send(connection, message)
                except OSError:
                    if connection.state is not _State.SENT or method not in _REPEATABLE:
                        raise
            return await self._send(await self._connect(), message)

    async def close(self) -> None:
        """Close the idle connections; one in use is closed when its response is complete."""
        self._is_closed = True
        while self._idle:
            self._idle.pop().abort()
        await asyncio.sleep(0)  # the event loop closes the sockets in its next iteration

    def _message(
        self,
        method: str,
        path: str,
        params: Mapping[str, str] | None,
        headers: Mapping[str, str],
        body: bytes | None,
    ) -> bytes:
        target = self._prefix + quote(path, safe=_PATH_SAFE)
        if params:
            target = f"{target}?{urlencode(params)}"
        length = f"Content-Length: {len(body)}\r\n" if body is not None else ""
        head = f"{method} {target} HTTP/1.1\r\n{self._headers}{_lines(headers)}{length}\r\n".encode("ascii")
        return head + body if body else head

    def _pop_idle(self) -> "_HttpConnection | None":
        """Take the connection that was used last, so that surplus ones grow old and are closed."""
        oldest = asyncio.get_running_loop().time() - KEEP_ALIVE_SECONDS
        while self._idle and self._idle[0].idle_since < oldest:
            self._idle.popleft().abort()
        while self._idle:
            connection = self._idle.pop()
            if connection.is_reusable():
                return connection
        return None

    async def _connect(self) -> "_HttpConnection":
        _, connection = await asyncio.get_running_loop().create_connection(
            _HttpConnection, self._host, self._port, ssl=self._tls, server_hostname=self._server_name
        )
        return connection

    async def _send(self, connection: "_HttpConnection", message: bytes) -> Response:
        try:
            response = await connection.send(message)
        except BaseException:
            connection.abort()  # the rest of this response must not be taken for the next one
            raise
        if self._is_closed:
            connection.abort()
        elif connection.is_reusable():
            connection.idle_since = asyncio.get_running_loop().time()
            self._idle.append(connection)
        return response


class _State(Enum):
    """The state of a connection, between and within requests.

        IDLE ── send ──► SENT ── first byte ──► HEAD ── Content-Length or Transfer-Encoding ──► FRAMED
          ▲                                      │                                                 │
          │                                      └── end of the headers ──► UNTIL_CLOSED           │
          │                                                                      │                 │
          └───────────── end of the message, or for UNTIL_CLOSED of the connection ────────────────┘

    After an interim response (1xx) the state is HEAD again. A connection that fails stays in the state in which it
    failed: in SENT, the server has not begun to respond.
    """

    IDLE = auto()
    SENT = auto()
    HEAD = auto()
    FRAMED = auto()
    UNTIL_CLOSED = auto()


class _HttpConnection(asyncio.Protocol):
    """A connection, which takes one request at a time.

    Attributes:
        state: where it is between and within requests.
        idle_since: the event loop's time at the end of the last request.
    """

    _transport: asyncio.Transport

    def __init__(self) -> None:
        self.state = _State.IDLE
        self.idle_since = 0.0
        self._parser = httptools.HttpResponseParser(self)
        self._pending: asyncio.Future[Response] | None = None
        self._body: list[bytes] = []
        self._body_bytes = 0
        self._retry_after: str | None = None

    async def send(self, message: bytes) -> Response:
        self.state = _State.SENT
        pending: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        self._pending = pending
        self._transport.write(message)
        return await pending

    def is_reusable(self) -> bool:
        return self.state is _State.IDLE and not self._transport.is_closing()

    def abort(self) -> None:
        self._transport.abort()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if self.state is _State.SENT:
            self.state = _State.HEAD
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._fail(NotHttpError(f"the response is not HTTP/1.1: {str(error) or 'another protocol'}"))
            self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        if self.state is _State.UNTIL_CLOSED and exc is None:
            self.on_message_complete()
        self._fail(exc or ConnectionResetError("the connection was closed before the end of the response"))

    # The parser's events

    def on_message_begin(self) -> None:
        self._body, self._body_bytes, self._retry_after = [], 0, None
        if self.state is _State.IDLE:
            self._transport.close()  # nothing was requested: this must not be taken for the next response

    def on_header(self, name: bytes, value: bytes) -> None:
        match name.lower():
            case b"content-length" | b"transfer-encoding":
                self.state = _State.FRAMED
            case b"retry-after":
                self._retry_after = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        if self.state is _State.HEAD:
            self.state = _State.UNTIL_CLOSED

    def on_body(self, body: bytes) -> None:
        self._body_bytes += len(body)
        if self._body_bytes > RESPONSE_MAX_BYTES:
            self._body.clear()
            self._fail(LongBodyError())
            self.abort()
        else:
            self._body.append(body)

    def on_message_complete(self) -> None:
        status = self._parser.get_status_code()
        if status < _FINAL:
            self.state = _State.HEAD
            return
        self.state = _State.IDLE
        if not self._parser.should_keep_alive():
            self._transport.close()
        pending, self._pending = self._pending, None
        if pending and not pending.done():
            pending.set_result(Response(status, b"".join(self._body), self._retry_after))
        self._body = []

    def _fail(self, error: Exception) -> None:
        pending, self._pending = self._pending, None
        if pending and not pending.done():
            pending.set_exception(error)


def _lines(headers: Mapping[str, str]) -> str:
    for name, value in headers.items():
        if "\r" in value or "\n" in value:
            raise ValueError(f"the header {name} has a line break")
    return "".join(f"{name}: {value}\r\n" for name, value in headers.items())

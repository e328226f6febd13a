"""HTTP/1.1 for many short requests to one server: a pool of connections, and an answer only when it is whole.

Beside an API server that keeps the machine busy, aiohttp takes 0.8 ms of CPU for such a request and this 0.4; the
reasons, and what is left to aiohttp, are in docs/decisions/0023.
"""

import asyncio
import ssl
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast
from urllib.parse import quote, urlencode, urlsplit

import httptools

KEEP_SECONDS = 60
"""A connection that was idle for longer is not used again: servers and load balancers close it about then."""
_REPEATABLE = frozenset({"GET", "PUT", "DELETE"})
# What a path may hold as it is (RFC 3986 §3.3), beside letters and digits.
_PATH_SAFE = "/:@!$&'()*+,;=~"
_FINAL = 200
"""Below are interim answers, after which the answer itself comes (RFC 9110 §15.2)."""


class NotHttpError(ConnectionError):
    """What came is no HTTP/1.1, or nothing was asked."""


@dataclass(frozen=True, slots=True)
class Response:
    """A whole answer.

    Attributes:
        status: its code.
        body: as it was sent.
        retry_after: that header, if there was one.
    """

    status: int
    body: bytes
    retry_after: str | None


class Connections:
    """Makes requests of any number of tasks through a few connections that are kept.

    Args:
        server: its URL; a path in it goes before every other.
        tls: None for plain http.
        server_name: the name in its certificate, where it is not the host's.
        headers: of every request.
        limit: so many connections at once; further requests wait.
        timeout_seconds: for a request, waiting and connecting included.
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
        self._gate = asyncio.Semaphore(limit)
        self._timeout_seconds = timeout_seconds
        self._idle: deque[_HttpConnection] = deque()
        self._is_closed = False

    async def exchange(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None,
        headers: Mapping[str, str],
        body: bytes | None,
    ) -> Response:
        """Make a request and read its answer to the end.

        Raises:
            TimeoutError: not within the time that is given.
            OSError: the network, TLS, or an answer that is none.
            ValueError: a header has a line break.
        """
        request = self._request(method, path, params, headers, body)
        async with asyncio.timeout(self._timeout_seconds), self._gate:
            while connection := self._kept():
                try:
                    return await self._through(connection, request)
                except OSError:
                    # the server may close a connection just when it is used again; if it did not, it may have acted
                    if connection.answered or method not in _REPEATABLE:
                        raise
            return await self._through(await self._connected(), request)

    async def close(self) -> None:
        """End the connections that are idle; one in use ends with its request."""
        self._is_closed = True
        while self._idle:
            self._idle.pop().abort()
        await asyncio.sleep(0)  # the loop closes the sockets in its next turn

    def _request(
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

    def _kept(self) -> "_HttpConnection | None":
        """The connection that was used last: it is the least likely to be closed, and others can grow old."""
        too_old = asyncio.get_running_loop().time() - KEEP_SECONDS
        while self._idle and self._idle[0].idle_since < too_old:
            self._idle.popleft().abort()
        while self._idle:
            connection = self._idle.pop()
            if connection.is_usable():
                return connection
        return None

    async def _connected(self) -> "_HttpConnection":
        _, connection = await asyncio.get_running_loop().create_connection(
            _HttpConnection, self._host, self._port, ssl=self._tls, server_hostname=self._server_name
        )
        return connection

    async def _through(self, connection: "_HttpConnection", request: bytes) -> Response:
        try:
            answer = await connection.send(request)
        except BaseException:
            connection.abort()  # the rest of an answer must not be taken for the next one
            raise
        if self._is_closed:
            connection.abort()
        elif connection.is_usable():
            connection.idle_since = asyncio.get_running_loop().time()
            self._idle.append(connection)
        return answer


class _HttpConnection(asyncio.Protocol):
    """One connection, one request at a time.

    Attributes:
        idle_since: the loop's time when it was last used.
        answered: something came since the last request was sent.
    """

    _transport: asyncio.Transport

    def __init__(self) -> None:
        self.idle_since = 0.0
        self.answered = False
        self._parser = httptools.HttpResponseParser(self)
        self._pending: asyncio.Future[Response] | None = None
        self._body: list[bytes] = []
        self._retry_after: str | None = None
        self._is_framed = False
        self._is_open_ended = False

    async def send(self, request: bytes) -> Response:
        self.answered = False
        pending: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        self._pending = pending
        self._transport.write(request)
        return await pending

    def is_usable(self) -> bool:
        return self._pending is None and not self._transport.is_closing()

    def abort(self) -> None:
        self._transport.abort()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self.answered = True
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(NotHttpError(f"what came is no HTTP: {error}"))
            self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._is_open_ended and exc is None:
            self.on_message_complete()
        self._fail(exc or ConnectionResetError("the connection was closed before the answer's end"))

    # What the parser finds.

    def on_message_begin(self) -> None:
        self._body, self._retry_after, self._is_framed = [], None, False
        if self._pending is None:
            self._transport.close()  # not asked for: whatever it is, the next request's answer it is not

    def on_header(self, name: bytes, value: bytes) -> None:
        match name.lower():
            case b"content-length" | b"transfer-encoding":
                self._is_framed = True
            case b"retry-after":
                self._retry_after = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        self._is_open_ended = not self._is_framed

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        self._is_open_ended = False
        status = self._parser.get_status_code()
        if status < _FINAL:
            return
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

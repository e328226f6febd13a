"""The HTTP client of Argo Server: pooled connections, retries with backoff, bounded responses, typed errors.

This module returns response bodies as bytes; its sibling modules decode them.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from enum import StrEnum
from types import TracebackType
from typing import Final, Generic, Protocol, Self, TypeVar

import aiohttp
import tenacity
from msgspec import Struct

from wfreport.argoserver.connection import ServerConnection, TlsContextCache
from wfreport.argoserver.errors import (
    MESSAGE_MAX,
    ArgoServerError,
    ServerBadResponseError,
    ServerNotFoundError,
    ServerThrottledError,
    ServerTooLargeError,
    ServerUnauthorizedError,
    ServerUnreachableError,
    error_of,
)
from wfreport.backoff import doubling_delay
from wfreport.kube.aiohttp_transport import open_session
from wfreport.kube.paths import PathNameError, join_segments, request_url

MAX_BODY_BYTES: Final = 32 * 1024 * 1024
"""Maximum size of a response: that of the nodes (``node_limits``), and as much for the rest of a Workflow."""

MASK: Final = "<token>"
_UNAUTHORIZED, _OK_BELOW = 401, 300
_CHUNK_BYTES: Final = 64 * 1024
_ERROR_BYTES: Final = 64 * 1024
_BACKOFF_MIN_SECONDS, _BACKOFF_MAX_SECONDS = 0.5, 15.0

T = TypeVar("T")


class ServerEndpoint(StrEnum):
    """The kind of a request: a closed set, because it is a label of metrics."""

    WORKFLOW = "workflow"
    ARCHIVED_WORKFLOW = "archived-workflow"
    ARCHIVED_WORKFLOWS = "archived-workflows"
    ARTIFACT = "artifact"
    RETRY = "retry"
    VERSION = "version"


class ServerObserver(Protocol):
    """Counts requests."""

    def observe_server_request(self, endpoint: str, code: str, seconds: float) -> None:
        """Count a request that has ended; ``code`` is the HTTP status, ``unreachable`` or ``bad_response``."""
        ...


class RetryPolicy(Struct, frozen=True):
    """Time limits, and the number of attempts.

    Attributes:
        timeout_seconds: the time limit of one attempt.
        max_attempts: the number of attempts of a request that may be repeated.
        total_seconds: the time after the first attempt in which another one may begin.
    """

    timeout_seconds: float = 30
    max_attempts: int = 4
    total_seconds: float = 60


class _ServerRequest(Struct, Generic[T], frozen=True):
    """A request.

    Attributes:
        method: the HTTP method.
        endpoint: its kind, for the metrics.
        path: from ``/``, quoted.
        read: makes a value of a successful response's body.
        params: the query.
        body: JSON, if there is a body.
    """

    method: str
    endpoint: ServerEndpoint
    path: str
    read: Callable[[aiohttp.StreamReader], Awaitable[T]]
    params: Mapping[str, str] | None = None
    body: bytes | None = None


_RETRY_POLICY: Final = RetryPolicy()


class ArgoServer:
    """The client. Enter it as an async context manager; any number of tasks may then make requests."""

    def __init__(
        self,
        connection: ServerConnection,
        *,
        clock: Callable[[], datetime],
        retry_policy: RetryPolicy = _RETRY_POLICY,
        connections: int = 4,
        observer: ServerObserver | None = None,
        jitter: Callable[[], float] = random.random,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """``clock`` turns a Retry-After date into seconds; ``jitter`` returns a number from 0 to 1."""
        self._connection = connection
        self._observer = observer
        self._clock = clock
        self._retry_policy = retry_policy
        self._connections = connections
        self._jitter = jitter
        self._monotonic = monotonic
        self._sleep = sleep
        self._tls = TlsContextCache(connection.tls)
        self._session: aiohttp.ClientSession | None = None
        self._throttled_until = 0.0

    async def __aenter__(self) -> Self:
        self._session = open_session(
            tls=True,
            limit=self._connections,
            headers={},
            timeout=aiohttp.ClientTimeout(total=self._retry_policy.timeout_seconds),
            cookie_jar=aiohttp.DummyCookieJar(),  # an SSO cookie would outlive its token
        )
        # aiohttp repeats GET and PUT on its own after a reset, as idempotent. A PUT to `retry` is not, and attempts of
        # GETs are counted here (aiohttp's own test client does the same)
        self._session._retry_connection = False  # noqa: SLF001
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session:
            await self._session.close()

    @property
    def url(self) -> str:
        """The server's URL."""
        return self._connection.url

    async def get(
        self,
        endpoint: ServerEndpoint,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        read: Callable[[aiohttp.StreamReader], Awaitable[T]],
    ) -> T:
        """GET something, with several attempts.

        Args:
            endpoint: the kind of the request, for the metrics.
            path: from ``/``, quoted.
            params: the query.
            read: makes the result of a successful response's body.

        Raises:
            ArgoServerError: the request failed; its class determines the reaction.
        """
        attempts = tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception(lambda error: isinstance(error, ArgoServerError) and error.transient),
            wait=self._wait_seconds,
            stop=tenacity.stop_any(
                tenacity.stop_after_attempt(self._retry_policy.max_attempts),
                tenacity.stop_before_delay(self._retry_policy.total_seconds),
            ),
            sleep=self._sleep,
            reraise=True,
        )
        return await attempts(self._attempt, _ServerRequest("GET", endpoint, path, read, params))

    async def put(self, endpoint: ServerEndpoint, path: str, body: bytes) -> bytes:
        """PUT something, with one attempt: without a response, it may still have taken effect.

        Raises:
            ArgoServerError: the request failed; its class determines the reaction.
        """
        return await self._attempt(_ServerRequest("PUT", endpoint, path, read_body, body=body))

    def _wait_seconds(self, state: tenacity.RetryCallState) -> float:
        """Return the server's Retry-After plus an exponential backoff, half of it jitter."""
        backoff = doubling_delay(
            state.attempt_number, first_seconds=_BACKOFF_MIN_SECONDS, max_seconds=_BACKOFF_MAX_SECONDS
        )
        error = state.outcome.exception() if state.outcome else None
        minimum = error.retry_after_seconds if isinstance(error, ServerThrottledError) else 0.0
        return minimum + backoff * (0.5 + self._jitter() / 2)

    async def _attempt(self, request: _ServerRequest[T]) -> T:
        """Make one attempt. If the token is refused, make one more with a new token."""
        self._raise_if_throttled()
        for is_last in (False, True):
            token = await self._connection.tokens.token()
            try:
                return await self._send(request, token)
            except ServerUnauthorizedError as error:
                self._connection.tokens.invalidate()
                if is_last or error.status != _UNAUTHORIZED or token is None:
                    raise
            except ServerThrottledError as error:
                self._throttled_until = self._monotonic() + error.retry_after_seconds
                raise
        raise AssertionError("the last attempt returns or raises")

    def _raise_if_throttled(self) -> None:
        """Apply the Retry-After of one response to all requests: the server limits by address."""
        seconds = self._throttled_until - self._monotonic()
        if seconds > 0:
            raise ServerThrottledError("throttled by an earlier response", retry_after_seconds=seconds)

    async def _send(self, request: _ServerRequest[T], token: str | None) -> T:
        if self._session is None:
            raise RuntimeError("use `async with server`")
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        if request.body is not None:
            headers["Content-Type"] = "application/json"
        tls = await asyncio.to_thread(self._tls.context)
        started_at, code = self._monotonic(), "unreachable"
        try:
            async with self._session.request(
                request.method,
                request_url(self._connection.url, request.path),
                params=request.params,
                data=request.body,
                headers=headers,
                ssl=tls,
                allow_redirects=False,  # no other server may get the token
            ) as response:
                code = str(response.status)
                if response.status >= _OK_BELOW:
                    raise self._error(response, await response.content.read(_ERROR_BYTES), token)
                return await request.read(response.content)
        except aiohttp.ClientResponseError as error:  # the response is not HTTP
            code = "bad_response"
            message = _masked(token, f"{request.endpoint}: not an HTTP response: {error.message}")
            raise ServerBadResponseError(message) from None
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            code = "unreachable"
            message = _masked(token, f"{request.endpoint}: {type(error).__name__}: {error}")
            raise ServerUnreachableError(message) from None
        finally:
            if self._observer:
                self._observer.observe_server_request(request.endpoint, code, self._monotonic() - started_at)

    def _error(self, response: aiohttp.ClientResponse, body: bytes, token: str | None) -> ArgoServerError:
        text = _masked(token, body.decode(errors="replace")).encode()
        return error_of(response.status, text, retry_after=response.headers.get("Retry-After"), now=self._clock())


def server_path(base: str, *names: str) -> str:
    """Return the path of an object: a fixed part, and names that a user may have written.

    Raises:
        ServerNotFoundError: no object can have such a name, e.g. ``..`` or an empty one.
    """
    try:
        return f"/{base}/{join_segments(*names)}"
    except PathNameError as error:
        raise ServerNotFoundError(str(error), status=404) from None


async def read_body(content: aiohttp.StreamReader) -> bytes:
    """Read a whole body.

    Raises:
        ServerTooLargeError: it is larger than a Workflow whose nodes are read.
    """
    body = bytearray()
    async for chunk in content.iter_chunked(_CHUNK_BYTES):
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise ServerTooLargeError(f"a response of more than {MAX_BODY_BYTES:,} bytes")
    return bytes(body)


def _masked(token: str | None, text: str) -> str:
    """Replace the token in a text: the error page of a proxy may show the request."""
    return (text.replace(token, MASK) if token else text)[: MESSAGE_MAX * 4]

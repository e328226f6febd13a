"""The HTTP side of Argo Server: one pooled session, tries with backoff, bounded answers, typed errors.

Bodies come out as bytes; what they mean is known to the modules beside this one.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import TracebackType
from typing import Final, Protocol, Self, TypeVar

import aiohttp
import tenacity

from wfreport.argoserver.connection import Connection, TlsFiles
from wfreport.argoserver.errors import (
    MESSAGE_MAX,
    ArgoServerError,
    ServerBadAnswerError,
    ServerThrottledError,
    ServerUnauthorizedError,
    ServerUnreachableError,
    error_of,
)

MAX_ANSWER_BYTES: Final = 100 * 1024 * 1024
"""Argo Server's own bound of an answer (GRPC_MESSAGE_SIZE)."""

HIDDEN: Final = "<token>"
_UNAUTHORIZED, _OK_BELOW = 401, 300
_CHUNK_BYTES: Final = 64 * 1024
_ERROR_BYTES: Final = 64 * 1024
_BACKOFF_MIN_SECONDS, _BACKOFF_MAX_SECONDS = 0.5, 15.0

T = TypeVar("T")


class ServerEndpoint(StrEnum):
    """What is asked for: a closed set, as it is a label of metrics."""

    WORKFLOW = "workflow"
    ARCHIVED_WORKFLOW = "archived-workflow"
    ARCHIVED_WORKFLOWS = "archived-workflows"
    ARTIFACT = "artifact"
    RETRY = "retry"
    VERSION = "version"
    INFO = "info"


class ServerObserver(Protocol):
    """Counts requests."""

    def observe_server_request(self, endpoint: str, code: str, seconds: float) -> None:
        """One request ended; ``code`` is the HTTP status, ``unreachable`` or ``garbage``."""
        ...


@dataclass(frozen=True, slots=True)
class Patience:
    """How long an answer is waited for.

    Attributes:
        timeout_seconds: for one request.
        tries: of a request that may be repeated.
        total_seconds: no try begins later than this after the first.
    """

    timeout_seconds: float = 30
    tries: int = 4
    total_seconds: float = 60


class ArgoServer:
    """An async context manager; inside, requests can be made by any number of tasks."""

    def __init__(
        self,
        connection: Connection,
        *,
        clock: Callable[[], datetime],
        patience: Patience = Patience(),
        connections: int = 4,
        observer: ServerObserver | None = None,
        jitter: Callable[[], float] = random.random,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """``clock`` turns a Retry-After date into seconds; ``jitter`` gives a number from 0 to 1."""
        self._connection = connection
        self._observer = observer
        self._clock = clock
        self._patience = patience
        self._connections = connections
        self._jitter = jitter
        self._monotonic = monotonic
        self._sleep = sleep
        self._tls = TlsFiles(connection.trust)
        self._session: aiohttp.ClientSession | None = None
        self._not_before = 0.0

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._connections, keepalive_timeout=60),
            headers={"User-Agent": "wfreport"},
            timeout=aiohttp.ClientTimeout(total=self._patience.timeout_seconds),
            cookie_jar=aiohttp.DummyCookieJar(),  # an SSO cookie would outlive the token that it came with
            read_bufsize=1 << 20,
        )
        # aiohttp repeats GET and PUT by itself after a reset, as idempotent; a PUT to `retry` is not, and the tries of
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
        """Where the server is."""
        return self._connection.url

    async def get(
        self,
        endpoint: ServerEndpoint,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        read: Callable[[aiohttp.StreamReader], Awaitable[T]],
    ) -> T:
        """Read something, with several tries.

        Args:
            endpoint: for the metrics.
            path: from ``/``, quoted.
            params: the query.
            read: makes the value of a good answer's body.

        Raises:
            ArgoServerError: the one that says what to do.
        """
        attempts = tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception(lambda error: isinstance(error, ArgoServerError) and error.transient),
            wait=self._wait_seconds,
            stop=tenacity.stop_any(
                tenacity.stop_after_attempt(self._patience.tries),
                tenacity.stop_before_delay(self._patience.total_seconds),
            ),
            sleep=self._sleep,
            reraise=True,
        )
        return await attempts(self._authorized, "GET", endpoint, path, params, None, read)

    async def put(self, endpoint: ServerEndpoint, path: str, body: bytes) -> bytes:
        """Change something, with one try: what was not answered may have been done.

        Raises:
            ArgoServerError: the one that says what to do.
        """
        return await self._authorized("PUT", endpoint, path, None, body, whole)

    def _wait_seconds(self, state: tenacity.RetryCallState) -> float:
        """Doubles, with full jitter on the upper half, and is never shorter than the server asked for."""
        backoff = min(_BACKOFF_MAX_SECONDS, _BACKOFF_MIN_SECONDS * 2.0 ** (state.attempt_number - 1))
        error = state.outcome.exception() if state.outcome else None
        asked = error.retry_after_seconds if isinstance(error, ServerThrottledError) else 0.0
        return asked + backoff * (0.5 + self._jitter() / 2)

    async def _authorized(
        self,
        method: str,
        endpoint: ServerEndpoint,
        path: str,
        params: Mapping[str, str] | None,
        body: bytes | None,
        read: Callable[[aiohttp.StreamReader], Awaitable[T]],
    ) -> T:
        """One try; with a new token, a second one where the first was refused."""
        self._hold_back()
        for is_last in (False, True):
            token = await self._connection.tokens.token()
            try:
                return await self._exchange(method, endpoint, path, params, body, read, token)
            except ServerUnauthorizedError as error:
                self._connection.tokens.forget()
                if is_last or error.status != _UNAUTHORIZED or token is None:
                    raise
            except ServerThrottledError as error:
                self._not_before = self._monotonic() + error.retry_after_seconds
                raise
        raise AssertionError("the last try returns or raises")

    def _hold_back(self) -> None:
        """What one request was told holds for all: the server counts by address, not by request."""
        left = self._not_before - self._monotonic()
        if left > 0:
            raise ServerThrottledError("asked to wait by an earlier answer", retry_after_seconds=left)

    async def _exchange(
        self,
        method: str,
        endpoint: ServerEndpoint,
        path: str,
        params: Mapping[str, str] | None,
        body: bytes | None,
        read: Callable[[aiohttp.StreamReader], Awaitable[T]],
        token: str | None,
    ) -> T:
        if self._session is None:
            raise RuntimeError("use `async with server`")
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        if body is not None:
            headers["Content-Type"] = "application/json"
        tls = await asyncio.to_thread(self._tls.context)
        began, code = self._monotonic(), "unreachable"
        try:
            async with self._session.request(
                method,
                self._connection.url + path,
                params=params,
                data=body,
                headers=headers,
                ssl=tls,
                allow_redirects=False,  # a token goes to nobody but the server that it is for
            ) as response:
                code = str(response.status)
                if response.status >= _OK_BELOW:
                    raise self._refusal(response, await _beginning(response.content), token)
                return await read(response.content)
        except aiohttp.ClientResponseError as error:  # what came is no HTTP
            code = "garbage"
            raise ServerBadAnswerError(_without(token, f"{endpoint}: not an HTTP answer: {error.message}")) from None
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            code = "unreachable"
            raise ServerUnreachableError(_without(token, f"{endpoint}: {type(error).__name__}: {error}")) from None
        finally:
            if self._observer:
                self._observer.observe_server_request(endpoint, code, self._monotonic() - began)

    def _refusal(self, response: aiohttp.ClientResponse, body: bytes, token: str | None) -> ArgoServerError:
        text = _without(token, body.decode(errors="replace")).encode()
        return error_of(response.status, text, retry_after=response.headers.get("Retry-After"), now=self._clock())


async def whole(content: aiohttp.StreamReader) -> bytes:
    """A body as it is.

    Raises:
        ServerBadAnswerError: it is larger than any answer of Argo Server.
    """
    body = bytearray()
    async for chunk in content.iter_chunked(_CHUNK_BYTES):
        body += chunk
        if len(body) > MAX_ANSWER_BYTES:
            raise ServerBadAnswerError(f"an answer of more than {MAX_ANSWER_BYTES:,} bytes")
    return bytes(body)


async def _beginning(content: aiohttp.StreamReader) -> bytes:
    return await content.read(_ERROR_BYTES)


def _without(token: str | None, text: str) -> str:
    """The text without the token: a proxy's error page may show the request."""
    return (text.replace(token, HIDDEN) if token else text)[: MESSAGE_MAX * 4]

"""Whose rights a request uses: those of the user who started the command, or of the bearer token that it carries."""

import asyncio
import hmac
import secrets
import ssl
from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Final, Protocol

from msgspec import Struct, field

from wfreport.cli.sources.cluster import Cluster, open_client
from wfreport.cli.web.feeds import IDLE_SECONDS, Feeds
from wfreport.kube.credentials import BearerCredentials

LOCAL_FEEDS_MAX: Final = 16
FEEDS_PER_TOKEN_MAX: Final = 4
TOKENS_MAX: Final = 200
"""The most tokens with an open connection; beyond it, the one that was used least recently is closed."""

TOKEN_IDLE_SECONDS: Final = 60
_TOKEN_MAX_CHARACTERS: Final = 16 * 1024


class MissingTokenError(Exception):
    """The request has no bearer token."""


class TooManyViewersError(Exception):
    """All connections are in use."""


class Viewer(Struct):
    """A reader: a connection with its rights, and its watches.

    Attributes:
        cluster: the connection.
        feeds: its watches.
        namespace: the namespace that pages show if the URL has none; None for all.
        users: number of requests that are being answered.
    """

    cluster: Cluster
    feeds: Feeds
    namespace: str | None
    users: int = 0


class Viewers(Protocol):
    """Finds the viewer of a request."""

    def of(self, headers: Mapping[str, str]) -> AbstractAsyncContextManager[Viewer]:
        """Return the viewer for the time of a request."""
        ...

    async def close(self) -> None:
        """End all watches."""
        ...


class LocalViewers:
    """All requests use the rights of the user who started the command.

    Args:
        cluster: the connection with these rights.
        namespace: the namespace that pages show if the URL has none; None for all.
        idle_seconds: how long a watch goes on without a viewer.
    """

    def __init__(self, cluster: Cluster, namespace: str | None, *, idle_seconds: float = IDLE_SECONDS) -> None:
        feeds = Feeds(cluster, feeds_max=LOCAL_FEEDS_MAX, idle_seconds=idle_seconds)
        self._viewer = Viewer(cluster, feeds, namespace)

    @asynccontextmanager
    async def of(self, headers: Mapping[str, str]) -> AsyncIterator[Viewer]:
        """Return the one viewer."""
        del headers
        yield self._viewer

    async def close(self) -> None:
        """End all watches."""
        await self._viewer.feeds.close()


class _TokenViewer(Struct):
    viewer: Viewer
    resources: AsyncExitStack
    idle: asyncio.TimerHandle | None = field(default=None)


class TokenViewers:
    """Each request uses the rights of its bearer token. Nothing that was read with one token is shown to another.

    Args:
        server: URL of the API server.
        tls: how to verify it.
        namespace: the namespace that pages show if the URL has none; None for all.
        tokens_max: the most tokens with an open connection.
    """

    def __init__(
        self, server: str, tls: ssl.SSLContext | None, *, namespace: str | None, tokens_max: int = TOKENS_MAX
    ) -> None:
        self._server = server
        self._tls = tls
        self._namespace = namespace
        self._tokens_max = tokens_max
        # tokens are compared by their digests under a key of this process: the order of a dict reveals nothing of them
        self._key = secrets.token_bytes(32)
        self._viewers: OrderedDict[bytes, _TokenViewer] = OrderedDict()
        self._opening = asyncio.Lock()
        self._closing: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def of(self, headers: Mapping[str, str]) -> AsyncIterator[Viewer]:
        """Return the viewer of the request's token. The API server has not checked the token yet.

        Raises:
            MissingTokenError: there is no token.
            TooManyViewersError: all connections are in use.
        """
        token = bearer_token(headers.get("Authorization", ""))
        digest = hmac.digest(self._key, token.encode(), "sha256")
        found = await self._viewer_of(digest, token)
        found.viewer.users += 1
        if found.idle:
            found.idle.cancel()
        try:
            yield found.viewer
        finally:
            found.viewer.users -= 1
            if not found.viewer.users:
                found.idle = asyncio.get_running_loop().call_later(TOKEN_IDLE_SECONDS, self._forget, digest, found)

    async def close(self) -> None:
        """Close all connections."""
        while self._viewers:
            _, found = self._viewers.popitem()
            if found.idle:
                found.idle.cancel()
            await found.resources.aclose()
        await asyncio.gather(*self._closing)

    async def _viewer_of(self, digest: bytes, token: str) -> _TokenViewer:
        async with self._opening:
            found = self._viewers.get(digest)
            if found is None:
                await self._make_room()
                found = self._viewers[digest] = await self._open(token)
            self._viewers.move_to_end(digest)
            return found

    async def _open(self, token: str) -> _TokenViewer:
        async with AsyncExitStack() as stack:
            credentials = BearerCredentials(self._server, self._tls, token)
            client = await stack.enter_async_context(open_client(credentials))
            cluster = Cluster(client, self._namespace or "")
            feeds = Feeds(cluster, feeds_max=FEEDS_PER_TOKEN_MAX)
            stack.push_async_callback(feeds.close)
            return _TokenViewer(Viewer(cluster, feeds, self._namespace), stack.pop_all())

    async def _make_room(self) -> None:
        if len(self._viewers) < self._tokens_max:
            return
        unused = next((digest for digest, found in self._viewers.items() if not found.viewer.users), None)
        if unused is None:
            raise TooManyViewersError
        found = self._viewers.pop(unused)
        if found.idle:
            found.idle.cancel()
        await found.resources.aclose()

    def _forget(self, digest: bytes, found: _TokenViewer) -> None:
        if not found.viewer.users and self._viewers.get(digest) is found:
            del self._viewers[digest]
            closing = asyncio.get_running_loop().create_task(found.resources.aclose())
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)


def bearer_token(authorization: str) -> str:
    """Return the token of an Authorization header.

    Raises:
        MissingTokenError: the header is missing or has another scheme, or its token cannot be one.
    """
    scheme, _, token = authorization.partition(" ")
    token = token.strip()
    is_usable = token.isascii() and token.isprintable() and " " not in token and len(token) <= _TOKEN_MAX_CHARACTERS
    if scheme.lower() != "bearer" or not token or not is_usable:
        raise MissingTokenError
    return token

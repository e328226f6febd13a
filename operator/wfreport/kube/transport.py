"""How a request travels to the API server: the interface, and its implementation by aiohttp.

`wfreport.kube.exchange` is the other implementation, which costs less CPU. ``WFREPORT_HTTP_TRANSPORT`` chooses between
them (docs/decisions/0023).
"""

import ssl
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol

import aiohttp

from wfreport.kube.paths import request_url

HttpTransport = Literal["direct", "aiohttp"]
"""The values of ``WFREPORT_HTTP_TRANSPORT``; an import from the settings would load pydantic-settings into the CLI."""

USER_AGENT: Final = "wfreport"
_KEEP_ALIVE_SECONDS: Final = 60
_READ_BUFFER_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Response:
    """A complete response.

    Attributes:
        status: the HTTP status.
        body: the bytes, as they were sent.
        retry_after: the Retry-After header, if there was one.
    """

    status: int
    body: bytes
    retry_after: str | None


class Transport(Protocol):
    """Sends requests to one server; any number of tasks may use it at the same time."""

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None,
        headers: Mapping[str, str],
        body: bytes | None,
    ) -> Response:
        """Send a request and read the response to its end. Redirects are not followed.

        Raises:
            TimeoutError: the response was not complete within the time limit.
            OSError: the network or TLS failed.
            aiohttp.ClientError: the same, or a response that is not HTTP.
            ValueError: a header contains a line break.
        """
        ...

    async def close(self) -> None:
        """Close the connections."""
        ...


def open_session(
    *, tls: ssl.SSLContext | bool, limit: int, headers: Mapping[str, str], **options: Any
) -> aiohttp.ClientSession:
    """Open an aiohttp session with the options that all of our sessions share.

    Args:
        tls: as aiohttp's ``ssl``: a context, True for the default checks, False for none.
        limit: the most connections at the same time; 0: any number.
        headers: sent with every request, beside the User-Agent.
        options: further arguments of `aiohttp.ClientSession`.
    """
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ssl=tls, limit=limit, keepalive_timeout=_KEEP_ALIVE_SECONDS),
        headers={"User-Agent": USER_AGENT, **headers},
        read_bufsize=_READ_BUFFER_BYTES,
        **options,
    )


class AiohttpTransport:
    """A `Transport` by aiohttp. It can use an HTTP proxy, and open a response whose body is still to be read.

    Args:
        session: closed with the transport.
        server: the server's URL, without a slash at the end.
        server_name: the name in its certificate, if that differs from the host.
    """

    def __init__(self, session: aiohttp.ClientSession, server: str, *, server_name: str | None) -> None:
        self._session = session
        self._server = server
        self._server_name = server_name

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None,
        headers: Mapping[str, str],
        body: bytes | None,
    ) -> Response:
        """See `Transport.request`."""
        opened = self.open(method, path, params=params, headers=headers, data=body, allow_redirects=False)
        async with opened as response:
            return Response(response.status, await response.read(), response.headers.get("Retry-After"))

    def open(self, method: str, path: str, **options: Any) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        """Send a request; its response is open until the block ends."""
        url = request_url(self._server, path)
        return self._session.request(method, url, server_hostname=self._server_name, **options)

    async def close(self) -> None:
        """Close the session."""
        await self._session.close()

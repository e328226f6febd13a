"""Requests by aiohttp: through proxies, and with responses that are read as they arrive.

An import of aiohttp takes a third of a second of CPU, so this module is imported when it is needed.
"""

import ssl
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from functools import cache
from typing import Any, Final

import aiohttp

from wfreport.kube.paths import request_url
from wfreport.kube.transport import RESPONSE_MAX_BYTES, USER_AGENT, BodyTail, LongBodyError, Response

_KEEP_ALIVE_SECONDS: Final = 60
_READ_BUFFER_BYTES: Final = 1 << 20


@cache
def system_authorities() -> ssl.SSLContext:
    """Trust the system's authorities. aiohttp's own context does not: it was imported without them (`imports.py`)."""
    return ssl.create_default_context()


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
        connector=aiohttp.TCPConnector(
            ssl=system_authorities() if tls is True else tls, limit=limit, keepalive_timeout=_KEEP_ALIVE_SECONDS
        ),
        headers={"User-Agent": USER_AGENT, **headers},
        read_bufsize=_READ_BUFFER_BYTES,
        **options,
    )


async def read_body(response: aiohttp.ClientResponse) -> bytes:
    """Read a whole body.

    Raises:
        LongBodyError: it is longer than `RESPONSE_MAX_BYTES`.
    """
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > RESPONSE_MAX_BYTES:
            response.close()
            raise LongBodyError
    return bytes(body)


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
            return Response(response.status, await read_body(response), response.headers.get("Retry-After"))

    def open(
        self, method: str, path: str, *, seconds: float | None = None, **options: Any
    ) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        """Send a request; its response is open until the block ends, for ``seconds`` at most."""
        url = request_url(self._server, path)
        if seconds is not None:
            options["timeout"] = aiohttp.ClientTimeout(total=seconds)
        return self._session.request(method, url, server_hostname=self._server_name, **options)

    async def tail(self, response: aiohttp.ClientResponse, keep_bytes: int, max_bytes: int) -> BodyTail:
        """Read a body and return its end; stop after ``max_bytes``."""
        tail, total = bytearray(), 0
        async for chunk in response.content.iter_any():
            total += len(chunk)
            tail += chunk
            if len(tail) > 2 * keep_bytes:
                del tail[:-keep_bytes]
            if total > max_bytes:
                response.close()
                break
        return BodyTail(bytes(tail[-keep_bytes:]), total, reached_end=total <= max_bytes)

    async def close(self) -> None:
        """Close the session."""
        await self._session.close()

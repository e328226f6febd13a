"""Responses that arrive over minutes or hours: watches, and logs that are followed."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from wfreport.kube.client import Client
from wfreport.kube.errors import UnreachableError, error_of
from wfreport.kube.paths import request_url

if TYPE_CHECKING:
    import aiohttp

_REFUSED = 400


@asynccontextmanager
async def open_stream(
    client: Client, path: str, params: Mapping[str, str], *, accept: str = "*/*", idle_seconds: float | None = None
) -> AsyncIterator["aiohttp.StreamReader"]:
    """Open a GET request whose body is read as it arrives.

    The stream has a session of its own: it must not take a place in the pool of the short requests.

    Args:
        client: has the endpoint and the credentials.
        path: from ``/api``.
        params: the query.
        accept: the media type to request.
        idle_seconds: the longest silence before the stream counts as broken; None: no limit.

    Raises:
        ApiError: the server refused the request, or the connection broke inside the block.
    """
    import aiohttp  # noqa: PLC0415 - slow to import

    headers = {"Accept": accept}
    if authorization := await client.authorization():
        headers["Authorization"] = authorization
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=client.timeout_seconds, sock_read=idle_seconds)
    endpoint = client.endpoint
    try:
        async with (
            client.open_session([]) as session,
            session.get(
                request_url(endpoint.server, path),
                params=params,
                headers=headers,
                timeout=timeout,
                server_hostname=endpoint.server_name,
            ) as response,
        ):
            if response.status >= _REFUSED:
                raise error_of(response.status, await response.read(), response.headers.get("Retry-After"))
            yield response.content
    except (aiohttp.ClientError, TimeoutError) as error:
        raise UnreachableError(f"{path}: {type(error).__name__}: {error}"[:300]) from error


async def read_lines(content: "aiohttp.StreamReader", *, max_bytes: int) -> AsyncIterator[bytes]:
    """Split a stream into lines, without their line breaks; stop at a line longer than ``max_bytes``.

    aiohttp's own readline has a limit that is too low for a watch event.
    """
    rest = b""
    async for chunk in content.iter_any():
        *lines, rest = (rest + chunk).split(b"\n")
        if len(rest) > max_bytes:
            return
        for line in lines:
            yield line
    if rest:
        yield rest

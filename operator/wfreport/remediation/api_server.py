"""Resolves the addresses of the API server, which notifications must not reach."""

import asyncio
import socket
from collections.abc import Callable, Collection
from typing import Final
from urllib.parse import urlsplit

_FRESH_SECONDS: Final = 60
_PORTS: Final = {"https": 443, "http": 80}


class ApiServerAddresses:
    """Addresses and port of the API server as the operator connects to it, resolved once a minute if they are used."""

    def __init__(self, server: Callable[[], str], *, clock: Callable[[], float]) -> None:
        """``server`` returns the URL of the API server; ``clock`` is monotonic."""
        self._server = server
        self._clock = clock
        self._resolved: Collection[tuple[str, int]] = ()
        self._resolved_at: float | None = None

    async def resolve(self) -> Collection[tuple[str, int]]:
        """Return the addresses with the port; the latest known ones if DNS does not answer."""
        if self._resolved_at is None or self._clock() - self._resolved_at > _FRESH_SECONDS:
            try:
                self._resolved = await _addresses_of(self._server())
            except OSError:
                return self._resolved
            self._resolved_at = self._clock()
        return self._resolved


async def _addresses_of(server: str) -> Collection[tuple[str, int]]:
    url = urlsplit(server)
    port = url.port or _PORTS[url.scheme]
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(url.hostname, port, type=socket.SOCK_STREAM)
    return sorted({(str(address[4][0]).partition("%")[0], port) for address in found})

"""How a request travels to the API server: the interface of `exchange` and of `aiohttp_transport`.

`exchange` costs less CPU; aiohttp can use proxies and read endless responses, and takes a third of a second to import.
``WFREPORT_HTTP_TRANSPORT`` chooses between them (docs/decisions/0023).
"""

from collections.abc import Mapping
from typing import Final, Literal, Protocol

from msgspec import Struct

HttpTransport = Literal["direct", "aiohttp"]
"""The values of ``WFREPORT_HTTP_TRANSPORT``; an import from the settings would load pydantic-settings into the CLI."""

USER_AGENT: Final = "wfreport"


RESPONSE_MAX_BYTES: Final = 24 << 20
"""The longest body that is read as a whole. A page has fewer objects if they are large; a list that the API server does
not divide into pages, because its cache answers, may have any number of objects of more than a megabyte. All workers of
a namespace may receive such lists at the same time."""


class LongBodyError(Exception):
    """The body of a response is longer than `RESPONSE_MAX_BYTES`."""

    def __init__(self) -> None:
        super().__init__(f"the response is larger than {RESPONSE_MAX_BYTES >> 20} MiB")


class Response(Struct, frozen=True):
    """A complete response.

    Attributes:
        status: the HTTP status.
        body: the bytes, as they were sent.
        retry_after: the Retry-After header, if there was one.
    """

    status: int
    body: bytes
    retry_after: str | None


class BodyTail(Struct, frozen=True):
    """The end of a response's body.

    Attributes:
        text: the last bytes that were read.
        total_bytes: the number of bytes that were read.
        reached_end: whether the body was read to its end, rather than up to the limit.
    """

    text: bytes
    total_bytes: int
    reached_end: bool


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
            LongBodyError: the response is longer than `RESPONSE_MAX_BYTES`.
            aiohttp.ClientError: the same, or a response that is not HTTP.
            ValueError: a header contains a line break.
        """
        ...

    async def close(self) -> None:
        """Close the connections."""
        ...

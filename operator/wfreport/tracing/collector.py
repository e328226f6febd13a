"""The collector: one request for each trace."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final

import aiohttp

from wfreport.kube.aiohttp_transport import open_session
from wfreport.kube.errors import ApiError, ServerError, ThrottledError, UnreachableError
from wfreport.tracing.otlp import CONTENT_TYPE

TIMEOUT_SECONDS: Final = 10
_MAX_ANSWER_BYTES: Final = 64 << 10
_OK: Final = 200
_RETRYABLE: Final = frozenset({429, 502, 503, 504})
"""The statuses after which a request is repeated. Source: https://opentelemetry.io/docs/specs/otlp/#failures-1"""


class Collector:
    """Posts traces to a collector.

    Args:
        session: an open session.
        url: the URL of traces.
    """

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self._url = url

    async def post(self, body: bytes) -> bytes:
        """Post an encoded trace and return the answer.

        Raises:
            ApiError: the collector did not accept it; ``transient`` is true if it may do so later.
        """
        headers = {"Content-Type": CONTENT_TYPE, "Content-Encoding": "gzip"}
        try:
            async with self._session.post(self._url, data=body, headers=headers, allow_redirects=False) as response:
                answer = await response.content.read(_MAX_ANSWER_BYTES)
        except (TimeoutError, aiohttp.ClientError) as error:
            raise UnreachableError(f"the collector cannot be reached: {type(error).__name__}") from error
        if response.status != _OK:
            raise _error(response.status, response.headers.get("Retry-After", ""))
        return answer


def _error(status: int, retry_after: str) -> ApiError:
    message = f"the collector answered {status}"
    if status not in _RETRYABLE:
        return ApiError(message, status=status)
    if retry_after.isdigit():
        return ThrottledError(message, status=status, retry_after_seconds=min(int(retry_after), 3600))
    return ServerError(message, status=status)


@asynccontextmanager
async def connected_collector(url: str, headers: Mapping[str, str]) -> AsyncIterator[Collector | None]:
    """Open a session with the collector; None if no URL is configured."""
    if not url:
        yield None
        return
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
    session = open_session(tls=True, limit=4, headers=headers, timeout=timeout, trust_env=True)
    async with session:
        yield Collector(session, url)

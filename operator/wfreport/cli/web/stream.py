"""The live stream of a page: server-sent events, each with the page's content as it is now.

An event's id is the digest of its content. A browser that reconnects sends it as Last-Event-ID, and receives the
content only if it differs. Changes that come faster than a viewer reads are skipped, never queued.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec
from aiohttp import web

from wfreport.cli.render.live_page import digest_of
from wfreport.cli.web.feeds import SharedFeed

HEARTBEAT_SECONDS: Final = 15.0
STREAM_SECONDS: Final = 60.0
"""Life of a stream. The browser then opens it again, and the API server checks the rights again."""

_WRITE_SECONDS: Final = 20.0
_RETRY_MILLISECONDS: Final = 1000


class LiveStream:
    """The stream of one viewer."""

    def __init__(self, request: web.Request, digest: str, *, interval_seconds: float) -> None:
        self._interval_seconds = interval_seconds
        self._request = request
        self._digest = request.headers.get("Last-Event-ID") or digest
        self.response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "X-Accel-Buffering": "no"})

    @property
    def is_open(self) -> bool:
        """Whether the headers have been sent."""
        return self.response.prepared

    async def open(self) -> None:
        """Send the headers."""
        await self.response.prepare(self._request)
        await self._write(f"retry: {_RETRY_MILLISECONDS}\n\n")

    async def follow(
        self, feed: SharedFeed, state: Callable[[], object], fragment: Callable[[], Awaitable[str]]
    ) -> None:
        """Send the fragment whenever it has changed, until the stream has lived long enough.

        Args:
            feed: whose changes to follow.
            state: returns a value that changes if the fragment may change.
            fragment: renders it.

        Raises:
            ApiError: the reports may not be read any more.
            OSError: the viewer is gone, or does not read.
        """
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + STREAM_SECONDS
        version, rendered = feed.version, object()
        while loop.time() < ends_at:
            current = state()
            if current != rendered:
                rendered = current
                await self._send(await fragment())
                await asyncio.sleep(self._interval_seconds)
            try:
                async with asyncio.timeout(HEARTBEAT_SECONDS):
                    version = await feed.wait_for_change(version)
            except TimeoutError:
                await self._write(": alive\n\n")

    async def report(self, problem: str) -> None:
        """Send a problem; the viewer then shows it and does not reconnect."""
        await self._write(f"event: problem\ndata: {msgspec.json.encode(problem).decode()}\n\n")

    async def _send(self, fragment: str) -> None:
        digest = digest_of(fragment)
        if digest != self._digest:
            self._digest = digest
            # JSON has no line break, which would end the event
            content = msgspec.json.encode(fragment.encode("utf-8", "replace").decode()).decode()
            await self._write(f"event: view\nid: {digest}\ndata: {content}\n\n")

    async def _write(self, text: str) -> None:
        async with asyncio.timeout(_WRITE_SECONDS):
            await self.response.write(text.encode())

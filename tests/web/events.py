"""Reads a live stream as a browser does."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from tests.eventually import eventually_async
from tests.web.conftest import Live


@dataclass
class Stream:
    """The events of a stream so far.

    Attributes:
        events: each as its fields; data is decoded.
        ended: whether the server has closed it.
    """

    events: list[dict[str, Any]] = field(default_factory=list)
    ended: bool = False

    @property
    def views(self) -> list[str]:
        return [event["data"] for event in self.events if event["event"] == "view"]

    @property
    def problems(self) -> list[str]:
        return [event["data"] for event in self.events if event["event"] == "problem"]

    async def shows(self, text: str) -> str:
        """Wait until the present content has a text, and return the content."""
        return await eventually_async(lambda: self.views[-1] if self.views else "", lambda view: text in view)

    async def _read(self, response: aiohttp.ClientResponse) -> None:
        event: dict[str, Any] = {}
        async for raw in response.content:
            name, _, value = raw.decode().rstrip("\n").partition(": ")
            if name:
                event[name] = json.loads(value) if name == "data" else value
            elif "data" in event:
                self.events.append(event)
                event = {}
        self.ended = True


@asynccontextmanager
async def following(live: Live, path: str, **headers: str) -> AsyncIterator[Stream]:
    """Follow the stream of a page."""
    async with live.browser.get(f"{live.base}/events{path}", headers=headers) as response:
        assert response.status == 200, await response.text()
        assert response.content_type == "text/event-stream"
        stream = Stream()
        reader = asyncio.create_task(stream._read(response))
        try:
            yield stream
        finally:
            reader.cancel()

"""The Workflows of the streams' first list, which the first resync compares instead of listing them again."""

import asyncio
from typing import Final

from wfreport.kube.objects import ObjectMeta

PATIENCE_SECONDS: Final = 30
"""Streams that are not connected after this time are not waited for."""


class FirstList:
    """Collects what the streams list first."""

    def __init__(self) -> None:
        self._collected: list[ObjectMeta] | None = []
        self._is_complete = asyncio.Event()

    def collect(self, meta: ObjectMeta) -> bool:
        """Collect a listed Workflow. Return False if the first resync has begun: then it has to be handled at once."""
        if self._collected is None:
            return False
        self._collected.append(meta)
        return True

    def complete(self) -> None:
        """Note that all streams were listed."""
        self._is_complete.set()

    async def take(self) -> list[ObjectMeta] | None:
        """Wait for the list and return it, once; None afterwards, or if the streams are not connected in time."""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await self._is_complete.wait()
        except TimeoutError:
            self._collected = None
        collected, self._collected = self._collected, None
        return collected

"""Polls the running Workflows in batches, within the rate of polls."""

import asyncio
from collections.abc import Awaitable, Callable

from wfreport.cache.running import RunningWorkflows
from wfreport.runtime.requests import ReconcileRequests


class Poller:
    """Requests the reconciles of running Workflows."""

    def __init__(
        self,
        *,
        running: RunningWorkflows,
        requests: ReconcileRequests,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Create a poller; tests replace ``sleep``."""
        self._running = running
        self._requests = requests
        self._sleep = sleep

    async def run(self) -> None:
        """Poll for ever."""
        while True:
            await self._sleep(self._running.policy.batch_seconds)
            self.poll()

    def poll(self) -> None:
        """Request one batch of reconciles."""
        for name in self._running.take_batch(busy=self._requests):
            self._requests.poll(name)

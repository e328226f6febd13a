"""Locks for the hosts of sinks: at most one notification at a time goes to a host."""

import asyncio
from contextlib import AsyncExitStack
from typing import Final

WAIT_SECONDS: Final = 2
"""Time to wait for a host. A worker that waited longer could not send the notifications of other namespaces."""


class HostLocks:
    """A lock for each host that is in use. Waiting deliveries get it in the order of their arrival."""

    def __init__(self) -> None:
        self._locks: dict[str, asyncio.Lock] = {}
        self._users: dict[str, int] = {}

    async def acquire(self, stack: AsyncExitStack, hosts: list[str]) -> bool:
        """Acquire all hosts until ``stack`` is closed. Return False if one of them is in use for too long.

        The hosts have to be sorted, so that two deliveries never wait for each other.
        """
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                for host in hosts:
                    await self._acquire(stack, host)
        except TimeoutError:
            return False
        return True

    async def _acquire(self, stack: AsyncExitStack, host: str) -> None:
        lock = self._locks.setdefault(host, asyncio.Lock())
        self._users[host] = self._users.get(host, 0) + 1
        stack.callback(self._forget, host)
        await lock.acquire()
        stack.callback(lock.release)

    def _forget(self, host: str) -> None:
        self._users[host] -= 1
        if not self._users[host]:
            del self._users[host], self._locks[host]

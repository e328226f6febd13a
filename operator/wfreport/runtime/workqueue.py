"""A queue of keys that the workers of one event loop wait for. Its rules are those of ``keyed_queue``."""

import asyncio
from collections import deque
from collections.abc import Callable

from wfreport.kube.objects import NamespacedName
from wfreport.runtime.keyed_queue import KeyedQueue, Priority, QueueLimits, Request

__all__ = ["Priority", "QueueLimits", "Request", "WorkQueue"]


class WorkQueue:
    """A ``KeyedQueue`` whose keys the workers of one event loop wait for."""

    def __init__(self, limits: QueueLimits, *, clock: Callable[[], float], jitter: Callable[[], float]) -> None:
        self._rules = KeyedQueue(limits, jitter=jitter)
        self._clock = clock
        self._waiters: deque[asyncio.Future[None]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._alarm_at: float | None = None
        self._closed = False

    def __contains__(self, key: NamespacedName) -> bool:
        """Return whether the key waits, is being processed, or will be retried. Other scheduled keys do not count."""
        return key in self._rules

    def is_due_within(self, key: NamespacedName, seconds: float) -> bool:
        """Return whether the key is queued now, or scheduled to be queued within the given number of seconds."""
        return self._rules.is_due_within(key, seconds, self._clock())

    def depth(self, priority: Priority, namespace: str | None = None) -> int:
        """Return the number of waiting keys of a priority, of all namespaces or of one."""
        return self._rules.depth(priority, namespace)

    def oldest_seconds(self, priority: Priority) -> float:
        """Return how long the first key of a priority has waited."""
        return self._rules.oldest_seconds(priority, self._clock())

    def scheduled(self) -> int:
        """Return the number of scheduled keys."""
        return self._rules.scheduled()

    def add(self, key: NamespacedName, priority: Priority, *, min_resource_version: int = 0) -> None:
        """Add a key now."""
        self._rules.add(key, priority, self._clock(), min_resource_version=min_resource_version)
        self._notify()

    def add_after(
        self, key: NamespacedName, seconds: float, priority: Priority, *, min_resource_version: int = 0
    ) -> None:
        """Schedule a key. If it is scheduled already, the earlier time counts."""
        now = self._clock()
        self._rules.add_at(key, now + seconds, priority, now, min_resource_version=min_resource_version)
        self._notify()

    async def get(self) -> Request | None:
        """Wait for the next request; None after shutdown. ``done`` or ``add_rate_limited`` must follow."""
        while not self._closed:
            request = self._rules.get(self._clock())
            self._set_alarm()
            if request:
                if self._rules.has_next():
                    self._wake_one()  # one timer may have made several keys due
                return request
            waiter = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            await waiter
        return None

    def done(self, request: Request) -> None:
        """End a request that succeeded."""
        self._rules.done(request.name, self._clock())
        self._notify()

    def add_rate_limited(
        self, request: Request, *, at_least_seconds: float = 0, backoff_max_seconds: float | None = None
    ) -> float:
        """End a request that failed, and schedule a retry. Return the delay.

        Args:
            request: the request.
            at_least_seconds: minimum delay.
            backoff_max_seconds: maximum delay after repeated failures, instead of the queue's.
        """
        delay = self._rules.add_rate_limited(
            request, self._clock(), at_least_seconds=at_least_seconds, backoff_max_seconds=backoff_max_seconds
        )
        self._notify()
        return delay

    def shut_down(self) -> None:
        """Hand out no more requests: ``get`` returns None."""
        self._closed = True
        if self._timer:
            self._timer.cancel()
        while self._waiters:
            self._wake_one()

    def _notify(self) -> None:
        if self._rules.has_next():
            self._wake_one()
        self._set_alarm()

    def _wake_one(self) -> None:
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return

    def _set_alarm(self) -> None:
        when = self._rules.next_alarm()
        if when == self._alarm_at or self._closed:
            return
        if self._timer:
            self._timer.cancel()
        self._alarm_at = when
        self._timer = (
            None if when is None else asyncio.get_running_loop().call_later(max(0.0, when - self._clock()), self._ring)
        )

    def _ring(self) -> None:
        self._timer = None
        self._alarm_at = None
        self._wake_one()

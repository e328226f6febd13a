"""A queue of keys to reconcile. A key names an object and carries no state of it.

Rules, each with a test:

1. A key waits once, however often it is added, and is processed by one worker at a time. If it is added while it is
   processed, it waits until that has ended.
2. Urgent keys (completions, failures, deletions) go before progress keys (polls). They are never dropped: there are at
   most as many as there are Workflows.
3. The number of waiting progress keys is bounded; further ones are deferred. The number of workers that process them is
   bounded too, so that some workers are free for urgent keys.
4. A key that failed is retried after a delay that doubles, with jitter; success resets it. A key can also be scheduled
   for a time.

``KeyedQueue`` implements the rules, without waiting and without a clock. ``WorkQueue`` lets workers wait for keys.
"""

import asyncio
import heapq
import itertools
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

from wfreport.kube.objects import NamespacedName


class Priority(IntEnum):
    """Order of the keys: lower values go first."""

    URGENT = 0
    PROGRESS = 1


@dataclass(frozen=True, slots=True)
class Request:
    """A key that a worker has to process.

    Attributes:
        name: namespace and name of the object.
        priority: the highest priority at which it was added.
        min_resource_version: the newest known resourceVersion of the object; 0 if unknown.
    """

    name: NamespacedName
    priority: Priority
    min_resource_version: int


@dataclass(frozen=True, slots=True)
class QueueLimits:
    """Bounds of a queue.

    Attributes:
        progress: maximum number of waiting progress keys.
        progress_workers: maximum number of progress keys that are processed concurrently.
        defer_seconds: delay of a progress key above the maximum.
        backoff_min_seconds: delay after the first failure.
        backoff_max_seconds: maximum delay after repeated failures.
    """

    progress: int = 10_000
    progress_workers: int = 1_000
    defer_seconds: float = 10
    backoff_min_seconds: float = 1
    backoff_max_seconds: float = 300


@dataclass(slots=True)
class _QueuedItem:
    priority: Priority
    enqueued_at: float
    min_resource_version: int


class KeyedQueue:
    """The rules of the queue. Every method takes the current time, and none waits."""

    def __init__(self, limits: QueueLimits, *, jitter: Callable[[], float]) -> None:
        """Create an empty queue; ``jitter`` returns a random factor near 1."""
        self._limits = limits
        self._jitter = jitter
        self._waiting: dict[Priority, dict[NamespacedName, _QueuedItem]] = {priority: {} for priority in Priority}
        self._added_while_busy: dict[NamespacedName, _QueuedItem] = {}
        self._busy: dict[NamespacedName, Priority] = {}
        self._scheduled: dict[NamespacedName, tuple[float, _QueuedItem]] = {}
        self._alarms: list[tuple[float, int, NamespacedName]] = []
        self._serial = itertools.count()
        self._failures: dict[NamespacedName, int] = {}

    def __contains__(self, key: NamespacedName) -> bool:
        """Return whether the key waits, is being processed, or will be retried. Other scheduled keys do not count."""
        return key in self._busy or key in self._failures or self._is_waiting(key)

    def depth(self, priority: Priority) -> int:
        """Return the number of waiting keys of a priority."""
        return len(self._waiting[priority])

    def oldest_seconds(self, priority: Priority, now: float) -> float:
        """Return how long the first key of a priority has waited."""
        first = next(iter(self._waiting[priority].values()), None)
        return now - first.enqueued_at if first else 0.0

    def scheduled(self) -> int:
        """Return the number of scheduled keys."""
        return len(self._scheduled)

    def add(self, key: NamespacedName, priority: Priority, now: float, *, min_resource_version: int = 0) -> None:
        """Add a key now."""
        self._enqueue(key, _QueuedItem(priority, now, min_resource_version), now)

    def add_at(
        self, key: NamespacedName, when: float, priority: Priority, now: float, *, min_resource_version: int = 0
    ) -> None:
        """Schedule a key. If it is scheduled already, the earlier time counts."""
        item = _QueuedItem(priority, when, min_resource_version)
        scheduled = self._scheduled.get(key)
        if scheduled:
            item = _merged(scheduled[1], item)
            when = min(when, scheduled[0])
        if when <= now:
            self._scheduled.pop(key, None)
            self._enqueue(key, item, now)
        elif scheduled and when == scheduled[0]:
            self._scheduled[key] = (when, item)
        else:
            self._scheduled[key] = (when, item)
            heapq.heappush(self._alarms, (when, next(self._serial), key))

    def is_due_within(self, key: NamespacedName, seconds: float, now: float) -> bool:
        """Return whether the key is queued now, or scheduled to be queued within the given number of seconds."""
        scheduled = self._scheduled.get(key)
        return self._is_waiting(key) or (scheduled is not None and scheduled[0] <= now + seconds)

    def get(self, now: float) -> Request | None:
        """Return the next request, or None. ``done`` or ``add_rate_limited`` must follow."""
        self._wake(now)
        priority = self._next_priority()
        if priority is None:
            return None
        key = next(iter(self._waiting[priority]))
        item = self._waiting[priority].pop(key)
        self._busy[key] = priority
        scheduled = self._scheduled.pop(key, None)  # this request replaces the scheduled one
        version = max(item.min_resource_version, scheduled[1].min_resource_version if scheduled else 0)
        return Request(key, priority, version)

    def has_next(self) -> bool:
        """Return whether a request is available now, without the scheduled keys that are due."""
        return self._next_priority() is not None

    def done(self, key: NamespacedName, now: float) -> None:
        """End a request that succeeded, and reset the backoff of its key."""
        self._failures.pop(key, None)
        self._release(key, now)

    def add_rate_limited(self, request: Request, now: float, *, at_least_seconds: float = 0) -> float:
        """End a request that failed, and schedule a retry. Return the delay; adding the key meanwhile shortens it."""
        failures = self._failures[request.name] = self._failures.get(request.name, 0) + 1
        limits = self._limits
        backoff = min(limits.backoff_max_seconds, limits.backoff_min_seconds * 2.0 ** min(failures - 1, 20))
        delay = max(at_least_seconds, backoff * self._jitter())
        self._release(request.name, now)
        self.add_at(request.name, now + delay, request.priority, now, min_resource_version=request.min_resource_version)
        return delay

    def next_alarm(self) -> float | None:
        """Return when the next scheduled key is due, or None."""
        while self._alarms:
            when, _, key = self._alarms[0]
            if key in self._scheduled and self._scheduled[key][0] == when:
                return when
            heapq.heappop(self._alarms)
        return None

    def _is_waiting(self, key: NamespacedName) -> bool:
        return any(key in priority for priority in self._waiting.values())

    def _next_priority(self) -> Priority | None:
        if self._waiting[Priority.URGENT]:
            return Priority.URGENT
        if self._waiting[Priority.PROGRESS]:
            busy = sum(1 for priority in self._busy.values() if priority is Priority.PROGRESS)
            return Priority.PROGRESS if busy < self._limits.progress_workers else None
        return None

    def _enqueue(self, key: NamespacedName, item: _QueuedItem, now: float) -> None:
        if key in self._busy:
            added = self._added_while_busy.get(key)
            self._added_while_busy[key] = _merged(added, item) if added else item
            return
        for priority, waiting in self._waiting.items():
            if key not in waiting:
                continue
            merged = _merged(waiting[key], item)
            if merged.priority == priority:
                waiting[key] = merged
                return
            del waiting[key]  # it becomes urgent
            item = merged
            break
        if item.priority is Priority.PROGRESS and len(self._waiting[Priority.PROGRESS]) >= self._limits.progress:
            when = now + self._limits.defer_seconds * self._jitter()
            self.add_at(key, when, item.priority, now, min_resource_version=item.min_resource_version)
            return
        self._waiting[item.priority][key] = item

    def _release(self, key: NamespacedName, now: float) -> None:
        self._busy.pop(key, None)
        added = self._added_while_busy.pop(key, None)
        if added:
            self._enqueue(key, added, now)

    def _wake(self, now: float) -> None:
        """Enqueue the scheduled keys that are due."""
        while (when := self.next_alarm()) is not None and when <= now:
            _, _, key = heapq.heappop(self._alarms)
            _, item = self._scheduled.pop(key)
            self._enqueue(key, item, now)


def _merged(one: _QueuedItem, other: _QueuedItem) -> _QueuedItem:
    return _QueuedItem(
        min(one.priority, other.priority),
        min(one.enqueued_at, other.enqueued_at),
        max(one.min_resource_version, other.min_resource_version),
    )


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

    def depth(self, priority: Priority) -> int:
        """Return the number of waiting keys of a priority."""
        return self._rules.depth(priority)

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

    def add_rate_limited(self, request: Request, *, at_least_seconds: float = 0) -> float:
        """End a request that failed, and schedule a retry. Return the delay."""
        delay = self._rules.add_rate_limited(request, self._clock(), at_least_seconds=at_least_seconds)
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

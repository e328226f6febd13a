"""The queue of keys to look at: a key says where to look, never what was seen.

Rules, each of them a test:

1. A key waits once, however often it is added, and is worked on by one worker at a time. What is added meanwhile
   waits for that to end.
2. Urgent keys (completions, failures, deletions) go before progress looks. An urgent key is never dropped: there are
   no more of them than there are Workflows.
3. Progress looks that wait are bounded. One too many is put off, not lost. Nor may they occupy all workers: a
   completion finds one.
4. A key that failed comes again after a delay that doubles, with jitter; success forgets it. A key can also be asked
   for at a time.

``KeyedQueue`` is the rules, without waiting and without a clock. ``WorkQueue`` lets workers wait for it.
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
    """Who goes first."""

    URGENT = 0
    PROGRESS = 1


@dataclass(frozen=True, slots=True)
class Request:
    """A key that is handed to a worker.

    Attributes:
        key: where to look.
        priority: how urgent it is.
        not_older_than: the newest resourceVersion that is known of it; 0 for none.
    """

    name: NamespacedName
    priority: Priority
    min_resource_version: int


@dataclass(frozen=True, slots=True)
class QueueLimits:
    """Bounds of a queue.

    Attributes:
        progress: how many progress looks may wait.
        progress_workers: how many may be worked on at the same time.
        put_off_seconds: how long one too many is put off.
        backoff_min_seconds: delay after a first failure.
        backoff_max_seconds: delay after many.
    """

    progress: int = 10_000
    progress_workers: int = 1_000
    defer_seconds: float = 10
    backoff_min_seconds: float = 1
    backoff_max_seconds: float = 300


@dataclass(slots=True)
class _QueuedItem:
    priority: Priority
    since: float
    min_resource_version: int


class KeyedQueue:
    """The rules. Every call is given the time; no call waits."""

    def __init__(self, limits: QueueLimits, *, jitter: Callable[[], float]) -> None:
        """Begin empty; ``jitter`` gives a factor around 1."""
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
        """Whether a look is coming anyway: the key waits, is being worked on, or has failed and will be tried again."""
        return key in self._busy or key in self._failures or self._is_waiting(key)

    def depth(self, priority: Priority) -> int:
        """How many keys wait in a priority."""
        return len(self._waiting[priority])

    def oldest_seconds(self, priority: Priority, now: float) -> float:
        """How long the first key of a priority has waited."""
        first = next(iter(self._waiting[priority].values()), None)
        return now - first.since if first else 0.0

    def scheduled(self) -> int:
        """How many keys are asked for later."""
        return len(self._scheduled)

    def add(self, key: NamespacedName, priority: Priority, now: float, *, min_resource_version: int = 0) -> None:
        """Ask for a key now."""
        self._put(key, _QueuedItem(priority, now, min_resource_version), now)

    def add_at(
        self, key: NamespacedName, when: float, priority: Priority, now: float, *, min_resource_version: int = 0
    ) -> None:
        """Ask for a key at a time; of several times the earliest counts."""
        waiting = _QueuedItem(priority, when, min_resource_version)
        known = self._scheduled.get(key)
        if known:
            waiting = _merged(known[1], waiting)
            when = min(when, known[0])
        if when <= now:
            self._scheduled.pop(key, None)
            self._put(key, waiting, now)
        elif known and when == known[0]:
            self._scheduled[key] = (when, waiting)
        else:
            self._scheduled[key] = (when, waiting)
            heapq.heappush(self._alarms, (when, next(self._serial), key))

    def is_due_within(self, key: NamespacedName, seconds: float, now: float) -> bool:
        """Whether the key waits, or was asked for at a time that is at most so far away."""
        later = self._scheduled.get(key)
        return self._is_waiting(key) or (later is not None and later[0] <= now + seconds)

    def get(self, now: float) -> Request | None:
        """The next key to work on; ``done`` or ``retry`` must follow."""
        self._wake(now)
        priority = self._next_priority()
        if priority is None:
            return None
        key = next(iter(self._waiting[priority]))
        waiting = self._waiting[priority].pop(key)
        self._busy[key] = priority
        later = self._scheduled.pop(key, None)  # a look now answers every wish that was made before
        floor = max(waiting.min_resource_version, later[1].min_resource_version if later else 0)
        return Request(key, priority, floor)

    def has_next(self) -> bool:
        """Whether a key can be taken now, alarms aside."""
        return self._next_priority() is not None

    def done(self, key: NamespacedName, now: float) -> None:
        """The key was worked on, and its failures are forgotten."""
        self._failures.pop(key, None)
        self._release(key, now)

    def add_rate_limited(self, request: Request, now: float, *, at_least_seconds: float = 0) -> float:
        """The work failed: the key comes again after the delay that is returned, or as soon as it is asked for anew."""
        failures = self._failures[request.name] = self._failures.get(request.name, 0) + 1
        limits = self._limits
        backoff = min(limits.backoff_max_seconds, limits.backoff_min_seconds * 2.0 ** min(failures - 1, 20))
        delay = max(at_least_seconds, backoff * self._jitter())
        self._release(request.name, now)
        self.add_at(request.name, now + delay, request.priority, now, min_resource_version=request.min_resource_version)
        return delay

    def next_alarm(self) -> float | None:
        """When the next key that was asked for later is due."""
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
            looking = sum(1 for priority in self._busy.values() if priority is Priority.PROGRESS)
            return Priority.PROGRESS if looking < self._limits.progress_workers else None
        return None

    def _put(self, key: NamespacedName, waiting: _QueuedItem, now: float) -> None:
        if key in self._busy:
            known = self._added_while_busy.get(key)
            self._added_while_busy[key] = _merged(known, waiting) if known else waiting
            return
        for priority, waiting_keys in self._waiting.items():
            known = waiting_keys.get(key)
            if known is None:
                continue
            merged = _merged(known, waiting)
            if merged.priority != priority:
                del waiting_keys[key]
                waiting = merged
                break
            waiting_keys[key] = merged
            return
        if waiting.priority is Priority.PROGRESS and len(self._waiting[Priority.PROGRESS]) >= self._limits.progress:
            self.add_at(
                key,
                now + self._limits.defer_seconds * self._jitter(),
                waiting.priority,
                now,
                min_resource_version=waiting.min_resource_version,
            )
            return
        self._waiting[waiting.priority][key] = waiting

    def _release(self, key: NamespacedName, now: float) -> None:
        self._busy.pop(key, None)
        meanwhile = self._added_while_busy.pop(key, None)
        if meanwhile:
            self._put(key, meanwhile, now)

    def _wake(self, now: float) -> None:
        while (when := self.next_alarm()) is not None and when <= now:
            _, _, key = heapq.heappop(self._alarms)
            _, waiting = self._scheduled.pop(key)
            self._put(key, waiting, now)


def _merged(one: _QueuedItem, other: _QueuedItem) -> _QueuedItem:
    return _QueuedItem(
        min(one.priority, other.priority),
        min(one.since, other.since),
        max(one.min_resource_version, other.min_resource_version),
    )


class WorkQueue:
    """A ``KeyedQueue`` that workers of one event loop wait for."""

    def __init__(self, limits: QueueLimits, *, clock: Callable[[], float], jitter: Callable[[], float]) -> None:
        self._rules = KeyedQueue(limits, jitter=jitter)
        self._clock = clock
        self._waiters: deque[asyncio.Future[None]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._alarm_at: float | None = None
        self._closed = False

    def __contains__(self, key: NamespacedName) -> bool:
        """Whether a look is coming anyway: the key waits, is being worked on, or has failed and will be tried again."""
        return key in self._rules

    def is_due_within(self, key: NamespacedName, seconds: float) -> bool:
        """Whether the key waits, or was asked for at a time that is at most so far away."""
        return self._rules.is_due_within(key, seconds, self._clock())

    def depth(self, priority: Priority) -> int:
        """How many keys wait in a priority."""
        return self._rules.depth(priority)

    def oldest_seconds(self, priority: Priority) -> float:
        """How long the first key of a priority has waited."""
        return self._rules.oldest_seconds(priority, self._clock())

    def scheduled(self) -> int:
        """How many keys are asked for later."""
        return self._rules.scheduled()

    def add(self, key: NamespacedName, priority: Priority, *, min_resource_version: int = 0) -> None:
        """Ask for a key now."""
        self._rules.add(key, priority, self._clock(), min_resource_version=min_resource_version)
        self._notify()

    def add_after(
        self, key: NamespacedName, seconds: float, priority: Priority, *, min_resource_version: int = 0
    ) -> None:
        """Ask for a key after a while; of several asked-for times the earliest counts."""
        now = self._clock()
        self._rules.add_at(key, now + seconds, priority, now, min_resource_version=min_resource_version)
        self._notify()

    async def get(self) -> Request | None:
        """Wait for the next key; None when the queue was closed. ``done`` or ``retry`` must follow."""
        while not self._closed:
            request = self._rules.get(self._clock())
            self._set_alarm()
            if request:
                if self._rules.has_next():
                    self._wake_one()  # one alarm may have made several keys due
                return request
            waiter = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            await waiter
        return None

    def done(self, request: Request) -> None:
        """The key was worked on."""
        self._rules.done(request.name, self._clock())
        self._notify()

    def add_rate_limited(self, request: Request, *, at_least_seconds: float = 0) -> float:
        """The work failed: the key comes again after the delay that is returned."""
        delay = self._rules.add_rate_limited(request, self._clock(), at_least_seconds=at_least_seconds)
        self._notify()
        return delay

    def shut_down(self) -> None:
        """Hand out nothing more; workers that wait are let go."""
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

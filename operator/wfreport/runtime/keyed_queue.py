"""A queue of keys to reconcile. A key names an object and carries no state of it.

Rules, each with a test:

1. A key waits once, however often it is added, and is processed by one worker at a time. If it is added while it is
   processed, it waits until that has ended.
2. Urgent keys (completions, failures, deletions) go before progress keys (polls). They are never dropped: there are at
   most as many as there are Workflows. A progress key that has waited for long takes one of several turns, so that it
   is late under a flood of urgent keys but never starves.
3. Namespaces take turns within each priority: between two keys of a namespace, each other namespace that waits gets
   one. A namespace occupies at most ``workers_per_namespace`` workers, so that slow keys of it leave one to the others.
4. The number of waiting progress keys is bounded; further ones are deferred. If the queue is full, the namespace with
   most keys makes room for those that have fewer. The number of workers that process progress keys is bounded too, so
   that some workers are free for urgent keys.
5. A key that failed is retried after a delay that doubles, with jitter; success resets it. A key can also be scheduled
   for a time.

``KeyedQueue`` implements the rules, without waiting and without a clock. ``WorkQueue`` (in ``workqueue``) lets workers
wait for keys.
"""

import heapq
import itertools
from collections import Counter
from collections.abc import Callable
from enum import IntEnum
from typing import Final

from msgspec import Struct

from wfreport.backoff import doubling_delay
from wfreport.kube.objects import NamespacedName
from wfreport.runtime.round_robin import RoundRobin

PROGRESS_TURN: Final = 8
"""Under a flood of urgent keys, every turn of this number is one for progress keys."""

_STALE_ALARMS: Final = 1000
"""Alarms of keys that were scheduled anew which are not worth removing."""


class Priority(IntEnum):
    """Order of the keys: lower values go first."""

    URGENT = 0
    PROGRESS = 1


class Request(Struct, frozen=True):
    """A key that a worker has to process.

    Attributes:
        name: namespace and name of the object.
        priority: the highest priority at which it was added.
        min_resource_version: the newest known resourceVersion of the object; 0 if unknown.
    """

    name: NamespacedName
    priority: Priority
    min_resource_version: int


class QueueLimits(Struct, frozen=True):
    """Bounds of a queue.

    Attributes:
        progress: maximum number of waiting progress keys.
        progress_workers: maximum number of progress keys that are processed concurrently.
        progress_patience_seconds: how long a progress key waits for all urgent keys, before it takes a turn.
        workers_per_namespace: maximum number of keys of one namespace that are processed concurrently.
        defer_seconds: delay of a progress key above the maximum.
        backoff_min_seconds: delay after the first failure.
        backoff_max_seconds: maximum delay after repeated failures.
    """

    progress: int = 10_000
    progress_workers: int = 1_000
    progress_patience_seconds: float = 2
    workers_per_namespace: int = 1_000
    defer_seconds: float = 10
    backoff_min_seconds: float = 1
    backoff_max_seconds: float = 300


class _QueuedItem(Struct):
    priority: Priority
    enqueued_at: float
    min_resource_version: int


class KeyedQueue:
    """The rules of the queue. Every method takes the current time, and none waits."""

    def __init__(self, limits: QueueLimits, *, jitter: Callable[[], float]) -> None:
        """Create an empty queue; ``jitter`` returns a random factor near 1."""
        self._limits = limits
        self._jitter = jitter
        self._waiting: dict[Priority, RoundRobin[_QueuedItem]] = {priority: RoundRobin() for priority in Priority}
        self._added_while_busy: dict[NamespacedName, _QueuedItem] = {}
        self._busy: dict[NamespacedName, Priority] = {}
        self._busy_in: Counter[str] = Counter()
        self._busy_with_progress = 0
        self._urgent_in_row = 0
        self._scheduled: dict[NamespacedName, tuple[float, _QueuedItem]] = {}
        self._alarms: list[tuple[float, int, NamespacedName]] = []
        self._serial = itertools.count()
        self._failures: dict[NamespacedName, int] = {}

    def __contains__(self, key: NamespacedName) -> bool:
        """Return whether the key waits, is being processed, or will be retried. Other scheduled keys do not count."""
        return key in self._busy or key in self._failures or self._is_waiting(key)

    def depth(self, priority: Priority, namespace: str | None = None) -> int:
        """Return the number of waiting keys of a priority, of all namespaces or of one."""
        waiting = self._waiting[priority]
        return len(waiting) if namespace is None else waiting.size_of(namespace)

    def oldest_seconds(self, priority: Priority, now: float) -> float:
        """Return how long the first key of a priority has waited. It takes a step for each namespace that waits."""
        enqueued_at = (item.enqueued_at for item in self._waiting[priority].first_values())
        return max(0.0, now - min(enqueued_at, default=now))

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
            self._set_alarm(key, when)

    def is_due_within(self, key: NamespacedName, seconds: float, now: float) -> bool:
        """Return whether the key is queued now, or scheduled to be queued within the given number of seconds."""
        scheduled = self._scheduled.get(key)
        return self._is_waiting(key) or (scheduled is not None and scheduled[0] <= now + seconds)

    def get(self, now: float) -> Request | None:
        """Return the next request, or None. ``done`` or ``add_rate_limited`` must follow."""
        self._wake(now)
        priority = self._next_priority(now)
        if priority is None:
            return None
        key, item = self._waiting[priority].pop()
        self._occupy(key, priority)
        scheduled = self._scheduled.pop(key, None)  # this request replaces the scheduled one
        version = max(item.min_resource_version, scheduled[1].min_resource_version if scheduled else 0)
        return Request(key, priority, version)

    def has_next(self) -> bool:
        """Return whether a request is available now, without the scheduled keys that are due."""
        return self._has_turn(Priority.URGENT) or self._has_turn(Priority.PROGRESS)

    def done(self, key: NamespacedName, now: float) -> None:
        """End a request that succeeded, and reset the backoff of its key."""
        self._failures.pop(key, None)
        self._release(key, now)

    def add_rate_limited(
        self, request: Request, now: float, *, at_least_seconds: float = 0, backoff_max_seconds: float | None = None
    ) -> float:
        """End a request that failed, and schedule a retry. Return the delay; adding the key meanwhile shortens it."""
        failures = self._failures[request.name] = self._failures.get(request.name, 0) + 1
        limits = self._limits
        longest = limits.backoff_max_seconds if backoff_max_seconds is None else backoff_max_seconds
        backoff = doubling_delay(failures, first_seconds=limits.backoff_min_seconds, max_seconds=longest)
        delay = max(at_least_seconds, backoff * self._jitter())
        self._release(request.name, now)
        self.add_at(request.name, now + delay, request.priority, now, min_resource_version=request.min_resource_version)
        return delay

    def next_alarm(self) -> float | None:
        """Return when the next scheduled key is due, or None."""
        while self._alarms:
            if self._is_current(self._alarms[0]):
                return self._alarms[0][0]
            heapq.heappop(self._alarms)
        return None

    def _set_alarm(self, key: NamespacedName, when: float) -> None:
        """Add an alarm. A key that is scheduled for next week leaves one behind whenever it is processed before."""
        heapq.heappush(self._alarms, (when, next(self._serial), key))
        if len(self._alarms) > 2 * len(self._scheduled) + _STALE_ALARMS:
            current = {alarm[2]: alarm for alarm in self._alarms if self._is_current(alarm)}
            self._alarms = list(current.values())
            heapq.heapify(self._alarms)

    def _is_current(self, alarm: tuple[float, int, NamespacedName]) -> bool:
        when, _, key = alarm
        return key in self._scheduled and self._scheduled[key][0] == when

    def _is_waiting(self, key: NamespacedName) -> bool:
        return any(waiting.get(key) for waiting in self._waiting.values())

    def _has_turn(self, priority: Priority) -> bool:
        if priority is Priority.PROGRESS and self._busy_with_progress >= self._limits.progress_workers:
            return False
        return self._waiting[priority].has_turn()

    def _next_priority(self, now: float) -> Priority | None:
        has_progress = self._has_turn(Priority.PROGRESS)
        if not self._has_turn(Priority.URGENT):
            return Priority.PROGRESS if has_progress else None
        return Priority.PROGRESS if has_progress and self._is_overdue(now) else Priority.URGENT

    def _is_overdue(self, now: float) -> bool:
        """Return whether the first progress key has waited for so many urgent keys that it is its turn."""
        if self._urgent_in_row < PROGRESS_TURN - 1:
            return False
        first = self._waiting[Priority.PROGRESS].peek()
        return first is not None and now - first.enqueued_at >= self._limits.progress_patience_seconds

    def _occupy(self, key: NamespacedName, priority: Priority) -> None:
        """Note that a worker processes the key. Pause its namespace once that occupies all workers that it may."""
        namespace = key[0]
        self._busy[key] = priority
        self._busy_in[namespace] += 1
        is_progress = priority is Priority.PROGRESS
        self._busy_with_progress += is_progress
        self._urgent_in_row = 0 if is_progress else self._urgent_in_row + 1
        if self._busy_in[namespace] == self._limits.workers_per_namespace:
            for waiting in self._waiting.values():
                waiting.pause(namespace)

    def _vacate(self, key: NamespacedName) -> None:
        namespace, priority = key[0], self._busy.pop(key, None)
        if priority is None:
            return
        self._busy_with_progress -= priority is Priority.PROGRESS
        if self._busy_in[namespace] == self._limits.workers_per_namespace:
            for waiting in self._waiting.values():
                waiting.resume(namespace)
        self._busy_in[namespace] -= 1
        if not self._busy_in[namespace]:
            del self._busy_in[namespace]

    def _enqueue(self, key: NamespacedName, item: _QueuedItem, now: float) -> None:
        if key in self._busy:
            added = self._added_while_busy.get(key)
            self._added_while_busy[key] = _merged(added, item) if added else item
            return
        for priority, waiting in self._waiting.items():
            present = waiting.get(key)
            if present is None:
                continue
            item = _merged(present, item)
            if item.priority == priority:
                waiting.put(key, item)
                return
            waiting.remove(key)  # it becomes urgent
            break
        if item.priority is Priority.PROGRESS and not self._make_room(key[0], now):
            self._defer(key, item, now)
            return
        self._waiting[item.priority].put(key, item)

    def _make_room(self, namespace: str, now: float) -> bool:
        """Return whether a progress key of the namespace may wait. If the queue is full, the largest namespace yields.

        It yields only to a namespace that still has fewer keys afterwards, so that they do not displace each other.
        """
        waiting = self._waiting[Priority.PROGRESS]
        if len(waiting) < self._limits.progress:
            return True
        if waiting.size_of(namespace) + 1 >= waiting.largest:
            return False
        self._defer(*waiting.pop_newest_of_largest(), now)
        return len(waiting) < self._limits.progress  # the key that yielded is back if it was due again

    def _defer(self, key: NamespacedName, item: _QueuedItem, now: float) -> None:
        when = now + self._limits.defer_seconds * self._jitter()
        self.add_at(key, when, item.priority, now, min_resource_version=item.min_resource_version)

    def _release(self, key: NamespacedName, now: float) -> None:
        self._vacate(key)
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

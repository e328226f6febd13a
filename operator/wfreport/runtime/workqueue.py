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


class Lane(IntEnum):
    """Who goes first."""

    URGENT = 0
    PROGRESS = 1


@dataclass(frozen=True, slots=True)
class Ticket:
    """A key that is handed to a worker.

    Attributes:
        key: where to look.
        lane: how urgent it is.
        not_older_than: the newest resourceVersion that is known of it; 0 for none.
    """

    key: NamespacedName
    lane: Lane
    not_older_than: int


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
    put_off_seconds: float = 10
    backoff_min_seconds: float = 1
    backoff_max_seconds: float = 300


@dataclass(slots=True)
class _Waiting:
    lane: Lane
    since: float
    not_older_than: int


class KeyedQueue:
    """The rules. Every call is given the time; no call waits."""

    def __init__(self, limits: QueueLimits, *, jitter: Callable[[], float]) -> None:
        """Begin empty; ``jitter`` gives a factor around 1."""
        self._limits = limits
        self._jitter = jitter
        self._lanes: dict[Lane, dict[NamespacedName, _Waiting]] = {lane: {} for lane in Lane}
        self._meanwhile: dict[NamespacedName, _Waiting] = {}
        self._busy: dict[NamespacedName, Lane] = {}
        self._later: dict[NamespacedName, tuple[float, _Waiting]] = {}
        self._alarms: list[tuple[float, int, NamespacedName]] = []
        self._serial = itertools.count()
        self._failures: dict[NamespacedName, int] = {}

    def __contains__(self, key: NamespacedName) -> bool:
        """Whether a look is coming anyway: the key waits, is being worked on, or has failed and will be tried again."""
        return key in self._busy or key in self._failures or self._is_waiting(key)

    def depth(self, lane: Lane) -> int:
        """How many keys wait in a lane."""
        return len(self._lanes[lane])

    def oldest_seconds(self, lane: Lane, now: float) -> float:
        """How long the first key of a lane has waited."""
        first = next(iter(self._lanes[lane].values()), None)
        return now - first.since if first else 0.0

    def later(self) -> int:
        """How many keys are asked for later."""
        return len(self._later)

    def add(self, key: NamespacedName, lane: Lane, now: float, *, not_older_than: int = 0) -> None:
        """Ask for a key now."""
        self._put(key, _Waiting(lane, now, not_older_than), now)

    def add_at(self, key: NamespacedName, when: float, lane: Lane, now: float, *, not_older_than: int = 0) -> None:
        """Ask for a key at a time; of several times the earliest counts."""
        waiting = _Waiting(lane, when, not_older_than)
        known = self._later.get(key)
        if known:
            waiting = _merged(known[1], waiting)
            when = min(when, known[0])
        if when <= now:
            self._later.pop(key, None)
            self._put(key, waiting, now)
        elif known and when == known[0]:
            self._later[key] = (when, waiting)
        else:
            self._later[key] = (when, waiting)
            heapq.heappush(self._alarms, (when, next(self._serial), key))

    def is_due_within(self, key: NamespacedName, seconds: float, now: float) -> bool:
        """Whether the key waits, or was asked for at a time that is at most so far away."""
        later = self._later.get(key)
        return self._is_waiting(key) or (later is not None and later[0] <= now + seconds)

    def take(self, now: float) -> Ticket | None:
        """The next key to work on; ``done`` or ``retry`` must follow."""
        self._wake(now)
        lane = self._next_lane()
        if lane is None:
            return None
        key = next(iter(self._lanes[lane]))
        waiting = self._lanes[lane].pop(key)
        self._busy[key] = lane
        later = self._later.pop(key, None)  # a look now answers every wish that was made before
        floor = max(waiting.not_older_than, later[1].not_older_than if later else 0)
        return Ticket(key, lane, floor)

    def has_next(self) -> bool:
        """Whether a key can be taken now, alarms aside."""
        return self._next_lane() is not None

    def done(self, key: NamespacedName, now: float) -> None:
        """The key was worked on, and its failures are forgotten."""
        self._failures.pop(key, None)
        self._release(key, now)

    def retry(self, ticket: Ticket, now: float, *, at_least_seconds: float = 0) -> float:
        """The work failed: the key comes again after the delay that is returned, or as soon as it is asked for anew."""
        failures = self._failures[ticket.key] = self._failures.get(ticket.key, 0) + 1
        limits = self._limits
        backoff = min(limits.backoff_max_seconds, limits.backoff_min_seconds * 2.0 ** min(failures - 1, 20))
        delay = max(at_least_seconds, backoff * self._jitter())
        self._release(ticket.key, now)
        self.add_at(ticket.key, now + delay, ticket.lane, now, not_older_than=ticket.not_older_than)
        return delay

    def next_alarm(self) -> float | None:
        """When the next key that was asked for later is due."""
        while self._alarms:
            when, _, key = self._alarms[0]
            if key in self._later and self._later[key][0] == when:
                return when
            heapq.heappop(self._alarms)
        return None

    def _is_waiting(self, key: NamespacedName) -> bool:
        return any(key in lane for lane in self._lanes.values())

    def _next_lane(self) -> Lane | None:
        if self._lanes[Lane.URGENT]:
            return Lane.URGENT
        if self._lanes[Lane.PROGRESS]:
            looking = sum(1 for lane in self._busy.values() if lane is Lane.PROGRESS)
            return Lane.PROGRESS if looking < self._limits.progress_workers else None
        return None

    def _put(self, key: NamespacedName, waiting: _Waiting, now: float) -> None:
        if key in self._busy:
            known = self._meanwhile.get(key)
            self._meanwhile[key] = _merged(known, waiting) if known else waiting
            return
        for lane, waiting_keys in self._lanes.items():
            known = waiting_keys.get(key)
            if known is None:
                continue
            merged = _merged(known, waiting)
            if merged.lane != lane:
                del waiting_keys[key]
                waiting = merged
                break
            waiting_keys[key] = merged
            return
        if waiting.lane is Lane.PROGRESS and len(self._lanes[Lane.PROGRESS]) >= self._limits.progress:
            self.add_at(
                key,
                now + self._limits.put_off_seconds * self._jitter(),
                waiting.lane,
                now,
                not_older_than=waiting.not_older_than,
            )
            return
        self._lanes[waiting.lane][key] = waiting

    def _release(self, key: NamespacedName, now: float) -> None:
        self._busy.pop(key, None)
        meanwhile = self._meanwhile.pop(key, None)
        if meanwhile:
            self._put(key, meanwhile, now)

    def _wake(self, now: float) -> None:
        while (when := self.next_alarm()) is not None and when <= now:
            _, _, key = heapq.heappop(self._alarms)
            _, waiting = self._later.pop(key)
            self._put(key, waiting, now)


def _merged(one: _Waiting, other: _Waiting) -> _Waiting:
    return _Waiting(
        min(one.lane, other.lane), min(one.since, other.since), max(one.not_older_than, other.not_older_than)
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

    def depth(self, lane: Lane) -> int:
        """How many keys wait in a lane."""
        return self._rules.depth(lane)

    def oldest_seconds(self, lane: Lane) -> float:
        """How long the first key of a lane has waited."""
        return self._rules.oldest_seconds(lane, self._clock())

    def later(self) -> int:
        """How many keys are asked for later."""
        return self._rules.later()

    def add(self, key: NamespacedName, lane: Lane, *, not_older_than: int = 0) -> None:
        """Ask for a key now."""
        self._rules.add(key, lane, self._clock(), not_older_than=not_older_than)
        self._notify()

    def add_in(self, key: NamespacedName, seconds: float, lane: Lane, *, not_older_than: int = 0) -> None:
        """Ask for a key after a while; of several asked-for times the earliest counts."""
        now = self._clock()
        self._rules.add_at(key, now + seconds, lane, now, not_older_than=not_older_than)
        self._notify()

    async def take(self) -> Ticket | None:
        """Wait for the next key; None when the queue was closed. ``done`` or ``retry`` must follow."""
        while not self._closed:
            ticket = self._rules.take(self._clock())
            self._set_alarm()
            if ticket:
                if self._rules.has_next():
                    self._wake_one()  # one alarm may have made several keys due
                return ticket
            waiter = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            await waiter
        return None

    def done(self, ticket: Ticket) -> None:
        """The key was worked on."""
        self._rules.done(ticket.key, self._clock())
        self._notify()

    def retry(self, ticket: Ticket, *, at_least_seconds: float = 0) -> float:
        """The work failed: the key comes again after the delay that is returned."""
        delay = self._rules.retry(ticket, self._clock(), at_least_seconds=at_least_seconds)
        self._notify()
        return delay

    def close(self) -> None:
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

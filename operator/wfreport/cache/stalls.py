"""Remembers between two reconciles how to recognise runs that hang. Further reconciles can recover all of it."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct, field

from wfreport.cache.evidence import pod_bytes
from wfreport.core.redact.bounds import short_key
from wfreport.core.stall.model import HolderState, Owed, PodsSeen, Suspicion
from wfreport.kube.objects import NamespacedName

Stall = tuple[str, str, str]
"""Reason, namespace and template of a run that hangs."""

SEVERAL: Final = 2
"""This many runs for which something may be owed show that Argo's controller is silent. Those that wait for one lock
count as one: if it is leaked, the controller owes nothing to any of them."""


_JUMP: Final = timedelta(minutes=1)
"""By less than this, two clocks may differ between two polls."""


class StallMemory(Struct):
    """State of a running Workflow.

    Attributes:
        first_seen: when each suspicion was seen first, by its key.
        seen_at: the time of the last look, and the same on the monotonic clock; None before the first one.
        pods: the pods that were read last; None if none were needed yet, or if they were dropped to save memory.
        read_at: when they were read, on the monotonic clock.
        interval_seconds: time until they are read again.
        holders: states of Workflows that hold locks, as read last, by ``<namespace>/<name>``.
        locks_held: the locks that the Workflow holds.
        locks_awaited: the locks that it waits for.
        lock_holds: since when it and its steps have held them, by holder.
    """

    first_seen: dict[tuple[str, str], datetime] = field(default_factory=dict)
    seen_at: tuple[datetime, float] | None = None
    pods: PodsSeen | None = None
    read_at: float | None = None
    interval_seconds: float = 0
    holders: Mapping[str, HolderState] = field(default_factory=dict)
    locks_held: frozenset[str] = frozenset()
    locks_awaited: frozenset[str] = frozenset()
    lock_holds: Mapping[str, datetime] = field(default_factory=dict)

    def see(self, suspicions: Iterable[Suspicion], now: datetime, monotonic: float) -> None:
        """Remember when suspicions were seen first, and forget those that have passed.

        If the clock is set while they are seen, their times are set with it: else they would last for as long.
        """
        before, monotonic_before = self.seen_at or (now, monotonic)
        jump = now - before - timedelta(seconds=monotonic - monotonic_before)
        shift = jump if abs(jump) > _JUMP else timedelta()
        self.first_seen = {
            one.key: self.first_seen[one.key] + shift if one.key in self.first_seen else now for one in suspicions
        }
        self.seen_at = (now, monotonic)


def pods_bytes(pods: PodsSeen) -> int:
    """Return about how much memory pods take."""
    every = (*pods.by_node.values(), *pods.collectors, *((pods.agent,) if pods.agent else ()))
    return sum(map(pod_bytes, every))


class _Debt(Struct, frozen=True):
    """What Argo's controller owes to a run: since when, how certainly, and because of what."""

    since_at: datetime
    is_certain: bool
    cause: str


class ControllerActivity:
    """Tells whether Argo's controller does anything.

    A controller that is down stalls every run at once. That is one finding: it should have done something for runs, and
    has written no Workflow since. One run alone does not prove it, unless its pod has ended.
    """

    def __init__(self, *, grace_seconds: float, is_running: Callable[[NamespacedName], bool]) -> None:
        """Create it; ``is_running`` returns whether a Workflow is known to run."""
        self._grace_seconds = grace_seconds
        self._is_running = is_running
        self._moved_at: datetime | None = None
        self._owed: dict[NamespacedName, _Debt] = {}
        self._was_announced = False
        self._is_silent = False
        self.resumed_at: datetime | None = None

    def record_moved(self, at: datetime) -> None:
        """Record that the controller has written a Workflow."""
        if self._moved_at is None or at > self._moved_at:
            self._moved_at = at

    def record_owed(self, workflow: NamespacedName, suspicions: Iterable[tuple[Suspicion, datetime]]) -> None:
        """Record what the controller owes to a run, and since when."""
        owed = [
            _Debt(since, one.owed is Owed.CERTAINLY, short_key(one.cause) or "/".join(workflow))
            for one, since in suspicions
            if one.owed is not Owed.NO
        ]
        if owed:
            self._owed[workflow] = min(owed, key=lambda debt: (not debt.is_certain, debt.since_at))
        else:
            self._owed.pop(workflow, None)

    def silent_since_at(self, now: datetime) -> datetime | None:
        """Return since when the controller does nothing, although there is something to do; None if it works."""
        if self._moved_at is not None and (now - self._moved_at).total_seconds() < self._grace_seconds:
            overdue = []
        else:
            overdue = [debt for name, debt in tuple(self._owed.items()) if self._is_overdue(name, debt.since_at)]
        is_proof = len({debt.cause for debt in overdue}) >= SEVERAL or any(debt.is_certain for debt in overdue)
        since_at = min(debt.since_at for debt in overdue) if is_proof else None
        if self._is_silent and since_at is None:
            self.resumed_at = now
        self._is_silent = since_at is not None
        self._was_announced = self._was_announced and since_at is not None
        return since_at

    def announce(self) -> bool:
        """Return whether the present silence is yet to be announced, once."""
        first, self._was_announced = not self._was_announced, True
        return first

    def _is_overdue(self, workflow: NamespacedName, since: datetime) -> bool:
        """Return whether the controller has done nothing since, apart from what it was doing just then."""
        if not self._is_running(workflow):
            del self._owed[workflow]
            return False
        return self._moved_at is None or (self._moved_at - since).total_seconds() <= self._grace_seconds / 2


class StalledReports:
    """Number of reports of runs that hang, by reason, namespace and template."""

    def __init__(self) -> None:
        self._counts = Counter[Stall]()
        self._on_change: Callable[[Stall, int], None] = _do_nothing

    def follow(self, on_change: Callable[[Stall, int], None]) -> None:
        """Call ``on_change`` with each change of a number, and with the present numbers now."""
        self._on_change = on_change
        for stall, number in self._counts.items():
            on_change(stall, number)

    def replace(self, before: Stall | None, after: Stall | None) -> None:
        """Count the change of a report."""
        if before == after:
            return
        for stall, change in ((before, -1), (after, 1)):
            if stall:
                self._counts[stall] += change
                if not self._counts[stall]:
                    del self._counts[stall]
                self._on_change(stall, change)


def _do_nothing(_stall: Stall, _change: int) -> None: ...

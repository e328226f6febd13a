"""The running Workflows, which are polled instead of being watched.

Polls are a finite good: their rate is a setting, however many Workflows run (docs/decisions/0022). They are made in
batches, and a batch is shared out as follows:

1. Namespaces take turns, the one that was served least recently first. A thousand running Workflows of one namespace
   therefore never delay the only one of another.
2. Within a namespace, the Workflow whose poll is due first is next. Old ones are due later than young ones, so that
   they wait first if the rate does not suffice for all.
"""

from array import array
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from operator import itemgetter
from typing import Final, Protocol

from msgspec import Struct, field

from wfreport.cache.fair_cache import FairCache
from wfreport.cache.stalls import StallMemory, pods_bytes
from wfreport.core.stall.model import PodsSeen
from wfreport.kube.objects import NamespacedName

AGE_PER_SECOND = 5
"""If the rate does not suffice for all, the poll of a Workflow that has run for N times this number of seconds is due
after N seconds, within the policy's bounds."""

BATCH_SECONDS = 10
"""The longest time between two batches of polls. Polls in a row cost a sixth less CPU than separate ones, because the
processor's caches stay warm (docs/reference/benchmark.md), and one list can serve them all."""

COOLDOWN_FACTOR = 2
"""After a reconcile that took N seconds, the next one is at least 2 N later, so that a slow API server gets less load.
The rate of polls and the number of workers bound the load as well. With 10, a reconcile of three seconds made a report
half a minute old."""

MAX_PODS_BYTES: Final = 48 << 20
"""Memory of the pods that are remembered of running Workflows: about ten thousand ordinary ones."""

MAX_MOVED_LOCKS = 1000
"""Locks of which it is remembered when a run last got them, the newest."""

_EARLY_SHARE = 0.9
"""The share of the time between two batches by which a poll may be early. A Workflow whose first reconcile was between
two batches would otherwise wait for nearly twice the interval."""


class WorkflowNames(Protocol):
    """Names of Workflows."""

    def __contains__(self, workflow: NamespacedName, /) -> bool:
        """Return whether the Workflow is among them."""
        ...


class RunningWorkflow(Struct):
    """State of a running Workflow between two reconciles. Another reconcile can recover all of it.

    Attributes:
        uid: the Workflow's uid.
        version: its newest known resourceVersion; no reconcile reads an older one.
        polled_at: time of the last reconcile, on the monotonic clock.
        ready_at: no poll before this time.
        due_at: the order of polls within a namespace.
        interval_seconds: time between the last two reconciles.
        queried_nodes: hashes of the ids of nodes whose pods have been queried. A pod that was deleted is not queried
            again. As texts, those of one Workflow of 20 kB would take 300 kB.
        stall: what is remembered to tell whether the run hangs.
    """

    uid: str
    version: int
    polled_at: float
    ready_at: float = 0
    due_at: float = 0
    interval_seconds: float = 0
    queried_nodes: "array[int]" = field(default_factory=lambda: array("q"))
    stall: StallMemory = field(default_factory=StallMemory)


class PollPolicy(Struct, frozen=True):
    """How often running Workflows are reconciled.

    Attributes:
        per_second: the most polls a second, of all Workflows together.
        min_seconds: interval of every Workflow while the rate suffices.
        max_seconds: interval that an old Workflow has, at most, before younger ones wait for it.
        coalesce_seconds: minimum time between a reconcile and an extra one for failed pods.
    """

    per_second: float = 3
    min_seconds: float = 10
    max_seconds: float = 60
    coalesce_seconds: float = 10

    @property
    def batch_seconds(self) -> float:
        """Time between two batches of polls."""
        return min(BATCH_SECONDS, self.min_seconds)


class RunningWorkflows:
    """All Workflows that are known to run. After a restart, one reconcile of each fills it again."""

    def __init__(self, policy: PollPolicy, *, clock: Callable[[], float]) -> None:
        self.policy = policy
        self._clock = clock
        self._running: dict[NamespacedName, RunningWorkflow] = {}
        self._holders: dict[str, int] = {}
        self._moved: dict[str, float] = {}
        self._turns: dict[str, int] = {}
        self._turn = 0
        self._pods: FairCache[NamespacedName, int] = FairCache(
            namespace_of=itemgetter(0), max_entries=1_000_000, max_weight=MAX_PODS_BYTES, weight_of=int
        )
        self._allowance = 0.0
        self._allowed_at = clock()

    def __len__(self) -> int:
        """Return the number of running Workflows."""
        return len(self._running)

    def namespaces(self) -> list[str]:
        """Return the namespace of each running Workflow."""
        return [namespace for namespace, _ in self._running]

    def get(self, key: NamespacedName) -> RunningWorkflow | None:
        """Return the state of a running Workflow, or None."""
        return self._running.get(key)

    def locks_held(self, locks: Iterable[str]) -> frozenset[str]:
        """Return those of the locks that running Workflows hold, as far as they have been reconciled."""
        return frozenset(lock for lock in locks if lock in self._holders)

    def seconds_since_locks_moved(self, locks: Iterable[str]) -> dict[str, float]:
        """Return how long ago a run was seen last that no longer waits for a lock, by lock; most are not known.

        A run may get a lock and end between two polls, so that it is never seen to hold it.
        """
        now = self._clock()
        return {lock: now - self._moved[lock] for lock in locks if lock in self._moved}

    def record_locks(
        self, running: RunningWorkflow, held: frozenset[str], awaited: frozenset[str] = frozenset()
    ) -> None:
        """Record the locks that a running Workflow holds and awaits. A question about a lock then costs one step."""
        for lock in running.stall.locks_awaited - awaited:
            self._moved.pop(lock, None)
            self._moved[lock] = self._clock()
        while len(self._moved) > MAX_MOVED_LOCKS:
            del self._moved[next(iter(self._moved))]
        running.stall.locks_awaited = awaited
        before, running.stall.locks_held = running.stall.locks_held, held
        for lock in held - before:
            self._holders[lock] = self._holders.get(lock, 0) + 1
        for lock in before - held:
            self._holders[lock] -= 1
            if not self._holders[lock]:
                del self._holders[lock]

    def remember_pods(self, key: NamespacedName, memory: StallMemory, pods: PodsSeen | None) -> None:
        """Remember the pods of a running Workflow. Beyond the bound, the namespace that has most loses its oldest."""
        memory.pods = pods
        running = self._running.get(key)
        if running is None or running.stall is not memory:
            return
        if pods is None:
            self._pods.remove(key)
            return
        for evicted, _ in self._pods.put(key, pods_bytes(pods)):
            self._running[evicted].stall.pods = None

    def has(self, key: NamespacedName, uid: str) -> bool:
        """Return whether the Workflow with this uid is known to run."""
        running = self._running.get(key)
        return running is not None and running.uid == uid

    def record_poll(self, key: NamespacedName, *, uid: str, version: int, age_seconds: float = 0) -> RunningWorkflow:
        """Record a reconcile that found the Workflow running; ``age_seconds`` is the time since its start."""
        now, policy = self._clock(), self.policy
        running = self._running.get(key)
        if running is None or running.uid != uid:
            self.discard(key)
            running = self._running[key] = RunningWorkflow(uid=uid, version=version, polled_at=now)
        running.version = max(running.version, version)
        running.interval_seconds = now - running.polled_at
        running.polled_at = now
        running.ready_at = now + policy.min_seconds - _EARLY_SHARE * policy.batch_seconds
        running.due_at = now + max(policy.min_seconds, min(policy.max_seconds, age_seconds / AGE_PER_SECOND))
        return running

    def now(self) -> float:
        """Return the time on the monotonic clock."""
        return self._clock()

    def cool_down(self, key: NamespacedName, *, began_at: float) -> None:
        """Delay the next poll by the duration of a reconcile that began at ``began_at``."""
        running, now = self._running.get(key), self._clock()
        if running:
            running.ready_at = max(running.ready_at, now + (now - began_at) * COOLDOWN_FACTOR)

    def take_batch(self, busy: WorkflowNames) -> Sequence[NamespacedName]:
        """Return the Workflows to poll now, as many as the rate allows since the last batch.

        Args:
            busy: those that are being reconciled, or will be anyway.
        """
        limit = self._allowed()
        waiting = self._ready(busy)
        self._turns = {namespace: self._turns.get(namespace, 0) for namespace in waiting}
        order = deque(sorted(waiting, key=lambda namespace: self._turns[namespace]))
        batch: list[NamespacedName] = []
        while order and len(batch) < limit:
            namespace = order.popleft()
            batch.append((namespace, waiting[namespace].pop()))
            self._turn += 1
            self._turns[namespace] = self._turn
            if waiting[namespace]:
                order.append(namespace)
        self._allowance -= len(batch)
        return batch

    def longest_interval_seconds(self) -> float:
        """Return the longest time between two polls of a Workflow, as it is now; 0 if none runs."""
        now = self._clock()
        return max((max(one.interval_seconds, now - one.polled_at) for one in self._running.values()), default=0.0)

    def seconds_until_extra_poll(self, key: NamespacedName) -> float | None:
        """Return the time until a failed pod may cause a reconcile; None if the Workflow is not known to run."""
        running = self._running.get(key)
        if running is None:
            return None
        return max(0.0, running.polled_at + self.policy.coalesce_seconds - self._clock())

    def discard(self, key: NamespacedName) -> None:
        """Forget a Workflow that has completed or was deleted."""
        running = self._running.pop(key, None)
        self._pods.remove(key)
        if running:
            self.record_locks(running, frozenset())

    def _allowed(self) -> int:
        """Return the number of polls that the rate allows now. Polls that the last batch did not use are lost."""
        now, rate = self._clock(), self.policy.per_second
        most = max(1.0, rate * self.policy.batch_seconds)
        self._allowance = min(most, self._allowance + rate * (now - self._allowed_at))
        self._allowed_at = now
        return round(self._allowance)

    def _ready(self, busy: WorkflowNames) -> dict[str, list[str]]:
        """Return the names of the Workflows that may be polled, by namespace, in reverse order."""
        now = self._clock()
        found: dict[str, list[tuple[float, str]]] = {}
        for key, running in self._running.items():
            if running.ready_at <= now and key not in busy:
                found.setdefault(key[0], []).append((running.due_at, key[1]))
        return {namespace: [name for _, name in sorted(due, reverse=True)] for namespace, due in found.items()}


def age_seconds(started_at: datetime | None, now: datetime) -> float:
    """Return the time since a Workflow's start; 0 if it has not started."""
    return (now - started_at).total_seconds() if started_at else 0.0

"""The running Workflows, which are polled on an interval that grows with their age instead of being watched."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from wfreport.kube.objects import NamespacedName

AGE_PER_SECOND = 5
"""A Workflow that has run for N times this number of seconds is polled every N seconds, within the policy's bounds."""

RUNNING_WITHOUT_SHARING = 6
"""Up to this number of running Workflows, each is polled at the minimum interval. More of them share the same total
rate, so that the cost of polling, here and at the API server, does not grow with their number (docs/decisions/0022)."""

ALIGNMENT_SECONDS = 5
"""Polls are aligned to multiples of this time: polls in a row cost a sixth less CPU than separate ones, because the
processor's caches stay warm (docs/reference/benchmark.md)."""

_EARLY_FRACTION = 0.2
"""Fraction of the alignment by which a poll may be early. Otherwise the duration of each poll would postpone the next
one by a whole alignment."""


@dataclass(slots=True)
class RunningWorkflow:
    """State of a running Workflow between two reconciles. Another reconcile can recover all of it.

    Attributes:
        uid: the Workflow's uid.
        version: its newest known resourceVersion; no reconcile reads an older one.
        polled_at: time of the last reconcile, on the monotonic clock.
        queried_nodes: node ids whose pods have been queried. A pod that was deleted is not queried again.
    """

    uid: str
    version: int
    polled_at: float
    queried_nodes: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class PollPolicy:
    """How often running Workflows are reconciled.

    Attributes:
        min_seconds: interval of a young Workflow, if few run.
        max_seconds: interval of an old Workflow, or if many run.
        coalesce_seconds: minimum time between a reconcile and an extra one for failed pods.
    """

    min_seconds: float = 10
    max_seconds: float = 60
    coalesce_seconds: float = 10


class RunningWorkflows:
    """All Workflows that are known to run. After a restart, one reconcile of each fills it again."""

    def __init__(self, policy: PollPolicy, *, clock: Callable[[], float]) -> None:
        self._policy = policy
        self._clock = clock
        self._running: dict[NamespacedName, RunningWorkflow] = {}

    def __len__(self) -> int:
        """Return the number of running Workflows."""
        return len(self._running)

    def get(self, key: NamespacedName) -> RunningWorkflow | None:
        """Return the state of a running Workflow, or None."""
        return self._running.get(key)

    def has(self, key: NamespacedName, uid: str) -> bool:
        """Return whether the Workflow with this uid is known to run."""
        running = self._running.get(key)
        return running is not None and running.uid == uid

    def record_poll(self, key: NamespacedName, *, uid: str, version: int) -> RunningWorkflow:
        """Record a reconcile that found the Workflow running."""
        running = self._running.get(key)
        if running is None or running.uid != uid:
            running = self._running[key] = RunningWorkflow(uid=uid, version=version, polled_at=self._clock())
        running.version = max(running.version, version)
        running.polled_at = self._clock()
        return running

    def next_poll_seconds(self, *, started_at: datetime | None, now: datetime) -> float:
        """Return the time from now until the next poll.

        The interval follows from the Workflow's age and from the number of running Workflows. The poll is then aligned
        with the polls of others, at a slightly later time.
        """
        age_seconds = (now - started_at).total_seconds() if started_at else 0.0
        shared_seconds = self._policy.min_seconds * len(self) / RUNNING_WITHOUT_SHARING
        interval = max(shared_seconds, age_seconds / AGE_PER_SECOND)
        interval = max(self._policy.min_seconds, min(self._policy.max_seconds, interval))
        alignment = min(ALIGNMENT_SECONDS, interval / 2)
        at = self._clock()  # slightly after the time at which the current poll was due
        due = math.ceil((at + interval) / alignment - _EARLY_FRACTION) * alignment
        return due - at

    def seconds_until_extra_poll(self, key: NamespacedName) -> float | None:
        """Return the time until a failed pod may cause a reconcile; None if the Workflow is not known to run."""
        running = self._running.get(key)
        if running is None:
            return None
        return max(0.0, running.polled_at + self._policy.coalesce_seconds - self._clock())

    def discard(self, key: NamespacedName) -> None:
        """Forget a Workflow that has completed or was deleted."""
        self._running.pop(key, None)

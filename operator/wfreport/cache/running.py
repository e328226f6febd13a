"""The running Workflows: they are not streamed, they are looked at on an interval that grows with their age."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from wfreport.kube.objects import NamespacedName

AGE_PER_SECOND = 5
"""A Workflow of N times this is looked at every N seconds, within the bounds."""

SHARED_BY = 6
"""So many running Workflows are looked at as often as the shortest interval says. With more of them each comes round
less often, so that what looks cost, here and at the API server, does not grow with their number (docs/decisions/0022).
"""

TOGETHER_SECONDS = 5
"""Looks are due at multiples of this: several in a row cost a sixth less CPU than each alone, between which the
processor's caches go to others (docs/reference/benchmark.md)."""

_MOMENT = 0.2
"""What part of that a look may come early: else the time that each takes would put the next one off by all of it."""


@dataclass(slots=True)
class RunningWorkflow:
    """What is remembered of a running Workflow between two looks; all of it can be had again by looking.

    Attributes:
        uid: of the Workflow.
        version: its newest resourceVersion that was seen: no look goes back behind it.
        looked_at: when it was looked at last, on the loop's clock.
        sought: nodes whose pods were asked for: a pod that is gone is not asked for again.
    """

    uid: str
    version: int
    polled_at: float
    queried_nodes: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class PollPolicy:
    """How often running Workflows are looked at.

    Attributes:
        min_seconds: while they are young, and few.
        max_seconds: when they are old, or many.
        coalesce_seconds: failures of pods cause one extra look in this time at most.
    """

    min_seconds: float = 10
    max_seconds: float = 60
    coalesce_seconds: float = 10


class RunningWorkflows:
    """Every Workflow that is known to run. It is derived: a restart fills it by one look at each."""

    def __init__(self, pace: PollPolicy, *, clock: Callable[[], float]) -> None:
        self._pace = pace
        self._clock = clock
        self._running: dict[NamespacedName, RunningWorkflow] = {}

    def __len__(self) -> int:
        """How many there are."""
        return len(self._running)

    def get(self, key: NamespacedName) -> RunningWorkflow | None:
        """What is remembered of a running Workflow."""
        return self._running.get(key)

    def has(self, key: NamespacedName, uid: str) -> bool:
        """Whether this very Workflow is known to run."""
        running = self._running.get(key)
        return running is not None and running.uid == uid

    def polled(self, key: NamespacedName, *, uid: str, version: int) -> RunningWorkflow:
        """Note a look that found it running."""
        running = self._running.get(key)
        if running is None or running.uid != uid:
            running = self._running[key] = RunningWorkflow(uid=uid, version=version, polled_at=self._clock())
        running.version = max(running.version, version)
        running.polled_at = self._clock()
        return running

    def next_poll_seconds(self, *, started_at: datetime | None, now: datetime) -> float:
        """How long after a look the next one is due.

        It is made with those of others, a little later than its age, and how many there are, ask for.
        """
        age_seconds = (now - started_at).total_seconds() if started_at else 0.0
        in_turn_seconds = self._pace.min_seconds * len(self) / SHARED_BY
        asked = max(in_turn_seconds, age_seconds / AGE_PER_SECOND)
        wanted = max(self._pace.min_seconds, min(self._pace.max_seconds, asked))
        together = min(TOGETHER_SECONDS, wanted / 2)
        at = self._clock()  # a moment after the time when the look that is over was due
        due = math.ceil((at + wanted) / together - _MOMENT) * together
        return due - at

    def pod_failed(self, key: NamespacedName) -> float | None:
        """A pod failed: how long until the Workflow may be looked at because of it; None if it is not known to run."""
        running = self._running.get(key)
        if running is None:
            return None
        return max(0.0, running.polled_at + self._pace.coalesce_seconds - self._clock())

    def discard(self, key: NamespacedName) -> None:
        """It has ended, or is gone."""
        self._running.pop(key, None)

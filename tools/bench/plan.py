"""Defines the measurements: number and size of Workflows, and the rate of updates."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from bench.workflows import Run

NAMESPACES = ("bench-0", "bench-1", "bench-2")
_ONE_FAILS_OF = 5


@dataclass(frozen=True, slots=True)
class Group:
    """Workflows of one size.

    Attributes:
        name: prefix of their names.
        count: number of Workflows.
        nodes: final number of nodes of each.
        updates: status updates of each; unused for Workflows that exist from the start.
        writes_per_second: rate of creations and updates together.
        active: Workflows running at once.
    """

    name: str
    count: int
    nodes: int
    updates: int = 1
    writes_per_second: float = 1
    active: int = 1

    def runs(self) -> Iterator[Run]:
        """Return the runs; every fifth fails."""
        for number in range(self.count):
            yield Run(
                name=f"{self.name}-{number:05d}",
                namespace=NAMESPACES[number % len(NAMESPACES)],
                nodes=self.nodes,
                updates=self.updates,
                fails=number % _ONE_FAILS_OF == 1,
            )


@dataclass(frozen=True, slots=True)
class Plan:
    """A measurement.

    Attributes:
        name: name in the results.
        present: completed Workflows that exist when the operator starts.
        load: Workflows that run during the measurement.
        idle_seconds: duration of the idle phase.
        quiet_seconds: after this time of near idleness the operator is done.
        patience_seconds: after this time without a new report the missing ones are given up.
    """

    name: str
    present: tuple[Group, ...]
    load: tuple[Group, ...]
    idle_seconds: float = 20
    quiet_seconds: float = 2
    patience_seconds: float = 60


# Under the full CRDs one update costs the API server 50 ms with 25 nodes, 0.3 s with 300: this keeps one core busy.
FULL = Plan(
    name="full",
    present=(Group("old", 1900, 25), Group("old-large", 100, 1000)),
    load=(
        Group("small", 50, 25, updates=25, writes_per_second=10, active=15),
        Group("large", 5, 300, updates=60, writes_per_second=2.4, active=5),
    ),
)
# For the comparison with the Go operators: many small Workflows, few large ones, and thirty that run for two minutes.
MANY_SMALL = Plan(
    name="many-small",
    present=(Group("old", 2000, 20),),
    load=(Group("small", 300, 20, updates=15, writes_per_second=100, active=100),),
    idle_seconds=10,
)
# Two starts with hardly any load: short enough for several rounds, which a cold start needs.
STARTS = replace(MANY_SMALL, name="starts", load=(Group("small", 3, 20, updates=3),), idle_seconds=1)


def _beside_few(name: str, load: Group) -> Plan:
    """Return a plan of one load, with hardly anything there before."""
    return Plan(name=name, present=(Group("old", 5, 20),), load=(load,), idle_seconds=5)


FEW_LARGE = _beside_few("few-large", Group("large", 20, 300, updates=60, writes_per_second=15, active=15))
FIVE_LARGE = _beside_few("five-large", Group("large", 5, 300, updates=60, writes_per_second=3, active=5))
THIRTY = _beside_few("thirty-running", Group("running", 30, 62, updates=60, writes_per_second=15, active=30))
QUICK = Plan(
    name="quick",
    present=(Group("old", 95, 25), Group("old-large", 5, 1000)),
    load=(
        Group("small", 10, 25, updates=25, writes_per_second=10, active=10),
        Group("large", 1, 300, updates=60, writes_per_second=2.4),
    ),
    idle_seconds=5,
)
PLANS = {plan.name: plan for plan in (FULL, QUICK, MANY_SMALL, STARTS, FEW_LARGE, FIVE_LARGE, THIRTY)}

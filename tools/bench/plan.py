"""What is measured: how many Workflows of which size, and how fast they are updated."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bench.workflows import Run

NAMESPACES = ("bench-0", "bench-1", "bench-2")
_ONE_FAILS_OF = 5


@dataclass(frozen=True, slots=True)
class Group:
    """Workflows of one size.

    Attributes:
        name: the beginning of their names.
        count: how many.
        nodes: of each, in the end.
        updates: of the status of each; for Workflows that are there from the start it has no meaning.
        writes_per_second: creations and updates together.
        active: how many run at the same time.
    """

    name: str
    count: int
    nodes: int
    updates: int = 1
    writes_per_second: float = 1
    active: int = 1

    def runs(self) -> Iterator[Run]:
        """Each Workflow's life; every fifth fails."""
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
    """One measurement.

    Attributes:
        name: for the results.
        present: completed Workflows that are there when the operator starts.
        load: Workflows that run while it does.
        idle_seconds: how long nothing happens afterwards.
        quiet_seconds: an operator that did next to nothing for so long has nothing left to do.
        patience_seconds: without a new report for so long, the missing ones are given up.
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
QUICK = Plan(
    name="quick",
    present=(Group("old", 95, 25), Group("old-large", 5, 1000)),
    load=(
        Group("small", 10, 25, updates=25, writes_per_second=10, active=10),
        Group("large", 1, 300, updates=60, writes_per_second=2.4),
    ),
    idle_seconds=5,
)

"""One fault under load: what happens before, during and after it, and the row that it adds to the table."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.load import Load
from tests.faults.world import World, await_policies, growth_problems

from faults.process import Holdings

WARM_UP_SECONDS = 3
HEAD = (
    "| Fault | Runs | Resubmitted | Restarts | Recovery | Memory before and after | Descriptors |\n"
    "| --- | --- | --- | --- | --- | --- | --- |\n"
)


@dataclass(frozen=True, slots=True)
class Row:
    """What was seen of a fault.

    Attributes:
        fault: the fault, in words.
        runs: the number of Workflows that ended.
        resubmitted: the number of them that failed and were resubmitted, each once.
        exits: the exit codes of replicas that ended by themselves and were started again.
        recovery_seconds: the time from the end of the fault until every report and action was right.
        before: what the process held before the fault.
        after: what it held when everything was right.
    """

    fault: str
    runs: int
    resubmitted: int
    exits: tuple[int, ...]
    recovery_seconds: float
    before: Holdings
    after: Holdings

    def __str__(self) -> str:
        memory = f"{self.before.rss_bytes >> 20} → {self.after.rss_bytes >> 20} MiB"
        descriptors = f"{self.before.descriptors} → {self.after.descriptors}"
        cells = (
            self.fault,
            self.runs,
            self.resubmitted,
            len(self.exits),
            f"{self.recovery_seconds:.1f} s",
            memory,
            descriptors,
        )
        return "| " + " | ".join(map(str, cells)) + " |"


@dataclass
class Table:
    """The rows of a session, and the faults that could not be tried here."""

    rows: list[Row] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        rows = HEAD + "\n".join(map(str, self.rows)) if self.rows else ""
        return "\n\n".join(filter(None, [rows, *self.notes]))

    def write(self, path: Path) -> None:
        """Write the table as Markdown."""
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"{self}\n")


def undergo(
    world: World,
    name: str,
    fault: Callable[[], AbstractContextManager[object]],
    *,
    seconds: float,
    warm_up_seconds: float = WARM_UP_SECONDS,
    step: Callable[[], object] = bool,
) -> Row:
    """Put a world through a fault under load, and assert that nothing is wrong, doubled, lost or leaked afterwards.

    Args:
        world: a world without replicas.
        name: the fault, in words.
        fault: returns a context manager that injects the fault.
        seconds: the duration of the fault.
        warm_up_seconds: the time under load before it.
        step: called again and again during the fault.
    """
    if not world.replicas:
        world.start_replica()
    await_policies(world)
    with Load(world.clusters) as load:
        world.run_for(warm_up_seconds)
        before = world.holdings()
        with fault():
            world.run_for(seconds, step)
        load.stop()
        recovery_seconds = world.recover(load)
    after = world.holdings()
    assert world.created_twice() == []
    grown = growth_problems(before, after)
    assert grown == [], grown
    return Row(name, load.created, load.failed, tuple(world.exits), recovery_seconds, before, after)

"""Two replicas under fire: the leader is killed or paused again and again, under load."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import pytest
from tests.faults.experiment import Table, undergo
from tests.faults.replica_faults import LEASE_SECONDS, kill_leader, pause_leader
from tests.faults.world import World, world_of

from controlplane import ControlPlane

pytestmark = pytest.mark.cluster
ROUNDS = 6


@pytest.mark.parametrize(("end", "words"), [(kill_leader, "killed"), (pause_leader, "paused past its Lease")])
def test_two_replicas_under_fire(
    plane: ControlPlane, tmp_path: Path, table: Table, end: Callable[[World], float], words: str
) -> None:
    seconds: list[float] = []
    with world_of(plane, tmp_path, f"replicas-{words.split(maxsplit=1)[0]}", lease_seconds=LEASE_SECONDS) as world:
        world.start_replica()
        world.start_replica()

        def fault() -> AbstractContextManager[None]:
            seconds.extend(end(world) for _ in range(ROUNDS))
            return nullcontext()

        name = f"the leader of two replicas is {words}, {ROUNDS} times (Lease of {LEASE_SECONDS} s)"
        table.rows.append(undergo(world, name, fault, seconds=1))
    table.notes.append(f"Takeover, leader {words}: {', '.join(f'{each:.1f}' for each in sorted(seconds))} s.")

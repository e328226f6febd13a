"""Ends of a leader, and the time until another replica leads."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable

from tests.eventually import eventually
from tests.faults.world import World
from tests.live.operator.harness import RunningOperator

LEASE_SECONDS = 3


def kill_leader(world: World) -> float:
    """Kill the leader, start it again, and return the seconds until another replica led."""
    return _takeover_seconds(world, world.kill)


def pause_leader(world: World) -> float:
    """Stop the leader until another replica leads, and let it continue: it must exit by itself."""

    def pause(leader: RunningOperator) -> None:
        leader.process.send_signal(signal.SIGSTOP)

    leader = _leader(world)
    seconds = _takeover_seconds(world, pause)
    exits = len(world.exits)
    leader.process.send_signal(signal.SIGCONT)

    def has_exited() -> bool:
        world.restart_exited()
        return len(world.exits) > exits

    eventually(has_exited, interval_seconds=0.1)
    assert world.exits[-1] == 1, "it lost its Lease"
    return seconds


def _leader(world: World) -> RunningOperator:
    """Wait until one replica leads and all are ready."""
    leader = eventually(world.leader, interval_seconds=0.1)
    assert leader
    eventually(lambda: all(replica.ready() for replica in world.replicas), interval_seconds=0.1)
    return leader


def _takeover_seconds(world: World, end: Callable[[RunningOperator], object]) -> float:
    leader = _leader(world)
    began = time.monotonic()
    end(leader)
    # the process that replaces a killed one is a candidate as well
    eventually(lambda: any(other.leads() for other in world.replicas if other is not leader), interval_seconds=0.05)
    return time.monotonic() - began

"""Faults of a process that several tests inject."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

from tests.faults.world import World


@contextmanager
def paused(world: World) -> Iterator[None]:
    """Stop the first replica for the block."""
    process = world.replicas[0].process
    process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        process.send_signal(signal.SIGCONT)

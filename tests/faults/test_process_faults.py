"""Faults of the operator's own process and of its clock."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

import pytest
from tests.faults.experiment import Table, undergo
from tests.faults.process_faults import paused
from tests.faults.world import world_of

from controlplane import ControlPlane
from faults.process import holdings_of

pytestmark = pytest.mark.cluster

MEMORY_BYTES = 512 << 20
"""The limit of the shipped Deployment."""

CGROUP = "WFREPORT_FAULTS_CGROUP"
"""Names a folder of the memory controller (cgroup v1 or v2) in which the suite may create a group."""

_CLOCK = """
import datetime as _datetime, pathlib as _pathlib, wfreport.clock as _clock
class _ShiftedClock(_datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return _datetime.datetime.now(tz) + _datetime.timedelta(seconds=float(_pathlib.Path({path!r}).read_text()))
_clock.datetime = _ShiftedClock
"""
_GREEDY = """
import os as _os, pathlib as _pathlib, threading as _threading, time as _time
def _take():
    while _pathlib.Path({path!r}).read_text() != str(_os.getpid()):
        _time.sleep(0.1)
    taken = []
    while True:
        taken.append(b"x" * (16 << 20))
        _time.sleep(0.02)
_threading.Thread(target=_take, daemon=True).start()
"""
"""Takes memory without end in the process that a file names. The one that is started after it takes none."""


@pytest.mark.parametrize("hours", [1, -1])
def test_a_jump_of_the_clock(plane: ControlPlane, tmp_path: Path, table: Table, hours: int) -> None:
    shift = tmp_path / "shift"
    shift.write_text("0")

    @contextmanager
    def jump() -> Iterator[None]:
        shift.write_text(str(3600 * hours))
        yield
        shift.write_text("0")

    with world_of(plane, tmp_path, f"clock-{'ahead' if hours > 0 else 'back'}") as world:
        world.prelude = _CLOCK.format(path=str(shift))
        row = undergo(world, f"the operator's clock jumps {hours:+} h for 10 s", jump, seconds=10)
    table.rows.append(row)


def test_a_pause(plane: ControlPlane, tmp_path: Path, table: Table) -> None:
    with world_of(plane, tmp_path, "pause") as world:
        row = undergo(world, "SIGSTOP for 20 s, longer than the Lease, then SIGCONT", lambda: paused(world), seconds=20)
    table.rows.append(row)


def test_kills(plane: ControlPlane, tmp_path: Path, table: Table) -> None:
    with world_of(plane, tmp_path, "kill", lease_seconds=3) as world:

        def fault() -> AbstractContextManager[None]:
            for _ in range(4):
                world.run_for(2)
                world.kill(world.replicas[0])
            return nullcontext()

        table.rows.append(undergo(world, "kill -9 four times, 2 s apart, then restart", fault, seconds=1))


def test_memory_runs_out(plane: ControlPlane, tmp_path: Path, table: Table) -> None:
    """Kill the process when it holds 512 MiB, as the kernel does; no right to write cgroups is needed."""
    starved = tmp_path / "starved"
    starved.write_text("")
    killed: list[int] = []

    with world_of(plane, tmp_path, "memory", lease_seconds=3) as world:
        world.prelude = _GREEDY.format(path=str(starved))

        def kill_the_greedy() -> None:
            greedy = world.replicas[0]
            if greedy.process.poll() is None and holdings_of(greedy.process.pid).rss_bytes > MEMORY_BYTES:
                killed.append(greedy.process.pid)
                world.kill(greedy)

        def fault() -> AbstractContextManager[None]:
            starved.write_text(str(world.replicas[0].process.pid))
            return nullcontext()

        name = "killed at 512 MiB of memory, then restart"
        row = undergo(world, name, fault, seconds=15, step=kill_the_greedy)
        assert len(killed) == 1
    table.rows.append(row)


def test_the_kernel_kills_it_in_a_cgroup(plane: ControlPlane, tmp_path: Path, table: Table) -> None:
    parent = os.environ.get(CGROUP)
    if not parent:
        table.notes.append(f"Not run: the out-of-memory kill in a cgroup of 512 MiB, because {CGROUP} is not set.")
        pytest.skip(f"{CGROUP} names no folder in which cgroups may be created")
    starved = tmp_path / "starved"
    starved.write_text("")
    with cgroup(Path(parent)) as group, world_of(plane, tmp_path, "cgroup", lease_seconds=3) as world:
        world.prelude = _GREEDY.format(path=str(starved))

        def fault() -> AbstractContextManager[None]:
            (group / "cgroup.procs").write_text(str(world.replicas[0].process.pid))
            starved.write_text(str(world.replicas[0].process.pid))
            return nullcontext()

        row = undergo(world, "out-of-memory kill by the kernel in a cgroup of 512 MiB", fault, seconds=15)
        assert -signal.SIGKILL in row.exits
    table.rows.append(row)


@contextmanager
def cgroup(parent: Path) -> Iterator[Path]:
    """Create a group with a limit of memory, and remove it."""
    group = parent / f"wfreport-{os.getpid()}"
    group.mkdir()
    try:
        limits = [name for name in ("memory.max", "memory.limit_in_bytes") if (group / name).exists()]
        assert limits, f"{parent} is not a folder of the memory controller"
        (group / limits[0]).write_text(str(MEMORY_BYTES))
        yield group
    finally:
        group.rmdir()

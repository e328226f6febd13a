"""Reads CPU and memory of processes from the kernel."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Final

import psutil  # type: ignore[import-untyped]

_GONE = (psutil.NoSuchProcess, psutil.ZombieProcess, FileNotFoundError, ProcessLookupError)
_RESET_PEAK: Final = "5"


class Tree:
    """A process and its children."""

    def __init__(self, pid: int) -> None:
        self._root = psutil.Process(pid)

    def cpu_seconds(self) -> float:
        """Return user and system time of all, including ended children."""
        return sum(_cpu_seconds(process) for process in self._all())

    def peak_rss_bytes(self) -> int:
        """Return the sum of the peaks of resident memory since ``reset_peak``."""
        return sum(_peak_rss_bytes(process.pid) for process in self._all())

    def rss_bytes(self) -> int:
        """Return the current resident memory."""
        return sum(_rss_bytes(process) for process in self._all())

    def reset_peak(self) -> None:
        """Reset the peak. If the kernel does not permit that, the peak is that of the whole lifetime."""
        for process in self._all():
            with suppress(*_GONE, PermissionError):
                Path(f"/proc/{process.pid}/clear_refs").write_text(_RESET_PEAK)

    def _all(self) -> list[psutil.Process]:
        with suppress(*_GONE):
            return [self._root, *self._root.children(recursive=True)]
        return []


def machine_busy_seconds() -> float:
    """Return the busy CPU time of the machine."""
    times = psutil.cpu_times()
    return float(sum(times) - times.idle - times.iowait - times.guest - times.guest_nice)


def _cpu_seconds(process: psutil.Process) -> float:
    with suppress(*_GONE):
        times = process.cpu_times()
        return float(times.user + times.system + times.children_user + times.children_system)
    return 0.0


def _rss_bytes(process: psutil.Process) -> int:
    with suppress(*_GONE):
        return int(process.memory_info().rss)
    return 0


def _peak_rss_bytes(pid: int) -> int:
    with suppress(*_GONE):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0

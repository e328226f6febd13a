"""After a correction of the wall clock, runs that wait for a time of day are decided about again."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from wfreport.remediation.clock_jumps import ClockJumps
from wfreport.runtime.workqueue import Priority

POLICY, RUN = ("ns", "p"), ("ns", "run")


class Policies(list[tuple[str, str]]):
    def namespaces(self) -> list[str]:
        return ["ns"]


@dataclass
class Queue:
    added: list[tuple[str, str]] = field(default_factory=list)

    def add(self, key: tuple[str, str], priority: Priority) -> None:
        assert priority is Priority.PROGRESS
        self.added.append(key)


@dataclass
class Clocks:
    wall: datetime = datetime(2026, 11, 1, tzinfo=UTC)
    monotonic: float = 100.0

    def pass_seconds(self, seconds: float, *, jump_seconds: float = 0) -> None:
        self.monotonic += seconds
        self.wall += timedelta(seconds=seconds + jump_seconds)


@pytest.mark.parametrize(("jump_seconds", "enqueued"), [(0, False), (4, False), (-3600, True), (3600, True)])
def test_a_jump_enqueues_all_runs_and_policies_once(jump_seconds: float, *, enqueued: bool) -> None:
    clocks, runs, policies = Clocks(), Queue(), Queue()
    cache: Any = SimpleNamespace(policies=Policies([POLICY]), runs=SimpleNamespace(reports_in=lambda _: [RUN]))
    queues: Any = SimpleNamespace(runs=runs, policies=policies)
    jumps = ClockJumps(cache, queues, now=lambda: clocks.wall, monotonic=lambda: clocks.monotonic)
    clocks.pass_seconds(300, jump_seconds=jump_seconds)
    jumps.check()
    assert (runs.added, policies.added) == (([RUN], [POLICY]) if enqueued else ([], []))
    clocks.pass_seconds(300)
    jumps.check()
    assert len(runs.added) == enqueued

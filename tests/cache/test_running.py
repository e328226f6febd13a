"""How often running Workflows are looked at."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wfreport.cache.running import PollPolicy, RunningWorkflows

KEY, NOW = ("ns", "a"), datetime(2026, 11, 1, tzinfo=UTC)


class Time:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def active(time: Time | None = None) -> RunningWorkflows:
    return RunningWorkflows(PollPolicy(10, 60, 10), clock=time or Time())


def test_a_young_workflow_is_looked_at_every_10_seconds_and_an_old_one_every_minute() -> None:
    def interval(age_seconds: float) -> float:
        return active().next_poll_seconds(started_at=NOW - timedelta(seconds=age_seconds), now=NOW)

    assert [interval(age) for age in (0, 49, 100, 300, 86400)] == [10, 10, 20, 60, 60]
    assert active().next_poll_seconds(started_at=None, now=NOW) == 10


@given(st.floats(-1e6, 1e9), st.floats(0, 1e6))
def test_the_interval_keeps_its_bounds_whatever_the_clocks_say(age_seconds: float, at: float) -> None:
    time = Time()
    time.now = at
    seconds = active(time).next_poll_seconds(started_at=NOW - timedelta(seconds=age_seconds), now=NOW)
    assert 9 - 1e-6 <= seconds <= 64 + 1e-6


def test_of_many_each_is_looked_at_less_often_so_that_looks_stay_few() -> None:
    running = active()

    def interval(number: int, age_seconds: float = 0) -> float:
        while len(running) < number:
            running.polled(("ns", str(len(running))), uid="u", version=1)
        return running.next_poll_seconds(started_at=NOW - timedelta(seconds=age_seconds), now=NOW)

    assert [interval(number) for number in (1, 6, 12, 24, 36, 300)] == [10, 10, 20, 40, 60, 60]
    assert interval(300, age_seconds=86400) == 60


def test_looks_at_several_workflows_are_due_together() -> None:
    time = Time()
    running, due = active(time), set()
    for time.now in (101.1, 102.5, 103.2, 105.9):
        due.add(round(time.now + running.next_poll_seconds(started_at=NOW, now=NOW), 6))
    assert due == {115.0}


def test_that_a_look_takes_a_moment_does_not_put_the_next_one_off() -> None:
    time = Time()
    time.now = 115.9
    assert active(time).next_poll_seconds(started_at=NOW, now=NOW) == pytest.approx(9.1)


def test_failures_of_pods_are_one_look_per_10_seconds() -> None:
    time = Time()
    running = active(time)
    running.polled(KEY, uid="u", version=1)
    time.now += 4
    assert running.pod_failed(KEY) == 6
    time.now += 20
    assert running.pod_failed(KEY) == 0


def test_a_pod_of_a_workflow_that_is_not_known_to_run_asks_for_nothing() -> None:
    assert active().pod_failed(KEY) is None


def test_no_look_goes_back_in_time() -> None:
    running = active()
    running.polled(KEY, uid="u", version=7)
    assert running.polled(KEY, uid="u", version=5).version == 7


def test_a_namesake_is_another_workflow() -> None:
    running = active()
    running.polled(KEY, uid="u", version=7).queried_nodes.add("node")
    assert not running.has(KEY, "v")
    again = running.polled(KEY, uid="v", version=3)
    assert (again.version, again.queried_nodes, len(running)) == (3, set(), 1)
    running.discard(KEY)
    assert len(running) == 0

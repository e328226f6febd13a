"""How often running Workflows are polled."""

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


def running_workflows(time: Time | None = None) -> RunningWorkflows:
    return RunningWorkflows(PollPolicy(10, 60, 10), clock=time or Time())


def test_a_young_workflow_is_polled_every_10_seconds_and_an_old_one_every_minute() -> None:
    def interval(age_seconds: float) -> float:
        return running_workflows().next_poll_seconds(started_at=NOW - timedelta(seconds=age_seconds), now=NOW)

    assert [interval(age) for age in (0, 49, 100, 300, 86400)] == [10, 10, 20, 60, 60]
    assert running_workflows().next_poll_seconds(started_at=None, now=NOW) == 10


@given(st.floats(-1e6, 1e9), st.floats(0, 1e6))
def test_the_interval_is_bounded_for_any_clocks(age_seconds: float, at: float) -> None:
    time = Time()
    time.now = at
    seconds = running_workflows(time).next_poll_seconds(started_at=NOW - timedelta(seconds=age_seconds), now=NOW)
    assert 9 - 1e-6 <= seconds <= 64 + 1e-6


def test_many_workflows_share_a_rate_of_polls() -> None:
    running = running_workflows()

    def interval(number: int, age_seconds: float = 0) -> float:
        while len(running) < number:
            running.record_poll(("ns", str(len(running))), uid="u", version=1)
        return running.next_poll_seconds(started_at=NOW - timedelta(seconds=age_seconds), now=NOW)

    assert [interval(number) for number in (1, 6, 12, 24, 36, 300)] == [10, 10, 20, 40, 60, 60]
    assert interval(300, age_seconds=86400) == 60


def test_polls_of_several_workflows_are_aligned() -> None:
    time = Time()
    running, due = running_workflows(time), set()
    for time.now in (101.1, 102.5, 103.2, 105.9):
        due.add(round(time.now + running.next_poll_seconds(started_at=NOW, now=NOW), 6))
    assert due == {115.0}


def test_the_duration_of_a_poll_does_not_postpone_the_next_one() -> None:
    time = Time()
    time.now = 115.9
    assert running_workflows(time).next_poll_seconds(started_at=NOW, now=NOW) == pytest.approx(9.1)


def test_failed_pods_cause_one_extra_poll_per_10_seconds() -> None:
    time = Time()
    running = running_workflows(time)
    running.record_poll(KEY, uid="u", version=1)
    time.now += 4
    assert running.seconds_until_extra_poll(KEY) == 6
    time.now += 20
    assert running.seconds_until_extra_poll(KEY) == 0


def test_a_workflow_that_is_not_known_to_run_has_no_extra_poll() -> None:
    assert running_workflows().seconds_until_extra_poll(KEY) is None


def test_the_version_never_decreases() -> None:
    running = running_workflows()
    running.record_poll(KEY, uid="u", version=7)
    assert running.record_poll(KEY, uid="u", version=5).version == 7


def test_a_workflow_of_the_same_name_and_another_uid_replaces_the_first() -> None:
    running = running_workflows()
    running.record_poll(KEY, uid="u", version=7).queried_nodes.add("node")
    assert not running.has(KEY, "v")
    recreated = running.record_poll(KEY, uid="v", version=3)
    assert (recreated.version, recreated.queried_nodes, len(running)) == (3, set(), 1)
    running.discard(KEY)
    assert len(running) == 0

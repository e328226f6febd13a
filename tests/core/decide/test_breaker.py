"""The circuit breaker, computed from runs and trial actions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.builders import at
from tests.core.decide.builders import a_run, an_action, with_outcome

from wfreport.api.action_types import ActionType
from wfreport.api.calendar import LATEST
from wfreport.api.classes import FailureClass
from wfreport.api.policy import CircuitBreaker
from wfreport.api.reasons import PolicyReason
from wfreport.core.decide.breaker import Breaker, BreakerState, judge_breaker
from wfreport.core.decide.model import ExecutionState, PastAction, Run

SPEC = CircuitBreaker(failure_percent_at_most=40, min_runs=10, window_seconds=600, cooldown_seconds=300)


def ended(failed: int, succeeded: int, when: float = 0) -> list[Run]:
    """Return failed and succeeded runs that ended at this second."""
    return [a_run(f"f{n}-{when}", finished_at=at(when)) for n in range(failed)] + [
        a_run(f"s{n}-{when}", finished_at=at(when), phase="Succeeded") for n in range(succeeded)
    ]


def judge(runs: Sequence[Run], now: float, actions: Sequence[PastAction] = ()) -> Breaker:
    return judge_breaker(SPEC, runs, actions, at(now))


@pytest.mark.parametrize(
    ("failed", "succeeded", "state"),
    [
        (0, 0, BreakerState.CLOSED),
        (9, 0, BreakerState.CLOSED),
        (10, 0, BreakerState.OPEN),
        (4, 6, BreakerState.CLOSED),
        (5, 5, BreakerState.OPEN),
        (20, 20, BreakerState.OPEN),
        (16, 24, BreakerState.CLOSED),
        (17, 23, BreakerState.OPEN),
    ],
)
def test_it_opens_above_its_rate_but_not_below_its_minimum_of_runs(
    failed: int, succeeded: int, state: BreakerState
) -> None:
    assert judge(ended(failed, succeeded), 1).state == state


def test_while_open_it_allows_no_action_and_has_a_recheck_time() -> None:
    breaker = judge(ended(20, 20), 1)
    assert not breaker.allows
    assert breaker.reason == PolicyReason.TOO_MANY_FAILURES
    assert breaker.message == "20 of 40 runs failed within 600 seconds, more than 40%"
    assert (breaker.since, breaker.recheck_at) == (at(0), at(900))


def test_while_closed_it_allows_every_action() -> None:
    breaker = judge([], 0)
    assert breaker.allows
    assert (breaker.state, breaker.reason) == (BreakerState.CLOSED, PolicyReason.CLOSED)


def test_future_and_cancelled_runs_do_not_count() -> None:
    assert judge(ended(20, 20, when=10), 9).state == BreakerState.CLOSED
    assert judge(ended(20, 20, when=10), 10).state == BreakerState.OPEN
    stopped = [a_run(f"c{n}", finished_at=at(0), failure_class=FailureClass.CANCELLED) for n in range(20)]
    assert judge(stopped, 1).state == BreakerState.CLOSED
    going = [a_run(f"g{n}", finished_at=None, phase="Running") for n in range(20)]
    assert judge(going, 1).state == BreakerState.CLOSED


def test_it_stays_open_for_the_cooldown_and_then_allows_a_trial() -> None:
    runs = ended(20, 20)
    assert judge(runs, 599).reason == PolicyReason.TOO_MANY_FAILURES
    cooling = judge(runs, 600)
    assert (cooling.state, cooling.reason) == (BreakerState.OPEN, PolicyReason.COOLING_DOWN)
    assert (cooling.message, cooling.recheck_at) == ("the cooldown of 300 seconds has not elapsed", at(900))
    assert (cooling.allows, cooling.since) == (False, at(600))
    assert judge(runs, 899).state == BreakerState.OPEN
    half = judge(runs, 900)
    assert (half.state, half.allows, half.reason) == (BreakerState.HALF_OPEN, True, PolicyReason.HALF_OPEN)
    assert (half.message, half.since) == ("the cooldown has elapsed; one action is tried", at(600))


def test_successes_that_leave_the_window_may_open_it() -> None:
    runs = ended(0, 9, when=0) + ended(6, 5, when=300)
    assert judge(runs, 301).state == BreakerState.CLOSED
    assert judge(runs, 600).state == BreakerState.OPEN


def test_enough_successes_lower_the_rate_before_the_window_ends() -> None:
    runs = ended(10, 5) + ended(0, 20, when=100)
    assert judge(runs, 99).reason == PolicyReason.TOO_MANY_FAILURES
    assert judge(runs, 100).reason == PolicyReason.COOLING_DOWN
    assert judge(runs, 399).state == BreakerState.OPEN
    assert judge(runs, 400).state == BreakerState.HALF_OPEN


def test_a_lasting_excess_is_one_period() -> None:
    runs = ended(20, 20) + ended(20, 20, when=300)
    breaker = judge(runs, 301)
    assert (breaker.since, breaker.message[:5]) == (at(0), "40 of")
    assert judge(runs, 899).state == BreakerState.OPEN
    assert judge(runs, 900).reason == PolicyReason.COOLING_DOWN


def test_two_excesses_are_two_periods() -> None:
    runs = ended(20, 20) + ended(20, 20, when=2000)
    assert judge(runs, 2001).since == at(2000)


def tried(when: float, **fields: Any) -> PastAction:
    return an_action("trial", executed_at=at(when), **fields)


def test_no_other_action_is_allowed_during_a_trial() -> None:
    breaker = judge(ended(20, 20), 950, [tried(900)])
    assert (breaker.state, breaker.allows) == (BreakerState.HALF_OPEN, False)
    assert breaker.message == "waiting for the outcome of the trial trial"
    assert breaker.reason == PolicyReason.HALF_OPEN
    assert breaker.recheck_at == at(1010)
    assert breaker.since == at(600)


def test_a_trial_that_helps_closes_it() -> None:
    helped = with_outcome("trial", helped=True, executed_at=at(900), finished_at=at(1000))
    assert judge(ended(20, 20), 1001, [helped]).state == BreakerState.CLOSED


def test_a_trial_that_does_not_help_starts_another_cooldown() -> None:
    failed = with_outcome("trial", helped=False, executed_at=at(900), finished_at=at(1000))
    again = judge(ended(20, 20), 1299, [failed])
    assert (again.state, again.since, again.recheck_at) == (BreakerState.OPEN, at(1000), at(1300))
    assert judge(ended(20, 20), 1300, [failed]).allows
    early = with_outcome("early", helped=True, executed_at=at(1299), finished_at=at(1299))
    assert not judge(ended(20, 20), 1299, [failed, early]).allows
    second = with_outcome("second", helped=True, executed_at=at(1300), finished_at=at(1400))
    assert judge(ended(20, 20), 1401, [second, failed]).state == BreakerState.CLOSED


def test_the_cooldown_after_a_trial_that_ended_outside_of_time_never_ends() -> None:
    failed = with_outcome("trial", helped=False, executed_at=at(900), finished_at=LATEST)
    again = judge(ended(20, 20), 1299, [failed])
    assert (again.state, again.since, again.recheck_at) == (BreakerState.OPEN, LATEST, LATEST)


def test_a_failed_trial_with_an_unknown_end_counts_from_its_start() -> None:
    failed = an_action("trial", executed_at=at(900), has_helped=False, has_outcome=True)
    assert judge(ended(20, 20), 1199, [failed]).since == at(900)


@pytest.mark.parametrize(
    "action",
    [
        tried(899),
        tried(900, type=ActionType.SUSPEND_CRON),
        tried(900, execution=ExecutionState.NOT_DONE),
        tried(900, execution=ExecutionState.NOT_DONE, has_outcome=True, has_helped=True),
        tried(900, type=ActionType.SUSPEND_CRON, has_outcome=True, has_helped=True),
        tried(900, has_outcome=True),
    ],
    ids=[
        *("before the cooldown's end", "not a chain action", "not done", "not done but with an outcome"),
        *("not a chain action but with an outcome", "without an outcome"),
    ],
)
def test_an_action_without_a_meaningful_outcome_is_no_trial(action: PastAction) -> None:
    breaker = judge(ended(20, 20), 950, [action])
    assert (breaker.state, breaker.allows) == (BreakerState.HALF_OPEN, True)


def test_an_excess_more_than_three_days_ago_is_ignored() -> None:
    days = timedelta(days=3).total_seconds()
    assert judge(ended(20, 20), days - 1).state == BreakerState.HALF_OPEN
    assert judge(ended(20, 20), days).state == BreakerState.CLOSED


@given(
    st.lists(st.tuples(st.integers(0, 2000), st.booleans()), max_size=60),
    st.integers(0, 3000),
    st.lists(st.tuples(st.integers(0, 2000), st.sampled_from([True, False, None])), max_size=4),
)
def test_actions_are_allowed_only_after_a_cooldown_or_a_trial_that_helped(
    ends: list[tuple[int, bool]], now: int, trials: list[tuple[int, bool | None]]
) -> None:
    """Compare with a slow implementation of the same rule: the rate at every second."""
    runs = [
        a_run(f"r{n}", finished_at=at(when), phase="Succeeded" if ok else "Failed") for n, (when, ok) in enumerate(ends)
    ]
    spec = CircuitBreaker(failure_percent_at_most=40, min_runs=3, window_seconds=60, cooldown_seconds=60)
    actions = [
        an_action(
            f"t{n}", executed_at=at(when), has_helped=helped, has_outcome=helped is not None, finished_at=at(when)
        )
        for n, (when, helped) in enumerate(trials)
    ]

    def too_high(second: int) -> bool:
        inside = [ok for when, ok in ends if second - 60 < when <= second]
        return len(inside) >= 3 and inside.count(False) * 100 > 40 * len(inside)

    breaker = judge_breaker(spec, runs, actions, at(now))
    if too_high(now):
        assert breaker.reason == PolicyReason.TOO_MANY_FAILURES
    if any(too_high(second) for second in range(max(0, now - 60), now + 1)):
        assert not breaker.allows or any(action.has_helped for action in actions)
    if not any(too_high(second) for second in range(now + 1)):
        assert breaker.state == BreakerState.CLOSED

"""Attempts of a chain, and the delay before the next one."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.builders import at
from tests.core.decide.builders import END, a_run, with_outcome

from wfreport.api.policy import Backoff
from wfreport.core.decide.chain_limits import actions_on_chain, due_at, next_attempt, used_attempts

RUN = a_run("etl")
STEADY = Backoff(initial_seconds=60, factor="2", max_seconds=600, jitter="0")


def waited(backoff: Backoff | None, attempt: int, delay: int = 0) -> float:
    due = due_at(RUN, backoff, attempt, delay)
    assert due is not None
    return (due - END).total_seconds()


@pytest.mark.parametrize(("attempt", "seconds"), [(1, 60), (2, 120), (3, 240), (4, 480), (5, 600), (1000, 600)])
def test_each_delay_is_longer_up_to_the_maximum(attempt: int, seconds: int) -> None:
    assert waited(STEADY, attempt) == seconds


def test_the_rules_delay_applies_if_it_is_longer() -> None:
    assert waited(STEADY, 1, 61) == 61
    assert waited(STEADY, 1, 59) == 60
    assert waited(None, 1, 5) == 5
    assert waited(None, 1) == 0


def test_a_run_without_an_end_has_no_due_time() -> None:
    assert due_at(a_run(finished_at=None), STEADY, 1, 0) is None


def test_fractions_of_seconds_are_rounded_up() -> None:
    assert waited(Backoff(initial_seconds=3, factor="1.5", max_seconds=99, jitter="0"), 2) == 5


def test_the_jitter_is_specific_to_the_run() -> None:
    jittered = Backoff(initial_seconds=1000, jitter="0.5")
    assert waited(jittered, 1) == 1389
    assert due_at(RUN, jittered, 1, 0) == due_at(RUN, jittered, 1, 0)
    others = {due_at(a_run(str(n)), jittered, 1, 0) for n in range(20)}
    assert len(others) > 10
    assert due_at(a_run("etl", started_at=None), jittered, 1, 0) != due_at(RUN, jittered, 1, 0)
    assert waited(jittered, 2) != 2 * waited(jittered, 1)


@given(
    st.integers(0, 86400),
    st.decimals("1", "9", places=2),
    st.integers(0, 604800),
    st.decimals("0", "1", places=2),
    st.integers(1, 50),
)
def test_the_delay_is_within_its_bounds(
    initial: int, factor: object, longest: int, jitter: object, attempt: int
) -> None:
    backoff = Backoff(initial_seconds=initial, factor=str(factor), max_seconds=longest, jitter=str(jitter))
    assert min(initial, longest) <= waited(backoff, attempt) <= 2 * longest + 1


def test_the_next_attempt_is_above_all_earlier_ones() -> None:
    actions = [with_outcome("a", helped=False, root_uid=RUN.root_uid, attempt=2)]
    assert next_attempt(RUN, actions) == 3
    assert next_attempt(RUN, []) == 1
    assert next_attempt(a_run("r4", attempt=4), actions) == 5


def test_actions_are_in_the_order_of_their_attempts() -> None:
    actions = [with_outcome(str(n), helped=False, root_uid=RUN.root_uid, attempt=n) for n in (3, 1, 2)]
    assert [action.attempt for action in actions_on_chain(RUN, actions)] == [1, 2, 3]


def test_actions_with_deleted_remediations_still_count() -> None:
    third = a_run("r3", attempt=3)
    known = [with_outcome("a", helped=False, attempt=3, counts_toward_limit=False)]
    assert used_attempts(third, known, counts_toward_limit=True) == 2
    assert used_attempts(third, known, counts_toward_limit=False) == 1
    assert used_attempts(a_run("r0"), known, counts_toward_limit=True) == 0


def test_the_delay_starts_at_the_end_of_the_run() -> None:
    assert due_at(RUN, STEADY, 1, 0) == at(60) + timedelta(seconds=60)

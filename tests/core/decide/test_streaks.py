"""Consecutive failures are counted by schedule, not by attempt."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.builders import at
from tests.core.decide.builders import a_run

from wfreport.api.classes import FailureClass
from wfreport.core.decide.model import Run
from wfreport.core.decide.streaks import streak_of


def nightly(number: int, **fields: Any) -> Run:
    """Return the failed run of a CronWorkflow with this number."""
    made: dict[str, Any] = {"cron_workflow": "nightly", "started_at": at(number * 100)}
    return a_run(f"n{number}", **(made | fields))


def length(last: Run, *others: Run) -> int:
    return streak_of(last, others, "CronWorkflow").length


def test_consecutive_failed_runs_are_counted() -> None:
    assert length(nightly(3), nightly(1), nightly(2)) == 3
    assert streak_of(nightly(3), (nightly(1), nightly(2)), "CronWorkflow").root_uids == ("uid-n3", "uid-n2", "uid-n1")


def test_the_run_itself_may_be_among_the_others() -> None:
    assert length(nightly(3), nightly(3), nightly(2)) == 2


def test_a_success_resets_the_count() -> None:
    assert length(nightly(4), nightly(1), nightly(2, phase="Succeeded"), nightly(3)) == 2
    assert length(nightly(4), nightly(3, phase="Succeeded")) == 1


def test_a_later_success_ends_the_streak() -> None:
    assert length(nightly(3), nightly(2), nightly(4, phase="Succeeded")) == 0
    assert length(nightly(3), nightly(2), nightly(4)) == 2


def test_a_cancelled_run_neither_counts_nor_interrupts() -> None:
    assert length(nightly(3), nightly(1), nightly(2, failure_class=FailureClass.CANCELLED)) == 2
    assert length(nightly(3, failure_class=FailureClass.CANCELLED), nightly(2)) == 0


def test_a_run_and_its_resubmissions_count_as_one() -> None:
    resubmitted = nightly(2, uid="r1", root_uid="uid-n1", attempt=1)
    assert length(nightly(3), nightly(1), resubmitted) == 2
    helped = nightly(2, uid="r1", root_uid="uid-n1", attempt=1, phase="Succeeded")
    assert length(nightly(3), nightly(1), helped) == 1


def test_a_chain_that_finally_succeeded_is_no_failure() -> None:
    first = nightly(1)
    assert length(first, nightly(2, uid="r1", root_uid="uid-n1", attempt=1, phase="Succeeded")) == 0


@pytest.mark.parametrize(
    "other",
    [
        nightly(2, cron_workflow="weekly"),
        nightly(2, cron_workflow=None),
        nightly(2, namespace="elsewhere"),
        nightly(2, phase="Running", finished_at=None),
    ],
    ids=["another cron", "no cron", "another namespace", "not over"],
)
def test_other_runs_do_not_count(other: Run) -> None:
    assert length(nightly(3), nightly(1), other) == 2


def test_a_run_without_a_cron_has_no_streak() -> None:
    assert length(a_run("by hand"), nightly(1)) == 0


def test_runs_of_a_template_are_counted_by_the_template() -> None:
    one, other = (a_run(name, template="etl", started_at=at(n)) for n, name in enumerate("ab"))
    assert streak_of(other, (one,), "Template").length == 2
    assert streak_of(other, (a_run("c", template="/etl", started_at=at(-1)),), "Template").length == 1


def test_runs_without_a_start_come_first() -> None:
    assert length(nightly(2), nightly(1, started_at=None, phase="Succeeded")) == 1
    assert length(nightly(1, started_at=None), nightly(2, phase="Succeeded")) == 0


@given(st.lists(st.booleans(), min_size=1, max_size=30))
def test_the_length_equals_the_number_of_trailing_failures(outcomes: list[bool]) -> None:
    """Outcomes are in chronological order; the last one is the run's."""
    runs = [nightly(n, phase="Succeeded" if ok else "Failed") for n, ok in enumerate(outcomes)]
    expected = next((n for n, ok in enumerate(reversed(outcomes)) if ok), len(outcomes))
    assert length(runs[-1], *reversed(runs[:-1])) == expected

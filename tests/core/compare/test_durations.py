"""Slow beside earlier runs, by the published rule, and the steps that explain it."""

from __future__ import annotations

import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.core.compare.runs import a_workflow, run_of

from wfreport.api.comparison import SlowReason
from wfreport.api.report import ReportStatus, Step
from wfreport.core.compare.durations import (
    MIN_RUNS,
    StepDuration,
    describe_baseline,
    is_slow,
    median,
    percentile_95,
    slower_steps,
    step_durations,
)

durations = st.lists(st.integers(0, 10_000), min_size=MIN_RUNS, max_size=20)


@given(st.lists(st.integers(0, 20_000), min_size=1))
def test_the_median_is_that_of_the_standard_library(numbers: list[int]) -> None:
    assert median(numbers) == statistics.median(numbers)


@given(durations, st.integers(0, 20_000))
def test_slow_exceeds_p95_and_three_mad_and_thirty_seconds(earlier: list[int], seconds: int) -> None:
    median = statistics.median(earlier)
    mad = statistics.median(abs(each - median) for each in earlier)
    expected = seconds > percentile_95(earlier) and seconds > median + 3 * mad and seconds >= median + 30
    assert is_slow(seconds, earlier) is expected


@given(durations, st.integers(0, 10_000), st.integers(0, 10_000))
def test_what_is_slow_stays_slow_if_it_takes_longer(earlier: list[int], seconds: int, more: int) -> None:
    assert not is_slow(seconds, earlier) or is_slow(seconds + more, earlier)


@pytest.mark.parametrize(
    ("seconds", "earlier", "expected"),
    [
        (1000, [10] * (MIN_RUNS - 1), False),  # too few runs
        (41, [10] * 5, True),
        (39, [10] * 5, False),  # not 30 seconds longer
        (200, [10, 20, 100, 150, 190], False),  # they vary as much
        (200, [10] * 18 + [300, 300], False),  # below p95
    ],
)
def test_examples_of_slow(seconds: int, earlier: list[int], expected: bool) -> None:
    assert is_slow(seconds, earlier) is expected


@pytest.mark.parametrize(("count", "rank"), [(1, 1), (5, 5), (19, 19), (20, 19)])
def test_the_percentile_is_of_the_nearest_rank(count: int, rank: int) -> None:
    assert percentile_95(list(range(count, 0, -1))) == rank


def test_a_baseline_has_its_number_of_runs() -> None:
    assert describe_baseline([]) is None
    baseline = describe_baseline([10, 20, 40])
    assert baseline is not None
    assert (baseline.runs, baseline.p50_seconds, baseline.p95_seconds) == (3, 20, 40)


def seconds_of(**steps: int) -> dict[tuple[str, str], StepDuration]:
    return step_durations(run_of(a_workflow(seconds=steps)).status)


def test_only_steps_that_explain_a_tenth_of_the_difference_are_listed_most_first() -> None:
    before = {key: [each] for key, each in seconds_of(a=100, b=100, c=100, d=100).items()}
    now = seconds_of(a=200, b=400, c=109, d=90, new=500)
    found = slower_steps(400, now, before)
    assert [(each.display_name, each.seconds, each.baseline_seconds, each.runs) for each in found] == [
        ("b", 400, 100, 1),
        ("a", 200, 100, 1),
    ]
    assert slower_steps(0, now, before) == []


def test_a_step_that_varies_by_seconds_is_not_slower() -> None:
    before = {key: [each] for key, each in seconds_of(a=2, b=100).items()}
    assert slower_steps(10, seconds_of(a=6, b=112), before) == []


def test_items_of_a_loop_are_one_step_with_the_median_of_their_durations() -> None:
    found = seconds_of(**{"day(0:mon)": 10, "day(1:tue)": 30, "day(2:wed)": 20, "other(x)": 5})
    assert {name: each.seconds for (name, _), each in found.items()} == {"day": 20, "other(x)": 5}


def step(name: str, kind: str, begin: int, end: int | None, **fields: object) -> Step:
    at = "2026-01-01T00:{:02}:{:02}Z"
    times = {"startedAt": at.format(*divmod(begin, 60)), "finishedAt": at.format(*divmod(end, 60)) if end else None}
    return Step.model_validate(
        {"displayName": name, "nodeId": name, "type": kind, "phase": "Succeeded", **times, **fields}
    )


def test_attempts_belong_to_their_step_and_explain_it() -> None:
    once = ReportStatus(steps=[step("a", "Retry", 0, 10, children=[1]), step("a(0)", "Pod", 0, 10, queuedSeconds=2)])
    twice = ReportStatus(
        steps=[step("a", "Retry", 0, 60, children=[1, 2, 9]), step("a(0)", "Pod", 0, 10), step("a(1)", "Pod", 50, 60)]
    )
    before = {key: [each] for key, each in step_durations(once).items()}
    assert before == {("a", ""): [StepDuration(10, 2, 1)]}
    assert slower_steps(50, step_durations(twice), before)[0].why is SlowReason.RETRIED


def test_a_step_that_was_queued_for_longer_has_that_as_the_reason() -> None:
    before = {("a", ""): [StepDuration(10)]}
    assert slower_steps(90, {("a", ""): StepDuration(100, 80)}, before)[0].why is SlowReason.QUEUED
    assert slower_steps(90, {("a", ""): StepDuration(100, 20)}, before)[0].why is SlowReason.RAN


def test_steps_that_have_not_ended_and_groups_have_no_duration() -> None:
    assert step_durations(ReportStatus(steps=[step("a", "Pod", 0, None), step("g", "DAG", 0, 9)])) == {}
    assert step_durations(ReportStatus()) == {}

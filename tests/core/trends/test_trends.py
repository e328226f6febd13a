"""Trends over many runs, by the published formulas."""

from __future__ import annotations

import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.core.trends.runs import a_run, a_step, history

from wfreport.core.trends.model import DurationChange, Durations
from wfreport.core.trends.trends import compute_trends, describe_durations, describe_recovery

HOUR = 3600


def test_no_runs_have_no_figures() -> None:
    trends = compute_trends([])
    assert (trends.runs, trends.success.rate, trends.first_ended_at, trends.origins) == (0, None, None, ())


def test_success_is_of_runs_that_ended() -> None:
    running = a_run(9, observedWorkflow={"uid": "u", "phase": "Running", "startedAt": "2026-11-01T00:00:00Z"})
    trends = compute_trends([*history("ssfs"), running])
    assert (trends.runs, trends.running, trends.success.succeeded, trends.success.rate) == (4, 1, 3, 0.75)
    assert (trends.origins[0].origin, trends.origins[0].running) == ("CronWorkflow/etl", 1)


def test_several_reports_about_one_run_count_once() -> None:
    assert compute_trends([a_run(1), a_run(1)]).runs == 1


def test_origins_are_apart_by_namespace_and_ordered_by_their_runs() -> None:
    runs = [*history("ss"), *history("sss", cron="ml"), *history("ss", namespace="other")]
    found = [(each.namespace, each.origin, each.success.runs) for each in compute_trends(runs).origins]
    assert found == [("data", "CronWorkflow/ml", 3), ("data", "CronWorkflow/etl", 2), ("other", "CronWorkflow/etl", 2)]


class TestDurations:
    def test_percentiles_are_the_median_and_the_nearest_rank(self) -> None:
        seconds = [10, 20, 30, 40]
        assert describe_durations(seconds) == Durations(4, 25, 40)
        assert describe_durations(list(range(1, 101))).p95_seconds == 95

    def test_no_successful_run_has_no_percentile(self) -> None:
        assert describe_durations([]) == Durations(0)
        assert compute_trends(history("f")).origins[0].duration == Durations(0)

    def test_a_change_is_that_of_the_median_from_the_earlier_to_the_later_half(self) -> None:
        change = describe_durations([60] * 5 + [90] * 6).change
        assert change == DurationChange(5, 60, 6, 90, 30, 1.5)

    def test_too_few_runs_have_no_change(self) -> None:
        assert describe_durations([60] * 4 + [90] * 5).change is None

    def test_a_change_from_nothing_has_no_ratio(self) -> None:
        change = describe_durations([0] * 5 + [9] * 5).change
        assert change is not None
        assert (change.seconds, change.ratio) == (9, None)

    def test_failed_runs_do_not_count(self) -> None:
        assert compute_trends([a_run(1, seconds=10), a_run(2, seconds=500, failed="ExitCode")]).origins[
            0
        ].duration == Durations(1, 10, 10)


class TestRecovery:
    @pytest.mark.parametrize(
        ("pattern", "recoveries", "p50", "longest", "is_failing"),
        [
            ("sss", 0, None, None, False),
            ("sfs", 1, HOUR, HOUR, False),
            ("sfffs", 1, 3 * HOUR, 3 * HOUR, False),
            ("fsffsff", 2, round(1.5 * HOUR), 2 * HOUR, True),
        ],
    )
    def test_it_lasts_from_the_first_failure_to_the_next_success(
        self, pattern: str, recoveries: int, p50: int | None, longest: int | None, is_failing: bool
    ) -> None:
        found = compute_trends(history(pattern)).origins[0].recovery
        assert (found.recoveries, found.p50_seconds, found.max_seconds) == (recoveries, p50, longest)
        assert (found.failing_since is not None) is is_failing

    def test_runs_that_go_on_are_skipped(self) -> None:
        running = a_run(1, observedWorkflow={"phase": "Running"})
        assert describe_recovery([running]).recoveries == 0


class TestWaste:
    def test_each_part_has_the_number_of_its_runs(self) -> None:
        retried = a_run(1, timing={"durationSeconds": 60, "retries": {"seconds": 40}})
        unknown = a_run(2, timing=None)
        waste = compute_trends([retried, unknown, a_run(3)]).origins[0].waste
        assert (waste.failed_attempts_seconds, waste.failed_attempts_runs) == (40, 2)
        assert (waste.queued_seconds, waste.queued_runs) == (2, 1)
        assert (waste.redone_steps_seconds, waste.redone_steps_runs) == (0, 0)
        assert (waste.seconds, waste.runs) == (42, 2)

    def test_steps_that_had_succeeded_and_ran_again_are_redone(self) -> None:
        failed = a_run(1, failed="ExitCode", steps=[a_step("a", 100), a_step("b", 5, phase="Failed")])
        again = a_run(2, workflowSource={"resubmittedFrom": "etl-1"}, steps=[a_step("a", 110), a_step("b", 7)])
        other = a_run(3, workflowSource={"resubmittedFrom": "gone"}, steps=[a_step("a", 110)])
        waste = compute_trends([failed, again, other]).origins
        redone = {(each.waste.redone_steps_seconds, each.waste.redone_steps_runs) for each in waste}
        assert redone == {(0, 0), (110, 1)}

    def test_memoized_steps_are_not(self) -> None:
        failed = a_run(1, failed="ExitCode", steps=[a_step("a", 100)])
        again = a_run(2, workflowSource={"resubmittedFrom": "etl-1"}, steps=[a_step("a", 0, type="Skipped")])
        waste = compute_trends([failed, again]).origins
        assert sum(each.waste.redone_steps_seconds for each in waste) == 0


PATTERNS = st.text("sfi", min_size=1, max_size=30)


@given(pattern=PATTERNS, data=st.data())
def test_the_order_of_the_reports_does_not_matter(pattern: str, data: st.DataObject) -> None:
    runs = history(pattern)
    assert compute_trends(data.draw(st.permutations(runs))) == compute_trends(runs)


@given(pattern=PATTERNS)
def test_figures_agree_with_a_plain_count(pattern: str) -> None:
    trends = compute_trends(history(pattern))
    assert trends.success.succeeded == pattern.count("s")
    groups = [len(group) for group in pattern.replace("i", "f").split("s")[:-1] if group]
    recovery = trends.origins[0].recovery
    assert recovery.recoveries == len(groups)
    assert recovery.p50_seconds == (round(statistics.median(groups) * HOUR) if groups else None)
    assert sum(each.runs for each in trends.fingerprints) == len(pattern) - pattern.count("s")


def test_runs_without_an_end_do_not_break_the_order() -> None:
    unfinished = [a_run(number, observedWorkflow={"uid": f"u{number}", "phase": "Pending"}) for number in range(3)]
    assert compute_trends(unfinished).running == 3

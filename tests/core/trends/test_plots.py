"""Plots of trends: each run is in its place, and a plot has a bounded number of marks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.examples import examples

from wfreport.core.trends.facts import RunFacts
from wfreport.core.trends.plots import HEIGHT, MAX_DAYS, MAX_POINTS, WIDTH, plot_days, plot_durations

START = datetime(2026, 5, 1, 12, tzinfo=UTC)


def a_run(
    hours: float | None = 0, *, seconds: int | None = 60, succeeded: bool = True, origin: str = "CronWorkflow/etl"
) -> RunFacts:
    ended = None if hours is None else START + timedelta(hours=hours)
    return RunFacts("team-a", "run", "u", origin, finished_at=ended, has_succeeded=succeeded, seconds=seconds)


def test_a_day_has_a_bar_of_its_successes_with_its_failures_above() -> None:
    first, second, third = plot_days([a_run(0), a_run(1), a_run(2, succeeded=False), a_run(48), a_run(None)])
    assert (first.succeeded, first.failed, second.succeeded, third.succeeded) == (2, 1, 0, 1)
    assert first.succeeded_height == HEIGHT * 2 / 3
    assert first.failed_height == HEIGHT / 3
    assert (second.succeeded_height, second.failed_height) == (0, 0)
    assert first.x < second.x < third.x


def test_no_run_has_ended() -> None:
    assert plot_days([a_run(None)]) == ()
    assert plot_durations([a_run(None), a_run(seconds=None)], "team-a", "CronWorkflow/etl") is None


def test_only_the_last_days_are_on_the_plot() -> None:
    bars = plot_days([a_run(24 * day) for day in range(3 * MAX_DAYS)])
    assert len(bars) == MAX_DAYS
    assert bars[-1].day == (START + timedelta(days=3 * MAX_DAYS - 1)).date()


def test_durations_are_those_of_the_origin_in_the_order_of_their_ends() -> None:
    runs = [a_run(4, seconds=100), a_run(0, seconds=50, succeeded=False), a_run(2, origin="CronWorkflow/other")]
    plot = plot_durations(runs, "team-a", "CronWorkflow/etl")
    assert plot is not None
    assert [(point.x, point.y, point.has_succeeded) for point in plot.points] == [
        (0, HEIGHT / 2, False),
        (WIDTH, 0, True),
    ]
    assert (plot.max_seconds, plot.height_of(25), plot.height_of(None)) == (100, HEIGHT * 3 / 4, None)
    assert plot_durations(runs, "team-b", "CronWorkflow/etl") is None


@given(st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 10**9), st.booleans()), min_size=1, max_size=400))
@settings(max_examples=examples(100))
def test_every_mark_lies_within_its_plot(drawn: list[tuple[int, int, bool]]) -> None:
    runs = [a_run(hours, seconds=seconds, succeeded=succeeded) for hours, seconds, succeeded in drawn]
    plot = plot_durations(runs, "team-a", "CronWorkflow/etl")
    assert plot is not None
    assert len(plot.points) == min(len(runs), MAX_POINTS)
    assert all(0 <= point.x <= WIDTH and 0 <= point.y <= HEIGHT for point in plot.points)
    bars = plot_days(runs)
    assert len(bars) <= MAX_DAYS
    assert all(bar.x >= 0 and bar.x + bar.width <= WIDTH + 1 for bar in bars)
    assert all(bar.succeeded_height + bar.failed_height <= HEIGHT + 0.1 for bar in bars)

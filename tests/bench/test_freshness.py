"""How old the reports of running Workflows are."""

from __future__ import annotations

from bench.freshness import State, failure_ages_seconds, progress_ages_seconds, state_of

KEY = ("ns", "a")


def test_a_change_is_as_old_as_the_first_report_that_shows_it_or_a_later_one() -> None:
    written = {KEY: [State(0, 0, 2), State(1, 0, 4), State(2, 1, 6), State(20, 1, 8)]}
    shown = {KEY: [State(0.5, 0, 2), State(10, 1, 6), State(11, 0, 4)]}
    assert progress_ages_seconds(written, shown) == [0.5, 8, 9]
    assert failure_ages_seconds(written, shown) == [8]


def test_a_workflow_without_a_report_has_no_ages() -> None:
    assert progress_ages_seconds({KEY: [State(0, 1, 1)]}, {}) == []


def test_nodes_and_ended_nodes_are_steps() -> None:
    nodes = {"a": {"phase": "Running"}, "b": {"phase": "Succeeded"}, "c": {"phase": "Failed"}}
    assert state_of({"status": {"nodes": nodes}}, 7) == State(7, 1, 5)
    assert state_of({}, 7) == State(7, 0, 0)

"""A run that goes on and takes longer than earlier ones: told once, with the steps that do."""

from __future__ import annotations

import json
import statistics
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.builders import a_report
from tests.core.compare.runs import a_workflow

from wfreport.api.report import ReportStatus, StepWarning
from wfreport.core.compare.comparison import KnownRuns
from wfreport.core.compare.durations import EarlierDurations, StepDuration, percentile_95
from wfreport.core.compare.late import late_run
from wfreport.core.compare.origin import RunOutcome
from wfreport.core.record.report_events import events_of_write
from wfreport.core.snapshot.decode import decode_workflow

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
LONG_AGO = datetime(2025, 12, 1, tzinfo=UTC)


def known_runs(*seconds: int, step: tuple[int, ...] = ()) -> KnownRuns:
    outcomes = [RunOutcome("Workflow/wf", LONG_AGO, each, has_succeeded=True) for each in seconds]
    return KnownRuns(outcomes, steps=EarlierDurations({("extract", "work"): [StepDuration(each) for each in step]}))


KNOWN = known_runs(100, 100, 110, 120, 130, step=(60, 60, 60, 60, 60))


def running(**step: Any) -> dict[str, Any]:
    """Return a run whose step goes on."""
    workflow = a_workflow(phase="Running", seconds={"extract": 60, "load": 10})
    workflow["status"]["finishedAt"] = None
    workflow["status"]["nodes"]["wf-1"]["finishedAt"] = None
    workflow["status"]["nodes"]["wf-1-extract"] |= {"phase": "Running", "finishedAt": None, **step}
    return workflow


def report(
    seconds: int, known: KnownRuns = KNOWN, stored: ReportStatus | None = None, workflow: dict[str, Any] | None = None
) -> ReportStatus:
    body = json.dumps(workflow or running()).encode()
    return a_report(decode_workflow(body), known=known, stored=stored, now=BEGIN + timedelta(seconds=seconds))


def slow(status: ReportStatus) -> list[str | None]:
    return [warning.display_name for warning in status.warnings or () if warning.reason == "Slow"]


def test_it_is_told_with_the_steps_that_are_slow() -> None:
    status = report(200)
    assert slow(status) == [None, "extract"]
    message = "takes longer than usual: 1m50s is the median of the last 5 runs, 2m10s the 95th percentile"
    assert (status.warnings or [])[0].message == message
    assert (status.summary or "").endswith(f"; {message}")


def test_it_is_told_once_and_the_report_does_not_change_as_time_passes() -> None:
    first = report(200)
    assert report(5000, KnownRuns(), first) == first
    assert report(5000, known_runs(1, 1, 1, 1, 1), first) == first


@pytest.mark.parametrize(
    ("seconds", "known"),
    [
        (139, KNOWN),  # not 30 seconds above the median
        (5000, known_runs(1, 1, 1, 1)),  # too few runs
        (5000, known_runs()),
        (250, known_runs(100, 100, 100, 100, 300)),  # below the 95th percentile
        (150, known_runs(60, 80, 100, 120, 140)),  # within three MAD of the median
    ],
)
def test_it_is_not_told_by_the_formula(seconds: int, known: KnownRuns) -> None:
    assert slow(report(seconds, known)) == []


def test_a_run_that_ended_is_compared_instead() -> None:
    first = report(200)
    ended = a_workflow(seconds={"extract": 300, "load": 10})
    status = report(5000, KNOWN, first, ended)
    assert slow(status) == []
    assert status.comparison is not None
    assert status.comparison.slow


def test_a_run_that_has_not_begun_is_not_late() -> None:
    pending = running()
    pending["status"] = {"phase": "Pending"}
    assert slow(report(5000, workflow=pending)) == []


def test_steps_that_are_over_or_unknown_are_not_named() -> None:
    assert slow(report(200, known_runs(100, 100, 100, 100, 100))) == [None]
    ended = running(phase="Succeeded", finishedAt="2026-01-01T00:01:00Z")
    assert slow(report(200, workflow=ended)) == [None]


def test_a_step_with_attempts_is_named_once() -> None:
    workflow = running(type="Retry", children=["wf-1-extract-0"])
    attempt = {**workflow["status"]["nodes"]["wf-1-extract"], "id": "wf-1-extract-0", "displayName": "extract(0)"}
    workflow["status"]["nodes"]["wf-1-extract-0"] = attempt | {"type": "Pod", "name": "wf-1.extract(0)", "children": []}
    assert slow(report(200, workflow=workflow)) == [None, "extract"]


def test_one_event_is_recorded_when_it_begins() -> None:
    def events(stored: ReportStatus | None, status: ReportStatus) -> list[tuple[str, str]]:
        found = events_of_write(stored, status, namespace="data", workflow="wf-1", now=BEGIN)
        return [(event.reason, event.message) for event in found]

    before, first = report(10), report(200)
    assert events(None, before) == []
    ((reason, message),) = events(before, first)
    assert (reason, message.endswith(". Slow steps: extract")) == ("RunSlow", True)
    assert events(first, report(300, KNOWN, first)) == []
    only_run = report(200, known_runs(100, 100, 100, 100, 100))
    assert events(None, only_run)[0][1].endswith("95th percentile")


@given(durations=st.lists(st.integers(0, 10_000), max_size=20), seconds=st.integers(0, 20_000))
def test_the_rule_is_p95_and_three_mad_and_thirty_seconds(durations: list[int], seconds: int) -> None:
    found = late_run(BEGIN, durations, BEGIN + timedelta(seconds=seconds))
    expected = False
    if len(durations) >= 5:
        median = statistics.median(durations)
        mad = statistics.median([abs(each - median) for each in durations])
        over = (seconds > percentile_95(durations), seconds > median + 3 * mad, seconds - median >= 30)
        expected = all(over)
    assert isinstance(found, StepWarning) is expected

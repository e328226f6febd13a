"""Which installation writes a report."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from wfreport.api.report import ObservedWorkflow, ReportStatus
from wfreport.reconcile.ownership import TAKEOVER_AFTER, is_left_to_other

US, OTHER = "ours/wfreport", "theirs/wfreport"
NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
RUNNING = ObservedWorkflow(phase="Running")
JUST_ENDED = ObservedWorkflow(phase="Failed", resource_version="7", finished_at=NOW)
LONG_ENDED = ObservedWorkflow(phase="Failed", resource_version="7", finished_at=NOW - TAKEOVER_AFTER)


def is_left(reporter: str | None, run: ObservedWorkflow | None, stored: ObservedWorkflow | None, us: str = US) -> bool:
    is_final = run is None or run.phase != "Running"
    before = ReportStatus(reporter=reporter, observed_workflow=stored)
    return is_left_to_other(before, ReportStatus(observed_workflow=run), us, is_final=is_final, now=NOW)


@pytest.mark.parametrize("run", [None, RUNNING, JUST_ENDED, LONG_ENDED])
@pytest.mark.parametrize(("reporter", "us"), [(None, US), (US, US), (OTHER, "")])
def test_a_report_without_another_reporter_is_ours(reporter: str | None, us: str, run: ObservedWorkflow | None) -> None:
    assert not is_left(reporter, run, RUNNING, us)
    assert not is_left_to_other(None, ReportStatus(), us, is_final=False, now=NOW)


@pytest.mark.parametrize(("run", "stored"), [(RUNNING, RUNNING), (JUST_ENDED, RUNNING), (LONG_ENDED, LONG_ENDED)])
def test_a_living_reporter_writes_its_reports(run: ObservedWorkflow, stored: ObservedWorkflow) -> None:
    assert is_left(OTHER, run, stored)


@pytest.mark.parametrize("stored", [None, RUNNING, JUST_ENDED.model_copy(update={"resource_version": "6"})])
def test_a_reporter_that_missed_the_end_is_replaced(stored: ObservedWorkflow | None) -> None:
    assert not is_left(OTHER, LONG_ENDED, stored)
    assert is_left(OTHER, LONG_ENDED.model_copy(update={"finished_at": NOW - timedelta(minutes=9)}), stored)


@pytest.mark.parametrize("run", [None, ObservedWorkflow(phase="Unknown")])
def test_the_report_of_a_deleted_workflow_is_closed_by_anybody(run: ObservedWorkflow | None) -> None:
    assert not is_left(OTHER, run, RUNNING)

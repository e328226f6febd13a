"""The Events of a report: one for a run that failed, one if its remediation is held, none for others."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from tests.builders import a_node, a_report, a_snapshot, at

from wfreport.api.argo import Phase
from wfreport.api.report import Held, ReportStatus, RunRemediation, Stalled
from wfreport.core.record.report_events import MAX_AGE, events_of_write, stall_message

FAILED = a_report(a_snapshot(a_node("wf", Phase.FAILED, message="main: Error (exit code 3): bad row 17"), end=60))
HELD = Held(policy_name="oom", reason="BreakerOpen", message="9 of 10 runs failed")


def events(
    stored: ReportStatus | None, status: ReportStatus, *, age: timedelta = timedelta(0)
) -> list[tuple[str, str]]:
    found = events_of_write(stored, status, namespace="data", workflow="etl", now=at(60) + age)
    return [(event.reason, event.message) for event in found]


def with_evidence(status: ReportStatus, state: str) -> ReportStatus:
    conditions = [
        c.model_copy(update={"status": state}) if c.type == "EvidenceComplete" else c for c in status.conditions or ()
    ]
    return status.changed(conditions=conditions)


def held(status: ReportStatus, hold: Held | None) -> ReportStatus:
    return status.changed(remediation=RunRemediation(held=hold))


def test_the_event_of_a_run_that_begins_to_hang_has_the_command_that_shows_what_to_do() -> None:
    stalled = Stalled(reason="MainEnded", message="proxy keeps the pod alive", advice="Delete the pod.")
    shown = "Next: kubectl wfreport show etl -n data"
    assert stall_message(stalled, namespace="data", workflow="etl") == (
        f"proxy keeps the pod alive. Delete the pod. {shown}"
    )
    bare = Stalled(reason="MainEnded")
    assert stall_message(bare, namespace="data", workflow="etl") == f"MainEnded. {shown}"


def test_a_run_that_failed_has_one_with_its_cause_and_the_next_command() -> None:
    cause = ("RunFailed", "wf: exit code 3: bad row 17. Next: kubectl wfreport logs etl wf -n data")
    running = a_report(a_snapshot(a_node("wf", Phase.RUNNING, end=None), phase=Phase.RUNNING))
    assert events(None, FAILED) == [cause]
    assert events(running, FAILED) == [cause]
    assert events(FAILED, FAILED.changed(resources={"cpuSeconds": 1})) == []


def test_it_waits_for_the_evidence() -> None:
    pending = with_evidence(FAILED, "Unknown")
    assert events(None, pending) == []
    assert len(events(pending, FAILED)) == 1


@pytest.mark.parametrize(
    "run",
    [
        a_report(a_snapshot(a_node("wf"), phase=Phase.SUCCEEDED)),
        a_report(a_snapshot(a_node("wf", Phase.RUNNING, end=None), phase=Phase.RUNNING)),
        a_report(a_snapshot(a_node("wf", Phase.FAILED), end=None)),
        ReportStatus(),
    ],
    ids=["succeeded", "running", "without an end", "empty"],
)
def test_another_run_has_none(run: ReportStatus) -> None:
    assert events(None, run) == []


def test_a_run_that_failed_long_ago_has_none() -> None:
    assert events(None, FAILED, age=MAX_AGE) != []
    assert events(None, FAILED, age=MAX_AGE + timedelta(seconds=1)) == []


def test_each_run_of_a_workflow_has_its_own() -> None:
    def discriminators(stored: ReportStatus | None, start: float) -> list[str]:
        run = a_report(a_snapshot(a_node("wf", Phase.FAILED), started_at=at(start)))
        found = events_of_write(stored, run, namespace="data", workflow="etl", now=at(60))
        return [event.discriminator for event in found]

    assert discriminators(None, 0) != discriminators(FAILED, 7)
    assert len(discriminators(FAILED, 7)) == 1


def test_a_hold_is_an_event_when_it_begins() -> None:
    told = ("RemediationHeld", "policy oom does not act: BreakerOpen: 9 of 10 runs failed")
    assert events(FAILED, held(FAILED, HELD)) == [told]
    assert events(held(FAILED, HELD), held(FAILED, HELD.model_copy(update={"message": "10 of 10"}))) == []
    bare: Any = HELD.model_copy(update={"reason": "Paused", "message": None})
    assert events(held(FAILED, HELD), held(FAILED, bare)) == [("RemediationHeld", "policy oom does not act: Paused")]
    assert events(held(FAILED, HELD), held(FAILED, None)) == []

"""The report of a Workflow that is not reconciled any more: what was known remains, and the conditions tell why."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from wfreport.api.argo import LABEL_COMPLETED, LABEL_PHASE, Metadata, Workflow
from wfreport.api.condition import Condition
from wfreport.api.report import ObservedWorkflow, ReportStatus
from wfreport.core.render.abandoned import is_abandoned, render_abandoned
from wfreport.core.render.gone import render_deleted

CREATED_AT = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
CAUSE = "its reconcile blocked the event loop"


def head(phase: str = "", *, completed: bool = False) -> Workflow:
    labels = ({LABEL_PHASE: phase} if phase else {}) | ({LABEL_COMPLETED: "true"} if completed else {})
    return Workflow(
        metadata=Metadata(
            name="etl", namespace="team", uid="u-1", resource_version="7", creation_timestamp=CREATED_AT, labels=labels
        )
    )


def conditions_of(status: ReportStatus) -> dict[str, Condition]:
    return {condition.type: condition for condition in status.conditions or ()}


def abandoned(workflow: Workflow, stored: ReportStatus | None = None) -> ReportStatus:
    return render_abandoned(stored, workflow, cause=CAUSE, generation=3)


@pytest.mark.parametrize(
    ("phase", "completed", "status", "reason"),
    [
        ("Succeeded", True, "True", "WorkflowSucceeded"),
        ("Failed", True, "False", "WorkflowFailed"),
        ("Error", True, "False", "WorkflowErrored"),
        ("Odd", True, "Unknown", "WorkflowActive"),
        ("Running", False, "Unknown", "WorkflowActive"),
        ("", False, "Unknown", "WorkflowActive"),
    ],
)
def test_succeeded_follows_the_labels_of_argo(phase: str, completed: bool, status: str, reason: str) -> None:
    succeeded = conditions_of(abandoned(head(phase, completed=completed)))["Succeeded"]
    assert (succeeded.status, succeeded.reason) == (status, reason)


def test_ready_names_the_cause_and_what_to_do() -> None:
    status = abandoned(head())
    ready = conditions_of(status)["Ready"]
    assert (ready.status, ready.reason, ready.observed_generation) == ("False", "ReconcileAbandoned", 3)
    assert CAUSE in (ready.message or "")
    assert "when this report is deleted" in (ready.message or "")
    assert is_abandoned(status)
    assert not is_abandoned(None)


def test_what_was_known_remains_and_the_phase_does_not_so_that_no_policy_acts() -> None:
    stored = ReportStatus(
        summary="Running, 3 of 9 steps",
        parameters=[],
        observed_workflow=ObservedWorkflow(uid="u-1", phase="Running", started_at=CREATED_AT),
    )
    status = abandoned(head("Failed", completed=True), stored)
    assert status.summary == (
        "Not reported: the operator died twice while it reconciled this Workflow; last known: Running, 3 of 9 steps"
    )
    assert status.observed_workflow == ObservedWorkflow(uid="u-1", resource_version="7")
    assert status.parameters == []
    assert abandoned(head("Failed", completed=True), status).summary == abandoned(head()).summary


def test_a_running_workflow_has_no_version_so_that_its_completion_is_a_change() -> None:
    assert abandoned(head("Running")).observed_workflow == ObservedWorkflow(uid="u-1")


def test_the_deletion_of_an_abandoned_workflow_closes_its_report() -> None:
    closed = render_deleted(abandoned(head("Running")), 3)
    assert {c.reason for kind, c in conditions_of(closed).items() if kind in {"Ready", "Succeeded"}} == {
        "WorkflowDeleted"
    }
    assert conditions_of(closed)["Ready"].message == "the Workflow was deleted after its reconcile was abandoned"
    assert closed.summary == "Not reported: the operator died twice while it reconciled this Workflow"

"""What is recorded of the answer to a run that hangs: its two steps, its notification, and why it is dropped."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from tests.core.decide.builders import a_policy, a_report, decided
from tests.core.record.builders import LATER, NOW, a_remediation, conditions_of, with_status

from wfreport.api.policy import PolicySpec
from wfreport.api.reasons import HoldReason, RemediationReason
from wfreport.api.report import WorkflowReport
from wfreport.core.decide.history import past_action_of
from wfreport.core.record.dropped import dropped_intent
from wfreport.core.record.freshness import is_fresh_intent
from wfreport.core.record.notification import Stage, first_stage, is_answer, outcome_notification, stall_notification
from wfreport.core.record.progress import (
    ExecutionResult,
    has_outcome,
    is_executed,
    is_stopping,
    status_executed,
    status_intended,
    status_stopping,
)
from wfreport.core.record.rights import needed_rights

STOPPING = ExecutionResult("Unknown", RemediationReason.RUN_STOPPING, "stopped Workflow etl")
DONE = ExecutionResult("True", RemediationReason.EXECUTED, "created Workflow etl-r1")
TOLD = a_remediation(action="Notify", lockClass="notify-stall", reason="PodGone")
ANSWER = a_remediation(reason="PodGone")
STALLED = {"reason": "PodGone", "sinceAt": NOW, "message": "the pod of step a is gone", "advice": "stop the run"}
REF = {"workflowRef": {"name": "etl"}}
SINKS = {"sinks": [{"name": "slack", "apprise": {"secretName": "oncall"}}]}


def stopping() -> Any:
    intended = with_status(ANSWER, status_intended(ANSWER, NOW, needs_approval=False))
    return with_status(intended, status_stopping(intended, LATER, STOPPING))


def test_between_its_two_steps_a_remediation_is_open() -> None:
    between = stopping()
    assert conditions_of(between.status)["Executed"] == ("Unknown", "RunStopping")
    assert (is_stopping(between), is_executed(between), has_outcome(between)) == (True, False, False)
    action = past_action_of(between)
    assert action is not None
    assert (action.is_stopping, action.is_under_way, action.stopped_at, action.reason) == (True, True, LATER, "PodGone")
    done = with_status(between, status_executed(between, LATER, DONE))
    assert (is_executed(done), done.status.stopped_at) == (True, LATER)
    assert not is_stopping(a_remediation())


@pytest.mark.parametrize(
    ("ended", "minutes", "fresh"),
    [
        ("2026-11-25T06:00:00Z", 14, True),
        ("2026-11-25T06:00:00Z", 16, False),
        ("2026-11-25T01:00:00Z", -166, True),
        (None, 600, True),
        ("garbage", 600, True),
        (7, 600, True),
    ],
)
def test_the_second_step_is_fresh_since_the_end_of_the_run(ended: Any, minutes: int, fresh: bool) -> None:
    workflow = {"spec": {}, "status": {"finishedAt": ended} if ended else None}
    now = NOW + timedelta(hours=3, minutes=minutes)
    assert is_fresh_intent(stopping(), workflow, now) == fresh


def report(**stalled: Any) -> WorkflowReport:
    status = {"stalled": stalled} if stalled else {}
    return WorkflowReport.model_validate(
        {
            "metadata": {"name": "etl-3f", "namespace": "data"},
            "spec": {"workflowRef": {"name": "etl"}},
            "status": status,
        }
    )


def test_a_run_that_hangs_is_notified_with_its_reason_action_and_next_step() -> None:
    message = stall_notification(report(**STALLED), TOLD, ANSWER)
    assert (message.title, message.stage, message.at) == ("data/etl hangs: PodGone", Stage.STALLED, NOW)
    assert message.body.splitlines() == [
        "the pod of step a is gone",
        "Since: 2026-11-25T03:00:00Z",
        "Action: Resubmit (etl-1)",
        "Next: kubectl wfreport remediations etl -n data",
    ]
    assert message.facts["class"] == "PodGone"
    pods = "Next: kubectl get pods -l workflows.argoproj.io/workflow=etl -n data"
    assert stall_notification(report(reason="PodGone"), TOLD, None).body == pods
    assert stall_notification(report(), TOLD, None).title == "data/etl hangs: PodGone"


def test_a_notification_is_followed_up_by_the_action_on_the_same_event() -> None:
    failed = a_remediation(action="Notify", lockClass="notify")
    assert (first_stage(TOLD), first_stage(failed)) == (Stage.STALLED, Stage.FAILED)
    assert is_answer(ANSWER, TOLD)
    assert is_answer(a_remediation(), failed)
    assert not is_answer(ANSWER, failed)
    assert not is_answer(a_remediation(), TOLD)


@pytest.mark.parametrize(
    ("execution", "title"),
    [
        (DONE, "data/etl: Stop was performed"),
        (ExecutionResult("False", RemediationReason.NOT_POSSIBLE, "no"), "data/etl: Stop was not performed"),
    ],
)
def test_an_action_without_a_new_run_is_not_judged(execution: ExecutionResult, title: str) -> None:
    stop = a_remediation(action="Stop", reason="PodGone")
    done = with_status(stop, status_executed(stop, LATER, execution))
    assert outcome_notification(report(), TOLD, done).title == title


@pytest.mark.parametrize(
    ("hold", "reason"),
    [
        (HoldReason.RUN_ACTIVE, RemediationReason.TARGET_CHANGED),
        (HoldReason.NO_RULE_MATCHES, RemediationReason.SPEC_NOT_REPRODUCED),
    ],
)
def test_an_intent_that_a_hold_closes_has_its_message(hold: HoldReason, reason: RemediationReason) -> None:
    phase = "Running" if hold == HoldReason.RUN_ACTIVE else "Failed"
    rule = {"name": "a", "match": {"classes": ["Evicted"]}, "action": {"resubmit": {}}}
    decision = decided(a_report(phase=phase), a_policy(rule))
    assert decision.reason == hold
    assert dropped_intent(ANSWER, decision) == ExecutionResult("False", reason, decision.message)


@pytest.mark.parametrize(("cron", "end"), [("nightly", "--from cronwf/nightly"), (None, "submit it")])
@pytest.mark.parametrize("approval", [True, False])
def test_an_intent_whose_workflow_is_deleted_tells_how_to_go_on(cron: str | None, end: str, approval: bool) -> None:
    source: dict[str, Any] = {"workflowSource": {"cronWorkflow": cron}} if cron else {}
    gone = decided(a_report(**source), live={"is_deleting": True})
    result = dropped_intent(a_remediation(approvalRequired=approval), gone)
    assert result.reason == RemediationReason.TARGET_GONE
    assert ("was approved" in result.message) == approval
    assert result.message.endswith(end)


def test_a_resubmission_of_a_run_that_hangs_needs_the_rights_of_both_steps() -> None:
    def rights(rule: dict[str, Any]) -> set[str]:
        spec = {"mode": "Enforce", "selector": {"matchLabels": {"a": "b"}}, "rules": [{"name": "r", **rule}]}
        return {str(right) for right in needed_rights(PolicySpec.model_validate(spec))}

    both = {"create workflows.argoproj.io", "patch workflows.argoproj.io"}
    assert both <= rights({"match": {"stalled": {}}, "action": {"resubmit": {}}})
    assert "patch workflows.argoproj.io" not in rights({"match": {}, "action": {"resubmit": {}}})
    assert not both & rights({"match": {"stalled": {}}, "notify": SINKS})

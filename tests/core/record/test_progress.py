"""The status of a Remediation after each step."""

from __future__ import annotations

from tests.core.record.builders import LATER, NOW, a_remediation, conditions_of, with_status

from wfreport.api.condition import Condition
from wfreport.api.reasons import RemediationReason
from wfreport.api.remediation import RemediationStatus
from wfreport.core.record.progress import (
    ExecutionResult,
    awaits_outcome,
    has_outcome,
    is_denied,
    is_executed,
    status_denied,
    status_executed,
    status_failing,
    status_intended,
    status_with_outcome,
)


def test_a_remediation_goes_from_intent_to_execution_to_outcome() -> None:
    remediation = a_remediation()
    intended = with_status(remediation, status_intended(remediation, NOW, needs_approval=False))
    assert conditions_of(intended.status) == {
        "Approved": ("True", "ApprovalNotRequired"),
        "Executed": ("Unknown", "ExecutionPending"),
    }
    assert not any(judge(intended) for judge in (is_executed, has_outcome, is_denied, awaits_outcome))
    done = ExecutionResult("True", RemediationReason.EXECUTED, "created Workflow etl-r1")
    executed = with_status(intended, status_executed(intended, LATER, done))
    assert is_executed(executed)
    assert awaits_outcome(executed)
    assert executed.status
    assert executed.status.executed_at == LATER
    completed = with_status(
        executed, status_with_outcome(executed, "True", RemediationReason.RUN_SUCCEEDED, "it helped", LATER)
    )
    assert has_outcome(completed)
    assert completed.status
    assert completed.status.executed_at == LATER
    assert [condition.type for condition in completed.status.conditions or ()] == ["Approved", "Executed", "Succeeded"]


def test_an_action_without_a_new_run_awaits_no_outcome_unless_expected() -> None:
    notification = a_remediation(action="Notify", lockClass="notify")
    done = ExecutionResult("True", RemediationReason.EXECUTED, "sent to 1 of 1 sinks")
    assert conditions_of(status_executed(notification, NOW, done))["Succeeded"] == ("Unknown", "NoOutcome")
    awaiting = status_executed(notification, NOW, done, expects_outcome=True)
    assert conditions_of(awaiting)["Succeeded"] == ("Unknown", "OutcomeAwaited")
    failed = ExecutionResult("False", RemediationReason.EXECUTION_FAILED, "no")
    assert conditions_of(status_executed(notification, NOW, failed, expects_outcome=True))["Succeeded"] == (
        "Unknown",
        "NoOutcome",
    )
    assert status_executed(notification, NOW, failed).executed_at is None


def test_a_sink_that_fails_leaves_the_message_open_and_then_the_follow_up() -> None:
    notification = a_remediation(action="Notify", lockClass="notify")
    failing = with_status(notification, status_failing(notification, NOW, "sink hook: answered 503"))
    assert conditions_of(failing.status) == {"Executed": ("Unknown", "SinkFailing")}
    assert not is_executed(failing)
    done = ExecutionResult("True", RemediationReason.EXECUTED, "sent to 1 of 1 sinks")
    sent = with_status(failing, status_executed(failing, LATER, done, expects_outcome=True))
    again = with_status(sent, status_failing(sent, LATER, "sink hook: answered 503"))
    assert conditions_of(again.status)["Executed"] == ("True", "Executed")
    assert awaits_outcome(again)
    assert again.status
    assert again.status.message == "sink hook: answered 503"


def test_foreign_conditions_and_transition_times_are_preserved() -> None:
    remediation = a_remediation()
    seen = Condition(type="Seen", status="True", reason="ByAna", last_transition_time=NOW)
    approved = Condition(type="Approved", status="True", reason="Approved", last_transition_time=NOW)
    remediation = with_status(remediation, RemediationStatus(conditions=[seen, approved], approved_by="ana"))
    changed = status_executed(remediation, LATER, ExecutionResult("True", RemediationReason.EXECUTED, "done"))
    assert changed.approved_by == "ana"
    assert conditions_of(changed)["Seen"] == ("True", "ByAna")
    again = status_intended(with_status(remediation, changed), LATER, needs_approval=False)
    assert next(c for c in again.conditions or () if c.type == "Approved").last_transition_time == NOW


def test_an_approval_timeout_is_a_denial() -> None:
    remediation = a_remediation()
    waiting = with_status(remediation, status_intended(remediation, NOW, needs_approval=True))
    assert not is_denied(waiting)
    denied = with_status(waiting, status_denied(waiting, LATER))
    assert is_denied(denied)
    assert conditions_of(denied.status)["Approved"] == ("False", "ApprovalTimedOut")

"""How far a Remediation has come."""

from __future__ import annotations

from tests.core.record.builders import LATER, NOW, a_remediation, told, with_status

from wfreport.api.condition import Condition
from wfreport.api.reasons import RemediationReason
from wfreport.api.remediation import RemediationStatus
from wfreport.core.record.progress import (
    ExecutionResult,
    has_outcome,
    is_denied,
    is_executed,
    is_succeeding,
    status_denied,
    status_executed,
    status_intended,
    status_with_outcome,
)


def test_a_remediation_goes_from_intent_by_act_to_outcome() -> None:
    asked = a_remediation()
    began = with_status(asked, status_intended(asked, NOW, needs_approval=False))
    assert told(began.status) == {
        "Approved": ("True", "ApprovalNotRequired"),
        "Executed": ("Unknown", "ExecutionPending"),
    }
    assert not any(judge(began) for judge in (is_executed, has_outcome, is_denied, is_succeeding))
    done = ExecutionResult("True", RemediationReason.EXECUTED, "created Workflow etl-r1")
    executed = with_status(began, status_executed(began, LATER, done))
    assert is_executed(executed)
    assert is_succeeding(executed)
    assert executed.status
    assert executed.status.executed_at == LATER
    settled = with_status(
        executed, status_with_outcome(executed, "True", RemediationReason.RUN_SUCCEEDED, "it helped", LATER)
    )
    assert has_outcome(settled)
    assert settled.status
    assert settled.status.executed_at == LATER
    assert [found.type for found in settled.status.conditions or ()] == ["Approved", "Executed", "Succeeded"]


def test_an_act_without_a_new_run_awaits_nothing_unless_it_says_so() -> None:
    tells = a_remediation(action="Notify", lockClass="notify")
    done = ExecutionResult("True", RemediationReason.EXECUTED, "sent to 1 of 1 sinks")
    assert told(status_executed(tells, NOW, done))["Succeeded"] == ("Unknown", "NoOutcome")
    awaiting = status_executed(tells, NOW, done, awaits_outcome=True)
    assert told(awaiting)["Succeeded"] == ("Unknown", "OutcomeAwaited")
    failed = ExecutionResult("False", RemediationReason.EXECUTION_FAILED, "no")
    assert told(status_executed(tells, NOW, failed, awaits_outcome=True))["Succeeded"] == ("Unknown", "NoOutcome")
    assert status_executed(tells, NOW, failed).executed_at is None


def test_what_others_say_of_it_is_kept_and_a_condition_that_stays_keeps_its_time() -> None:
    asked = a_remediation()
    seen = Condition(type="Seen", status="True", reason="ByAna", last_transition_time=NOW)
    approved = Condition(type="Approved", status="True", reason="Approved", last_transition_time=NOW)
    asked = with_status(asked, RemediationStatus(conditions=[seen, approved], approved_by="ana"))
    changed = status_executed(asked, LATER, ExecutionResult("True", RemediationReason.EXECUTED, "done"))
    assert changed.approved_by == "ana"
    assert told(changed)["Seen"] == ("True", "ByAna")
    again = status_intended(with_status(asked, changed), LATER, needs_approval=False)
    assert next(c for c in again.conditions or () if c.type == "Approved").last_transition_time == NOW


def test_nobody_approved_in_time_is_a_denial() -> None:
    asked = a_remediation()
    waiting = with_status(asked, status_intended(asked, NOW, needs_approval=True))
    assert not is_denied(waiting)
    denied = with_status(waiting, status_denied(waiting, LATER))
    assert is_denied(denied)
    assert told(denied.status)["Approved"] == ("False", "ApprovalTimedOut")

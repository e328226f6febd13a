"""The holds that a report shows."""

from __future__ import annotations

from typing import Any

import pytest
from tests.core.decide.builders import a_policy
from tests.core.record.builders import LATER

from wfreport.api.action_types import ActionType
from wfreport.api.reasons import HoldReason
from wfreport.api.remediation import LockClass
from wfreport.core.decide.enforcement import Enforcement, EnforcementAction
from wfreport.core.decide.inputs import Hold
from wfreport.core.decide.model import Decision, Run
from wfreport.core.record.holds import Obstacle, hold_of


def held(
    reason: str,
    *,
    enforcement: Enforcement | None = None,
    phase: str = "Failed",
    obstacle: Obstacle | None = None,
    **decided: Any,
) -> Any:
    run = Run("data", "etl", "u-1", phase=phase)
    decision = Decision(LockClass.MUTATE, reason, "why", run, policy=a_policy(), recheck_at=LATER, **decided)
    return hold_of(decision, enforcement or Enforcement(EnforcementAction.HOLD), obstacle)


def test_a_report_shows_the_hold_and_its_next_check() -> None:
    hold = held(HoldReason.COOLING_DOWN, rule=a_policy().spec.rules[0])
    assert (hold.policy_name, hold.rule, hold.reason, hold.message) == ("batch", "again", "CoolingDown", "why")
    assert hold.recheck_at == LATER
    assert held(HoldReason.NO_RULE_MATCHES).rule is None


def test_a_report_omits_the_recheck_time_of_a_budget_because_it_changes_constantly() -> None:
    assert held(HoldReason.BUDGET_EXHAUSTED).recheck_at is None


def test_a_report_shows_that_a_run_waits_for_approval_and_until_when() -> None:
    waiting = Enforcement(
        EnforcementAction.AWAIT_APPROVAL, Hold(HoldReason.APPROVAL_MISSING, "a person has to approve it", LATER), LATER
    )
    hold = held("OOMKilled", enforcement=waiting, action=ActionType.RESUBMIT, rule=a_policy().spec.rules[0])
    assert (hold.reason, hold.recheck_at, hold.rule) == ("ApprovalMissing", LATER, "again")
    assert held("OOMKilled", enforcement=waiting, action=ActionType.RESUBMIT).rule is None


def test_a_report_shows_what_keeps_an_action_that_is_due_from_being_performed() -> None:
    obstacle = Obstacle("RightsMissing", "the operator may not create workflows")
    due = Enforcement(EnforcementAction.EXECUTE)
    hold = held("OOMKilled", enforcement=due, action=ActionType.RESUBMIT, obstacle=obstacle)
    assert (hold.policy_name, hold.reason, hold.message) == ("batch", obstacle.reason, obstacle.message)
    assert hold.recheck_at is None
    slow = held("Timeout", enforcement=due, action=ActionType.STOP, obstacle=obstacle, phase="Running")
    assert slow.reason == "RightsMissing", "also of a run that neither failed nor hangs, such as one past its time"


@pytest.mark.parametrize(
    ("reason", "decided", "phase"),
    [
        (HoldReason.EVIDENCE_PENDING, {}, "Failed"),
        (HoldReason.NO_ACTION_CONFIGURED, {}, "Failed"),
        (HoldReason.RUN_ACTIVE, {}, "Running"),
        (HoldReason.RUN_SUCCEEDED, {}, "Succeeded"),
        ("OOMKilled", {"action": ActionType.RESUBMIT}, "Failed"),
    ],
)
def test_transient_holds_and_runs_without_failure_are_omitted(reason: str, decided: dict[str, Any], phase: str) -> None:
    assert held(reason, phase=phase, **decided) is None


def test_a_run_without_a_policy_has_no_hold() -> None:
    run = Run("data", "etl", "u-1", phase="Failed")
    assert hold_of(Decision(LockClass.MUTATE, "NoPolicy", "none", run), Enforcement(EnforcementAction.HOLD)) is None

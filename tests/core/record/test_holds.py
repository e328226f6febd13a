"""What a report says of why nothing is done."""

from __future__ import annotations

from typing import Any

import pytest
from tests.core.decide.builders import a_policy
from tests.core.record.builders import LATER

from wfreport.api.actions import ActionType
from wfreport.api.reasons import HoldReason
from wfreport.api.remediation import LockClass
from wfreport.core.decide.enforcement import Enforcement, EnforcementAction
from wfreport.core.decide.inputs import Hold
from wfreport.core.decide.model import Decision, Run
from wfreport.core.record.holds import hold_of


def held(reason: str, *, step: Enforcement | None = None, phase: str = "Failed", **decided: Any) -> Any:
    run = Run("data", "etl", "u-1", phase=phase)
    decision = Decision(LockClass.MUTATE, reason, "why", run, policy=a_policy(), recheck_at=LATER, **decided)
    return hold_of(decision, step or Enforcement(EnforcementAction.HOLD))


def test_a_report_says_why_nothing_is_done_and_when_it_is_looked_at_again() -> None:
    found = held(HoldReason.COOLING_DOWN, rule=a_policy().spec.rules[0])
    assert (found.policy_name, found.rule, found.reason, found.message) == ("batch", "again", "CoolingDown", "why")
    assert found.recheck_at == LATER
    assert held(HoldReason.NO_RULE_MATCHES).rule is None


def test_when_a_budget_is_looked_at_again_is_not_written_since_that_changes_all_the_time() -> None:
    assert held(HoldReason.BUDGET_EXHAUSTED).recheck_at is None


def test_a_run_that_waits_for_a_person_says_so_until_when() -> None:
    step = Enforcement(
        EnforcementAction.AWAIT_APPROVAL, Hold(HoldReason.APPROVAL_MISSING, "a person has to approve it", LATER), LATER
    )
    found = held("OOMKilled", step=step, action=ActionType.RESUBMIT, rule=a_policy().spec.rules[0])
    assert (found.reason, found.recheck_at, found.rule) == ("ApprovalMissing", LATER, "again")
    assert held("OOMKilled", step=step, action=ActionType.RESUBMIT).rule is None


@pytest.mark.parametrize(
    ("reason", "decided", "phase"),
    [
        (HoldReason.EVIDENCE_PENDING, {}, "Failed"),
        (HoldReason.RUN_ACTIVE, {}, "Running"),
        (HoldReason.RUN_SUCCEEDED, {}, "Succeeded"),
        ("OOMKilled", {"action": ActionType.RESUBMIT}, "Failed"),
    ],
)
def test_what_passes_or_is_no_failure_is_not_written(reason: str, decided: dict[str, Any], phase: str) -> None:
    assert held(reason, phase=phase, **decided) is None


def test_a_run_that_no_policy_is_for_says_nothing() -> None:
    run = Run("data", "etl", "u-1", phase="Failed")
    assert hold_of(Decision(LockClass.MUTATE, "NoPolicy", "none", run), Enforcement(EnforcementAction.HOLD)) is None

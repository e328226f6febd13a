"""A Remediation contains from its creation whether it needs approval."""

from __future__ import annotations

import pytest
from tests.core.decide.builders import RESUBMIT, SINKS, a_policy, decided

from wfreport.api.remediation import LockClass, Plan, ReportRef
from wfreport.core.decide.history import past_action_of
from wfreport.core.decide.model import Decision, Run
from wfreport.core.record.intent import Basis, intended_remediation

BASIS = Basis(ReportRef(name="etl-3f9c1b8e"), "7")


@pytest.mark.parametrize(("mode", "required"), [("Approve", True), ("Enforce", False)])
def test_a_remediation_that_needs_approval_is_not_in_flight_even_without_a_status(mode: str, required: bool) -> None:
    decision = decided(None, a_policy(mode=mode))
    intended = intended_remediation(decision, BASIS, Plan())
    assert intended.spec.approval_required is required
    action = past_action_of(intended)
    assert action is not None
    assert action.is_in_flight is not required


def test_neither_a_dry_run_nor_a_notification_needs_approval() -> None:
    policy = a_policy(RESUBMIT | {"notify": SINKS}, mode="Approve")
    assert not intended_remediation(decided(None, policy), BASIS, Plan(), dry_run=True).spec.approval_required
    notification = decided(None, policy, lock=LockClass.NOTIFY)
    assert not intended_remediation(notification, BASIS, Plan()).spec.approval_required


def test_a_hold_has_no_remediation() -> None:
    hold = Decision(LockClass.MUTATE, "RunTooOld", "too old", Run("data", "etl", "u-1"))
    with pytest.raises(ValueError, match="hold"):
        intended_remediation(hold, BASIS, Plan())

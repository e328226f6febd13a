"""A Remediation says from the first moment whether a person has to approve it."""

from __future__ import annotations

import pytest
from tests.core.decide.builders import RESUBMIT, SINKS, a_policy, decided

from wfreport.api.remediation import LockClass, Plan, ReportRef
from wfreport.core.decide.history import past_action_of
from wfreport.core.decide.model import Decision, Run
from wfreport.core.record.intent import Basis, intended_remediation

BASIS = Basis(ReportRef(name="etl-3f9c1b8e"), "7")


@pytest.mark.parametrize(("mode", "required"), [("Approve", True), ("Enforce", False)])
def test_what_waits_for_a_person_is_not_in_flight_before_it_has_a_status(mode: str, required: bool) -> None:
    decision = decided(None, a_policy(mode=mode))
    intended = intended_remediation(decision, BASIS, Plan())
    assert intended.spec.approval_required is required
    act = past_action_of(intended)
    assert act is not None
    assert act.is_in_flight is not required


def test_neither_a_dry_run_nor_a_notification_asks_anybody() -> None:
    policy = a_policy(RESUBMIT | {"notify": SINKS}, mode="Approve")
    assert not intended_remediation(decided(None, policy), BASIS, Plan(), dry_run=True).spec.approval_required
    told = decided(None, policy, lock=LockClass.NOTIFY)
    assert not intended_remediation(told, BASIS, Plan()).spec.approval_required


def test_a_hold_has_no_remediation() -> None:
    hold = Decision(LockClass.MUTATE, "RunTooOld", "too old", Run("data", "etl", "u-1"))
    with pytest.raises(ValueError, match="hold"):
        intended_remediation(hold, BASIS, Plan())

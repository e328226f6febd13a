"""The enforcement of a decision depends on the mode, and on nothing else."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace
from tests.core.decide.builders import END, LATER, RESUBMIT, SINKS, a_policy, a_report, an_action, decided

from wfreport.api.action_types import ActionType
from wfreport.api.policy import MODE_MEANINGS, Mode
from wfreport.api.reasons import HoldReason
from wfreport.api.remediation import LockClass
from wfreport.core.decide.enforcement import ENFORCEMENT_MEANINGS, EnforcementAction, enforcement_of
from wfreport.core.decide.model import ExecutionState, PastAction

ASKED = {"execution": ExecutionState.PENDING, "executed_at": None, "is_approval_required": True, "is_approved": None}
DAY = timedelta(days=1)


def asked(**fields: Any) -> PastAction:
    """Return a Remediation that has been awaiting approval since the end of the run."""
    return an_action("own", **(ASKED | fields))


def test_modes_and_enforcement_actions_are_explained() -> None:
    assert set(MODE_MEANINGS) == set(Mode)
    assert set(ENFORCEMENT_MEANINGS) == set(EnforcementAction)


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("Observe", EnforcementAction.COUNT),
        ("DryRun", EnforcementAction.WRITE_DRY_RUN),
        ("Approve", EnforcementAction.REQUEST_APPROVAL),
        ("Enforce", EnforcementAction.EXECUTE),
    ],
)
def test_the_mode_determines_the_enforcement(mode: str, expected: EnforcementAction) -> None:
    enforcement = enforcement_of(decided(None, a_policy(mode=mode)), None, LATER)
    assert (enforcement.action, enforcement.hold, enforcement.recheck_at) == (expected, None, None)


def test_a_hold_is_a_hold_in_every_mode() -> None:
    for mode in Mode:
        held = decided(None, a_policy(mode=mode), now=END)
        enforcement = enforcement_of(held, None, END)
        assert (enforcement.action, enforcement.recheck_at) == (EnforcementAction.HOLD, held.recheck_at)
        assert enforcement.recheck_at is not None


def test_without_a_policy_nothing_happens() -> None:
    nobody = decided(a_report(labels={}))
    again_at = END + 2 * DAY
    enforcement = enforcement_of(replace(nobody, recheck_at=again_at), asked(), LATER)
    assert (enforcement.action, enforcement.recheck_at) == (EnforcementAction.HOLD, again_at)


def test_some_actions_need_approval_in_mode_enforce_too() -> None:
    careful = a_policy(approval={"requiredFor": ["Resubmit"]})
    assert enforcement_of(decided(None, careful), None, LATER).action == EnforcementAction.REQUEST_APPROVAL
    other = a_policy(approval={"requiredFor": ["SuspendCron"]})
    assert enforcement_of(decided(None, other), None, LATER).action == EnforcementAction.EXECUTE


def test_a_pending_approval_is_denied_at_its_timeout() -> None:
    policy = a_policy(mode="Approve")
    waiting = enforcement_of(decided(None, policy), asked(), END + DAY - timedelta(seconds=1))
    assert (waiting.action, waiting.recheck_at) == (EnforcementAction.AWAIT_APPROVAL, END + DAY)
    assert waiting.hold is not None
    assert (waiting.hold.reason, waiting.hold.recheck_at) == (HoldReason.APPROVAL_MISSING, END + DAY)
    assert waiting.hold.message == "a person has to approve it"
    late = enforcement_of(decided(None, policy), asked(), END + DAY)
    assert late.action == EnforcementAction.DENY
    assert late.hold is not None
    assert (late.hold.reason, late.hold.message) == (HoldReason.APPROVAL_DENIED, "nobody approved it in time")


def test_a_hold_does_not_keep_an_approval_from_timing_out() -> None:
    held = decided(None, a_policy(mode="Approve", suspended=True))
    assert enforcement_of(held, asked(), LATER).recheck_at == END + DAY
    assert enforcement_of(held, asked(), END + DAY).action == EnforcementAction.DENY
    cooling = decided(None, a_policy(mode="Approve"), now=END)
    assert enforcement_of(cooling, asked(), END).recheck_at == cooling.recheck_at


def test_an_approved_action_is_executed() -> None:
    approved = asked(is_approved=True)
    assert (
        enforcement_of(decided(None, a_policy(mode="Approve")), approved, END + 2 * DAY).action
        == EnforcementAction.EXECUTE
    )


def test_an_approval_does_not_outlive_a_change_of_mode() -> None:
    approved = asked(is_approved=True)
    assert (
        enforcement_of(decided(None, a_policy(mode="DryRun")), approved, LATER).action
        == EnforcementAction.WRITE_DRY_RUN
    )


def test_an_intent_of_mode_enforce_needs_approval_after_a_change_to_approve() -> None:
    intent = an_action("own", execution=ExecutionState.PENDING, executed_at=None, is_approved=None)
    assert (
        enforcement_of(decided(None, a_policy(mode="Approve")), intent, LATER).action
        == EnforcementAction.AWAIT_APPROVAL
    )
    assert enforcement_of(decided(None, a_policy()), intent, LATER).action == EnforcementAction.EXECUTE


def test_a_final_action_is_not_denied() -> None:
    held = decided(None, a_policy(mode="Approve", suspended=True))
    assert enforcement_of(held, an_action("own"), END + 2 * DAY).action == EnforcementAction.HOLD
    assert enforcement_of(held, asked(is_approved=False), END + 2 * DAY).action == EnforcementAction.HOLD


def test_a_notification_needs_no_approval() -> None:
    both = a_policy(RESUBMIT | {"notify": SINKS}, mode="Approve")
    notification = decided(None, both, lock=LockClass.NOTIFY)
    assert enforcement_of(notification, None, LATER).action == EnforcementAction.EXECUTE
    intent = an_action(
        "own", lock=LockClass.NOTIFY, type=ActionType.NOTIFY, execution=ExecutionState.PENDING, is_approved=None
    )
    assert enforcement_of(notification, intent, END + 2 * DAY).action == EnforcementAction.EXECUTE

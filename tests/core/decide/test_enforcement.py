"""What is done with a decision: the mode decides that, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.core.decide.builders import END, LATER, RESUBMIT, SINKS, a_policy, a_report, an_action, decided

from wfreport.api.actions import ActionType
from wfreport.api.policy import MODE_MEANINGS, Mode
from wfreport.api.reasons import HoldReason
from wfreport.api.remediation import LockClass
from wfreport.core.decide.enforcement import ENFORCEMENT_MEANINGS, EnforcementAction, enforcement_of
from wfreport.core.decide.model import ExecutionState, PastAction

ASKED = {"execution": ExecutionState.PENDING, "executed_at": None, "is_approval_required": True, "is_approved": None}
DAY = timedelta(days=1)


def asked(**fields: Any) -> PastAction:
    """A Remediation for which a person was asked when the run ended."""
    return an_action("own", **(ASKED | fields))


def test_modes_and_courses_are_explained() -> None:
    assert set(MODE_MEANINGS) == set(Mode)
    assert set(ENFORCEMENT_MEANINGS) == set(EnforcementAction)


@pytest.mark.parametrize(
    ("mode", "course"),
    [
        ("Observe", EnforcementAction.COUNT),
        ("DryRun", EnforcementAction.WRITE_DRY_RUN),
        ("Approve", EnforcementAction.REQUEST_APPROVAL),
        ("Enforce", EnforcementAction.EXECUTE),
    ],
)
def test_a_mode_says_what_becomes_of_a_decision(mode: str, course: EnforcementAction) -> None:
    step = enforcement_of(decided(None, a_policy(mode=mode)), None, LATER)
    assert (step.action, step.hold, step.recheck_at) == (course, None, None)


def test_a_hold_is_a_hold_in_every_mode() -> None:
    for mode in Mode:
        held = decided(None, a_policy(mode=mode), now=END)
        step = enforcement_of(held, None, END)
        assert (step.action, step.recheck_at) == (EnforcementAction.HOLD, held.recheck_at)
        assert step.recheck_at is not None


def test_where_no_policy_is_nothing_is_done() -> None:
    nobody = decided(a_report(labels={}))
    again_at = END + 2 * DAY
    step = enforcement_of(replace(nobody, recheck_at=again_at), asked(), LATER)
    assert (step.action, step.recheck_at) == (EnforcementAction.HOLD, again_at)


def test_some_actions_need_approval_in_mode_enforce_too() -> None:
    careful = a_policy(approval={"requiredFor": ["Resubmit"]})
    assert enforcement_of(decided(None, careful), None, LATER).action == EnforcementAction.REQUEST_APPROVAL
    other = a_policy(approval={"requiredFor": ["SuspendCron"]})
    assert enforcement_of(decided(None, other), None, LATER).action == EnforcementAction.EXECUTE


def test_a_person_is_waited_for_until_the_timeout_which_denies() -> None:
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


def test_what_is_approved_is_done() -> None:
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


def test_an_intent_of_mode_enforce_is_asked_for_after_a_change_to_approve() -> None:
    intent = an_action("own", execution=ExecutionState.PENDING, executed_at=None, is_approved=None)
    assert (
        enforcement_of(decided(None, a_policy(mode="Approve")), intent, LATER).action
        == EnforcementAction.AWAIT_APPROVAL
    )
    assert enforcement_of(decided(None, a_policy()), intent, LATER).action == EnforcementAction.EXECUTE


def test_what_is_settled_is_not_denied_any_more() -> None:
    held = decided(None, a_policy(mode="Approve", suspended=True))
    assert enforcement_of(held, an_action("own"), END + 2 * DAY).action == EnforcementAction.HOLD
    assert enforcement_of(held, asked(is_approved=False), END + 2 * DAY).action == EnforcementAction.HOLD


def test_to_tell_people_needs_nobodys_approval() -> None:
    both = a_policy(RESUBMIT | {"notify": SINKS}, mode="Approve")
    told = decided(None, both, lock=LockClass.NOTIFY)
    assert enforcement_of(told, None, LATER).action == EnforcementAction.EXECUTE
    intent = an_action(
        "own", lock=LockClass.NOTIFY, type=ActionType.NOTIFY, execution=ExecutionState.PENDING, is_approved=None
    )
    assert enforcement_of(told, intent, END + 2 * DAY).action == EnforcementAction.EXECUTE

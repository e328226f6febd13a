"""What is done with a decision: the mode decides that, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.core.decide.worlds import END, LATER, RESUBMIT, SINKS, a_policy, a_report, an_act, judged

from wfreport.api.actions import ActionType
from wfreport.api.policy import MODE_MEANINGS, Mode
from wfreport.api.reasons import HoldReason
from wfreport.api.remediation import LockClass
from wfreport.core.decide.enforcement import COURSE_MEANINGS, Course, course_of
from wfreport.core.decide.model import Act, Execution

ASKED = {"execution": Execution.PENDING, "executed_at": None, "is_approval_required": True, "is_approved": None}
DAY = timedelta(days=1)


def asked(**fields: Any) -> Act:
    """A Remediation for which a person was asked when the run ended."""
    return an_act("own", **(ASKED | fields))


def test_modes_and_courses_are_explained() -> None:
    assert set(MODE_MEANINGS) == set(Mode)
    assert set(COURSE_MEANINGS) == set(Course)


@pytest.mark.parametrize(
    ("mode", "course"),
    [
        ("Observe", Course.COUNT),
        ("DryRun", Course.WRITE_DRY_RUN),
        ("Approve", Course.ASK),
        ("Enforce", Course.EXECUTE),
    ],
)
def test_a_mode_says_what_becomes_of_a_decision(mode: str, course: Course) -> None:
    step = course_of(judged(None, a_policy(mode=mode)), None, LATER)
    assert (step.course, step.hold, step.look_again_at) == (course, None, None)


def test_a_hold_is_a_hold_in_every_mode() -> None:
    for mode in Mode:
        held = judged(None, a_policy(mode=mode), now=END)
        step = course_of(held, None, END)
        assert (step.course, step.look_again_at) == (Course.HOLD, held.look_again_at)
        assert step.look_again_at is not None


def test_where_no_policy_is_nothing_is_done() -> None:
    nobody = judged(a_report(labels={}))
    again_at = END + 2 * DAY
    step = course_of(replace(nobody, look_again_at=again_at), asked(), LATER)
    assert (step.course, step.look_again_at) == (Course.HOLD, again_at)


def test_some_actions_need_approval_in_mode_enforce_too() -> None:
    careful = a_policy(approval={"requiredFor": ["Resubmit"]})
    assert course_of(judged(None, careful), None, LATER).course == Course.ASK
    other = a_policy(approval={"requiredFor": ["SuspendCron"]})
    assert course_of(judged(None, other), None, LATER).course == Course.EXECUTE


def test_a_person_is_waited_for_until_the_timeout_which_denies() -> None:
    policy = a_policy(mode="Approve")
    waiting = course_of(judged(None, policy), asked(), END + DAY - timedelta(seconds=1))
    assert (waiting.course, waiting.look_again_at) == (Course.AWAIT, END + DAY)
    assert waiting.hold is not None
    assert (waiting.hold.reason, waiting.hold.look_again_at) == (HoldReason.APPROVAL_MISSING, END + DAY)
    assert waiting.hold.message == "a person has to approve it"
    late = course_of(judged(None, policy), asked(), END + DAY)
    assert late.course == Course.DENY
    assert late.hold is not None
    assert (late.hold.reason, late.hold.message) == (HoldReason.APPROVAL_DENIED, "nobody approved it in time")


def test_a_hold_does_not_keep_an_approval_from_timing_out() -> None:
    held = judged(None, a_policy(mode="Approve", suspended=True))
    assert course_of(held, asked(), LATER).look_again_at == END + DAY
    assert course_of(held, asked(), END + DAY).course == Course.DENY
    cooling = judged(None, a_policy(mode="Approve"), now=END)
    assert course_of(cooling, asked(), END).look_again_at == cooling.look_again_at


def test_what_is_approved_is_done() -> None:
    approved = asked(is_approved=True)
    assert course_of(judged(None, a_policy(mode="Approve")), approved, END + 2 * DAY).course == Course.EXECUTE


def test_an_approval_does_not_outlive_a_change_of_mode() -> None:
    approved = asked(is_approved=True)
    assert course_of(judged(None, a_policy(mode="DryRun")), approved, LATER).course == Course.WRITE_DRY_RUN


def test_an_intent_of_mode_enforce_is_asked_for_after_a_change_to_approve() -> None:
    intent = an_act("own", execution=Execution.PENDING, executed_at=None, is_approved=None)
    assert course_of(judged(None, a_policy(mode="Approve")), intent, LATER).course == Course.AWAIT
    assert course_of(judged(None, a_policy()), intent, LATER).course == Course.EXECUTE


def test_what_is_settled_is_not_denied_any_more() -> None:
    held = judged(None, a_policy(mode="Approve", suspended=True))
    assert course_of(held, an_act("own"), END + 2 * DAY).course == Course.HOLD
    assert course_of(held, asked(is_approved=False), END + 2 * DAY).course == Course.HOLD


def test_to_tell_people_needs_nobodys_approval() -> None:
    both = a_policy(RESUBMIT | {"notify": SINKS}, mode="Approve")
    told = judged(None, both, lock=LockClass.NOTIFY)
    assert course_of(told, None, LATER).course == Course.EXECUTE
    intent = an_act(
        "own", lock=LockClass.NOTIFY, action=ActionType.NOTIFY, execution=Execution.PENDING, is_approved=None
    )
    assert course_of(told, intent, END + 2 * DAY).course == Course.EXECUTE

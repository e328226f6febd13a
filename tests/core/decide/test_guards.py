"""Every guard: when it holds, when it barely does not, and when it is rechecked."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace
from tests.builders import at
from tests.core.decide.builders import (
    END,
    LATER,
    NIGHTLY,
    SUSPEND,
    UID,
    a_candidate,
    a_failure,
    a_policy,
    a_report,
    a_run,
    an_action,
)

from wfreport.api.action_types import ActionType
from wfreport.api.reason_meanings import HOLD_MEANINGS
from wfreport.api.reasons import HoldReason
from wfreport.api.remediation import LockClass
from wfreport.core.decide import guards
from wfreport.core.decide.decision import BEFORE_GUARDS
from wfreport.core.decide.enforcement import APPROVAL_HOLDS
from wfreport.core.decide.model import ExecutionState

SECOND = timedelta(seconds=1)


def test_hold_reasons_are_in_the_order_of_evaluation() -> None:
    guarded = [guard.reason for guard in guards.GUARDS]
    assert [*BEFORE_GUARDS, *guarded, *APPROVAL_HOLDS] == list(HoldReason) == list(HOLD_MEANINGS)


@pytest.mark.parametrize("guard", guards.GUARDS, ids=lambda guard: guard.reason)
def test_no_guard_holds_without_a_cause(guard: guards.Guard) -> None:
    assert guard.check(a_candidate()) is None


@pytest.mark.parametrize("guard", guards.GUARDS, ids=lambda guard: guard.reason)
def test_no_guard_fails_for_a_running_workflow(guard: guards.Guard) -> None:
    stop = {"name": "stuck", "match": {}, "action": {"stop": {"afterSeconds": 60}}}
    running = a_report(phase="Running", observed={"finishedAt": None})
    assert guard.check(a_candidate(a_policy(stop), running, failure=None)) is None


def test_the_first_hold_applies() -> None:
    candidate = a_candidate(a_policy(suspended=True, pauseRequests=["x"]), rivals=("other",))
    hold = guards.first_hold(candidate)
    assert hold is not None
    assert hold.reason == HoldReason.POLICY_SUSPENDED
    assert guards.first_hold(a_candidate()) is None


NOT_OF_NOTIFICATIONS = {
    HoldReason.BEING_DELETED,
    HoldReason.NEWER_RESUBMISSION,
    HoldReason.CRON_ALREADY_SUSPENDED,
    HoldReason.ATTEMPTS_EXHAUSTED,
    HoldReason.COOLING_DOWN,
    HoldReason.BREAKER_OPEN,
    HoldReason.REMEDIATION_INEFFECTIVE,
}


def test_notifications_are_exempt_from_guards_of_the_run() -> None:
    skipped = {guard.reason for guard in guards.GUARDS if LockClass.NOTIFY not in guard.locks}
    assert skipped == NOT_OF_NOTIFICATIONS
    assert all(LockClass.MUTATE in guard.locks for guard in guards.GUARDS)
    gone = a_candidate(live={"is_deleting": True}, lock=LockClass.NOTIFY)
    assert guards.first_hold(gone) is None


def test_a_suspended_policy_holds() -> None:
    hold = guards.policy_suspended(a_candidate(a_policy(suspended=True)))
    assert hold is not None
    assert hold.reason == HoldReason.POLICY_SUSPENDED
    assert "batch" in hold.message


def test_a_pause_holds_with_its_requests() -> None:
    hold = guards.policy_paused(a_candidate(a_policy(pauseRequests=["upgrade by @ana", "audit"])))
    assert hold is not None
    assert (hold.reason, hold.message) == (HoldReason.POLICY_PAUSED, "paused: upgrade by @ana; audit")
    assert guards.policy_paused(a_candidate(a_policy(pauseRequests=[]))) is None


def test_an_opt_out_holds() -> None:
    hold = guards.opted_out(a_candidate(live={"is_opted_out": True}))
    assert hold is not None
    assert hold.reason == HoldReason.OPTED_OUT
    assert "wfreport.dev/no-remediation" in hold.message


@pytest.mark.parametrize("shutdown", ["Stop", "Terminate"])
def test_a_run_that_a_person_stopped_is_held(shutdown: str) -> None:
    hold = guards.cancelled(a_candidate(report=a_report(observed={"shutdown": shutdown})))
    assert hold is not None
    assert hold.reason == HoldReason.CANCELLED_BY_PERSON
    assert shutdown in hold.message


def test_a_run_of_class_cancelled_is_held() -> None:
    report = a_report("etl", UID, a_failure(**{"class": "Cancelled"}))
    hold = guards.cancelled(a_candidate(report=report))
    assert hold is not None
    assert (hold.reason, hold.message) == (HoldReason.CANCELLED_BY_PERSON, "the Workflow was cancelled")


def test_a_report_without_an_observation_is_not_cancelled() -> None:
    candidate = a_candidate()
    bare = candidate.input.status.model_copy(update={"observed_workflow": None})
    held = with_status(candidate, status=bare)
    assert guards.cancelled(held) is None


def with_status(candidate: Any, **fields: Any) -> Any:
    return replace(candidate, input=replace(candidate.input, **fields))


def test_a_run_that_ended_long_ago_is_held() -> None:
    policy = a_policy(limits={"maxAgeSeconds": 600})
    assert guards.too_old(a_candidate(policy, now=END + timedelta(seconds=600))) is None
    hold = guards.too_old(a_candidate(policy, now=END + timedelta(seconds=601)))
    assert hold is not None
    assert hold.reason == HoldReason.RUN_TOO_OLD
    assert "600" in hold.message


def test_a_run_with_an_unknown_end_is_held() -> None:
    hold = guards.too_old(a_candidate(report=a_report(end=None)))
    assert hold is not None
    assert hold.reason == HoldReason.RUN_TOO_OLD


def test_a_run_that_failed_before_the_policy_was_enforced_or_in_the_same_second_is_held() -> None:
    for since in (END + SECOND, END):
        hold = guards.failed_before_enforced(a_candidate(a_policy(enforced_since=since)))
        assert hold is not None
        assert hold.reason == HoldReason.FAILED_BEFORE_ENFORCED
    assert guards.failed_before_enforced(a_candidate(a_policy(enforced_since=END - SECOND))) is None
    running = a_report(phase="Running")
    assert guards.failed_before_enforced(a_candidate(a_policy(enforced_since=LATER), running, failure=None)) is None


@pytest.mark.parametrize(("role", "holds"), [("Tolerated", True), ("Victim", True), ("ExitHandler", False)])
def test_a_failure_that_is_not_final_is_held(role: str, holds: bool) -> None:
    hold = guards.retries_remaining(a_candidate(report=a_report("etl", UID, a_failure(role=role))))
    assert (hold is not None) == holds
    if hold is not None:
        assert (hold.reason, hold.message) == (HoldReason.RETRIES_REMAINING, "the failure of transform is not final")


def test_a_step_without_a_name_may_have_retries_remaining() -> None:
    hold = guards.retries_remaining(
        a_candidate(report=a_report("etl", UID, a_failure(role="Victim", displayName=None)))
    )
    assert hold is not None
    assert hold.message == "the failure of a step is not final"


def test_a_workflow_that_is_being_deleted_is_held() -> None:
    hold = guards.being_deleted(a_candidate(live={"is_deleting": True}))
    assert hold is not None
    assert hold.reason == HoldReason.BEING_DELETED


@pytest.mark.parametrize(
    ("other", "holds"),
    [
        ({"resubmitted_from": "etl", "started_at": at(70)}, True),
        ({"resubmitted_from": "etl", "started_at": at(0)}, True),
        ({"resubmitted_from": "etl", "started_at": None}, True),
        ({"resubmitted_from": "etl", "started_at": at(-1)}, False),
        ({"resubmitted_from": "etl", "started_at": at(70), "namespace": "elsewhere"}, False),
        ({"resubmitted_from": "another", "started_at": at(70)}, False),
        ({"root_uid": UID, "attempt": 1}, True),
        ({"root_uid": UID, "attempt": 0}, False),
        ({"root_uid": UID, "attempt": 1, "uid": UID}, False),
        ({"root_uid": UID, "attempt": 1, "namespace": "elsewhere"}, False),
    ],
    ids=str,
)
def test_a_resubmitted_run_is_held(other: dict[str, Any], holds: bool) -> None:
    hold = guards.newer_resubmission(a_candidate(runs=(a_run("older"), a_run("newer", **other))))
    assert (hold is not None) == holds
    if hold is not None:
        assert (hold.reason, hold.message) == (
            HoldReason.NEWER_RESUBMISSION,
            "the run has been resubmitted as Workflow newer",
        )


def test_a_run_without_a_start_may_have_been_resubmitted() -> None:
    report = a_report(observed={"startedAt": None})
    other = a_run("newer", resubmitted_from="etl", started_at=at(-9))
    assert guards.newer_resubmission(a_candidate(report=report, runs=(other,))) is not None


def test_a_resubmission_is_not_newer_than_the_next_one() -> None:
    labels = {"team": "data", "wfreport.dev/root": "etl", "wfreport.dev/root-uid": UID, "wfreport.dev/attempt": "1"}
    labels |= {"wfreport.dev/remediation-uid": "r"}
    report = a_report("etl-3f9c1b8e02-r1", "uid-r1", labels=labels)
    root = a_run("etl", UID)
    assert guards.newer_resubmission(a_candidate(report=report, runs=(root,))) is None
    assert (
        guards.newer_resubmission(a_candidate(report=report, runs=(root, a_run("x", root_uid=UID, attempt=2))))
        is not None
    )


def test_policies_of_the_same_priority_block_each_other() -> None:
    hold = guards.policy_conflict(a_candidate(a_policy(priority=7), rivals=("other", "third")))
    assert hold is not None
    assert hold.reason == HoldReason.POLICY_CONFLICT
    assert hold.message == "policies of the same priority 7 select the Workflow: batch, other, third"


def suspends(**fields: Any) -> Any:
    return an_action("earlier", **({"root_uid": "uid-other", "type": ActionType.SUSPEND_CRON} | fields))


@pytest.mark.parametrize(
    ("action", "before", "holds"),
    [
        (suspends(), a_run(cron_workflow="nightly", started_at=at(-60)), True),
        (suspends(root_uid="uid-else"), a_run(cron_workflow="nightly", started_at=at(-60)), False),
        (suspends(execution=ExecutionState.NOT_DONE), a_run(cron_workflow="nightly", started_at=at(-60)), False),
        (suspends(type=ActionType.STOP), a_run(cron_workflow="nightly", started_at=at(-60)), False),
        (suspends(), a_run(cron_workflow="nightly", started_at=at(-60), phase="Succeeded"), False),
        (suspends(), a_run(cron_workflow="weekly", started_at=at(-60)), False),
    ],
    ids=["suspended for it", "for another", "was not done", "another action", "for an earlier streak", "another cron"],
)
def test_a_cron_is_suspended_once_per_streak(action: Any, before: Any, holds: bool) -> None:
    hold = guards.cron_already_suspended(a_candidate(a_policy(SUSPEND), NIGHTLY, actions=(action,), runs=(before,)))
    assert (hold is not None) == holds
    if hold is not None:
        assert hold.reason == HoldReason.CRON_ALREADY_SUSPENDED
        assert "earlier" in hold.message


def test_other_actions_ignore_a_suspended_cron() -> None:
    before = a_run(cron_workflow="nightly", started_at=at(-60))
    assert guards.cron_already_suspended(a_candidate(None, NIGHTLY, actions=(suspends(),), runs=(before,))) is None

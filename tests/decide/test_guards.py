"""Every guard by its own table: when it holds, when it just does not, and when it is to be looked at again."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.builders import at
from tests.decide.worlds import (
    END,
    LATER,
    RESUBMIT,
    SINKS,
    UID,
    a_case,
    a_failure,
    a_policy,
    a_report,
    a_run,
    an_act,
    settled,
)

from wfreport.api.actions import ActionType
from wfreport.api.classes import FailureClass
from wfreport.api.reasons import HOLD_MEANINGS, HoldReason
from wfreport.api.remediation import LockClass
from wfreport.core.decide import guards
from wfreport.core.decide.breaker import BreakerState
from wfreport.core.decide.course import APPROVAL_HOLDS
from wfreport.core.decide.decision import BEFORE_GUARDS
from wfreport.core.decide.model import Execution, OperatorLimits

SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)


def test_every_reason_to_hold_has_its_place_in_the_tables_in_their_order() -> None:
    guarded = [guard.reason for guard in guards.GUARDS]
    assert [*BEFORE_GUARDS, *guarded, *APPROVAL_HOLDS] == list(HoldReason) == list(HOLD_MEANINGS)


@pytest.mark.parametrize("guard", guards.GUARDS, ids=lambda guard: guard.reason)
def test_no_guard_holds_where_nothing_speaks_against_it(guard: guards.Guard) -> None:
    assert guard.ask(a_case()) is None


@pytest.mark.parametrize("guard", guards.GUARDS, ids=lambda guard: guard.reason)
def test_no_guard_stumbles_over_a_run_that_goes_on(guard: guards.Guard) -> None:
    stop = {"name": "stuck", "match": {}, "action": {"stop": {"afterSeconds": 60}}}
    running = a_report(phase="Running", observed={"finishedAt": None})
    assert guard.ask(a_case(a_policy(stop), running, failure=None)) is None


def test_the_first_guard_that_holds_is_the_answer() -> None:
    case = a_case(a_policy(suspended=True, pauseRequests=["x"]), rivals=("other",))
    hold = guards.first_hold(case)
    assert hold is not None
    assert hold.reason == HoldReason.POLICY_SUSPENDED
    assert guards.first_hold(a_case()) is None


NOT_OF_NOTIFICATIONS = {
    HoldReason.BEING_DELETED,
    HoldReason.NEWER_RESUBMISSION,
    HoldReason.CRON_SUSPENDED_FOR_IT,
    HoldReason.ATTEMPTS_SPENT,
    HoldReason.COOLING_DOWN,
    HoldReason.BREAKER_OPEN,
    HoldReason.DID_NOT_HELP,
}


def test_people_are_told_where_only_an_act_would_do_harm() -> None:
    skipped = {guard.reason for guard in guards.GUARDS if LockClass.NOTIFY not in guard.locks}
    assert skipped == NOT_OF_NOTIFICATIONS
    assert all(LockClass.MUTATE in guard.locks for guard in guards.GUARDS)
    gone = a_case(look={"is_deleting": True}, lock=LockClass.NOTIFY)
    assert guards.first_hold(gone) is None


def test_a_suspended_policy_holds() -> None:
    hold = guards.policy_suspended(a_case(a_policy(suspended=True)))
    assert hold is not None
    assert hold.reason == HoldReason.POLICY_SUSPENDED
    assert "batch" in hold.message


def test_a_pause_holds_and_says_why() -> None:
    hold = guards.policy_paused(a_case(a_policy(pauseRequests=["upgrade by @ana", "audit"])))
    assert hold is not None
    assert (hold.reason, hold.message) == (HoldReason.POLICY_PAUSED, "paused: upgrade by @ana; audit")
    assert guards.policy_paused(a_case(a_policy(pauseRequests=[]))) is None


def test_an_opt_out_holds() -> None:
    hold = guards.opted_out(a_case(look={"is_opted_out": True}))
    assert hold is not None
    assert hold.reason == HoldReason.OPTED_OUT
    assert "wfreport.dev/no-remediation" in hold.message


@pytest.mark.parametrize("shutdown", ["Stop", "Terminate"])
def test_what_a_person_stopped_is_left_alone(shutdown: str) -> None:
    hold = guards.cancelled(a_case(report=a_report(observed={"shutdown": shutdown})))
    assert hold is not None
    assert hold.reason == HoldReason.CANCELLED_BY_PERSON
    assert shutdown in hold.message


def test_what_is_cancelled_by_its_class_is_left_alone() -> None:
    report = a_report("etl", UID, a_failure(**{"class": "Cancelled"}))
    hold = guards.cancelled(a_case(report=report))
    assert hold is not None
    assert hold.message == "the Workflow was told to stop"


def test_a_report_without_an_observation_is_not_cancelled() -> None:
    case = a_case()
    bare = case.subject.status.model_copy(update={"observed_workflow": None})
    subject = guards_subject(case, status=bare)
    assert guards.cancelled(subject) is None


def guards_subject(case: Any, **fields: Any) -> Any:
    return replace(case, subject=replace(case.subject, **fields))


def test_a_run_that_ended_long_ago_is_left_alone() -> None:
    policy = a_policy(limits={"maxAgeSeconds": 600})
    assert guards.too_old(a_case(policy, now=END + timedelta(seconds=600))) is None
    hold = guards.too_old(a_case(policy, now=END + timedelta(seconds=601)))
    assert hold is not None
    assert hold.reason == HoldReason.RUN_TOO_OLD
    assert "600" in hold.message


def test_a_run_of_which_the_end_is_not_known_is_left_alone() -> None:
    hold = guards.too_old(a_case(report=a_report(end=None)))
    assert hold is not None
    assert hold.reason == HoldReason.RUN_TOO_OLD


def test_what_failed_before_the_policy_was_let_act_or_in_that_very_second_is_left_alone() -> None:
    for since in (END + SECOND, END):
        hold = guards.failed_before_enforced(a_case(a_policy(enforced_since=since)))
        assert hold is not None
        assert hold.reason == HoldReason.FAILED_BEFORE_ENFORCED
    assert guards.failed_before_enforced(a_case(a_policy(enforced_since=END - SECOND))) is None
    running = a_report(phase="Running")
    assert guards.failed_before_enforced(a_case(a_policy(enforced_since=LATER), running, failure=None)) is None


@pytest.mark.parametrize(("role", "holds"), [("Tolerated", True), ("Victim", True), ("ExitHandler", False)])
def test_what_has_not_failed_for_good_is_left_to_argo(role: str, holds: bool) -> None:
    hold = guards.retries_left(a_case(report=a_report("etl", UID, a_failure(role=role))))
    assert (hold is not None) == holds
    if hold is not None:
        assert (hold.reason, hold.message) == (HoldReason.RETRIES_LEFT, "transform has not failed for good")


def test_a_step_without_a_name_can_have_retries_left_too() -> None:
    hold = guards.retries_left(a_case(report=a_report("etl", UID, a_failure(role="Victim", displayName=None))))
    assert hold is not None
    assert hold.message == "a step has not failed for good"


def test_what_is_being_deleted_is_left_alone() -> None:
    hold = guards.being_deleted(a_case(look={"is_deleting": True}))
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
def test_what_runs_again_already_is_not_resubmitted(other: dict[str, Any], holds: bool) -> None:
    hold = guards.newer_resubmission(a_case(runs=(a_run("older"), a_run("newer", **other))))
    assert (hold is not None) == holds
    if hold is not None:
        assert (hold.reason, hold.message) == (
            HoldReason.NEWER_RESUBMISSION,
            "Workflow newer is a newer run of the same",
        )


def test_a_run_that_has_not_been_seen_to_start_may_have_been_resubmitted() -> None:
    report = a_report(observed={"startedAt": None})
    other = a_run("newer", resubmitted_from="etl", started_at=at(-9))
    assert guards.newer_resubmission(a_case(report=report, runs=(other,))) is not None


def test_a_resubmission_is_not_newer_than_the_next_one() -> None:
    labels = {"team": "data", "wfreport.dev/root": "etl", "wfreport.dev/root-uid": UID, "wfreport.dev/attempt": "1"}
    labels |= {"wfreport.dev/remediation-uid": "r"}
    report = a_report("etl-3f9c1b8e02-r1", "uid-r1", labels=labels)
    root = a_run("etl", UID)
    assert guards.newer_resubmission(a_case(report=report, runs=(root,))) is None
    assert (
        guards.newer_resubmission(a_case(report=report, runs=(root, a_run("x", root_uid=UID, attempt=2)))) is not None
    )


def test_policies_of_the_same_priority_block_each_other() -> None:
    hold = guards.policy_conflict(a_case(a_policy(priority=7), rivals=("other", "third")))
    assert hold is not None
    assert hold.reason == HoldReason.POLICY_CONFLICT
    assert hold.message == "policy batch and other, third select the Workflow with the same priority, 7"


SUSPEND = {
    "name": "storm",
    "match": {"consecutiveFailures": {"atLeast": 2, "of": "CronWorkflow"}},
    "action": {"suspendCron": {}},
}
NIGHTLY = a_report(workflowSource={"cronWorkflow": "nightly"})


def suspends(**fields: Any) -> Any:
    return an_act("earlier", **({"root_uid": "uid-other", "action": ActionType.SUSPEND_CRON} | fields))


@pytest.mark.parametrize(
    ("act", "before", "holds"),
    [
        (suspends(), a_run(cron_workflow="nightly", started_at=at(-60)), True),
        (suspends(root_uid="uid-else"), a_run(cron_workflow="nightly", started_at=at(-60)), False),
        (suspends(execution=Execution.NOT_DONE), a_run(cron_workflow="nightly", started_at=at(-60)), False),
        (suspends(action=ActionType.STOP), a_run(cron_workflow="nightly", started_at=at(-60)), False),
        (suspends(), a_run(cron_workflow="nightly", started_at=at(-60), phase="Succeeded"), False),
        (suspends(), a_run(cron_workflow="weekly", started_at=at(-60)), False),
    ],
    ids=["suspended for it", "for another", "was not done", "another act", "for an earlier row", "another cron"],
)
def test_a_cron_is_suspended_once_for_a_row_of_failures(act: Any, before: Any, holds: bool) -> None:
    hold = guards.cron_suspended(a_case(a_policy(SUSPEND), NIGHTLY, acts=(act,), runs=(before,)))
    assert (hold is not None) == holds
    if hold is not None:
        assert hold.reason == HoldReason.CRON_SUSPENDED_FOR_IT
        assert "earlier" in hold.message


def test_only_suspending_asks_whether_the_cron_was_suspended() -> None:
    before = a_run(cron_workflow="nightly", started_at=at(-60))
    assert guards.cron_suspended(a_case(None, NIGHTLY, acts=(suspends(),), runs=(before,))) is None


def on_chain(number: int, **fields: Any) -> Any:
    return settled(f"act-{number}", helped=False, root_uid=UID, attempt=number, **fields)


@pytest.mark.parametrize(
    ("acts", "holds"),
    [
        ((on_chain(1),), False),
        ((on_chain(1), on_chain(2)), True),
        ((on_chain(1), on_chain(2, counts_toward_limit=False)), False),
        ((on_chain(1), on_chain(2, execution=Execution.NOT_DONE)), False),
        ((on_chain(1), on_chain(2, execution=Execution.LOST)), True),
        ((on_chain(1), on_chain(2, action=ActionType.RETRY)), True),
        ((on_chain(1), on_chain(2, action=ActionType.RAISE_MEMORY)), True),
        ((on_chain(1), on_chain(2, action=ActionType.STOP)), False),
        ((on_chain(1), on_chain(2, policy_name="another")), True),
        ((on_chain(1), on_chain(2, namespace="elsewhere")), False),
        ((on_chain(1), settled("act-2", helped=False, root_uid="another chain")), False),
    ],
    ids=[
        *("one", "two", "one of the infrastructure", "not done", "lost", "a retry", "more memory", "a stop"),
        *("of another policy", "elsewhere", "another chain"),
    ],
)
def test_a_chain_gets_its_attempts_and_no_more(acts: Any, holds: bool) -> None:
    hold = guards.attempts_are_spent(a_case(acts=acts))
    assert (hold is not None) == holds
    if hold is not None:
        assert (hold.reason, hold.message) == (HoldReason.ATTEMPTS_SPENT, "2 acts of 2 are spent")


def test_failures_of_the_infrastructure_have_attempts_of_their_own() -> None:
    acts = tuple(on_chain(number, counts_toward_limit=False) for number in range(1, 6))
    hold = guards.attempts_are_spent(a_case(acts=acts, counts_toward_limit=False))
    assert hold is not None
    assert hold.message == "5 acts on failures of the infrastructure of 5 are spent"
    assert guards.attempts_are_spent(a_case(acts=acts[:4], counts_toward_limit=False)) is None
    assert guards.attempts_are_spent(a_case(acts=acts)) is None


def test_what_does_not_run_again_spends_no_attempts() -> None:
    acts = (on_chain(1), on_chain(2))
    assert guards.attempts_are_spent(a_case(a_policy(SUSPEND), acts=acts)) is None


def test_an_act_waits_for_its_backoff_and_says_until_when() -> None:
    policy = a_policy(backoff={"initialSeconds": 60, "jitter": "0"})
    hold = guards.cooling_down(a_case(policy, now=END + timedelta(seconds=59)))
    assert hold is not None
    assert (hold.reason, hold.look_again_at) == (HoldReason.COOLING_DOWN, END + timedelta(seconds=60))
    assert hold.message == "attempt 1 waits for its backoff"
    assert guards.cooling_down(a_case(policy, now=END + timedelta(seconds=60))) is None


def test_a_rule_may_wait_longer_than_the_backoff() -> None:
    slow = a_policy(RESUBMIT | {"delaySeconds": 600}, backoff={"jitter": "0"})
    hold = guards.cooling_down(a_case(slow))
    assert hold is not None
    assert hold.look_again_at == END + timedelta(seconds=600)


def test_suspending_a_cron_waits_for_nothing_but_its_rule() -> None:
    assert guards.cooling_down(a_case(a_policy(SUSPEND), NIGHTLY, now=END)) is None


def test_a_run_without_an_end_has_no_backoff() -> None:
    assert guards.cooling_down(a_case(report=a_report(end=None), now=END)) is None


def test_a_policy_has_so_many_acts_in_flight() -> None:
    policy = a_policy(budget={"maxConcurrent": 2})
    flying = (an_act("a"), an_act("b"))
    hold = guards.budget_spent(a_case(policy, acts=flying))
    assert hold is not None
    assert hold.reason == HoldReason.BUDGET_SPENT
    assert hold.message == "2 acts are in flight, and at most 2 may be"
    assert hold.look_again_at == LATER + timedelta(seconds=60)
    assert guards.budget_spent(a_case(policy, acts=flying[:1])) is None


def test_a_policy_has_so_many_acts_in_its_window() -> None:
    policy = a_policy(budget={"maxPerWindow": 2, "windowSeconds": 600})
    done = tuple(settled(name, helped=True, executed_at=when) for name, when in (("a", at(100)), ("b", at(200))))
    hold = guards.budget_spent(a_case(policy, acts=done, now=at(699)))
    assert hold is not None
    assert (hold.message, hold.look_again_at) == ("2 acts in the last 600 seconds, and at most 2 may be", at(700))
    assert guards.budget_spent(a_case(policy, acts=done, now=at(700))) is None


def test_the_acts_of_other_policies_spend_only_the_budget_of_all() -> None:
    policy = a_policy(budget={"maxConcurrent": 1})
    other = (an_act("a", policy_name="another"), an_act("b", namespace="elsewhere"))
    assert guards.budget_spent(a_case(policy, acts=other)) is None
    hold = guards.operator_budget_spent(a_case(policy, acts=other, limits=OperatorLimits(max_concurrent=2)))
    assert hold is not None
    assert hold.reason == HoldReason.OPERATOR_BUDGET_SPENT
    assert hold.message == "of all policies together, 2 acts are in flight, and at most 2 may be"


def test_all_policies_together_have_so_many_acts_an_hour() -> None:
    done = tuple(settled(name, helped=True, executed_at=at(100)) for name in "abc")
    limits = OperatorLimits(max_per_hour=3)
    hold = guards.operator_budget_spent(a_case(acts=done, limits=limits, now=at(100) + HOUR - SECOND))
    assert hold is not None
    assert hold.look_again_at == at(100) + HOUR
    assert guards.operator_budget_spent(a_case(acts=done, limits=limits, now=at(100) + HOUR)) is None


def test_notifications_and_acts_are_counted_apart() -> None:
    policy = a_policy(RESUBMIT | {"notify": SINKS}, budget={"maxPerWindow": 1})
    acts = (settled("a", helped=True),)
    assert guards.budget_spent(a_case(policy, acts=acts)) is not None
    assert guards.budget_spent(a_case(policy, acts=acts, lock=LockClass.NOTIFY)) is None
    told = (an_act("n", lock=LockClass.NOTIFY, action=ActionType.NOTIFY),)
    assert guards.budget_spent(a_case(policy, acts=told)) is None
    assert guards.budget_spent(a_case(policy, acts=told, lock=LockClass.NOTIFY)) is not None


BREAKER = {"failurePercentAtMost": 50, "minRuns": 3, "windowSeconds": 600, "cooldownSeconds": 300}


def test_the_breaker_opens_when_too_much_fails_at_once() -> None:
    policy = a_policy(circuitBreaker=BREAKER)
    failed = (a_run("a"), a_run("b"))
    hold = guards.breaker_open(a_case(policy, runs=failed))
    assert hold is not None
    assert hold.reason == HoldReason.BREAKER_OPEN
    assert hold.message == "3 of 3 runs failed within 600 seconds, more than 50%"
    assert hold.look_again_at == END + timedelta(seconds=900)
    assert guards.breaker_open(a_case(policy, runs=failed[:1])) is None


def test_the_run_itself_counts_once() -> None:
    policy = a_policy(circuitBreaker=BREAKER)
    same = a_run("etl", UID)
    assert guards.breaker_open(a_case(policy, runs=(same, a_run("a")))) is None


def test_only_runs_that_the_policy_selects_move_its_breaker() -> None:
    policy = a_policy(circuitBreaker=BREAKER)
    others = (a_run("a", labels={}), a_run("b", namespace="elsewhere"), a_run("c"))
    assert guards.breaker_open(a_case(policy, runs=others)) is None


def came_back(number: int, seconds: float = 100, **fields: Any) -> Any:
    made: dict[str, Any] = {
        "fingerprint": "5b1e0c7a",
        "root_uid": f"root-{number}",
        "attempt": 1,
        "finished_at": at(seconds),
    }
    return settled(f"act-{number}", **({"helped": False} | made | fields))


def failed_again(number: int, **fields: Any) -> Any:
    made: dict[str, Any] = {"root_uid": f"root-{number}", "attempt": 1, "fingerprint": "5b1e0c7a"}
    return a_run(f"again-{number}", **(made | fields))


def test_an_act_that_does_not_help_is_not_done_for_ever() -> None:
    policy = a_policy(circuitBreaker=NO_BREAKER | {"sameFingerprintAtMost": 2, "windowSeconds": 600})
    acts = tuple(came_back(number, 100 + number) for number in range(3))
    runs = tuple(failed_again(number) for number in range(3))
    hold = guards.did_not_help(a_case(policy, acts=acts, runs=runs))
    assert hold is not None
    assert hold.reason == HoldReason.DID_NOT_HELP
    assert hold.message == "the same failure came back 3 times after Resubmit in 600 seconds"
    assert hold.look_again_at == at(700)
    assert guards.did_not_help(a_case(policy, acts=acts[:2], runs=runs)) is None


NO_BREAKER = {"failurePercentAtMost": 100}


@pytest.mark.parametrize(
    ("act", "run", "holds"),
    [
        (came_back(1), failed_again(1), True),
        (came_back(1, helped=True), failed_again(1), False),
        (came_back(1, fingerprint="else"), failed_again(1), False),
        (came_back(1, action=ActionType.RAISE_MEMORY), failed_again(1), False),
        (came_back(1, policy_name="another"), failed_again(1), False),
        (came_back(1), failed_again(1, fingerprint="else"), False),
        (came_back(1), failed_again(1, attempt=2), False),
        (came_back(1), failed_again(1, failure_class=FailureClass.CANCELLED), False),
        (came_back(1, finished_at=None), failed_again(1), False),
        (came_back(1, -1439), failed_again(1), True),
        (came_back(1, -1440), failed_again(1), False),
        (came_back(1, 360), failed_again(1), True),
        (came_back(1, 361), failed_again(1), False),
    ],
    ids=[
        *("came back", "helped", "another failure", "another act", "another policy", "failed otherwise"),
        *("another attempt", "was stopped", "end not known", "within the window", "before it", "just now"),
        *("in the future",),
    ],
)
def test_what_came_back_is_the_same_failure_after_the_same_act(act: Any, run: Any, holds: bool) -> None:
    policy = a_policy(circuitBreaker=NO_BREAKER | {"sameFingerprintAtMost": 1, "windowSeconds": 1800})
    always = came_back(9)
    hold = guards.did_not_help(a_case(policy, acts=(always, act), runs=(failed_again(9), run)))
    assert (hold is not None) == holds


def test_a_retry_that_fails_again_is_the_same_workflow() -> None:
    retry = {"name": "retry", "match": {}, "action": {"retry": {}}}
    policy = a_policy(retry, circuitBreaker=NO_BREAKER | {"sameFingerprintAtMost": 1})
    acts = tuple(came_back(number, action=ActionType.RETRY) for number in range(2))
    assert guards.did_not_help(a_case(policy, acts=acts)) is not None


def test_a_failure_without_fingerprint_comes_back_unseen() -> None:
    policy = a_policy(circuitBreaker=NO_BREAKER | {"sameFingerprintAtMost": 1})
    report = a_report("etl", UID, a_failure(fingerprint=None))
    acts = tuple(came_back(number, fingerprint=None) for number in range(3))
    assert guards.did_not_help(a_case(policy, report, acts=acts)) is None


def test_states_of_the_breaker_are_what_users_read() -> None:
    assert [str(state) for state in BreakerState] == ["Closed", "Open", "HalfOpen"]

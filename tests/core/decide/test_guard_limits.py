"""Guards that count: attempts, backoff, budgets, the breaker, and actions that did not help."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace
from tests.builders import at
from tests.core.decide.builders import (
    END,
    LATER,
    NIGHTLY,
    NS,
    RESUBMIT,
    SINKS,
    SUSPEND,
    UID,
    a_candidate,
    a_failure,
    a_policy,
    a_report,
    a_run,
    an_action,
    with_outcome,
)

from wfreport.api.action_types import ActionType
from wfreport.api.calendar import LATEST
from wfreport.api.classes import FailureClass
from wfreport.api.reasons import HoldReason
from wfreport.api.remediation import LockClass
from wfreport.core.decide import guards
from wfreport.core.decide.breaker import BreakerState
from wfreport.core.decide.budget import action_times, without_action
from wfreport.core.decide.inputs import Candidate, Hold
from wfreport.core.decide.model import ActionTimes, ExecutionState, History, OperatorLimits

SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)


def on_chain(number: int, **fields: Any) -> Any:
    return with_outcome(f"action-{number}", helped=False, root_uid=UID, attempt=number, **fields)


@pytest.mark.parametrize(
    ("actions", "holds"),
    [
        ((on_chain(1),), False),
        ((on_chain(1), on_chain(2)), True),
        ((on_chain(1), on_chain(2, counts_toward_limit=False)), False),
        ((on_chain(1), on_chain(2, execution=ExecutionState.NOT_DONE)), False),
        ((on_chain(1), on_chain(2, execution=ExecutionState.LOST)), True),
        ((on_chain(1), on_chain(2, type=ActionType.RETRY)), True),
        ((on_chain(1), on_chain(2, type=ActionType.RAISE_MEMORY)), True),
        ((on_chain(1), on_chain(2, type=ActionType.STOP)), False),
        ((on_chain(1), on_chain(2, policy_name="another")), True),
        ((on_chain(1), on_chain(2, namespace="elsewhere")), False),
        ((on_chain(1), with_outcome("action-2", helped=False, root_uid="another chain")), False),
    ],
    ids=[
        *("one", "two", "one of the infrastructure", "not done", "lost", "a retry", "more memory", "a stop"),
        *("of another policy", "elsewhere", "another chain"),
    ],
)
def test_a_chain_is_held_once_its_attempts_are_used_up(actions: Any, holds: bool) -> None:
    hold = guards.attempts_are_exhausted(a_candidate(actions=actions))
    assert (hold is not None) == holds
    if hold is not None:
        assert (hold.reason, hold.message) == (HoldReason.ATTEMPTS_EXHAUSTED, "the chain has used 2 of 2 attempts")


def test_infrastructure_failures_have_their_own_attempts() -> None:
    actions = tuple(on_chain(number, counts_toward_limit=False) for number in range(1, 6))
    hold = guards.attempts_are_exhausted(a_candidate(actions=actions, counts_toward_limit=False))
    assert hold is not None
    assert hold.message == "the chain has used 5 of 5 attempts for infrastructure failures"
    assert guards.attempts_are_exhausted(a_candidate(actions=actions[:4], counts_toward_limit=False)) is None
    assert guards.attempts_are_exhausted(a_candidate(actions=actions)) is None


def test_an_action_that_runs_nothing_again_needs_no_attempts() -> None:
    actions = (on_chain(1), on_chain(2))
    assert guards.attempts_are_exhausted(a_candidate(a_policy(SUSPEND), actions=actions)) is None


def test_an_action_is_held_until_the_end_of_its_backoff() -> None:
    policy = a_policy(backoff={"initialSeconds": 60, "jitter": "0"})
    hold = guards.cooling_down(a_candidate(policy, now=END + timedelta(seconds=59)))
    assert hold is not None
    assert (hold.reason, hold.recheck_at) == (HoldReason.COOLING_DOWN, END + timedelta(seconds=60))
    assert hold.message == "attempt 1 is in its backoff"
    assert guards.cooling_down(a_candidate(policy, now=END + timedelta(seconds=60))) is None


def test_a_rule_may_wait_longer_than_the_backoff() -> None:
    slow = a_policy(RESUBMIT | {"delaySeconds": 600}, backoff={"jitter": "0"})
    hold = guards.cooling_down(a_candidate(slow))
    assert hold is not None
    assert hold.recheck_at == END + timedelta(seconds=600)


def test_suspending_a_cron_has_no_backoff() -> None:
    assert guards.cooling_down(a_candidate(a_policy(SUSPEND), NIGHTLY, now=END)) is None


def test_a_run_without_an_end_has_no_backoff() -> None:
    assert guards.cooling_down(a_candidate(report=a_report(end=None), now=END)) is None


def test_the_budget_limits_actions_in_flight() -> None:
    policy = a_policy(budget={"maxConcurrent": 2})
    flying = (an_action("a"), an_action("b"))
    hold = guards.policy_budget_exhausted(a_candidate(policy, actions=flying))
    assert hold is not None
    assert hold.reason == HoldReason.BUDGET_EXHAUSTED
    assert hold.message == "2 actions in flight, the maximum is 2"
    assert hold.recheck_at == LATER + timedelta(seconds=60)
    assert guards.policy_budget_exhausted(a_candidate(policy, actions=flying[:1])) is None


def test_the_budget_limits_actions_in_its_window() -> None:
    policy = a_policy(budget={"maxPerWindow": 2, "windowSeconds": 600})
    done = tuple(with_outcome(name, helped=True, executed_at=when) for name, when in (("a", at(100)), ("b", at(200))))
    hold = guards.policy_budget_exhausted(a_candidate(policy, actions=done, now=at(699)))
    assert hold is not None
    assert (hold.message, hold.recheck_at) == ("2 actions in the last 600 seconds, the maximum is 2", at(700))
    assert guards.policy_budget_exhausted(a_candidate(policy, actions=done, now=at(700))) is None


def test_an_action_outside_of_time_exhausts_the_budget_for_ever() -> None:
    policy = a_policy(budget={"maxPerWindow": 1, "windowSeconds": 600})
    done = (with_outcome("a", helped=True, executed_at=LATEST),)
    hold = guards.policy_budget_exhausted(a_candidate(policy, actions=done))
    assert hold is not None
    assert (hold.reason, hold.recheck_at) == (HoldReason.BUDGET_EXHAUSTED, LATEST)


def test_actions_of_other_policies_count_toward_the_operators_budget_only() -> None:
    policy = a_policy(budget={"maxConcurrent": 1})
    other = (an_action("a", policy_name="another"), an_action("b", namespace="elsewhere"))
    assert guards.policy_budget_exhausted(a_candidate(policy, actions=other)) is None
    hold = guards.operator_budget_exhausted(a_candidate(policy, actions=other, limits=OperatorLimits(max_concurrent=2)))
    assert hold is not None
    assert hold.reason == HoldReason.OPERATOR_BUDGET_EXHAUSTED
    assert hold.message == "of all policies of all namespaces, 2 actions in flight, the maximum is 2"


def test_a_namespace_has_a_share_of_the_operators_budget() -> None:
    """The share of a namespace is spent by all policies of that namespace, and by no others."""
    flying = tuple(an_action(name, policy_name=name) for name in "ab")
    limits = OperatorLimits(max_concurrent_per_namespace=2)
    hold = guards.namespace_budget_exhausted(a_candidate(actions=flying, limits=limits))
    assert hold is not None
    assert hold.reason == HoldReason.NAMESPACE_BUDGET_EXHAUSTED
    assert hold.message == f"of all policies of namespace {NS}, 2 actions in flight, the maximum is 2"
    assert hold.recheck_at == LATER + timedelta(seconds=60)
    foreign = tuple(an_action(name, namespace="elsewhere") for name in "abc")
    assert guards.namespace_budget_exhausted(a_candidate(actions=(*foreign, flying[0]), limits=limits)) is None


def test_a_namespace_that_has_spent_its_share_holds_no_other_namespace() -> None:
    """A namespace fills its share with actions that never end, and every hour again with notifications."""
    hogs = tuple(an_action(f"hog-{n}", namespace="hog") for n in range(10))
    sent = tuple(an_action(f"sent-{n}", namespace="hog", lock=LockClass.NOTIFY, has_outcome=True) for n in range(60))
    for lock in LockClass:
        candidate = a_candidate(actions=hogs + sent, lock=lock)
        assert guards.namespace_budget_exhausted(candidate) is None
        assert guards.operator_budget_exhausted(candidate) is None


def test_a_namespace_has_a_share_of_the_actions_per_hour() -> None:
    done = tuple(with_outcome(name, helped=True, executed_at=at(100)) for name in "ab")
    limits = OperatorLimits(max_per_hour_per_namespace=2)
    hold = guards.namespace_budget_exhausted(a_candidate(actions=done, limits=limits, now=at(100) + HOUR - SECOND))
    assert hold is not None
    assert hold.recheck_at == at(100) + HOUR


@pytest.mark.parametrize(("lock", "longest"), [(LockClass.MUTATE, 6 * HOUR), (LockClass.NOTIFY, HOUR / 6)])
@pytest.mark.parametrize("guard", [guards.namespace_budget_exhausted, guards.operator_budget_exhausted])
def test_an_action_is_in_flight_for_others_for_a_bounded_time(
    guard: Callable[[Candidate], Hold | None], lock: LockClass, longest: timedelta
) -> None:
    """A resubmission may be suspended for ever, and an endpoint be dead for a day."""
    kind = ActionType.NOTIFY if lock == LockClass.NOTIFY else ActionType.RESUBMIT
    flying = (
        an_action("a", lock=lock, type=kind, execution=ExecutionState.PENDING, created_at=at(0), executed_at=None),
    )
    limits = OperatorLimits(max_concurrent=1, max_concurrent_per_namespace=1)
    assert guard(a_candidate(actions=flying, limits=limits, lock=lock, now=at(0) + longest - SECOND)) is not None
    assert guard(a_candidate(actions=flying, limits=limits, lock=lock, now=at(0) + longest)) is None


def test_the_times_of_all_namespaces_decide_as_their_actions_do() -> None:
    here = (an_action("a"), an_action("own"))
    elsewhere = tuple(an_action(name, namespace="elsewhere") for name in "bc")
    everywhere = {lock: action_times((*here, *elsewhere), lock) for lock in LockClass}
    limits = OperatorLimits(max_concurrent=3, max_per_hour=3)
    history = History(actions=here, everywhere=everywhere)
    without_own = history.without(here[1])
    for given, others in ((history, (*here, *elsewhere)), (without_own, (here[0], *elsewhere))):
        candidate = a_candidate(limits=limits)
        derived = replace(candidate, input=replace(candidate.input, history=given))
        hold = guards.operator_budget_exhausted(derived)
        assert hold is not None
        assert hold == guards.operator_budget_exhausted(a_candidate(actions=others, limits=limits))
    assert without_own.without(None) is without_own
    awaiting = an_action("x", is_approval_required=True, execution=ExecutionState.PENDING)
    derived = replace(candidate, input=replace(candidate.input, history=history.without(awaiting)))
    assert guards.operator_budget_exhausted(derived) is not None, "an action that does not count is no less"
    finished = with_outcome("y", helped=True)
    everywhere = {lock: action_times((*here, finished), lock) for lock in LockClass}
    derived = replace(
        candidate,
        input=replace(candidate.input, history=History(actions=here, everywhere=everywhere, excluded=finished)),
    )
    assert guards.operator_budget_exhausted(derived) is None


def test_the_operators_budget_limits_actions_per_hour() -> None:
    done = tuple(with_outcome(name, helped=True, executed_at=at(100)) for name in "abc")
    limits = OperatorLimits(max_per_hour=3)
    hold = guards.operator_budget_exhausted(a_candidate(actions=done, limits=limits, now=at(100) + HOUR - SECOND))
    assert hold is not None
    assert hold.recheck_at == at(100) + HOUR
    assert guards.operator_budget_exhausted(a_candidate(actions=done, limits=limits, now=at(100) + HOUR)) is None


def test_notifications_and_actions_on_runs_are_counted_separately() -> None:
    policy = a_policy(RESUBMIT | {"notify": SINKS}, budget={"maxPerWindow": 1})
    actions = (with_outcome("a", helped=True),)
    assert guards.policy_budget_exhausted(a_candidate(policy, actions=actions)) is not None
    assert guards.policy_budget_exhausted(a_candidate(policy, actions=actions, lock=LockClass.NOTIFY)) is None
    notified = (an_action("n", lock=LockClass.NOTIFY, type=ActionType.NOTIFY),)
    assert guards.policy_budget_exhausted(a_candidate(policy, actions=notified)) is None
    assert guards.policy_budget_exhausted(a_candidate(policy, actions=notified, lock=LockClass.NOTIFY)) is not None


BREAKER = {"failurePercentAtMost": 50, "minRuns": 3, "windowSeconds": 600, "cooldownSeconds": 300}


def test_the_breaker_opens_if_too_many_runs_fail() -> None:
    policy = a_policy(circuitBreaker=BREAKER)
    failed = (a_run("a"), a_run("b"))
    hold = guards.breaker_open(a_candidate(policy, runs=failed))
    assert hold is not None
    assert hold.reason == HoldReason.BREAKER_OPEN
    assert hold.message == "3 of 3 runs failed within 600 seconds, more than 50%"
    assert hold.recheck_at == END + timedelta(seconds=900)
    assert guards.breaker_open(a_candidate(policy, runs=failed[:1])) is None


def test_the_run_itself_counts_once() -> None:
    policy = a_policy(circuitBreaker=BREAKER)
    same = a_run("etl", UID)
    assert guards.breaker_open(a_candidate(policy, runs=(same, a_run("a")))) is None


def test_only_selected_runs_count_for_the_breaker() -> None:
    policy = a_policy(circuitBreaker=BREAKER)
    others = (a_run("a", labels={}), a_run("b", namespace="elsewhere"), a_run("c"))
    assert guards.breaker_open(a_candidate(policy, runs=others)) is None


def came_back(number: int, seconds: float = 100, **fields: Any) -> Any:
    made: dict[str, Any] = {
        "fingerprint": "5b1e0c7a",
        "root_uid": f"root-{number}",
        "attempt": 1,
        "finished_at": at(seconds),
    }
    return with_outcome(f"action-{number}", **({"helped": False} | made | fields))


def failed_again(number: int, **fields: Any) -> Any:
    made: dict[str, Any] = {"root_uid": f"root-{number}", "attempt": 1, "fingerprint": "5b1e0c7a"}
    return a_run(f"again-{number}", **(made | fields))


def test_an_action_that_does_not_help_is_held() -> None:
    policy = a_policy(circuitBreaker=NO_BREAKER | {"sameFingerprintAtMost": 2, "windowSeconds": 600})
    actions = tuple(came_back(number, 100 + number) for number in range(3))
    runs = tuple(failed_again(number) for number in range(3))
    hold = guards.remediation_ineffective(a_candidate(policy, actions=actions, runs=runs))
    assert hold is not None
    assert hold.reason == HoldReason.REMEDIATION_INEFFECTIVE
    assert hold.message == "the same failure came back 3 times after Resubmit within 600 seconds"
    assert hold.recheck_at == at(700)
    assert guards.remediation_ineffective(a_candidate(policy, actions=actions[:2], runs=runs)) is None


NO_BREAKER = {"failurePercentAtMost": 100}


@pytest.mark.parametrize(
    ("action", "run", "holds"),
    [
        (came_back(1), failed_again(1), True),
        (came_back(1, helped=True), failed_again(1), False),
        (came_back(1, fingerprint="else"), failed_again(1), False),
        (came_back(1, type=ActionType.RAISE_MEMORY), failed_again(1), False),
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
        *("came back", "helped", "another failure", "another action", "another policy", "failed otherwise"),
        *("another attempt", "was stopped", "end not known", "within the window", "before it", "just now"),
        *("in the future",),
    ],
)
def test_only_the_same_failure_after_the_same_action_came_back(action: Any, run: Any, holds: bool) -> None:
    policy = a_policy(circuitBreaker=NO_BREAKER | {"sameFingerprintAtMost": 1, "windowSeconds": 1800})
    always = came_back(9)
    hold = guards.remediation_ineffective(a_candidate(policy, actions=(always, action), runs=(failed_again(9), run)))
    assert (hold is not None) == holds


def test_a_retry_that_fails_again_is_the_same_workflow() -> None:
    retry = {"name": "retry", "match": {}, "action": {"retry": {}}}
    policy = a_policy(retry, circuitBreaker=NO_BREAKER | {"sameFingerprintAtMost": 1})
    actions = tuple(came_back(number, type=ActionType.RETRY) for number in range(2))
    assert guards.remediation_ineffective(a_candidate(policy, actions=actions)) is not None


def test_a_failure_without_fingerprint_never_came_back() -> None:
    policy = a_policy(circuitBreaker=NO_BREAKER | {"sameFingerprintAtMost": 1})
    report = a_report("etl", UID, a_failure(fingerprint=None))
    actions = tuple(came_back(number, fingerprint=None) for number in range(3))
    assert guards.remediation_ineffective(a_candidate(policy, report, actions=actions)) is None


def test_breaker_states_are_stable_words() -> None:
    assert [str(state) for state in BreakerState] == ["Closed", "Open", "HalfOpen"]


def test_an_action_that_is_left_out_counts_neither_as_done_nor_as_in_flight() -> None:
    ended, flying = with_outcome("ended", helped=True), an_action("flying")
    times = action_times([ended, flying], LockClass.MUTATE)
    assert without_action(times, ended, END - HOUR) == ActionTimes([flying.at], [flying.at])
    assert without_action(times, flying, END - HOUR) == ActionTimes([], [ended.at])

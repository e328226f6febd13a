"""Laws that every decision obeys, for any run, policy and history."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.builders import at
from tests.core.decide.builders import NS, TEAM, a_failure, a_report, a_run, an_action, live_state_of

from wfreport.api.action_types import ActionType
from wfreport.api.classes import FailureClass, Owner, Role
from wfreport.api.policy import Mode, RemediationPolicy
from wfreport.api.reasons import HoldReason
from wfreport.api.remediation import LockClass
from wfreport.api.report import WorkflowReport
from wfreport.core.decide.breaker import judge_breaker
from wfreport.core.decide.budget import IN_FLIGHT_MAX, action_times, actions_of_policy
from wfreport.core.decide.decision import decide, own_action
from wfreport.core.decide.enforcement import EnforcementAction, enforcement_of
from wfreport.core.decide.history import latest_run
from wfreport.core.decide.model import (
    CHAIN_ACTIONS,
    Decision,
    ExecutionState,
    History,
    LiveState,
    OperatorLimits,
    PastAction,
    Run,
)
from wfreport.core.decide.selection import is_for
from wfreport.core.snapshot.names import remediation_name

seconds = st.integers(0, 7200)
moments = seconds.map(at)
names = st.sampled_from(["a", "b", "c"])


TWISTS = (
    *("cancelled", "stopped", "tolerated", "succeeded", "running", "not selected", "no evidence", "stale", "deleting"),
    *("opted out", "suspended", "rival", "own action", "old", "early", "storm", "many actions", "runs again"),
)
"""Circumstances that may hold an action. A world has at most two, so that some decisions barely lead to an action."""

twists = st.sets(st.sampled_from(TWISTS), max_size=2)


@st.composite
def failures(draw: st.DrawFn, twisted: set[str]) -> dict[str, Any]:
    failure_class = draw(st.sampled_from([FailureClass.OOM_KILLED, FailureClass.NODE_LOST]))
    return a_failure(
        **{"class": FailureClass.CANCELLED if "cancelled" in twisted else failure_class},
        owner=draw(st.sampled_from(Owner)),
        role=Role.TOLERATED if "tolerated" in twisted else Role.ROOT_CAUSE,
        fingerprint=draw(st.sampled_from(["f1", "f2", None])),
    )


@st.composite
def reports(draw: st.DrawFn, twisted: set[str]) -> WorkflowReport:
    phase = draw(st.sampled_from(["Failed", "Failed", "Error"]))
    phase = "Succeeded" if "succeeded" in twisted else "Running" if "running" in twisted else phase
    start = draw(seconds)
    observed: dict[str, Any] = {"shutdown": "Stop"} if "stopped" in twisted else {}
    evidence = "False" if "no evidence" in twisted else "True"
    return a_report(
        "a",
        "uid-a",
        draw(failures(twisted)),
        phase=phase,
        start=at(start),
        end=at(start + draw(st.integers(1, 3600))),
        labels={} if "not selected" in twisted else TEAM,
        observed=observed,
        conditions=[{"type": "EvidenceComplete", "status": evidence, "reason": "R", "lastTransitionTime": at(0)}],
        workflowSource={"cronWorkflow": "nightly"},
        waiting=[{"reason": "Unschedulable", "sinceAt": at(start)}] if phase == "Running" else None,
    )


STOP: dict[str, Any] = {"stop": {"afterSeconds": 600, "pendingAfterSeconds": 60}}
AGAIN: tuple[dict[str, Any], ...] = ({"resubmit": {}}, {"raiseMemory": {"max": "1Gi"}}, {"retry": {}})
actions = st.sampled_from([*AGAIN, *AGAIN, {"suspendCron": {}}, {"none": {}}])


@st.composite
def policies(draw: st.DrawFn, twisted: set[str], name: str = "batch") -> RemediationPolicy:
    rules = [
        {"name": f"r{n}", "match": {}, "action": STOP if "running" in twisted else draw(actions)}
        | ({"notify": {"sinks": [{"name": "s", "apprise": {"secretName": "x"}}]}} if draw(st.booleans()) else {})
        for n in range(draw(st.integers(1, 2)))
    ]
    spec = {
        "mode": draw(st.sampled_from(Mode)),
        "suspended": "suspended" in twisted,
        "selector": {"matchLabels": TEAM},
        "priority": draw(st.integers(0, 1)),
        "rules": rules,
        "limits": {"maxAttempts": draw(st.integers(0, 4)), "infraMaxAttempts": 2, "maxAgeSeconds": 3600},
        "backoff": {"initialSeconds": draw(st.integers(0, 120)), "maxSeconds": 600},
        "budget": {"maxConcurrent": draw(st.integers(1, 3)), "maxPerWindow": draw(st.integers(1, 4))},
        "circuitBreaker": {"minRuns": draw(st.integers(2, 5)), "cooldownSeconds": 300, "sameFingerprintAtMost": 1},
    }
    status = {"enforcedSince": draw(moments)} if "early" in twisted else None
    metadata = {"name": name, "namespace": NS, "uid": "p", "generation": 1}
    return RemediationPolicy.model_validate({"metadata": metadata, "spec": spec, "status": status})


@st.composite
def runs(draw: st.DrawFn, twisted: set[str]) -> Run:
    start = draw(seconds)
    return a_run(
        draw(names),
        uid=draw(st.uuids()).hex,
        started_at=at(start),
        finished_at=at(start + draw(st.integers(0, 600))),
        phase=draw(st.sampled_from(["Succeeded", "Failed", "Running"])),
        root_uid=draw(st.sampled_from(["uid-a" if "runs again" in twisted else "z", "x", "y"])),
        attempt=draw(st.integers(0, 2)),
        fingerprint=draw(st.sampled_from(["f1", "f2"])),
        cron_workflow="nightly",
    )


@st.composite
def past_actions(draw: st.DrawFn, report: WorkflowReport, twisted: set[str]) -> PastAction:
    lock = draw(st.sampled_from(LockClass))
    run = latest_run(report)
    assert run is not None
    own = remediation_name(run.name, run.uid, run.started_at, lock)
    when = draw(moments)
    has_outcome = draw(st.booleans())
    return an_action(
        own if "own action" in twisted else f"action-{draw(st.integers(0, 10**6))}",
        lock=lock,
        type=ActionType.NOTIFY if lock == LockClass.NOTIFY else draw(st.sampled_from(sorted(CHAIN_ACTIONS))),
        root_uid=draw(st.sampled_from(["uid-a", "x", "y"])),
        policy_name=draw(st.sampled_from(["batch", "other"])),
        namespace=draw(st.sampled_from([NS, NS, "elsewhere"])),
        attempt=draw(st.integers(1, 3)),
        counts_toward_limit=draw(st.booleans()),
        fingerprint=draw(st.sampled_from(["f1", "f2"])),
        created_at=when,
        executed_at=when,
        execution=draw(st.sampled_from(ExecutionState)),
        is_approved=draw(st.sampled_from([True, True, None, False])),
        is_approval_required=draw(st.booleans()),
        has_outcome=has_outcome,
        has_helped=draw(st.booleans()) if has_outcome else None,
        finished_at=when + timedelta(seconds=60) if has_outcome else None,
    )


class World:
    """Everything that a decision depends on."""

    def __init__(self, draw: st.DrawFn) -> None:
        twisted = draw(twists)
        self.report = draw(reports(twisted))
        self.live: LiveState = live_state_of(
            self.report,
            is_deleting="deleting" in twisted,
            is_opted_out="opted out" in twisted,
            **({"resource_version": "stale"} if "stale" in twisted else {}),
        )
        rivals = [draw(policies(twisted, "other"))] if "rival" in twisted else []
        self.policies = [draw(policies(twisted)), *rivals]
        most = 6 if "many actions" in twisted else 2
        past = draw(st.lists(past_actions(self.report, twisted), max_size=most, unique_by=lambda action: action.name))
        ran = draw(st.lists(runs(twisted), max_size=8 if "storm" in twisted else 2))
        self.history = History(tuple(ran), tuple(past))
        self.limits = OperatorLimits(*(draw(st.integers(low, low + 3)) for low in (2, 3, 1, 2)))
        ended = self.report.status.observed_workflow.finished_at  # type: ignore[union-attr]
        since_end = draw(st.integers(0, 9000 if "old" in twisted else 3700))
        self.now: datetime = (ended or at(7200)) + timedelta(seconds=since_end)
        run = latest_run(self.report)
        assert run is not None
        self.run = run

    def decide(self, lock: LockClass = LockClass.MUTATE, **other: Any) -> Decision:
        given_policies, history = other.get("policies", self.policies), other.get("history", self.history)
        made = decide(self.report, self.live, given_policies, history, self.limits, self.now, lock=lock)
        assert made is not None
        return made

    def other_actions(self, lock: LockClass) -> list[PastAction]:
        own = own_action(self.run, self.history, lock)
        return [one for one in self.history.actions if one is not own and one.counts and one.lock == lock]


@st.composite
def worlds(draw: st.DrawFn) -> World:
    return World(draw)


# Laws of actions: they are checked for each decision to act.


def no_action_on_a_cancelled_run(world: World, _made: Decision) -> None:
    observed = world.report.status.observed_workflow if world.report.status else None
    assert observed is not None
    assert observed.shutdown is None
    assert world.run.failure_class != FailureClass.CANCELLED or not world.run.is_completed


def no_action_on_a_stale_observation_or_against_an_opt_out(world: World, _made: Decision) -> None:
    assert world.live.resource_version != "stale"
    assert not world.live.is_opted_out


def no_action_on_a_deleted_or_resubmitted_run(world: World, made: Decision) -> None:
    if made.lock == LockClass.MUTATE:
        assert not world.live.is_deleting
        later = [run for run in world.history.runs if run.root_uid == world.run.root_uid]
        assert all(run.attempt <= world.run.attempt for run in later)


def only_stop_acts_on_a_running_workflow(world: World, made: Decision) -> None:
    if not world.run.is_completed:
        assert made.rule is not None
        assert made.rule.action is not None
        assert made.rule.action.stop is not None
        assert made.lock == LockClass.NOTIFY or made.action == ActionType.STOP
    else:
        assert made.action != ActionType.STOP
        assert world.run.has_failed


def no_action_before_the_evidence_is_complete_or_its_wait_has_elapsed(world: World, _made: Decision) -> None:
    assert world.report.status is not None
    assert world.report.status.conditions is not None
    (evidence,) = world.report.status.conditions
    if world.run.finished_at is not None and evidence.status != "True":
        assert world.now >= world.run.finished_at + timedelta(seconds=30)


def no_action_too_early_or_too_late(world: World, made: Decision) -> None:
    ended = world.run.finished_at
    assert made.policy is not None
    if world.run.is_completed and ended is not None:
        assert world.now - ended <= timedelta(seconds=made.policy.spec.limits.max_age_seconds)
        since = made.policy.status.enforced_since if made.policy.status else None
        assert since is None or ended > since
        if made.action in CHAIN_ACTIONS:
            assert world.now - ended >= timedelta(seconds=made.policy.spec.backoff.initial_seconds)


def no_action_over_a_budget(world: World, made: Decision) -> None:
    assert made.policy is not None
    budget, others = made.policy.spec.budget, world.other_actions(made.lock)
    own = actions_of_policy(others, NS, made.policy.metadata.name)
    assert sum(action.is_in_flight for action in own) < budget.max_concurrent
    window = timedelta(seconds=budget.window_seconds)
    assert sum(action.at > world.now - window for action in own) < budget.max_per_window
    flying = [action for action in others if action.is_in_flight and action.at > world.now - IN_FLIGHT_MAX[made.lock]]
    recent = [action for action in others if action.at > world.now - timedelta(hours=1)]
    assert len(flying) < world.limits.max_concurrent
    assert len(recent) < world.limits.max_per_hour
    namespace = world.run.namespace
    assert sum(action.namespace == namespace for action in flying) < world.limits.max_concurrent_per_namespace
    assert sum(action.namespace == namespace for action in recent) < world.limits.max_per_hour_per_namespace


def no_action_above_the_attempts_of_its_chain(world: World, made: Decision) -> None:
    if made.action not in CHAIN_ACTIONS:
        return
    assert made.policy is not None
    limits = made.policy.spec.limits
    of_chain = [action for action in world.other_actions(LockClass.MUTATE) if action.root_uid == world.run.root_uid]
    of_chain = [action for action in of_chain if action.type in CHAIN_ACTIONS and action.namespace == NS]
    ordinary = [action for action in of_chain if action.counts_toward_limit]
    if made.counts_toward_limit:
        assert len(ordinary) < limits.max_attempts
    else:
        assert len(of_chain) - len(ordinary) < limits.infra_max_attempts
    assert all(action.attempt < made.attempt for action in of_chain)


def no_action_while_the_breaker_is_open(world: World, made: Decision) -> None:
    if made.lock == LockClass.NOTIFY:
        return
    assert made.policy is not None
    policy = made.policy
    selected = [run for run in (*world.history.runs, world.run) if is_for(policy, run)]
    own = own_action(world.run, world.history, LockClass.MUTATE)
    of_policy = actions_of_policy(world.history.actions, NS, policy.metadata.name)
    others = [one for one in of_policy if one is not own]
    assert judge_breaker(policy.spec.circuit_breaker, selected, others, world.now).allows


def no_second_action_on_a_run(world: World, made: Decision) -> None:
    own = own_action(world.run, world.history, made.lock)
    assert own is None or not own.is_final


# Laws of all decisions, holds included.


def nothing_is_executed_without_the_approval_it_needs(world: World, made: Decision) -> None:
    own = own_action(world.run, world.history, made.lock)
    enforcement = enforcement_of(made, own, world.now)
    event(enforcement.action)
    if enforcement.action == EnforcementAction.EXECUTE:
        assert made.policy is not None
        assert made.action is not None
        assert made.policy.spec.mode in (Mode.APPROVE, Mode.ENFORCE)
        if made.policy.spec.mode == Mode.APPROVE and made.lock == LockClass.MUTATE:
            assert own is not None
            assert own.is_approved is True


def the_mode_has_no_influence_on_the_decision(world: World, made: Decision) -> None:
    outcomes = set()
    for mode in Mode:
        spec = world.policies[0].spec.model_copy(update={"mode": mode})
        changed = [world.policies[0].model_copy(update={"spec": spec}), *world.policies[1:]]
        other = world.decide(made.lock, policies=changed)
        outcomes.add((other.action, other.reason, other.message, other.attempt, other.recheck_at))
    assert len(outcomes) == 1


def the_order_of_policies_and_history_has_no_influence(world: World, made: Decision) -> None:
    reversed_history = History(world.history.runs[::-1], world.history.actions[::-1])
    other = world.decide(made.lock, policies=world.policies[::-1], history=reversed_history)
    assert (other.action, other.reason, other.attempt) == (made.action, made.reason, made.attempt)
    assert other.recheck_at == made.recheck_at


def runs_and_actions_of_other_namespaces_decide_nothing_but_the_operators_budget(world: World, made: Decision) -> None:
    history = world.history
    everywhere = {lock: action_times(history.actions, lock) for lock in LockClass}
    foreign = tuple(
        replace(run, namespace="elsewhere", uid=f"{run.uid}-elsewhere", root_uid="elsewhere") for run in history.runs
    )
    own = tuple(action for action in history.actions if action.namespace == world.run.namespace)
    assert world.decide(made.lock, history=History(history.runs, own, everywhere)) == made
    with_foreign = replace(history, runs=(*history.runs, *foreign))
    assert world.decide(made.lock, history=with_foreign).reason == made.reason


def a_recheck_is_always_in_the_future(world: World, made: Decision) -> None:
    assert made.action is None or made.recheck_at is None
    assert made.recheck_at is None or made.recheck_at > world.now


def a_hold_has_a_documented_reason(_world: World, made: Decision) -> None:
    assert (made.reason in set(HoldReason)) == (made.action is None)
    assert made.message


Law = Callable[[World, Decision], None]
LAWS_OF_ACTIONS: tuple[Law, ...] = (
    no_action_on_a_cancelled_run,
    no_action_on_a_stale_observation_or_against_an_opt_out,
    no_action_on_a_deleted_or_resubmitted_run,
    only_stop_acts_on_a_running_workflow,
    no_action_before_the_evidence_is_complete_or_its_wait_has_elapsed,
    no_action_too_early_or_too_late,
    no_action_over_a_budget,
    no_action_above_the_attempts_of_its_chain,
    no_action_while_the_breaker_is_open,
    no_second_action_on_a_run,
)
LAWS_OF_DECISIONS: tuple[Law, ...] = (
    nothing_is_executed_without_the_approval_it_needs,
    the_mode_has_no_influence_on_the_decision,
    the_order_of_policies_and_history_has_no_influence,
    runs_and_actions_of_other_namespaces_decide_nothing_but_the_operators_budget,
    a_recheck_is_always_in_the_future,
    a_hold_has_a_documented_reason,
)


@settings(
    max_examples=2 * settings().max_examples,
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
)
@given(worlds())
def test_every_decision_obeys_the_laws(world: World) -> None:
    """The traceback of a failure names the law.

    Drawing a world is expensive, so all laws are checked on the same worlds. A world that leads to no action counts for
    the laws of decisions only. Twice the usual number of other worlds is drawn, since only about half of them lead to
    an action on the run itself, and the rest to a notification.
    """
    decisions = [world.decide(lock) for lock in LockClass]
    for made in decisions:
        event(str(made.action or made.reason))
        for law in LAWS_OF_DECISIONS:
            law(world, made)
    acting = [made for made in decisions if made.action is not None]
    assume(acting)
    for made in acting:
        for law in LAWS_OF_ACTIONS:
            law(world, made)

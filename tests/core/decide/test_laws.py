"""Laws of every decision, for any run, policy and history."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st
from tests.builders import at
from tests.core.decide.worlds import NS, TEAM, a_failure, a_report, a_run, an_act, look_of

from wfreport.api.actions import ActionType
from wfreport.api.classes import FailureClass, Owner, Role
from wfreport.api.policy import Mode, RemediationPolicy
from wfreport.api.reasons import HoldReason
from wfreport.api.remediation import LockClass
from wfreport.api.report import WorkflowReport
from wfreport.core.decide.breaker import judge_breaker
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
    *("opted out", "suspended", "rival", "own act", "old", "early", "storm", "many acts", "runs again"),
)
"""What may speak against an act. A world has few of them, so that there are acts to look at, just beside no act."""

twists = st.sets(st.sampled_from(TWISTS), max_size=2)


@st.composite
def failures(draw: st.DrawFn, twisted: set[str]) -> dict[str, Any]:
    found = draw(st.sampled_from([FailureClass.OOM_KILLED, FailureClass.NODE_LOST]))
    return a_failure(
        **{"class": FailureClass.CANCELLED if "cancelled" in twisted else found},
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
def acts(draw: st.DrawFn, report: WorkflowReport, twisted: set[str]) -> PastAction:
    lock = draw(st.sampled_from(LockClass))
    run = latest_run(report)
    assert run is not None
    own = remediation_name(run.name, run.uid, run.started_at, lock)
    when = draw(moments)
    settled = draw(st.booleans())
    return an_act(
        own if "own act" in twisted else f"act-{draw(st.integers(0, 10**6))}",
        lock=lock,
        action=ActionType.NOTIFY if lock == LockClass.NOTIFY else draw(st.sampled_from(sorted(CHAIN_ACTIONS))),
        root_uid=draw(st.sampled_from(["uid-a", "x", "y"])),
        policy_name=draw(st.sampled_from(["batch", "other"])),
        attempt=draw(st.integers(1, 3)),
        counts_toward_limit=draw(st.booleans()),
        fingerprint=draw(st.sampled_from(["f1", "f2"])),
        created_at=when,
        executed_at=when,
        execution=draw(st.sampled_from(ExecutionState)),
        is_approved=draw(st.sampled_from([True, True, None, False])),
        is_approval_required=draw(st.booleans()),
        has_outcome=settled,
        has_helped=draw(st.booleans()) if settled else None,
        finished_at=when + timedelta(seconds=60) if settled else None,
    )


lawful = settings(suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
"""Worlds without an act are passed over, and that is most of them."""


class World:
    """Everything a decision is made of."""

    def __init__(self, draw: st.DrawFn) -> None:
        twisted = draw(twists)
        self.report = draw(reports(twisted))
        self.look: LiveState = look_of(
            self.report,
            is_deleting="deleting" in twisted,
            is_opted_out="opted out" in twisted,
            **({"resource_version": "stale"} if "stale" in twisted else {}),
        )
        rivals = [draw(policies(twisted, "other"))] if "rival" in twisted else []
        self.policies = [draw(policies(twisted)), *rivals]
        most = 6 if "many acts" in twisted else 2
        past = draw(st.lists(acts(self.report, twisted), max_size=most, unique_by=lambda act: act.name))
        ran = draw(st.lists(runs(twisted), max_size=8 if "storm" in twisted else 2))
        self.history = History(tuple(ran), tuple(past))
        self.limits = OperatorLimits(draw(st.integers(2, 5)), draw(st.integers(3, 8)))
        ended = self.report.status.observed_workflow.finished_at  # type: ignore[union-attr]
        since_end = draw(st.integers(0, 9000 if "old" in twisted else 3700))
        self.now: datetime = (ended or at(7200)) + timedelta(seconds=since_end)
        run = latest_run(self.report)
        assert run is not None
        self.run = run

    def decide(self, lock: LockClass = LockClass.MUTATE, **other: Any) -> Decision:
        given_policies, now = other.get("policies", self.policies), other.get("now", self.now)
        made = decide(self.report, self.look, given_policies, self.history, self.limits, now, lock=lock)
        assert made is not None
        return made

    def other_acts(self, lock: LockClass) -> list[PastAction]:
        own = own_action(self.run, self.history, lock)
        return [act for act in self.history.actions if act is not own and act.counts and act.lock == lock]


@st.composite
def worlds(draw: st.DrawFn) -> World:
    return World(draw)


locks = st.sampled_from(LockClass)


def acting(world: World, lock: LockClass) -> Decision:
    made = world.decide(lock)
    event(str(made.action or made.reason))
    assume(made.action is not None)
    return made


@lawful
@given(worlds(), locks)
def test_no_act_on_a_cancelled_run(world: World, lock: LockClass) -> None:
    acting(world, lock)
    observed = world.report.status.observed_workflow if world.report.status else None
    assert observed is not None
    assert observed.shutdown is None
    assert world.run.failure_class != FailureClass.CANCELLED or not world.run.is_completed


@lawful
@given(worlds(), locks)
def test_no_act_on_a_stale_observation_or_against_an_opt_out(world: World, lock: LockClass) -> None:
    acting(world, lock)
    assert world.look.resource_version != "stale"
    assert not world.look.is_opted_out


@lawful
@given(worlds())
def test_no_act_on_what_is_being_deleted_or_runs_again(world: World) -> None:
    acting(world, LockClass.MUTATE)
    assert not world.look.is_deleting
    later = [run for run in world.history.runs if run.root_uid == world.run.root_uid]
    assert all(run.attempt <= world.run.attempt for run in later)


@lawful
@given(worlds(), locks)
def test_no_act_but_stop_on_a_run_that_is_not_over(world: World, lock: LockClass) -> None:
    made = acting(world, lock)
    if not world.run.is_completed:
        assert made.rule is not None
        assert made.rule.action is not None
        assert made.rule.action.stop is not None
        assert lock == LockClass.NOTIFY or made.action == ActionType.STOP
    else:
        assert made.action != ActionType.STOP
        assert world.run.has_failed


@lawful
@given(worlds(), locks)
def test_no_act_before_the_evidence_is_complete_or_its_wait_is_over(world: World, lock: LockClass) -> None:
    acting(world, lock)
    assert world.report.status is not None
    assert world.report.status.conditions is not None
    (evidence,) = world.report.status.conditions
    if world.run.finished_at is not None and evidence.status != "True":
        assert world.now >= world.run.finished_at + timedelta(seconds=30)


@lawful
@given(worlds(), locks)
def test_no_act_out_of_its_time(world: World, lock: LockClass) -> None:
    made = acting(world, lock)
    ended = world.run.finished_at
    assert made.policy is not None
    if world.run.is_completed and ended is not None:
        assert world.now - ended <= timedelta(seconds=made.policy.spec.limits.max_age_seconds)
        since = made.policy.status.enforced_since if made.policy.status else None
        assert since is None or ended > since
        if made.action in CHAIN_ACTIONS:
            assert world.now - ended >= timedelta(seconds=made.policy.spec.backoff.initial_seconds)


@lawful
@given(worlds(), locks)
def test_no_act_over_a_budget(world: World, lock: LockClass) -> None:
    made = acting(world, lock)
    assert made.policy is not None
    budget, others = made.policy.spec.budget, world.other_acts(lock)
    own = [act for act in others if act.policy_name == made.policy.metadata.name]
    assert sum(act.is_in_flight for act in own) < budget.max_concurrent
    window = timedelta(seconds=budget.window_seconds)
    assert sum(act.at > world.now - window for act in own) < budget.max_per_window
    assert sum(act.is_in_flight for act in others) < world.limits.max_concurrent
    assert sum(act.at > world.now - timedelta(hours=1) for act in others) < world.limits.max_per_hour


@lawful
@given(worlds())
def test_no_act_above_the_attempts_of_its_chain(world: World) -> None:
    made = acting(world, LockClass.MUTATE)
    assume(made.action in CHAIN_ACTIONS)
    assert made.policy is not None
    limits = made.policy.spec.limits
    of_chain = [act for act in world.other_acts(LockClass.MUTATE) if act.root_uid == world.run.root_uid]
    of_chain = [act for act in of_chain if act.action in CHAIN_ACTIONS]
    ordinary = [act for act in of_chain if act.counts_toward_limit]
    if made.counts_toward_limit:
        assert len(ordinary) < limits.max_attempts
    else:
        assert len(of_chain) - len(ordinary) < limits.infra_max_attempts
    assert all(act.attempt < made.attempt for act in of_chain)


@lawful
@given(worlds())
def test_no_act_while_the_breaker_is_open(world: World) -> None:
    made = acting(world, LockClass.MUTATE)
    assert made.policy is not None
    policy = made.policy
    selected = [run for run in (*world.history.runs, world.run) if is_for(policy, run)]
    own = own_action(world.run, world.history, LockClass.MUTATE)
    done = [act for act in world.history.actions if act.policy_name == policy.metadata.name and act is not own]
    assert judge_breaker(policy.spec.circuit_breaker, selected, done, world.now).allows


@lawful
@given(worlds(), locks)
def test_no_second_act_on_a_run(world: World, lock: LockClass) -> None:
    acting(world, lock)
    own = own_action(world.run, world.history, lock)
    assert own is None or not own.is_final


@lawful
@given(worlds(), locks)
def test_nothing_is_done_without_the_approval_it_needs(world: World, lock: LockClass) -> None:
    made = world.decide(lock)
    own = own_action(world.run, world.history, lock)
    step = enforcement_of(made, own, world.now)
    event(step.action)
    if step.action == EnforcementAction.EXECUTE:
        assert made.policy is not None
        assert made.action is not None
        assert made.policy.spec.mode in (Mode.APPROVE, Mode.ENFORCE)
        if made.policy.spec.mode == Mode.APPROVE and lock == LockClass.MUTATE:
            assert own is not None
            assert own.is_approved is True


@lawful
@given(worlds(), locks)
def test_the_same_inputs_give_the_same_decision_in_every_mode(world: World, lock: LockClass) -> None:
    made = set()
    for mode in Mode:
        spec = world.policies[0].spec.model_copy(update={"mode": mode})
        changed = [world.policies[0].model_copy(update={"spec": spec}), *world.policies[1:]]
        found = world.decide(lock, policies=changed)
        made.add((found.action, found.reason, found.message, found.attempt, found.recheck_at))
    assert len(made) == 1


@lawful
@given(worlds(), locks)
def test_the_order_of_what_is_known_decides_nothing(world: World, lock: LockClass) -> None:
    made = world.decide(lock)
    world.history = History(world.history.runs[::-1], world.history.actions[::-1])
    again = world.decide(lock, policies=world.policies[::-1])
    assert (again.action, again.reason, again.attempt) == (made.action, made.reason, made.attempt)
    assert again.recheck_at == made.recheck_at


@lawful
@given(worlds(), locks)
def test_to_look_again_is_always_later(world: World, lock: LockClass) -> None:
    made = world.decide(lock)
    assert made.action is None or made.recheck_at is None
    assert made.recheck_at is None or made.recheck_at > world.now


@lawful
@given(worlds(), locks)
def test_a_hold_has_a_reason_that_is_documented(world: World, lock: LockClass) -> None:
    made = world.decide(lock)
    assert (made.reason in set(HoldReason)) == (made.action is None)
    assert made.message

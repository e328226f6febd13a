"""A replay of the past gives the decisions that the operator made in it."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.builders import T0, at
from tests.core.decide.worlds import SINKS, TEAM, a_failure, a_policy, a_report, an_act, look_of

from wfreport.api.actions import ActionType
from wfreport.api.policy import RemediationPolicy
from wfreport.api.reasons import HoldReason
from wfreport.api.remediation import LockClass
from wfreport.api.report import WorkflowReport
from wfreport.core.decide.decision import decide
from wfreport.core.decide.history import history_of, latest_run
from wfreport.core.decide.model import Decision, History, OperatorLimits, PastAction
from wfreport.core.decide.replay import Replay, replay
from wfreport.core.snapshot.names import remediation_name, resubmission_name

DAY = at(86_400)
QUICK: dict[str, Any] = {"backoff": {"initialSeconds": 10, "jitter": "0"}}
LIMITS = OperatorLimits()


def replayed(reports: Sequence[WorkflowReport], *policies: RemediationPolicy, since: datetime = T0) -> Replay:
    return replay(reports, policies or (a_policy(),), since=since, until=DAY, limits=LIMITS)


def reasons(found: Replay, lock: LockClass = LockClass.MUTATE) -> list[str]:
    return [judged.decision.reason for judged in found.decisions if judged.decision.lock == lock]


def test_a_failed_run_is_answered_when_its_backoff_is_over() -> None:
    found = replayed([a_report()], a_policy(**QUICK))
    assert reasons(found) == [HoldReason.COOLING_DOWN, "OOMKilled"]
    assert [judged.at for judged in found.decisions if judged.decision.lock == LockClass.MUTATE] == [at(60), at(70)]
    (act,) = found.actions
    assert (act.action, act.executed_at, act.attempt, act.policy_name) == (ActionType.RESUBMIT, at(70), 1, "batch")
    assert (act.fingerprint, act.is_approved, act.counts_toward_limit) == ("5b1e0c7a", True, True)


def test_an_outcome_that_the_past_does_not_tell_is_not_known() -> None:
    (act,) = replayed([a_report()], a_policy(**QUICK)).actions
    assert (act.has_helped, act.has_outcome, act.finished_at) == (None, True, at(130))


def resubmitted(attempt: int, phase: str, start: float, end: float | None) -> WorkflowReport:
    uid = "3f9c1b8e-02d4-4c5e-9a57-6f0c2f1d7a11"
    labels = TEAM | {"wfreport.dev/root": "etl", "wfreport.dev/root-uid": uid, "wfreport.dev/remediation-uid": "r"}
    return a_report(
        resubmission_name("etl", uid, attempt),
        f"uid-r{attempt}",
        phase=phase,
        start=at(start),
        end=None if end is None else at(end),
        labels=labels | {"wfreport.dev/attempt": str(attempt)},
    )


@pytest.mark.parametrize(("phase", "helped"), [("Succeeded", True), ("Failed", False), ("Running", None)])
def test_the_run_that_the_past_has_is_the_outcome(phase: str, helped: bool | None) -> None:
    once = a_policy(limits={"maxAttempts": 1}, **QUICK)
    (act,) = replayed([a_report(), resubmitted(1, phase, 71, 200)], once).actions
    assert (act.has_helped, act.has_outcome) == (helped, phase != "Running")
    assert act.finished_at == (at(200) if helped is not None else None)


def test_an_outcome_is_not_known_before_it_comes() -> None:
    reports = [a_report(), resubmitted(1, "Failed", 71, 200)]
    found = replay(reports, [a_policy(**QUICK)], since=T0, until=at(199), limits=LIMITS)
    (act,) = found.actions
    assert (act.has_helped, act.has_outcome, act.is_in_flight) == (None, False, True)


def test_a_chain_goes_on_until_its_attempts_are_spent() -> None:
    reports = [a_report(), resubmitted(1, "Failed", 71, 200), resubmitted(2, "Failed", 221, 300)]
    found = replayed(reports, a_policy(**QUICK))
    assert [(act.attempt, act.executed_at) for act in found.actions] == [(1, at(70)), (2, at(220))]
    assert reasons(found)[-1] == HoldReason.ATTEMPTS_EXHAUSTED


def test_the_breaker_stops_a_storm() -> None:
    storm = [a_report(f"etl-{n}", f"uid-{n}") for n in range(20)]
    calm = [a_report(f"ok-{n}", f"ok-{n}", phase="Succeeded") for n in range(20)]
    policy = a_policy(circuitBreaker={}, **QUICK)
    found = replayed(storm + calm, policy)
    held = [judged for judged in found.decisions if judged.decision.reason == HoldReason.BREAKER_OPEN]
    assert len({judged.decision.run.uid for judged in held}) == 20
    assert min(act.at for act in found.actions) == at(60 + 1800 + 600)


def test_only_runs_since_are_judged_and_earlier_ones_are_history() -> None:
    cron: dict[str, Any] = {"workflowSource": {"cronWorkflow": "nightly"}}
    rule: dict[str, Any] = {"name": "s", "match": {"consecutiveFailures": {"atLeast": 2, "of": "CronWorkflow"}}}
    policy = a_policy(rule | {"action": {"suspendCron": {}}})
    before = a_report("n1", "n1", start=at(-500), end=at(-400), **cron)
    found = replayed([before, a_report("n2", "n2", **cron)], policy, since=at(60))
    assert [act.workflow_uid for act in found.actions] == ["n2"]
    assert replayed([before], policy).decisions == ()
    assert len(replayed([before], policy, since=at(-400)).decisions) == 2


def test_people_are_told_once() -> None:
    found = replayed([a_report()], a_policy({"name": "tell", "match": {}, "notify": SINKS}))
    assert [act.action for act in found.actions] == [ActionType.NOTIFY]
    assert reasons(found) == [HoldReason.NO_ACTION_CONFIGURED]


def test_pods_are_labelled_as_if_they_were_not_yet() -> None:
    policy = a_policy({"name": "keep", "match": {}, "labelPods": {"labels": {"keep": "true"}}})
    report = a_report("etl", "u", a_failure(labelled=["keep"]))
    pods = [pod.pod_name for judged in replayed([report], policy).decisions for pod in judged.pods]
    assert pods == ["etl-transform-1"]


def test_a_run_that_went_on_for_too_long_would_have_been_stopped() -> None:
    stop = {"name": "stuck", "match": {}, "action": {"stop": {"afterSeconds": 100}}}
    long = a_report("etl", "u", end=at(5000))
    found = replayed([long], a_policy(stop))
    assert [(act.action, act.executed_at) for act in found.actions] == [(ActionType.STOP, at(100))]
    assert reasons(found) == [HoldReason.STOP_NOT_DUE, "Timeout", HoldReason.NO_RULE_MATCHES]
    short = replayed([a_report("etl", "u", end=at(99))], a_policy(stop))
    assert short.actions == ()
    going = a_report("etl", "u", phase="Running")
    assert [act.action for act in replayed([going], a_policy(stop)).actions] == [ActionType.STOP]
    late = replayed([long], a_policy(stop), since=at(200))
    assert [act.executed_at for act in late.actions] == [at(200)]
    assert replayed([long], a_policy(stop), since=at(5000)).actions == ()


def test_before_its_end_a_run_is_seen_as_it_was_then() -> None:
    stop = {"name": "stuck", "match": {}, "action": {"stop": {"afterSeconds": 100}}}
    keep = {"name": "keep", "match": {}, "labelPods": {}}
    stopped_later = a_report("etl", "u", end=at(5000), observed={"shutdown": "Stop"}, failureClass="Cancelled")
    found = replayed([stopped_later], a_policy(stop, keep))
    assert [(act.action, act.executed_at) for act in found.actions] == [(ActionType.STOP, at(100))]
    (first, *_) = found.decisions
    assert (first.decision.run.phase, first.decision.run.finished_at) == ("Running", None)
    assert (first.decision.run.failure_class, first.decision.run.fingerprint) == (None, None)
    labelled = [
        judged.at for judged in replayed([a_report(end=at(5000))], a_policy(stop, keep)).decisions if judged.pods
    ]
    assert labelled == [at(5000)]


@pytest.mark.parametrize("rule", ["cron", "breaker"])
def test_a_run_that_fails_later_has_not_failed_yet(rule: str) -> None:
    cron: dict[str, Any] = {"workflowSource": {"cronWorkflow": "nightly"}}
    match = {"consecutiveFailures": {"atLeast": 2, "of": "CronWorkflow"}} if rule == "cron" else {}
    breaker: dict[str, Any] = {"circuitBreaker": {"minRuns": 2, "windowSeconds": 9999}} if rule == "breaker" else {}
    policy = a_policy({"name": "r", "match": match, "action": {"suspendCron": {}}}, **breaker)
    reports = [a_report("n1", "n1", end=at(60), **cron), a_report("n0", "n0", start=at(-10), end=at(500), **cron)]
    for known in (reports, reports[::-1]):
        found = replay(known, [policy], since=at(-10), until=at(1000), limits=LIMITS)
        assert [act.workflow_uid for act in found.actions] == ([] if rule == "cron" else ["n1"])


def test_a_moment_that_is_the_last_one_is_judged() -> None:
    found = replay([a_report()], [a_policy(backoff={"initialSeconds": 0})], since=T0, until=at(60), limits=LIMITS)
    assert [act.executed_at for act in found.actions] == [at(60)]


def test_a_run_that_is_opted_out_is_left_alone() -> None:
    found = replayed([a_report(observed={"noRemediation": True})])
    assert reasons(found) == [HoldReason.OPTED_OUT]


def test_of_a_workflow_that_was_retried_the_last_run_is_judged() -> None:
    earlier = {"startedAt": at(-100), "finishedAt": at(-50), "phase": "Failed"}
    retry = a_policy({"name": "r", "match": {}, "action": {"retry": {}}}, **QUICK)
    found = replayed([a_report(runs=[earlier])], retry, since=at(-1000))
    assert [act.started_at for act in found.actions] == [at(0)]
    assert found.actions[0].has_helped is None
    assert found.actions[0].created_at == found.actions[0].executed_at


def test_a_report_that_has_seen_nothing_is_passed_over() -> None:
    assert replayed([a_report().model_copy(update={"status": None})]).decisions == ()
    timeless = a_report(observed={"startedAt": None, "finishedAt": None})
    assert replayed([timeless]).decisions == ()
    assert len(replayed([a_report(observed={"startedAt": None})], a_policy(**QUICK)).actions) == 1


@dataclass
class Live:
    """The operator at work: it decides on what is there, and its acts make runs."""

    policy: RemediationPolicy
    outcomes: dict[str, list[bool]]
    reports: dict[str, WorkflowReport] = field(default_factory=dict)
    acts: list[PastAction] = field(default_factory=list)
    made: list[tuple[str, str, str, int]] = field(default_factory=list)
    last: dict[tuple[str, str], str] = field(default_factory=dict)

    def work(self, roots: Sequence[WorkflowReport]) -> None:
        """Begin with these runs, and go on until nothing is left to look at."""
        queue = [(ended(report), n, report) for n, report in enumerate(roots)]
        heapq.heapify(queue)
        serial = len(queue)
        while queue:
            now, _, report = heapq.heappop(queue)
            self.reports[uid(report)] = report
            self.settle(report)
            for lock in LockClass:
                decision = self.decide(report, now, lock)
                self.last[uid(report), lock] = decision.reason
                serial += 1
                if decision.action is not None:
                    queue += [(ended(new), serial, new) for new in self.act(decision, now)]
                elif decision.recheck_at is not None:
                    queue.append((decision.recheck_at, serial, report))
            heapq.heapify(queue)

    def decide(self, report: WorkflowReport, now: datetime, lock: LockClass) -> Decision:
        known = history_of(self.reports.values(), [])
        history = History(known.runs, tuple(self.acts))
        made = decide(report, look_of(report), [self.policy], history, LIMITS, now, lock=lock)
        assert made is not None
        return made

    def act(self, decision: Decision, now: datetime) -> list[WorkflowReport]:
        run, action = decision.run, decision.action
        assert action is not None
        self.made.append((run.uid, decision.lock, action, decision.attempt))
        act = an_act(
            remediation_name(run.name, run.uid, run.started_at, decision.lock),
            workflow_uid=run.uid,
            root_uid=run.root_uid,
            lock=decision.lock,
            action=action,
            attempt=decision.attempt,
            counts_toward_limit=decision.counts_toward_limit,
            fingerprint=run.fingerprint,
            created_at=now,
            executed_at=now,
        )
        self.acts.append(act)
        if action != ActionType.RESUBMIT:
            return []
        helped = self.outcomes[run.root_uid][decision.attempt - 1]
        labels = TEAM | {"wfreport.dev/root": run.root_name, "wfreport.dev/root-uid": run.root_uid}
        labels |= {"wfreport.dev/remediation-uid": "r", "wfreport.dev/attempt": str(decision.attempt)}
        return [
            a_report(
                resubmission_name(run.root_name, run.root_uid, decision.attempt),
                f"{run.root_uid}-r{decision.attempt}",
                phase="Succeeded" if helped else "Failed",
                start=now,
                end=now + timedelta(seconds=97, milliseconds=len(self.acts)),
                labels=labels,
            )
        ]

    def settle(self, report: WorkflowReport) -> None:
        """The end of a resubmission is the outcome of the act that made it."""
        run = latest_run(report)
        assert run is not None
        for n, act in enumerate(self.acts):
            if (act.root_uid, act.attempt, act.lock) == (run.root_uid, run.attempt, LockClass.MUTATE):
                ended_at = ended(report)
                self.acts[n] = replace(act, has_helped=run.has_succeeded, has_outcome=True, finished_at=ended_at)


def uid(report: WorkflowReport) -> str:
    run = latest_run(report)
    assert run is not None
    return run.uid


def ended(report: WorkflowReport) -> datetime:
    run = latest_run(report)
    assert run is not None
    assert run.finished_at is not None
    return run.finished_at


@st.composite
def pasts(draw: st.DrawFn) -> tuple[RemediationPolicy, list[WorkflowReport], dict[str, list[bool]]]:
    """A policy, runs that end at different moments, and how their resubmissions would end."""
    spec: dict[str, Any] = {
        "limits": {"maxAttempts": draw(st.integers(1, 3)), "infraMaxAttempts": draw(st.integers(1, 3))},
        "backoff": {"initialSeconds": draw(st.integers(1, 90))},
        "budget": {
            "maxConcurrent": draw(st.integers(1, 3)),
            "maxPerWindow": draw(st.integers(1, 6)),
            "windowSeconds": draw(st.integers(60, 900)),
        },
        "circuitBreaker": {
            "failurePercentAtMost": draw(st.integers(30, 90)),
            "minRuns": draw(st.integers(2, 6)),
            "windowSeconds": draw(st.integers(60, 900)),
            "cooldownSeconds": draw(st.integers(0, 300)),
            "sameFingerprintAtMost": draw(st.integers(1, 3)),
        },
    }
    rules: list[dict[str, Any]] = [
        {"name": "lost", "match": {"classes": ["NodeLost"]}, "action": {"resubmit": {}}, "delaySeconds": 30},
        {"name": "again", "match": {}, "action": {"resubmit": {}}, "notify": SINKS},
    ]
    roots, outcomes = [], {}
    for n, end in enumerate(draw(st.lists(st.integers(60, 3000), min_size=1, max_size=10, unique=True))):
        failure = a_failure(**{"class": draw(st.sampled_from(["OOMKilled", "NodeLost"]))}, fingerprint=f"f{n % 2}")
        failure["owner"] = "Infrastructure" if failure["class"] == "NodeLost" else "User"
        phase = draw(st.sampled_from(["Failed", "Failed", "Succeeded"]))
        root = f"root{n:06d}-0000"
        roots.append(a_report(f"wf-{n}", root, failure, phase=phase, end=at(end) + timedelta(milliseconds=100 + n)))
        outcomes[root] = draw(st.lists(st.booleans(), min_size=10, max_size=10))
    return a_policy(*rules, **spec), roots, outcomes


@settings(deadline=None)
@given(pasts())
def test_a_replay_makes_the_decisions_of_the_operator(
    past: tuple[RemediationPolicy, list[WorkflowReport], dict[str, list[bool]]],
) -> None:
    policy, roots, outcomes = past
    live = Live(policy, outcomes)
    live.work(roots)
    found = replay(list(live.reports.values()), [policy], since=T0, until=DAY, limits=LIMITS)
    judged = [judged.decision for judged in found.decisions if judged.decision.action is not None]
    assert [(one.run.uid, one.lock, one.action, one.attempt) for one in judged] == live.made
    assert {(one.decision.run.uid, one.decision.lock): one.decision.reason for one in found.decisions} == live.last

"""A replay makes the decisions that the operator made."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.builders import T0, at
from tests.core.decide.builders import NS, SINKS, TEAM, a_failure, a_policy, a_report, an_action, live_state_of

from wfreport.api.action_types import ActionType
from wfreport.api.policy import RemediationPolicy
from wfreport.api.reasons import HoldReason
from wfreport.api.remediation import LockClass
from wfreport.api.report import WorkflowReport
from wfreport.cache.remediation import RunHistory
from wfreport.core.decide.decision import decide, locks_of
from wfreport.core.decide.history import latest_run
from wfreport.core.decide.model import Decision, History, OperatorLimits, PastAction
from wfreport.core.decide.replay import Replay, replay
from wfreport.core.snapshot.names import remediation_name, resubmission_name

DAY = at(86_400)
QUICK: dict[str, Any] = {"backoff": {"initialSeconds": 10, "jitter": "0"}}
LIMITS = OperatorLimits()


def replayed(reports: Sequence[WorkflowReport], *policies: RemediationPolicy, since: datetime = T0) -> Replay:
    return replay(reports, policies or (a_policy(),), since=since, until=DAY, limits=LIMITS)


def reasons(result: Replay, lock: LockClass = LockClass.MUTATE) -> list[str]:
    return [one.decision.reason for one in result.decisions if one.decision.lock == lock]


def test_a_failed_run_is_resubmitted_after_its_backoff() -> None:
    result = replayed([a_report()], a_policy(**QUICK))
    assert reasons(result) == [HoldReason.COOLING_DOWN, "OOMKilled"]
    assert [one.at for one in result.decisions if one.decision.lock == LockClass.MUTATE] == [at(60), at(70)]
    (action,) = result.actions
    assert (action.type, action.executed_at, action.attempt, action.policy_name) == (
        ActionType.RESUBMIT,
        at(70),
        1,
        "batch",
    )
    assert (action.fingerprint, action.is_approved, action.counts_toward_limit) == ("5b1e0c7a", True, True)


def test_without_a_resulting_run_the_outcome_is_unknown() -> None:
    (action,) = replayed([a_report()], a_policy(**QUICK)).actions
    assert (action.has_helped, action.has_outcome, action.finished_at) == (None, True, at(130))


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
def test_the_resulting_run_is_the_outcome(phase: str, helped: bool | None) -> None:
    once = a_policy(limits={"maxAttempts": 1}, **QUICK)
    (action,) = replayed([a_report(), resubmitted(1, phase, 71, 200)], once).actions
    assert (action.has_helped, action.has_outcome) == (helped, phase != "Running")
    assert action.finished_at == (at(200) if helped is not None else None)


def test_an_outcome_is_unknown_before_the_resulting_run_ends() -> None:
    reports = [a_report(), resubmitted(1, "Failed", 71, 200)]
    result = replay(reports, [a_policy(**QUICK)], since=T0, until=at(199), limits=LIMITS)
    (action,) = result.actions
    assert (action.has_helped, action.has_outcome, action.is_in_flight) == (None, False, True)


def test_a_chain_continues_until_its_attempts_are_exhausted() -> None:
    reports = [a_report(), resubmitted(1, "Failed", 71, 200), resubmitted(2, "Failed", 221, 300)]
    result = replayed(reports, a_policy(**QUICK))
    assert [(action.attempt, action.executed_at) for action in result.actions] == [(1, at(70)), (2, at(220))]
    assert reasons(result)[-1] == HoldReason.ATTEMPTS_EXHAUSTED


def test_the_breaker_stops_a_storm() -> None:
    storm = [a_report(f"etl-{n}", f"uid-{n}") for n in range(20)]
    calm = [a_report(f"ok-{n}", f"ok-{n}", phase="Succeeded") for n in range(20)]
    policy = a_policy(circuitBreaker={}, **QUICK)
    result = replayed(storm + calm, policy)
    held = [one for one in result.decisions if one.decision.reason == HoldReason.BREAKER_OPEN]
    assert len({one.decision.run.uid for one in held}) == 20
    assert min(action.at for action in result.actions) == at(60 + 1800 + 600)


def test_runs_before_since_are_history_only() -> None:
    cron: dict[str, Any] = {"workflowSource": {"cronWorkflow": "nightly"}}
    rule: dict[str, Any] = {"name": "s", "match": {"consecutiveFailures": {"atLeast": 2, "of": "CronWorkflow"}}}
    policy = a_policy(rule | {"action": {"suspendCron": {}}})
    before = a_report("n1", "n1", start=at(-500), end=at(-400), **cron)
    result = replayed([before, a_report("n2", "n2", **cron)], policy, since=at(60))
    assert [action.workflow_uid for action in result.actions] == ["n2"]
    assert replayed([before], policy).decisions == ()
    assert len(replayed([before], policy, since=at(-400)).decisions) == 2


def test_one_notification_is_sent() -> None:
    result = replayed([a_report()], a_policy({"name": "tell", "match": {}, "notify": SINKS}))
    assert [action.type for action in result.actions] == [ActionType.NOTIFY]
    assert reasons(result) == [HoldReason.NO_ACTION_CONFIGURED]


def test_existing_pod_labels_are_ignored() -> None:
    policy = a_policy({"name": "keep", "match": {}, "labelPods": {"labels": {"keep": "true"}}})
    report = a_report("etl", "u", a_failure(labelled=["keep"]))
    pods = [(one.decision.lock, pod.pod_name) for one in replayed([report], policy).decisions for pod in one.pods]
    assert pods == [(LockClass.MUTATE, "etl-transform-1")]


def test_a_run_that_takes_too_long_is_stopped() -> None:
    stop = {"name": "stuck", "match": {}, "action": {"stop": {"afterSeconds": 100}}}
    long = a_report("etl", "u", end=at(5000))
    result = replayed([long], a_policy(stop))
    assert [(action.type, action.executed_at) for action in result.actions] == [(ActionType.STOP, at(100))]
    assert reasons(result) == [HoldReason.STOP_NOT_DUE, "Timeout", HoldReason.NO_RULE_MATCHES]
    short = replayed([a_report("etl", "u", end=at(99))], a_policy(stop))
    assert short.actions == ()
    going = a_report("etl", "u", phase="Running")
    assert [action.type for action in replayed([going], a_policy(stop)).actions] == [ActionType.STOP]
    late = replayed([long], a_policy(stop), since=at(200))
    assert [action.executed_at for action in late.actions] == [at(200)]
    assert replayed([long], a_policy(stop), since=at(5000)).actions == ()


def test_before_its_end_a_run_is_in_progress() -> None:
    stop = {"name": "stuck", "match": {}, "action": {"stop": {"afterSeconds": 100}}}
    keep = {"name": "keep", "match": {}, "labelPods": {}}
    stopped_later = a_report("etl", "u", end=at(5000), observed={"shutdown": "Stop"}, failureClass="Cancelled")
    result = replayed([stopped_later], a_policy(stop, keep))
    assert [(action.type, action.executed_at) for action in result.actions] == [(ActionType.STOP, at(100))]
    (first, *_) = result.decisions
    assert (first.decision.run.phase, first.decision.run.finished_at) == ("Running", None)
    assert (first.decision.run.failure_class, first.decision.run.fingerprint) == (None, None)
    labelled = [one.at for one in replayed([a_report(end=at(5000))], a_policy(stop, keep)).decisions if one.pods]
    assert labelled == [at(5000)]


@pytest.mark.parametrize("rule", ["cron", "breaker"])
def test_a_run_that_fails_later_has_not_failed_yet(rule: str) -> None:
    cron: dict[str, Any] = {"workflowSource": {"cronWorkflow": "nightly"}}
    match = {"consecutiveFailures": {"atLeast": 2, "of": "CronWorkflow"}} if rule == "cron" else {}
    breaker: dict[str, Any] = {"circuitBreaker": {"minRuns": 2, "windowSeconds": 9999}} if rule == "breaker" else {}
    policy = a_policy({"name": "r", "match": match, "action": {"suspendCron": {}}}, **breaker)
    reports = [a_report("n1", "n1", end=at(60), **cron), a_report("n0", "n0", start=at(-10), end=at(500), **cron)]
    for known in (reports, reports[::-1]):
        result = replay(known, [policy], since=at(-10), until=at(1000), limits=LIMITS)
        assert [action.workflow_uid for action in result.actions] == ([] if rule == "cron" else ["n1"])


def test_two_held_locks_do_not_multiply_the_checks_of_a_run() -> None:
    tight = a_policy(
        {"name": "again", "match": {}, "action": {"resubmit": {}}, "notify": SINKS},
        budget={"maxConcurrent": 1, "maxPerWindow": 2, "windowSeconds": 900},
    )
    result = replayed([a_report(f"wf-{n}", f"root{n:06d}-0000", end=at(60 + n)) for n in range(8)], tight)
    checks = [(one.at, one.decision.run.uid, one.decision.lock) for one in result.decisions]
    assert len(checks) == len(set(checks)) > 100


def test_until_is_inclusive() -> None:
    result = replay([a_report()], [a_policy(backoff={"initialSeconds": 0})], since=T0, until=at(60), limits=LIMITS)
    assert [action.executed_at for action in result.actions] == [at(60)]


def test_an_opted_out_run_is_held() -> None:
    result = replayed([a_report(observed={"noRemediation": True})])
    assert reasons(result) == [HoldReason.OPTED_OUT]


def test_only_the_latest_run_of_a_retried_workflow_is_decided_about() -> None:
    earlier = {"startedAt": at(-100), "finishedAt": at(-50), "phase": "Failed"}
    retry = a_policy({"name": "r", "match": {}, "action": {"retry": {}}}, **QUICK)
    result = replayed([a_report(runs=[earlier])], retry, since=at(-1000))
    assert [action.started_at for action in result.actions] == [at(0)]
    assert result.actions[0].has_helped is None
    assert result.actions[0].created_at == result.actions[0].executed_at


def test_a_report_without_an_observed_run_is_skipped() -> None:
    assert replayed([a_report().model_copy(update={"status": None})]).decisions == ()
    timeless = a_report(observed={"startedAt": None, "finishedAt": None})
    assert replayed([timeless]).decisions == ()
    assert len(replayed([a_report(observed={"startedAt": None})], a_policy(**QUICK)).actions) == 1


@dataclass
class Live:
    """A simulated operator: it decides about reports, and its actions create new runs."""

    policy: RemediationPolicy
    outcomes: dict[str, list[bool]]
    reports: dict[str, WorkflowReport] = field(default_factory=dict)
    runs: RunHistory = field(default_factory=RunHistory)
    actions: list[PastAction] = field(default_factory=list)
    made: list[tuple[str, str, str, int]] = field(default_factory=list)
    last: dict[tuple[str, str], str] = field(default_factory=dict)

    def work(self, roots: Sequence[WorkflowReport]) -> None:
        """Start with these runs, and continue until no run is left to decide about.

        At equal times runs end before others are checked again, as in a replay.
        """
        queue = [(ended(report), False, n, report) for n, report in enumerate(roots)]
        scheduled = set[tuple[str, datetime]]()
        heapq.heapify(queue)
        serial = len(queue)
        while queue:
            now, _, _, report = heapq.heappop(queue)
            self.reports[uid(report)] = report
            self.runs.put(report)
            self.record_outcome(report)
            for lock in locks_of(report):
                decision = self.decide(report, now, lock)
                self.last[uid(report), lock] = decision.reason
                serial += 1
                if decision.action is not None:
                    queue += [(ended(new), False, serial, new) for new in self.perform(decision, now)]
                elif decision.recheck_at is not None and (uid(report), decision.recheck_at) not in scheduled:
                    scheduled.add((uid(report), decision.recheck_at))
                    queue.append((decision.recheck_at, True, serial, report))
            heapq.heapify(queue)

    def decide(self, report: WorkflowReport, now: datetime, lock: LockClass) -> Decision:
        history = History(self.runs.in_namespace(NS), tuple(self.actions))
        made = decide(report, live_state_of(report), [self.policy], history, LIMITS, now, lock=lock)
        assert made is not None
        return made

    def perform(self, decision: Decision, now: datetime) -> list[WorkflowReport]:
        run, action_type = decision.run, decision.action
        assert action_type is not None
        self.made.append((run.uid, decision.lock, action_type, decision.attempt))
        action = an_action(
            remediation_name(run.name, run.uid, run.started_at, decision.lock),
            workflow_uid=run.uid,
            root_uid=run.root_uid,
            lock=decision.lock,
            type=action_type,
            attempt=decision.attempt,
            counts_toward_limit=decision.counts_toward_limit,
            fingerprint=run.fingerprint,
            created_at=now,
            executed_at=now,
        )
        self.actions.append(action)
        if action_type != ActionType.RESUBMIT:
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
                end=now + timedelta(seconds=97, milliseconds=len(self.actions)),
                labels=labels,
            )
        ]

    def record_outcome(self, report: WorkflowReport) -> None:
        """Record the end of a resubmission as the outcome of the action that created it."""
        run = latest_run(report)
        assert run is not None
        for n, action in enumerate(self.actions):
            if (action.root_uid, action.attempt, action.lock) == (run.root_uid, run.attempt, LockClass.MUTATE):
                ended_at = ended(report)
                self.actions[n] = replace(action, has_helped=run.has_succeeded, has_outcome=True, finished_at=ended_at)


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
    """Draw a policy, runs that end at different times, and the outcomes of their resubmissions."""
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
    result = replay(list(live.reports.values()), [policy], since=T0, until=DAY, limits=LIMITS)
    acting = [one.decision for one in result.decisions if one.decision.action is not None]
    assert [(one.run.uid, one.lock, one.action, one.attempt) for one in acting] == live.made
    assert {(one.decision.run.uid, one.decision.lock): one.decision.reason for one in result.decisions} == live.last

"""Times at the ends of the calendar, as users may write them into a Workflow or a status, are no exception anywhere."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.builders import at
from tests.core.decide.builders import LATER, SINKS, a_failure, a_policy, a_report, a_run, an_action, live_state_of
from tests.core.record.builders import NOW, a_remediation, with_status
from tests.core.stall.stall_objects import node, workflow
from tests.core.stall.stall_world import StallWorld
from tests.examples import examples

from wfreport.api.calendar import EARLIEST, LATEST, duration_of, shifted
from wfreport.api.condition import Condition
from wfreport.api.remediation import LockClass, RemediationStatus
from wfreport.cli.render.report_page import report_lines
from wfreport.cli.render.style import Style
from wfreport.core.decide.breaker import judge_breaker
from wfreport.core.decide.decision import decide
from wfreport.core.decide.enforcement import EnforcementAction, enforcement_of
from wfreport.core.decide.model import ExecutionState, History, OperatorLimits
from wfreport.core.export.trace import trace_of
from wfreport.core.record.freshness import is_fresh_intent
from wfreport.core.render.retention import FinishedReport, RetentionRule, expires_at, may_expire_at
from wfreport.core.trends.facts import RunFacts
from wfreport.core.trends.plots import plot_days, plot_durations
from wfreport.tracing.otlp import encode_trace

instants = st.one_of(st.sampled_from([EARLIEST, LATEST]), st.datetimes(timezones=st.just(UTC)))
ends = pytest.mark.parametrize("end", [EARLIEST, LATEST], ids=["first", "last"])


@given(instant=instants, by=st.timedeltas())
def test_a_shifted_time_is_the_sum_within_the_calendar(instant: datetime, by: timedelta) -> None:
    found = shifted(instant, by)
    assert found >= EARLIEST
    assert found in {EARLIEST, LATEST} or found == instant + by
    if by:
        assert (found >= instant) == (by > timedelta(0)) or found == instant


@pytest.mark.parametrize("seconds", [10**18, -(10**18), 10**400, 60, 0.5])
def test_a_duration_is_at_most_as_long_as_the_calendar(seconds: float) -> None:
    found = duration_of(seconds)
    assert abs(found) <= LATEST - EARLIEST
    assert abs(seconds) > 10**12 or found.total_seconds() == seconds


@ends
def test_a_report_of_such_a_run_expires_in_its_time(end: datetime) -> None:
    rules = (RetentionRule(keep=timedelta(days=7)),)
    for ttl_seconds in (None, 3_153_600_000):
        finished = FinishedReport("n", "Failed", end, automatic=True, pinned=False, ttl_seconds=ttl_seconds)
        for expiry in (expires_at(finished, rules), may_expire_at(finished, rules)):
            assert expiry is not None
            assert (expiry < NOW) == (end == EARLIEST)


RULES: tuple[dict[str, Any], ...] = (
    {"name": "again", "match": {}, "action": {"resubmit": {}}, "notify": SINKS, "delaySeconds": 60},
    {"name": "stop", "match": {}, "action": {"stop": {"afterSeconds": 600, "pendingAfterSeconds": 60}}},
    {"name": "stalled", "match": {"stalled": {"forSeconds": 600}}, "action": {"resubmit": {}}},
)


@settings(max_examples=examples(60), deadline=None)
@given(
    start=instants,
    end=instants,
    since=instants,
    acted_at=instants,
    phase=st.sampled_from(["Failed", "Succeeded", "Running"]),
    evidence=st.sampled_from(["True", "False"]),
    rule=st.sampled_from(RULES),
)
def test_such_runs_and_actions_lead_to_decisions(
    start: datetime, end: datetime, since: datetime, acted_at: datetime, phase: str, evidence: str, rule: dict[str, Any]
) -> None:
    condition = {"type": "EvidenceComplete", "status": evidence, "reason": "R", "lastTransitionTime": since}
    report = a_report(
        phase=phase,
        start=start,
        end=end,
        conditions=[condition],
        waiting=[{"reason": "Unschedulable", "sinceAt": since}],
        stalled={"reason": "PodGone", "sinceAt": since},
    )
    policy = a_policy(rule, enforced_since=since, circuitBreaker={"minRuns": 1})
    runs = [a_run(f"r{n}", started_at=start, finished_at=moment) for n, moment in enumerate((start, end, since))]
    actions = [
        an_action("done", executed_at=acted_at, created_at=since, finished_at=end, has_helped=False, has_outcome=True),
        an_action("stopping", executed_at=None, created_at=acted_at, stopped_at=since),
    ]
    history = History(tuple(runs), tuple(actions))
    judge_breaker(policy.spec.circuit_breaker, runs, actions, LATER)
    for lock in LockClass:
        decision = decide(report, live_state_of(report), [policy], history, OperatorLimits(), LATER, lock=lock)
        assert decision is not None
        for own in (None, *actions):
            assert enforcement_of(decision, own, LATER) is not None


def test_an_intent_from_the_end_of_time_awaits_its_approval() -> None:
    policy, report = a_policy(mode="Approve"), a_report()
    decision = decide(report, live_state_of(report), [policy], History(), OperatorLimits(), LATER)
    own = an_action(created_at=LATEST, executed_at=None, is_approved=None, execution=ExecutionState.PENDING)
    assert decision is not None
    enforcement = enforcement_of(decision, own, LATER)
    assert (enforcement.action, enforcement.recheck_at) == (EnforcementAction.AWAIT_APPROVAL, LATEST)


def test_a_backoff_that_ends_after_the_calendar_is_not_over() -> None:
    for message in ("Backoff for 999999999 days", "Backoff for 999999999 days 999999999 days 999999999 days"):
        retry = node("train", "Running", "Retry", message=message, children=["wf.train(0)"])
        world = StallWorld(at(10**8))
        snapshot = world.put(workflow(node("", kind="DAG"), retry, node("train(0)", "Failed")))
        assert asyncio.run(world.inspect(snapshot)).verdict.finding is None


@pytest.mark.parametrize("ended", ["9999-12-31T23:59:59Z", "0001-01-01T00:00:00", "0000-01-01T00:00:00Z", 7])
@pytest.mark.parametrize("seconds", [2**63 - 1, -(2**63)])
def test_the_freshness_of_an_intent_has_no_exception(ended: object, seconds: int) -> None:
    document = {"spec": {"ttlStrategy": {"secondsAfterCompletion": seconds}}, "status": {"finishedAt": ended}}
    stopping = Condition(type="Executed", status="Unknown", reason="RunStopping", last_transition_time=NOW)
    status = RemediationStatus(conditions=[stopping], stopped_at=NOW)
    for remediation in (a_remediation(), with_status(a_remediation(), status)):
        assert is_fresh_intent(remediation, document, NOW) == (seconds > 0)


@ends
def test_trends_of_such_runs_are_drawn(end: datetime) -> None:
    runs = [
        RunFacts("n", "run", "u", "CronWorkflow/etl", finished_at=moment, has_succeeded=True, seconds=60)
        for moment in (end, end)
    ]
    (bar,) = plot_days(runs)
    assert bar.day == end.date()
    assert plot_durations(runs, "n", "CronWorkflow/etl")


@ends
def test_a_page_and_a_trace_of_such_a_run_exist(end: datetime) -> None:
    step: dict[str, Any] = {"displayName": "a", "nodeId": "a", "type": "Pod", "phase": "Failed"}
    step |= {"startedAt": end, "finishedAt": end, "waitSeconds": 2**63 - 1, "queuedSeconds": 2**63 - 1}
    timing = {"queuedSeconds": 2**63 - 1}
    report = a_report("etl", "u", a_failure(), start=end, end=end, timing=timing, steps=[step])
    assert report.status is not None
    trace = trace_of("n", "etl", report.status)
    assert trace is not None
    assert encode_trace(trace)
    assert "etl" in "".join(line.plain for line in report_lines(report, Style()))

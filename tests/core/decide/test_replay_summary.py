"""The summary of a replay."""

from __future__ import annotations

from typing import Any

from tests.builders import T0, at
from tests.core.decide.builders import RESUBMIT, SINKS, a_failure, a_policy, a_report
from tests.core.decide.test_replay import DAY, LIMITS, QUICK, resubmitted

from wfreport.api.action_types import ActionType
from wfreport.api.policy import RemediationPolicy
from wfreport.api.reasons import HoldReason
from wfreport.core.decide.replay import replay
from wfreport.core.decide.replay_summary import (
    ActionCount,
    BreakerOpenInterval,
    ReplaySummary,
    describe,
    summarize_replay,
)


def summarized(reports: Any, policy: RemediationPolicy) -> ReplaySummary:
    return summarize_replay(replay(reports, [policy], since=T0, until=DAY, limits=LIMITS))


def test_runs_are_counted_by_their_result() -> None:
    reports = [
        a_report(),
        a_report("ok", "ok", phase="Succeeded"),
        a_report("else", "else", labels={}),
        a_report("stopped", "stopped", observed={"shutdown": "Stop"}),
    ]
    summary = summarized(reports, a_policy(**QUICK))
    assert (summary.runs, summary.selected, summary.succeeded) == (4, 3, 1)
    assert summary.held == ((HoldReason.CANCELLED_BY_PERSON, 1),)
    assert summary.delayed == ((HoldReason.COOLING_DOWN, 1),)
    assert [replayed.decision.run.name for replayed in summary.last] == ["stopped", "etl"]


def test_actions_are_counted_by_rule_with_their_outcomes() -> None:
    reports = [a_report(), resubmitted(1, "Failed", 71, 200), resubmitted(2, "Succeeded", 221, 300)]
    other = a_report("lost", "lost", a_failure(**{"class": "NodeLost"}), start=at(400), end=at(500))
    lost = {"name": "lost", "match": {"classes": ["NodeLost"]}, "action": {"resubmit": {}}}
    summary = summarized([*reports, other], a_policy(lost, RESUBMIT | {"notify": SINKS}, **QUICK))
    assert summary.actions == (
        ActionCount("again", ActionType.NOTIFY, 2),
        ActionCount("again", ActionType.RESUBMIT, 2, helped=1, not_helped=1),
        ActionCount("lost", ActionType.RESUBMIT, 1),
    )
    assert summary.held == ()


def test_the_summary_has_the_periods_with_an_open_breaker() -> None:
    breaker: dict[str, Any] = {"circuitBreaker": {"minRuns": 3, "windowSeconds": 60, "cooldownSeconds": 30}}
    storm = [a_report(f"a-{n}", f"a-{n}") for n in range(4)]
    other = [a_report(f"b-{n}", f"b-{n}", start=at(4900), end=at(5000)) for n in range(3)]
    summary = summarized([*storm, *other], a_policy(**QUICK, **breaker))
    # Open for 60 + 30 seconds; then the runs wait for one another, each a trial of 60 seconds that tells nothing.
    assert summary.breaker == (BreakerOpenInterval(at(70), at(330), 4), BreakerOpenInterval(at(5010), at(5330), 3))
    assert dict(summary.delayed)[HoldReason.BREAKER_OPEN] == 7
    assert summarized([a_report()], a_policy(**QUICK)).breaker == ()


def test_a_run_that_became_too_old_during_a_hold_counts_for_that_hold() -> None:
    shut = {"minRuns": 2, "failurePercentAtMost": 1, "windowSeconds": 86400, "cooldownSeconds": 86400}
    spec: dict[str, Any] = {"circuitBreaker": shut}
    reports = [a_report("a", "a"), a_report("b", "b")]
    summary = summarize_replay(replay(reports, [a_policy(**QUICK, **spec)], since=T0, until=at(10**6), limits=LIMITS))
    assert summary.held == ((HoldReason.BREAKER_OPEN, 2),)
    late = summarize_replay(
        replay(reports, [a_policy(**QUICK, limits={"maxAgeSeconds": 60})], since=T0, until=DAY, limits=LIMITS)
    )
    assert late.held == ()
    slow = a_policy(backoff={"initialSeconds": 600}, limits={"maxAgeSeconds": 60})
    assert summarize_replay(replay(reports, [slow], since=T0, until=DAY, limits=LIMITS)).held == (
        (HoldReason.COOLING_DOWN, 2),
    )


def test_holds_are_sorted_by_frequency_and_outcomes_are_counted() -> None:
    stopped = [a_report("s", "s", observed={"shutdown": "Stop"})]
    opted_out = [a_report(f"o{n}", f"o{n}", observed={"noRemediation": True}) for n in range(2)]
    other = a_report("e", "e", a_failure(**{"class": "ExitCode"}))
    none = {"name": "none", "match": {"classes": ["ExitCode"]}, "action": {"none": {}}}
    summary = summarized([*opted_out, *stopped, other], a_policy(none, RESUBMIT, **QUICK))
    assert summary.held == (
        (HoldReason.OPTED_OUT, 2),
        (HoldReason.ACTION_IS_NONE, 1),
        (HoldReason.CANCELLED_BY_PERSON, 1),
    )
    helped = summarized([a_report(), resubmitted(1, "Succeeded", 71, 200)], a_policy(**QUICK))
    assert helped.actions == (ActionCount("again", ActionType.RESUBMIT, 1, helped=1, not_helped=0),)
    failed = summarized([a_report(), resubmitted(1, "Failed", 71, 200)], a_policy(limits={"maxAttempts": 1}, **QUICK))
    assert failed.actions == (ActionCount("again", ActionType.RESUBMIT, 1, helped=0, not_helped=1),)


def test_pods_are_counted_once() -> None:
    policy = a_policy(RESUBMIT | {"labelPods": {}}, **QUICK)
    assert summarized([a_report()], policy).pods == 1


def test_a_decision_is_described_in_one_line() -> None:
    summary = summarized([a_report(), a_report("s", "s", observed={"shutdown": "Stop"})], a_policy(**QUICK))
    assert [describe(replayed.decision) for replayed in summary.last] == [
        "CancelledByPerson: the Workflow's shutdown strategy is Stop",
        "rule again: Resubmit after OOMKilled at transform",
    ]

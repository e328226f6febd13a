"""What a replay comes to."""

from __future__ import annotations

from typing import Any

from tests.builders import T0, at
from tests.core.decide.builders import RESUBMIT, SINKS, a_failure, a_policy, a_report
from tests.core.decide.test_replay import DAY, LIMITS, QUICK, resubmitted

from wfreport.api.actions import ActionType
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


def tallied(reports: Any, policy: RemediationPolicy) -> ReplaySummary:
    return summarize_replay(replay(reports, [policy], since=T0, until=DAY, limits=LIMITS))


def test_runs_are_counted_by_what_became_of_them() -> None:
    reports = [
        a_report(),
        a_report("ok", "ok", phase="Succeeded"),
        a_report("else", "else", labels={}),
        a_report("stopped", "stopped", observed={"shutdown": "Stop"}),
    ]
    found = tallied(reports, a_policy(**QUICK))
    assert (found.runs, found.selected, found.succeeded) == (4, 3, 1)
    assert found.held == ((HoldReason.CANCELLED_BY_PERSON, 1),)
    assert found.delayed == ((HoldReason.COOLING_DOWN, 1),)
    assert [judged.decision.run.name for judged in found.last] == ["stopped", "etl"]


def test_acts_are_counted_by_rule_with_what_the_past_says_of_them() -> None:
    reports = [a_report(), resubmitted(1, "Failed", 71, 200), resubmitted(2, "Succeeded", 221, 300)]
    other = a_report("lost", "lost", a_failure(**{"class": "NodeLost"}), start=at(400), end=at(500))
    lost = {"name": "lost", "match": {"classes": ["NodeLost"]}, "action": {"resubmit": {}}}
    found = tallied([*reports, other], a_policy(lost, RESUBMIT | {"notify": SINKS}, **QUICK))
    assert found.actions == (
        ActionCount("again", ActionType.NOTIFY, 2),
        ActionCount("again", ActionType.RESUBMIT, 2, helped=1, not_helped=1),
        ActionCount("lost", ActionType.RESUBMIT, 1),
    )
    assert found.held == ()


def test_the_times_in_which_the_breaker_was_open_are_told() -> None:
    breaker: dict[str, Any] = {"circuitBreaker": {"minRuns": 3, "windowSeconds": 60, "cooldownSeconds": 30}}
    storm = [a_report(f"a-{n}", f"a-{n}") for n in range(4)]
    other = [a_report(f"b-{n}", f"b-{n}", start=at(4900), end=at(5000)) for n in range(3)]
    found = tallied([*storm, *other], a_policy(**QUICK, **breaker))
    # Open for 60 + 30 seconds; then the runs wait for one another, each a trial of 60 seconds that tells nothing.
    assert found.breaker == (BreakerOpenInterval(at(70), at(330), 4), BreakerOpenInterval(at(5010), at(5330), 3))
    assert dict(found.delayed)[HoldReason.BREAKER_OPEN] == 7
    assert tallied([a_report()], a_policy(**QUICK)).breaker == ()


def test_a_run_that_grew_too_old_while_it_waited_was_held_by_what_it_waited_for() -> None:
    shut = {"minRuns": 2, "failurePercentAtMost": 1, "windowSeconds": 86400, "cooldownSeconds": 86400}
    spec: dict[str, Any] = {"circuitBreaker": shut}
    reports = [a_report("a", "a"), a_report("b", "b")]
    found = summarize_replay(replay(reports, [a_policy(**QUICK, **spec)], since=T0, until=at(10**6), limits=LIMITS))
    assert found.held == ((HoldReason.BREAKER_OPEN, 2),)
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
    found = tallied([*opted_out, other, *stopped], a_policy(none, RESUBMIT, **QUICK))
    assert found.held == (
        (HoldReason.OPTED_OUT, 2),
        (HoldReason.ACTION_IS_NONE, 1),
        (HoldReason.CANCELLED_BY_PERSON, 1),
    )
    helped = tallied([a_report(), resubmitted(1, "Succeeded", 71, 200)], a_policy(**QUICK))
    assert helped.actions == (ActionCount("again", ActionType.RESUBMIT, 1, helped=1, not_helped=0),)
    failed = tallied([a_report(), resubmitted(1, "Failed", 71, 200)], a_policy(limits={"maxAttempts": 1}, **QUICK))
    assert failed.actions == (ActionCount("again", ActionType.RESUBMIT, 1, helped=0, not_helped=1),)


def test_pods_are_counted_once() -> None:
    policy = a_policy(RESUBMIT | {"labelPods": {}}, **QUICK)
    assert tallied([a_report()], policy).pods == 1


def test_a_decision_is_told_in_a_line() -> None:
    found = tallied([a_report(), a_report("s", "s", observed={"shutdown": "Stop"})], a_policy(**QUICK))
    assert [describe(judged.decision) for judged in found.last] == [
        "CancelledByPerson: the Workflow's shutdown strategy is Stop",
        "rule again: Resubmit after OOMKilled at transform",
    ]

"""Matching of rules and failures."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from tests.builders import at
from tests.core.decide.builders import RESUBMIT, a_failure, a_policy, a_report, a_rule, a_run

from wfreport.api.policy import RemediationPolicy
from wfreport.api.report import Failure
from wfreport.core.decide.expressions import compiled, is_compiled
from wfreport.core.decide.history import latest_run
from wfreport.core.decide.matching import (
    COMPILING_STEPS,
    MAX_COMPILED,
    MatchContext,
    compiling_steps,
    estimated_steps,
    match_rule,
    match_running,
    matches,
    search_steps,
)
from wfreport.large_work import MANY_STEPS


def context_of(failure: dict[str, Any] | None = None, runs: Any = (), **run: Any) -> MatchContext:
    return MatchContext(Failure.model_validate(a_failure(**(failure or {}))), a_run("etl", **run), runs)


LOG = {"logTail": {"text": "connecting\nconnection refused by db", "lines": 2, "bytes": 30}}


@pytest.mark.parametrize(
    ("match", "failure", "expected"),
    [
        ({}, {}, True),
        ({"classes": ["OOMKilled"]}, {}, True),
        ({"classes": ["Evicted", "NodeLost"]}, {}, False),
        ({"classes": ["Unknown"]}, {"class": "FromTheFuture"}, True),
        ({"owners": ["User"]}, {}, True),
        ({"owners": ["Infrastructure"]}, {}, False),
        ({"exitCodes": {"operator": "In", "values": [1, 137]}}, {}, True),
        ({"exitCodes": {"operator": "In", "values": [1]}}, {}, False),
        ({"exitCodes": {"operator": "NotIn", "values": [1]}}, {}, True),
        ({"exitCodes": {"operator": "NotIn", "values": [137]}}, {}, False),
        ({"exitCodes": {"operator": "NotIn", "values": [1]}}, {"exitCode": None}, False),
        ({"exitCodes": {"operator": "In", "values": [1]}}, {"exitCode": None}, False),
        ({"containers": ["main"]}, {}, True),
        ({"containers": ["sidecar"]}, {}, False),
        ({"containers": ["main"]}, {"container": None}, False),
        ({"templates": ["transform"]}, {}, True),
        ({"templates": ["load"]}, {}, False),
        ({"steps": ["transform"]}, {}, True),
        ({"steps": ["transform"]}, {"displayName": "transform(0:a)"}, True),
        ({"steps": ["transform(0:a)"]}, {"displayName": "transform(0:a)"}, True),
        ({"steps": ["transform(1:b)"]}, {"displayName": "transform(0:a)"}, False),
        ({"steps": ["load"]}, {}, False),
        ({"steps": ["load"]}, {"displayName": None}, False),
        ({"messageRegex": "OOM"}, {}, True),
        ({"messageRegex": "(?i)oomk.*137"}, {}, True),
        ({"messageRegex": "^OOM"}, {}, False),
        ({"messageRegex": "."}, {"message": None}, False),
        ({"messageRegex": "(unclosed"}, {}, False),
        ({"logRegex": "connection refused"}, LOG, True),
        ({"logRegex": "^connection"}, LOG, False),
        ({"logRegex": "x*"}, {}, False),
        ({"phases": ["Failed"]}, {}, True),
        ({"phases": ["Error"]}, {}, False),
        ({"labels": {"matchLabels": {"team": "data"}}}, {}, True),
        ({"labels": {"matchLabels": {"team": "web"}}}, {}, False),
        ({"classes": ["OOMKilled"], "containers": ["sidecar"]}, {}, False),
        ({"consecutiveFailures": {"atLeast": 2, "of": "CronWorkflow"}}, {}, False),
    ],
    ids=str,
)
def test_all_criteria_must_match(match: dict[str, Any], failure: dict[str, Any], expected: bool) -> None:
    assert matches(a_rule(match=match).match, context_of(failure)) == expected


def test_consecutive_failures_are_counted_over_the_runs_of_a_cron() -> None:
    rule = a_rule(match={"consecutiveFailures": {"atLeast": 2, "of": "CronWorkflow"}})
    before = a_run("before", cron_workflow="nightly", started_at=at(-60))
    assert matches(rule.match, context_of(cron_workflow="nightly", runs=[before]))
    assert not matches(rule.match, context_of(cron_workflow="nightly"))


def test_the_first_matching_rule_counts() -> None:
    policy = a_policy(
        {"name": "never", "match": {"classes": ["Evicted"]}, "action": {"none": {}}},
        {"name": "oom", "match": {"classes": ["OOMKilled"]}, "action": {"none": {}}},
        RESUBMIT,
    )
    rule = match_rule(policy, context_of())
    assert rule is not None
    assert rule.name == "oom"
    again = match_rule(policy, context_of({"class": "ExitCode"}))
    assert again is not None
    assert again.name == "again"
    assert match_rule(a_policy({"name": "n", "match": {"steps": ["x"]}, "action": {"none": {}}}), context_of()) is None


def test_rules_for_running_workflows_are_separate() -> None:
    stop = {"name": "stuck", "match": {}, "action": {"stop": {"afterSeconds": 60}}}
    policy = a_policy(stop, {"name": "tell", "match": {}, "labelPods": {}})
    rule = match_rule(policy, context_of())
    assert rule is not None
    assert rule.name == "tell"
    run = latest_run(a_report(phase="Running"))
    assert run is not None
    running = match_running(policy, run)
    assert running is not None
    assert running.name == "stuck"
    assert match_running(a_policy(), run) is None


def searching(name: str, expressions: int) -> RemediationPolicy:
    """Return a policy with so many expressions, none of which was compiled before."""
    unique = uuid4().hex  # another one each time that a test runs in a process
    rules = [{"name": f"r{n}", "match": {"messageRegex": f"{unique} {n}"}} for n in range(expressions)]
    return a_policy(*(rule | {"action": {"none": {}}} for rule in rules), name=name)


@pytest.mark.parametrize("expressions", [MAX_COMPILED, MAX_COMPILED + 1])
def test_few_new_expressions_are_compiled_for_an_estimate_and_many_count_as_many_steps(expressions: int) -> None:
    policy, failures = searching(f"new-{expressions}", expressions), [Failure.model_validate(a_failure())]
    steps = estimated_steps([policy], a_run("etl"), failures)
    are_compiled = [is_compiled(rule.match.message_regex or "") for rule in policy.spec.rules]
    assert set(are_compiled) == {expressions == MAX_COMPILED}
    assert (steps > MANY_STEPS) == (expressions > MAX_COMPILED)
    exact = search_steps([policy], failures)
    assert steps == (exact if expressions == MAX_COMPILED else expressions * COMPILING_STEPS)
    assert estimated_steps([policy], a_run("etl"), failures) == exact > 0


def test_expressions_are_as_many_steps_until_they_are_compiled() -> None:
    policy = searching("to be validated", 3)
    assert compiling_steps(policy) == 3 * COMPILING_STEPS
    for rule in policy.spec.rules:
        compiled(rule.match.message_regex or "")
    assert compiling_steps(policy) == 0


def test_an_estimate_leaves_out_runs_without_failures_and_policies_that_do_not_select_the_run() -> None:
    policy, failures = searching("unused", 2), [Failure.model_validate(a_failure())]
    assert estimated_steps([policy], a_run("etl"), ()) == 0
    assert estimated_steps([policy], None, failures) == 0
    assert estimated_steps([policy], a_run("etl", labels={"team": "web"}), failures) == 0
    assert estimated_steps([policy, a_policy(name="first", priority=1)], a_run("etl"), failures) == 0
    assert not any(is_compiled(rule.match.message_regex or "") for rule in policy.spec.rules)

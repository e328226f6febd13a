"""The problems of an invalid policy name the field, its value and a fix."""

from __future__ import annotations

from typing import Any

import pytest
from tests.objects import a_policy, a_rule

from wfreport.api.reasons import StallReason
from wfreport.core.decide.expressions import instructions_of
from wfreport.core.decide.validity import InvalidPolicyError, read_policy


def problems(**spec: Any) -> list[str]:
    try:
        read_policy(a_policy("batch", **spec))
    except InvalidPolicyError as error:
        return [str(problem) for problem in error.problems]
    return []


ARGOS = "workflows.argoproj.io/completed"
RE2 = "use a valid RE2 expression: "
NOT_TAKEN = "resubmissions do not inherit this label, so the policy would not select them: use another label"
NO_KEY = "this is not a valid label key: use [prefix/]name, with letters, digits, '-', '_' and '.'"
NO_VALUE = "this is not a valid label value: use at most 63 letters, digits, '-', '_' and '.'"
OOM = {"classes": ["OOMKilled"]}


def test_a_valid_policy_is_read() -> None:
    policy = read_policy(a_policy("batch", rules=[a_rule("oom", OOM, raiseMemory={"max": "16Gi"})]))
    assert policy.spec.rules[0].action is not None
    assert policy.spec.rules[0].action.raise_memory is not None


@pytest.mark.parametrize(
    ("spec", "problem"),
    [
        (
            {"rules": [a_rule("a", none={}), a_rule("b", {"messageRegex": "(a"}, none={})]},
            f"spec.rules[1].match.messageRegex: '(a': {RE2}missing ): (a",
        ),
        (
            {"rules": [a_rule("a", {"logRegex": "a{9999}"}, none={})]},
            f"spec.rules[0].match.logRegex: 'a{{9999}}': {RE2}invalid repetition size: {{9999}}",
        ),
        (
            {"selector": {"matchLabels": {"a b": "c"}}},
            f"spec.selector.matchLabels: 'a b': {NO_KEY}",
        ),
        (
            {"selector": {"matchLabels": {"a": "b c"}}},
            f"spec.selector.matchLabels[a]: 'b c': {NO_VALUE}",
        ),
        (
            {"selector": {"matchExpressions": [{"key": "Up/er", "operator": "Exists"}]}},
            f"spec.selector.matchExpressions[0]: 'Up/er': {NO_KEY}",
        ),
        (
            {"selector": {"matchExpressions": [{"key": "a", "operator": "In", "values": ["ok", "n o"]}]}},
            f"spec.selector.matchExpressions[0][a]: 'n o': {NO_VALUE}",
        ),
        (
            {"rules": [a_rule("a", {"labels": {"matchLabels": {"-": ""}}}, none={})]},
            f"spec.rules[0].match.labels.matchLabels: '-': {NO_KEY}",
        ),
        (
            {"rules": [{"name": "l", "match": {}, "labelPods": {"labels": {"k": "n o"}}}]},
            f"spec.rules[0].labelPods.labels[k]: 'n o': {NO_VALUE}",
        ),
        (
            {"rules": [{"name": "l", "match": {}, "labelPods": {"labels": {ARGOS: "x"}}}]},
            f"spec.rules[0].labelPods.labels[{ARGOS}]: 'x': this label controls Argo: use your own prefix",
        ),
        (
            {"rules": [a_rule("o", OOM, raiseMemory={"max": "lots"})]},
            "spec.rules[0].action.raiseMemory.max: 'lots': use a quantity of memory above 0, such as 16Gi",
        ),
        (
            {"rules": [a_rule("o", OOM, raiseMemory={"max": "0"})]},
            "spec.rules[0].action.raiseMemory.max: '0': use a quantity of memory above 0, such as 16Gi",
        ),
        (
            {"rules": [a_rule("o", OOM, raiseMemory={"max": "1Gi", "minIncrease": "-1"})]},
            "spec.rules[0].action.raiseMemory.minIncrease: '-1': use a quantity of memory, such as 256Mi",
        ),
        (
            {"rules": [a_rule("o", OOM, raiseMemory={"max": "1Gi", "minIncrease": "x"})]},
            "spec.rules[0].action.raiseMemory.minIncrease: 'x': use a quantity of memory, such as 256Mi",
        ),
        (
            {"rules": [a_rule("o", OOM, raiseMemory={"max": "1Gi", "factor": "1"})]},
            "spec.rules[0].action.raiseMemory.factor: '1': use a number above 1, or 1 with a minIncrease",
        ),
        (
            {"rules": [a_rule("o", OOM, raiseMemory={"max": "1Gi", "factor": "0.9", "minIncrease": "1Mi"})]},
            "spec.rules[0].action.raiseMemory.factor: '0.9': use a number above 1, or 1 with a minIncrease",
        ),
        ({"backoff": {"factor": 1.5}}, "spec.backoff.factor: '1.5': it must be a text: write it in quotes"),
        (
            {"backoff": {"factor": "0.5"}},
            "spec.backoff.factor: '0.5': use at least 1, so that delays do not shrink",
        ),
        ({"backoff": {"jitter": "1.5"}}, "spec.backoff.jitter: '1.5': use at most 1, which doubles the delay"),
        (
            {"backoff": {"initialSeconds": 60, "maxSeconds": 59}},
            "spec.backoff.maxSeconds: '59': use at least initialSeconds, 60",
        ),
        (
            {"selector": {}},
            "spec.selector: '{}': set a label, so that the policy does not select every Workflow by accident",
        ),
        ({"selector": {"matchLabels": {"wfreport.dev/mine": "a"}}}, f"spec.selector: 'wfreport.dev/mine': {NOT_TAKEN}"),
        (
            {"selector": {"matchExpressions": [{"key": "wfreport.dev/mine", "operator": "In", "values": ["a"]}]}},
            f"spec.selector: 'wfreport.dev/mine': {NOT_TAKEN}",
        ),
        (
            {"selector": {"matchExpressions": [{"key": "app.kubernetes.io/instance", "operator": "Exists"}]}},
            f"spec.selector: 'app.kubernetes.io/instance': {NOT_TAKEN}",
        ),
        (
            {"rules": [a_rule("a", none={}), a_rule("a", none={})]},
            "spec.rules[1].name: 'a': give each rule a unique name",
        ),
        (
            {"rules": [a_rule("a", none={}, resubmit={})]},
            "spec.rules[0].action: 'none, resubmit': set exactly one action",
        ),
        ({"rules": [a_rule("a")]}, "spec.rules[0].action: set exactly one action"),
        (
            {"mode": "Dryrun"},
            "spec.mode: 'Dryrun': input should be 'Observe', 'DryRun', 'Approve' or 'Enforce'",
        ),
        ({"rules": [{"name": "a"}]}, "spec.rules[0].match: field required"),
        ({"limits": {"maxAttempts": 21}}, "spec.limits.maxAttempts: '21': input should be less than or equal to 20"),
    ],
    ids=lambda value: str(value)[:50],
)
def test_a_problem_has_field_value_and_fix(spec: dict[str, Any], problem: str) -> None:
    assert problems(**spec) == [problem]


@pytest.mark.parametrize(
    "spec",
    [
        {"rules": [a_rule("o", OOM, raiseMemory={"max": "1Gi", "factor": "1", "minIncrease": "1Mi"})]},
        {"rules": [a_rule("o", OOM, raiseMemory={"max": "1Gi", "factor": "1.1"})]},
        {"rules": [{"name": "l", "match": {}, "labelPods": {}}]},
        {"rules": [a_rule("o", OOM, raiseMemory={"max": "1"})]},
        {"backoff": {"factor": "1", "jitter": "1", "initialSeconds": 60, "maxSeconds": 60}},
        {"rules": [{"name": "l", "match": {}, "labelPods": {"labels": {"example.com/keep": "true"}}}]},
        {"rules": [{"name": "l", "match": {"labels": {"matchLabels": {"a": "b"}}}, "labelPods": {}}]},
        {"selector": {"matchExpressions": [{"key": "wfreport.dev/mine", "operator": "DoesNotExist"}]}},
        {"selector": {"matchExpressions": [{"key": "example.com/a", "operator": "In", "values": ["x", ""]}]}},
    ],
    ids=str,
)
def test_values_at_their_bounds_are_valid(spec: dict[str, Any]) -> None:
    assert problems(**spec) == []


def test_all_problems_are_reported_together() -> None:
    listed = problems(backoff={"factor": "0.5", "jitter": "2"}, rules=[a_rule("a", {"logRegex": "["}, none={})])
    assert len(listed) == 3
    with pytest.raises(InvalidPolicyError, match=r"spec\.backoff\.factor.*; spec\.backoff\.jitter"):
        read_policy(a_policy("batch", backoff={"factor": "0.5", "jitter": "2"}))


def test_an_unsupported_class_is_not_read_as_unknown() -> None:
    policy = read_policy(a_policy("newer", rules=[a_rule("a", {"classes": ["Melted"]}, none={})]))
    assert policy.spec.rules[0].match.classes == ["Melted"]


def test_a_document_that_is_not_a_policy_lists_missing_fields() -> None:
    with pytest.raises(InvalidPolicyError, match="metadata: field required"):
        read_policy({"kind": "RemediationPolicy", "spec": {}})


TEAM = {"sinks": [{"name": "team", "apprise": {"secretName": "team"}}]}
STALLED: dict[str, Any] = {"name": "hung", "match": {"stalled": {}}, "notify": TEAM}


_ONLY = "runs that hang have not failed: besides stalled, match only labels, and leave labelPods out"
_ANSWER = "a run that hangs can be stopped or resubmitted: use stop, resubmit (not memoized), none, or only notify"
_SILENT = "a silent controller holds every policy: alert on the metric instead"
_NO_HELP = (
    "this does not help a run that hangs with LockLeaked: a stop does not free the lock, and a new run would wait "
    "for it as well; use notify"
)
_STALL_REASONS = ", ".join(sorted(set(StallReason) - {StallReason.CONTROLLER_SILENT}))


@pytest.mark.parametrize(
    ("rule", "problem"),
    [
        ({"action": {"raiseMemory": {"max": "1Gi"}}}, f"action: 'RaiseMemory': {_ANSWER}"),
        ({"action": {"retry": {}}}, f"action: 'Retry': {_ANSWER}"),
        ({"action": {"suspendCron": {}}}, f"action: 'SuspendCron': {_ANSWER}"),
        ({"action": {"resubmit": {"memoized": True}}}, f"action: 'Resubmit': {_ANSWER}"),
        (
            {"action": {"stop": {"afterSeconds": 60}}},
            """action.stop: '{"afterSeconds":60}': leave its times out: match.stalled.forSeconds is the time""",
        ),
        (
            {"action": {"stop": {"pendingAfterSeconds": 60}}},
            """action.stop: '{"pendingAfterSeconds":60}': leave its times out: match.stalled.forSeconds is the time""",
        ),
        ({"labelPods": {}}, f"match.stalled: 'labelPods': {_ONLY}"),
        ({"match": {"stalled": {}, "steps": ["a"], "owners": ["User"]}}, f"match.stalled: 'owners, steps': {_ONLY}"),
        (
            {"match": {"stalled": {"reasons": ["ControllerSilent"]}}},
            f"match.stalled.reasons: 'ControllerSilent': {_SILENT}",
        ),
        (
            {"match": {"stalled": {"reasons": ["Podgone"]}}},
            f"match.stalled.reasons: 'Podgone': use one of {_STALL_REASONS}",
        ),
        (
            {"match": {"stalled": {"reasons": ["LockLeaked", "DeletionBlocked"]}}, "action": {"stop": {}}},
            f"action: 'Stop': {_NO_HELP}",
        ),
        ({"match": {}, "action": {"stop": {}}}, "action.stop: '{}': set afterSeconds"),
    ],
)
def test_a_rule_for_runs_that_hang_is_about_nothing_else(rule: dict[str, Any], problem: str) -> None:
    assert problems(rules=[STALLED | rule]) == [f"spec.rules[0].{problem}"]


@pytest.mark.parametrize(
    "rule",
    [
        {},
        {"action": {"stop": {}}},
        {"action": {"resubmit": {}}},
        {"action": {"none": {}}},
        {"match": {"stalled": {"reasons": ["PodGone", "LockLeaked"]}, "labels": {}}, "action": {"resubmit": {}}},
    ],
)
def test_a_rule_for_runs_that_hang_may_notify_stop_resubmit_or_do_nothing(rule: dict[str, Any]) -> None:
    assert problems(rules=[STALLED | rule]) == []


def test_all_expressions_together_have_a_size() -> None:
    large = [a_rule(f"r{n}", {"logRegex": f"(x{n}.?){{90}}"}, none={}) for n in range(32)]
    assert problems(rules=large[:2]) == []
    (problem,) = problems(rules=large)
    size = sum(instructions_of(rule["match"]["logRegex"]) for rule in large)
    assert problem == (
        f"spec.rules: the expressions of all rules compile to {size} instructions of RE2, at most 6000 are allowed: "
        "shorten those that repeat much, such as x{1,100}"
    )


@pytest.mark.parametrize("status", [{"enforcedSince": "0000-01-01T00:00:00Z"}, {"counts": {"matched": "many"}}, []])
def test_a_status_that_does_not_fit_makes_no_policy_invalid(status: object) -> None:
    assert read_policy(a_policy("forged") | {"status": status}).status is None
    with pytest.raises(InvalidPolicyError, match=r"^spec\.priority: 'x'"):
        read_policy(a_policy("forged", priority="x") | {"status": status})

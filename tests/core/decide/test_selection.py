"""Selection of the policy for a run."""

from __future__ import annotations

import time
from typing import Any

import pytest
from tests.core.decide.builders import a_policy, a_run

from wfreport.api.match import LabelSelector
from wfreport.core.decide.labels import LabelSet
from wfreport.core.decide.selection import judging_steps, policy_groups, runs_for, select_policy, selector_text, selects
from wfreport.large_work import MANY_STEPS

LABELS = LabelSet.of({"team": "data", "tier": "1"})


@pytest.mark.parametrize(
    ("selector", "fits"),
    [
        ({}, True),
        ({"matchLabels": {"team": "data"}}, True),
        ({"matchLabels": {"team": "data", "tier": "2"}}, False),
        ({"matchLabels": {"absent": ""}}, False),
        ({"matchExpressions": [{"key": "tier", "operator": "In", "values": ["1", "2"]}]}, True),
        ({"matchExpressions": [{"key": "tier", "operator": "In", "values": ["2"]}]}, False),
        ({"matchExpressions": [{"key": "absent", "operator": "In", "values": ["1"]}]}, False),
        ({"matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["1"]}]}, False),
        ({"matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["2"]}]}, True),
        ({"matchExpressions": [{"key": "absent", "operator": "NotIn", "values": ["1"]}]}, True),
        ({"matchExpressions": [{"key": "tier", "operator": "Exists"}]}, True),
        ({"matchExpressions": [{"key": "absent", "operator": "Exists"}]}, False),
        ({"matchExpressions": [{"key": "tier", "operator": "DoesNotExist"}]}, False),
        ({"matchExpressions": [{"key": "absent", "operator": "DoesNotExist"}]}, True),
        (
            {"matchLabels": {"team": "data"}, "matchExpressions": [{"key": "tier", "operator": "DoesNotExist"}]},
            False,
        ),
    ],
    ids=str,
)
def test_labels_are_selected_as_the_api_server_does(selector: dict[str, Any], fits: bool) -> None:
    assert selects(LabelSelector.model_validate(selector), LABELS) == fits


def test_the_largest_selector_is_asked_about_thousands_of_runs_in_a_moment() -> None:
    values = [f"v{number}" for number in range(64)]
    absent = [{"key": f"l{number}", "operator": "NotIn", "values": values} for number in range(32)]
    policy = a_policy(selector={"matchExpressions": absent})
    runs = [a_run(name=f"w{n}", labels={f"l{number}": "x" for number in range(64)}) for n in range(2000)]
    began = time.thread_time()
    assert runs_for(policy, runs) == runs
    assert time.thread_time() - began < 0.7, "one by one, it took 1.6 s on an idle machine"


def test_many_runs_and_large_selectors_count_as_many_steps() -> None:
    small = a_policy()
    large = a_policy(
        selector={"matchExpressions": [{"key": f"l{number}", "operator": "Exists"} for number in range(32)]}
    )
    assert judging_steps([small], 500) < judging_steps([small], 5000)
    assert judging_steps([small], 500) < judging_steps([small, large], 500) == judging_steps([large], 500)
    assert judging_steps([small], 2000) < MANY_STEPS < judging_steps([large], 2000)
    assert judging_steps([], 0) == 0


def test_only_the_policy_of_the_highest_priority_applies() -> None:
    low, high = a_policy(name="low", priority=1), a_policy(name="high", priority=2)
    chosen = select_policy([low, high], a_run())
    assert chosen is not None
    assert (chosen.policy, chosen.rivals) == (high, ())


def test_policies_of_the_same_priority_are_rivals() -> None:
    policies = [a_policy(name=name, priority=5) for name in ("b", "c", "a")]
    chosen = select_policy([*policies, a_policy(name="0", priority=4)], a_run())
    assert chosen is not None
    assert (chosen.policy.metadata.name, chosen.rivals) == ("a", ("b", "c"))


def test_a_policy_selects_runs_of_its_own_namespace_only() -> None:
    assert select_policy([a_policy(namespace="elsewhere")], a_run()) is None
    assert select_policy([a_policy()], a_run(labels={})) is None
    assert select_policy([], a_run()) is None


def test_passive_policies_are_groups_of_their_own() -> None:
    modes = ("Enforce", "Approve", "DryRun", "Observe")
    enforce, approve, dry, observe = (a_policy(name=mode.lower(), mode=mode) for mode in modes)
    assert policy_groups([enforce, dry, approve, observe]) == [[enforce, approve], [dry], [observe]]
    assert policy_groups([dry]) == [[dry]]
    assert policy_groups([]) == []


def test_a_selector_is_written_as_kubectl_takes_it() -> None:
    selector = LabelSelector.model_validate(
        {
            "matchLabels": {"team": "data"},
            "matchExpressions": [
                {"key": "tier", "operator": "In", "values": ["a", "b"]},
                {"key": "zone", "operator": "NotIn", "values": ["c"]},
                {"key": "owner", "operator": "Exists"},
                {"key": "canary", "operator": "DoesNotExist"},
            ],
        }
    )
    assert selector_text(selector) == "team=data,tier in (a,b),zone notin (c),owner,!canary"
    assert selector_text(LabelSelector()) == ""

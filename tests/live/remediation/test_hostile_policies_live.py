"""Policies, Secrets and Remediations that nobody should write: each is explained, and no neighbour waits for it."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Any, Final

import pytest
from tests.eventually import eventually
from tests.live.hostile_values import is_stored, mutations
from tests.live.operator.harness import condition
from tests.live.remediation.harness import OWN, RemediationCluster, message_of
from tests.live.remediation.neighbours import SETTINGS, assert_alive, start
from tests.remediation.documents import RESUBMIT, policy_document

pytestmark = pytest.mark.cluster

Json = dict[str, Any]
SLOW: Final = r"\b(a|b)*a(a|b){100}\b!"
"""An expression that takes long for its size on a text of only one letter."""

YEAR_0, YEAR_9999 = "0000-01-01T00:00:00Z", "9999-12-31T23:59:59Z"
ODD: Final = "\u202egnp\u200b\x00\x1b[31m" * 10
IN_A_VAIN_HOPE: Json = {"name": "no", "match": {"classes": ["Evicted"]}, "action": {"none": {}}}


def rules(number: int, **match: Any) -> list[Json]:
    return [{"name": f"r{n}", "match": match, "action": {"none": {}}} for n in range(number)]


def large_selector(number: int) -> Json:
    keys = [f"{'p' * 240}.io/{n:02}-{'k' * 60}" for n in range(32)]
    values = [f"v{n:02}{'x' * 60}" for n in range(number)]
    expressions = [{"key": key, "operator": "NotIn", "values": values} for key in keys]
    return {"matchLabels": {"team": "data"}, "matchExpressions": expressions}


INVALID: Final[Mapping[str, Callable[[], Json]]] = {
    "one expression that is too large": lambda: {"rules": rules(1, logRegex="(.?){500}(.?){400}y")},
    "expressions that are too large together": lambda: {"rules": rules(32, logRegex=SLOW, messageRegex=SLOW)},
    "no expressions at all": lambda: {"rules": rules(32, logRegex=r"(" * 253, messageRegex="\x00" + "[" * 252)},
    "classes of letters": lambda: {"rules": rules(32, logRegex=r"(\pL\pN\pP\pS){60}")},
    "the largest selectors": lambda: {"selector": large_selector(64), "rules": rules(4, labels=large_selector(64))},
    "texts that are no labels": lambda: {"selector": {"matchLabels": {ODD[:60]: ODD[:60]}}},
}
"""Specs that the API server accepts and the operator does not."""

VALID: Final[Mapping[str, Callable[[], Json]]] = {
    "a large selector": lambda: {"selector": large_selector(16), "rules": rules(1, labels=large_selector(16))},
    "expressions at the limit": lambda: {"rules": rules(9, logRegex=SLOW, messageRegex=SLOW)},
    "numbers at their limits": lambda: {
        "priority": -1_000_000,
        "backoff": {"initialSeconds": 86_400, "maxSeconds": 604_800, "factor": "9999.999", "jitter": "1"},
        "limits": {"maxAttempts": 20, "infraMaxAttempts": 50, "maxAgeSeconds": 604_800},
        "rules": [IN_A_VAIN_HOPE],
    },
    "odd texts": lambda: {"pauseRequests": [ODD] * 16, "rules": [IN_A_VAIN_HOPE]},
}
"""Specs at the limits of what is valid."""


def test_hostile_policies_are_explained_and_the_neighbours_run_is_resubmitted(
    cluster: RemediationCluster, neighbour: RemediationCluster
) -> None:
    policies = {f"p{n}": make() for n, make in enumerate([*INVALID.values(), *VALID.values()])}
    invalid = list(policies)[: len(INVALID)]
    for name, spec in policies.items():
        cluster.plane.api.post(
            OWN.format(cluster.namespace, "remediationpolicies"),
            policy_document(
                *spec.pop("rules", [RESUBMIT]), namespace=cluster.namespace, name=name, mode="DryRun", **spec
            ),
        )
    operator = start(cluster, neighbour)
    cluster.fail("bad", message="ab" * 500)
    for name in policies:
        cluster.wait_for_policy(name, ("False", "PolicyInvalid") if name in invalid else ("True", "PolicyValid"))
    for name in invalid:
        assert message_of(cluster.policy(name), "Ready").startswith("spec")
        (event,) = eventually(lambda name=name: cluster.events_about(name))  # type: ignore[misc]
        assert (event["type"], event["reason"]) == ("Warning", "PolicyInvalid")
        assert event["message"].startswith("spec")
    assert_alive(operator, neighbour, "run")
    shown = str([cluster.policy(name)["status"] for name in policies])
    assert not any(character in shown for character in "\u202e\u200b\x00\x1b")


def test_forged_statuses_of_policies_are_written_anew(
    cluster: RemediationCluster, neighbour: RemediationCluster
) -> None:
    one = {"status": "True", "reason": "R", "message": ODD, "lastTransitionTime": YEAR_0}
    forged: list[Json] = [
        {"enforcedSince": YEAR_0, "observedGeneration": 2**63 - 1},
        {"enforcedSince": YEAR_9999, "counts": {"matched": 2**63 - 1}, "breaker": "Melted"},
        {"conditions": [one | {"type": f"C{n}"} for n in range(16)]},
    ]
    path = OWN.format(cluster.namespace, "remediationpolicies")
    for number, status in enumerate(forged):
        cluster.apply_policy(IN_A_VAIN_HOPE, name=f"p{number}", priority=number)
        policy = f"{path}/p{number}"
        cluster.plane.api.put(f"{policy}/status", cluster.plane.api.get(policy) | {"status": status})
    operator = start(cluster, neighbour)
    for number in range(len(forged)):
        cluster.wait_for_policy(f"p{number}", ("True", "PolicyValid"))
    assert_alive(operator, neighbour, "run")


def test_a_secret_that_is_as_large_as_can_be_is_refused_with_its_reason(
    cluster: RemediationCluster, neighbour: RemediationCluster
) -> None:
    secret = {
        "metadata": {"name": "urls", "labels": {"wfreport.dev/notify": "true"}},
        "data": {"urls": base64.b64encode(b"json://localhost:9\n" * 36_000).decode(), "bytes": "/////w=="},
    }
    cluster.plane.api.post(f"/api/v1/namespaces/{cluster.namespace}/secrets", secret)
    sinks = [
        {"name": f"s{n}", "apprise": {"secretName": "urls", "key": key}}
        for n, key in enumerate(("urls", "bytes", ".."))
    ]
    cluster.apply_policy({"name": "tell", "match": {}, "notify": {"sinks": sinks}})
    operator = start(cluster, neighbour)
    cluster.enforced()
    cluster.fail("bad")
    assert_alive(operator, neighbour, "run")
    eventually(lambda: operator.metric("wfreport_notifications_total", result="refused"), lambda count: count >= 1)


def full_spec() -> Json:
    """Return a spec with every part of a policy; the first item of each list is what the test replaces."""
    match = {
        "classes": ["OOMKilled"],
        "owners": ["User"],
        "exitCodes": {"operator": "In", "values": [137]},
        "containers": ["main"],
        "templates": ["work"],
        "steps": ["step-2"],
        "messageRegex": "x",
        "logRegex": "x",
        "phases": ["Failed"],
        "labels": {"matchExpressions": [{"key": "team", "operator": "In", "values": ["data"]}]},
        "consecutiveFailures": {"atLeast": 2, "of": "Template"},
    }
    raised = {"factor": "1.5", "max": "4Gi", "minIncrease": "1Mi", "parameters": [{"name": "p", "value": "v"}]}
    sinks = [{"name": "s", "cloudEvents": {"url": "http://127.0.0.1:9/x", "format": "CloudEvents"}}]
    rule = {
        "name": "first",
        "match": match,
        "action": {"raiseMemory": raised},
        "labelPods": {"labels": {"example.com/x": "y"}},
        "notify": {"sinks": sinks, "followUp": True},
        "countsTowardLimit": True,
        "delaySeconds": 0,
    }
    return {
        "mode": "DryRun",
        "suspended": False,
        "pauseRequests": ["x"],
        "selector": {"matchLabels": {"team": "data"}},
        "priority": 1,
        "rules": [rule],
        "limits": {"maxAttempts": 2, "infraMaxAttempts": 2, "maxAgeSeconds": 600},
        "backoff": {"initialSeconds": 0, "factor": "2", "maxSeconds": 10, "jitter": "0.2"},
        "budget": {"maxConcurrent": 5, "maxPerWindow": 5, "windowSeconds": 60},
        "circuitBreaker": {"failurePercentAtMost": 40, "minRuns": 1, "windowSeconds": 60, "cooldownSeconds": 0},
        "approval": {"timeoutSeconds": 60, "requiredFor": ["Stop"]},
    }


def create_policy(cluster: RemediationCluster, name: str, spec: Json, **metadata: Any) -> bool:
    head = {"apiVersion": "wfreport.dev/v1alpha1", "kind": "RemediationPolicy"}
    document = head | {"metadata": {"name": name, **metadata}, "spec": spec}
    return is_stored(cluster.plane.api.post, OWN.format(cluster.namespace, "remediationpolicies"), document)


def unexplained(cluster: RemediationCluster, names: list[str]) -> list[str]:
    """Return the policies whose status does not say whether they are valid."""
    items = cluster.plane.api.get(OWN.format(cluster.namespace, "remediationpolicies"))["items"]
    ready = {item["metadata"]["name"]: condition(item, "Ready") for item in items}
    return [name for name in names if ready[name] not in {("True", "PolicyValid"), ("False", "PolicyInvalid")}]


def test_policies_with_a_hostile_value_in_any_field_are_explained_and_do_nothing_in_a_dry_run(
    cluster: RemediationCluster, neighbour: RemediationCluster
) -> None:
    operator = start(cluster, neighbour, policies_per_namespace_max=1000, **SETTINGS)
    names: list[str] = []
    for number, (path, _, spec) in enumerate(mutations(full_spec(), step=13)):
        if path[0] != "mode" and create_policy(cluster, f"p-{number}", spec):
            names.append(f"p-{number}")
    assert len(names) >= 15
    labels = {f"{'p' * 200}.example.com/{n}": "v" * 63 for n in range(500)}
    assert create_policy(cluster, "large", full_spec(), labels=labels, annotations={"a": ODD * 500})
    cluster.fail("run", message="OOMKilled (exit code 137) " + "a-" * 2_000)
    eventually(lambda: unexplained(cluster, [*names, "large"]), lambda found: not found, timeout_seconds=60)
    assert_alive(operator, neighbour, "run")
    assert cluster.workflows() == ["run"]
    assert all(each["spec"]["dryRun"] for each in cluster.remediations())


def test_a_thousand_policies_act_once_on_a_run_and_hold_up_no_neighbour(
    cluster: RemediationCluster, neighbour: RemediationCluster
) -> None:
    operator = start(cluster, neighbour)
    cluster.apply_policy(RESUBMIT, name="p", priority=1)
    cluster.enforced("p")
    rules_of_each = [RESUBMIT | {"name": f"r{n}", "match": {"logRegex": f"{n}{SLOW}"}} for n in range(3)]
    spec = policy_document(*rules_of_each, namespace=cluster.namespace)["spec"]
    for number in range(1000):
        assert create_policy(cluster, f"q-{number:04}", spec)
    cluster.fail("bad", message="ab" * 500)
    assert_alive(operator, neighbour, "run")
    cluster.wait_for_remediation("bad", "Executed", ("True",))
    eventually(
        lambda: operator.metric("wfreport_policies_ignored"), lambda ignored: ignored >= 950, timeout_seconds=120
    )
    assert len(cluster.remediations()) == 1
    assert len(cluster.workflows()) == 2
    assert_alive(operator, neighbour, "next")

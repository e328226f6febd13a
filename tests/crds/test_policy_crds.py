"""RemediationPolicy and Remediation: a real API server accepts valid objects and refuses others helpfully."""

from __future__ import annotations

from typing import Any

import pytest
from tests.objects import POLICIES, REMEDIATIONS, a_policy, a_remediation, a_rule

from controlplane import ApiError, ControlPlane
from generate import crds
from generate.kinds import KINDS, Kind
from wfreport.api.policy import PolicySpec
from wfreport.api.remediation import RemediationSpec

NOW = "2026-11-22T10:31:03Z"


def refusal(plane: ControlPlane, collection: str, body: dict[str, Any]) -> str:
    with pytest.raises(ApiError) as caught:
        plane.api.apply(f"{collection}/{body['metadata']['name']}", body)
    return str(caught.value)


def a_condition(kind: str, status: str, reason: str = "Because") -> dict[str, Any]:
    return {"type": kind, "status": status, "reason": reason, "message": "", "lastTransitionTime": NOW}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_the_committed_crd_is_generated_from_the_models(kind: Kind) -> None:
    assert kind.path.read_text() == crds.crd_text(kind), "run `make crds`"


@pytest.mark.cluster
def test_a_policy_is_stored_with_its_defaults(plane: ControlPlane, namespace: str) -> None:
    stored = plane.api.post(POLICIES.format(namespace), a_policy("plain"))["spec"]
    assert stored["mode"] == "DryRun"
    assert stored["suspended"] is False
    assert stored["limits"] == {"maxAttempts": 2, "infraMaxAttempts": 5, "maxAgeSeconds": 21600}
    assert stored["circuitBreaker"]["failurePercentAtMost"] == 40
    assert stored["backoff"] == {"initialSeconds": 60, "factor": "2", "maxSeconds": 3600, "jitter": "0.2"}


@pytest.mark.cluster
def test_the_server_and_the_models_give_the_same_defaults(plane: ControlPlane, namespace: str) -> None:
    body = a_policy("same")
    stored = plane.api.post(POLICIES.format(namespace), body)["spec"]
    assert PolicySpec.model_validate(stored) == PolicySpec.model_validate(body["spec"])
    remediation = a_remediation("same")
    kept = plane.api.post(REMEDIATIONS.format(namespace), remediation)["spec"]
    assert RemediationSpec.model_validate(kept) == RemediationSpec.model_validate(remediation["spec"])


ELSEWHERE = {"name": "x", "apprise": {"secretName": "../../victim/secrets/notify"}}
FTP = {"name": "x", "cloudEvents": {"url": "ftp://x"}}

RULES_OF_EVERY_KIND = [
    a_rule("raise", {"classes": ["OOMKilled"], "containers": ["main"]}, raiseMemory={"factor": "1.5", "max": "16Gi"}),
    a_rule("again", {"owners": ["Infrastructure"]}, resubmit={"parameters": [{"name": "n", "value": "1"}]}),
    a_rule("poison", {"exitCodes": {"operator": "In", "values": [42]}}, none={}),
    a_rule("storm", {"consecutiveFailures": {"atLeast": 3, "of": "CronWorkflow"}}, suspendCron={"allowDrift": True}),
    a_rule("stuck", {"labels": {"matchLabels": {"tier": "1"}}}, stop={"pendingAfterSeconds": 3600}),
    a_rule("hung", {"labels": {"matchLabels": {"tier": "1"}}, "stalled": {"reasons": ["PodGone"]}}, stop={}),
    a_rule("hangs", {"stalled": {"forSeconds": 60}}, resubmit={}),
    a_rule("retry", {"phases": ["Error"]}, retry={"restartSuccessful": True, "nodeFieldSelector": "displayName=a"}),
    {"name": "label", "match": {}, "labelPods": {"labels": {"keep": "true"}}},
    {
        "name": "tell",
        "match": {"messageRegex": "refused"},
        "notify": {
            "sinks": [
                {"name": "slack", "apprise": {"secretName": "oncall"}},
                {"name": "bus", "cloudEvents": {"url": "https://events.example.com/in"}},
            ]
        },
    },
]


@pytest.mark.cluster
def test_every_kind_of_rule_is_accepted(plane: ControlPlane, namespace: str) -> None:
    stored = plane.api.post(POLICIES.format(namespace), a_policy("all", rules=RULES_OF_EVERY_KIND))
    assert [rule["name"] for rule in stored["spec"]["rules"]] == [rule["name"] for rule in RULES_OF_EVERY_KIND]


@pytest.mark.cluster
@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"selector": None}, "spec.selector: Invalid value: \"null\""),
        ({"selector": {}}, "selector must not be empty"),
        ({"selector": {"matchLabels": {}}}, "selector must not be empty"),
        (
            {"selector": {"matchExpressions": [{"key": "a", "operator": "Exists", "values": ["x"]}]}},
            "Exists and DoesNotExist take none",
        ),
        ({"selector": {"matchExpressions": [{"key": "a", "operator": "In"}]}}, "In and NotIn need values"),
        ({"mode": "Dryrun"}, 'supported values: "Observe", "DryRun", "Approve", "Enforce"'),
        ({"rules": []}, "spec.rules in body should have at least 1 items"),
        ({"rules": [a_rule(f"r{n}", none={}) for n in range(33)]}, "spec.rules: Too many: 33: must have at most 32"),
        ({"rules": [a_rule("one", none={}), a_rule("one", none={})]}, "names of rules must be unique"),
        ({"rules": [a_rule("Upper", none={})]}, "should match '^[a-z0-9]"),
        ({"rules": [a_rule("two", resubmit={}, none={})]}, "set exactly one of resubmit, raiseMemory"),
        ({"rules": [a_rule("no")]}, "set exactly one of resubmit, raiseMemory"),
        ({"rules": [{"name": "idle", "match": {}}]}, "a rule needs action, labelPods or notify"),
        ({"rules": [a_rule("late", {"classes": ["Timeout"]}, stop={"afterSeconds": 60})]}, "stop is for running"),
        ({"rules": [a_rule("when", stop={})]}, "stop needs afterSeconds, pendingAfterSeconds, or both"),
        ({"rules": [a_rule("hung", {"stalled": {}}, stop={"afterSeconds": 60})]}, "with match.stalled it has neither"),
        ({"rules": [a_rule("hung", {"stalled": {}}, retry={})]}, "a run that hangs can be stopped or resubmitted"),
        ({"rules": [a_rule("hung", {"stalled": {}}, resubmit={"memoized": True})]}, "resubmit (not memoized)"),
        ({"rules": [a_rule("hung", {"stalled": {}, "steps": ["a"]}, stop={})]}, "match may only set labels"),
        ({"rules": [a_rule("hung", {"stalled": {"reasons": ["ControllerSilent"]}}, stop={})]}, "Unsupported value"),
        ({"rules": [a_rule("oom", raiseMemory={"max": "1Gi"})]}, "its match must set classes: [OOMKilled]"),
        ({"rules": [a_rule("max", raiseMemory={})]}, "raiseMemory.max: Required value"),
        ({"rules": [a_rule("by", raiseMemory={"max": "1Gi", "factor": "lots"})]}, "factor"),
        ({"rules": [a_rule("sel", retry={"nodeFieldSelector": "id=1"})]}, "it needs restartSuccessful: true"),
        ({"rules": [a_rule("code", {"exitCodes": {"operator": "In", "values": [0]}}, none={})]}, "or equal to 1"),
        ({"rules": [a_rule("cls", {"classes": ["OomKilled"]}, none={})]}, 'Unsupported value: "OomKilled"'),
        ({"rules": [a_rule("cls", {"classes": []}, none={})]}, "should have at least 1 items"),
        (
            {"rules": [a_rule("one", {"consecutiveFailures": {"atLeast": 1, "of": "Template"}}, none={})]},
            "greater than or equal to 2",
        ),
        (
            {"rules": [{"name": "n", "match": {}, "notify": {"sinks": [{"name": "x"}]}}]},
            "set exactly one of apprise, cloudEvents",
        ),
        (
            {"rules": [{"name": "n", "match": {}, "notify": {"sinks": [FTP]}}]},
            "should match '^https?://",
        ),
        (
            {"rules": [{"name": "n", "match": {}, "notify": {"sinks": [ELSEWHERE]}}]},
            "secretName in body should match",
        ),
        ({"limits": {"maxAttempts": 21}}, "less than or equal to 20"),
        ({"limits": {"maxAgeSeconds": 59}}, "greater than or equal to 60"),
        ({"circuitBreaker": {"failurePercentAtMost": 0}}, "or equal to 1"),
        ({"budget": {"maxConcurrent": 0}}, "or equal to 1"),
        ({"approval": {"requiredFor": ["LabelPods"]}}, 'Unsupported value: "LabelPods"'),
        ({"priority": 1_000_001}, "less than or equal to 1000000"),
        ({"pauseRequests": ["x"] * 17}, "Too many: 17"),
        ({"dryRun": True}, ".spec.dryRun: field not declared in schema"),
    ],
    ids=lambda value: str(value)[:60],
)  # fmt: skip
def test_an_invalid_policy_is_refused_with_a_fix(
    plane: ControlPlane, namespace: str, spec: dict[str, Any], message: str
) -> None:
    assert message in refusal(plane, POLICIES.format(namespace), a_policy("bad", **spec))


@pytest.mark.cluster
@pytest.mark.parametrize(
    "change",
    [{"attempt": 2}, {"action": "Resubmit"}, {"plan": {"newName": "another"}}, {"message": "why not"}],
    ids=str,
)
def test_a_remediation_cannot_be_changed(plane: ControlPlane, namespace: str, change: dict[str, Any]) -> None:
    plane.api.post(REMEDIATIONS.format(namespace), a_remediation("done"))
    answer = refusal(plane, REMEDIATIONS.format(namespace), a_remediation("done", **change))
    assert "spec is immutable: a Remediation is the record of one action" in answer


@pytest.mark.cluster
def test_an_action_of_a_newer_operator_is_accepted(plane: ControlPlane, namespace: str) -> None:
    stored = plane.api.post(REMEDIATIONS.format(namespace), a_remediation("newer", action="Pray"))
    assert stored["spec"]["action"] == "Pray"


@pytest.mark.cluster
@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"attempt": 0}, "or equal to 1"),
        ({"target": {"uid": "u"}}, "spec.target.name: Required value"),
        ({"rootUid": ""}, "spec.rootUid in body should be at least 1 chars long"),
        ({"plan": {"sinks": ["s"] * 9}}, "Too many: 9"),
        ({"plan": {"patch": "x" * 16_385}}, "Too long"),
        ({"policyRef": {"name": "batch"}}, "spec.policyRef.uid: Required value"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_an_invalid_remediation_is_refused(
    plane: ControlPlane, namespace: str, spec: dict[str, Any], message: str
) -> None:
    assert message in refusal(plane, REMEDIATIONS.format(namespace), a_remediation("bad", **spec))


def put_status(plane: ControlPlane, collection: str, body: dict[str, Any], status: dict[str, Any]) -> None:
    head = {key: body[key] for key in ("apiVersion", "kind", "metadata")}
    plane.api.apply(f"{collection}/{body['metadata']['name']}/status", head | {"status": status}, manager="wfreport")


@pytest.mark.cluster
def test_kubectl_shows_the_columns_of_a_policy(plane: ControlPlane, namespace: str) -> None:
    body = a_policy("batch", mode="Enforce")
    plane.api.post(POLICIES.format(namespace), body)
    counts = {"matched": 18, "executed": 7, "helped": 5, "notHelped": 1, "blocked": 2, "proposed": 0}
    status = {"conditions": [a_condition("Ready", "True")], "counts": counts, "breaker": "Closed"}
    put_status(plane, POLICIES.format(namespace), body, status)
    header, line = plane.kubectl("get", "rmp", "-n", namespace).splitlines()
    assert header.split() == ["NAME", "MODE", "READY", "MATCHED", "EXECUTED", "HELPED", "BLOCKED", "BREAKER", "AGE"]
    assert line.split()[:8] == ["batch", "Enforce", "True", "18", "7", "5", "2", "Closed"]
    assert "remediationpolicy.wfreport.dev/batch" in plane.kubectl("get", "argo", "-n", namespace, "-o", "name")


@pytest.mark.cluster
def test_kubectl_shows_the_columns_of_a_remediation(plane: ControlPlane, namespace: str) -> None:
    body = a_remediation("3f9c-oom")
    plane.api.post(REMEDIATIONS.format(namespace), body)
    conditions = [a_condition("Approved", "True"), a_condition("Executed", "True"), a_condition("Succeeded", "Unknown")]
    put_status(plane, REMEDIATIONS.format(namespace), body, {"conditions": conditions})
    header, line = plane.kubectl("get", "rmd", "-n", namespace).splitlines()
    assert header.split() == [
        *("NAME", "POLICY", "ACTION", "WORKFLOW", "ATTEMPT", "APPROVED", "EXECUTED", "HELPED", "AGE"),
    ]
    assert line.split()[:8] == ["3f9c-oom", "batch", "RaiseMemory", "etl", "1", "True", "True", "Unknown"]


@pytest.mark.cluster
@pytest.mark.parametrize(
    "selector",
    ["spec.policyRef.name=batch", "spec.target.name=etl", "spec.target.uid=3f9c1b8e", "spec.action=RaiseMemory"],
)
def test_remediations_are_selected_by_field(plane: ControlPlane, namespace: str, selector: str) -> None:
    plane.api.post(REMEDIATIONS.format(namespace), a_remediation("wanted"))
    other = {
        "policyRef": {"name": "other", "uid": "p-2", "generation": 1},
        "target": {"name": "x", "uid": "x"},
        "action": "Stop",
    }
    plane.api.post(REMEDIATIONS.format(namespace), a_remediation("unwanted", **other))
    listed = plane.api.get(REMEDIATIONS.format(namespace), fieldSelector=selector)
    assert [item["metadata"]["name"] for item in listed["items"]] == ["wanted"]


@pytest.mark.cluster
def test_policies_are_selected_by_their_mode(plane: ControlPlane, namespace: str) -> None:
    plane.api.post(POLICIES.format(namespace), a_policy("acts", mode="Enforce"))
    plane.api.post(POLICIES.format(namespace), a_policy("looks"))
    listed = plane.api.get(POLICIES.format(namespace), fieldSelector="spec.mode=Enforce")
    assert [item["metadata"]["name"] for item in listed["items"]] == ["acts"]


@pytest.mark.cluster
def test_kubectl_explains_the_fields_of_both(plane: ControlPlane) -> None:
    assert "suspendCron" in plane.kubectl("explain", "rmp.spec.rules.action")
    assert "no action is taken" in plane.kubectl("explain", "rmp.spec.rules.action.raiseMemory.max")
    assert "The lock that this Remediation holds" in plane.kubectl("explain", "rmd.spec.lockClass")

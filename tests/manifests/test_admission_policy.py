"""Who may write which policies, on a real API server with the roles and the admission policy of the manifests."""

from __future__ import annotations

import copy
import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.eventually import eventually

from controlplane import Api, ApiError, ControlPlane

ROOT = Path(__file__).resolve().parents[2]
MANIFESTS = ROOT / "manifests"
POLICIES = "/apis/wfreport.dev/v1alpha1/namespaces/{}/remediationpolicies"
ROLES = "/apis/rbac.authorization.k8s.io/v1"
AGGREGATE = "rbac.authorization.k8s.io/aggregate-to-"
FORBIDDEN, CREATED = 403, 200

RESUBMIT: dict[str, Any] = {"name": "again", "match": {}, "action": {"resubmit": {}}}
NOTIFY: dict[str, Any] = {
    "name": "tell",
    "match": {},
    "notify": {"sinks": [{"name": "hook", "cloudEvents": {"url": "http://hook/"}}]},
}


@pytest.fixture(scope="module")
def installed(plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> ControlPlane:
    """Install the operator's manifests with both components that are for editors."""
    folder = tmp_path_factory.mktemp("overlay")

    def relative(part: str) -> str:
        return os.path.relpath(MANIFESTS / part, folder.resolve())

    overlay = {
        "resources": [relative("overlays/default")],
        "components": [relative("components/policies-for-edit"), relative("components/admission-policy")],
    }
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(overlay))
    plane.kubectl("apply", "--server-side", "--force-conflicts", "-k", folder)
    return plane


@pytest.fixture
def editor(installed: ControlPlane, namespace: str) -> Api:
    """A user who may write policies, as `edit` may with the component, once the admission policy is in force."""
    api = user(installed, namespace, "editor", "wfreport-policies", "wfreport-view")
    path = POLICIES.format(namespace)
    probe = a_policy("probe", mode="Enforce")
    # a namespace that is named after its test may contain "enforce"
    eventually(lambda: refusal_of(api, "POST", path, probe, dryRun="All"), lambda refusal: "verb enforce" in refusal[1])
    return api


@pytest.fixture
def enforcer(installed: ControlPlane, namespace: str) -> Api:
    """A user who has the verb `enforce` too, as `admin` has, once the API server knows that."""
    api = user(installed, namespace, "enforcer", "wfreport-policies", "wfreport-view", "wfreport-enforce")
    probe = a_policy("probe", mode="Enforce")
    eventually(lambda: status_of(api, "POST", POLICIES.format(namespace), probe, dryRun="All"), CREATED.__eq__)
    return api


def user(plane: ControlPlane, namespace: str, name: str, *roles: str) -> Api:
    """Return a client of a ServiceAccount with these roles in the namespace. (No controller aggregates roles here.)"""
    plane.api.post(f"/api/v1/namespaces/{namespace}/serviceaccounts", {"metadata": {"name": name}})
    subject = {"kind": "ServiceAccount", "name": name, "namespace": namespace}
    for role in roles:
        binding = {
            "metadata": {"name": f"{name}-{role}"},
            "subjects": [subject],
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
        }
        plane.api.post(f"{ROLES}/namespaces/{namespace}/rolebindings", binding)
    return plane.api.as_user(plane.service_account_token(namespace, name))


def a_policy(name: str, *rules: dict[str, Any], mode: str = "DryRun", **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "wfreport.dev/v1alpha1",
        "kind": "RemediationPolicy",
        "metadata": {"name": name},
        "spec": {
            "mode": mode,
            "selector": {"matchLabels": {"team": "data"}},
            "rules": list(rules or (RESUBMIT,)),
            **spec,
        },
    }


def status_of(api: Api, method: str, path: str, body: Any, **query: Any) -> int:
    return refusal_of(api, method, path, body, **query)[0]


def refusal_of(api: Api, method: str, path: str, body: Any, **query: Any) -> tuple[int, str]:
    content_type = "application/merge-patch+json" if method == "PATCH" else "application/json"
    try:
        api.call(method, path, body, content_type=content_type, query=query)
    except ApiError as error:
        return int(error.status), str(error)
    return CREATED, ""


@pytest.mark.cluster
def test_an_editor_may_create_policies_that_do_not_act_and_an_enforcer_all(
    editor: Api, enforcer: Api, namespace: str
) -> None:
    path = POLICIES.format(namespace)
    passive = [a_policy("o", mode="Observe"), a_policy("d"), a_policy("a", mode="Approve"), a_policy("n", NOTIFY)]
    acting = [a_policy("e", mode="Enforce"), a_policy("l", NOTIFY, mode="Approve")]
    acting.append(a_policy("q", {**RESUBMIT, "labelPods": {}}, mode="Approve"))
    for policy in passive:
        assert status_of(editor, "POST", path, policy) == CREATED, policy
    for policy in acting:
        status, message = refusal_of(editor, "POST", path, policy)
        assert (status, "verb enforce" in message) == (FORBIDDEN, True), policy
        assert status_of(enforcer, "POST", path, policy) == CREATED, policy


@pytest.mark.cluster
@pytest.mark.parametrize("mode", ["Observe", "DryRun", "Approve"])
def test_only_an_enforcer_makes_a_policy_act(editor: Api, enforcer: Api, namespace: str, mode: str) -> None:
    path = f"{POLICIES.format(namespace)}/p"
    editor.post(POLICIES.format(namespace), a_policy("p", mode=mode))
    enforce = {"spec": {"mode": "Enforce"}}
    status, message = refusal_of(editor, "PATCH", path, enforce)
    assert (status, "spec.mode" in message) == (FORBIDDEN, True)
    assert status_of(enforcer, "PATCH", path, enforce) == CREATED


@pytest.mark.cluster
@pytest.mark.parametrize(
    "change",
    [
        {"rules": [RESUBMIT, NOTIFY]},
        {"rules": [{**RESUBMIT, "action": {"resubmit": {"parameters": [{"name": "cmd", "value": "x"}]}}}]},
        {"selector": {"matchLabels": {"team": "all"}}},
        {"limits": {"maxAttempts": 20}},
        {"budget": {"maxConcurrent": 1000}},
        {"circuitBreaker": {"failurePercentAtMost": 100}},
        {"backoff": {"initialSeconds": 0}},
        {"priority": 1000},
        {"approval": {"requiredFor": ["Stop"]}},
        {"approval": {"requiredFor": None}},
        {"suspended": False},
        {"pauseRequests": ["a"]},
        {"pauseRequests": None},
    ],
    ids=str,
)
def test_an_editor_neither_changes_nor_resumes_a_policy_that_acts(
    editor: Api, enforcer: Api, namespace: str, change: dict[str, Any]
) -> None:
    path = POLICIES.format(namespace)
    policy = a_policy(
        "p",
        mode="Enforce",
        suspended=True,
        pauseRequests=["a", "b"],
        approval={"requiredFor": ["Resubmit", "Stop"]},
    )
    enforcer.post(path, policy)
    assert status_of(editor, "PATCH", f"{path}/p", {"spec": change}) == FORBIDDEN
    assert status_of(enforcer, "PATCH", f"{path}/p", {"spec": change}) == CREATED


@pytest.mark.cluster
def test_an_editor_may_suspend_a_policy_stop_it_acting_and_change_its_metadata(
    editor: Api, enforcer: Api, namespace: str
) -> None:
    path = POLICIES.format(namespace)
    enforcer.post(path, a_policy("p", mode="Enforce"))
    for change in (
        {"metadata": {"labels": {"team": "data"}, "annotations": {"note": "x"}}},
        {"spec": {"pauseRequests": ["upgrade"]}},
        {"spec": {"suspended": True}},
        {"spec": {"mode": "DryRun"}},
        {"spec": {"rules": [NOTIFY]}},
    ):
        assert status_of(editor, "PATCH", f"{path}/p", change) == CREATED, change
    assert status_of(editor, "DELETE", f"{path}/p", None) == CREATED


@pytest.mark.cluster
@pytest.mark.parametrize("mode", ["DryRun", "Approve"])
def test_an_editor_may_require_approval_for_more_actions_but_not_for_fewer(
    editor: Api, enforcer: Api, namespace: str, mode: str
) -> None:
    path = f"{POLICIES.format(namespace)}/p"
    editor.post(POLICIES.format(namespace), a_policy("p", mode=mode, approval={"requiredFor": ["Resubmit"]}))
    more = {"spec": {"approval": {"requiredFor": ["Resubmit", "Stop"]}}}
    assert status_of(editor, "PATCH", path, more) == CREATED
    for fewer in (["Stop"], None):
        status, message = refusal_of(editor, "PATCH", path, {"spec": {"approval": {"requiredFor": fewer}}})
        assert (status, "spec.approval.requiredFor" in message) == (FORBIDDEN, True)
    assert status_of(enforcer, "PATCH", path, {"spec": {"approval": {"requiredFor": None}}}) == CREATED


@pytest.mark.cluster
def test_the_operator_writes_the_status_of_every_policy(installed: ControlPlane, enforcer: Api, namespace: str) -> None:
    path = POLICIES.format(namespace)
    enforcer.post(path, a_policy("p", mode="Enforce"))
    operator = installed.api.as_user(installed.service_account_token("wfreport-system", "wfreport"))
    status = {"status": {"observedGeneration": 1}}
    # nothing of the role is in force before the API server has seen it
    eventually(lambda: status_of(operator, "PATCH", f"{path}/p/status", status), CREATED.__eq__)


@pytest.mark.cluster
def test_the_admission_policy_has_no_type_errors(installed: ControlPlane) -> None:
    path = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies/wfreport-enforce"
    expressions = yaml.safe_load_all((MANIFESTS / "components/admission-policy/admission-policy.yaml").read_text())
    assert installed.api.get(path)["spec"]["validations"] == next(expressions)["spec"]["validations"]
    for mode in ("Observe", "DryRun", "Approve"):
        body = copy.deepcopy(a_policy("typed", mode=mode))
        assert status_of(installed.api, "POST", POLICIES.format("default"), body, dryRun="All") == CREATED


def roles_in(path: Path) -> dict[str, dict[str, Any]]:
    """Return the ClusterRoles of a file by name."""
    return {document["metadata"]["name"]: document for document in yaml.safe_load_all(path.read_text())}


def test_policies_are_written_by_administrators_and_reports_by_editors() -> None:
    roles = roles_in(MANIFESTS / "base" / "user-roles.yaml")
    writers = {
        resource: {label.removeprefix(AGGREGATE) for label in role["metadata"]["labels"]}
        for role in roles.values()
        for rule in role["rules"]
        for resource in rule["resources"]
        if "create" in rule["verbs"]
    }
    assert writers == {"workflowreports": {"edit", "admin"}, "remediationpolicies": {"admin"}}

"""A real API server accepts the manifests, and they grant the operator exactly the permissions it needs."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.eventually import eventually
from tests.objects import a_remediation

from controlplane import Api, ApiError, ControlPlane
from wfreport.core.record.rights import COMPONENTS, RIGHTS
from wfreport.core.record.rights import REPORTING as BASE_RIGHTS

ROOT = Path(__file__).resolve().parents[2]
OVERLAYS = ROOT / "manifests" / "overlays"
SYSTEM = "wfreport-system"
WORKFLOWS = "/apis/argoproj.io/v1alpha1/namespaces/{}/workflows"
REPORTS = "/apis/wfreport.dev/v1alpha1/namespaces/{}/workflowreports"
REMEDIATIONS = "/apis/wfreport.dev/v1alpha1/namespaces/{}/remediations"
FORBIDDEN = 403

Right = tuple[str, str, str]

REPORTING: set[Right] = {(right.group, right.resource, right.verb) for right in BASE_RIGHTS}
LOGS: set[Right] = {("", "pods/log", "get")}
GRANTED: dict[str, set[Right]] = {
    "label-pods": {("", "pods", "patch")},
    "resubmit": {
        ("argoproj.io", "workflows", "create"),
        *(("", resource, "list") for resource in ("limitranges", "resourcequotas")),
    },
    "retry": {("argoproj.io", "workflows", "update"), ("", "pods", "get"), ("", "pods", "delete")},
    "suspend-cron": {("argoproj.io", "cronworkflows", "get"), ("argoproj.io", "cronworkflows", "patch")},
    "stop": {("argoproj.io", "workflows", "patch")},
    "notify": {("", "secrets", "get")},
}
"""The rights of each component remediate-…"""
LEASE: set[Right] = {("coordination.k8s.io", "leases", verb) for verb in ("get", "create", "patch")}


@pytest.fixture(scope="module")
def operator(plane: ControlPlane) -> Api:
    """Return a client with the permissions of the installed operator: with the token of its ServiceAccount."""
    plane.kubectl("apply", "--server-side", "-k", OVERLAYS / "default")
    api = plane.api.as_user(plane.service_account_token(SYSTEM, "wfreport"))
    wait_for(REPORTING | LOGS | LEASE, api, SYSTEM)
    return api


@pytest.fixture
def tenant(plane: ControlPlane, namespace: str, tmp_path: Path) -> Api:
    """Return such a client for the namespaced installation in `namespace`."""
    return install_in(plane, namespace, tmp_path)


def install_in(plane: ControlPlane, namespace: str, tmp_path: Path, *components: str) -> Api:
    """Apply the namespaced overlay with components, as the owner of the namespace does."""
    here = tmp_path.resolve()
    overlay = {
        "namespace": namespace,
        "resources": [os.path.relpath(OVERLAYS / "namespaced", here)],
        "components": [os.path.relpath(ROOT / "manifests" / "components" / name, here) for name in components],
    }
    (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump(overlay))
    plane.kubectl("apply", "--server-side", "-k", tmp_path)
    return plane.api.as_user(plane.service_account_token(namespace, "wfreport"))


def rights(api: Api, namespace: str) -> set[Right]:
    """Return the permissions of `api` in `namespace`, apart from those of every authenticated user."""
    body = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectRulesReview",
        "spec": {"namespace": namespace},
    }
    answer = api.post("/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", body)
    return {
        (group, resource, verb)
        for rule in answer["status"]["resourceRules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
        if group not in {"authorization.k8s.io", "authentication.k8s.io"}
    }


def wait_for(expected: set[Right], api: Api, namespace: str) -> set[Right]:
    """Return the permissions once the API server, which sees bindings one by one, grants at least the expected ones."""
    return eventually(lambda: rights(api, namespace), lambda granted: granted >= expected)


def is_allowed(api: Api, verb: str, resource: str, *, namespace: str = "", group: str = "") -> bool:
    attributes = {"verb": verb, "resource": resource, "namespace": namespace, "group": group}
    body = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    }
    return bool(api.post("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", body)["status"]["allowed"])


def status_of(api: Api, method: str, path: str, body: Any = None, **options: Any) -> int:
    try:
        api.call(method, path, body, **options)
    except ApiError as error:
        return int(error.status)
    return 200


def a_workflow(name: str) -> dict[str, Any]:
    spec = {"entrypoint": "main", "templates": [{"name": "main", "container": {"image": "busybox"}}]}
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"name": name},
        "spec": spec,
    }


def a_report(name: str) -> dict[str, Any]:
    head = {"apiVersion": "wfreport.dev/v1alpha1", "kind": "WorkflowReport", "metadata": {"name": name}}
    return head | {"spec": {"workflowRef": {"name": "etl"}}}


@pytest.mark.cluster
def test_the_default_install_may_only_report_and_read_logs(operator: Api, namespace: str) -> None:
    assert rights(operator, namespace) == REPORTING | LOGS


@pytest.mark.cluster
def test_the_lease_is_the_operators_in_its_own_namespace_only(operator: Api, namespace: str) -> None:
    assert rights(operator, SYSTEM) == REPORTING | LOGS | LEASE
    assert not is_allowed(operator, "create", "leases", namespace=namespace, group="coordination.k8s.io")


@pytest.mark.cluster
def test_those_rights_hold_in_all_namespaces(operator: Api) -> None:
    assert is_allowed(operator, "list", "workflows", group="argoproj.io")
    assert is_allowed(operator, "watch", "pods")
    assert not is_allowed(operator, "list", "secrets")
    assert not is_allowed(operator, "list", "customresourcedefinitions", group="apiextensions.k8s.io")


@pytest.mark.cluster
def test_the_operator_reads_workflows_and_pods(plane: ControlPlane, operator: Api, namespace: str) -> None:
    plane.api.post(WORKFLOWS.format(namespace), a_workflow("etl"))
    assert operator.get(f"{WORKFLOWS.format(namespace)}/etl")["metadata"]["name"] == "etl"
    assert operator.get("/api/v1/pods", limit=1)["kind"] == "PodList"


@pytest.mark.cluster
def test_the_operator_creates_a_report_and_writes_its_status(operator: Api, namespace: str) -> None:
    operator.post(REPORTS.format(namespace), a_report("etl"))
    body = {key: value for key, value in a_report("etl").items() if key != "spec"} | {"status": {"summary": "ok"}}
    written = operator.apply(f"{REPORTS.format(namespace)}/etl/status", body, manager="wfreport", force=False)
    assert written["status"] == {"summary": "ok"}


@pytest.mark.cluster
def test_the_operator_deletes_records_past_their_retention(operator: Api, namespace: str) -> None:
    for path, body in (
        (REPORTS.format(namespace), a_report("etl")),
        (REMEDIATIONS.format(namespace), a_remediation("etl-resubmit")),
    ):
        operator.post(path, body)
        operator.delete(f"{path}/{body['metadata']['name']}")
        assert operator.get(path)["items"] == []


@pytest.mark.cluster
def test_the_operator_cannot_write_the_spec_of_a_report(operator: Api, namespace: str) -> None:
    operator.post(REPORTS.format(namespace), a_report("etl"))
    path = f"{REPORTS.format(namespace)}/etl"
    merge = {"content_type": "application/merge-patch+json"}
    assert status_of(operator, "PATCH", path, {"spec": {"pinned": True}}, **merge) == FORBIDDEN
    assert status_of(operator, "PUT", path, operator.get(path)) == FORBIDDEN


@pytest.mark.cluster
def test_the_operator_cannot_change_a_workflow(plane: ControlPlane, operator: Api, namespace: str) -> None:
    created = plane.api.post(WORKFLOWS.format(namespace), a_workflow("etl"))
    path = f"{WORKFLOWS.format(namespace)}/etl"
    stop = {"spec": {"shutdown": "Stop"}}
    assert status_of(operator, "POST", WORKFLOWS.format(namespace), a_workflow("other")) == FORBIDDEN
    assert status_of(operator, "PATCH", path, stop, content_type="application/merge-patch+json") == FORBIDDEN
    assert status_of(operator, "PUT", path, created) == FORBIDDEN
    assert status_of(operator, "DELETE", path) == FORBIDDEN
    assert plane.api.get(path) == created


@pytest.mark.cluster
def test_the_operator_cannot_touch_pods_or_read_secrets(operator: Api, namespace: str) -> None:
    pod = f"/api/v1/namespaces/{namespace}/pods/etl-main-1"
    assert status_of(operator, "DELETE", pod) == FORBIDDEN
    assert status_of(operator, "PATCH", pod, {}, content_type="application/merge-patch+json") == FORBIDDEN
    assert status_of(operator, "GET", f"/api/v1/namespaces/{namespace}/secrets") == FORBIDDEN


@pytest.mark.cluster
def test_the_namespaced_install_has_the_same_rights_in_its_namespace_and_none_elsewhere(
    tenant: Api, namespace: str
) -> None:
    expected = REPORTING | LOGS | LEASE
    assert wait_for(expected, tenant, namespace) == expected
    assert rights(tenant, "default") == set()
    assert not is_allowed(tenant, "list", "workflows", group="argoproj.io")


@pytest.mark.cluster
def test_every_component_works_in_one_namespace_and_grants_nothing_elsewhere(
    plane: ControlPlane, namespace: str, tmp_path: Path
) -> None:
    components = [f"remediate-{action}" for action in GRANTED]
    tenant = install_in(plane, namespace, tmp_path, *components, "argo-server", "network-policy")
    expected = REPORTING | LOGS | LEASE | set().union(*GRANTED.values())
    assert wait_for(expected, tenant, namespace) == expected
    assert rights(tenant, "default") == set()


def test_each_component_grants_what_its_action_asks_for() -> None:
    for action, component in COMPONENTS.items():
        asked = {(right.group, right.resource, right.verb) for right in RIGHTS[action]}
        assert asked <= GRANTED[component.removeprefix("remediate-")], action


@pytest.mark.cluster
def test_the_namespaced_install_creates_nothing_outside_of_its_namespace(plane: ControlPlane) -> None:
    objects = list(yaml.safe_load_all(plane.kubectl("kustomize", OVERLAYS / "namespaced")))
    assert {found["metadata"].get("namespace") for found in objects} == {"argo"}
    bindings = [found for found in objects if found["kind"] == "RoleBinding"]
    assert {binding["subjects"][0]["namespace"] for binding in bindings} == {"argo"}


@pytest.mark.cluster
def test_the_base_cannot_read_logs(plane: ControlPlane) -> None:
    base = plane.kubectl("kustomize", ROOT / "manifests" / "base")
    assert "pods/log" not in base
    assert "pods/log" in plane.kubectl("kustomize", OVERLAYS / "default")


@pytest.mark.cluster
@pytest.mark.parametrize(("component", "granted"), GRANTED.items())
def test_each_action_has_a_component_that_grants_its_rights_only(
    plane: ControlPlane, namespace: str, tmp_path: Path, component: str, granted: set[Right]
) -> None:
    overlay = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": [os.path.relpath(ROOT / "manifests" / "base", tmp_path.resolve())],
        "components": [
            os.path.relpath(ROOT / "manifests" / "components" / f"remediate-{component}", tmp_path.resolve())
        ],
    }
    (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump(overlay))
    role = next(
        found
        for found in yaml.safe_load_all(plane.kubectl("kustomize", tmp_path))
        if found["kind"] == "ClusterRole" and found["metadata"]["name"] == "wfreport"
    )
    role["metadata"] = {"name": f"trial-{component}"}
    plane.api.post("/apis/rbac.authorization.k8s.io/v1/clusterroles", role)
    plane.api.post(f"/api/v1/namespaces/{namespace}/serviceaccounts", {"metadata": {"name": "trial"}})
    binding = {
        "metadata": {"name": "trial"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": f"trial-{component}"},
        "subjects": [{"kind": "ServiceAccount", "name": "trial", "namespace": namespace}],
    }
    plane.api.post(f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/rolebindings", binding)
    trial = plane.api.as_user(plane.service_account_token(namespace, "trial"))
    assert wait_for(REPORTING | granted, trial, namespace) == REPORTING | granted


@pytest.mark.cluster
@pytest.mark.usefixtures("operator")
def test_the_pod_is_admitted_under_the_restricted_standard(plane: ControlPlane) -> None:
    deployment = plane.api.get(f"/apis/apps/v1/namespaces/{SYSTEM}/deployments/wfreport")
    template = deployment["spec"]["template"]
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "trial"}, "spec": template["spec"]}
    path = f"/api/v1/namespaces/{SYSTEM}/pods"
    assert plane.api.post(path, pod, dryRun="All")["metadata"]["name"] == "trial"
    pod["spec"]["securityContext"] = {}
    with pytest.raises(ApiError, match="violates PodSecurity"):
        plane.api.post(path, pod, dryRun="All")


@pytest.mark.cluster
def test_the_live_page_has_no_rights_no_token_and_a_restricted_pod(
    plane: ControlPlane, namespace: str, tmp_path: Path
) -> None:
    install_in(plane, namespace, tmp_path, "ui")
    page = plane.api.as_user(plane.service_account_token(namespace, "wfreport-ui"))
    assert rights(page, namespace) == set()
    assert not is_allowed(page, "list", "workflowreports", namespace=namespace, group="wfreport.dev")
    deployment = plane.api.get(f"/apis/apps/v1/namespaces/{namespace}/deployments/wfreport-ui")
    spec = deployment["spec"]["template"]["spec"]
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert spec["containers"][0]["image"] == f"wfreport:{version}"
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    plane.api.patch(f"/api/v1/namespaces/{namespace}", {"metadata": {"labels": labels}})
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "trial"}, "spec": spec}
    path = f"/api/v1/namespaces/{namespace}/pods"
    lax = pod | {"spec": spec | {"securityContext": {}}}
    eventually(lambda: status_of(plane.api, "POST", path, lax, query={"dryRun": "All"}), FORBIDDEN.__eq__)
    admitted = plane.api.post(path, pod, dryRun="All")
    assert [volume["name"] for volume in admitted["spec"]["volumes"]] == ["kubernetes-ca"]


@pytest.mark.cluster
def test_the_image_has_this_version(plane: ControlPlane) -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert f"image: wfreport:{version}\n" in plane.kubectl("kustomize", OVERLAYS / "default")


@pytest.mark.cluster
@pytest.mark.usefixtures("operator")
def test_approvers_may_do_little_else(plane: ControlPlane, namespace: str) -> None:
    plane.api.post(f"/api/v1/namespaces/{namespace}/serviceaccounts", {"metadata": {"name": "approver"}})
    binding = {
        "metadata": {"name": "approver"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "wfreport-approve"},
        "subjects": [{"kind": "ServiceAccount", "name": "approver", "namespace": namespace}],
    }
    plane.api.post(f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/rolebindings", binding)
    approver = plane.api.as_user(plane.service_account_token(namespace, "approver"))
    expected = {
        *(("wfreport.dev", "remediations", verb) for verb in ("get", "list", "watch", "delete")),
        ("wfreport.dev", "remediations/status", "patch"),
    }
    assert wait_for(expected, approver, namespace) == expected

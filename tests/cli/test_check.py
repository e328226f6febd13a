"""`wfreport check`, on a real API server."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.cli.workspace import REPORTS, Workspace
from tests.objects import POLICIES, a_policy
from tests.rights import bind_role, service_account

from wfreport.api.names import LABEL_WORKFLOW_UID
from wfreport.clock import now
from wfreport.core.record.rights import LOGS, REPORTING

pytestmark = pytest.mark.cluster

NOW = "2026-11-22T10:31:03Z"
OLD = "2026-11-22T10:00:00.000000Z"


def findings(workspace: Workspace, *options: str, kubeconfig: Path | None = None, **env: str) -> dict[str, Any]:
    """Run the command; return its findings by subject, each with state and message, and its exit code."""
    done = workspace.run("check", *options, "-o", "json", kubeconfig=kubeconfig, **env)
    assert done.stderr == "", done.stderr
    found = json.loads(done.stdout)
    return {each["subject"]: (each["state"], each["message"]) for each in found} | {"exit": done.returncode}


def install(workspace: Workspace, *, ready: int = 2, rights: bool = True) -> None:
    """Create a Deployment in its state after a rollout, and the rights of its ServiceAccount in this namespace."""
    api, namespace = workspace.plane.api, workspace.namespace
    pod = {
        "serviceAccountName": "wfreport",
        "containers": [
            {
                "name": "operator",
                "image": "registry.example.com/wfreport:0.1.0",
                "env": [
                    {"name": "WFREPORT_NAMESPACES", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}},
                ],
            }
        ],
    }
    labels = {"app.kubernetes.io/name": "wfreport"}
    deployment = {
        "metadata": {"name": "wfreport", "labels": labels},
        "spec": {"replicas": 2, "selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}}},
    }
    deployment["spec"]["template"]["spec"] = pod  # type: ignore[index]
    collection = f"/apis/apps/v1/namespaces/{namespace}/deployments"
    api.post(collection, deployment)
    status = {"status": {"replicas": 2, "readyReplicas": ready, "availableReplicas": ready}}
    api.patch(f"{collection}/wfreport/status", status)
    if rights:
        grant(workspace)


def grant(workspace: Workspace) -> None:
    rules = [
        {"apiGroups": [right.group], "resources": [right.resource], "verbs": [right.verb]}
        for right in (*REPORTING, LOGS)
    ]
    subject = service_account(workspace.namespace, "wfreport")
    bind_role(workspace.plane, workspace.namespace, "wfreport", rules, subject)


def hold_lease(workspace: Workspace, renewed: str) -> None:
    lease = {
        "metadata": {"name": "wfreport"},
        "spec": {"holderIdentity": "wfreport-1", "leaseDurationSeconds": 3600, "renewTime": renewed},
    }
    workspace.plane.api.post(f"/apis/coordination.k8s.io/v1/namespaces/{workspace.namespace}/leases", lease)


def just_now() -> str:
    return (now() - timedelta(seconds=1)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def test_nothing_is_installed(workspace: Workspace) -> None:
    found = findings(workspace)
    assert found["workflowreports.wfreport.dev"] == ("ok", "v1alpha1")
    state, message = found["operator"]
    assert (state, "docs/howto/install.md" in message) == ("problem", True)
    assert found["exit"] == 1


def test_a_healthy_installation_has_no_problem(workspace: Workspace) -> None:
    install(workspace)
    hold_lease(workspace, just_now())
    report = workspace.put("evicted")
    label = {"metadata": {"labels": {LABEL_WORKFLOW_UID: report["spec"]["workflowRef"]["uid"]}}}
    workspace.plane.api.patch(f"{REPORTS.format(workspace.namespace)}/{report['metadata']['name']}", label)
    found = findings(workspace)
    assert {state for state, _ in (value for key, value in found.items() if key != "exit")} == {"ok"}, found
    assert found["exit"] == 0
    assert found[f"Deployment {workspace.namespace}/wfreport"][1] == (
        "2 of 2 replicas are ready, image registry.example.com/wfreport:0.1.0"
    )
    assert "held by wfreport-1" in found[f"Lease {workspace.namespace}/wfreport"][1]


def test_what_is_broken_is_named(workspace: Workspace) -> None:
    install(workspace, ready=0, rights=False)
    hold_lease(workspace, OLD)
    workspace.put("evicted", report=False)
    found = findings(workspace)
    assert found["exit"] == 1
    problems = {key: value[1] for key, value in found.items() if key != "exit" and value[0] == "problem"}
    assert problems[f"Deployment {workspace.namespace}/wfreport"].startswith("0 of 2 replicas")
    assert "longer than its 3600s" in problems[f"Lease {workspace.namespace}/wfreport"]
    assert "not permitted to get workflows.argoproj.io" in problems[f"rights in {workspace.namespace}"]
    assert "1 completed Workflow without one" in problems[f"reports in {workspace.namespace}"]


def test_a_report_of_a_user_counts_as_a_report(workspace: Workspace) -> None:
    report = workspace.put("evicted", report=False)
    workspace.put_report(report | {"metadata": {"name": "mine"}})
    assert findings(workspace)[f"reports in {workspace.namespace}"][0] == "ok"


def test_a_policy_is_shown_with_what_it_lacks(workspace: Workspace) -> None:
    collection = POLICIES.format(workspace.namespace)
    for name in ("fine", "lacking", "unseen"):
        workspace.plane.api.post(collection, a_policy(name, mode="Enforce"))
    lacks = (
        "the operator is not permitted to create workflows.argoproj.io in this namespace: add manifests/components/x"
    )
    for name, status, reason, message in (
        ("fine", "True", "PolicyReady", ""),
        ("lacking", "False", "PermissionMissing", lacks),
    ):
        ready = {"type": "Ready", "status": status, "reason": reason, "message": message, "lastTransitionTime": NOW}
        workspace.plane.api.patch(f"{collection}/{name}/status", {"status": {"conditions": [ready]}})
    found = findings(workspace)
    prefix = f"policy {workspace.namespace}"
    assert found[f"{prefix}/fine"] == ("ok", "PolicyReady")
    assert found[f"{prefix}/lacking"] == ("problem", f"PermissionMissing: {lacks}")
    assert found[f"{prefix}/unseen"][0] == "problem"


def test_what_a_user_may_not_read_is_unknown(workspace: Workspace) -> None:
    nobody = workspace.kubeconfig_of("nobody", {"": ["configmaps"]})
    found = findings(workspace, kubeconfig=nobody)
    assert found["workflowreports.wfreport.dev"] == ("unknown", "you are not permitted to read it")
    assert found["operator"][0] == "unknown"
    assert found["exit"] == 0


def test_the_rights_to_run_it_are_checked_in_advance(workspace: Workspace) -> None:
    where = f"your rights in {workspace.namespace}"
    assert findings(workspace, "--pre", WFREPORT_NAMESPACES=workspace.namespace)[where] == (
        "ok",
        "reports with log tails",
    )
    reader = workspace.kubeconfig_of("reader", {"argoproj.io": ["workflows"]})
    found = findings(workspace, "--pre", kubeconfig=reader, WFREPORT_NAMESPACES=workspace.namespace)
    assert found[where][0] == "problem"
    assert "create workflowreports.wfreport.dev" in found[where][1]
    assert "list workflows" not in found[where][1]
    assert found["exit"] == 1


def test_the_text_has_a_line_for_each_check(workspace: Workspace) -> None:
    lines = workspace.run("check").stdout.splitlines()
    assert lines[0].split() == ["ok", "workflows.argoproj.io", "v1alpha1"]
    assert len({line.index(line.split()[1]) for line in lines}) == 1

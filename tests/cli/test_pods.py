"""`wfreport pods`: lists the pods of a run, even if they or the Workflow were deleted."""

from __future__ import annotations

import json

import pytest
from tests.cli.workspace import Workspace

pytestmark = pytest.mark.cluster

RETRIED = "retry-exhausted-varied"


def rows(workspace: Workspace, *arguments: str) -> list[list[str]]:
    done = workspace.run("pods", *arguments)
    assert done.returncode == 0, done.stderr
    return [line.split() for line in done.stdout.splitlines()[1:]]


def test_every_attempt_has_its_pod(workspace: Workspace) -> None:
    workspace.put(RETRIED, pods=True)
    assert rows(workspace, RETRIED) == [
        ["r(0)", "1", f"{RETRIED}-r-1944409006", "Failed", "yes", "kwok-0"],
        ["r(1)", "2", f"{RETRIED}-r-1340267627", "Failed", "yes", "kwok-0"],
        ["r(2)", "3", f"{RETRIED}-r-4025127952", "Failed", "yes", "kwok-0"],
    ]


def test_the_names_of_a_deleted_run_come_from_the_report(workspace: Workspace) -> None:
    workspace.put(RETRIED, workflow=False)
    assert [row[2:5] for row in rows(workspace, RETRIED)] == [
        [f"{RETRIED}-r-1944409006", "Failed", "gone"],
        [f"{RETRIED}-r-1340267627", "Failed", "gone"],
        [f"{RETRIED}-r-4025127952", "Failed", "gone"],
    ]


def test_the_names_of_failed_pods_are_arguments_of_kubectl(workspace: Workspace) -> None:
    workspace.put("real-node-mixed", pods=True)
    named = workspace.run("pods", "real-node-mixed", "--failed", "-o", "name").stdout.split()
    assert len(named) == 8
    assert "diskfull" not in " ".join(named), "it succeeded"
    workspace.plane.kubectl("get", "-n", workspace.namespace, *named)


def test_a_deleted_pod_is_gone(workspace: Workspace) -> None:
    workspace.put("real-node-mixed", pods=True)
    name = "real-node-mixed-dns-2649725323"
    workspace.plane.api.delete(f"/api/v1/namespaces/{workspace.namespace}/pods/{name}", gracePeriodSeconds=0)
    exists = {
        pod["podName"]: pod["exists"]
        for pod in json.loads(workspace.run("pods", "real-node-mixed", "-o", "json").stdout)
    }
    assert exists.pop(name) == "gone"
    assert set(exists.values()) == {"yes"}


def test_names_of_the_first_format_are_node_ids(workspace: Workspace) -> None:
    report = workspace.put(RETRIED, workflow=False)
    for step in report["status"]["steps"]:
        if step["type"] == "Pod":
            step["podName"] = step["nodeId"]
    del report["status"]["steps"][-1]["podName"]
    workspace.put_report(report, is_new=False)
    named = workspace.run("pods", RETRIED, "-o", "name").stdout.split()
    ids = [step["nodeId"] for step in report["status"]["steps"] if step["type"] == "Pod"]
    assert named == [f"pod/{node_id}" for node_id in ids]


def test_steps_that_run_in_the_agent_have_its_pod(workspace: Workspace) -> None:
    workspace.put("http-ok-and-fail")
    assert [(row[0], row[1], row[3]) for row in rows(workspace, "http-ok-and-fail")] == [
        ("good", "http-ok-and-fail-1340600742-agent", "gone"),
        ("bad", "http-ok-and-fail-1340600742-agent", "gone"),
    ]


def test_a_pod_that_was_never_created_is_not_gone(workspace: Workspace) -> None:
    workspace.put("quota-exceeded")
    assert {row[-1] for row in rows(workspace, "quota-exceeded")} == {"no"}


def test_missing_steps_are_reported_on_stderr(workspace: Workspace) -> None:
    workspace.put("large-3000", workflow=False)
    done = workspace.run("pods", "large-3000")
    assert done.stderr == (
        "The Workflow was deleted, and its report does not list every step of large-3000; "
        "archive: no Argo Server configured (WFREPORT_ARGO_SERVER_URL)\n"
    )


def test_without_permission_to_read_workflows_the_report_is_used(workspace: Workspace) -> None:
    workspace.put(RETRIED)
    kubeconfig = workspace.kubeconfig_of("reader", {"wfreport.dev": ["workflowreports"]})
    done = workspace.run("pods", RETRIED, "-o", "name", kubeconfig=kubeconfig)
    assert (done.returncode, len(done.stdout.split())) == (0, 3)
    warnings = done.stderr.splitlines()
    assert warnings[0].startswith("cannot read Workflows: ")
    assert warnings[1].startswith("cannot list pods: ")

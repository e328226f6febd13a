"""Runs that hang, by an operator with only its shipped permissions."""

from __future__ import annotations

from typing import Any

import pytest
from tests.eventually import eventually
from tests.live.operator.harness import FAST, WORKFLOWS, Cluster, condition

pytestmark = pytest.mark.cluster


def stalled_reason(report: dict[str, Any]) -> str | None:
    reason: str | None = report.get("status", {}).get("stalled", {}).get("reason")
    return reason


def test_a_step_whose_pod_is_gone_is_reported_until_the_run_goes_on(world: Cluster) -> None:
    operator = world.start_operator(**FAST, stalled_grace_seconds=2)
    world.create_workflow("etl", phase="Running", nodes=1)
    report = eventually(
        lambda: world.report_of("etl"), lambda report: stalled_reason(report) == "PodGone", timeout_seconds=60
    )
    assert condition(report, "RunStalled") == ("True", "PodGone")
    assert condition(report, "Ready") == ("True", "ReportCurrent")
    assert (report["status"]["reason"], report["status"]["step"]) == ("PodGone", "step-0")
    eventually(lambda: operator.metric("wfreport_stalled_runs", reason="PodGone") == 1)
    (event,) = [one for one in world.events_about(report["metadata"]["name"]) if one["reason"] == "PodGone"]
    assert event["type"] == "Warning"
    world.update_workflow("etl", phase="Succeeded", nodes=1)
    ended = eventually(
        lambda: world.report_of("etl"), lambda report: stalled_reason(report) is None, timeout_seconds=60
    )
    assert "RunStalled" not in [one["type"] for one in ended["status"]["conditions"]]
    eventually(lambda: operator.metric("wfreport_stalled_runs") == 0)


def a_collector(world: Cluster, workflow: str) -> str:
    """Create the pod that deletes a Workflow's artifacts, and return its path."""
    labels = {"workflow": workflow, "component": "artifact-gc", "completed": "false"}
    metadata = {
        "name": f"{workflow}-artgc-wfdel-1",
        "labels": {f"workflows.argoproj.io/{key}": value for key, value in labels.items()},
    }
    pods = f"/api/v1/namespaces/{world.namespace}/pods"
    spec = {"containers": [{"name": "main", "image": "argoexec"}]}
    world.plane.api.post(pods, {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
    return f"{pods}/{metadata['name']}"


def test_a_deletion_is_blocked_by_any_finalizer_and_by_none_while_artifacts_are_deleted(world: Cluster) -> None:
    world.start_operator(**FAST, stalled_grace_deletion_seconds=2)
    for name, finalizer in (("kept", "backup.example.com/keep"), ("collected", "workflows.argoproj.io/artifact-gc")):
        world.create_workflow(name, phase="Succeeded", nodes=1)
        path = f"{WORKFLOWS.format(world.namespace)}/{name}"
        world.plane.api.patch(path, {"metadata": {"finalizers": [finalizer]}})
    collector = a_collector(world, "collected")
    running = {"name": "main", "state": {"running": {}}, "ready": True, "restartCount": 0, "image": "", "imageID": ""}
    world.plane.api.patch(f"{collector}/status", {"status": {"phase": "Running", "containerStatuses": [running]}})
    world.delete_workflow("collected")
    world.delete_workflow("kept")
    blocked = eventually(
        lambda: world.report_of("kept"), lambda report: stalled_reason(report) == "DeletionBlocked", timeout_seconds=60
    )
    assert "backup.example.com/keep" in blocked["status"]["stalled"]["message"]
    assert stalled_reason(world.report_of("collected")) is None
    world.plane.api.patch(f"{collector}/status", {"status": {"phase": "Failed", "containerStatuses": []}})
    eventually(
        lambda: world.report_of("collected"),
        lambda report: stalled_reason(report) == "DeletionBlocked",
        timeout_seconds=60,
    )

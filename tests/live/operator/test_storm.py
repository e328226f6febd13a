"""Five hundred pods fail at once: requests and memory stay bounded, and no other Workflow waits."""

from __future__ import annotations

import collections
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.cli.kubelet import serving
from tests.eventually import eventually
from tests.live.operator.harness import (
    COMPLETED,
    PHASE,
    WORKFLOWS,
    Cluster,
    RunningOperator,
    condition,
    may_read_logs,
    observed,
    rfc3339,
)

from wfreport.cache.evidence import EvidenceCacheLimits
from wfreport.clock import now

pytestmark = pytest.mark.cluster

PODS = 500
LOG = b"row 7 is bad\nboom\n"
HUNG = 60
"""Logs that are read twice, since the kubelet hung at first."""

MAX_MEMORY_BYTES = 400 << 20


@dataclass
class Storm:
    """Pods on a node whose kubelet serves logs once ``calm`` is set."""

    world: Cluster
    node: str
    calm: threading.Event = field(default_factory=threading.Event)

    def make_pod(self, name: str, workflow: dict[str, Any]) -> None:
        """Create a running pod."""
        meta = workflow["metadata"]
        owner = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "name": meta["name"], "uid": meta["uid"]}
        labels = {"workflows.argoproj.io/workflow": meta["name"]}
        body = {
            "metadata": {"name": name, "labels": labels, "ownerReferences": [owner]},
            "spec": {"nodeName": self.node, "containers": [{"name": "main", "image": "etl"}]},
        }
        self.world.plane.api.post(f"/api/v1/namespaces/{self.world.namespace}/pods", body)

    def fail_pod(self, name: str) -> None:
        """Let the pod fail with a killed container, so that its Events are read."""
        ended = {"terminated": {"exitCode": 137, "reason": "Error"}}
        status = {"name": "main", "image": "etl", "imageID": "", "ready": False, "restartCount": 0, "state": ended}
        path = f"/api/v1/namespaces/{self.world.namespace}/pods/{name}/status"
        self.world.plane.api.patch(path, {"status": {"phase": "Failed", "containerStatuses": [status]}})

    def fail_workflow(self, workflow: dict[str, Any], pods: list[str]) -> None:
        """End the Workflow with a failed node for each of these pods."""
        name, at = workflow["metadata"]["name"], rfc3339(now())
        times = {"startedAt": at, "finishedAt": at, "phase": "Failed"}
        nodes = {pod: times | _pod_node(pod, name) for pod in pods}
        nodes[name] = times | {"id": name, "name": name, "displayName": name, "type": "Steps", "children": pods}
        workflow["metadata"]["labels"] = {COMPLETED: "true", PHASE: "Failed"}
        workflow["metadata"]["annotations"] = {"workflows.argoproj.io/pod-name-format": "v1"}
        path = f"{WORKFLOWS.format(self.world.namespace)}/{name}"
        self.world.plane.api.put(path, workflow | {"status": times | {"nodes": nodes}})


def _pod_node(pod: str, workflow: str) -> dict[str, Any]:
    message = "main: Error (exit code 137)"
    named = {"id": pod, "name": f"{workflow}[0].{pod}", "displayName": pod, "type": "Pod", "templateName": "work"}
    return named | {"hostNodeName": "host", "message": message, "outputs": {"exitCode": "137"}}


@pytest.fixture
def storm(world: Cluster, tmp_path: Path) -> Iterator[Storm]:
    """Yield a node without failed pods, whose kubelet hangs."""
    may_read_logs(world)
    with serving(world.plane, f"node-{world.namespace[-40:].strip('-')}", tmp_path) as kubelet:
        node = Storm(world, f"node-{world.namespace[-40:].strip('-')}")
        kubelet.logs = collections.defaultdict(lambda: LOG)
        answer = kubelet.answer

        def answer_once_calm(handler: Any) -> None:
            node.calm.wait(60)
            answer(handler)

        kubelet.answer = answer_once_calm  # type: ignore[method-assign]
        yield node
        node.calm.set()


def complete_report_of(world: Cluster, name: str) -> dict[str, Any]:
    """Wait for the report of a failed run with all its evidence, there or missing for good."""
    return eventually(
        lambda: world.report_of(name),
        lambda report: (
            condition(report, "Succeeded")[0] == "False" and condition(report, "EvidenceComplete")[0] != "Unknown"
        ),
        timeout_seconds=120,
        interval_seconds=0.5,
    )


def has_evidence(failure: dict[str, Any]) -> bool:
    """Return whether the failure has evidence or the reasons why it is missing."""
    return bool(failure.get("podUid") and failure.get("logTail")) or bool(failure.get("evidenceMissing"))


def assert_bounded(world: Cluster, operator: RunningOperator, since: int, *, reconciles: int) -> None:
    """Check the operator's requests in the audit log, and its memory."""
    counts = requests(world, since)
    assert counts["get workflows"] <= reconciles
    assert counts["patch workflowreports/status"] <= reconciles
    assert counts["list pods"] <= PODS + reconciles
    assert counts["get pods/log"] <= PODS + HUNG
    assert counts["list events"] <= 250
    assert operator.metric("wfreport_captured_bytes") <= EvidenceCacheLimits().max_bytes
    assert operator.metric("process_resident_memory_bytes") <= MAX_MEMORY_BYTES


def requests(world: Cluster, since: int) -> collections.Counter[str]:
    """Count the operator's requests for this namespace, by verb and resource."""
    counts: collections.Counter[str] = collections.Counter()
    for event in world.plane.audit_events()[since:]:
        about = event.get("objectRef") or {}
        if event["stage"] == "ResponseComplete" and about.get("namespace") == world.namespace:
            counts[f"{event['verb']} {'/'.join(filter(None, (about['resource'], about.get('subresource'))))}"] += 1
    return counts


def position_after(world: Cluster, operator: RunningOperator, outcome: str, *, count: int = 1) -> int:
    """Wait for the end of so many reconciles, and return where the audit log is then: it has all their requests.

    A report can be read before the request that wrote it is in the log.
    """
    eventually(lambda: operator.metric("wfreport_reconciles_total", outcome=outcome) >= count)
    return world.audit_position()


def test_one_failing_pod_costs_a_handful_of_requests(world: Cluster, storm: Storm) -> None:
    storm.calm.set()
    workflow = world.create_workflow("etl")
    storm.make_pod("etl-load", workflow)
    operator = world.start_operator(debounce_seconds=0.1)
    since = position_after(world, operator, "running")
    storm.fail_pod("etl-load")
    storm.fail_workflow(world.workflow("etl"), ["etl-load"])
    report = complete_report_of(world, "etl")
    position_after(world, operator, "completed")
    counts = requests(world, since)
    assert report["status"]["failures"][0]["logTail"]["text"] == "row 7 is bad\nboom"
    assert counts.pop("get pods/log") == 1
    assert counts.pop("list events") == 1
    assert counts.pop("list pods") <= 3, "the failed pods, and all pods of a run that has just ended"
    assert counts.pop("get workflows") <= 4
    assert counts.pop("patch workflowreports/status") <= 4
    assert counts.pop("create events", 0) <= 1, "why the run failed"
    assert counts == {}


def test_a_log_that_arrives_after_the_end_costs_one_more_reconcile(world: Cluster, storm: Storm) -> None:
    workflow = world.create_workflow("etl")
    storm.make_pod("etl-load", workflow)
    operator = world.start_operator(debounce_seconds=0.1)
    eventually(lambda: world.report_of("etl"))
    storm.fail_pod("etl-load")
    storm.fail_workflow(world.workflow("etl"), ["etl-load"])
    eventually(lambda: condition(world.report_of("etl"), "EvidenceComplete"), ("Unknown", "CapturePending").__eq__)
    since = position_after(world, operator, "completed")
    storm.calm.set()
    report = complete_report_of(world, "etl")
    position_after(world, operator, "completed", count=2)
    counts = requests(world, since)
    assert report["status"]["failures"][0]["logTail"]["text"] == "row 7 is bad\nboom"
    assert counts.pop("get workflows") == 1
    assert counts.pop("patch workflowreports/status") == 1
    # no pods are listed: no step succeeded, so there is nothing to warn of
    assert counts.keys() <= {"get pods/log", "list events", "create events"}


def test_five_hundred_pods_of_one_workflow(world: Cluster, storm: Storm) -> None:
    workflow = world.create_workflow("etl")
    pods = [f"etl-{n}" for n in range(PODS)]
    for pod in pods:
        storm.make_pod(pod, workflow)
    operator, since = world.start_operator(debounce_seconds=0.1), world.audit_position()
    for pod in pods:
        storm.fail_pod(pod)
    storm.fail_workflow(world.workflow("etl"), pods)
    world.create_workflow("other", phase="Succeeded")
    eventually(lambda: observed(world.report_of("other")).get("resourceVersion"))
    # written without the logs that are still missing
    eventually(lambda: condition(world.report_of("etl"), "EvidenceComplete"), ("Unknown", "CapturePending").__eq__)
    storm.calm.set()
    report = complete_report_of(world, "etl")
    failures = report["status"]["failures"]
    assert [failure["displayName"] for failure in failures if not has_evidence(failure)] == []
    assert condition(report, "EvidenceComplete") == ("False", "CaptureLimit")
    assert report["status"]["counts"]["failed"] == PODS + 1
    assert_bounded(world, operator, since, reconciles=40)


def test_five_hundred_workflows_of_one_pod(world: Cluster, storm: Storm) -> None:
    names = [f"run-{n}" for n in range(PODS)]
    workflows = {name: world.create_workflow(name) for name in names}
    for name in names:
        storm.make_pod(f"{name}-load", workflows[name])
    operator, since = world.start_operator(debounce_seconds=0.1), world.audit_position()
    for name in names:
        storm.fail_pod(f"{name}-load")
        storm.fail_workflow(workflows[name], [f"{name}-load"])
    world.create_workflow("other", phase="Succeeded")
    eventually(lambda: observed(world.report_of("other")).get("resourceVersion"), timeout_seconds=60)
    storm.calm.set()
    reports = eventually(
        lambda: {r["spec"]["workflowRef"]["name"]: r for r in world.reports()},
        lambda reports: all(
            condition(reports.get(name, {}), "EvidenceComplete")[0] in {"True", "False"} for name in names
        ),
        timeout_seconds=180,
        interval_seconds=2,
    )
    failures = [failure for name in names for failure in reports[name]["status"].get("failures", [])]
    assert len(failures) == PODS
    assert [failure["displayName"] for failure in failures if not has_evidence(failure)] == []
    assert_bounded(world, operator, since, reconciles=4 * PODS)

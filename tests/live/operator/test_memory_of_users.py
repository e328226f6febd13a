"""Objects of one namespace do not fill the operator's memory, whatever their sizes and numbers are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.core.hostile_workflows import Json
from tests.eventually import eventually
from tests.live.operator.harness import FAST, PHASE, WORKFLOWS, Cluster, RunningOperator, rfc3339, workflow
from tests.live.operator.test_hostile_workflows import packed

from wfreport.clock import now

pytestmark = pytest.mark.cluster

MEMORY_KB = 300 << 10
"""More than the operator may take; its pod's limit is 512 MiB."""
LONG_AGO = "2020-01-01T00:00:00Z"


def peak_kb(operator: RunningOperator) -> int:
    """Return the most memory that the process has had."""
    lines = Path(f"/proc/{operator.process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))


def start_running(world: Cluster, name: str, nodes: Json, **status: Any) -> Json:
    made = workflow(name, world.namespace)
    made["metadata"]["labels"] = {PHASE: "Running"}
    made["metadata"]["annotations"] = {"workflows.argoproj.io/pod-name-format": "v2"}
    made["status"] = {"phase": "Running", "startedAt": LONG_AGO, "compressedNodes": packed(nodes), **status}
    stored: Json = world.plane.api.post(WORKFLOWS.format(world.namespace), made)
    return stored


def a_step(name: str, phase: str, **fields: Any) -> Json:
    return {"name": f"w.{name}", "displayName": name, "type": "Pod", "phase": phase, "startedAt": LONG_AGO, **fields}


def assert_served(world: Cluster, operator: RunningOperator) -> None:
    world.create_workflow("neighbour", phase="Succeeded")
    eventually(lambda: world.phase_of("neighbour"), lambda phase: phase == "Succeeded")
    assert operator.answer("/healthz") == "ok\n"
    assert peak_kb(operator) < MEMORY_KB


def test_long_ids_of_running_workflows_are_not_kept(world: Cluster) -> None:
    operator = world.start_operator(**FAST, resync_interval_seconds=1)
    for number in range(30):
        long = {f"{n}-{number}-" + "x" * 30_000: a_step(str(n), ("Failed", "Running")[n % 2]) for n in range(250)}
        start_running(world, f"long-{number}", {k: v | {"templateName": f"t{k}"} for k, v in long.items()})
    reconciled = operator.metric("wfreport_reconciles_total", outcome="running")
    eventually(
        lambda: operator.metric("wfreport_reconciles_total", outcome="running"),
        lambda count: count >= reconciled + 150,
        timeout_seconds=300,
    )
    assert_served(world, operator)


def test_large_pods_are_not_all_read(world: Cluster) -> None:
    owner = start_running(world, "w", {"w": a_step("w", "Running", hostNodeName="h")})["metadata"]
    reference = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "name": "w", "uid": owner["uid"]}
    labels = {f"{'p' * 240}.io/{n}": "v" * 63 for n in range(3_500)}
    for number in range(250):
        metadata = {
            "name": f"w-{number}",
            "labels": labels | {"workflows.argoproj.io/workflow": "w"},
            "ownerReferences": [reference],
        }
        body = {"metadata": metadata, "spec": {"containers": [{"name": "main", "image": "etl"}]}}
        world.plane.api.post(f"/api/v1/namespaces/{world.namespace}/pods", body)
        if number % 2:
            status = {"status": {"phase": "Failed", "reason": "Evicted", "startTime": rfc3339(now())}}
            world.plane.api.patch(f"/api/v1/namespaces/{world.namespace}/pods/w-{number}/status", status)
    operator = world.start_operator(**FAST, resync_interval_seconds=1)
    eventually(lambda: world.requests(verb="list", resource="pods"), lambda made: len(made) >= 20, timeout_seconds=300)
    eventually(lambda: operator.metric("wfreport_pods_captured_total") >= 100, timeout_seconds=300)
    assert_served(world, operator)

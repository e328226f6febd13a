"""Hostile and merely unlucky Workflows get a report, and leave /healthz and the reports of others as they are."""

from __future__ import annotations

import base64
import gzip
import json
from typing import Any

import pytest
from tests.core.hostile_workflows import HOSTILE
from tests.eventually import eventually
from tests.live.operator.harness import FAST, WORKFLOWS, Cluster, condition, workflow

pytestmark = pytest.mark.cluster


def failed(index: int, message: str) -> dict[str, Any]:
    return {"id": f"w-{index}", "name": f"w.s({index})", "type": "Pod", "phase": "Failed", "message": message}


WORKFLOWS_BY_KIND: dict[str, dict[str, Any]] = {
    "prefixes": {"w": failed(0, "task '' errored: " * 700_000)},
    "too-many-nodes": {f"w-{index}": {} for index in range(100_000)},
    "class-paths": {f"w-{i}": failed(i, f"NoClassDefFoundError {i}: " + "/opt/lib/a.jar:" * 60) for i in range(500)},
    "long-words": {f"w-{i}": failed(i, f"{i}" + "x" * 1024) for i in range(500)},
    "dashes": {f"w-{i}": failed(i, f"{i}" + "a-" * 500) for i in range(500)},
    "deep": {f"w-{i}": failed(i, "boom") | {"name": "w" + ".a" * i} for i in range(2000)},
}


def packed(nodes: dict[str, Any]) -> str:
    return base64.b64encode(gzip.compress(json.dumps(nodes).encode(), mtime=0)).decode()


@pytest.mark.parametrize("kind", WORKFLOWS_BY_KIND)
def test_a_hostile_workflow_is_reported_and_its_neighbour_too(world: Cluster, kind: str) -> None:
    operator = world.start_operator(**FAST)
    hostile = workflow("hostile", world.namespace)
    hostile["metadata"].setdefault("labels", {})["workflows.argoproj.io/completed"] = "true"
    hostile["status"] = {"phase": "Failed", "message": "it broke", "compressedNodes": packed(WORKFLOWS_BY_KIND[kind])}
    world.plane.api.post(WORKFLOWS.format(world.namespace), hostile)
    assert operator.answer("/healthz") == "ok\n"
    world.create_workflow("neighbour", phase="Succeeded")
    eventually(lambda: world.phase_of("neighbour"), lambda phase: phase == "Succeeded")
    assert operator.answer("/healthz") == "ok\n"
    report = eventually(lambda: world.report_of("hostile"), lambda found: bool(found.get("status")))
    expected = ("False", "TooLarge") if kind == "too-many-nodes" else ("True", "NodesRead")
    assert condition(report, "NodesAvailable") == expected


def test_hostile_objects_of_all_kinds_are_reported_and_their_neighbour_too(world: Cluster) -> None:
    operator = world.start_operator(**FAST)
    names = {f"hostile-{number}": kind for number, kind in enumerate(HOSTILE)}
    for name, kind in names.items():
        hostile, made = workflow(name, world.namespace), HOSTILE[kind][0]()
        labels = {"workflows.argoproj.io/completed": "true", **made["metadata"].pop("labels", {})}
        hostile["metadata"] |= made["metadata"] | {"labels": labels}
        world.plane.api.post(
            WORKFLOWS.format(world.namespace), hostile | {"spec": made["spec"], "status": made["status"]}
        )
    world.create_workflow("neighbour", phase="Succeeded")
    eventually(lambda: world.phase_of("neighbour"), lambda phase: phase == "Succeeded")
    assert operator.answer("/healthz") == "ok\n"
    for name, kind in names.items():
        report = eventually(lambda name=name: world.report_of(name), lambda found: bool(found.get("status")))  # type: ignore[misc]
        _, nodes, ready = HOSTILE[kind]
        assert nodes in ("", condition(report, "NodesAvailable")[1]), kind
        assert ready in ("", condition(report, "Ready")[1]), kind
    assert operator.answer("/healthz") == "ok\n"

"""Workflows that are nested more deeply than Python's decoders follow end no operator and delay no neighbour."""

from __future__ import annotations

import json

import pytest
from tests.eventually import eventually
from tests.live.operator.harness import FAST, WORKFLOWS, Cluster, workflow

pytestmark = pytest.mark.cluster

SETTINGS = {**FAST, "resync_interval_seconds": 1}
NAMES = [f"{phase.lower()}-{levels}" for phase in ("Running", "Failed") for levels in (1_500, 9_000)]


def create_deep(world: Cluster, name: str) -> None:
    """Create a Workflow with a deep value in its spec; its JSON is made by hand, because ``json`` cannot write it."""
    phase, levels = name.split("-")
    made = workflow(name, world.namespace)
    made["metadata"]["labels"] = {"workflows.argoproj.io/completed": str(phase == "failed").lower()}
    made["spec"]["templates"].append({"name": "deep", "plugin": {"deep": "DEEP"}})
    made["status"] = {"phase": phase.title(), "message": "it broke", "startedAt": "2026-11-22T03:00:00Z"}
    deep = '{"a":' * int(levels) + "1" + "}" * int(levels)
    text = json.dumps(made).replace('"DEEP"', deep)
    world.plane.kubectl("create", "--raw", WORKFLOWS.format(world.namespace), "-f", "-", stdin=text)


def test_deep_workflows_are_reported_and_their_neighbours_too_also_after_a_restart(world: Cluster) -> None:
    operator = world.start_operator(**SETTINGS)
    for name in NAMES:
        create_deep(world, name)
    for number in range(2):
        world.create_workflow(f"neighbour-{number}", phase="Failed")
        eventually(lambda number=number: world.phase_of(f"neighbour-{number}"), lambda phase: phase == "Failed")  # type: ignore[misc]
        for name in NAMES:
            expected = name.split("-")[0].title()
            eventually(lambda name=name: world.phase_of(name), lambda phase, e=expected: phase == e)  # type: ignore[misc]
        assert operator.answer("/healthz") == "ok\n"
        assert operator.stop() == 0
        operator = world.start_operator(**SETTINGS)

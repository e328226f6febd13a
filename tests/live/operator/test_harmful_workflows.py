"""A Workflow whose reconcile kills the operator, by a planted bug, does not stop the operator or its neighbours."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.eventually import eventually
from tests.live.operator.harness import WORKFLOWS, Cluster, RunningOperator, condition, workflow
from tests.live.operator.test_replicas import LEASES

from wfreport.api.names import ANNOTATION_RECONCILE_RECORD

pytestmark = pytest.mark.cluster

PLANT = """
import os, time
from wfreport.reconcile import renderer

def planted(snapshot, render=renderer.render_status, **given):
    if snapshot.workflow.metadata.name == "bomb":
        explode()
    return render(snapshot, **given)

renderer.render_status = planted
"""
PLANT_IN_READER = """
from wfreport.watch.enqueue import ReportReader

async def planted(self, request, reconcile=ReportReader.reconcile):
    if request.name[1] == "bomb":
        explode()
    await reconcile(self, request)

ReportReader.reconcile = planted
"""
ENDLESS = "def explode():\n    while True:\n        pass\n"
SLOW = "def explode(ends=[]):\n    end = time.monotonic() + 2.5\n    while time.monotonic() < end:\n        pass\n"
GREEDY = "def explode():\n    taken = []\n    while True:\n        taken.append(bytes(30 << 20)); time.sleep(0.2)\n"
SUDDEN = "def explode():\n    os.kill(os.getpid(), 9)\n"


@pytest.fixture
def electing(electing: dict[str, Any]) -> dict[str, Any]:
    """Return the settings with a Lease that soon expires, since its holders are killed here."""
    return electing | {"lease_seconds": 3}


def record(world: Cluster) -> dict[str, Any]:
    """What the Lease has about reconciles."""
    leases = world.plane.api.get(LEASES.format(world.namespace))["items"]
    annotations = leases[0]["metadata"].get("annotations", {}) if leases else {}
    return dict(json.loads(annotations.get(ANNOTATION_RECONCILE_RECORD, "{}")))


def in_work(world: Cluster) -> list[tuple[str, int]]:
    """The marked reconciles, each with the number of leaders that died during it."""
    return [(mark["name"], mark.get("deaths", 0)) for mark in record(world).get("inWork", [])]


def ready(world: Cluster, name: str) -> tuple[str, str]:
    """The condition Ready of a Workflow's report; empty if it has none."""
    reports = world.reports_of(name)
    return condition(reports[0], "Ready") if reports else ("", "")


def logged(operator: RunningOperator, message: str) -> list[dict[str, Any]]:
    """The lines of the log with this message."""
    lines = [json.loads(line) for line in operator.log.read_text().splitlines() if line.startswith("{")]
    return [line for line in lines if line["message"] == message]


def start(world: Cluster, electing: dict[str, Any], planted: str, plant: str = PLANT) -> RunningOperator:
    return world.start_operator(plant + planted, wait=False, log_format="json", **electing)


def is_current(world: Cluster, name: str) -> bool:
    return ready(world, name) == ("True", "ReportCurrent")


def test_a_workflow_that_blocks_the_loop_for_ever_is_named_tried_alone_and_abandoned(
    world: Cluster, electing: dict[str, Any]
) -> None:
    first = start(world, electing, ENDLESS)
    world.create_workflow("neighbour-1", phase="Failed", failed=True)
    eventually(lambda: is_current(world, "neighbour-1"))
    world.create_workflow("bomb", phase="Failed", failed=True)
    (blocked,) = eventually(lambda: logged(first, "event loop blocked"))[:1]
    assert (blocked["controller"], blocked["namespace"], blocked["name"]) == ("report", world.namespace, "bomb")
    assert "in explode" in blocked["stack"]
    assert in_work(world) == [("bomb", 0)]
    first.kill()

    for number in range(2, 12):
        world.create_workflow(f"neighbour-{number}", phase="Failed", failed=True)
    second = start(world, electing, ENDLESS)
    eventually(lambda: in_work(world) == [("bomb", 1)])
    assert [line["name"] for line in logged(second, "reconcile quarantined: a leader died during it")] == ["bomb"]
    assert all(is_current(world, f"neighbour-{number}") for number in range(1, 12))
    second.kill()

    third = start(world, electing, ENDLESS)
    eventually(lambda: ready(world, "bomb") == ("False", "ReconcileAbandoned"))
    report = world.report_of("bomb")
    assert condition(report, "Succeeded") == ("False", "WorkflowFailed")
    message = next(c["message"] for c in report["status"]["conditions"] if c["type"] == "Ready")
    assert "blocked the event loop" in message
    assert "when this report is deleted" in message
    (event,) = world.events_about(report["metadata"]["name"])
    assert event["reason"] == "ReconcileAbandoned"
    eventually(lambda: third.metric("wfreport_reconciles_abandoned_total", controller="report") == 1)
    world.create_workflow("neighbour-12", phase="Failed", failed=True)
    eventually(lambda: is_current(world, "neighbour-12"))
    eventually(lambda: record(world) == {})
    third.kill()

    fourth = start(world, electing, ENDLESS)
    world.create_workflow("neighbour-13", phase="Failed", failed=True)
    eventually(lambda: is_current(world, "neighbour-13"))
    assert ready(world, "bomb") == ("False", "ReconcileAbandoned")
    assert fourth.answer("/healthz") == "ok\n"
    fourth.stop()

    mended = world.start_operator(**electing)
    world.plane.api.delete(
        f"/apis/wfreport.dev/v1alpha1/namespaces/{world.namespace}/workflowreports/{report['metadata']['name']}"
    )
    eventually(lambda: is_current(world, "bomb"))
    assert mended.metric("wfreport_reconciles_quarantined") == 0


def test_an_abandoned_workflow_is_tried_again_when_it_changes(world: Cluster, electing: dict[str, Any]) -> None:
    world.create_workflow("bomb", phase="Running")
    for deaths in range(2):
        operator = start(world, electing, ENDLESS)
        eventually(lambda: in_work(world), [("bomb", deaths)].__eq__)
        operator.kill()
    operator = start(world, electing, ENDLESS)
    eventually(lambda: ready(world, "bomb") == ("False", "ReconcileAbandoned"))
    world.update_workflow("bomb", phase="Running", done=1)
    world.create_workflow("neighbour", phase="Failed", failed=True)
    eventually(lambda: is_current(world, "neighbour"))
    assert operator.answer("/healthz") == "ok\n"
    operator.stop()
    mended = world.start_operator(log_format="json", **electing)
    world.update_workflow("bomb", phase="Succeeded")
    eventually(lambda: is_current(world, "bomb"))
    assert logged(mended, "reconcile tried alone: a leader died during it")


def test_a_healthy_slow_workflow_is_tried_alone_and_not_abandoned(world: Cluster, electing: dict[str, Any]) -> None:
    world.create_workflow("bomb", phase="Failed", failed=True)
    first = start(world, electing, SLOW)
    eventually(lambda: in_work(world) == [("bomb", 0)])
    first.kill()
    second = start(world, electing, SLOW)
    eventually(lambda: is_current(world, "bomb"))
    eventually(lambda: record(world) == {})
    assert logged(second, "reconcile tried alone: a leader died during it")
    assert second.stop() == 0


def test_a_workflow_that_fills_the_memory_is_marked_before_it_kills(world: Cluster, electing: dict[str, Any]) -> None:
    world.create_workflow("bomb", phase="Failed", failed=True)
    first = start(world, electing, GREEDY)
    marks = eventually(lambda: record(world).get("inWork", []))
    assert [mark["name"] for mark in marks] == ["bomb"]
    first.kill()


def test_a_large_workflow_is_marked_before_it_is_decoded(world: Cluster, electing: dict[str, Any]) -> None:
    bomb = workflow("bomb", world.namespace)
    bomb["spec"]["arguments"] = {"parameters": [{"name": "p", "value": "x" * (1 << 20)}]}
    world.plane.api.post(WORKFLOWS.format(world.namespace), bomb)
    for _ in range(2):
        start(world, electing, SUDDEN).process.wait(60)
    start(world, electing, SUDDEN)
    eventually(lambda: ready(world, "bomb") == ("False", "ReconcileAbandoned"))
    message = next(c["message"] for c in world.report_of("bomb")["status"]["conditions"] if c["type"] == "Ready")
    assert "larger than 1 MiB" in message


def test_a_workflow_that_kills_without_a_warning_is_found_by_marking_every_reconcile(
    world: Cluster, electing: dict[str, Any]
) -> None:
    world.create_workflow("bomb", phase="Failed", failed=True)
    for _ in range(4):
        start(world, electing, SUDDEN).process.wait(60)
    survivor = start(world, electing, SUDDEN)
    eventually(lambda: ready(world, "bomb") == ("False", "ReconcileAbandoned"))
    world.create_workflow("neighbour", phase="Failed", failed=True)
    eventually(lambda: is_current(world, "neighbour"))
    assert survivor.answer("/healthz") == "ok\n"


def test_a_key_without_a_report_of_its_own_is_abandoned_until_the_annotation_is_removed(
    world: Cluster, electing: dict[str, Any]
) -> None:
    world.create_workflow("etl", phase="Failed", failed=True)
    for deaths in range(2):
        operator = start(world, electing, ENDLESS, PLANT_IN_READER)
        if not deaths:
            eventually(lambda: is_current(world, "etl"))
            world.apply_report("bomb", "etl")
        eventually(lambda: in_work(world), [("bomb", deaths)].__eq__)
        operator.kill()
    third = start(world, electing, ENDLESS, PLANT_IN_READER)
    eventually(lambda: [mark["controller"] for mark in record(world).get("abandoned", [])], ["report_reader"].__eq__)
    world.create_workflow("neighbour", phase="Failed", failed=True)
    eventually(lambda: is_current(world, "neighbour"))
    assert [event["reason"] for event in world.events_about("bomb")] == ["ReconcileAbandoned"]
    third.stop()

    mended = start(world, electing, "", "")
    eventually(lambda: mended.metric("wfreport_resyncs_total", controller="report") > 0)
    assert record(world)["abandoned"]
    world.plane.api.patch(
        f"{LEASES.format(world.namespace)}/wfreport", {"metadata": {"annotations": {ANNOTATION_RECONCILE_RECORD: None}}}
    )
    renewed = world.audit_position()
    eventually(lambda: world.requests(verb="patch", resource="leases", since=renewed))
    assert record(world) == {}

"""Expired reports are deleted from a real API server, by an operator with only its shipped permissions."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from tests.eventually import eventually
from tests.live.operator.harness import FAST, Cluster, RunningOperator, observed

pytestmark = pytest.mark.cluster
PACE = FAST | {"resync_interval_seconds": 1}


def start(world: Cluster, *rules: dict[str, object], **settings: object) -> RunningOperator:
    return world.start_operator(**PACE, retention=json.dumps(rules), **settings)


def run_of(world: Cluster, name: str, *, days_ago: float = 0, phase: str = "Succeeded") -> None:
    """Create a run that ended this long ago and wait for its report."""
    world.create_workflow(name, phase=phase, started_at=datetime.now(UTC) - timedelta(days=days_ago))  # noqa: TID251
    world.wait_until_known(name, phase)


def names(world: Cluster) -> list[str]:
    return [report["spec"]["workflowRef"]["name"] for report in world.reports()]


def wait_for_two_resyncs(operator: RunningOperator) -> None:
    resyncs = operator.metric("wfreport_resyncs_total", controller="report")
    eventually(lambda: operator.metric("wfreport_resyncs_total", controller="report") >= resyncs + 2)


def test_an_expired_report_is_deleted_once_its_workflow_is_gone(world: Cluster) -> None:
    operator = start(world, {"keep": "7d", "phases": ["Succeeded"]}, {"keep": "30d"})
    run_of(world, "old-and-there", days_ago=8)
    run_of(world, "old", days_ago=8)
    run_of(world, "old-failure", days_ago=8, phase="Failed")
    run_of(world, "new")
    for name in ("old", "old-failure", "new"):
        world.delete_workflow(name)
    eventually(lambda: names(world), lambda result: "old" not in result)
    wait_for_two_resyncs(operator)
    assert sorted(names(world)) == ["new", "old-and-there", "old-failure"]
    assert operator.metric("wfreport_reports_deleted_total", reason="expired") == 1
    assert operator.metric("wfreport_runs_unreported_total") == 0


def test_pinned_reports_and_those_of_users_stay_unless_they_have_a_ttl(world: Cluster) -> None:
    operator = start(world, {"keep": "1d"})
    world.apply_report("mine", "mine")
    world.apply_report("short", "short", ttlSecondsAfterFinished=60)
    for name in ("mine", "short"):
        world.wait_until_awaiting(name)
    for name in ("mine", "short", "pinned"):
        run_of(world, name, days_ago=8)
    pinned = world.report_of("pinned")["metadata"]["name"]
    world.plane.kubectl("patch", "wfr", "-n", world.namespace, pinned, "--type=merge", "-p", '{"spec":{"pinned":true}}')
    eventually(lambda: world.report_of("pinned")["status"]["observedGeneration"], lambda value: value == 2)
    for name in ("mine", "short", "pinned"):
        world.delete_workflow(name)
    eventually(lambda: names(world), lambda result: "short" not in result)
    wait_for_two_resyncs(operator)
    assert sorted(names(world)) == ["mine", "pinned"]


def test_the_oldest_reports_beyond_the_maximum_are_deleted_first(world: Cluster) -> None:
    first = start(world)
    for age in range(5):
        run_of(world, f"run-{age}", days_ago=age)
    first.stop()
    for age in range(4):  # the oldest one's Workflow is still there
        world.delete_workflow(f"run-{age}")
    operator = start(world, reports_per_namespace_max=3)
    eventually(lambda: len(names(world)), lambda value: value == 3)
    wait_for_two_resyncs(operator)
    assert sorted(names(world)) == ["run-0", "run-1", "run-4"]
    assert operator.metric("wfreport_reports_deleted_total", reason="over_cap") == 2


def test_a_workflow_that_the_selector_excludes_does_not_count_as_deleted(world: Cluster) -> None:
    first = start(world)
    run_of(world, "other-team", days_ago=8)
    first.stop()
    operator = start(world, {"keep": "1d"}, label_selector="team=mine")
    wait_for_two_resyncs(operator)
    assert names(world) == ["other-team"]


def test_a_run_deleted_before_it_was_reported_is_counted(world: Cluster) -> None:
    """Its Workflow ends and is deleted before the reconcile, which is delayed."""
    slow = "import wfreport.reconcile.reconciler as r, asyncio\nold = r.Reconciler.reconcile\n"
    slow += "async def reconcile(self, request):\n    await asyncio.sleep(3)\n    return await old(self, request)\n"
    slow += "r.Reconciler.reconcile = reconcile\n"
    operator = world.start_operator(slow, **PACE)
    world.create_workflow("lost", phase="Succeeded")
    eventually(lambda: operator.metric("wfreport_stream_events_total", stream="workflows", type="ADDED"))
    world.delete_workflow("lost")
    eventually(lambda: operator.metric("wfreport_runs_unreported_total"), lambda value: value == 1)
    assert not [report for report in world.reports_of("lost") if observed(report).get("phase") == "Succeeded"]

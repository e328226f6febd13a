"""Reports go when they may: on a real API server, by an operator with its shipped rights only."""

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
    """A run that ended so long ago, reported, whose Workflow is gone."""
    world.create_workflow(name, phase=phase, started_at=datetime.now(UTC) - timedelta(days=days_ago))  # noqa: TID251
    eventually(lambda: world.phase_of(name), lambda seen: seen == phase)


def names(world: Cluster) -> list[str]:
    return [report["spec"]["workflowRef"]["name"] for report in world.reports()]


def swept_twice(operator: RunningOperator) -> None:
    sweeps = operator.metric("wfreport_resyncs_total", controller="report")
    eventually(lambda: operator.metric("wfreport_resyncs_total", controller="report") >= sweeps + 2)


def test_a_report_goes_when_its_time_is_over_and_its_workflow_is_gone(world: Cluster) -> None:
    operator = start(world, {"keep": "7d", "phases": ["Succeeded"]}, {"keep": "30d"})
    run_of(world, "old-and-there", days_ago=8)
    run_of(world, "old", days_ago=8)
    run_of(world, "old-failure", days_ago=8, phase="Failed")
    run_of(world, "new")
    for name in ("old", "old-failure", "new"):
        world.delete_workflow(name)
    eventually(lambda: names(world), lambda seen: "old" not in seen)
    swept_twice(operator)
    assert sorted(names(world)) == ["new", "old-and-there", "old-failure"]
    assert operator.metric("wfreport_reports_deleted_total", reason="expired") == 1
    assert operator.metric("wfreport_runs_unreported_total") == 0


def test_a_pinned_report_and_one_of_a_user_stay_and_a_ttl_of_its_own_counts(world: Cluster) -> None:
    operator = start(world, {"keep": "1d"})
    world.apply_report("mine", "mine")
    world.apply_report("short", "short", ttlSecondsAfterFinished=60)
    for name in ("mine", "short", "pinned"):
        run_of(world, name, days_ago=8)
    pinned = world.report_of("pinned")["metadata"]["name"]
    world.plane.kubectl("patch", "wfr", "-n", world.namespace, pinned, "--type=merge", "-p", '{"spec":{"pinned":true}}')
    eventually(lambda: world.report_of("pinned")["status"]["observedGeneration"], lambda seen: seen == 2)
    for name in ("mine", "short", "pinned"):
        world.delete_workflow(name)
    eventually(lambda: names(world), lambda seen: "short" not in seen)
    swept_twice(operator)
    assert sorted(names(world)) == ["mine", "pinned"]


def test_over_the_cap_the_oldest_go_first(world: Cluster) -> None:
    operator = start(world, reports_per_namespace_max=3)
    for age in range(5):
        run_of(world, f"run-{age}", days_ago=age)
    for age in range(4):  # the oldest one's Workflow is still there
        world.delete_workflow(f"run-{age}")
    eventually(lambda: len(names(world)), lambda seen: seen == 3)
    swept_twice(operator)
    assert sorted(names(world)) == ["run-0", "run-1", "run-4"]
    assert operator.metric("wfreport_reports_deleted_total", reason="over_cap") == 2


def test_a_workflow_that_the_selector_leaves_out_is_not_taken_for_gone(world: Cluster) -> None:
    first = start(world)
    run_of(world, "other-team", days_ago=8)
    first.stop()
    operator = start(world, {"keep": "1d"}, label_selector="team=mine")
    swept_twice(operator)
    assert names(world) == ["other-team"]


def test_a_run_that_nobody_could_report_is_counted(world: Cluster) -> None:
    """Its Workflow ended and went before a look: the API server answers none meanwhile."""
    slow = "import wfreport.reconcile.reconciler as r, asyncio\nold = r.Reconciler.reconcile\n"
    slow += "async def reconcile(self, request):\n    await asyncio.sleep(3)\n    return await old(self, request)\n"
    slow += "r.Reconciler.reconcile = reconcile\n"
    operator = world.start_operator(slow, **PACE)
    world.create_workflow("lost", phase="Succeeded")
    eventually(lambda: operator.metric("wfreport_stream_events_total", stream="workflows", type="ADDED"))
    world.delete_workflow("lost")
    eventually(lambda: operator.metric("wfreport_runs_unreported_total"), lambda seen: seen == 1)
    assert not [report for report in world.reports_of("lost") if observed(report).get("phase") == "Succeeded"]

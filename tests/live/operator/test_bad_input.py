"""Bad input becomes a condition and one Event of the object, and does not affect other reports."""

from __future__ import annotations

from typing import Any

import pytest
from tests.eventually import eventually
from tests.live.operator.harness import FAST, REPORTS, WORKFLOWS, Cluster, condition, observed, state

from controlplane import ControlPlane

pytestmark = pytest.mark.cluster
UNREADABLE_REPORT = """
from wfreport.kube.errors import BadResponseError
from wfreport.kube.reports import Reports

get = Reports.get

async def get_or_fail(self, namespace, name):
    if name == "poisoned":
        raise BadResponseError("cannot read the report: spec.source is Parrot")
    return await get(self, namespace, name)

Reports.get = get_or_fail
"""


def test_a_report_about_a_missing_workflow_has_one_event_however_often_it_is_reconciled(world: Cluster) -> None:
    world.start_operator(**FAST, resync_interval_seconds=1)
    world.apply_report("mine", "etl")
    (event,) = eventually(lambda: world.events_about("mine"))
    mine = world.plane.api.get(f"{REPORTS.format(world.namespace)}/mine")
    assert (event["type"], event["reason"], event["count"]) == ("Warning", "WorkflowNotFound", 1)
    assert event["message"].startswith("no Workflow etl in this namespace")
    assert event["involvedObject"]["uid"] == mine["metadata"]["uid"]
    assert event["source"]["component"] == "wfreport"
    world.started[-1].kill()
    second = world.start_operator(**FAST, resync_interval_seconds=1)
    eventually(lambda: second.metric("wfreport_resyncs_total", controller="report", result="ok") >= 2)
    assert len(world.events_about("mine")) == 1
    world.apply_report("mine", "etl", pinned=True)
    eventually(lambda: world.events_about("mine"), lambda result: len(result) == 2)


def test_a_malformed_workflow_has_a_condition_an_event_and_still_a_report(world: Cluster) -> None:
    world.start_operator(**FAST)
    workflow, ended = world.create_workflow("odd"), state("odd", phase="Failed", failed=True)
    ended["status"]["nodes"]["odd-1"]["phase"] = 7
    ended["status"]["nodes"]["odd-2"]["children"] = {"not": "a list"}
    workflow["metadata"]["labels"] = ended["metadata"]["labels"]
    # at once: a run that has failed without being malformed has an Event of its own
    world.plane.api.put(f"{WORKFLOWS.format(world.namespace)}/odd", workflow | {"status": ended["status"]})
    report = eventually(
        lambda: world.report_of("odd"), lambda report: condition(report, "Ready") == ("True", "WorkflowMalformed")
    )
    assert report["status"]["counts"]["total"] == 4
    (event,) = eventually(lambda: world.events_about(report["metadata"]["name"]))
    assert event["reason"] == "WorkflowMalformed"
    assert "odd-1" in event["message"]


def test_a_report_that_cannot_be_read_does_not_stop_the_others(world: Cluster) -> None:
    world.apply_report("another", "etl")
    world.apply_report("poisoned", "etl")
    operator = world.start_operator(UNREADABLE_REPORT, **FAST)
    world.create_workflow("etl", phase="Failed", failed=True)
    world.create_workflow("next", phase="Succeeded")
    another = f"{REPORTS.format(world.namespace)}/another"
    eventually(lambda: observed(world.plane.api.get(another)).get("phase"), lambda phase: phase == "Failed")
    eventually(lambda: world.phase_of("next"), lambda phase: phase == "Succeeded")
    eventually(lambda: operator.metric("wfreport_reconcile_errors_total", error="BadResponseError"))


def test_two_namespaces_are_watched_and_no_third(world: Cluster, plane: ControlPlane) -> None:
    second, third = (plane.create_namespace(f"{world.namespace}-{n}") for n in ("b", "c"))
    world.start_operator(**FAST, namespaces=f"{world.namespace},{second}", resync_interval_seconds=1)
    world.create_workflow("etl", phase="Failed", failed=True)
    elsewhere = [Cluster(plane, namespace, world.folder) for namespace in (second, third)]
    for cluster in elsewhere:
        cluster.create_workflow("etl", phase="Succeeded")
    eventually(lambda: world.phase_of("etl"), lambda phase: phase == "Failed")
    eventually(lambda: elsewhere[0].phase_of("etl"), lambda phase: phase == "Succeeded")
    operator = world.started[-1]
    resyncs = operator.metric("wfreport_resyncs_total", controller="report", result="ok")
    eventually(lambda: operator.metric("wfreport_resyncs_total", controller="report", result="ok") >= resyncs + 2)
    assert elsewhere[1].reports() == []
    reports: dict[str, Any] = plane.api.get(REPORTS.format(world.namespace))
    assert len(reports["items"]) == 1

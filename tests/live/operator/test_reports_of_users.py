"""A user's WorkflowReport: it is filled, bound once, and only its status is written."""

from __future__ import annotations

from functools import partial

import pytest
from tests.eventually import eventually
from tests.live.operator.harness import AWAITING, FAST, REPORTS, Cluster, condition, observed

pytestmark = pytest.mark.cluster
PACE = FAST | {
    "resync_interval_seconds": 600,
}


def apply_ahead(world: Cluster, name: str, workflow: str) -> None:
    """Apply a report before its Workflow, and wait until the operator knows it."""
    world.apply_report(name, workflow)
    world.wait_until_awaiting(workflow)


def test_a_report_applied_before_its_workflow_waits_for_it_and_is_the_only_one(world: Cluster) -> None:
    world.start_operator(**PACE)
    apply_ahead(world, "mine", "etl")
    workflow = world.create_workflow("etl", phase="Running", done=1)
    report = eventually(lambda: world.report_of("etl"), lambda report: observed(report).get("phase") == "Running")
    assert (report["metadata"]["name"], observed(report)["uid"]) == ("mine", workflow["metadata"]["uid"])
    assert condition(report, "Ready")[0] == "True"
    world.update_workflow("etl", phase="Succeeded")
    eventually(lambda: world.phase_of("etl"), lambda phase: phase == "Succeeded")


def test_a_report_applied_after_the_run_is_filled_like_the_automatic_one(world: Cluster) -> None:
    world.start_operator(**PACE)
    world.create_workflow("etl", phase="Failed", failed=True)
    automatic = eventually(lambda: world.report_of("etl"), lambda report: observed(report).get("phase") == "Failed")
    world.apply_report("mine", "etl")
    both = eventually(
        lambda: world.reports_of("etl"),
        lambda reports: len(reports) == 2 and all(observed(r).get("phase") for r in reports),
    )
    mine = next(report for report in both if report["metadata"]["name"] == "mine")
    assert mine["status"]["failures"] == automatic["status"]["failures"]


def test_a_report_with_another_uid_is_not_bound_to_a_workflow_of_that_name(world: Cluster) -> None:
    world.start_operator(**PACE)
    world.create_workflow("etl", phase="Succeeded")
    eventually(lambda: world.phase_of("etl"), lambda phase: phase == "Succeeded")
    world.apply_report("mine", "etl", uid="00000000-0000-0000-0000-000000000000")
    mine = f"{REPORTS.format(world.namespace)}/mine"
    eventually(lambda: condition(world.plane.api.get(mine), "Ready"), AWAITING.__eq__)


def test_a_bound_report_never_rebinds(world: Cluster) -> None:
    world.start_operator(**PACE)
    apply_ahead(world, "mine", "etl")
    first = world.create_workflow("etl", phase="Succeeded")
    eventually(lambda: world.phase_of("etl"), lambda phase: phase == "Succeeded")
    world.delete_workflow("etl")
    second = world.create_workflow("etl", phase="Failed", failed=True)
    reports = eventually(
        lambda: {report["metadata"]["name"]: observed(report) for report in world.reports_of("etl")},
        lambda result: len(result) == 2 and all(result.values()),
    )
    assert reports.pop("mine")["uid"] == first["metadata"]["uid"]
    (automatic,) = reports.values()
    assert automatic["uid"] == second["metadata"]["uid"]


def test_applying_the_same_file_again_changes_nothing(world: Cluster) -> None:
    operator = world.start_operator(**PACE)
    world.create_workflow("etl", phase="Succeeded")
    eventually(lambda: world.phase_of("etl"), lambda phase: phase == "Succeeded")
    world.apply_report("mine", "etl", pinned=True, ttlSecondsAfterFinished=60)
    mine = f"{REPORTS.format(world.namespace)}/mine"
    before = eventually(lambda: world.plane.api.get(mine), lambda report: observed(report).get("phase") == "Succeeded")
    patched = partial(world.requests, verb="patch", resource="workflowreports/status")
    written = eventually(
        lambda: operator.metric("wfreport_reports_written_total"), lambda count: count == len(patched()) >= 2
    )
    for _ in range(5):
        world.apply_report("mine", "etl", pinned=True, ttlSecondsAfterFinished=60)
    after = world.plane.api.get(mine)
    assert after["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"]
    assert after["spec"]["pinned"] is True
    assert after["spec"]["ttlSecondsAfterFinished"] == 60
    assert operator.metric("wfreport_reports_written_total") == written


def test_a_changed_spec_is_observed(world: Cluster) -> None:
    world.start_operator(**PACE)
    world.create_workflow("etl", phase="Succeeded")
    world.apply_report("mine", "etl")
    mine = f"{REPORTS.format(world.namespace)}/mine"
    eventually(lambda: world.plane.api.get(mine), lambda report: observed(report).get("phase") == "Succeeded")
    world.apply_report("mine", "etl", pinned=True)
    eventually(
        lambda: world.plane.api.get(mine),
        lambda report: report["status"]["observedGeneration"] == report["metadata"]["generation"] == 2,
    )


def test_a_changed_spec_is_observed_even_after_the_workflow_was_deleted(world: Cluster) -> None:
    world.start_operator(**PACE)
    world.create_workflow("etl", phase="Failed", failed=True)
    world.apply_report("mine", "etl")
    mine = f"{REPORTS.format(world.namespace)}/mine"
    before = eventually(lambda: world.plane.api.get(mine), lambda report: observed(report).get("phase") == "Failed")
    world.delete_workflow("etl")
    world.apply_report("mine", "etl", pinned=True)
    after = eventually(
        lambda: world.plane.api.get(mine),
        lambda report: report["status"]["observedGeneration"] == report["metadata"]["generation"] == 2,
    )
    assert after["status"]["failures"] == before["status"]["failures"]
    assert condition(after, "Succeeded") == condition(before, "Succeeded")


def test_when_a_users_report_is_deleted_an_automatic_one_takes_its_place(world: Cluster) -> None:
    world.start_operator(**PACE)
    apply_ahead(world, "mine", "etl")
    workflow = world.create_workflow("etl", phase="Failed", failed=True)
    eventually(lambda: world.phase_of("etl"), lambda phase: phase == "Failed")
    world.plane.kubectl("delete", "wfr", "-n", world.namespace, "mine")
    report = eventually(lambda: world.report_of("etl"), lambda report: observed(report).get("phase") == "Failed")
    assert report["spec"]["workflowRef"]["uid"] == workflow["metadata"]["uid"]
    assert report["metadata"]["labels"]["wfreport.dev/workflow"] == "etl"


def test_the_spec_of_a_users_report_is_never_written(world: Cluster) -> None:
    world.start_operator(**PACE)
    world.create_workflow("etl", phase="Succeeded")
    world.apply_report("mine", "etl")
    mine = f"{REPORTS.format(world.namespace)}/mine"
    report = eventually(lambda: world.plane.api.get(mine), lambda report: observed(report).get("phase") == "Succeeded")
    ours = [entry for entry in report["metadata"]["managedFields"] if entry["manager"] == "wfreport"]
    assert [(entry.get("subresource"), list(entry["fieldsV1"])) for entry in ours] == [("status", ["f:status"])]


def test_beyond_the_maximum_of_a_namespace_reports_are_not_followed_and_one_event_says_so(world: Cluster) -> None:
    operator = world.start_operator(**PACE | {"user_reports_per_namespace_max": 3, "resync_interval_seconds": 10})
    for number in range(8):
        body = {
            "apiVersion": "wfreport.dev/v1alpha1",
            "kind": "WorkflowReport",
            "metadata": {"name": f"mine-{number}", "labels": {"wfreport.dev/workflow-uid": "forged"}},
            "spec": {"workflowRef": {"name": f"nowhere-{number}"}, "source": "Archive"},
        }
        world.plane.api.post(REPORTS.format(world.namespace), body)
    world.create_workflow("etl", phase="Failed", failed=True)
    eventually(lambda: world.phase_of("etl"), lambda phase: phase == "Failed")
    eventually(lambda: _followed(world), lambda names: len(names) == 3)
    eventually(lambda: operator.metric("wfreport_reports_ignored"), lambda count: count == 5)
    assert len(_followed(world)) == 3
    path = f"/api/v1/namespaces/{world.namespace}/events"
    events = eventually(lambda: world.plane.api.get(path, fieldSelector="reason=TooManyReports")["items"])
    assert len(events) == 1
    for name in _followed(world)[:2]:
        world.plane.api.delete(f"{REPORTS.format(world.namespace)}/{name}")
    eventually(lambda: _followed(world), lambda names: len(names) == 3)
    assert operator.metric("wfreport_reconcile_errors_total") == 0


def _followed(world: Cluster) -> list[str]:
    """The names of the users' reports that have a status."""
    names = (report["metadata"]["name"] for report in world.reports() if report.get("status"))
    return [name for name in names if name.startswith("mine-")]

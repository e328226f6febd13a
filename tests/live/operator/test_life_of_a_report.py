"""A report from the creation of its Workflow to its deletion, by an operator with only its shipped permissions."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from tests.eventually import eventually
from tests.live.operator.harness import FAST, T0, Cluster, condition, observed

pytestmark = pytest.mark.cluster
PACE = FAST | {
    "coalesce_seconds": 0.2,
}


def test_a_report_is_created_follows_its_workflow_and_is_final_at_its_end(world: Cluster) -> None:
    operator = world.start_operator(**PACE)
    world.create_workflow("etl")
    report = eventually(lambda: world.report_of("etl"))
    assert report["spec"]["workflowRef"]["uid"] == world.workflow("etl")["metadata"]["uid"]
    world.update_workflow("etl", phase="Running", done=1)
    eventually(lambda: observed(world.report_of("etl")), lambda result: result.get("progress") == "1/3")
    assert "resourceVersion" not in observed(world.report_of("etl"))
    ended = world.update_workflow("etl", phase="Failed", failed=True)
    final = eventually(lambda: world.report_of("etl"), lambda report: observed(report).get("phase") == "Failed")
    assert observed(final)["resourceVersion"] == ended["metadata"]["resourceVersion"]
    assert final["status"]["failures"][0]["displayName"] == "step-2"
    assert operator.stop() == 0


def test_the_operator_runs_as_a_user_without_a_name(world: Cluster) -> None:
    nameless = """
import getpass
def nobody():
    raise KeyError("getpwuid(): uid not found: 65532")
getpass.getuser = nobody
"""
    operator = world.start_operator(nameless, **PACE)
    world.create_workflow("etl")
    eventually(lambda: world.report_of("etl"))
    assert operator.stop() == 0


def test_the_operator_never_writes_to_a_workflow(world: Cluster) -> None:
    world.start_operator(**PACE)
    world.create_workflow("etl")
    world.update_workflow("etl", phase="Running", done=1)
    world.update_workflow("etl", phase="Succeeded")
    eventually(lambda: world.phase_of("etl"), lambda phase: phase == "Succeeded")
    meta = world.workflow("etl")["metadata"]
    assert meta["annotations"].keys() == {"workflows.argoproj.io/pod-name-format"}, "only what Argo writes"
    assert "finalizers" not in meta
    assert not [
        entry for entry in meta["managedFields"] if "wfreport" in entry["manager"] or "kopf" in entry["manager"]
    ]
    assert not world.requests(verb="patch", resource="workflows")


def test_a_workflow_that_opted_out_gets_no_report(world: Cluster) -> None:
    operator = world.start_operator(**PACE, resync_interval_seconds=1)
    body = world.create_workflow("quiet")
    body["metadata"]["annotations"] = {"wfreport.dev/skip": "true"}
    world.delete_workflow("quiet")
    for key in ("uid", "resourceVersion", "creationTimestamp", "generation", "managedFields"):
        body["metadata"].pop(key, None)
    body["metadata"]["name"] = "quieter"
    world.plane.api.post(f"/apis/argoproj.io/v1alpha1/namespaces/{world.namespace}/workflows", body)
    world.update_workflow("quieter", phase="Succeeded")
    resyncs = operator.metric("wfreport_resyncs_total", controller="report")
    eventually(lambda: operator.metric("wfreport_resyncs_total", controller="report") >= resyncs + 2)
    assert world.reports_of("quieter") == []


def test_a_workflow_deleted_while_it_ran_is_reported_as_deleted(world: Cluster) -> None:
    world.start_operator(**PACE)
    world.create_workflow("etl", phase="Running", done=1)
    eventually(lambda: world.phase_of("etl"), lambda phase: phase == "Running")
    world.delete_workflow("etl")
    report = eventually(
        lambda: world.report_of("etl"), lambda report: condition(report, "Succeeded") == ("False", "WorkflowDeleted")
    )
    assert condition(report, "Ready")[0] == "True"
    assert observed(report)["progress"] == "1/3"


def test_deleting_a_completed_workflow_does_not_change_its_report(world: Cluster) -> None:
    operator = world.start_operator(**PACE, resync_interval_seconds=1)
    world.create_workflow("etl", phase="Succeeded")
    eventually(lambda: world.phase_of("etl"), lambda phase: phase == "Succeeded")
    before = world.report_of("etl")
    world.delete_workflow("etl")
    eventually(lambda: operator.metric("wfreport_reconciles_total", outcome="gone"))
    resyncs = operator.metric("wfreport_resyncs_total", controller="report")
    eventually(lambda: operator.metric("wfreport_resyncs_total", controller="report") >= resyncs + 2)
    assert world.report_of("etl") == before


def test_a_workflow_created_again_under_the_same_name_is_another_one(world: Cluster) -> None:
    world.start_operator(**PACE)
    world.create_workflow("etl", phase="Running", done=1)
    eventually(lambda: world.phase_of("etl"), lambda phase: phase == "Running")
    world.delete_workflow("etl")
    second = world.create_workflow("etl", phase="Succeeded")
    reports = eventually(
        lambda: {observed(report).get("uid"): report for report in world.reports_of("etl")},
        lambda result: (
            len(result) == 2
            and all(condition(report, "Succeeded")[0] in {"True", "False"} for report in result.values())
        ),
    )
    newer = reports.pop(second["metadata"]["uid"])
    assert observed(newer)["phase"] == "Succeeded"
    (older,) = reports.values()
    assert condition(older, "Succeeded") == ("False", "WorkflowDeleted")


def test_a_manual_retry_keeps_the_earlier_run(world: Cluster) -> None:
    world.start_operator(**PACE)
    world.create_workflow("etl", phase="Failed", failed=True)
    eventually(lambda: world.phase_of("etl"), lambda phase: phase == "Failed")
    retried_at = T0 + timedelta(hours=1)
    world.update_workflow("etl", phase="Running", done=2, started_at=retried_at)
    eventually(lambda: world.phase_of("etl"), lambda phase: phase == "Running")
    world.update_workflow("etl", phase="Succeeded", started_at=retried_at)
    report = eventually(lambda: world.report_of("etl"), lambda report: observed(report).get("phase") == "Succeeded")
    (earlier,) = report["status"]["runs"]
    assert (earlier["phase"], earlier["firstFailure"]) == ("Failed", "step-2")
    assert "failures" not in report["status"]


def test_a_deleted_report_is_created_again_while_its_workflow_exists(world: Cluster) -> None:
    world.start_operator(**PACE)
    world.create_workflow("etl", phase="Succeeded")
    eventually(lambda: world.phase_of("etl"), lambda phase: phase == "Succeeded")
    first = world.report_of("etl")["metadata"]
    world.plane.kubectl("delete", "wfr", "-n", world.namespace, first["name"])
    eventually(
        lambda: world.report_of("etl"),
        lambda report: report["metadata"]["uid"] != first["uid"] and bool(observed(report).get("phase")),
    )


STREAMS_WAIT_FOR = """
import asyncio, pathlib
from wfreport.app import application

async def held(run=application.run_framework, **given):
    while not pathlib.Path({path!r}).exists():
        await asyncio.sleep(0.02)
    await run(**given)

application.run_framework = held
"""


def test_a_report_deleted_between_the_initial_load_and_the_first_list_is_created_again(world: Cluster) -> None:
    world.create_workflow("etl", phase="Succeeded")
    loader = world.start_operator(**PACE)
    eventually(lambda: condition(world.report_of("etl"), "Ready")[0], lambda status: status == "True")
    loader.stop()
    released = world.folder / "released"
    operator = world.start_operator(STREAMS_WAIT_FOR.format(path=str(released)), wait=False, **PACE)
    eventually(lambda: "operator started" in operator.log.read_text())
    first = world.report_of("etl")["metadata"]
    world.plane.kubectl("delete", "wfr", "-n", world.namespace, first["name"])
    released.touch()
    eventually(
        lambda: [report["metadata"]["uid"] for report in world.reports_of("etl")],
        lambda uids: uids not in ([], [first["uid"]]),
    )


def test_a_status_written_by_another_client_is_corrected(world: Cluster) -> None:
    world.start_operator(**PACE)
    world.create_workflow("etl", phase="Running", done=1)
    eventually(lambda: world.phase_of("etl"), lambda phase: phase == "Running")
    name = world.report_of("etl")["metadata"]["name"]
    world.plane.kubectl(
        "patch",
        "wfr",
        "-n",
        world.namespace,
        name,
        "--subresource=status",
        "--type=merge",
        "-p",
        '{"status":{"summary":"wrong"}}',
    )
    world.update_workflow("etl", phase="Succeeded")
    report = eventually(lambda: world.report_of("etl"), lambda report: observed(report).get("phase") == "Succeeded")
    assert report["status"]["summary"] != "wrong"


def test_a_failed_pod_is_evidence(world: Cluster) -> None:
    world.start_operator(**PACE)
    workflow = world.create_workflow("etl", phase="Running", done=1)
    eventually(lambda: world.phase_of("etl"), lambda phase: phase == "Running")
    owner = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "name": "etl",
        "uid": workflow["metadata"]["uid"],
    }
    pods = f"/api/v1/namespaces/{world.namespace}/pods"
    pod: dict[str, Any] = {
        "metadata": {
            "name": pod_name("etl", "etl.step-2"),
            "labels": {"workflows.argoproj.io/workflow": "etl"},
            "ownerReferences": [owner],
        },
        "spec": {"containers": [{"name": "main", "image": "alpine"}], "restartPolicy": "Never"},
    }
    world.plane.api.post(pods, pod)
    killed = {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}
    status = {
        "phase": "Failed",
        "containerStatuses": [
            {"name": "main", "image": "alpine", "imageID": "", "ready": False, "restartCount": 0, "state": killed}
        ],
    }
    world.plane.api.patch(f"{pods}/{pod['metadata']['name']}/status", {"status": status})
    world.update_workflow("etl", phase="Running", done=3, failed=True)
    eventually(
        lambda: world.report_of("etl"),
        lambda report: (report["status"].get("failures") or [{}])[0].get("class") == "OOMKilled",
    )
    world.plane.kubectl("delete", "pod", "-n", world.namespace, pod["metadata"]["name"], "--grace-period=0", "--force")
    world.update_workflow("etl", phase="Failed", failed=True)
    report = eventually(lambda: world.report_of("etl"), lambda report: observed(report).get("phase") == "Failed")
    assert report["status"]["failures"][0]["class"] == "OOMKilled"


def test_the_events_of_a_pod_that_does_not_start_give_the_reason(world: Cluster) -> None:
    workflow = world.create_workflow("etl", phase="Running", done=2)
    workflow["status"]["nodes"]["etl-2"]["phase"] = "Pending"
    world.plane.api.put(f"/apis/argoproj.io/v1alpha1/namespaces/{world.namespace}/workflows/etl", workflow)
    owner = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "name": "etl",
        "uid": workflow["metadata"]["uid"],
    }
    pod = world.plane.api.post(
        f"/api/v1/namespaces/{world.namespace}/pods",
        {
            "metadata": {
                "name": pod_name("etl", "etl.step-2"),
                "labels": {"workflows.argoproj.io/workflow": "etl"},
                "ownerReferences": [owner],
            },
            "spec": {"containers": [{"name": "main", "image": "alpine"}], "restartPolicy": "Never"},
        },
    )
    about = {
        "kind": "Pod",
        "namespace": world.namespace,
        "name": pod["metadata"]["name"],
        "uid": pod["metadata"]["uid"],
    }
    event = {
        "metadata": {"name": "mount"},
        "involvedObject": about,
        "type": "Warning",
        "reason": "FailedMount",
        "message": 'configmap "nope" not found',
        "lastTimestamp": "2026-11-01T12:01:00Z",
    }
    world.plane.api.post(f"/api/v1/namespaces/{world.namespace}/events", event)
    world.start_operator(**PACE)
    report = eventually(lambda: world.report_of("etl"), lambda report: report.get("status", {}).get("waiting"))
    (waiting,) = report["status"]["waiting"]
    assert (waiting["displayName"], waiting["reason"], waiting["message"]) == (
        "step-2",
        "FailedMount",
        'configmap "nope" not found',
    )


def pod_name(workflow_name: str, node_name: str) -> str:
    """Return the pod name of a node of the template `work`.

    Argo\'s rule: docs/explanation/argo-behaviour.md, "Ids and pod names".
    """
    state = 0x811C9DC5
    for byte in node_name.encode():
        state = ((state ^ byte) * 0x01000193) & 0xFFFFFFFF
    return f"{workflow_name}-work-{state}"

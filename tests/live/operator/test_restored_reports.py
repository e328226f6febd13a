"""Reports whose status another client has stored, as a backup's tool does, or whose writers are unknown."""

from __future__ import annotations

from typing import Any

import pytest
from tests.eventually import eventually
from tests.live.operator.harness import Cluster, condition
from tests.live.operator.test_forged_reports import SETTINGS, finish, paths_of

pytestmark = pytest.mark.cluster


def restore(world: Cluster, at: str, *, goes_on: bool) -> dict[str, Any]:
    """Delete a report, and store it with its status under another manager, ended or as it was while its run went on."""
    stored = world.plane.api.get(at)
    world.plane.api.delete(at)
    metadata = {key: stored["metadata"][key] for key in ("name", "namespace", "labels") if key in stored["metadata"]}
    kept = {key: stored[key] for key in ("apiVersion", "kind", "spec")}
    world.plane.api.post(at.rpartition("/")[0], kept | {"metadata": metadata})
    status: dict[str, Any] = stored["status"] | {"runs": [{"phase": "Failed", "summary": "an earlier run"}]}
    if goes_on:
        seen = {key: value for key, value in status["observedWorkflow"].items() if key != "finishedAt"}
        status["observedWorkflow"] = seen | {"phase": "Running"}
    world.plane.api.patch(f"{at}/status", {"status": status})
    return status


def test_a_restored_report_of_a_run_that_is_gone_is_closed_and_keeps_what_it_knew(
    world: Cluster, electing: dict[str, Any]
) -> None:
    operator = world.start_operator(**electing, **SETTINGS)
    finish(world, ["ended", "unended"], "Failed")
    at = paths_of(world)
    for name in at:
        world.delete_workflow(name)
    operator.stop()
    statuses = {name: restore(world, at[name], goes_on=name == "unended") for name in at}
    world.plane.api.patch(at["ended"], {"spec": {"pinned": True}})
    world.start_operator(**electing, **SETTINGS)
    closed = eventually(
        lambda: world.plane.api.get(at["unended"]),
        lambda report: condition(report, "Ready") == ("True", "WorkflowDeleted"),
    )
    read = eventually(
        lambda: world.plane.api.get(at["ended"]),
        lambda report: report["status"]["observedGeneration"] == report["metadata"]["generation"],
    )
    for name, report in (("ended", read), ("unended", closed)):
        assert report["status"]["runs"] == statuses[name]["runs"]
        assert report["status"]["failures"] == statuses[name]["failures"]


def test_a_report_whose_writers_were_forgotten_keeps_what_it_knew(world: Cluster, electing: dict[str, Any]) -> None:
    operator = world.start_operator(**electing, **SETTINGS)
    before = finish(world, ["reset"], "Failed")["reset"]
    at = paths_of(world)["reset"]
    world.plane.api.patch(at, {"metadata": {"managedFields": [{}]}})
    world.plane.api.patch(at, {"spec": {"logTailLines": 7}})
    after = eventually(
        lambda: world.plane.api.get(at),
        lambda report: report["status"]["observedGeneration"] == report["metadata"]["generation"],
    )
    entries = after["metadata"]["managedFields"]
    assert "before-first-apply" in {entry["manager"] for entry in entries if entry.get("subresource") == "status"}
    operator.stop()
    world.start_operator(**electing, **SETTINGS)
    finish(world, ["later"], "Succeeded")
    stored = world.plane.api.get(at)
    assert stored["status"]["failures"] == before["failures"]
    assert stored["metadata"]["resourceVersion"] == after["metadata"]["resourceVersion"]

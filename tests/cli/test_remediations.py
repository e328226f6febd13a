"""`wfreport remediations`, `approve` and `deny`, on a real API server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.cli.workspace import Workspace
from tests.crds.objects import REMEDIATIONS, a_remediation

pytestmark = pytest.mark.cluster

NOW = "2026-11-22T10:31:03Z"


def condition(kind: str, status: str, reason: str = "Because", message: str = "") -> dict[str, Any]:
    return {"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": NOW}


ASKED = [condition("Approved", "Unknown", "ApprovalAwaited"), condition("Executed", "False", "ExecutionPending")]
DONE = [condition("Approved", "True"), condition("Executed", "True", "Executed")]
HELPED = [*DONE, condition("Succeeded", "True", "RunSucceeded", "etl-r1 succeeded")]
NOT_HELPED = [*DONE, condition("Succeeded", "False", "RunFailed")]
LOST = [condition("Executed", "Unknown", "TraceLost")]


def put(workspace: Workspace, name: str, conditions: list[dict[str, Any]] | None = None, **spec: Any) -> None:
    collection = REMEDIATIONS.format(workspace.namespace)
    workspace.plane.api.post(collection, a_remediation(name, **spec))
    if conditions:
        workspace.plane.api.patch(f"{collection}/{name}/status", {"status": {"conditions": conditions}})


def asked(workspace: Workspace, name: str = "asked", **spec: Any) -> None:
    plan = {"newName": "etl-r1", "before": {"memory": "4Gi"}, "after": {"memory": "6Gi", "cpu": "2"}}
    put(workspace, name, ASKED, approvalRequired=True, plan=plan, **spec)


def stored(workspace: Workspace, name: str = "asked") -> dict[str, Any]:
    found: dict[str, Any] = workspace.plane.api.get(f"{REMEDIATIONS.format(workspace.namespace)}/{name}")
    return found


def approved(workspace: Workspace, name: str = "asked") -> dict[str, Any]:
    (found,) = [one for one in stored(workspace, name)["status"]["conditions"] if one["type"] == "Approved"]
    return found  # type: ignore[no-any-return]


def rows(workspace: Workspace, *arguments: str) -> list[list[str]]:
    done = workspace.run("remediations", *arguments)
    assert done.returncode == 0, done.stderr
    return [line.split() for line in done.stdout.splitlines()[1:]]


def test_what_waits_for_a_person_is_listed_first(workspace: Workspace) -> None:
    put(workspace, "dry-etl", dryRun=True)
    asked(workspace)
    states = {
        "helped": HELPED,
        "not-helped": NOT_HELPED,
        "executed": DONE,
        "denied": [condition("Approved", "False", "Denied")],
        "pending": None,
        "lost": LOST,
    }
    for name, conditions in states.items():
        put(workspace, name, conditions)
    listed = {row[0]: row[6] for row in rows(workspace)}
    assert next(iter(listed)) == "asked"
    assert listed == {
        "asked": "Awaiting",
        "dry-etl": "DryRun",
        "helped": "Helped",
        "not-helped": "NotHelped",
        "executed": "Executed",
        "denied": "Denied",
        "pending": "Pending",
        "lost": "Lost",
    }
    assert [row[0] for row in rows(workspace, "--awaiting")] == ["asked"]
    assert rows(workspace, "--awaiting", "-o", "wide")[0][-1] == "etl-r1"


def test_those_about_a_workflow_are_found_by_its_name(workspace: Workspace) -> None:
    asked(workspace)
    put(workspace, "other", HELPED, target={"name": "other-wf", "uid": "o"})
    assert [row[0] for row in rows(workspace, "other-wf")] == ["other"]
    assert workspace.run("remediations", "-o", "name", "etl").stdout == "remediation.wfreport.dev/asked\n"


def test_one_is_shown_with_what_it_changes(workspace: Workspace) -> None:
    asked(workspace, message="rule oom: RaiseMemory after OOMKilled at transform")
    shown = workspace.run("remediations", "asked").stdout
    assert "state     Awaiting" in shown
    assert "action    RaiseMemory, attempt 1" in shown
    assert "because   OOMKilled: rule oom: RaiseMemory after OOMKilled at transform" in shown
    assert "policy    batch, rule oom, generation 1" in shown
    assert "creates   etl-r1" in shown
    assert "changes   memory: 4Gi -> 6Gi" in shown
    assert "changes   cpu: unset -> 2" in shown
    assert "approved  Unknown since 2026-11-22T10:31:03Z, ApprovalAwaited" in shown


def test_one_tells_how_it_went(workspace: Workspace) -> None:
    put(workspace, "helped", HELPED)
    result = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "name": "etl-r1"}
    path = f"{REMEDIATIONS.format(workspace.namespace)}/helped/status"
    workspace.plane.api.patch(path, {"status": {"resultRef": result, "message": "well"}})
    shown = workspace.run("remediations", "remediation/helped").stdout
    assert "helped    True since 2026-11-22T10:31:03Z, RunSucceeded: etl-r1 succeeded" in shown
    assert "result    Workflow etl-r1" in shown
    assert "message   well" in shown


def test_programs_get_the_objects(workspace: Workspace) -> None:
    asked(workspace)
    listed = json.loads(workspace.run("remediations", "-o", "json").stdout)
    assert [item["metadata"]["name"] for item in listed["items"]] == ["asked"]
    one = yaml.safe_load(workspace.run("remediations", "asked", "-o", "yaml").stdout)
    assert one["spec"]["action"] == "RaiseMemory"
    assert "managedFields" not in one["metadata"]


def test_nothing_found_is_no_failure_but_a_wrong_name_is(workspace: Workspace) -> None:
    done = workspace.run("remediations")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == f"No Remediations found in namespace {workspace.namespace}.\n"
    wrong = workspace.run("remediations", "nothing")
    assert wrong.returncode == 5
    assert "no Remediation nothing, and none of a Workflow of that name" in wrong.stderr


def test_a_person_approves(workspace: Workspace) -> None:
    asked(workspace)
    done = workspace.run("approve", "asked", "--reason", "go on")
    assert (done.returncode, done.stdout) == (0, "approved: asked (RaiseMemory etl, as etl-r1)\n")
    found = approved(workspace)
    assert (found["status"], found["reason"]) == ("True", "Approved")
    assert found["message"].endswith(": go on")
    by = stored(workspace)["status"]["approvedBy"]
    assert by
    assert by in found["message"]
    kinds = [one["type"] for one in stored(workspace)["status"]["conditions"]]
    assert sorted(kinds) == ["Approved", "Executed"]


def test_a_person_denies(workspace: Workspace) -> None:
    asked(workspace)
    done = workspace.run("deny", "rmd/asked")
    assert (done.returncode, done.stdout) == (0, "denied: asked (RaiseMemory etl, as etl-r1)\n")
    assert (approved(workspace)["status"], approved(workspace)["reason"]) == ("False", "Denied")


@pytest.mark.parametrize(
    ("conditions", "spec", "message"),
    [
        (None, {"dryRun": True}, "it is a dry run; nothing will be done"),
        (None, {}, "it needs no approval"),
        ([condition("Approved", "True")], {"approvalRequired": True}, "it was already approved"),
        ([condition("Approved", "False")], {"approvalRequired": True}, "it was already denied"),
        (LOST, {"approvalRequired": True}, "it is over; there is nothing left to approve"),
    ],
    ids=["dry run", "needs none", "approved", "denied", "over"],
)
def test_what_waits_for_nobody_is_not_approved(
    workspace: Workspace, conditions: Any, spec: dict[str, Any], message: str
) -> None:
    put(workspace, "one", conditions, **spec)
    for command in ("approve", "deny"):
        done = workspace.run(command, "one")
        assert (done.returncode, done.stdout) == (2, "")
        assert message in done.stderr


def test_who_has_answered_is_told_to_whom_comes_second(workspace: Workspace) -> None:
    asked(workspace)
    assert workspace.run("deny", "asked").returncode == 0
    by = stored(workspace)["status"]["approvedBy"]
    assert f"it was already denied by {by}" in workspace.run("approve", "asked").stderr


def test_without_the_right_nothing_is_approved(workspace: Workspace) -> None:
    asked(workspace)
    reader: Path = workspace.kubeconfig_of("reader", {"wfreport.dev": ["remediations"]})
    done = workspace.run("approve", "asked", kubeconfig=reader)
    assert done.returncode == 2
    assert "remediations" in done.stderr
    assert approved(workspace)["status"] == "Unknown"


def test_what_is_not_there_cannot_be_approved(workspace: Workspace) -> None:
    done = workspace.run("approve", "nothing")
    assert done.returncode == 5
    assert done.stderr == f"Error: no Remediation nothing in namespace {workspace.namespace}\n"

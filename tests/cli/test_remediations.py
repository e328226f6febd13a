"""`wfreport remediations`, `approve` and `deny`, on a real API server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.cli.workspace import Workspace
from tests.objects import REMEDIATIONS, a_remediation

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
    """Store a Remediation, labelled with the root of its chain as the operator labels it."""
    collection = REMEDIATIONS.format(workspace.namespace)
    made = a_remediation(name, **spec)
    made["metadata"]["labels"] = {"wfreport.dev/root-uid": made["spec"]["rootUid"]}
    workspace.plane.api.post(collection, made)
    if conditions:
        workspace.plane.api.patch(f"{collection}/{name}/status", {"status": {"conditions": conditions}})


def awaiting(workspace: Workspace, name: str = "awaiting", **spec: Any) -> None:
    plan = {"newName": "etl-r1", "before": {"memory": "4Gi"}, "after": {"memory": "6Gi", "cpu": "2"}}
    put(workspace, name, ASKED, approvalRequired=True, plan=plan, **spec)


def stored(workspace: Workspace, name: str = "awaiting") -> dict[str, Any]:
    document: dict[str, Any] = workspace.plane.api.get(f"{REMEDIATIONS.format(workspace.namespace)}/{name}")
    return document


def approved(workspace: Workspace, name: str = "awaiting") -> dict[str, Any]:
    (condition,) = [one for one in stored(workspace, name)["status"]["conditions"] if one["type"] == "Approved"]
    return condition  # type: ignore[no-any-return]


def rows(workspace: Workspace, *arguments: str) -> list[list[str]]:
    done = workspace.run("remediations", *arguments)
    assert done.returncode == 0, done.stderr
    return [line.split() for line in done.stdout.splitlines()[1:]]


def test_pending_remediations_are_listed_first(workspace: Workspace) -> None:
    put(workspace, "dry-etl", dryRun=True)
    awaiting(workspace)
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
    assert next(iter(listed)) == "awaiting"
    assert listed == {
        "awaiting": "Awaiting",
        "dry-etl": "DryRun",
        "helped": "Helped",
        "not-helped": "NotHelped",
        "executed": "Executed",
        "denied": "Denied",
        "pending": "Pending",
        "lost": "Lost",
    }
    assert [row[0] for row in rows(workspace, "--awaiting")] == ["awaiting"]
    assert rows(workspace, "--awaiting", "-o", "wide")[0][-1] == "etl-r1"


def test_the_name_of_a_workflow_selects_its_remediations(workspace: Workspace) -> None:
    awaiting(workspace)
    put(workspace, "other", HELPED, rootUid="o", target={"name": "other-wf", "uid": "o"})
    assert [row[0] for row in rows(workspace, "other-wf")] == ["other"]
    assert workspace.run("remediations", "-o", "name", "etl").stdout == "remediation.wfreport.dev/awaiting\n"


def chain(workspace: Workspace) -> None:
    """Store two Remediations of one chain: that of the first run, and that of the run that it created."""
    plan = {"before": {"memory": "4Gi"}, "after": {"memory": "6Gi"}, "newName": "etl-2"}
    put(workspace, "first", NOT_HELPED, rootUid="w", plan=plan)
    put(workspace, "second", HELPED, rootUid="w", target={"name": "etl-2", "uid": "w2"}, attempt=2)


def test_the_name_of_any_run_of_a_chain_selects_the_chain(workspace: Workspace) -> None:
    chain(workspace)
    put(
        workspace, "other", HELPED, labels={"wfreport.dev/root-uid": "o"}, rootUid="o", target={"name": "o", "uid": "o"}
    )
    workspace.put("dag-success", name="etl-3", remediation={"attempts": 2, "rootUid": "w"})
    for run in ("etl", "etl-2", "etl-3"):
        assert {row[0] for row in rows(workspace, run)} == {"first", "second"}, run


def test_one_is_shown_with_what_it_changes(workspace: Workspace) -> None:
    awaiting(workspace, message="rule oom: RaiseMemory after OOMKilled at transform")
    shown = workspace.run("remediations", "awaiting").stdout
    assert "state     Awaiting" in shown
    assert "action    RaiseMemory, attempt 1" in shown
    assert "because   OOMKilled: rule oom: RaiseMemory after OOMKilled at transform" in shown
    assert "policy    batch, rule oom, generation 1" in shown
    assert "creates   etl-r1" in shown
    assert "changes   memory: 4Gi -> 6Gi" in shown
    assert "changes   cpu: unset -> 2" in shown
    assert "approved  Unknown since 2026-11-22T10:31:03Z, ApprovalAwaited" in shown


def test_one_is_shown_with_its_outcome(workspace: Workspace) -> None:
    put(workspace, "helped", HELPED)
    result = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "name": "etl-r1"}
    path = f"{REMEDIATIONS.format(workspace.namespace)}/helped/status"
    workspace.plane.api.patch(path, {"status": {"resultRef": result, "message": "well"}})
    shown = workspace.run("remediations", "remediation/helped").stdout
    assert "helped    True since 2026-11-22T10:31:03Z, RunSucceeded: etl-r1 succeeded" in shown
    assert "result    Workflow etl-r1" in shown
    assert "message   well" in shown


def test_programs_get_the_objects(workspace: Workspace) -> None:
    awaiting(workspace)
    listed = json.loads(workspace.run("remediations", "-o", "json").stdout)
    assert [item["metadata"]["name"] for item in listed["items"]] == ["awaiting"]
    one = yaml.safe_load(workspace.run("remediations", "awaiting", "-o", "yaml").stdout)
    assert one["spec"]["action"] == "RaiseMemory"
    assert "managedFields" not in one["metadata"]


def test_an_empty_list_is_no_failure_but_a_wrong_name_is(workspace: Workspace) -> None:
    done = workspace.run("remediations")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == f"No Remediations found in namespace {workspace.namespace}.\n"
    wrong = workspace.run("remediations", "nothing")
    assert wrong.returncode == 5
    assert "no Remediation nothing, and none of a Workflow of that name" in wrong.stderr


def test_a_person_approves(workspace: Workspace) -> None:
    awaiting(workspace)
    done = workspace.run("approve", "awaiting", "--reason", "go on")
    assert (done.returncode, done.stdout) == (0, "approved: awaiting (RaiseMemory etl, as etl-r1)\n")
    condition = approved(workspace)
    assert (condition["status"], condition["reason"]) == ("True", "Approved")
    assert condition["message"].endswith(": go on")
    user = stored(workspace)["status"]["approvedBy"]
    assert user
    assert user in condition["message"]
    kinds = [one["type"] for one in stored(workspace)["status"]["conditions"]]
    assert sorted(kinds) == ["Approved", "Executed"]


def test_a_person_denies(workspace: Workspace) -> None:
    awaiting(workspace)
    done = workspace.run("deny", "rmd/awaiting")
    assert (done.returncode, done.stdout) == (0, "denied: awaiting (RaiseMemory etl, as etl-r1)\n")
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
def test_only_a_pending_remediation_can_be_approved(
    workspace: Workspace, conditions: Any, spec: dict[str, Any], message: str
) -> None:
    put(workspace, "one", conditions, **spec)
    for command in ("approve", "deny"):
        done = workspace.run(command, "one")
        assert (done.returncode, done.stdout) == (2, "")
        assert message in done.stderr


def test_a_second_decision_is_refused_with_the_name_of_the_first_user(workspace: Workspace) -> None:
    awaiting(workspace)
    assert workspace.run("deny", "awaiting").returncode == 0
    by = stored(workspace)["status"]["approvedBy"]
    assert f"it was already denied by {by}" in workspace.run("approve", "awaiting").stderr


def test_approving_needs_permission(workspace: Workspace) -> None:
    awaiting(workspace)
    reader: Path = workspace.kubeconfig_of("reader", {"wfreport.dev": ["remediations"]})
    done = workspace.run("approve", "awaiting", kubeconfig=reader)
    assert done.returncode == 2
    assert "remediations" in done.stderr
    assert approved(workspace)["status"] == "Unknown"


def test_an_unknown_remediation_cannot_be_approved(workspace: Workspace) -> None:
    done = workspace.run("approve", "nothing")
    assert done.returncode == 5
    assert done.stderr == f"Error: no Remediation nothing in namespace {workspace.namespace}\n"


def test_a_remediation_of_a_newer_version_is_named_and_left_out(workspace: Workspace) -> None:
    put(workspace, "known", DONE)
    put(workspace, "newer", DONE, action="Teleport")
    done = workspace.run("remediations", "-o", "json")
    assert (done.returncode, len(done.stderr.splitlines())) == (0, 1), done.stderr
    assert [item["metadata"]["name"] for item in json.loads(done.stdout)["items"]] == ["known"]
    assert done.stderr.startswith("left out: Remediation newer: ")
    assert "spec.action" in done.stderr
    assert "kubectl get rmd newer -o yaml" in done.stderr
    alone = workspace.run("remediations", "newer")
    assert alone.returncode == 2
    assert "spec.action" in alone.stderr

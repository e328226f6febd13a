"""`wfreport remediations`, `approve` and `deny`, on a real API server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.cli.shelf import Shelf
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


def put(shelf: Shelf, name: str, conditions: list[dict[str, Any]] | None = None, **spec: Any) -> None:
    collection = REMEDIATIONS.format(shelf.namespace)
    shelf.plane.api.post(collection, a_remediation(name, **spec))
    if conditions:
        shelf.plane.api.patch(f"{collection}/{name}/status", {"status": {"conditions": conditions}})


def asked(shelf: Shelf, name: str = "asked", **spec: Any) -> None:
    plan = {"newName": "etl-r1", "before": {"memory": "4Gi"}, "after": {"memory": "6Gi", "cpu": "2"}}
    put(shelf, name, ASKED, approvalRequired=True, plan=plan, **spec)


def stored(shelf: Shelf, name: str = "asked") -> dict[str, Any]:
    found: dict[str, Any] = shelf.plane.api.get(f"{REMEDIATIONS.format(shelf.namespace)}/{name}")
    return found


def approved(shelf: Shelf, name: str = "asked") -> dict[str, Any]:
    (found,) = [one for one in stored(shelf, name)["status"]["conditions"] if one["type"] == "Approved"]
    return found  # type: ignore[no-any-return]


def rows(shelf: Shelf, *arguments: str) -> list[list[str]]:
    done = shelf.run("remediations", *arguments)
    assert done.returncode == 0, done.stderr
    return [line.split() for line in done.stdout.splitlines()[1:]]


def test_what_waits_for_a_person_is_listed_first(shelf: Shelf) -> None:
    put(shelf, "dry-etl", dryRun=True)
    asked(shelf)
    states = {
        "helped": HELPED,
        "not-helped": NOT_HELPED,
        "executed": DONE,
        "denied": [condition("Approved", "False", "Denied")],
        "pending": None,
        "lost": LOST,
    }
    for name, conditions in states.items():
        put(shelf, name, conditions)
    listed = {row[0]: row[6] for row in rows(shelf)}
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
    assert [row[0] for row in rows(shelf, "--awaiting")] == ["asked"]
    assert rows(shelf, "--awaiting", "-o", "wide")[0][-1] == "etl-r1"


def test_those_about_a_workflow_are_found_by_its_name(shelf: Shelf) -> None:
    asked(shelf)
    put(shelf, "other", HELPED, target={"name": "other-wf", "uid": "o"})
    assert [row[0] for row in rows(shelf, "other-wf")] == ["other"]
    assert shelf.run("remediations", "-o", "name", "etl").stdout == "remediation.wfreport.dev/asked\n"


def test_one_is_shown_with_what_it_changes(shelf: Shelf) -> None:
    asked(shelf, message="rule oom: RaiseMemory after OOMKilled at transform")
    shown = shelf.run("remediations", "asked").stdout
    assert "state     Awaiting" in shown
    assert "action    RaiseMemory, attempt 1" in shown
    assert "because   OOMKilled: rule oom: RaiseMemory after OOMKilled at transform" in shown
    assert "policy    batch, rule oom, generation 1" in shown
    assert "makes     etl-r1" in shown
    assert "changes   memory: 4Gi -> 6Gi" in shown
    assert "changes   cpu: unset -> 2" in shown
    assert "approved  Unknown since 2026-11-22T10:31:03Z, ApprovalAwaited" in shown


def test_one_tells_how_it_went(shelf: Shelf) -> None:
    put(shelf, "helped", HELPED)
    result = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "name": "etl-r1"}
    path = f"{REMEDIATIONS.format(shelf.namespace)}/helped/status"
    shelf.plane.api.patch(path, {"status": {"resultRef": result, "message": "well"}})
    shown = shelf.run("remediations", "remediation/helped").stdout
    assert "helped    True since 2026-11-22T10:31:03Z, RunSucceeded: etl-r1 succeeded" in shown
    assert "result    Workflow etl-r1" in shown
    assert "message   well" in shown


def test_programs_get_the_objects(shelf: Shelf) -> None:
    asked(shelf)
    listed = json.loads(shelf.run("remediations", "-o", "json").stdout)
    assert [item["metadata"]["name"] for item in listed["items"]] == ["asked"]
    one = yaml.safe_load(shelf.run("remediations", "asked", "-o", "yaml").stdout)
    assert one["spec"]["action"] == "RaiseMemory"
    assert "managedFields" not in one["metadata"]


def test_nothing_found_is_no_failure_but_a_wrong_name_is(shelf: Shelf) -> None:
    done = shelf.run("remediations")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == f"No Remediations found in namespace {shelf.namespace}.\n"
    wrong = shelf.run("remediations", "nothing")
    assert wrong.returncode == 5
    assert "no Remediation nothing, and none about a Workflow of that name" in wrong.stderr


def test_a_person_approves(shelf: Shelf) -> None:
    asked(shelf)
    done = shelf.run("approve", "asked", "--reason", "go on")
    assert (done.returncode, done.stdout) == (0, "approved: asked (RaiseMemory etl, as etl-r1)\n")
    found = approved(shelf)
    assert (found["status"], found["reason"]) == ("True", "Approved")
    assert found["message"].endswith(": go on")
    by = stored(shelf)["status"]["approvedBy"]
    assert by
    assert by in found["message"]
    kinds = [one["type"] for one in stored(shelf)["status"]["conditions"]]
    assert sorted(kinds) == ["Approved", "Executed"]


def test_a_person_denies(shelf: Shelf) -> None:
    asked(shelf)
    done = shelf.run("deny", "rmd/asked")
    assert (done.returncode, done.stdout) == (0, "denied: asked (RaiseMemory etl, as etl-r1)\n")
    assert (approved(shelf)["status"], approved(shelf)["reason"]) == ("False", "Denied")


@pytest.mark.parametrize(
    ("conditions", "spec", "message"),
    [
        (None, {"dryRun": True}, "it is a dry run: nothing is going to be done"),
        (None, {}, "it needs nobody's approval"),
        ([condition("Approved", "True")], {"approvalRequired": True}, "it was approved already"),
        ([condition("Approved", "False")], {"approvalRequired": True}, "it was denied already"),
        (LOST, {"approvalRequired": True}, "it is over: there is nothing to approve any more"),
    ],
    ids=["dry run", "needs none", "approved", "denied", "over"],
)
def test_what_waits_for_nobody_is_not_approved(
    shelf: Shelf, conditions: Any, spec: dict[str, Any], message: str
) -> None:
    put(shelf, "one", conditions, **spec)
    for command in ("approve", "deny"):
        done = shelf.run(command, "one")
        assert (done.returncode, done.stdout) == (2, "")
        assert message in done.stderr


def test_who_has_answered_is_told_to_whom_comes_second(shelf: Shelf) -> None:
    asked(shelf)
    assert shelf.run("deny", "asked").returncode == 0
    by = stored(shelf)["status"]["approvedBy"]
    assert f"it was denied already by {by}" in shelf.run("approve", "asked").stderr


def test_without_the_right_nothing_is_approved(shelf: Shelf) -> None:
    asked(shelf)
    reader: Path = shelf.kubeconfig_of("reader", {"wfreport.dev": ["remediations"]})
    done = shelf.run("approve", "asked", kubeconfig=reader)
    assert done.returncode == 2
    assert "remediations" in done.stderr
    assert approved(shelf)["status"] == "Unknown"


def test_what_is_not_there_cannot_be_approved(shelf: Shelf) -> None:
    done = shelf.run("approve", "nothing")
    assert done.returncode == 5
    assert done.stderr == f"Error: no Remediation nothing in namespace {shelf.namespace}\n"

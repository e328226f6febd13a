"""Remediations that somebody forges: none acts, none acts twice, and none keeps the operator from anybody else.

Nobody has the right to create one (docs/reference/rights.md); who approves one may change its status.
"""

from __future__ import annotations

import itertools
from typing import Any, Final

import msgspec
import pytest
from tests.eventually import eventually
from tests.live.hostile_values import HOSTILE, ODD, YEAR_0, YEAR_9999, Json, is_stored, mutations
from tests.live.operator.harness import COMPLETED, REPORTS, WORKFLOWS, condition
from tests.live.remediation.harness import OWN, RemediationCluster
from tests.live.remediation.neighbours import UNBOUNDED, assert_alive, start_enforcing
from tests.remediation.documents import RESUBMIT

from wfreport.api.names import ANNOTATION_SKIP
from wfreport.api.remediation import Remediation

pytestmark = pytest.mark.cluster

HEAD: Final = {"apiVersion": "wfreport.dev/v1alpha1", "kind": "Remediation"}
MORE: Final = {"message": "m", "fingerprint": "f"}
NEVER: Final = {"name": "again", "match": {"classes": ["Evicted"]}, "action": {"resubmit": {}}}
FOREIGN: Final = {"status": "True", "reason": "R", "message": ODD, "lastTransitionTime": YEAR_0}
EXECUTED: Final = ("True", "Executed")


def path_of(cluster: RemediationCluster, name: str = "") -> str:
    at = OWN.format(cluster.namespace, "remediations")
    return f"{at}/{name}" if name else at


def resubmitted(cluster: RemediationCluster, *names: str) -> dict[str, Json]:
    """Fail runs, and return the Remediation of each once its new run was created."""
    for name in names:
        cluster.fail(name)
    return {name: cluster.wait_for_remediation(name, "Executed", EXECUTED) for name in names}


def is_readable(document: Json) -> bool:
    """Return whether this version knows the values. Others may be of a newer operator, and are left alone."""
    try:
        Remediation.model_validate(document)
    except msgspec.ValidationError:
        return False
    return True


def open_ones(cluster: RemediationCluster, names: list[str]) -> list[str]:
    """Return the Remediations of these names that are neither refused nor executed yet."""
    found = {each["metadata"]["name"]: condition(each, "Executed")[0] for each in cluster.remediations()}
    return [name for name in names if found.get(name) in {"", "Unknown"}]


def test_forged_remediations_create_no_run_whatever_their_fields(
    cluster: RemediationCluster, neighbour: RemediationCluster
) -> None:
    operator = start_enforcing(cluster, neighbour, RESUBMIT)
    real = resubmitted(cluster, "run")["run"]
    cluster.apply_policy(NEVER, **UNBOUNDED)
    cluster.enforced()  # until then the operator may still act by the rule before
    cluster.fail("victim")
    eventually(lambda: condition(cluster.report_of("victim"), "Ready"), ("True", "ReportCurrent").__eq__)
    assert [each["metadata"]["name"] for each in cluster.remediations()] == [real["metadata"]["name"]]
    runs, uid = set(cluster.workflows()), cluster.workflow("victim")["metadata"]["uid"]
    target = {**real["spec"]["target"], "name": "victim", "uid": uid}
    spec: Json = real["spec"] | {"target": target, "rootName": "victim", "rootUid": uid}
    spec["plan"] = spec.get("plan", {}) | {"cronWorkflow": "cron", "templateName": "t", "patch": "{}", "sinks": ["s"]}
    forged = {f"forged-{n}": body for n, (_, _, body) in enumerate(mutations(spec | MORE, step=3))}
    names = []
    for name, body in forged.items():
        document = HEAD | {"metadata": {"name": name, "namespace": cluster.namespace}, "spec": body}
        if is_stored(cluster.plane.api.post, path_of(cluster), document) and is_readable(document):
            names.append(name)
    assert len(names) > 50
    assert set(cluster.workflows()) == runs
    assert_alive(operator, neighbour, "neighbour")
    eventually(lambda: open_ones(cluster, names), lambda found: not found, timeout_seconds=60)
    assert set(cluster.workflows()) == runs


def test_names_owners_and_metadata_of_forged_remediations_lock_nothing(
    cluster: RemediationCluster, neighbour: RemediationCluster
) -> None:
    operator = start_enforcing(cluster, neighbour, RESUBMIT)
    real = resubmitted(cluster, "run")["run"]
    owner = {"apiVersion": "v1", "kind": "Secret", "name": "../x", "uid": real["metadata"]["uid"], "controller": True}
    labels = {f"{'p' * 200}.example.com/{n}": "v" * 63 for n in range(500)}
    metadata: list[Json] = [
        {"name": "n" * 253},
        {"name": "dry-run", "labels": labels},
        {"name": f"{real['metadata']['name']}-2", "labels": real["metadata"]["labels"]},
        {"generateName": "g" * 240, "annotations": {"a": ODD * 10_000}},
        {"name": "owned", "ownerReferences": [owner]},
        {"name": "kept", "finalizers": ["example.com/never"]},
    ]
    for each in metadata:
        assert is_stored(cluster.plane.api.post, path_of(cluster), HEAD | {"metadata": each, "spec": real["spec"]})
    forged = [
        one["metadata"]["name"] for one in cluster.remediations() if one["metadata"]["name"] != real["metadata"]["name"]
    ]
    assert len(forged) == len(metadata)
    eventually(lambda: open_ones(cluster, forged), lambda found: not found)
    cluster.plane.api.delete(path_of(cluster, "kept"))  # its finalizer keeps it
    assert len(resubmitted(cluster, "next")) == 1
    assert sorted(cluster.workflows()) == sorted(
        {"run", "next", *(w for w in cluster.workflows() if w.endswith("-r1"))}
    )
    assert len(cluster.workflows()) == 4
    assert_alive(operator, neighbour, "neighbour")


def test_no_status_of_a_remediation_can_be_forged_to_act_twice_or_to_end_the_operator(
    cluster: RemediationCluster, neighbour: RemediationCluster
) -> None:
    operator = start_enforcing(cluster, neighbour, RESUBMIT)
    names = [f"run-{number}" for number in range(4)]
    real = resubmitted(cluster, *names)
    runs = cluster.workflows()
    assert len(runs) == 2 * len(names)
    status = real[names[0]]["status"] | {"approvedBy": "x", "stoppedAt": YEAR_0, "finishedAt": YEAR_9999}
    stored = 0
    for name, (_, _, forged) in zip(itertools.cycle(names), mutations(status, step=7), strict=False):
        path = path_of(cluster, real[name]["metadata"]["name"])
        stored += is_stored(cluster.plane.api.patch, f"{path}/status", {"status": forged})
    for name in names:  # nothing is left: as if the action had never been recorded
        path = path_of(cluster, real[name]["metadata"]["name"])
        cluster.plane.api.patch(f"{path}/status", {"status": dict.fromkeys(status)})
    assert stored > 20
    eventually(
        lambda: [condition(cluster.remediation_of(name), "Executed") for name in names],
        lambda found: found == [("True", "AlreadyDone")] * len(names),
    )
    assert cluster.workflows() == runs
    assert_alive(operator, neighbour, "neighbour")


def test_approval_cannot_be_forged_into_more_than_one_act_by_a_workflow_of_another_form(
    cluster: RemediationCluster, neighbour: RemediationCluster
) -> None:
    operator = start_enforcing(cluster, neighbour, RESUBMIT, mode="Approve")
    odd = [value for value in HOSTILE if not isinstance(value, dict)][::4]
    names = [f"run-{number}" for number in range(len(odd))]
    for name, value in zip(names, odd, strict=True):
        cluster.create(name)
        path = f"{WORKFLOWS.format(cluster.namespace)}/{name}"
        cluster.plane.api.patch(path, {"spec": {"ttlStrategy": value, "podGC": value}})
        cluster.end(name, "Failed")
    approved = {"type": "Approved", "status": "True", "reason": "x", "message": ODD, "lastTransitionTime": YEAR_9999}
    for name in names:
        pending = cluster.wait_for_remediation(name, "Approved", ("Unknown",))
        path = path_of(cluster, pending["metadata"]["name"])
        others = [each for each in pending["status"]["conditions"] if each["type"] != "Approved"]
        cluster.plane.api.patch(f"{path}/status", {"status": {"conditions": [approved, *others]}})
    eventually(
        lambda: [condition(cluster.remediation_of(name), "Executed")[0] for name in names],
        lambda found: set(found) <= {"True", "False"},
    )
    assert len(cluster.workflows()) <= 2 * len(names)
    assert len(cluster.remediations()) == len(names)
    assert_alive(operator, neighbour, "neighbour")


def test_a_new_run_of_another_form_and_conditions_without_room_keep_no_other_from_its_outcome(
    cluster: RemediationCluster, neighbour: RemediationCluster
) -> None:
    operator = start_enforcing(cluster, neighbour, RESUBMIT)
    real = resubmitted(cluster, "hostile", "full", "last")
    fill = [FOREIGN | {"type": f"C{number}"} for number in range(14)]
    others = [each for each in real["full"]["status"]["conditions"] if each["type"] != "Executed"]
    path = path_of(cluster, real["full"]["metadata"]["name"])
    cluster.plane.api.patch(f"{path}/status", {"status": {"conditions": [*others, *fill]}})
    end_without_report(cluster, real["hostile"], {"phase": ["Failed"], "message": {"a": []}})
    end_without_report(cluster, real["full"], {"phase": "Succeeded"})
    end_without_report(cluster, real["last"], {"phase": "Succeeded"})
    cluster.wait_for_remediation("last", "Succeeded", ("True", "RunSucceeded"))
    assert_alive(operator, neighbour, "neighbour")


def end_without_report(cluster: RemediationCluster, remediation: Json, status: Any) -> None:
    """Exempt a new run from reports, delete its report, and end it."""
    name = remediation["spec"]["plan"]["newName"]
    path = f"{WORKFLOWS.format(cluster.namespace)}/{name}"
    report = eventually(lambda: cluster.report_of(name))
    cluster.plane.api.patch(path, {"metadata": {"annotations": {ANNOTATION_SKIP: "true"}}})
    cluster.plane.api.delete(f"{REPORTS.format(cluster.namespace)}/{report['metadata']['name']}")
    cluster.plane.api.patch(path, {"metadata": {"labels": {COMPLETED: "true"}}, "status": status})
    eventually(lambda: cluster.reports_of(name), lambda found: not found)

"""CronWorkflows that nobody should write: each is suspended or refused with its reason, and nothing else is changed."""

from __future__ import annotations

from typing import Any, Final

import pytest
from tests.eventually import eventually
from tests.live.hostile_values import HOSTILE, ODD, Json, is_stored, mutations, replaced
from tests.live.operator.harness import WORKFLOWS, condition
from tests.live.remediation.harness import ARGO, RemediationCluster
from tests.live.remediation.neighbours import assert_alive, start_enforcing

pytestmark = pytest.mark.cluster

SUSPEND: Final = {"name": "storm", "match": {}, "action": {"suspendCron": {}}}
STEP: Final = 23
CRON_LABEL: Final = "workflows.argoproj.io/cron-workflow"
ODD_OWNERS: Final = (
    "..",
    ".",
    "../../../api/v1/namespaces/x/secrets/y",
    "a/b",
    "a%2fb",
    "a?b=c",
    ODD,
    "x" * 5_000,
    " ",
)
MARK: Final = "wfreport.dev/remediation-uid"


def cron_document() -> Json:
    template = {"name": "main", "container": {"image": "busybox"}, "inputs": {"parameters": [{"name": "p"}]}}
    return {
        "spec": {
            "schedules": ["0 0 1 1 *"],
            "timezone": "Europe/Berlin",
            "suspend": False,
            "concurrencyPolicy": "Replace",
            "startingDeadlineSeconds": 60,
            "workflowSpec": {"entrypoint": "main", "templates": [template]},
            "workflowMetadata": {"labels": {"team": "data"}},
        },
        "status": {
            "active": [{"name": "x", "uid": "y"}],
            "lastScheduledTime": "2026-11-01T00:00:00Z",
            "phase": "Active",
        },
    }


def create_cron(cluster: RemediationCluster, name: str, body: Json, **metadata: Any) -> bool:
    head = {"apiVersion": "argoproj.io/v1alpha1", "kind": "CronWorkflow", "metadata": {"name": name, **metadata}}
    return is_stored(cluster.plane.api.post, ARGO.format(cluster.namespace, "cronworkflows"), head | body)


def fail_run_of(cluster: RemediationCluster, cron: str, run: str, owner: str = "") -> None:
    """Fail a run that a CronWorkflow has created, by its label or by its owner."""
    made = cluster.create(run)
    uid = made["metadata"]["uid"]
    reference = {"apiVersion": "argoproj.io/v1alpha1", "kind": "CronWorkflow", "name": owner, "uid": uid}
    metadata = {"ownerReferences": [reference]} if owner else {"labels": {CRON_LABEL: cron}}
    cluster.plane.api.patch(f"{WORKFLOWS.format(cluster.namespace)}/{run}", {"metadata": metadata})
    cluster.end(run, "Failed")


def crons(cluster: RemediationCluster) -> dict[str, Json]:
    items = cluster.plane.api.get(ARGO.format(cluster.namespace, "cronworkflows"))["items"]
    return {item["metadata"]["name"]: item for item in items}


def executions(cluster: RemediationCluster) -> dict[str, tuple[str, str]]:
    """Return the condition Executed of each Remediation that is executed or refused, by its run."""
    found = {each["spec"]["target"]["name"]: condition(each, "Executed") for each in cluster.remediations()}
    return {name: executed for name, executed in found.items() if executed[0] in {"True", "False"}}


def apart_from_suspension(cron: Json) -> Json:
    """Return what the operator must leave as it is."""
    metadata = {key: value for key, value in cron["metadata"].items() if key in {"name", "uid", "labels"}}
    annotations = {k: v for k, v in cron["metadata"].get("annotations", {}).items() if k != MARK}
    spec = cron.get("spec")
    rest = {key: value for key, value in spec.items() if key != "suspend"} if isinstance(spec, dict) else spec
    return {"metadata": metadata, "annotations": annotations, "spec": rest, "status": cron.get("status")}


def test_hostile_cron_workflows_are_suspended_or_refused_and_otherwise_left_as_they_are(
    cluster: RemediationCluster, neighbour: RemediationCluster
) -> None:
    operator = start_enforcing(cluster, neighbour, SUSPEND)
    bodies = [body for _, _, body in mutations(cron_document(), step=STEP)]
    bodies += [replaced(cron_document(), ("spec",), value) for value in HOSTILE if not isinstance(value, dict)][::3]
    names = [f"cron-{number}" for number, body in enumerate(bodies) if create_cron(cluster, f"cron-{number}", body)]
    assert len(names) >= 0.7 * len(bodies) > 20
    large = {f"{'p' * 200}.example.com/{n}": "v" * 63 for n in range(500)}
    assert create_cron(cluster, "large", cron_document(), labels=large, annotations={"a": ODD * 10_000})
    assert create_cron(cluster, "bystander", cron_document())
    before = crons(cluster)
    for name in [*names, "large"]:
        fail_run_of(cluster, name, f"{name}-1")
    done = eventually(lambda: executions(cluster), lambda found: len(found) == len(names) + 1, timeout_seconds=90)
    after = crons(cluster)
    for name in [*names, "large"]:
        spec = after[name].get("spec")
        is_suspended = isinstance(spec, dict) and spec.get("suspend") is True
        assert is_suspended == (done[f"{name}-1"][0] == "True"), name
        assert apart_from_suspension(after[name]) == apart_from_suspension(before[name])
    assert after["bystander"] == before["bystander"]
    assert len(cluster.remediations()) == len(names) + 1
    assert_alive(operator, neighbour, "run")


def test_names_of_cron_workflows_that_no_object_can_have_lead_nowhere(
    cluster: RemediationCluster, neighbour: RemediationCluster
) -> None:
    operator = start_enforcing(cluster, neighbour, SUSPEND)
    since = cluster.audit_position()
    for number, owner in enumerate(ODD_OWNERS):
        fail_run_of(cluster, "", f"run-{number}", owner=owner)
    expected = {f"run-{number}": ("False", "NotPossible") for number in range(len(ODD_OWNERS))}
    eventually(lambda: executions(cluster), lambda found: found == expected)
    asked = [
        event["objectRef"]
        for event in cluster.plane.audit_events()[since:]
        if (event.get("objectRef") or {}).get("resource") in {"secrets", "cronworkflows"}
    ]
    assert {ref["resource"] for ref in asked} <= {"cronworkflows"}
    assert {ref["namespace"] for ref in asked} <= {cluster.namespace}
    assert_alive(operator, neighbour, "run")

"""Who stopped a Workflow: a person, a policy, or its CronWorkflow."""

from __future__ import annotations

from typing import Any

import pytest
from tests.builders import a_report

from wfreport.core.snapshot.decode import decode_workflow
from wfreport.core.snapshot.names import resubmission_name

CRON = {"workflows.argoproj.io/cron-workflow": "nightly"}
BY_SERVER = {**CRON, "workflows.argoproj.io/action": "Terminate"}


def managed(manager: str, **spec: Any) -> dict[str, Any]:
    return {"manager": manager, "fieldsV1": {"f:spec": {f"f:{key}": {} for key in spec}} if spec else {}}


def whole_spec(manager: str) -> dict[str, Any]:
    """Return what the API server records if the CRD has no schema for the spec, as Argo's minimal CRDs."""
    return {"manager": manager, "fieldsV1": {"f:spec": {}}}


ARGO = managed("argo", entrypoint=1)
OPAQUE = [{"manager": "kubectl-create", "fieldsV1": {"f:metadata": {"f:labels": {}}}}]


def stopped(
    labels: dict[str, str],
    managers: list[dict[str, Any]],
    shutdown: str = "Terminate",
    *,
    name: str = "wf",
    annotations: dict[str, str] | None = None,
) -> str:
    """Return the reason and the summary of a run that was stopped after a minute."""
    times = {"startedAt": "2026-11-22T03:00:00Z", "finishedAt": "2026-11-22T03:01:00Z"}
    message = f"workflow shutdown with strategy:  {shutdown}"
    node = {
        "id": "wf",
        "name": "wf",
        "displayName": "wf",
        "type": "Pod",
        "phase": "Failed",
        "message": message,
        **times,
    }
    workflow = {
        "metadata": {
            "name": name,
            "uid": "u",
            "labels": labels,
            "annotations": annotations or {},
            "managedFields": managers,
        },
        "spec": {"shutdown": shutdown},
        "status": {"phase": "Failed", **times, "nodes": {"wf": node}},
    }
    status = a_report(decode_workflow(workflow))
    (failure,) = status.failures or []
    assert (failure.failure_class, failure.owner, failure.retryable) == ("Cancelled", "User", False)
    return f"{failure.reason}: {(status.summary or '').removeprefix('wf: ')}"


BY_HAND = "WorkflowStopped: stopped by hand after 1m00s"
BY_CRON = "ReplacedByCron: replaced by the next run of its CronWorkflow (concurrencyPolicy Replace) after 1m00s"
BY_POLICY = "StoppedByPolicy: stopped by a RemediationPolicy after 1m00s"
UNKNOWN = "StoppedOrReplaced: terminated by hand, or by its CronWorkflow (concurrencyPolicy Replace), after 1m00s"


@pytest.mark.parametrize(
    ("labels", "managers", "expected"),
    [
        (CRON, [ARGO, managed("workflow-controller", shutdown="x")], BY_CRON),
        (CRON, [managed("workflow-controller", templates=1), managed("argo", shutdown="x")], BY_HAND),
        (CRON, [], UNKNOWN),
        (CRON, [managed("kubectl"), {"manager": "x"}], UNKNOWN),
        (BY_SERVER, [], BY_HAND),
        ({}, [], BY_HAND),
        ({}, [managed("workflow-controller", shutdown="x")], BY_HAND),
        ({}, [managed("wfreport", shutdown="x")], BY_POLICY),
        ({}, [*OPAQUE, whole_spec("wfreport")], BY_POLICY),
        ({}, [*OPAQUE, whole_spec("argo")], BY_HAND),
        (CRON, [*OPAQUE, whole_spec("workflow-controller")], BY_CRON),
        (CRON, [*OPAQUE, whole_spec("argo")], BY_HAND),
    ],
)
def test_the_field_manager_of_a_shutdown_shows_who_did_it(
    labels: dict[str, str], managers: list[dict[str, Any]], expected: str
) -> None:
    assert stopped(labels, managers) == expected


def test_a_cron_workflow_never_stops_its_run_gently() -> None:
    assert stopped(CRON, [], shutdown="Stop") == BY_HAND


SIGNED = {"wfreport.dev/remediation-uid": "r-1"}
COPY = {"workflows.argoproj.io/resubmitted-from-workflow": "wf"}
CHAIN = {"wfreport.dev/root": "wf", "wfreport.dev/root-uid": "u-1", "wfreport.dev/attempt": "1"}


@pytest.mark.parametrize(
    ("name", "labels", "managers", "expected"),
    [
        ("wf", {}, [], BY_POLICY),
        ("wf", {}, [managed("argo", shutdown="x")], BY_HAND),
        ("wf-copy", COPY, [], BY_HAND),
        (resubmission_name("wf", "u-1", 1), COPY | CHAIN | SIGNED, [], BY_POLICY),
    ],
)
def test_without_field_managers_the_annotation_of_a_remediation_shows_a_policy(
    name: str, labels: dict[str, str], managers: list[dict[str, Any]], expected: str
) -> None:
    assert stopped(labels, managers, "Stop", name=name, annotations=SIGNED) == expected

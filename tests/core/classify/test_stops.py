"""Who stopped a Workflow: a person, a policy, or its CronWorkflow."""

from __future__ import annotations

from typing import Any

import pytest
from tests.builders import a_report

from wfreport.core.snapshot.decode import decode_workflow

CRON = {"workflows.argoproj.io/cron-workflow": "nightly"}
BY_SERVER = {**CRON, "workflows.argoproj.io/action": "Terminate"}


def managed(manager: str, **spec: Any) -> dict[str, Any]:
    return {"manager": manager, "fieldsV1": {"f:spec": {f"f:{key}": {} for key in spec}} if spec else {}}


ARGO = managed("argo", entrypoint=1)


def stopped(labels: dict[str, str], managers: list[dict[str, Any]], shutdown: str = "Terminate") -> str:
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
        "metadata": {"name": "wf", "uid": "u", "labels": labels, "managedFields": managers},
        "spec": {"shutdown": shutdown},
        "status": {"phase": "Failed", **times, "nodes": {"wf": node}},
    }
    status = a_report(decode_workflow(workflow))
    (failure,) = status.failures or []
    assert (failure.failure_class, failure.owner, failure.retryable) == ("Cancelled", "User", False)
    return f"{failure.reason}: {(status.summary or '').removeprefix('wf: ')}"


BY_HAND = "WorkflowStopped: stopped by hand after 1m00s"
BY_CRON = "ReplacedByCron: replaced by the next run of its CronWorkflow (concurrencyPolicy Replace) after 1m00s"
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
        ({}, [managed("wfreport", shutdown="x")], "StoppedByPolicy: stopped by a RemediationPolicy after 1m00s"),
    ],
)
def test_the_field_manager_of_a_shutdown_shows_who_did_it(
    labels: dict[str, str], managers: list[dict[str, Any]], expected: str
) -> None:
    assert stopped(labels, managers) == expected


def test_a_cron_workflow_never_stops_its_run_gently() -> None:
    assert stopped(CRON, [], shutdown="Stop") == BY_HAND

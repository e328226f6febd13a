"""The CRD is generated from the models; a real API server accepts it, and refuses invalid reports helpfully."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel, Field

from controlplane import ApiError, ControlPlane
from generate import crds
from generate.kinds import REPORT
from wfreport.api.report import ReportStatus

REPORTS = "/apis/wfreport.dev/v1alpha1/namespaces/{}/workflowreports"


def a_report(name: str, *, workflow: str = "etl-daily-x7k2p", **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "wfreport.dev/v1alpha1",
        "kind": "WorkflowReport",
        "metadata": {"name": name},
        "spec": {"workflowRef": {"name": workflow}} | spec,
    }


def a_value(schema: dict[str, Any]) -> Any:
    """Return a value with every field, and one entry in every list and map."""
    match schema:
        case {"enum": [first, *_]}:
            return first
        case {"format": "date-time"}:
            return "2026-11-22T10:31:03Z"
        case {"properties": fields}:
            return {name: a_value(field) for name, field in fields.items()}
        case {"additionalProperties": values}:
            return {"memory": a_value(values)}
        case {"items": items}:
            return [a_value(items)]
    return {"string": "x", "integer": 1, "boolean": True}[schema["type"]]


STATUS_SCHEMA = crds.structural_schema(ReportStatus)
FULL_STATUS = a_value(STATUS_SCHEMA)
OOM = {"failureClass": "OOMKilled", "reason": "OOMKilled", "step": "train"}


def put_status(plane: ControlPlane, namespace: str, name: str, status: Any) -> Any:
    body = {key: value for key, value in a_report(name).items() if key != "spec"} | {"status": status}
    return plane.api.apply(f"{REPORTS.format(namespace)}/{name}/status", body, manager="wfreport")


def refusal(plane: ControlPlane, namespace: str, body: dict[str, Any]) -> str:
    with pytest.raises(ApiError) as caught:
        plane.api.apply(f"{REPORTS.format(namespace)}/{body['metadata']['name']}", body)
    return str(caught.value)


def test_the_committed_crd_is_generated_from_the_models() -> None:
    assert REPORT.path.read_text() == crds.crd_text(REPORT), "run `make crds`"


def test_a_field_without_description_stops_the_generation() -> None:
    class Silent(BaseModel):
        name: str = Field(max_length=63)

    with pytest.raises(crds.UnfitModelError, match=r"Silent\.name: lacks a description"):
        crds.structural_schema(Silent)


def test_a_list_without_a_bound_stops_the_generation() -> None:
    class Endless(BaseModel):
        steps: list[int] = Field(description="Steps.")

    with pytest.raises(crds.UnfitModelError, match=r"Endless\.steps: a list needs max_length"):
        crds.structural_schema(Endless)


def test_a_full_status_survives_the_models_unchanged() -> None:
    assert ReportStatus.model_validate(FULL_STATUS).dump() == FULL_STATUS


@pytest.mark.cluster
def test_a_full_status_is_stored_unchanged_under_few_managed_fields(plane: ControlPlane, namespace: str) -> None:
    plane.api.post(REPORTS.format(namespace), a_report("full"))
    stored = put_status(plane, namespace, "full", FULL_STATUS)
    assert stored["status"] == FULL_STATUS
    (entry,) = [entry for entry in stored["metadata"]["managedFields"] if entry["manager"] == "wfreport"]
    owned = entry["fieldsV1"]["f:status"]
    assert owned.keys() == {f"f:{name}" for name in FULL_STATUS}
    assert [name for name, below in owned.items() if below] == ["f:conditions"]


@pytest.mark.cluster
def test_a_spec_gets_defaults_and_a_status_does_not(plane: ControlPlane, namespace: str) -> None:
    created = plane.api.post(REPORTS.format(namespace), a_report("plain"))
    assert created["spec"] == {"workflowRef": {"name": "etl-daily-x7k2p"}, "source": "Auto", "pinned": False}
    assert put_status(plane, namespace, "plain", {"remediation": {}})["status"] == {"remediation": {}}


@pytest.mark.cluster
@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"workflowRef": {"name": ""}}, "spec.workflowRef.name in body should be at least 1 chars long"),
        *(
            ({"workflowRef": {"name": name}}, "spec.workflowRef.name in body should match")
            for name in ("../../victim/secrets/notify", "..", ".", "a/b", "a%2Fb", "Etl", "a..b", "-a", "a b")
        ),
        *(
            ({"workflowRef": {"name": "a", "uid": uid}}, "spec.workflowRef.uid in body should match")
            for uid in ("../x", "abc", "", "00000000-0000-0000-0000-00000000000g")
        ),
        ({"workflowRef": {}}, "spec.workflowRef.name: Required value"),
        ({"workflowRef": None}, "spec.workflowRef"),
        (
            {"source": "Database"},
            'Unsupported value: "Database": supported values: "Auto", "Cluster", "Archive"',
        ),
        ({"ttlSecondsAfterFinished": -1}, "should be greater than or equal to 0"),
        ({"logTailLines": 1001}, "should be less than or equal to 1000"),
        ({"pinned": "yes"}, ".spec.pinned: expected boolean"),
        ({"pined": True}, ".spec.pined: field not declared in schema"),
    ],
    ids=str,
)
def test_an_invalid_spec_is_refused_with_its_field(
    plane: ControlPlane, namespace: str, spec: dict[str, Any], message: str
) -> None:
    assert message in refusal(plane, namespace, a_report("bad", **spec))


@pytest.mark.cluster
@pytest.mark.parametrize(
    "other",
    [{"name": "another"}, {"name": "etl-daily-x7k2p", "uid": "3f9c1b8e"}],
    ids=["another name", "a uid that was not given"],
)
def test_the_workflow_of_a_report_cannot_be_changed(plane: ControlPlane, namespace: str, other: dict[str, str]) -> None:
    plane.api.post(REPORTS.format(namespace), a_report("bound"))
    answer = refusal(plane, namespace, a_report("bound", workflowRef=other))
    assert "spec.workflowRef: Invalid value" in answer
    assert "workflowRef is immutable: create a report" in answer


@pytest.mark.cluster
def test_the_rest_of_the_spec_may_change(plane: ControlPlane, namespace: str) -> None:
    plane.api.post(REPORTS.format(namespace), a_report("kept"))
    body = a_report("kept", pinned=True, ttlSecondsAfterFinished=60)
    assert plane.api.apply(f"{REPORTS.format(namespace)}/kept", body)["spec"]["pinned"] is True


@pytest.mark.cluster
@pytest.mark.parametrize(
    ("status", "message"),
    [
        ({"parameters": [{"name": "p"}] * 65}, "status.parameters: Too many: 65: must have at most 64 items"),
        ({"summary": "x" * 1025}, "status.summary: Too long: may not be more than 1024"),
        ({"failureClass": "x" * 64}, "status.failureClass: Too long: may not be more than 63"),
        ({"counts": {"total": 1}}, "status.counts.succeeded: Required value"),
        ({"counts": "many"}, ".status.counts"),
        ({"observedWorkflow": {"startedAt": "yesterday"}}, "must be of type date-time"),
        ({"resources": {f"r{number}": 1 for number in range(65)}}, "status.resources: Too many: 65"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_an_invalid_status_is_refused(plane: ControlPlane, namespace: str, status: Any, message: str) -> None:
    plane.api.post(REPORTS.format(namespace), a_report("bad-status"))
    with pytest.raises(ApiError) as caught:
        put_status(plane, namespace, "bad-status", status)
    assert message in str(caught.value)


@pytest.mark.cluster
def test_a_class_of_a_newer_operator_is_accepted(plane: ControlPlane, namespace: str) -> None:
    plane.api.post(REPORTS.format(namespace), a_report("newer"))
    assert put_status(plane, namespace, "newer", {"failureClass": "Melted"})["status"]["failureClass"] == "Melted"


@pytest.mark.cluster
def test_spec_and_status_are_written_separately(plane: ControlPlane, namespace: str) -> None:
    created = plane.api.post(REPORTS.format(namespace), a_report("apart") | {"status": {"summary": "forged"}})
    assert "status" not in created
    assert put_status(plane, namespace, "apart", {"summary": "true"})["metadata"]["generation"] == 1


@pytest.mark.cluster
def test_kubectl_shows_one_line_per_run(plane: ControlPlane, namespace: str) -> None:
    plane.api.post(REPORTS.format(namespace), a_report("line"))
    timing = FULL_STATUS["timing"] | {"duration": "31m03s"}
    put_status(plane, namespace, "line", FULL_STATUS | {"summary": "what happened", "timing": timing, **OOM})
    header, line = plane.kubectl("get", "wfr", "-n", namespace).splitlines()
    assert header.split() == ["NAME", "PHASE", "REASON", "STEP", "RETRIES", "DURATION", "FINISHED", "AGE"]
    assert line.split()[:6] == ["line", "x", "OOMKilled", "train", "1", "31m03s"]
    wide = plane.kubectl("get", "workflowreports", "-o", "wide", "-n", namespace).splitlines()
    assert wide[0].split()[8:] == ["WORKFLOW", "PROGRESS", "FAILED", "REMEDIATIONS", "SUMMARY"]
    assert wide[1].endswith("what happened")
    assert "workflowreport.wfreport.dev/line" in plane.kubectl("get", "argo", "-n", namespace, "-o", "name")


@pytest.mark.cluster
def test_a_report_without_status_is_shown_with_empty_columns(plane: ControlPlane, namespace: str) -> None:
    plane.api.post(REPORTS.format(namespace), a_report("new"))
    (line,) = plane.kubectl("get", "wfr", "-n", namespace, "--no-headers").splitlines()
    assert line.split() == ["new"]


@pytest.mark.cluster
@pytest.mark.parametrize(
    "selector",
    [
        "status.failureClass=OOMKilled",
        "status.observedWorkflow.phase=x",
        "spec.workflowRef.name=etl-daily-x7k2p",
    ],
)
def test_reports_are_selected_by_field(plane: ControlPlane, namespace: str, selector: str) -> None:
    plane.api.post(REPORTS.format(namespace), a_report("wanted"))
    put_status(plane, namespace, "wanted", FULL_STATUS)
    plane.api.post(REPORTS.format(namespace), a_report("unwanted", workflow="another"))
    listed = plane.api.get(REPORTS.format(namespace), fieldSelector=selector)
    assert [item["metadata"]["name"] for item in listed["items"]] == ["wanted"]


@pytest.mark.cluster
def test_kubectl_explains_every_field(plane: ControlPlane) -> None:
    assert "Failed leaves" in plane.kubectl("explain", "wfr.status.failures")
    assert "OOMKilled" in plane.kubectl("explain", "wfr.status.failures.class")

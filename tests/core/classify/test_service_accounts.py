"""The ServiceAccount with which Argo's containers report the results of a step."""

from __future__ import annotations

from typing import Any

import pytest

from wfreport.api.report import WorkflowReport
from wfreport.cli.sources.computed_reports import compute_report
from wfreport.core.classify.service_accounts import reporting_account, step_of_lost_result
from wfreport.core.snapshot.decode import decode_workflow

EXECUTOR = {"executor": {"serviceAccountName": "executor"}}


@pytest.mark.parametrize(
    ("spec", "template", "status", "expected"),
    [
        ({}, {}, {}, "default"),
        ({"serviceAccountName": "etl"}, {}, {}, "etl"),
        ({"serviceAccountName": "etl"}, {"serviceAccountName": "own"}, {}, "own"),
        (EXECUTOR, {"serviceAccountName": "own"}, {}, "executor"),
        ({"serviceAccountName": "etl", "templateDefaults": {"serviceAccountName": "runner"}}, {}, {}, "runner"),
        ({"templateDefaults": {"serviceAccountName": "runner"}}, {"serviceAccountName": "own"}, {}, "own"),
        ({**EXECUTOR, "templateDefaults": {"executor": {"serviceAccountName": "d"}}}, {}, {}, "d"),
        ({"serviceAccountName": "{{workflow.parameters.sa}}"}, {}, {}, None),
        ({"serviceAccountName": "--all"}, {}, {}, None),
        (EXECUTOR, {"executor": {"serviceAccountName": "of-step"}}, {}, "of-step"),
        ({"workflowTemplateRef": {"name": "t"}}, {}, {}, None),
        (
            {"workflowTemplateRef": {"name": "t"}}, {},
            {"storedWorkflowTemplateSpec": {"serviceAccountName": "stored"}}, "stored",
        ),
    ],
)  # fmt: skip
def test_the_account_is_the_one_that_argo_uses(
    spec: dict[str, Any], template: dict[str, Any], status: dict[str, Any], expected: str | None
) -> None:
    document = {
        "metadata": {"name": "wf"},
        "spec": {**spec, "templates": [{"name": "t", **template}]},
        "status": status,
    }
    workflow = decode_workflow(document).workflow
    assert reporting_account(workflow, workflow.spec.templates) == expected
    assert reporting_account(workflow, []) is None


def test_the_account_is_unknown_if_templates_of_the_same_name_differ_in_it() -> None:
    templates = [{"name": "t", "serviceAccountName": name} for name in ("a", "b")]
    workflow = decode_workflow({"metadata": {"name": "wf"}, "spec": {"templates": templates}}).workflow
    assert reporting_account(workflow, workflow.spec.templates) is None


def test_the_step_of_a_lost_result_is_the_one_in_the_same_boundary() -> None:
    def node(number: str, name: str, template: str, boundary: str, **fields: str) -> dict[str, Any]:
        fields = {"type": "Pod", "phase": "Succeeded", **fields}
        full = number if boundary == "" else f"wf.{number.replace('-', '.')}"
        return {"id": number, "name": full, "displayName": name, "templateName": template, "boundaryID": boundary,
                "startedAt": "2026-01-01T00:00:00Z", "finishedAt": "2026-01-01T00:01:00Z", **fields}  # fmt: skip

    message = "withParam value could not be parsed as a JSON list: {{tasks.list.outputs.result}}: invalid character '{'"
    nodes = [
        {**node("wf", "wf", "root", "", type="DAG", phase="Error"), "children": ["a", "b"]},
        {**node("a", "a", "pa", "wf", type="DAG", phase="Error"), "children": ["a-list"]},
        {**node("b", "b", "pb", "wf", type="DAG"), "children": ["b-list"]},
        {**node("a-list", "list", "list-a", "a"), "children": ["a-loop"]},
        node("a-loop", "loop", "work", "a", type="Skipped", phase="Error", message=message),
        node("b-list", "list", "list-b", "b"),
    ]
    templates = [{"name": f"list-{name}", "serviceAccountName": f"acct-{name}"} for name in "ab"]
    document = {
        "metadata": {"name": "wf", "namespace": "ns", "uid": "u", "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": {"entrypoint": "root", "templates": templates},
        "status": {"phase": "Error", "startedAt": "2026-01-01T00:00:00Z", "nodes": {one["id"]: one for one in nodes}},
    }
    status = WorkflowReport.model_validate(compute_report(decode_workflow(document), {})).status
    assert status is not None
    assert [one.service_account_name for one in status.failures or ()] == ["acct-a"]


def test_the_step_is_the_one_that_the_message_misses() -> None:
    assert step_of_lost_result("x {{steps.list.outputs.result}}: y") == "list"
    assert step_of_lost_result("x") is None

"""The ServiceAccount with which Argo's containers report the results of a step."""

from __future__ import annotations

from typing import Any

import pytest

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
    assert reporting_account(workflow, workflow.spec.templates[0]) == expected
    assert (reporting_account(workflow, None) is None) == (expected is None)


def test_the_step_is_the_one_that_the_message_misses() -> None:
    assert step_of_lost_result("x {{steps.list.outputs.result}}: y") == "list"
    assert step_of_lost_result("x") is None

"""A right that RBAC denied: which account gets it, who grants it, and how the step is run again."""

from __future__ import annotations

from typing import Any

import pytest
from tests.core.next_steps.runs import a_failed, a_failure, a_stalled, a_waiting, lines, sentences

from wfreport.api.classes import FailureClass
from wfreport.api.reasons import StallReason
from wfreport.api.report import Waiting
from wfreport.api.run import WorkflowSource
from wfreport.core.next_steps.model import NextStep
from wfreport.core.next_steps.steps import next_steps


def denied(resource: str = "namespaces", account: str = "data:default", namespace: str = "x") -> str:
    return (
        f'{resource} "x" is forbidden: User "system:serviceaccount:{account}" cannot get resource "{resource}" in API '
        f'group "" in the namespace "{namespace}"'
    )


def steps_of(message: str, **fields: Any) -> list[NextStep]:
    return next_steps(a_failed(a_failure(FailureClass.CONFIG_ERROR, message, **fields)))


def test_a_step_of_the_default_account_gets_one_of_its_own_with_all_rights_that_it_needs() -> None:
    steps = steps_of(denied(), template_name="Load_Data")
    assert lines(steps)[1:] == [
        "kubectl create serviceaccount load-data",
        "kubectl create clusterrole load-data-get-namespaces --verb=get --resource=namespaces",
        (
            "kubectl create clusterrolebinding load-data-get-namespaces --clusterrole=load-data-get-namespaces "
            "--serviceaccount=data:load-data"
        ),
        "kubectl create role load-data-reports-results --verb=create,patch --resource=workflowtaskresults.argoproj.io",
        (
            "kubectl create rolebinding load-data-reports-results --role=load-data-reports-results "
            "--serviceaccount=data:load-data"
        ),
    ]
    assert "Let an admin of the cluster give the step" in sentences(steps)
    assert "Then set serviceAccountName: load-data in template Load_Data." in sentences(steps)
    assert steps[-1].text.startswith("Then submit the corrected Workflow")


@pytest.mark.parametrize("failure_class", [FailureClass.CONFIG_ERROR, FailureClass.EXIT_CODE])
def test_the_commands_have_room_beside_a_pod_and_a_log(failure_class: FailureClass) -> None:
    failure = a_failure(failure_class, denied(), pod_name="p", exit_code=1)
    shown = lines(next_steps(a_failed(failure, existing_pods=frozenset({"p"}))))
    assert len([line for line in shown if line.startswith("kubectl create")]) == 5


def test_an_account_of_its_own_gets_the_right_itself() -> None:
    steps = steps_of(denied("pods", "data:etl"))
    assert lines(steps)[1:] == [
        "kubectl create role etl-get-pods --verb=get --resource=pods",
        "kubectl create rolebinding etl-get-pods --role=etl-get-pods --serviceaccount=data:etl",
        "argo retry wf",
    ]
    assert "Let an admin of namespace x grant ServiceAccount etl of namespace data the right to get pods in" in (
        sentences(steps)
    )


@pytest.mark.parametrize("user", ["other:default", "data:default:x"])
def test_nothing_is_granted_to_whoever_is_no_account_of_the_runs_namespace(user: str) -> None:
    steps = steps_of(denied("pods", user))
    assert not [line for line in lines(steps) if line.startswith("kubectl create")]
    assert "Let an admin of namespace x grant" in sentences(steps)


@pytest.mark.parametrize(
    ("template", "source", "name"),
    [
        ("default", None, "wf-default"),
        ("___", None, "wf"),
        (None, None, "wf"),
        (None, WorkflowSource(generate_name="nightly.load-"), "nightly-load"),
        ("a" * 49 + "-b", None, "a" * 49),
    ],
)
def test_the_account_is_named_after_the_template_else_the_pipeline_else_the_run(
    template: str | None, source: WorkflowSource | None, name: str
) -> None:
    failure = a_failure(FailureClass.CONFIG_ERROR, denied(), template_name=template)
    steps = next_steps(a_failed(failure, status={"workflow_source": source}))
    assert f"kubectl create serviceaccount {name}" in lines(steps)


def test_no_account_is_created_by_half() -> None:
    """A run that also hangs, or a step that waits, has no room for all the commands."""
    stalled = a_stalled(StallReason.TASK_RESULT_MISSING).status.stalled
    hanging = a_failed(a_failure(FailureClass.CONFIG_ERROR, denied()), status={"stalled": stalled})
    waiting = a_waiting(Waiting(reason="Forbidden", display_name="e2e", pod_name="p", message=denied()))
    for run in (hanging, waiting):
        steps = next_steps(run)
        assert not [line for line in lines(steps) if line.startswith("kubectl create")]
        assert "create and patch workflowtaskresults. Then set serviceAccountName: " in sentences(steps)
        assert any(line.startswith("kubectl auth can-i") for line in lines(steps))


def test_a_right_of_a_waiting_step_that_has_room_is_granted() -> None:
    waiting = a_waiting(Waiting(reason="Forbidden", display_name="e2e", message=denied("pods", "data:etl")))
    assert "kubectl create role etl-get-pods --verb=get --resource=pods" in lines(next_steps(waiting))

"""NEXT as it is printed: complete command lines that reach the same cluster, and sentences."""

from __future__ import annotations

import pytest
from tests.core.next_steps.runs import a_failure, a_stalled

from wfreport.api.classes import FailureClass
from wfreport.api.reasons import StallReason
from wfreport.api.report import ObservedWorkflow, ReportStatus, WorkflowReport
from wfreport.cli.render.live_details import LiveDetails
from wfreport.cli.render.next_steps import next_commands
from wfreport.cli.render.report_page import report_lines
from wfreport.cli.render.style import Style
from wfreport.core.next_steps.lines import Invocation
from wfreport.core.next_steps.model import NextStep

HERE = Invocation("kubectl wfreport", ["-n", "data", "--context", "prod"])


@pytest.mark.parametrize(
    ("step", "line"),
    [
        (NextStep("text", ("wfreport", "logs", "wf", "a b")), "kubectl wfreport logs wf 'a b' -n data --context prod"),
        (NextStep("text", ("kubectl", "get", "pvc")), "kubectl get pvc -n data --context prod"),
        (NextStep("text", ("kubectl", "get", "x"), "argo"), "kubectl get x -n argo --context prod"),
        (NextStep("text", ("kubectl", "get", "nodes"), ""), "kubectl get nodes --context prod"),
        (
            NextStep("text", ("kubectl", "exec", "p", "--", "kill", "1")),
            "kubectl exec p -n data --context prod -- kill 1",
        ),
        (NextStep("A sentence."), ""),
    ],
)
def test_a_command_reaches_the_cluster_and_the_namespace_of_the_step(step: NextStep, line: str) -> None:
    assert HERE.line_of(step) == line


def test_the_default_namespace_of_a_step_is_added_if_none_was_given() -> None:
    anywhere = Invocation("wfreport", [])
    assert anywhere.line_of(NextStep("text", ("kubectl", "get", "x"), "argo")) == "kubectl get x -n argo"


def page_of(status: ReportStatus, width: int) -> list[str]:
    report = WorkflowReport.model_validate(
        {
            "metadata": {"name": "r", "namespace": "data"},
            "spec": {"workflowRef": {"name": "wf"}},
            "status": status.dump(),
        }
    )
    commands = next_commands(report, (), HERE, has_workflow=True)
    return [line.plain for line in report_lines(report, Style(width=width), LiveDetails(commands=commands))]


@pytest.mark.parametrize("width", [40, 60, 160])
def test_a_command_is_on_one_line_and_its_reason_is_never_lost(width: int) -> None:
    failure = a_failure(FailureClass.CONFIG_ERROR, 'secret "s1" not found')
    status = ReportStatus(observed_workflow=ObservedWorkflow(phase="Failed"), failures=[failure])
    shown = page_of(status, width)
    next_part = shown[shown.index("NEXT") :]
    assert any(line.startswith("→ kubectl get secret s1 -n data --context prod") for line in next_part)
    assert "# is it there?" in " ".join(next_part)
    assert [line for line in next_part if len(line) > width and not line.startswith("→ ")] == []


def test_a_run_that_hangs_has_owner_and_outlook_and_its_advice_once() -> None:
    run = a_stalled(StallReason.POD_GONE, "the pod is gone", advice="Restart Argo's controller.")
    shown = "\n".join(page_of(run.status, 120))
    assert "  owner      Platform · a new run may help" in shown
    assert "advice" not in shown
    assert "→ kubectl rollout restart deployment/workflow-controller -n argo --context prod" in shown

"""The block of a failure on a page: who failed, why in one order, and for how long it really ran."""

from __future__ import annotations

from typing import Any

import pytest
from tests.core.next_steps.runs import a_failure, a_step

from wfreport.api.classes import FailureClass, Owner
from wfreport.api.report import Failure, ReportStatus, Step, WorkflowReport
from wfreport.api.run import WorkflowSource
from wfreport.cli.render.quantities import with_sizes
from wfreport.cli.render.report_page import report_lines
from wfreport.cli.render.style import Style


def page_of(*failures: Failure, steps: list[Step] | None = None, **status: Any) -> list[str]:
    """Return the lines of a page, without what surrounds their words."""
    report = WorkflowReport.model_validate(
        {
            "metadata": {"name": "r", "namespace": "data"},
            "spec": {"workflowRef": {"name": "wf"}},
            "status": ReportStatus(failures=list(failures) or None, steps=steps, **status).dump(),
        }
    )
    return [line.plain.strip() for line in report_lines(report, Style())]


def test_a_failed_agent_is_named_and_not_the_workflow() -> None:
    agent = a_failure(FailureClass.EVICTED, "m", node_id=None, display_name=None, pod_name="wf-1340600742-agent")
    assert "ROOT CAUSE  Argo's agent, which runs the HTTP and plugin steps" in page_of(agent)
    other = a_failure(FailureClass.TEMPLATE_ERROR, "m", node_id=None, display_name=None)
    assert "ROOT CAUSE  the Workflow itself" in page_of(other)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (
            {"failure_class": FailureClass.CONFIG_ERROR, "reason": "Forbidden"},
            ["reason     Forbidden: RBAC denied a request: a ServiceAccount lacks a right.", "class      ConfigError"],
        ),
        (
            {"failure_class": FailureClass.NODE_LOST, "reason": "NodeShutdown"},
            [
                "reason     NodeShutdown",
                "class      NodeLost: The machine shut down or stopped responding while the pod ran on it.",
            ],
        ),
        (
            {"failure_class": FailureClass.EXIT_CODE, "reason": "Error", "exit_code": 1},
            ["class      ExitCode: The step's program ended with an exit code other than 0."],
        ),
        (
            {"failure_class": FailureClass.EVICTED, "reason": "Evicted"},
            ["class      Evicted: The kubelet evicted the pod: it exceeded its storage limit."],
        ),
    ],
)
def test_the_reason_stands_before_the_class_on_every_page(fields: dict[str, Any], expected: list[str]) -> None:
    shown = page_of(a_failure(**fields))
    first = next(number for number, line in enumerate(shown) if line.startswith("ROOT CAUSE")) + 1
    assert shown[first : first + len(expected)] == expected
    assert [line for line in shown if line.startswith(("reason ", "class "))] == expected


TIMES = {"started_at": "2026-11-20T08:00:00Z", "finished_at": "2026-11-20T08:00:40Z"}


@pytest.mark.parametrize(
    ("queued", "expected"), [(23, "took 40s, 23s of it queued"), (None, "ran 40s"), (0, "ran 40s")]
)
def test_a_step_that_was_queued_did_not_run_for_all_of_its_time(queued: int | None, expected: str) -> None:
    failure = Failure.model_validate(a_failure(FailureClass.EXIT_CODE, exit_code=1).dump() | {
        "startedAt": TIMES["started_at"], "finishedAt": TIMES["finished_at"],
    })  # fmt: skip
    (line,) = (line for line in page_of(failure, steps=[a_step(queued_seconds=queued)]) if line.startswith("time "))
    assert line.removeprefix("time").strip().startswith(f"{expected} ")


def test_who_submitted_the_run_has_a_line() -> None:
    source = WorkflowSource(creator="ana", cron_workflow="nightly")
    shown = page_of(workflow_source=source)
    assert "by         ana" in shown
    assert "from       CronWorkflow nightly" in shown
    assert not [line for line in page_of() if line.startswith("by ")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "Threshold quantity: 53687091200, available: 48219316Ki. ",
            "Threshold quantity: 53687091200 (50.0Gi), available: 48219316Ki (46.0Gi). ",
        ),
        ("Threshold quantity: 100Mi, available: 12345678", "Threshold quantity: 100Mi, available: 12345678"),
        ("available: 48219316KiB", "available: 48219316KiB"),
    ],
)
def test_the_amounts_of_the_kubelet_have_one_unit(text: str, expected: str) -> None:
    assert with_sizes(text) == expected


def test_a_page_has_the_amounts_of_the_kubelet_in_one_unit() -> None:
    failure = a_failure(FailureClass.EVICTED, owner=Owner.INFRASTRUCTURE, pod_message="available: 48219316Ki")
    assert "pod status available: 48219316Ki (46.0Gi)" in page_of(failure)

"""Steps that cost something say what: a run that counts as failed, outputs and logs that are lost."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from tests.core.next_steps.runs import a_failed, a_failure, a_stalled, a_waiting, lines, sentences

from wfreport.api.classes import FailureClass
from wfreport.api.reasons import StallReason
from wfreport.api.report import Waiting
from wfreport.core.next_steps.model import ReportedRun
from wfreport.core.next_steps.steps import next_steps

ENDING = (
    StallReason.MAIN_ENDED, StallReason.MAIN_NOT_STARTED, StallReason.POD_GONE, StallReason.EXIT_HANDLER_NOT_STARTED,
    StallReason.LOCK_LEAKED,
)  # fmt: skip


@pytest.mark.parametrize("run", [*map(a_stalled, ENDING), a_waiting(Waiting(reason="DeadlinePassed"))])
def test_a_run_that_is_terminated_counts_as_failed(run: ReportedRun) -> None:
    (step,) = (step for step in next_steps(run) if step.command[:2] == ("argo", "terminate"))
    assert step.text.endswith("it then counts as failed")


def test_a_sentence_that_ends_a_run_says_so_as_well() -> None:
    run = a_waiting(Waiting(reason="FailedMount", pod_name="p", message='secret "s" not found'))
    sentence = "end this run, which then counts as failed (argo terminate wf -n data), and submit"
    assert sentence in sentences(next_steps(run))


def test_the_log_is_saved_before_anything_can_end_the_pod_and_the_pod_is_deleted_last() -> None:
    steps = next_steps(a_stalled(StallReason.TASK_RESULT_MISSING))
    assert [line.split()[:3] for line in lines(steps)][:3] == [
        ["kubectl", "logs", "pod-1"], ["kubectl", "label", "workflowtaskresult"], ["kubectl", "delete", "pod"],
    ]  # fmt: skip
    assert "add > wait.log to keep it" in steps[0].text
    assert "outputs that are not stored by now are lost" in steps[1].text
    assert steps[2].text == "only if that does not help: delete its pod; the step may then fail, its log is lost"


def test_a_step_that_has_failed_does_not_fail_by_the_deletion_of_its_pod() -> None:
    run = a_stalled(StallReason.TASK_RESULT_MISSING)
    failures = [a_failure(FailureClass.ARTIFACT_IO, "no space left on device")]
    both = replace(run, status=run.status.model_copy(update={"failures": failures}))
    (step,) = (step for step in next_steps(both) if step.command[:2] == ("kubectl", "delete"))
    assert step.text.endswith("; the step stays failed, its log is lost")


@pytest.mark.parametrize(
    "run",
    [
        a_stalled(StallReason.MAIN_ENDED, "main of e2e exited with code 0, and istio-proxy keeps the pod alive"),
        a_waiting(Waiting(reason="Stopping", pod_name="p")),
        a_waiting(Waiting(reason="ExecutorFailed", pod_name="p")),
    ],
)
def test_a_pod_that_is_deleted_loses_its_log(run: ReportedRun) -> None:
    (step,) = (step for step in next_steps(run) if step.command[:3] == ("kubectl", "delete", "pod"))
    assert "its log is lost" in step.text


def test_a_run_that_hangs_leaves_room_for_what_mends_its_failure() -> None:
    run = a_stalled(StallReason.TASK_RESULT_MISSING)
    failure = a_failure(
        FailureClass.ARTIFACT_IO, "no space left on device", container="wait", pod_name="pod-1", host_node_name="m",
        template_name="load",
    )  # fmt: skip
    both = replace(run, status=run.status.model_copy(update={"failures": [failure]}))
    assert "Give the step more room on the disk" in sentences(next_steps(both))


def test_a_pod_that_is_gone_is_not_deleted() -> None:
    run = replace(a_stalled(StallReason.TASK_RESULT_MISSING), existing_pods=frozenset())
    assert not [line for line in lines(next_steps(run)) if "pod-1" in line]


@pytest.mark.parametrize("template", ["system-container-impl", "system-dag-driver"])
def test_a_pipeline_of_kubeflow_is_run_again_there(template: str) -> None:
    failure = a_failure(FailureClass.OOM_KILLED, template_name=template)
    sentence = "Then run the corrected pipeline again in Kubeflow Pipelines; argo retry"
    assert sentence in sentences(next_steps(a_failed(failure)))
    lost = a_failure(FailureClass.NODE_LOST, template_name=template, retryable=True)
    assert "Run the pipeline again in Kubeflow Pipelines." in sentences(next_steps(a_failed(lost, has_workflow=False)))

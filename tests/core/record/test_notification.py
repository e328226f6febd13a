"""Notifications of failed runs and of the outcomes of actions."""

from __future__ import annotations

from typing import Any

import pytest
from tests.core.record.builders import LATER, NOW, a_remediation, with_status

from wfreport.api.condition import Condition
from wfreport.api.metadata import ObjectMetadata
from wfreport.api.reasons import RemediationConditionType, RemediationReason
from wfreport.api.remediation import RemediationStatus
from wfreport.api.report import WorkflowReport
from wfreport.core.record.notification import MAX_BODY, failure_notification, outcome_notification, stall_notification
from wfreport.core.record.progress import ExecutionResult, status_executed, status_with_outcome


def a_report(**status: Any) -> WorkflowReport:
    return WorkflowReport.model_validate(
        {
            "metadata": {"name": "etl-3f", "namespace": "data"},
            "spec": {"workflowRef": {"name": "etl"}},
            "status": status or None,
        }
    )


FAILURE = {
    "displayName": "transform",
    "role": "RootCause",
    "class": "OOMKilled",
    "owner": "User",
    "retryable": True,
    "confidence": "High",
    "exitCode": 137,
    "message": "main: OOMKilled (exit code 137)",
    "logTail": {"text": "\n".join(f"line {n}" for n in range(30)), "lines": 30, "bytes": 300},
}
FAILED = {
    "summary": "transform: main OOMKilled at 4Gi",
    "observedWorkflow": {"phase": "Failed", "finishedAt": NOW},
    "failures": [FAILURE],
    "timing": {"durationSeconds": 1863, "duration": "31m03s"},
    "parameters": [{"name": "day", "value": "2026-11-22"}, {"name": "none"}, {"name": "long", "value": "x " * 99}],
    "links": {"ui": "https://argo.example.com/workflows/data/etl"},
}


def test_a_notification_has_the_cause_once_with_parameters_duration_and_the_next_step() -> None:
    message = failure_notification(a_report(**FAILED), a_remediation(), a_remediation(action="RaiseMemory"))
    assert message.title == "data/etl failed: OOMKilled"
    for part in (
        "transform: main OOMKilled at 4Gi",
        "Parameters: day=2026-11-22, long=x x x",
        "after 31m03s",
        "Next: kubectl wfreport remediations etl -n data",
        "Action: RaiseMemory (etl-1)",
        "Run: https://argo.example.com/workflows/data/etl",
        "line 29",
    ):
        assert part in message.body
    assert "line 3\n" not in message.body
    assert message.body.count("OOMKilled") == 1
    assert len(message.body) <= MAX_BODY
    assert (message.id, message.at, message.is_good) == ("r-1-failed", NOW, False)
    assert message.facts["action"] == "RaiseMemory"
    assert message.facts["exitCode"] == 137
    assert message.facts["durationSeconds"] == 1863
    assert message.facts["parameters"]["day"] == "2026-11-22"


def test_a_report_with_few_fields_still_gives_a_notification() -> None:
    message = failure_notification(a_report(), a_remediation(), None)
    assert message.at == NOW
    assert message.title == "data/etl failed: OOMKilled"
    bare = {key: FAILURE[key] for key in ("role", "class", "owner", "retryable", "confidence")}
    without = failure_notification(a_report(failures=[bare]), a_remediation(), None)
    assert without.body == (
        "the Workflow: OOMKilled\nNext: Raise the memory limit of container main in the template.\n"
        "Then: kubectl wfreport show etl -n data"
    )


def test_a_notification_names_the_logs_of_the_failed_step_and_a_few_parameters() -> None:
    parameters = [{"name": f"p{n}", "value": "v"} for n in range(9)]
    failure = FAILURE | {"podName": "etl-transform-1", "displayName": "transform(0:a b)", "class": "ExitCode"}
    failure |= {"retryable": False}
    steps = [{"displayName": "transform(0:a b)", "nodeId": "n", "type": "Pod", "phase": "Failed"}]
    status = {"failures": [failure], "parameters": parameters, "observedWorkflow": {"phase": "Failed"}}
    body = failure_notification(a_report(**status, steps=steps), a_remediation(), None).body
    assert "transform(0:a b): ExitCode, exit code 137" in body
    assert "p5=v, 3 more" in body
    assert "Next: kubectl wfreport logs etl 'transform(0:a b)' -n data" in body
    shared = failure_notification(a_report(**status, steps=steps * 2), a_remediation(), None)
    assert "Next: kubectl wfreport logs etl etl-transform-1 -n data" in shared.body


def test_a_notification_of_a_run_that_hangs_has_what_to_do_about_it() -> None:
    stalled = {"reason": "PodTerminating", "message": "the pod of load hangs in Terminating on machine host-1"}
    hung = a_report(observedWorkflow={"phase": "Running"}, stalled=stalled | {"advice": "Look after the machine."})
    body = stall_notification(hung, a_remediation(), None).body
    assert body.splitlines() == [stalled["message"], "Next: kubectl get node host-1"]


@pytest.mark.parametrize(
    ("status", "reason", "title"),
    [
        ("True", RemediationReason.RUN_SUCCEEDED, "data/etl: Resubmit helped"),
        ("False", RemediationReason.RUN_FAILED, "data/etl: Resubmit did not help"),
    ],
)
def test_a_follow_up_has_the_outcome(status: Any, reason: RemediationReason, title: str) -> None:
    action = a_remediation()
    action = with_status(
        action, status_executed(action, NOW, ExecutionResult("True", RemediationReason.EXECUTED, "created"))
    )
    action = with_status(action, status_with_outcome(action, status, reason, "so it ended", LATER))
    message = outcome_notification(a_report(**FAILED), a_remediation(), action)
    assert message.title == title
    assert message.body.startswith("so it ended")
    assert (message.id, message.at, message.is_good) == ("r-1-ended", LATER, status == "True")
    assert message.facts["outcome"] == reason


def test_a_follow_up_of_a_refused_action_has_the_refusal() -> None:
    action = a_remediation()
    refused = ExecutionResult("False", RemediationReason.NOT_POSSIBLE, "MemoryAtMaximum: 16Gi already")
    action = with_status(action, status_executed(action, NOW, refused))
    message = outcome_notification(a_report(), a_remediation(), action)
    assert message.body == "MemoryAtMaximum: 16Gi already"
    assert message.facts["outcome"] == "NotPossible"
    assert outcome_notification(a_report(), a_remediation(), a_remediation()).body == ""


def test_a_remediation_that_was_never_created_has_no_notification() -> None:
    unborn = a_remediation().model_copy(update={"metadata": ObjectMetadata(name="etl-1")})
    with pytest.raises(ValueError, match="never created"):
        failure_notification(a_report(), unborn, None)
    approved = Condition(type=RemediationConditionType.APPROVED, status="True", reason="x", last_transition_time=NOW)
    known = with_status(unborn, RemediationStatus(conditions=[approved]))
    assert failure_notification(a_report(), known, None).at == NOW


def test_a_notification_contains_no_character_without_a_glyph() -> None:
    message = failure_notification(a_report(summary="etl\u202e\x1b[31m failed\u200b"), a_remediation(), None)
    assert message.body.startswith("etl failed\n")

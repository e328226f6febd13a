"""The outcome of an action, from the end of the run that it created."""

from __future__ import annotations

import pytest
from msgspec import structs

from wfreport.api.classes import FailureClass
from wfreport.core.decide.model import Run
from wfreport.core.record.outcome import outcome_of

REFUSED = "workflows must use workflowTemplateRef to be executed when the controller is in reference mode"


def ended(phase: str, failure_class: FailureClass | None = None) -> Run:
    return Run("data", "etl-r1", "u", phase=phase, failure_class=failure_class)


@pytest.mark.parametrize(
    ("run", "workflow_message", "status", "reason", "message"),
    [
        (ended("Succeeded"), None, "True", "RunSucceeded", "it helped: etl-r1 succeeded"),
        (ended("Failed", FailureClass.CANCELLED), "Stopped", "Unknown", "NoOutcome", "a person ended etl-r1"),
        (ended("Failed"), None, "False", "RunFailed", "it did not help: etl-r1 failed too"),
        (
            structs.replace(ended("Failed", FailureClass.CANCELLED), was_stopped_by_policy=True),
            "Stopped",
            "False",
            "RunFailed",
            "it did not help: etl-r1 hung or took too long, and a policy stopped it",
        ),
        (
            ended("Error", FailureClass.OOM_KILLED),
            "main: OOMKilled",
            "False",
            "RunFailed",
            "it did not help: etl-r1 failed too: OOMKilled",
        ),
    ],
)
def test_an_action_helped_if_its_run_succeeded(
    run: Run, workflow_message: str | None, status: str, reason: str, message: str
) -> None:
    outcome = outcome_of(run, workflow_message)
    assert (outcome.status, outcome.reason, outcome.message) == (status, reason, message)


def test_the_outcome_of_a_run_that_argo_refused_names_the_setting() -> None:
    outcome = outcome_of(ended("Error", FailureClass.CONFIG_ERROR), REFUSED)
    assert (outcome.status, outcome.reason) == ("False", "RunRefused")
    assert "WFREPORT_ARGO_REFERENCES_ONLY=true" in outcome.message
    assert "etl-r1" in outcome.message

"""The comparison in a report: computed once, at the end, with a clause in the summary."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from tests.builders import a_report
from tests.core.compare.runs import a_template, a_workflow, run_of

from wfreport.api.report import ReportStatus
from wfreport.api.run import WorkflowSource
from wfreport.core.compare.comparison import KnownRuns
from wfreport.core.compare.origin import RunOutcome, origin_of
from wfreport.core.snapshot.decode import decode_workflow

KNOWN = KnownRuns(
    [RunOutcome("Workflow/bad", datetime(2025, 12, 1, tzinfo=UTC), None, has_succeeded=True)],
    run_of(a_workflow(name="good")),
)
FAILED = a_workflow(a_template(image="etl:1.9"), name="bad", phase="Failed")
FAILED["status"]["nodes"]["bad-work"] |= {"phase": "Failed", "message": "Error (exit code 3)"}


def report(known: KnownRuns = KNOWN, stored: ReportStatus | None = None, message: str = "") -> ReportStatus:
    workflow = json.loads(json.dumps(FAILED))
    if message:
        workflow["status"]["nodes"]["bad-work"]["message"] = message
    return a_report(decode_workflow(json.dumps(workflow).encode()), known=known, stored=stored)


def test_the_summary_names_what_changed() -> None:
    assert (report().summary or "").endswith("; first failure after 1 success; image etl:1.8 → 1.9")


def test_it_is_kept_when_earlier_runs_are_forgotten() -> None:
    first = report()
    assert report(KnownRuns(), first) == first


def test_evidence_that_gives_the_run_another_failure_compares_it_again() -> None:
    first = report()
    assert report(KnownRuns(), first, "OOMKilled (exit code 137)").comparison is None


def test_a_run_that_succeeds_is_compared_in_silence() -> None:
    workflow = json.dumps(a_workflow(name="next")).encode()
    found = a_report(decode_workflow(workflow), known=KNOWN)
    assert found.comparison is not None
    assert found.summary == "Succeeded in 10s"


@pytest.mark.parametrize(
    ("source", "origin"),
    [
        (WorkflowSource(cron_workflow="c", workflow_template="t"), "CronWorkflow/c"),
        (WorkflowSource(workflow_template="t", generate_name="g-"), "WorkflowTemplate/t"),
        (WorkflowSource(cluster_workflow_template="t"), "ClusterWorkflowTemplate/t"),
        (WorkflowSource(generate_name="g-"), "generateName/g-"),
        (WorkflowSource(), "Workflow/name"),
        (None, "Workflow/name"),
    ],
)
def test_comparable_runs_have_the_same_origin(source: WorkflowSource | None, origin: str) -> None:
    assert origin_of(source, "name") == origin

"""What trends keep of a report."""

from __future__ import annotations

import msgspec
import pytest
from tests.core.trends.runs import a_raw_report, a_run, a_step

from wfreport.core.trends.facts import MAX_STEPS, decode_facts


def test_a_report_that_has_seen_no_run_has_no_facts() -> None:
    assert decode_facts(b'{"metadata": {"name": "a"}, "spec": {}}') is None
    assert decode_facts(b'{"metadata": {"name": "a"}, "spec": {}, "status": {"summary": "awaited"}}') is None


@pytest.mark.parametrize("report", [b"no json", b"[]", b'{"status": {"observedWorkflow": {"finishedAt": "soon"}}}'])
def test_what_is_no_report_is_refused(report: bytes) -> None:
    with pytest.raises(msgspec.MsgspecError):
        decode_facts(report)


def test_a_run_that_goes_on_has_no_end() -> None:
    running = {"phase": "Running", "startedAt": "2026-11-01T00:00:00Z"}
    run = a_run(1, observedWorkflow=running, timing=None, definition=None, workflowSource=None)
    assert (run.finished_at, run.has_succeeded, run.seconds, run.definition) == (None, False, None, None)
    assert (run.queued_seconds, run.retried_seconds, run.uid) == (None, None, "etl-1-r")
    assert run.origin == "Workflow/etl-1"


def test_queued_time_is_that_before_the_start_and_on_the_critical_path() -> None:
    path = [{"queuedSeconds": 5}, {}, {"queuedSeconds": 7}]
    assert a_run(1, criticalPath=path).queued_seconds == 14
    assert a_run(1, criticalPath=path, timing={}).queued_seconds == 12
    assert a_run(1, timing={}).queued_seconds is None


def test_time_of_failed_attempts() -> None:
    assert a_run(1, timing={"retries": {"seconds": 33}}).retried_seconds == 33
    assert a_run(1).retried_seconds == 0


def test_a_failure_that_nobody_knows_is_unknown() -> None:
    run = a_run(1, failed="OOMKilled", failureClass=None)
    assert run.failed is not None
    assert (run.failed.failure_class, run.failed.owner, run.failed.fingerprint) == ("Unknown", "", "")


def test_the_last_remediation() -> None:
    last = {"remediationRef": "r-1", "action": "Retry", "outcome": "RunSucceeded"}
    remediation = a_run(1, remediation={"last": last}).remediation
    assert remediation is not None
    assert (remediation.name, remediation.action, remediation.outcome) == ("r-1", "Retry", "RunSucceeded")
    assert a_run(1, remediation={"attempts": 0}).remediation is None


def test_steps_are_kept_only_of_runs_that_failed_or_repeat_another() -> None:
    steps = [a_step("a", 5), a_step("b", 5, phase="Failed"), a_step("c", 5, type="Skipped"), a_step("etl-1", 9)]
    steps.append(a_step("d", 5, finishedAt=None))
    assert a_run(1, steps=steps).steps == {}
    assert a_run(1, steps=steps, failed="ExitCode").steps == {("a", "work"): 5, ("", "work"): 9}
    assert a_run(1, steps=steps, workflowSource={"resubmittedFrom": "etl-0"}).steps != {}
    assert a_run(1, failed="ExitCode").steps == {}


def test_the_number_of_steps_that_are_kept_is_bounded() -> None:
    steps = [a_step(f"s{number}", 1) for number in range(MAX_STEPS + 50)]
    assert len(a_run(1, failed="ExitCode", steps=steps).steps) == MAX_STEPS


def test_fields_of_a_newer_operator_are_skipped() -> None:
    assert decode_facts(a_raw_report(1, somethingNew={"a": [1]})) is not None

"""The report of every recorded run of the real controller is the expected one (expected.json)."""

import functools
from collections.abc import Sequence

import pytest
from tests.builders import a_report, final_of
from tests.recorded import Recording, chosen_recordings, recordings

from wfreport.api.classes import FailureClass, Role
from wfreport.api.report import Failure, ReportStatus

RECORDINGS = [pytest.param(case, id=case.name) for case in chosen_recordings()]
KNOWN = [pytest.param(case, id=case.name) for case in chosen_recordings() if not case.derived]

CLASSES_BY_REASON = {
    "OOMKilled": {"OOMKilled"},
    "Evicted": {"Evicted"},
    "Terminated": {"NodeLost"},
    "Preempting": {"Preempted"},
    "PodDeleted": {"PodDeleted", "NodeLost"},
    "ContainerDeleted": {"PodDeleted"},
    "DeadlineExceeded": {"Timeout"},
    "WorkflowDeadlineExceeded": {"Timeout"},
    "Timeout": {"Timeout"},
    "WorkflowStopped": {"Cancelled"},
    "WorkflowTerminated": {"Cancelled"},
    "InvalidSpec": {"TemplateError", "ConfigError"},
    "TemplateError": {"TemplateError"},
    "PodRejected": {"ConfigError", "TemplateError", "QuotaExceeded"},
    "LockError": {"LockWait", "ConfigError"},
    "WorkflowTooLarge": {"ControllerError"},
    "HTTPError": {"ExitCode"},
    "ContainerCreating": {"Unknown"},
}
"""Classes by the recorded reason (tests/recordings/README.md)."""

CAUSES_BEHIND = {
    ("real-node-mixed", "nocm"): "ConfigError",
    ("real-node-mixed", "noimage"): "ImagePull",
    ("timeout-pending", "slow"): "ImagePull",
    ("real-node-mixed", "badcmd"): "ConfigError",
    ("resource-template-fails-b", "job"): "ConfigError",
}
"""Classes of a deadline or an exit code 64 whose cause is in the evidence."""


@functools.cache
def report_of(case: Recording) -> ReportStatus:
    snapshot, evidence = final_of(case)
    return a_report(snapshot, evidence=evidence)


def causes(report: ReportStatus) -> list[Failure]:
    return [f for f in report.failures or () if f.role in (Role.ROOT_CAUSE, Role.EXIT_HANDLER)]


def in_order(rows: Sequence[tuple[object, ...]]) -> list[tuple[object, ...]]:
    return sorted(rows, key=lambda row: [str(part) for part in row])


@pytest.mark.parametrize("case", RECORDINGS)
def test_phase_and_counts_are_the_recorded_ones(case: Recording) -> None:
    report, expected = report_of(case), case.expected
    assert report.observed_workflow is not None
    assert report.counts is not None
    assert report.observed_workflow.phase == expected["phase"]
    assert (
        report.counts.total,
        report.counts.omitted,
        report.counts.skipped,
        report.counts.retried_attempts,
    ) == (expected["nodes"], expected["omitted"], expected["skipped"], expected["superseded_attempts"])


@pytest.mark.parametrize("case", KNOWN)
def test_root_causes_and_exit_handlers_are_the_recorded_leaves(case: Recording) -> None:
    got = [(f.display_name, f.pod_name, f.exit_code) for f in causes(report_of(case))]
    expected_rows = [
        (leaf["displayName"], leaf["podName"], leaf["exitCode"]) for leaf in case.expected["failed_leaves"]
    ]
    assert in_order(got) == in_order(expected_rows)


@pytest.mark.parametrize("case", KNOWN)
def test_tolerated_failures_and_victims_are_the_recorded_ones(case: Recording) -> None:
    for role, key in ((Role.TOLERATED, "tolerated"), (Role.VICTIM, "cancelled")):
        got = [(f.display_name, f.pod_name) for f in report_of(case).failures or () if f.role == role]
        expected_rows = [(leaf["displayName"], leaf["podName"]) for leaf in case.expected.get(key, ())]
        assert in_order(got) == in_order(expected_rows)


@pytest.mark.parametrize("case", KNOWN)
def test_every_failure_has_the_class_of_its_recorded_reason(case: Recording) -> None:
    expected = case.expected
    leaves = [*expected["failed_leaves"], *expected.get("tolerated", ()), *expected.get("cancelled", ())]
    by_name = {(f.display_name, f.pod_name): f for f in report_of(case).failures or ()}
    for leaf in leaves:
        failure = by_name[leaf["displayName"], leaf["podName"]]
        assert failure.failure_class in _classes(case, leaf), (leaf, failure)


def _classes(case: Recording, leaf: dict[str, object]) -> set[str]:
    behind = CAUSES_BEHIND.get((case.name, str(leaf["displayName"])))
    if behind is not None:
        return {behind}
    if leaf["reason"] != "Error":
        return CLASSES_BY_REASON[str(leaf["reason"])]
    if leaf["exitCode"] in (137, 143):
        return {FailureClass.KILLED}
    executor = str(leaf["message"]).startswith(("wait:", "supervisor:", "init:"))
    return {FailureClass.ARTIFACT_IO if executor else FailureClass.EXIT_CODE}


@pytest.mark.parametrize("case", KNOWN)
def test_the_waits_of_a_run_are_the_recorded_ones(case: Recording) -> None:
    if case.name == "suspend-workflow-level":
        expected_rows = [(None, None, "WorkflowSuspended")]
    else:
        expected_rows = [(b["displayName"], b["podName"], b["reason"]) for b in case.expected.get("blocked", ())]
    got = [(w.display_name, w.pod_name, w.reason) for w in report_of(case).waiting or ()]
    assert in_order(list(got)) == in_order(list(expected_rows))


@pytest.mark.parametrize("case", RECORDINGS)
def test_evidence_of_deleted_pods_is_taken_from_the_stored_report(case: Recording) -> None:
    snapshot, stored = final_of(case)[0], report_of(case)
    # Only a pod that exists shows why a step does not end.
    passing = set() if snapshot.workflow.status.is_completed else {"waiting", "summary", "reason", "conditions"}
    rendered, before = a_report(snapshot, stored=stored).dump(), stored.dump()
    assert {key: rendered.get(key) for key in before.keys() - passing} == {
        key: before[key] for key in before.keys() - passing
    }


@pytest.mark.parametrize("case", RECORDINGS)
def test_a_status_is_unchanged_by_storing_and_reading(case: Recording) -> None:
    report = report_of(case)
    assert ReportStatus.model_validate(report.dump()).dump_json() == report.dump_json()


def test_a_memory_limit_is_in_the_summary() -> None:
    oom = next(case for case in recordings() if case.name == "oom-main")
    assert report_of(oom).summary == "big: main OOMKilled at 128Mi (exit 137)"


def test_an_oom_kill_in_a_step_that_succeeded_is_a_warning() -> None:
    case = next(case for case in recordings() if case.name == "real-node-dag")
    warnings = report_of(case).warnings or []
    succeeded_but_killed = [
        pod["metadata"]["name"]
        for pod in case.final["pods"]
        if pod["status"]["phase"] == "Succeeded"
        and any(
            (status["state"].get("terminated") or {}).get("reason") == "OOMKilled"
            for status in pod["status"]["containerStatuses"]
        )
    ]
    assert len(warnings) == len(succeeded_but_killed)

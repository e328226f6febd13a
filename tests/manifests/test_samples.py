"""The sample policies are valid for a real API server, and respond to recorded runs as described."""

from __future__ import annotations

import functools
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.builders import a_report, final_of
from tests.core.decide.builders import live_state_of
from tests.recorded import recording

from controlplane import ControlPlane
from wfreport.api.action_types import ActionType
from wfreport.api.evidence import LogTail
from wfreport.api.policy import Mode, RemediationPolicy
from wfreport.api.remediation import LockClass
from wfreport.api.report import ReportStatus, WorkflowReport
from wfreport.core.decide.decision import decide
from wfreport.core.decide.history import latest_run
from wfreport.core.decide.model import Decision, History, OperatorLimits
from wfreport.core.decide.pod_labels import pods_to_label
from wfreport.core.decide.validity import read_policy

SAMPLES = Path(__file__).resolve().parents[2] / "manifests" / "samples"
NAMES = sorted(path.stem for path in SAMPLES.glob("*.yaml"))
HOUR = timedelta(hours=1)


def document(name: str) -> dict[str, Any]:
    return yaml.safe_load((SAMPLES / f"{name}.yaml").read_text())  # type: ignore[no-any-return]


def policy(name: str) -> RemediationPolicy:
    body = document(name)
    body["metadata"]["namespace"] = "data"
    return read_policy(body)


@functools.cache
def status_of(case: str) -> ReportStatus:
    snapshot, evidence = final_of(recording(case))
    return a_report(snapshot, evidence=evidence)


def report_of(case: str) -> WorkflowReport:
    """Return the report of a recorded run, with the labels of team data."""
    status = status_of(case)
    assert status.observed_workflow is not None
    labels = (status.observed_workflow.labels or {}) | {"team": "data"}
    observed = status.observed_workflow.model_copy(update={"labels": labels})
    return WorkflowReport.model_validate(
        {
            "metadata": {"name": case, "namespace": "data"},
            "spec": {"workflowRef": {"name": case}},
            "status": status.changed(observed_workflow=observed),
        }
    )


def with_log(report: WorkflowReport, text: str) -> WorkflowReport:
    """Return the report with this log of its first failure."""
    assert report.status is not None
    assert report.status.failures
    first, *others = report.status.failures
    tail = LogTail(text=text, lines=1, bytes=len(text), truncated=False)
    failures = [first.model_copy(update={"log_tail": tail}), *others]
    return report.model_copy(update={"status": report.status.changed(failures=failures)})


def judged(sample: str, case: str, lock: LockClass = LockClass.MUTATE, *, log: str = "") -> Decision:
    """Return the policy's decision an hour after the run's end, without other runs; ``log`` is of the first failure."""
    report = report_of(case)
    if log:
        report = with_log(report, log)
    run = latest_run(report)
    assert run is not None
    assert run.finished_at is not None
    history = History((run,), ())
    made = decide(
        report, live_state_of(report), [policy(sample)], history, OperatorLimits(), run.finished_at + HOUR, lock=lock
    )
    assert made is not None
    return made


def test_there_are_samples() -> None:
    assert len(NAMES) == 9


@pytest.mark.parametrize("name", NAMES)
def test_a_sample_is_valid_passive_and_explained(name: str) -> None:
    found = policy(name)
    assert found.metadata.name == name
    assert found.spec.mode == Mode.DRY_RUN
    assert (SAMPLES / f"{name}.yaml").read_text().startswith("# ")
    page = (SAMPLES.parents[1] / "docs" / "howto" / "remediate.md").read_text()
    assert f"{name}.yaml" in page


@pytest.mark.cluster
def test_the_api_server_accepts_all_samples(plane: ControlPlane, namespace: str) -> None:
    plane.kubectl("apply", "-n", namespace, *(part for name in NAMES for part in ("-f", str(SAMPLES / f"{name}.yaml"))))
    stored = plane.kubectl("get", "rmp", "-n", namespace, "-o", "name").split()
    assert [name.rpartition("/")[2] for name in stored] == NAMES


RECORDED = [
    ("infrastructure-failures", "evicted", "Resubmit"),
    ("infrastructure-failures", "node-lost-b", "Resubmit"),
    ("infrastructure-failures", "node-shutdown-b", "Resubmit"),
    ("infrastructure-failures", "preempted", "Resubmit"),
    ("infrastructure-failures", "pod-deleted", "Resubmit"),
    ("infrastructure-failures", "oom-main", "NoRuleMatches"),
    ("infrastructure-failures", "dag-fail-omitted", "NoRuleMatches"),
    ("infrastructure-failures", "stop-b", "NoRuleMatches"),
    ("oom-ladder", "oom-main", "RaiseMemory"),
    ("oom-ladder", "retry-exhausted-varied", "RaiseMemory"),
    ("oom-ladder", "containerset-oom", "RaiseMemory"),
    ("oom-ladder", "exit-137-not-oom", "NoRuleMatches"),
    ("flaky-exit-codes", "retry-expression", "ActionIsNone"),
    ("flaky-exit-codes", "dag-fail-omitted", "Resubmit"),
    ("flaky-exit-codes", "loop-items-one-fails", "NoRuleMatches"),
    ("flaky-exit-codes", "oom-main", "NoRuleMatches"),
    ("cron-storm", "dag-fail-omitted", "NoPolicy"),
    ("cron-storm", "cron-child-fails", "NoRuleMatches"),
    ("quarantine-failed-pods", "evicted", "ActionIsNone"),
    ("quarantine-failed-pods", "oom-main", "NoActionConfigured"),
    ("label-only", "oom-main", "NoActionConfigured"),
    ("notify-only", "oom-main", "NoActionConfigured"),
    ("stuck-workflows", "deadline-workflow", "NoRuleMatches"),
    ("stuck-workflows", "dag-success", "RunSucceeded"),
]


@pytest.mark.parametrize(("sample", "case", "expected"), RECORDED)
def test_a_sample_responds_to_recorded_runs_as_described(sample: str, case: str, expected: str) -> None:
    made = judged(sample, case)
    assert (made.action or made.reason) == expected


@pytest.mark.parametrize(
    ("log", "rule"),
    [
        ("psycopg.OperationalError: Connection refused", "refused"),
        ("HTTP 429 Too Many Requests", "refused"),
        ("KeyError: 'amount'", None),
    ],
)
def test_a_refused_request_is_retried_later_whatever_the_exit_code(log: str, rule: str | None) -> None:
    made = judged("flaky-exit-codes", "loop-items-one-fails", log=log)
    assert (made.rule.name if made.rule else None) == rule
    assert made.action == (ActionType.RESUBMIT if rule else None)


@pytest.mark.parametrize("sample", NAMES)
@pytest.mark.parametrize("case", ["stop-b", "terminate"])
def test_no_sample_acts_on_a_run_that_a_person_stopped(sample: str, case: str) -> None:
    assert judged(sample, case).action is None


@pytest.mark.parametrize(
    ("case", "rule"), [("evicted", "platform"), ("oom-main", "team"), ("wait-oom-b", "platform"), ("dag-success", None)]
)
def test_each_channel_is_notified_of_its_own_failures(case: str, rule: str | None) -> None:
    made = judged("notify-only", case, LockClass.NOTIFY)
    assert (made.rule.name if made.action and made.rule else None) == rule


@pytest.mark.parametrize(("case", "pods"), [("oom-main", 1), ("evicted", 0), ("dag-failfast-false", 1), ("stop-b", 0)])
def test_only_pods_with_something_to_inspect_are_kept(case: str, pods: int) -> None:
    report = report_of(case)
    found = pods_to_label(report, live_state_of(report), [policy("quarantine-failed-pods")], History())
    assert len(found) == pods
    assert all(pod.labels == {"example.com/quarantine": "true"} for pod in found)

"""The metrics about runs: each run that ends is counted once, and waits are those of the running ones."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.cache.test_status_cache import entry
from tests.examples import examples

from wfreport.api.classes import Confidence, FailureClass, Owner, Role
from wfreport.api.condition import Condition
from wfreport.api.reasons import ConditionType, Reason
from wfreport.api.report import Failure, ObservedWorkflow, ReportStatus, Waiting
from wfreport.api.run import WorkflowSource
from wfreport.app.factories import expose_stalls
from wfreport.cache.reports import ReportCache, ReportEntry
from wfreport.metrics import Metrics
from wfreport.reconcile.run_counts import RunCounts, runs_by_phase

START = datetime(2026, 11, 1, tzinfo=UTC)
OOM = Failure(
    role=Role.ROOT_CAUSE, failure_class=FailureClass.OOM_KILLED, owner=Owner.USER, retryable=True,
    confidence=Confidence.HIGH,
)  # fmt: skip


def ended(uid: str = "u", *, at: int = 60, run: int = 0, failed: bool = False, template: str | None = None) -> Any:
    observed = ObservedWorkflow(
        uid=uid,
        resource_version="9",
        phase="Failed" if failed else "Succeeded",
        started_at=START + timedelta(seconds=run),
        finished_at=START + timedelta(seconds=at),
    )
    return ReportStatus(
        observed_workflow=observed,
        failures=[OOM] if failed else None,
        failure_class=FailureClass.OOM_KILLED if failed else None,
        workflow_source=WorkflowSource(workflow_template=template),
    )


def running(*reasons: str) -> ReportStatus:
    return ReportStatus(
        observed_workflow=ObservedWorkflow(uid="u", phase="Running"),
        waiting=[Waiting(reason=reason) for reason in reasons],
    )


def samples(metrics: Metrics, name: str) -> Mapping[tuple[str, ...], float]:
    found = [sample for family in metrics.registry.collect() for sample in family.samples if sample.name == name]
    return {tuple(sample.labels.values()): sample.value for sample in found if sample.value}


def test_a_failed_run_is_counted_by_phase_class_owner_and_duration() -> None:
    metrics = Metrics()
    RunCounts(metrics, START).observe(("ns", "r"), running(), ended(failed=True), is_final=True)
    assert samples(metrics, "wfreport_runs_ended_total") == {("Failed",): 1}
    assert samples(metrics, "wfreport_run_failures_total") == {("OOMKilled", "User"): 1}
    assert samples(metrics, "wfreport_run_seconds_sum") == {("Failed",): 60}


def test_a_run_that_ended_before_the_start_or_is_stored_as_final_is_not_counted() -> None:
    metrics = Metrics()
    counts = RunCounts(metrics, START + timedelta(seconds=61))
    counts.observe(("ns", "r"), running(), ended(), is_final=True)
    counts.observe(("ns", "r"), ended(at=100), ended(at=100, template="t"), is_final=True)
    assert samples(metrics, "wfreport_runs_ended_total") == {}


def test_a_run_with_two_reports_counts_once_and_a_retried_workflow_once_per_run() -> None:
    metrics = Metrics()
    counts = RunCounts(metrics, START)
    counts.observe(("ns", "automatic"), None, ended(), is_final=True)
    counts.observe(("ns", "of-a-user"), None, ended(), is_final=True)
    counts.observe(("ns", "automatic"), running(), ended(run=120, at=180), is_final=True)
    assert samples(metrics, "wfreport_runs_ended_total") == {("Succeeded",): 2}


def test_a_run_is_counted_when_its_pods_are_captured_by_the_class_of_then() -> None:
    metrics = Metrics()
    counts = RunCounts(metrics, START)
    pending = Condition(
        type=ConditionType.EVIDENCE_COMPLETE, status="Unknown", reason=Reason.CAPTURE_PENDING,
        last_transition_time=START,
    )  # fmt: skip
    uncaptured = ended(failed=True).changed(conditions=[pending], failure_class=FailureClass.UNKNOWN)
    counts.observe(("ns", "r"), running(), uncaptured, is_final=True)
    assert samples(metrics, "wfreport_run_failures_total") == {}
    counts.observe(("ns", "r"), uncaptured, ended(failed=True), is_final=True)
    assert samples(metrics, "wfreport_run_failures_total") == {("OOMKilled", "User"): 1}


def test_waits_are_those_of_the_running_runs() -> None:
    metrics = Metrics()
    counts = RunCounts(metrics, START)
    counts.observe(("ns", "a"), None, running("ErrImagePull", "ErrImagePull", "LockWait"), is_final=False)
    counts.observe(("ns", "b"), None, running("LockWait"), is_final=False)
    assert samples(metrics, "wfreport_run_waits") == {("ErrImagePull",): 2, ("LockWait",): 2}
    counts.observe(("ns", "a"), None, ended(), is_final=True)
    counts.forget(("ns", "b"))
    assert samples(metrics, "wfreport_run_waits") == {}


def test_what_a_user_writes_into_a_status_makes_no_series() -> None:
    metrics = Metrics()
    counts = RunCounts(metrics, START)
    before = len(metrics.exposition()[0].splitlines())
    for number in range(100):
        letters = chr(ord("a") + number // 26) + chr(ord("a") + number % 26)
        counts.observe(("ns", "r"), None, running(f"Made{letters}"), is_final=False)
        made_up = ended(str(number))
        run = made_up.observed_workflow.model_copy(update={"phase": f"Made{letters}"})
        counts.observe(("ns", str(number)), None, made_up.changed(observed_workflow=run), is_final=True)
    assert samples(metrics, "wfreport_run_waits") == {("other",): 1}
    assert samples(metrics, "wfreport_runs_ended_total") == {("other",): 100}
    assert len(metrics.exposition()[0].splitlines()) < before + 50


def test_the_first_templates_keep_their_labels_and_the_others_share_one() -> None:
    metrics = Metrics(max_templates=1)
    counts = RunCounts(metrics, START)
    for uid, template in (("1", "etl"), ("2", "train"), ("3", "etl"), ("4", None)):
        counts.observe(("ns", uid), None, ended(uid, template=template), is_final=True)
    assert samples(metrics, "wfreport_runs_ended_total") == {
        ("Succeeded", "ns", "etl"): 2,
        ("Succeeded", "other", "other"): 2,
    }


@pytest.mark.parametrize(
    ("max_templates", "expected"),
    [
        (0, {("PodGone",): 2, ("MainEnded",): 1}),
        (1, {("PodGone", "ns", "etl"): 1, ("PodGone", "other", "other"): 1, ("MainEnded", "other", "other"): 1}),
    ],
)
def test_runs_that_hang_are_counted_by_reason_and_as_the_others_by_template(
    max_templates: int, expected: dict[tuple[str, ...], float]
) -> None:
    metrics, reports = Metrics(max_templates=max_templates), ReportCache()
    reports.put(hung("a", "PodGone", "etl"), own=True)
    expose_stalls(reports.stalled, metrics)
    reports.put(hung("b", "PodGone", "train"), own=True)
    reports.put(hung("c", "PodGone", ""), own=True)
    reports.put(hung("c", "MainEnded", ""), own=True)
    reports.put(hung("c", "MainEnded", ""), own=True)
    assert samples(metrics, "wfreport_stalled_runs") == expected
    reports.remove(("ns", "a"))
    for name in "bc":
        reports.put(entry(name), own=True)
    assert samples(metrics, "wfreport_stalled_runs") == {}


def hung(name: str, reason: str, template: str) -> ReportEntry:
    return replace(entry(name), stalled=reason, stalled_template=template)


@settings(max_examples=examples(50))
@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("xy"), st.booleans()), max_size=20))
def test_no_order_of_writes_and_restarts_counts_a_run_twice(steps: list[tuple[str, str, bool]]) -> None:
    stored: dict[tuple[str, str], ReportStatus] = {}
    counted: dict[str, float] = {}
    metrics = Metrics(max_templates=10)
    counts, now = RunCounts(metrics, START), START
    for uid, report, restarts in steps:
        if restarts:
            _add(counted, metrics)
            now = START + timedelta(seconds=61)
            metrics = Metrics(max_templates=10)
            counts = RunCounts(metrics, now)
        counts.observe(("ns", uid + report), stored.get((uid, report)), ended(uid, template=uid), is_final=True)
        stored[uid, report] = ended(uid, template=uid)
    _add(counted, metrics)
    assert all(number <= 1 for number in counted.values())


def _add(counted: dict[str, float], metrics: Metrics) -> None:
    for (_, _, template), number in samples(metrics, "wfreport_runs_ended_total").items():
        counted[template] = counted.get(template, 0) + number


@pytest.mark.parametrize(("deleted", "expected"), [(False, {"Running": 1, "Failed": 1}), (True, {"Running": 1})])
def test_known_runs_are_counted_by_phase_once_each(deleted: bool, expected: dict[str, int]) -> None:
    one = replace(entry("a"), bound_uid="1", phase="Running")
    other = replace(entry("b"), bound_uid="2", phase="Failed", deleted=deleted)
    assert runs_by_phase([one, replace(one, name="of-a-user"), other, entry("unbound")]) == expected

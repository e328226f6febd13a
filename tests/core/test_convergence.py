"""A run's final report is the same, whatever intermediate states the operator saw."""

from __future__ import annotations

import functools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.builders import a_report, final_of
from tests.examples import examples
from tests.recorded import Recording, chosen_recordings, recording

from wfreport.api.report import ReportStatus
from wfreport.core.classify.pod_rules import STORED_WAITING
from wfreport.core.snapshot.decode import decode_workflow
from wfreport.core.snapshot.model import Snapshot

SMALL = [case for case in chosen_recordings() if not case.name.startswith(("large-", "real-node-mixed"))]


@functools.cache
def states(case: Recording) -> list[Snapshot]:
    """Return the Workflow after each of its updates; a selection if there are many."""
    updates = [event["object"] for event in case.events if event["kind"] == "Workflow" and event["type"] != "DELETED"]
    chosen = updates[:: max(1, len(updates) // 12)] + updates[-1:] or [case.final["workflow"]]
    return [decode_workflow(workflow) for workflow in chosen]


def report_after(case: Recording, snapshots: list[Snapshot], *, with_evidence: bool) -> ReportStatus:
    """Return the report after these snapshots. Each reconcile starts from the stored report, as after a restart."""
    evidence = final_of(case)[1] if with_evidence else {}
    stored: ReportStatus | None = None
    for snapshot in snapshots:
        stored = a_report(snapshot, stored=stored, evidence=evidence)
        stored = ReportStatus.model_validate(stored.dump())
    assert stored is not None
    return stored


def comparable(report: ReportStatus) -> dict[str, Any]:
    """Return a report without values that depend on the times of reconciles: earlier runs, and the queued time."""
    status = report.dump()
    status.pop("runs", None)
    status.get("timing", {}).pop("queuedSeconds", None)
    return status


def without_causes(report: ReportStatus) -> ReportStatus:
    """Return a report without the causes of failures."""
    conditions = [condition for condition in report.conditions or () if condition.type != "Succeeded"]
    return report.changed(failures=None, failure_class=None, reason=None, summary=None, conditions=conditions)


@pytest.mark.parametrize("with_evidence", [True, False], ids=["pods captured", "pods gone"])
@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in SMALL])
def test_reconciling_every_update_or_only_the_last_gives_the_same_report(case: Recording, with_evidence: bool) -> None:
    every = states(case)
    after_all, after_last = (
        report_after(case, reconciled, with_evidence=with_evidence) for reconciled in (every, every[-1:])
    )
    if not with_evidence and any(failure.evidence == STORED_WAITING for failure in after_all.failures or ()):
        # the pod is gone, and only a reconcile during its wait could record the reason (docs/decisions/0020)
        assert case.name == "timeout-pending"
        after_all, after_last = map(without_causes, (after_all, after_last))
    assert comparable(after_all) == comparable(after_last)


@settings(max_examples=examples(60))
@given(data=st.data())
def test_any_sequence_of_reconciles_gives_the_same_report(data: st.DataObject) -> None:
    case = data.draw(st.sampled_from(SMALL))
    every = states(case)
    times = data.draw(st.lists(st.integers(0, len(every) - 1), max_size=12).map(sorted))
    reconciled = [every[i] for i in times] + every[-1:]
    assert comparable(report_after(case, reconciled, with_evidence=True)) == comparable(
        report_after(case, every[-1:], with_evidence=True)
    )


def test_a_run_before_a_manual_retry_is_in_the_history() -> None:
    case = recording("retried-by-hand-ok")
    report = report_after(case, states(case), with_evidence=True)
    assert report.observed_workflow is not None
    assert report.observed_workflow.phase == "Succeeded"
    assert [(run.phase, run.failure_class, run.first_failure) for run in report.runs or ()] == [
        ("Failed", "ExitCode", "b")
    ]

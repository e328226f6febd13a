"""A run's final report is the same, whatever intermediate states the operator saw."""

from __future__ import annotations

import functools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.builders import a_report, final_of
from tests.recorded import Recording, recordings

from wfreport.api.report import ReportStatus
from wfreport.core.classify.pod_rules import STORED_WAITING
from wfreport.core.snapshot.decode import decode_workflow
from wfreport.core.snapshot.model import Snapshot

SMALL = [case for case in recordings() if not case.name.startswith(("large-", "real-node-mixed"))]


@functools.cache
def states(case: Recording) -> list[Snapshot]:
    """The Workflow as it stood after each of its updates; of very many, some."""
    found = [event["object"] for event in case.events if event["kind"] == "Workflow" and event["type"] != "DELETED"]
    chosen = found[:: max(1, len(found) // 12)] + found[-1:] or [case.final["workflow"]]
    return [decode_workflow(workflow) for workflow in chosen]


def followed(case: Recording, looks: list[Snapshot], *, with_evidence: bool) -> ReportStatus:
    """The report after these looks; a look renders from what is stored, as after a restart."""
    evidence = final_of(case)[1] if with_evidence else {}
    stored: ReportStatus | None = None
    for look in looks:
        stored = a_report(look, stored=stored, evidence=evidence)
        stored = ReportStatus.model_validate(stored.dump())
    assert stored is not None
    return stored


def comparable(report: ReportStatus) -> dict[str, Any]:
    """A report without what only a look at the right time could have seen: earlier runs, and what they waited."""
    status = report.dump()
    status.pop("runs", None)
    status.get("timing", {}).pop("queuedSeconds", None)
    return status


def without_causes(report: ReportStatus) -> ReportStatus:
    """A report that does not say why, but everything else."""
    conditions = [found for found in report.conditions or () if found.type != "Succeeded"]
    return report.changed(failures=None, failure_class=None, summary=None, conditions=conditions)


@pytest.mark.parametrize("with_evidence", [True, False], ids=["pods seen", "pods gone"])
@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in SMALL])
def test_looking_at_every_update_or_only_at_the_end_gives_one_report(case: Recording, with_evidence: bool) -> None:
    every = states(case)
    followed_all, followed_last = (followed(case, looks, with_evidence=with_evidence) for looks in (every, every[-1:]))
    if not with_evidence and any(found.evidence == STORED_WAITING for found in followed_all.failures or ()):
        # the pod is gone, and only a look while it waited has seen for what (docs/decisions/0020)
        assert case.name == "timeout-pending"
        followed_all, followed_last = map(without_causes, (followed_all, followed_last))
    assert comparable(followed_all) == comparable(followed_last)


@settings(max_examples=60)
@given(data=st.data())
def test_any_subset_of_looks_doubled_or_not_gives_the_same_report(data: st.DataObject) -> None:
    case = data.draw(st.sampled_from(SMALL))
    every = states(case)
    times = data.draw(st.lists(st.integers(0, len(every) - 1), max_size=12).map(sorted))
    looks = [every[i] for i in times] + every[-1:]
    assert comparable(followed(case, looks, with_evidence=True)) == comparable(
        followed(case, every[-1:], with_evidence=True)
    )


def test_a_run_before_a_manual_retry_is_kept_when_it_was_seen() -> None:
    case = next(case for case in SMALL if case.name == "retried-by-hand-ok")
    report = followed(case, states(case), with_evidence=True)
    assert report.observed_workflow is not None
    assert report.observed_workflow.phase == "Succeeded"
    assert [(run.phase, run.failure_class, run.first_failure) for run in report.runs or ()] == [
        ("Failed", "ExitCode", "b")
    ]

"""The evidence of a failed pod in a report, and its gaps."""

from __future__ import annotations

from typing import Any

import pytest
from tests.builders import REDACTOR, T0, a_node, a_report, a_snapshot

from wfreport.api.argo import Container, Metadata, Phase
from wfreport.api.kubernetes import (
    ContainerState,
    ContainerStatus,
    Pod,
    PodCondition,
    PodSpec,
    PodStatus,
    StateRunning,
    StateTerminated,
    StateWaiting,
)
from wfreport.api.reasons import Reason
from wfreport.api.report import Failure, ReportSpec, ReportStatus, WorkflowRef
from wfreport.core.render.evidence import containers_to_read, gaps, needs_events
from wfreport.core.render.gone import render_late
from wfreport.core.snapshot.model import PodEvidence, RenderOptions, Snapshot

PENDING = (Reason.CAPTURE_PENDING,)


def ended(name: str, exit_code: int = 0, reason: str = "Error", **fields: Any) -> ContainerStatus:
    state = ContainerState(terminated=StateTerminated(exit_code=exit_code, reason=reason))
    return ContainerStatus(name=name, state=state, **fields)


def a_pod(
    *statuses: ContainerStatus, init: list[ContainerStatus] | None = None, uid: str = "p-1", **status: Any
) -> Pod:
    return Pod(
        metadata=Metadata(name="wf", uid=uid),
        spec=PodSpec(node_name="host-1", init_containers=[Container(name=s.name) for s in init or []]),
        status=PodStatus(
            phase="Failed", container_statuses=list(statuses), init_container_statuses=init or [], **status
        ),
    )


def a_failed_run() -> Snapshot:
    return a_snapshot(a_node("wf", Phase.FAILED, message="main: Error (exit code 3)", exit_code="3"))


def failure(report: ReportStatus) -> Failure:
    assert report.failures
    return report.failures[0]


def complete(report: ReportStatus) -> tuple[str, str]:
    return next((c.status, c.reason) for c in report.conditions or () if c.type == "EvidenceComplete")


def late(stored: ReportStatus, evidence: dict[str, PodEvidence], **options: Any) -> ReportStatus:
    return render_late(
        stored,
        evidence=evidence,
        spec=ReportSpec(workflow_ref=WorkflowRef(name="wf")),
        generation=1,
        options=RenderOptions(**options),
        redactor=REDACTOR,
    )


# --- logs and Events to read


def test_logs_of_containers_that_ended_badly_are_read_main_first() -> None:
    pod = a_pod(ended("wait", 64), ended("side", 2), ended("main", 1), ended("healthy"), init=[ended("init", 1)])
    assert containers_to_read(pod) == ["main", "side", "init"]
    assert containers_to_read(a_pod(ended("main"), ended("wait", 64))) == ["wait"]
    assert containers_to_read(a_pod(ended("main", 0, "OOMKilled"), ContainerStatus(name="wait"))) == ["main"]


@pytest.mark.parametrize(
    ("pod", "expected"),
    [
        (a_pod(ended("main", 3), ended("wait")), False),
        (a_pod(ended("main", 137, "OOMKilled")), False),
        (a_pod(ended("main", 143)), True),
        (a_pod(ended("main", 3), reason="Evicted"), True),
        (a_pod(ended("main", 3), conditions=[PodCondition(type="DisruptionTarget", status="True")]), True),
        (a_pod(ContainerStatus(name="main")), True),
        (a_pod(), True),
    ],
    ids=["an error", "out of memory", "killed", "evicted", "disrupted", "not ended", "never started"],
)
def test_events_are_needed_if_they_may_explain_more_than_the_pod(pod: Pod, expected: bool) -> None:
    assert needs_events(pod) is expected


# --- containers


def test_every_container_has_its_state_before_the_restart() -> None:
    before = ContainerState(
        terminated=StateTerminated(exit_code=137, reason="OOMKilled", message="password=hunter2secret")
    )
    main = ContainerStatus(
        name="main",
        state=ContainerState(terminated=StateTerminated(exit_code=3, reason="Error", finished_at=T0)),
        last_state=before,
        restart_count=2,
    )
    waits = ContainerStatus(name="side", state=ContainerState(waiting=StateWaiting(reason="ImagePullBackOff")))
    runs = ContainerStatus(name="wait", state=ContainerState(running=StateRunning()))
    pod = a_pod(main, waits, runs, ContainerStatus(name="odd"), reason="Evicted", message="low on memory")
    described = failure(a_report(a_failed_run(), evidence={"wf": PodEvidence(pod)}))
    assert (described.pod_reason, described.pod_message) == ("Evicted", "low on memory")
    assert [(c.name, c.state, c.reason) for c in described.containers or ()] == [
        ("main", "Terminated", "Error"),
        ("side", "Waiting", "ImagePullBackOff"),
        ("wait", "Running", None),
        ("odd", "Unknown", None),
    ]
    first = (described.containers or [])[0]
    assert (first.exit_code, first.restarts, first.finished_at) == (3, 2, T0)
    assert first.last
    assert (first.last.exit_code, first.last.reason) == (137, "OOMKilled")
    assert "hunter2secret" not in (first.last.message or "")


def test_the_log_of_another_container_is_named() -> None:
    captured = PodEvidence(a_pod(ended("wait", 64)), logs={"main": "", "wait": "no such key\n"}, redacted={"wait": 2})
    tail = failure(a_report(a_failed_run(), evidence={"wf": captured})).log_tail
    assert tail
    assert (tail.container, tail.text, tail.redacted) == ("wait", "no such key", 2)


# --- gaps


@pytest.mark.parametrize(
    ("missing", "expected"),
    [
        ((), ("True", Reason.EVIDENCE_CAPTURED)),
        ((Reason.LOG_DISABLED,), ("True", Reason.EVIDENCE_CAPTURED)),
        ((Reason.EVENTS_FORBIDDEN, Reason.LOG_FORBIDDEN), ("False", Reason.LOG_FORBIDDEN)),
        (PENDING, ("Unknown", Reason.CAPTURE_PENDING)),
    ],
)
def test_the_condition_names_the_gravest_gap(missing: tuple[Reason, ...], expected: tuple[str, Reason]) -> None:
    captured = PodEvidence(a_pod(ended("main", 3)), missing=missing)
    assert complete(a_report(a_failed_run(), evidence={"wf": captured})) == expected


def test_late_evidence_closes_the_gap_and_stays() -> None:
    before = a_report(a_failed_run(), evidence={"wf": PodEvidence(None, missing=PENDING)})
    assert complete(before) == ("Unknown", Reason.CAPTURE_PENDING)
    captured = PodEvidence(a_pod(ended("main", 3)), logs={"main": "boom\n"})
    after = a_report(a_failed_run(), stored=before, evidence={"wf": captured})
    assert complete(after) == ("True", Reason.EVIDENCE_CAPTURED)
    again = a_report(a_failed_run(), stored=after)
    assert again.dump() == after.dump()
    gone = a_report(
        a_failed_run(), stored=after, evidence={"wf": PodEvidence(None, missing=(Reason.POD_NOT_CAPTURED,))}
    )
    assert gone.dump() == after.dump()


def test_a_pod_deleted_while_it_was_read_lacks_its_log() -> None:
    half = a_report(a_failed_run(), evidence={"wf": PodEvidence(a_pod(ended("main", 3)), missing=PENDING)})
    still = a_report(a_failed_run(), stored=half, evidence={"wf": PodEvidence(None, missing=PENDING)})
    assert complete(still) == ("Unknown", Reason.CAPTURE_PENDING)
    gone = a_report(a_failed_run(), stored=half, evidence={"wf": PodEvidence(None, missing=(Reason.POD_NOT_CAPTURED,))})
    assert complete(gone) == ("False", Reason.LOG_GONE)
    assert failure(gone).containers == failure(half).containers


def test_another_pod_of_the_same_name_does_not_inherit_evidence() -> None:
    captured = PodEvidence(a_pod(ended("main", 3)), logs={"main": "boom\n"})
    first = a_report(a_failed_run(), evidence={"wf": captured})
    other = a_report(a_failed_run(), stored=first, evidence={"wf": PodEvidence(a_pod(ended("main", 3), uid="p-2"))})
    assert failure(other).pod_uid == "p-2"
    assert failure(other).log_tail is None


def test_a_report_without_logs_ignores_other_log_gaps() -> None:
    captured = PodEvidence(a_pod(ended("main", 3)), logs={"main": "boom\n"}, missing=(Reason.LOG_FORBIDDEN,))
    report = a_report(a_failed_run(), evidence={"wf": captured}, log_tail_lines=0)
    assert failure(report).log_tail is None
    assert failure(report).evidence_missing == [Reason.LOG_DISABLED]
    assert complete(report) == ("True", Reason.EVIDENCE_CAPTURED)


def test_a_pod_that_never_existed_is_not_a_gap() -> None:
    snapshot = a_snapshot(a_node("wf", Phase.ERROR, message="exceeded quota", host_node_name=""))
    report = a_report(snapshot, evidence={"wf": PodEvidence(None, missing=(Reason.POD_NOT_CAPTURED,))})
    assert gaps(failure(report)) == []
    assert complete(report) == ("True", Reason.NOTHING_FAILED)


# --- Workflows deleted before the capture ended


def test_no_capture_is_pending_after_the_workflow_was_deleted() -> None:
    half = a_report(a_failed_run(), evidence={"wf": PodEvidence(a_pod(ended("main", 3)), missing=PENDING)})
    final = late(half, {})
    assert complete(final) == ("False", Reason.LOG_GONE)
    assert late(final, {}) is final
    captured = PodEvidence(a_pod(ended("main", 3)), logs={"main": "boom\n"})
    assert complete(late(half, {"wf": captured})) == ("True", Reason.EVIDENCE_CAPTURED)
    assert complete(late(half, {"wf": captured}, max_bytes=100)) == ("False", Reason.LOG_GONE)


def test_only_pending_captures_are_amended_after_the_workflow_was_deleted() -> None:
    half = a_report(a_failed_run(), evidence={"wf": PodEvidence(a_pod(ended("main", 3)), missing=PENDING)})
    other = failure(half).model_copy(update={"node_id": "other", "evidence_missing": None})
    both = half.changed(failures=[*(half.failures or []), other], observed_workflow=None)
    assert (late(both, {}).failures or [])[1] == other

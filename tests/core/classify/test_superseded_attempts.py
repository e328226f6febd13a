"""The stored report preserves the evidence of superseded attempts beyond their pods and restarts of the operator."""

from __future__ import annotations

from typing import Any

import pytest
from tests.builders import a_node, a_report, a_snapshot

from wfreport.api.argo import Container, Metadata, NodeType, Phase, ResourceRequirements, Template, WorkflowSpec
from wfreport.api.classes import FailureClass
from wfreport.api.kubernetes import ContainerState, ContainerStatus, Pod, PodSpec, PodStatus, StateTerminated
from wfreport.api.report import PreviousAttempt, ReportStatus
from wfreport.core.snapshot.model import PodEvidence, Snapshot

FAILED, OK, RUNNING = Phase.FAILED, Phase.SUCCEEDED, Phase.RUNNING
KILLED = "main: Error (exit code 1)"
"""Argo's message if a child process was killed. Only the pod shows that the memory limit was the cause."""

OOM_AT_4GI = (FailureClass.OOM_KILLED, 1, "4Gi")
SPEC = WorkflowSpec(
    templates=[Template(name="t", container=Container(resources=ResourceRequirements(limits={"memory": "1Gi"})))]
)
"""The template has a limit of 1Gi, which a podSpecPatch raised."""


def pod_of(attempt: int) -> str:
    """Return the pod's name in version v1, which is the node's."""
    return f"wf({attempt})"


def a_killed_pod(attempt: int, memory: str = "4Gi") -> Pod:
    state = ContainerState(terminated=StateTerminated(exit_code=1, reason="OOMKilled"))
    limited = Container(name="main", resources=ResourceRequirements(limits={"memory": memory}))
    return Pod(
        metadata=Metadata(name=pod_of(attempt), uid=f"p-{attempt}"),
        spec=PodSpec(node_name="host-1", containers=[limited]),
        status=PodStatus(phase="Failed", container_statuses=[ContainerStatus(name="main", state=state)]),
    )


def a_run(*phases: str, end: str | None = None, **fields: Any) -> Snapshot:
    """Build a Retry node with an attempt for each phase; ``end`` is the run's phase."""
    phase = end or RUNNING
    ids = [f"wf({n})" for n in range(len(phases))]
    attempts = [
        a_node(
            node_id,
            attempt,
            template_name="t",
            message=KILLED if attempt == FAILED else "",
            exit_code="1" if attempt == FAILED else None,
            start=n * 10,
            end=None if attempt == RUNNING else n * 10 + 5,
            **fields,
        )
        for n, (node_id, attempt) in enumerate(zip(ids, phases, strict=True))
    ]
    retry = a_node("wf", phase, NodeType.RETRY, children=ids, template_name="t")
    snapshot = a_snapshot(retry, *attempts, phase=phase, spec=SPEC)
    snapshot.workflow.metadata.annotations["workflows.argoproj.io/pod-name-format"] = "v1"
    return snapshot


def summaries(attempts: list[PreviousAttempt] | None) -> list[tuple[Any, ...]]:
    return [(a.failure_class, a.exit_code, a.memory_limit) for a in attempts or ()]


def captured(attempt: int) -> dict[str, PodEvidence]:
    return {pod_of(attempt): PodEvidence(a_killed_pod(attempt))}


def restored(report: ReportStatus) -> ReportStatus:
    """Return the report as a new process reads it."""
    return ReportStatus.model_validate_json(report.dump_json())


def test_an_attempt_is_stored_beyond_its_pod_and_a_restart_of_the_operator() -> None:
    first = a_report(a_run(FAILED), evidence=captured(0))
    second = a_report(a_run(FAILED, RUNNING), stored=restored(first))
    assert second.failures is None, "only superseded_attempts can contain it now"
    third = a_report(a_run(FAILED, FAILED, RUNNING), stored=restored(second))
    last = a_report(a_run(FAILED, FAILED, FAILED, end=FAILED), stored=restored(third))
    assert last.failures
    uncaptured = (FailureClass.EXIT_CODE, 1, "1Gi")
    assert summaries(last.failures[0].previous_attempts) == [OOM_AT_4GI, uncaptured]
    assert summaries(last.superseded_attempts) == [OOM_AT_4GI], "attempts that are in the nodes are not stored twice"


def test_an_attempt_that_failed_between_two_reconciles_is_stored() -> None:
    report = a_report(a_run(FAILED, RUNNING), evidence=captured(0))
    ended = a_report(a_run(FAILED, FAILED, end=FAILED), stored=restored(report), evidence=captured(1))
    assert ended.failures
    assert summaries(ended.failures[0].previous_attempts) == [OOM_AT_4GI]
    assert ended.failures[0].previous_attempts == report.superseded_attempts


def test_present_evidence_takes_precedence_over_stored_evidence() -> None:
    stored = a_report(a_run(FAILED, RUNNING), evidence=captured(0))
    now = {pod_of(0): PodEvidence(a_killed_pod(0, memory="8Gi"))}
    assert summaries(a_report(a_run(FAILED, RUNNING), stored=stored, evidence=now).superseded_attempts) == [
        (FailureClass.OOM_KILLED, 1, "8Gi")
    ]


def test_attempts_of_a_step_that_succeeded_later_are_stored() -> None:
    stored = a_report(a_run(FAILED), evidence=captured(0))
    report = a_report(a_run(FAILED, OK, end=OK), stored=restored(stored))
    assert report.failures is None
    assert summaries(report.superseded_attempts) == [OOM_AT_4GI]


def test_a_manual_retry_starts_without_stored_attempts() -> None:
    stored = a_report(a_run(FAILED, FAILED, end=FAILED), evidence=captured(0))
    retried = a_snapshot(*a_run(FAILED, RUNNING).nodes.values(), phase=RUNNING, spec=SPEC, started_at=None)
    retried.workflow.metadata.annotations["workflows.argoproj.io/pod-name-format"] = "v1"
    assert summaries(a_report(retried, stored=stored).superseded_attempts) == [OOM_AT_4GI], (
        "a run without a start is the same run"
    )
    retried = a_snapshot(
        *retried.nodes.values(), phase=RUNNING, spec=SPEC, started_at=a_node("x", start=900).started_at
    )
    assert a_report(retried, stored=stored).superseded_attempts is None


@pytest.mark.parametrize("host", ["host-1", ""])
def test_a_captured_pod_is_named_although_argo_has_no_host_for_it(host: str) -> None:
    report = a_report(a_run(FAILED, RUNNING, host_node_name=host), evidence=captured(0))
    assert [a.pod_name for a in report.superseded_attempts or ()] == [pod_of(0)]


def test_the_latest_hundred_attempts_are_stored_and_the_others_counted() -> None:
    evidence = {name: pod for n in range(120) for name, pod in captured(n).items()}
    report = a_report(a_run(*[FAILED] * 121, end=FAILED), evidence=evidence)
    stored = report.superseded_attempts or []
    assert [a.pod_name for a in stored] == [pod_of(n) for n in range(20, 120)]
    truncated = next(c for c in report.conditions or () if c.type == "Truncated")
    assert "20 of 120 superseded attempts" in (truncated.message or "")


def test_an_attempt_without_times_comes_first() -> None:
    snapshot = a_run(FAILED, RUNNING)
    snapshot.nodes["wf(0)"] = a_node("wf(0)", FAILED, template_name="t", message=KILLED, exit_code="1", end=None)  # type: ignore[index]
    assert summaries(a_report(snapshot, evidence=captured(0)).superseded_attempts) == [OOM_AT_4GI]


def test_a_later_reconcile_changes_nothing() -> None:
    run = a_run(FAILED, FAILED, end=FAILED)
    report = a_report(run, stored=a_report(a_run(FAILED), evidence=captured(0)), evidence=captured(1))
    assert a_report(run, stored=restored(report)).dump_json() == report.dump_json()

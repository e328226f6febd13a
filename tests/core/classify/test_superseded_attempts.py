"""What was seen of an attempt's pod outlives the pod, the next attempts and the operator: the report remembers it."""

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
"""What Argo says where a child process was killed: only the pod tells that memory was the matter."""

OOM_AT_4GI = (FailureClass.OOM_KILLED, 1, "4Gi")
SPEC = WorkflowSpec(
    templates=[Template(name="t", container=Container(resources=ResourceRequirements(limits={"memory": "1Gi"})))]
)
"""The template says 1Gi, a podSpecPatch made it more."""


def pod_of(attempt: int) -> str:
    """A v1 name: that of its node."""
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
    """A Retry with an attempt for each phase; ``end`` is the run's."""
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


def told(attempts: list[PreviousAttempt] | None) -> list[tuple[Any, ...]]:
    return [(a.failure_class, a.exit_code, a.memory_limit) for a in attempts or ()]


def seen(attempt: int) -> dict[str, PodEvidence]:
    return {pod_of(attempt): PodEvidence(a_killed_pod(attempt))}


def restored(report: ReportStatus) -> ReportStatus:
    """As a new process reads it."""
    return ReportStatus.model_validate_json(report.dump_json())


def test_an_attempt_is_remembered_when_its_pod_is_gone_and_the_operator_was_restarted() -> None:
    first = a_report(a_run(FAILED), evidence=seen(0))
    second = a_report(a_run(FAILED, RUNNING), stored=restored(first))
    assert second.failures is None, "nothing but superseded_attempts can have it now"
    third = a_report(a_run(FAILED, FAILED, RUNNING), stored=restored(second))
    last = a_report(a_run(FAILED, FAILED, FAILED, end=FAILED), stored=restored(third))
    assert last.failures
    unseen = (FailureClass.EXIT_CODE, 1, "1Gi")
    assert told(last.failures[0].previous_attempts) == [OOM_AT_4GI, unseen]
    assert told(last.superseded_attempts) == [OOM_AT_4GI], "what the nodes tell is not stored twice"


def test_an_attempt_that_failed_between_two_looks_is_remembered_too() -> None:
    report = a_report(a_run(FAILED, RUNNING), evidence=seen(0))
    ended = a_report(a_run(FAILED, FAILED, end=FAILED), stored=restored(report), evidence=seen(1))
    assert ended.failures
    assert told(ended.failures[0].previous_attempts) == [OOM_AT_4GI]
    assert ended.failures[0].previous_attempts == report.superseded_attempts


def test_what_is_seen_now_counts_more_than_what_is_remembered() -> None:
    stored = a_report(a_run(FAILED, RUNNING), evidence=seen(0))
    now = {pod_of(0): PodEvidence(a_killed_pod(0, memory="8Gi"))}
    assert told(a_report(a_run(FAILED, RUNNING), stored=stored, evidence=now).superseded_attempts) == [
        (FailureClass.OOM_KILLED, 1, "8Gi")
    ]


def test_attempts_of_a_step_that_succeeded_in_the_end_are_remembered() -> None:
    stored = a_report(a_run(FAILED), evidence=seen(0))
    report = a_report(a_run(FAILED, OK, end=OK), stored=restored(stored))
    assert report.failures is None
    assert told(report.superseded_attempts) == [OOM_AT_4GI]


def test_a_manual_retry_begins_without_them() -> None:
    stored = a_report(a_run(FAILED, FAILED, end=FAILED), evidence=seen(0))
    again = a_snapshot(*a_run(FAILED, RUNNING).nodes.values(), phase=RUNNING, spec=SPEC, started_at=None)
    again.workflow.metadata.annotations["workflows.argoproj.io/pod-name-format"] = "v1"
    assert told(a_report(again, stored=stored).superseded_attempts) == [OOM_AT_4GI], "no start yet is the same run"
    again = a_snapshot(*again.nodes.values(), phase=RUNNING, spec=SPEC, started_at=a_node("x", start=900).started_at)
    assert a_report(again, stored=stored).superseded_attempts is None


@pytest.mark.parametrize("host", ["host-1", ""])
def test_a_pod_that_argo_never_saw_on_a_machine_is_named_because_it_was_seen(host: str) -> None:
    report = a_report(a_run(FAILED, RUNNING, host_node_name=host), evidence=seen(0))
    assert [a.pod_name for a in report.superseded_attempts or ()] == [pod_of(0)]


def test_a_hundred_are_kept_the_latest_and_the_rest_is_counted() -> None:
    evidence = {name: found for n in range(120) for name, found in seen(n).items()}
    report = a_report(a_run(*[FAILED] * 121, end=FAILED), evidence=evidence)
    kept = report.superseded_attempts or []
    assert [a.pod_name for a in kept] == [pod_of(n) for n in range(20, 120)]
    truncated = next(c for c in report.conditions or () if c.type == "Truncated")
    assert "20 of 120 superseded attempts" in (truncated.message or "")


def test_an_attempt_without_times_is_remembered_first() -> None:
    snapshot = a_run(FAILED, RUNNING)
    snapshot.nodes["wf(0)"] = a_node("wf(0)", FAILED, template_name="t", message=KILLED, exit_code="1", end=None)  # type: ignore[index]
    assert told(a_report(snapshot, evidence=seen(0)).superseded_attempts) == [OOM_AT_4GI]


def test_a_later_look_changes_nothing() -> None:
    run = a_run(FAILED, FAILED, end=FAILED)
    report = a_report(run, stored=a_report(a_run(FAILED), evidence=seen(0)), evidence=seen(1))
    assert a_report(run, stored=restored(report)).dump_json() == report.dump_json()

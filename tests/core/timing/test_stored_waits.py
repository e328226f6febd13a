"""Deadlines caused by a missing image: Argo deletes the pod and overwrites its message, but the report has the wait."""

from __future__ import annotations

import msgspec
import pytest
from msgspec.structs import replace
from tests.builders import a_node, a_report, a_snapshot, at

from wfreport.api.argo import NodeType, Phase
from wfreport.api.classes import FailureClass
from wfreport.api.kubernetes import ContainerState, ContainerStatus, Pod, PodStatus, StateTerminated, StateWaiting
from wfreport.api.report import Failure, ReportStatus
from wfreport.core.snapshot.model import NodesState, PodEvidence, Snapshot

PULLING = 'ImagePullBackOff: Back-off pulling image "registry.example.com/scorer:7"'


def running(message: str, phase: str = Phase.PENDING) -> Snapshot:
    return a_snapshot(
        a_node("wf", Phase.RUNNING, NodeType.DAG, end=None, children=["wf.score"]),
        a_node("wf.score", phase, message=message, end=None),
        phase=Phase.RUNNING,
    )


def ended(message: str = "Step exceeded its deadline") -> Snapshot:
    return a_snapshot(
        a_node("wf", Phase.FAILED, NodeType.DAG, end=60, children=["wf.score"]),
        a_node("wf.score", Phase.FAILED, message=message, end=60),
    )


def failure(report: ReportStatus) -> Failure:
    assert report.failures
    return report.failures[0]


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (PULLING, FailureClass.IMAGE_PULL),
        ('CreateContainerConfigError: secret "db" not found', FailureClass.CONFIG_ERROR),
        ("Unschedulable: 0/3 nodes are available: 3 Insufficient cpu.", FailureClass.UNSCHEDULABLE),
        ("PodInitializing", FailureClass.TIMEOUT),
    ],
)
def test_the_stored_wait_of_a_step_is_the_cause_of_its_deadline(message: str, expected: FailureClass) -> None:
    report = a_report(ended(), stored=a_report(running(message)))
    assert failure(report).failure_class == expected
    assert report.failure_class == expected


def test_the_summary_has_the_wait_and_its_duration() -> None:
    report = a_report(ended(), stored=a_report(running(PULLING)))
    assert report.summary == (
        'score: image could not be pulled: Back-off pulling image "registry.example.com/scorer:7", gave up after 1m00s'
    )


def test_the_cause_remains_when_the_report_is_written_again() -> None:
    first = a_report(ended(), stored=a_report(running(PULLING)))
    second = a_report(ended(), stored=first)
    assert second.dump() == first.dump()


def test_a_step_that_ran_before_its_deadline_was_too_slow() -> None:
    stored = a_report(running("", Phase.RUNNING), stored=a_report(running(PULLING)))
    assert failure(a_report(ended(), stored=stored)).failure_class == FailureClass.TIMEOUT


def test_a_pod_that_ran_takes_precedence_over_the_stored_wait() -> None:
    main = ContainerStatus(
        name="main", state=ContainerState(terminated=StateTerminated(exit_code=143, started_at=at(1)))
    )
    pod = Pod(status=PodStatus(phase="Failed", container_statuses=[main]))
    pod_name = failure(a_report(ended())).pod_name or ""
    report = a_report(ended(), stored=a_report(running(PULLING)), evidence={pod_name: PodEvidence(pod)})
    assert failure(report).failure_class == FailureClass.TIMEOUT


def test_a_stored_wait_explains_deadlines_only() -> None:
    report = a_report(ended("main: Error (exit code 3)"), stored=a_report(running(PULLING)))
    assert failure(report).failure_class == FailureClass.EXIT_CODE


def test_the_summary_has_the_wait_of_a_captured_pod() -> None:
    text = 'Back-off pulling image "registry.example.com/scorer:7"'
    main = ContainerStatus(
        name="main", state=ContainerState(waiting=StateWaiting(reason="ImagePullBackOff", message=text))
    )
    pod = Pod(status=PodStatus(phase="Pending", container_statuses=[main]))
    pod_name = failure(a_report(ended())).pod_name or ""
    report = a_report(ended(), evidence={pod_name: PodEvidence(pod)})
    assert report.summary == f"score: image could not be pulled: {text}, gave up after 1m00s"


def test_the_stored_wait_remains_until_offloaded_nodes_are_read() -> None:
    """Argo Server returns them a moment after the Workflow's end."""
    without_nodes = replace(ended(), nodes={}, nodes_state=NodesState.OFFLOADED)
    between = a_report(without_nodes, stored=a_report(running(PULLING)))
    assert between.counts is None
    assert failure(a_report(ended(), stored=between)).failure_class == FailureClass.IMAGE_PULL


def test_the_evidence_of_a_failure_remains_while_nodes_are_offloaded() -> None:
    failed = a_node("wf.score", Phase.FAILED, message="main: Error (exit code 1)", exit_code="1")
    root = a_node("wf", Phase.RUNNING, NodeType.DAG, end=None, children=["wf.score"])
    pod_name = failure(a_report(a_snapshot(root, failed, phase=Phase.RUNNING))).pod_name or ""
    main = ContainerStatus(
        name="main", state=ContainerState(terminated=StateTerminated(exit_code=1, reason="OOMKilled"))
    )
    evidence = {pod_name: PodEvidence(Pod(status=PodStatus(phase="Failed", container_statuses=[main])))}
    seen = a_report(a_snapshot(root, failed, phase=Phase.RUNNING), evidence=evidence)
    over = a_snapshot(msgspec.structs.replace(root, phase=Phase.FAILED), failed)
    between = a_report(replace(over, nodes={}, nodes_state=NodesState.OFFLOADED), stored=seen)
    assert between.failure_class == FailureClass.OOM_KILLED
    report = a_report(over, stored=between)
    assert (failure(report).failure_class, failure(report).containers) == (
        FailureClass.OOM_KILLED,
        failure(seen).containers,
    )

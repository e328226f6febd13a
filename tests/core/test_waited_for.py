"""A deadline behind which the image was missing: Argo deletes the pod and overwrites its message; the report knows."""

from __future__ import annotations

import pytest
from tests.builders import a_node, a_report, a_snapshot, at

from wfreport.api.argo import NodeType, Phase
from wfreport.api.classes import FailureClass
from wfreport.api.kubernetes import ContainerState, ContainerStatus, Pod, PodStatus, StateTerminated, StateWaiting
from wfreport.api.report import Failure, ReportStatus
from wfreport.core.model import PodEvidence, Snapshot

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
def test_what_a_step_waited_for_is_the_cause_of_its_deadline(message: str, expected: FailureClass) -> None:
    report = a_report(ended(), stored=a_report(running(message)))
    assert failure(report).failure_class == expected
    assert report.failure_class == expected


def test_the_summary_says_what_it_waited_for_and_how_long() -> None:
    report = a_report(ended(), stored=a_report(running(PULLING)))
    assert report.summary == (
        'score: image could not be pulled: Back-off pulling image "registry.example.com/scorer:7", given up after 1m00s'
    )


def test_it_is_kept_when_the_report_is_written_again() -> None:
    first = a_report(ended(), stored=a_report(running(PULLING)))
    again = a_report(ended(), stored=first)
    assert again.dump() == first.dump()


def test_a_step_that_ran_in_the_end_only_was_too_slow() -> None:
    stored = a_report(running("", Phase.RUNNING), stored=a_report(running(PULLING)))
    assert failure(a_report(ended(), stored=stored)).failure_class == FailureClass.TIMEOUT


def test_a_pod_that_was_seen_to_run_speaks_louder() -> None:
    main = ContainerStatus(
        name="main", state=ContainerState(terminated=StateTerminated(exit_code=143, started_at=at(1)))
    )
    pod = Pod(status=PodStatus(phase="Failed", container_statuses=[main]))
    pod_name = failure(a_report(ended())).pod_name or ""
    report = a_report(ended(), stored=a_report(running(PULLING)), evidence={pod_name: PodEvidence(pod)})
    assert failure(report).failure_class == FailureClass.TIMEOUT


def test_another_failure_than_a_deadline_has_a_cause_of_its_own() -> None:
    report = a_report(ended("main: Error (exit code 3)"), stored=a_report(running(PULLING)))
    assert failure(report).failure_class == FailureClass.EXIT_CODE


def test_the_summary_says_what_a_pod_that_was_seen_waited_for() -> None:
    text = 'Back-off pulling image "registry.example.com/scorer:7"'
    main = ContainerStatus(
        name="main", state=ContainerState(waiting=StateWaiting(reason="ImagePullBackOff", message=text))
    )
    pod = Pod(status=PodStatus(phase="Pending", container_statuses=[main]))
    pod_name = failure(a_report(ended())).pod_name or ""
    report = a_report(ended(), evidence={pod_name: PodEvidence(pod)})
    assert report.summary == f"score: image could not be pulled: {text}, given up after 1m00s"

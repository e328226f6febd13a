"""Pods that failed although their steps succeeded for Argo."""

from __future__ import annotations

import pytest
from tests.builders import a_node, a_report, a_snapshot, at
from tests.core.pods import ended

from wfreport.api.argo import NodeType, Phase
from wfreport.api.kubernetes import Pod, PodStatus
from wfreport.core.snapshot.model import PodEvidence

EVICTED = PodStatus(phase="Failed", reason="Evicted", message="The node was low on resource: memory.")


def warned(status: PodStatus, phase: str = Phase.SUCCEEDED) -> list[str | None]:
    nodes = [a_node("wf", phase), a_node("other", phase), a_node("group", phase, NodeType.DAG)]
    run = a_snapshot(*nodes, phase=phase)
    return [one.message for one in a_report(run, evidence={"wf": PodEvidence(Pod(status=status))}).warnings or ()]


@pytest.mark.parametrize(
    ("status", "cause"),
    [
        (EVICTED, "Evicted: The node was low on resource: memory."),
        (PodStatus(phase="Failed", reason="NodeLost"), "NodeLost"),
        (PodStatus(phase="Failed", container_statuses=[ended("main", 0), ended("wait", 2)]), "wait exited with code 2"),
        (PodStatus(phase="Failed"), "none of its containers has a state"),
    ],
    ids=["evicted", "lost", "wait", "virtual kubelet"],
)
def test_a_pod_that_failed_is_a_warning_of_a_step_that_succeeded(status: PodStatus, cause: str) -> None:
    assert warned(status) == [f"its pod failed ({cause}), but the step succeeded: check its outputs"]


@pytest.mark.parametrize(
    "status",
    [
        PodStatus(phase="Succeeded", container_statuses=[ended("main", 0)]),
        PodStatus(phase="Failed", container_statuses=[ended("main", 0), ended("istio-proxy", 1)]),
        PodStatus(phase="Failed", container_statuses=[ended("main", 0), ended("wait", 143)]),
    ],
    ids=["well", "sidecar", "ended by Argo"],
)
def test_a_pod_that_did_its_work_is_no_warning(status: PodStatus) -> None:
    assert warned(status) == []


def test_a_step_that_failed_has_a_failure_instead() -> None:
    assert warned(EVICTED, Phase.FAILED) == []


@pytest.mark.parametrize(("ended_at", "is_warned"), [(9, False), (10, True), (11, True)])
@pytest.mark.parametrize("reason", ["Error", "OOMKilled"])
def test_a_pod_that_ended_before_a_manual_retry_says_nothing_about_the_step(
    ended_at: int, is_warned: bool, reason: str
) -> None:
    pod = Pod(status=PodStatus(phase="Failed", container_statuses=[ended("main", 1, reason, finished_at=at(ended_at))]))
    status = a_report(a_snapshot(a_node("wf", start=10, end=12)), evidence={"wf": PodEvidence(pod)})
    assert bool(status.warnings) == is_warned

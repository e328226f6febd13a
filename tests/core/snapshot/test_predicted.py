"""The prediction of the node that Argo will write for a failed pod."""

from __future__ import annotations

from typing import Any

import pytest
from tests.builders import a_node, a_snapshot, at

from wfreport.api.argo import Metadata, NodeType, Phase
from wfreport.api.kubernetes import (
    ContainerState,
    ContainerStatus,
    Pod,
    PodSpec,
    PodStatus,
    StateTerminated,
    StateWaiting,
)
from wfreport.core.snapshot.predicted import with_predicted_failures

NODE_ID = "workflows.argoproj.io/node-id"


def ended(name: str, code: int, reason: str = "Error", at_second: float | None = 9) -> ContainerStatus:
    finished = at(at_second) if at_second is not None else None
    return ContainerStatus(
        name=name, state=ContainerState(terminated=StateTerminated(exit_code=code, reason=reason, finished_at=finished))
    )


def a_pod(*statuses: ContainerStatus, node: str = "wf.a", **status: Any) -> Pod:
    return Pod(
        metadata=Metadata(name="pod", annotations={NODE_ID: node}),
        spec=PodSpec(node_name="host-9"),
        status=PodStatus(phase="Failed", container_statuses=list(statuses), **status),
    )


RUNNING = a_snapshot(
    a_node("wf", Phase.RUNNING, NodeType.DAG, children=["wf.a", "wf.b"], end=None),
    a_node("wf.a", Phase.RUNNING, end=None, host_node_name=""),
    a_node("wf.b"),
    phase=Phase.RUNNING,
)


@pytest.mark.parametrize(
    ("pod", "message"),
    [
        (a_pod(ended("wait", 0), ended("main", 137, "OOMKilled")), "main: OOMKilled (exit code 137)"),
        (a_pod(ended("side", 1), ended("main", 7)), "main: Error (exit code 7)"),
        (a_pod(ended("main", 0), ended("wait", 64, "")), "wait: Error (exit code 64)"),
        (
            a_pod(ended("main", 1), message="The node was low on resource: memory."),
            "The node was low on resource: memory.",
        ),
        (a_pod(ended("main", 1), init_container_statuses=[ended("init", 2)]), "init: Error (exit code 2)"),
        (a_pod(ContainerStatus(name="main", state=ContainerState(waiting=StateWaiting(reason="x")))), ""),
        (a_pod(ContainerStatus(name="main")), ""),
    ],
)
def test_the_node_fails_with_the_message_that_argo_will_write(pod: Pod, message: str) -> None:
    node = with_predicted_failures(RUNNING, [pod], at(20)).nodes["wf.a"]
    assert (node.phase, node.message, node.host_node_name) == (Phase.FAILED, message, "host-9")
    assert node.finished_at == (at(9) if message else at(20))


@pytest.mark.parametrize("node", ["wf.b", "nosuch", ""])
def test_an_ended_or_missing_node_is_unchanged(node: str) -> None:
    assert with_predicted_failures(RUNNING, [a_pod(ended("main", 1), node=node)], at(20)).nodes == RUNNING.nodes


def test_without_a_recorded_time_the_end_is_now() -> None:
    node = with_predicted_failures(RUNNING, [a_pod(ended("main", 1, at_second=None))], at(20)).nodes["wf.a"]
    assert node.finished_at == at(20)

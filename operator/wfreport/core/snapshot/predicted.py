"""A run as Argo will say that it is, once its controller has seen that pods of it failed.

Argo decides in one go that a step has failed, that the run therefore has, and which pods are deleted: a label that is
to save a pod has to be on it before that.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

import msgspec

from wfreport.api.argo import ANNOTATION_NODE_ID, Node, Phase
from wfreport.api.kubernetes import ContainerStatus, Pod, StateTerminated
from wfreport.core.snapshot.model import Snapshot


def with_predicted_failures(snapshot: Snapshot, failed: Iterable[Pod], now: datetime) -> Snapshot:
    """The snapshot with the nodes of these pods failed; what has ended already is left as it is."""
    nodes = dict(snapshot.nodes)
    for pod in failed:
        node = nodes.get(pod.metadata.annotations.get(ANNOTATION_NODE_ID, ""))
        if node is not None and node.phase in {"", Phase.PENDING, Phase.RUNNING}:
            nodes[node.id] = _failed(node, pod, now)
    return replace(snapshot, nodes=nodes)


def _failed(node: Node, pod: Pod, now: datetime) -> Node:
    ended = _ended_badly(pod)
    return msgspec.structs.replace(
        node,
        phase=Phase.FAILED,
        message=_message(pod),
        finished_at=(ended[1].finished_at if ended else None) or now,
        host_node_name=node.host_node_name or pod.spec.node_name,
    )


def _message(pod: Pod) -> str:
    """As Argo words it (inferFailedReason, workflow/controller/operator.go:1785)."""
    ended = _ended_badly(pod)
    if pod.status.message or ended is None:
        return pod.status.message
    container, state = ended
    return f"{container}: {state.reason or 'Error'} (exit code {state.exit_code})"


def _ended_badly(pod: Pod) -> tuple[str, StateTerminated] | None:
    """The first container that ended badly: init containers, then ``main``, then the others."""
    ordered = sorted(pod.status.container_statuses, key=lambda found: found.name != "main")
    for found in (*pod.status.init_container_statuses, *ordered):
        state = _terminated(found)
        if state is not None and state.exit_code:
            return found.name, state
    return None


def _terminated(found: ContainerStatus) -> StateTerminated | None:
    return found.state.terminated if found.state else None

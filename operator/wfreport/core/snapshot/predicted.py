"""Predicts the node states that Argo will record once its controller observes the failed pods.

In a single reconcile, Argo's controller marks the step and the run as failed and selects the pods to delete. A label
that excludes a pod from deletion must be set before that.
"""

from collections.abc import Iterable
from datetime import datetime

import msgspec
from msgspec import structs

from wfreport.api.argo import ANNOTATION_NODE_ID, MAIN_CONTAINER, Node, Phase
from wfreport.api.kubernetes import ContainerStatus, Pod, StateTerminated
from wfreport.core.snapshot.model import Snapshot


def with_predicted_failures(snapshot: Snapshot, failed: Iterable[Pod], now: datetime) -> Snapshot:
    """Return the snapshot with the nodes of these pods failed. Nodes that have already ended are not changed."""
    nodes = dict(snapshot.nodes)
    for pod in failed:
        node = nodes.get(pod.metadata.annotations.get(ANNOTATION_NODE_ID, ""))
        if node is not None and node.phase in {"", Phase.PENDING, Phase.RUNNING}:
            nodes[node.id] = _failed(node, pod, now)
    return structs.replace(snapshot, nodes=nodes)


def _failed(node: Node, pod: Pod, now: datetime) -> Node:
    ended = _first_failed_container(pod)
    return msgspec.structs.replace(
        node,
        phase=Phase.FAILED,
        message=_message(pod),
        finished_at=(ended[1].finished_at if ended else None) or now,
        host_node_name=node.host_node_name or pod.spec.node_name,
    )


def _message(pod: Pod) -> str:
    """Return the message that Argo would write (inferFailedReason, operator.go:1785)."""
    ended = _first_failed_container(pod)
    if pod.status.message or ended is None:
        return pod.status.message
    container, state = ended
    return f"{container}: {state.reason or 'Error'} (exit code {state.exit_code})"


def _first_failed_container(pod: Pod) -> tuple[str, StateTerminated] | None:
    """Return the first container with an exit code other than 0: init containers, then ``main``, then the others."""
    main_first = sorted(pod.status.container_statuses, key=lambda status: status.name != MAIN_CONTAINER)
    for status in (*pod.status.init_container_statuses, *main_first):
        state = _terminated(status)
        if state is not None and state.exit_code:
            return status.name, state
    return None


def _terminated(status: ContainerStatus) -> StateTerminated | None:
    return status.state.terminated if status.state else None

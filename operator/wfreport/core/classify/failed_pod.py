"""Finds the pod whose failure made a node fail."""

from typing import Final

from wfreport.api.argo import Node, NodeType
from wfreport.core.classify.argo_messages import AGENT_POD_FAILED
from wfreport.core.snapshot.model import Snapshot
from wfreport.core.snapshot.pod_names import agent_pod_name, pod_name

AGENT_TYPES: Final = frozenset({NodeType.HTTP, NodeType.PLUGIN})
"""Types of nodes that run in the pod of Argo's agent, all of a Workflow in the same one."""


def failed_pod_name(snapshot: Snapshot, node: Node) -> str | None:
    """Return the name of the pod that ran a node; the agent's pod only if the node failed with it. None without one."""
    if node.type in AGENT_TYPES:
        failed_with_agent = AGENT_POD_FAILED.match(node.message) is not None
        return agent_pod_name(snapshot.workflow.metadata.name) if failed_with_agent else None
    pod_node = snapshot.tree.pod_node(node)
    return pod_name(snapshot.workflow, pod_node) if pod_node else None

"""Finds the pod whose failure made a node fail."""

from typing import Final

from wfreport.api.argo import Node, NodeType, Workflow
from wfreport.core.classify.agent_messages import AGENT_POD_FAILED
from wfreport.core.snapshot.model import Snapshot
from wfreport.core.snapshot.pod_names import agent_pod_name, pod_name

AGENT_TYPES: Final = frozenset({NodeType.HTTP, NodeType.PLUGIN})
"""Types of nodes that run in the pod of Argo's agent, all of a Workflow in the same one."""

_FAILED_WITH_AGENT: Final = "agent pod failed with reason:"  # agent.go:54


def failed_pod_name(snapshot: Snapshot, node: Node) -> str | None:
    """Return the name of the pod that ran a node; the agent's pod only if the node failed with it. None without one."""
    if node.type in AGENT_TYPES:
        failed_with_agent = AGENT_POD_FAILED.match(node.message) is not None
        own = agent_pod_name(snapshot.workflow.metadata.name) if failed_with_agent else None
        return own or failed_agent_name(snapshot.workflow)
    pod_node = snapshot.tree.pod_node(node)
    return pod_name(snapshot.workflow, pod_node) if pod_node else None


def failed_agent_name(workflow: Workflow) -> str | None:
    """Return the name of the agent's pod if the Workflow itself failed with it; its nodes then never end."""
    status = workflow.status
    is_meant = status.has_failed and status.message.startswith(_FAILED_WITH_AGENT)
    return agent_pod_name(workflow.metadata.name) if is_meant else None

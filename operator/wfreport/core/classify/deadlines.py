"""Whether a deadline had passed when a node ended: Argo's own message about it is that of the killed container."""

from typing import Final

from wfreport.api.argo import Node, Workflow
from wfreport.core.classify.retries import enclosing_attempt
from wfreport.core.snapshot.tree import Tree

_MAX_DURATION: Final = "Max duration limit exceeded"  # processNodeRetries


def outlived_deadline(node: Node, workflow: Workflow) -> bool:
    """Return whether the Workflow's deadline had passed when the node ended.

    Argo's own message about it is overwritten by that of the killed container.
    """
    stored_spec, started_at = workflow.status.stored_workflow_template_spec, workflow.status.started_at
    limit = workflow.spec.active_deadline_seconds
    if limit is None and stored_spec is not None:
        limit = stored_spec.active_deadline_seconds
    if limit is None or started_at is None or node.finished_at is None:
        return False
    return (node.finished_at - started_at).total_seconds() >= limit


def outlived_max_duration(node: Node, tree: Tree) -> bool:
    """Return whether the time for all attempts was over: Argo lets a pod run no longer, and kills it."""
    attempt = enclosing_attempt(node, tree)
    return attempt is not None and tree.retry_of[attempt.id].message == _MAX_DURATION

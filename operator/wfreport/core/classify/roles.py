"""Assigns a role to each failed leaf: its part in the outcome of the run.

The rules are applied in order to every leaf that was not superseded by a later attempt, and the first match gives the
role. They are tested with all recordings of the real controller.
"""

from datetime import datetime

import msgspec

from wfreport.api.argo import Node, NodeType, Phase, Workflow
from wfreport.api.calendar import LATEST
from wfreport.api.classes import CAUSES, Role
from wfreport.core.classify.kubelet_messages import STOPPED_MESSAGE
from wfreport.core.classify.lineage import Lineages
from wfreport.core.snapshot.messages import parse_exit
from wfreport.core.snapshot.model import Snapshot
from wfreport.core.snapshot.tree import Tree
from wfreport.imports import lazy_pattern

_KILLED_CODES = (137, 143)
_FAIL_FAST_MESSAGE = "template has failed or errored children and failFast enabled"
_OTHER_CONTAINER_FAILED = lazy_pattern(r": (?:container \S+ failed|dependency \S+ exited with non-zero code: \d+)$")
"""The message of a container that never ran, because one of its dependencies failed (emissary.go:203)."""

_NO_CAUSE = lazy_pattern(r"$|child '[^']{1,512}' (?:failed|errored)$")
_POD_FAILED_FIRST = "Pod Failed whilst container running"  # operator.go:1590
_END_CHARACTERS = 512


class FailedLeaf(msgspec.Struct, frozen=True, gc=False):
    """A failed leaf and its role.

    Attributes:
        node: the leaf; None if the Workflow failed without one (invalid spec, lock, too large).
        role: its part in the outcome of the run.
    """

    node: Node | None
    role: Role


def assign_roles(snapshot: Snapshot) -> list[FailedLeaf]:
    """Return the failed leaves with their roles: RootCause, ExitHandler, Victim, Tolerated; each ordered by time."""
    leaves = snapshot.tree.failed_leaves
    if not leaves and not snapshot.workflow.status.has_failed:
        return []
    lineages = Lineages(snapshot)
    if snapshot.workflow.status.phase == Phase.SUCCEEDED:
        return sorted(
            (FailedLeaf(leaf, _role_in_success(leaf, snapshot.tree, lineages)) for leaf in leaves), key=_order
        )
    failed = [FailedLeaf(leaf, _role(leaf, snapshot.tree, lineages)) for leaf in leaves]
    failed = _with_stopped_as_victims(failed, snapshot.workflow)
    if snapshot.workflow.status.has_failed and not any(leaf.role in CAUSES for leaf in failed):
        failed = _with_excused_as_causes(failed, snapshot) or [*failed, FailedLeaf(None, Role.ROOT_CAUSE)]
    return sorted(failed, key=_order)


def is_stopped(node: Node, workflow: Workflow) -> bool:
    """Whether the node was ended by a person who stopped or terminated the Workflow.

    A killed main container overwrites Argo's own message with its exit code. Exit handlers continue after a Stop
    (``ShouldExecute``, workflow_types.go).
    """
    if STOPPED_MESSAGE.match(node.message):
        return True
    shutdown = workflow.spec.shutdown
    if not shutdown or (shutdown == "Stop" and node.name.startswith(f"{workflow.metadata.name}.onExit")):
        return False
    return _is_killed(node)


def _is_killed(node: Node) -> bool:
    ending = parse_exit(node.message[:_END_CHARACTERS])
    return ending is not None and ending.reason == "Error" and ending.code in _KILLED_CODES


def _role(node: Node, tree: Tree, lineages: Lineages) -> Role:
    lineage = lineages.of(node)
    if lineage.is_in_exit_handler:
        return Role.EXIT_HANDLER
    if lineage.is_tolerated(node.phase):
        return Role.TOLERATED
    if node.message == _FAIL_FAST_MESSAGE or (
        node.type == NodeType.CONTAINER and _ended_by_another_container(node, tree)
    ):
        return Role.VICTIM
    return Role.ROOT_CAUSE


def _role_in_success(node: Node, tree: Tree, lineages: Lineages) -> Role:
    """Return the role of a leaf in a run that succeeded.

    Nothing caused it to fail. An exit handler that fails makes the run fail (operator.go:512), so one that was ended
    with the run did not.
    """
    role = _role(node, tree, lineages)
    return Role.TOLERATED if role in CAUSES else role


def _ended_by_another_container(node: Node, tree: Tree) -> bool:
    """Whether a Container ended because another one of its pod, named in the pod's message, had failed."""
    if _OTHER_CONTAINER_FAILED.search(node.message[-_END_CHARACTERS:]):
        return True
    pod_node = tree.pod_node(node)
    culprit = parse_exit(pod_node.message[:_END_CHARACTERS]) if pod_node else None
    other_failed = culprit is not None and culprit.container not in (None, node.display_name)
    return other_failed and (node.message == _POD_FAILED_FIRST or _is_killed(node))


def _with_stopped_as_victims(failed: list[FailedLeaf], workflow: Workflow) -> list[FailedLeaf]:
    """Turn nodes killed by a stop into victims if another node failed by itself; otherwise they remain root causes."""
    causes = [leaf.node for leaf in failed if leaf.role is Role.ROOT_CAUSE and leaf.node]
    stopped = [node.id for node in causes if is_stopped(node, workflow)]
    if not stopped or len(stopped) == len(causes):
        return failed
    victims = frozenset(stopped)
    return [
        FailedLeaf(leaf.node, Role.VICTIM)
        if leaf.role is Role.ROOT_CAUSE and leaf.node and leaf.node.id in victims
        else leaf
        for leaf in failed
    ]


def _with_excused_as_causes(failed: list[FailedLeaf], snapshot: Snapshot) -> list[FailedLeaf]:
    """Return what failed as root causes, if all of it was excused and the Workflow has no cause of its own; else none.

    A step fails with its hook, and Argo says no more of it than that a child failed. A task with ``continueOn`` fails
    its DAG if no task depends on it (``assessDAGPhase``, dag.go).
    """
    if not failed or not _NO_CAUSE.match(snapshot.workflow.status.message):
        return []
    tree = snapshot.tree
    goes_on = {node.id for node in tree.parents.values() if not node.has_failed}
    within_others = tree.innermost(goes_on)

    def is_excused(leaf: FailedLeaf) -> bool:
        node = leaf.node
        if node is None:
            return False
        is_last = leaf.role is Role.TOLERATED and not node.children and node.name not in within_others
        return is_last or node.id in tree.nodes_of_hooks

    return [FailedLeaf(leaf.node, Role.ROOT_CAUSE) for leaf in failed] if all(map(is_excused, failed)) else []


_ROLE_ORDER = {Role.ROOT_CAUSE: 0, Role.EXIT_HANDLER: 1, Role.VICTIM: 2, Role.TOLERATED: 3}


def _order(leaf: FailedLeaf) -> tuple[int, datetime, str]:
    ended_at = leaf.node.finished_at or leaf.node.started_at if leaf.node else None
    return _ROLE_ORDER[leaf.role], ended_at or LATEST, leaf.node.name if leaf.node else ""

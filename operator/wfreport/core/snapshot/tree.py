"""Relations between the nodes of a run.

*Enclosing* follows from the names: a node's name is that of the enclosing node, plus ``.task``, ``[group]`` or
``(attempt)``. This includes hooks and exit handlers, which have no ``boundaryID``.

*Children* is Argo's graph of the order of execution. Joins give a node several parents, and invalid input can
make the graph cyclic, so it is always traversed with a visited set and without recursion.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

from wfreport.api.argo import Node, NodeType, Phase

GROUP_TYPES = frozenset({NodeType.STEPS, NodeType.STEP_GROUP, NodeType.DAG, NodeType.TASK_GROUP, NodeType.RETRY})

_ATTEMPT_SUFFIX = re.compile(r"\((\d+)\)$")
_SEPARATORS = ".[("


class Tree:
    """The nodes of a snapshot and the relations between them, each computed once (``Snapshot.tree``)."""

    def __init__(self, workflow_name: str, nodes: Mapping[str, Node]) -> None:
        self.workflow_name = workflow_name
        self.nodes = nodes
        self._by_name = {node.name: node for node in nodes.values() if node.name}

    @property
    def exit_handler_name(self) -> str:
        """Name of the Workflow's own exit handler. It is no child of the root and has no boundary (operator.go:503)."""
        return f"{self.workflow_name}.onExit"

    def children(self, node: Node) -> Iterator[Node]:
        """Yield the node's children that exist."""
        for child_id in node.children:
            child = self.nodes.get(child_id)
            if child is not None:
                yield child

    def enclosing(self, node: Node) -> Iterator[Node]:
        """Yield the nodes that enclose the node, innermost first."""
        name = node.name
        for end in range(len(name) - 1, 0, -1):
            if name[end] in _SEPARATORS:
                parent = self._by_name.get(name[:end])
                if parent is not None and parent is not node:
                    yield parent

    def attempts(self, retry: Node) -> list[Node]:
        """Return the attempts of a Retry node, oldest first. Its hooks are no attempts (operator.go:2092)."""
        return self.attempts_by_retry.get(retry.id, [])

    @cached_property
    def attempts_by_retry(self) -> Mapping[str, list[Node]]:
        """The attempts of all Retry nodes, oldest first, by the Retry node's id."""
        retries = (node for node in self.nodes.values() if node.type == NodeType.RETRY)
        return {
            retry.id: sorted((child for child in self.children(retry) if not child.is_hook), key=_attempt_index)
            for retry in retries
        }

    @cached_property
    def superseded_attempts(self) -> frozenset[str]:
        """Ids of the attempts that were superseded by a later attempt of the same Retry node."""
        return frozenset(attempt.id for attempts in self.attempts_by_retry.values() for attempt in attempts[:-1])

    @cached_property
    def retry_of(self) -> Mapping[str, Node]:
        """The Retry node of each attempt, by the attempt's id."""
        return {
            attempt.id: self.nodes[retry_id]
            for retry_id, attempts in self.attempts_by_retry.items()
            for attempt in attempts
        }

    def is_superseded(self, node: Node) -> bool:
        """Whether the node is a superseded attempt, or is enclosed by one."""
        superseded = self.superseded_attempts
        return bool(superseded) and (
            node.id in superseded or any(outer.id in superseded for outer in self.enclosing(node))
        )

    @cached_property
    def _hooks(self) -> frozenset[str]:
        return frozenset(node.id for node in self.nodes.values() if node.is_hook)

    def is_in_hook(self, node: Node) -> bool:
        """Whether the node is an exit handler or a lifecycle hook, or is enclosed by one."""
        return bool(self._hooks) and (
            node.id in self._hooks or any(outer.id in self._hooks for outer in self.enclosing(node))
        )

    @cached_property
    def nodes_enclosing_failures(self) -> frozenset[str]:
        """Ids of the nodes that enclose a failed node. A failure in a hook does not count for the hooked node."""
        failed = (node for node in self.nodes.values() if node.has_failed)
        return frozenset(outer.id for node in failed for outer in self._enclosing_within_hook(node))

    def _enclosing_within_hook(self, node: Node) -> Iterator[Node]:
        inner = node
        for outer in self.enclosing(node):
            if inner.is_hook:
                return
            yield outer
            inner = outer

    def is_failed_leaf(self, node: Node) -> bool:
        """Whether the node failed by itself: it encloses no failed node, and it is not the root's group."""
        if not node.has_failed or node.id in self.nodes_enclosing_failures:
            return False
        return node.type not in GROUP_TYPES or node.name != self.workflow_name

    @cached_property
    def failed_leaves(self) -> Sequence[Node]:
        """The nodes that failed by themselves and were not superseded by a later attempt, in Argo's order."""
        return [node for node in self.nodes.values() if self.is_failed_leaf(node) and not self.is_superseded(node)]

    def pod_node(self, node: Node) -> Node | None:
        """Return the Pod node that ran a node: itself, or for a Container the node of its containerSet."""
        if node.type == NodeType.POD:
            return node
        if node.type == NodeType.CONTAINER:
            return next(
                (outer for outer in self.enclosing(node) if outer.type == NodeType.POD),
                self.nodes.get(node.boundary_id),
            )
        return None

    def failure_is_handled(self, node: Node) -> bool:
        """Whether a task ran in response to a failed node on every path below it, through Omitted and Skipped nodes.

        A task that had started before the failure, such as the client of a daemon, is not a response to it.
        """
        ends = [self.nodes[end] for end in node.outbound_nodes if end in self.nodes]  # of a group (dag.go:373)
        return self._paths_reach_a_task(ends or [node], node)

    def _paths_reach_a_task(self, starts: list[Node], failed: Node) -> bool:
        visited = {node.id for node in starts}
        pending = list(starts)
        while pending:
            children = [child for child in self.children(pending.pop()) if not child.is_hook]
            if not children:
                return False
            for child in children:
                if child.id in visited:
                    continue
                visited.add(child.id)
                if child.phase in (Phase.OMITTED, Phase.SKIPPED) or child.type == NodeType.CONTAINER:
                    pending.append(child)
                elif not _started_after(child, failed):
                    return False
        return True


def _attempt_index(node: Node) -> int:
    match = _ATTEMPT_SUFFIX.search(node.name)
    return int(match.group(1)) if match else -1


def _started_after(node: Node, failed: Node) -> bool:
    if node.started_at is None or failed.finished_at is None:
        return True
    return node.started_at >= failed.finished_at

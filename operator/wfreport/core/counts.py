"""How many nodes are in which phase, and where the time went."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime

from wfreport.api.argo import Node, NodeType, Phase
from wfreport.api.report import Counts, CriticalStep, Timing
from wfreport.api.wire import LINE
from wfreport.core.durations import short_duration
from wfreport.core.model import NodesState, Snapshot
from wfreport.core.prose import Prose
from wfreport.core.tree import Tree

EXECUTION_TYPES = frozenset({NodeType.POD, NodeType.HTTP, NodeType.PLUGIN, NodeType.SUSPEND})
"""Nodes in which something runs or is waited for; all others only hold these together."""

_PATH_LENGTH = 200

nodes_are_known = frozenset({NodesState.READ, NodesState.NONE_YET})
"""States in which the number of nodes is known; in the others it is not 0 but unknown."""


def count_nodes(snapshot: Snapshot, tree: Tree) -> Counts | None:
    """Nodes by phase; None where the nodes could not be read."""
    if snapshot.nodes_state not in nodes_are_known:
        return None
    phases = Counter(node.phase for node in snapshot.nodes.values())
    return Counts(
        total=len(snapshot.nodes),
        succeeded=phases[Phase.SUCCEEDED],
        failed=phases[Phase.FAILED],
        errored=phases[Phase.ERROR],
        running=phases[Phase.RUNNING],
        pending=phases[Phase.PENDING],
        skipped=phases[Phase.SKIPPED],
        omitted=phases[Phase.OMITTED],
        retried_attempts=sum(1 for node_id in tree.superseded_attempts if snapshot.nodes[node_id].has_failed),
        memoized=sum(1 for node in snapshot.nodes.values() if node.memoization_status and node.memoization_status.hit),
    )


def seconds_between(start: datetime | None, end: datetime | None) -> int | None:
    """Whole seconds from one time to another, never negative; None where either is unknown."""
    return max(0, int((end - start).total_seconds())) if start and end else None


def time_run(snapshot: Snapshot, path: list[CriticalStep], *, is_first_run: bool) -> Timing | None:
    """Where the time went, once the run has ended.

    Durations of a running one would depend on when it was looked at.
    """
    workflow = snapshot.workflow
    if not workflow.status.is_completed:
        return None
    created_at = workflow.metadata.creation_timestamp if is_first_run else None
    seconds = seconds_between(workflow.status.started_at, workflow.status.finished_at)
    return Timing(
        duration_seconds=seconds,
        duration=short_duration(seconds) if seconds is not None else None,
        queued_seconds=seconds_between(created_at, workflow.status.started_at),
        gap_seconds=sum(step.wait_seconds for step in path) if path else None,
    )


def critical_path(snapshot: Snapshot, tree: Tree, prose: Prose) -> list[CriticalStep]:
    """The chain of steps that decided when the run ended, first to last.

    Each one's predecessor is what it last waited for.
    """
    if not snapshot.workflow.status.is_completed:
        return []
    chain = list(_chain_backwards(_Predecessors(tree)))[:_PATH_LENGTH]
    chain.reverse()
    before = snapshot.workflow.status.started_at
    path: list[CriticalStep] = []
    for node in chain:
        path.append(
            CriticalStep(
                display_name=prose.line(node.display_name),
                node_id=node.id[:LINE],
                seconds=seconds_between(node.started_at, node.finished_at) or 0,
                wait_seconds=seconds_between(before, node.started_at) or 0,
            )
        )
        before = node.finished_at
    return path


def _has_run(node: Node) -> bool:
    return node.type in EXECUTION_TYPES and node.started_at is not None and node.finished_at is not None


def _ended_at(node: Node) -> tuple[datetime, str]:
    assert node.finished_at is not None  # noqa: S101 - _has_run
    return node.finished_at, node.id


def _chain_backwards(predecessors: "_Predecessors") -> Iterator[Node]:
    ran = [node for node in predecessors.tree.nodes.values() if _has_run(node)]
    node = max(ran, key=_ended_at, default=None)
    visited: set[str] = set()
    while node is not None and node.id not in visited:
        visited.add(node.id)
        yield node
        node = predecessors.latest(node) or _last_before(node, ran)


def _last_before(node: Node, ran: list[Node]) -> Node | None:
    """What ended last before an exit handler started: it is no one's child."""
    if not node.is_hook:
        return None
    earlier = (other for other in ran if node.started_at and other.finished_at and other.finished_at <= node.started_at)
    return max((other for other in earlier if not other.is_hook), key=_ended_at, default=None)


class _Predecessors:
    """What had to end before a node could start, by the graph."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self._parents: dict[str, list[Node]] = {}
        for node in tree.nodes.values():
            for child in tree.children(node):
                self._parents.setdefault(child.id, []).append(node)

    def latest(self, node: Node) -> Node | None:
        """The predecessor that ended last, among those that ended before the node started."""
        candidates = [
            other for other in self._ran_before(node) if node.started_at and _ended_at(other)[0] <= node.started_at
        ]
        return max(candidates, key=_ended_at, default=None)

    def _ran_before(self, node: Node) -> Iterator[Node]:
        retry = self.tree.retry_of.get(node.id)
        if retry is not None:
            yield from (attempt for attempt in self.tree.attempts(retry) if attempt.id != node.id and _has_run(attempt))
        pending, visited = [node], {node.id}
        while pending:
            for parent in self._parents.get(pending.pop().id, ()):
                if parent.id in visited:
                    continue
                visited.add(parent.id)
                if _has_run(parent):
                    yield parent
                else:
                    pending.append(parent)

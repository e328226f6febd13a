"""What had to end before a step could start, and the chain of steps that decided when the run ended.

A chain is walked backwards from the step that ended last. Joins make Argo's ``children`` a graph, and garbage may make
it cyclic: it is walked with a visited set, and never recursively.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from wfreport.api.argo import Node, NodeType
from wfreport.api.reasons import DelayReason
from wfreport.core.snapshot.model import Snapshot
from wfreport.core.timing.durations import seconds_between

EXECUTION_TYPES = frozenset({NodeType.POD, NodeType.HTTP, NodeType.PLUGIN, NodeType.SUSPEND})
"""Nodes in which something runs or is waited for; all others only hold these together."""


@dataclass(frozen=True, slots=True)
class PathSegment:
    """A step of the chain.

    Attributes:
        node: the step.
        wait_seconds: from the end of the one before it, or the run's start, to its creation.
        wait_reason: what it waited for; None where that is not known.
    """

    node: Node
    wait_seconds: int
    wait_reason: str | None

    @property
    def seconds(self) -> int:
        """How long the step took."""
        return seconds_between(self.node.started_at, self.node.finished_at) or 0


class RunOrder:
    """The steps that ran in this run, and what each of them waited for."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._tree = snapshot.tree
        self._run_started_at = snapshot.workflow.status.started_at
        self.ran = {node.id: node for node in snapshot.nodes.values() if self._has_run(node)}
        self._before: dict[str, list[Node]] = {}
        for node in snapshot.nodes.values():
            for child in self._tree.children(node):
                self._before.setdefault(child.id, []).append(node)
        self._put_attempts_in_a_row()
        self._latest: dict[str, Node | None] = {}

    def _has_run(self, node: Node) -> bool:
        """Whether it ran in this run: a manual retry keeps what had succeeded before."""
        if node.type not in EXECUTION_TYPES or node.started_at is None or node.finished_at is None:
            return False
        return self._run_started_at is None or self._run_started_at <= node.started_at <= node.finished_at

    def _put_attempts_in_a_row(self) -> None:
        """An attempt waits for what ran in the one before it; in Argo's graph all hang below their Retry."""
        attempts = [attempts for attempts in self._tree.attempts_by_retry.values() if len(attempts) > 1]
        inside: dict[str, list[Node]] = {attempt.id: [] for row in attempts for attempt in row}
        if not inside:
            return
        for node in self.ran.values():
            for outer in (node, *self._tree.enclosing(node)):
                if outer.id in inside:
                    inside[outer.id].append(node)
        for row in attempts:
            for earlier, later in pairwise(row):
                if inside[earlier.id]:
                    self._before[later.id] = inside[earlier.id]

    def chain(self) -> list[PathSegment]:
        """The steps that decided when the run ended, first to last."""
        links: list[PathSegment] = []
        node = max(self.ran.values(), key=_by_end, default=None)
        visited: set[str] = set()
        while node is not None and node.id not in visited:
            visited.add(node.id)
            earlier = self.waited_for(node) or self._ended_before_hook(node)
            if earlier is not None and earlier.id in visited:
                earlier = None
            links.append(self._link(node, earlier))
            node = earlier
        links.reverse()
        return links

    def _link(self, node: Node, earlier: Node | None) -> PathSegment:
        since = earlier.finished_at if earlier else self._run_started_at
        retry = self._tree.retry_of.get(node.id)
        is_next_attempt = earlier is not None and retry is not None and self._tree.retry_of.get(earlier.id) is retry
        seconds = seconds_between(since, node.started_at) or 0
        return PathSegment(node, seconds, DelayReason.BACKOFF if is_next_attempt and seconds else None)

    def wait_seconds(self, node: Node) -> int | None:
        """How long after what it waited for a step was created; None where that is not known."""
        if node.id not in self.ran:
            return None
        earlier = self.waited_for(node)
        if earlier is None and self._tree.is_in_hook(node):
            return None
        return seconds_between(earlier.finished_at if earlier else self._run_started_at, node.started_at)

    def waited_for(self, node: Node) -> Node | None:
        """What ended last of all that had to end before the step could start."""
        latest = self._latest_before(node.id)
        if latest is None or _ended_in_time(latest, node):
            return latest
        # Something of it still ran: a daemon, which others need not wait for.
        in_time = (other for other in self._all_before(node.id) if _ended_in_time(other, node))
        return max(in_time, key=_by_end, default=None)

    def _latest_before(self, node_id: str) -> Node | None:
        """Each node is resolved once: a run may have ten thousand, and joins of thousands."""
        pending, entered = [node_id], set[str]()
        while pending:
            current = pending[-1]
            parents = self._before.get(current, ())
            open_parents = [p.id for p in parents if p.id not in self.ran and p.id not in self._latest]
            open_parents = [parent_id for parent_id in open_parents if parent_id not in entered]
            entered.add(current)
            if open_parents and current not in self._latest:
                entered.update(open_parents)
                pending += open_parents
                continue
            pending.pop()
            if current not in self._latest:
                found = (p if p.id in self.ran else self._latest.get(p.id) for p in parents)
                self._latest[current] = max((p for p in found if p is not None), key=_by_end, default=None)
        return self._latest[node_id]

    def _all_before(self, node_id: str) -> Iterator[Node]:
        pending, visited = [node_id], {node_id}
        while pending:
            for parent in self._before.get(pending.pop(), ()):
                if parent.id in visited:
                    continue
                visited.add(parent.id)
                if parent.id in self.ran:
                    yield parent
                else:
                    pending.append(parent.id)

    def _ended_before_hook(self, node: Node) -> Node | None:
        """What ended last before an exit handler started: it is no one's child."""
        if not self._tree.is_in_hook(node):
            return None
        earlier = (n for n in self.ran.values() if _ended_in_time(n, node) and not self._tree.is_in_hook(n))
        return max(earlier, key=_by_end, default=None)


def _by_end(node: Node) -> tuple[datetime, str]:
    assert node.finished_at is not None  # noqa: S101 - _has_run
    return node.finished_at, node.id


def _ended_in_time(earlier: Node, node: Node) -> bool:
    """Whether a step had ended when another started."""
    return earlier.finished_at is not None and node.started_at is not None and earlier.finished_at <= node.started_at

"""Computes the predecessor of each step, and the critical path: the chain of steps that determined the run's end.

The path is followed backwards from the step that ended last. Argo's ``children`` form a graph with joins, which invalid
input can make cyclic, so it is traversed with a visited set and without recursion.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping, MutableMapping
from datetime import datetime
from functools import cached_property
from itertools import pairwise
from typing import Final

import msgspec

from wfreport.api.argo import Node, NodeType
from wfreport.api.reasons import DelayReason
from wfreport.core.snapshot.model import Snapshot
from wfreport.core.timing.durations import seconds_between

EXECUTION_TYPES = frozenset({NodeType.POD, NodeType.HTTP, NodeType.PLUGIN, NodeType.SUSPEND})
"""Types of nodes that run or wait for something. All other nodes only group them."""


_MAX_SEARCHED: Final = 200_000
"""Maximum number of links that are followed to find steps before others that did not wait for the latest one (daemons).

Each such search may visit all nodes. Beyond this number, a step may count as waiting for an earlier one, or for none.
"""


class PathSegment(msgspec.Struct, frozen=True, gc=False):
    """A step of the critical path.

    Attributes:
        node: the step.
        seconds: its duration.
        wait_seconds: from the end of its predecessor, or the run's start, to its creation.
        wait_reason: the cause of that wait; None if it is unknown.
    """

    node: Node
    seconds: int
    wait_seconds: int
    wait_reason: str | None


class RunOrder:
    """The steps that were executed in this run, and the predecessor of each.

    Attributes:
        executed: the executed steps, by node id.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        self._tree = snapshot.tree
        self._run_started_at = snapshot.workflow.status.started_at
        self.executed = {node.id: node for node in snapshot.nodes.values() if self._was_executed(node)}
        self._parents = _parents(snapshot.nodes)
        self._latest: dict[str, Node | None] = {}
        self._searches_left = _MAX_SEARCHED
        self._order_attempts()

    def _was_executed(self, node: Node) -> bool:
        """Whether the node was executed in this run; a manual retry keeps nodes that had succeeded before it."""
        if node.type not in EXECUTION_TYPES or node.started_at is None or node.finished_at is None:
            return False
        return self._run_started_at is None or self._run_started_at <= node.started_at <= node.finished_at

    def _order_attempts(self) -> None:
        """Make each attempt follow the previous one. In Argo's graph all attempts are children of their Retry node.

        All steps within a superseded attempt are followed by its end, which has an id of its own and no node.
        """
        if not self._tree.superseded_attempts:
            return
        inside = self._steps_within(self._tree.superseded_attempts)
        for attempts in self._tree.attempts_by_retry.values():
            for earlier, later in pairwise(attempts):
                steps = inside.get(earlier.id, ())
                if len(steps) > 1:
                    self._parents[_end_of(earlier.id)] = steps
                    self._parents[later.id] = [_end_of(earlier.id)]
                elif steps:  # most attempts are one pod, which needs no end beside its own
                    self._parents[later.id] = steps

    def _steps_within(self, attempts: frozenset[str]) -> Mapping[str, list[str]]:
        """Return the steps within each attempt that has some, and the ends of those nested in it, by its id."""
        within = self._tree.innermost(attempts)
        inside: defaultdict[str, list[str]] = defaultdict(list)
        for node in self.executed.values():
            attempt = within.get(node.name)
            if attempt is not None:
                inside[attempt].append(node.id)
        if not self._tree.enclosing_nodes.isdisjoint(attempts):
            self._end_nested_attempts(inside, within)
        return inside

    def _end_nested_attempts(self, inside: MutableMapping[str, list[str]], within: Mapping[str, str]) -> None:
        """Add the end of each attempt that has steps to the steps of the attempt that encloses it.

        ``within`` has the innermost attempt around each node, by the node's name.
        """
        nodes, parents = self._tree.nodes, self._tree.parents
        ended: set[str] = set()
        for inner in tuple(inside):
            while inner not in ended:
                ended.add(inner)
                parent = parents.get(nodes[inner].name)
                outer = within.get(parent.name) if parent else None
                if outer is None:
                    break
                self._parents[_end_of(inner)] = inside[inner]
                inside[outer].append(_end_of(inner))
                inner = outer  # noqa: PLW2901 - it has steps from now on

    def chain(self) -> list[PathSegment]:
        """Return the critical path, first step first."""
        segments: list[PathSegment] = []
        node = max(self.executed.values(), key=_by_end, default=None)
        visited: set[str] = set()
        while node is not None and node.id not in visited:
            visited.add(node.id)
            earlier = self.predecessor(node) or self._predecessor_of_hook(node)
            if earlier is not None and earlier.id in visited:
                earlier = None
            segments.append(self._segment(node, earlier))
            node = earlier
        segments.reverse()
        return segments

    def _segment(self, node: Node, earlier: Node | None) -> PathSegment:
        since = earlier.finished_at if earlier else self._run_started_at
        retry = self._tree.retry_of.get(node.id)
        is_next_attempt = earlier is not None and retry is not None and self._tree.retry_of.get(earlier.id) is retry
        seconds = seconds_between(node.started_at, node.finished_at) or 0
        wait_seconds = seconds_between(since, node.started_at) or 0
        return PathSegment(
            node, seconds, wait_seconds, DelayReason.BACKOFF if is_next_attempt and wait_seconds else None
        )

    def wait_seconds(self, node: Node) -> int | None:
        """Return the seconds from the end of a step's predecessor to the step's creation; None if unknown."""
        if node.id not in self.executed:
            return None
        earlier = self.predecessor(node)
        if earlier is None and node.id in self._tree.nodes_of_hooks:
            return None
        return seconds_between(earlier.finished_at if earlier else self._run_started_at, node.started_at)

    def predecessor(self, node: Node) -> Node | None:
        """Return the step that ended last among those that had to end before this one could start."""
        latest = self._latest_before(node.id)
        if latest is None or _ended_in_time(latest, node):
            return latest
        # The latest one was still running. It is a daemon, and other steps do not wait for it.
        in_time = (other for other in self._all_before(node.id) if _ended_in_time(other, node))
        return max(in_time, key=_by_end, default=None)

    def _latest_before(self, node_id: str) -> Node | None:
        """Return the step before a node that ended last. Cached, because a run can have 10,000 nodes with joins."""
        if node_id in self._latest:  # before its parents are read: there can be as many as nodes
            return self._latest[node_id]
        executed, latest = self.executed, self._latest
        pending, entered = [node_id], {node_id}
        while pending:
            current = pending[-1]
            parents = self._parents.get(current, ())
            open_parents = [p for p in parents if p not in executed and p not in latest and p not in entered]
            if open_parents and current not in latest:
                entered.update(open_parents)
                pending += open_parents
                continue
            pending.pop()
            if current not in latest:
                steps = [step for p in parents if (step := executed.get(p) or latest.get(p))]
                latest[current] = max(steps, key=_by_end, default=None) if len(steps) != 1 else steps[0]
        return latest[node_id]

    def _all_before(self, node_id: str) -> Iterator[Node]:
        """Yield the steps before a node, as far as the searches of this run allow."""
        pending, visited = [node_id], {node_id}
        while pending and self._searches_left > 0:
            parents = self._parents.get(pending.pop(), ())
            self._searches_left -= 1 + len(parents)
            for parent in parents:
                if parent in visited:
                    continue
                visited.add(parent)
                if parent in self.executed:
                    yield self.executed[parent]
                else:
                    pending.append(parent)

    def _predecessor_of_hook(self, node: Node) -> Node | None:
        """Return the step that ended last before a hook started, because an exit handler has no parent."""
        if node.id not in self._tree.nodes_of_hooks or node.started_at is None:
            return None
        index = bisect_right(self._steps_by_end, node.started_at, key=lambda step: _by_end(step)[0])
        return self._steps_by_end[index - 1] if index else None

    @cached_property
    def _steps_by_end(self) -> list[Node]:
        """The executed steps outside of hooks, in the order in which they ended."""
        hooks = self._tree.nodes_of_hooks
        return sorted([node for node in self.executed.values() if node.id not in hooks], key=_by_end)


def _end_of(attempt_id: str) -> str:
    """Return the id of the end of an attempt, which has no node."""
    return f"end of {attempt_id}"


def _parents(nodes: Mapping[str, Node]) -> dict[str, list[str]]:
    """Return the ids of the nodes that have a node among their children, by its id."""
    parents: defaultdict[str, list[str]] = defaultdict(list)
    for node_id, node in nodes.items():
        for child in node.children:
            parents[child].append(node_id)
    return parents


def _by_end(node: Node) -> tuple[datetime, str]:
    assert node.finished_at is not None  # noqa: S101 - _has_run
    return node.finished_at, node.id


def _ended_in_time(earlier: Node, node: Node) -> bool:
    """Whether one step had ended when the other one started."""
    return earlier.finished_at is not None and node.started_at is not None and earlier.finished_at <= node.started_at

"""Relations between the nodes of a run.

*Enclosing* follows from the names: a node's name is that of the enclosing node, plus ``.task``, ``[group]`` or
``(attempt)``. This includes hooks and exit handlers, which have no ``boundaryID``.

*Children* is Argo's graph of the order of execution. Joins give a node several parents, and invalid input can
make the graph cyclic, so it is always traversed with a visited set and without recursion.

The time of each relation is linear in the number of nodes, links and characters, whatever the names and links are.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cached_property
from math import inf

from wfreport.api.argo import FAILED_PHASES, Node, NodeType, Phase
from wfreport.core.snapshot.messages import exit_code
from wfreport.imports import lazy_pattern

GROUP_TYPES = frozenset({NodeType.STEPS, NodeType.STEP_GROUP, NodeType.DAG, NodeType.TASK_GROUP, NodeType.RETRY})

_PODS = frozenset({NodeType.POD})

_ATTEMPT_SUFFIX = lazy_pattern(r"\((\d{1,9})\)$")
_SUFFIX_LENGTH = 11
_POD_ENDED = lazy_pattern(r"pod (?:termination|deleted)")
_FAILED_CHILD = lazy_pattern(r"^child '([^']{1,512})' failed$")  # steps.go
_SEPARATORS = ".[("
_BEFORE_ALL_TIMES = -1e18


class Tree:
    """The nodes of a snapshot and the relations between them, each computed once (``Snapshot.tree``)."""

    def __init__(self, workflow_name: str, nodes: Mapping[str, Node]) -> None:
        self.workflow_name = workflow_name
        self.nodes = nodes
        self._by_name = {node.name: node for node in nodes.values() if node.name}
        self._innermost_of: dict[frozenset[NodeType], dict[str, Node]] = {}

    @property
    def exit_handler_name(self) -> str:
        """Name of the Workflow's own exit handler. It is no child of the root and has no boundary (operator.go:503)."""
        return f"{self.workflow_name}.onExit"

    @cached_property
    def containers_of_sets(self) -> Mapping[str, set[str]]:
        """Names of the containers of each containerSet, by the id of its Pod node: they do the work, like ``main``."""
        names = defaultdict[str, set[str]](set)
        for node in self.nodes.values():
            if node.type == NodeType.CONTAINER:
                names[node.boundary_id].add(node.display_name)
        return names

    def children(self, node: Node) -> Sequence[Node]:
        """Return the node's children that exist."""
        return [self.nodes[child] for child in node.children if child in self.nodes] if node.children else ()

    @cached_property
    def _sorted_names(self) -> Sequence[str]:
        """The names of all nodes, those of enclosing nodes before those of the nodes that they enclose."""
        return sorted(self._by_name)

    @cached_property
    def parents(self) -> Mapping[str, Node]:
        """The innermost enclosing node of each node that has one, by name."""
        parents: dict[str, Node] = {}
        by_name = self._by_name
        outer: list[str] = []
        longest = ""  # the innermost of the names that begin this one
        for name in self._sorted_names:
            while longest and not name.startswith(longest):
                longest = outer.pop()
            if longest:
                is_inside = name[len(longest)] in _SEPARATORS
                parent = by_name[longest] if is_inside else parents.get(longest)
                if parent is not None:
                    parents[name] = parent
            outer.append(longest)
            longest = name
        return parents

    def parent(self, node: Node) -> Node | None:
        """Return the innermost node that encloses the node."""
        return self.parents.get(node.name)

    def enclosing(self, node: Node) -> Iterator[Node]:
        """Yield the nodes that enclose the node, innermost first."""
        outer = self.parent(node)
        while outer is not None:
            yield outer
            outer = self.parent(outer)

    def innermost_of(self, types: frozenset[NodeType]) -> Mapping[str, Node]:
        """Return the innermost node of these types that encloses each node, by name.

        They are found from the outside in, each in one step: to follow ``enclosing`` for each node is quadratic.
        """
        if types not in self._innermost_of:
            found = self._innermost_of[types] = {}
            for name in self._sorted_names:
                parent = self.parents.get(name)
                outer = parent if parent is None or parent.type in types else found.get(parent.name)
                if outer is not None:
                    found[name] = outer
        return self._innermost_of[types]

    @cached_property
    def enclosing_nodes(self) -> frozenset[str]:
        """Ids of the nodes that enclose others."""
        return frozenset([parent.id for parent in self.parents.values()])

    def innermost(self, ids: Collection[str]) -> Mapping[str, str]:
        """Return the node itself or the innermost enclosing one among those with the given ids, by the node's name.

        Nodes that are not within any of them are left out.
        """
        if self.enclosing_nodes.isdisjoint(ids):  # such as attempts that are pods
            return {node.name: node.id for node in self.nodes.values() if node.id in ids}
        within: dict[str, str] = {}
        names, node_ids, parent_names = self._outer_first
        for index, name in enumerate(names):
            node_id, parent_name = node_ids[index], parent_names[index]
            if node_id in ids:
                within[name] = node_id
            elif parent_name in within:
                within[name] = within[parent_name]
        return within

    @cached_property
    def _outer_first(self) -> tuple[Sequence[str], Sequence[str], Sequence[str | None]]:
        """The names, the ids and the parents' names of all nodes, enclosing nodes first."""
        names, by_name, parents = self._sorted_names, self._by_name, self.parents
        ids = [by_name[name].id for name in names]
        return names, ids, [parent.name if (parent := parents.get(name)) else None for name in names]

    def attempts(self, retry: Node) -> list[Node]:
        """Return the attempts of a Retry node, oldest first. Its hooks are no attempts (operator.go:2092)."""
        return self.attempts_by_retry.get(retry.id, [])

    @cached_property
    def attempts_by_retry(self) -> Mapping[str, list[Node]]:
        """The attempts of all Retry nodes, oldest first, by the Retry node's id."""
        nodes, hooks = self.nodes, self.hooks
        return {
            retry.id: sorted(
                [
                    attempt
                    for child in retry.children
                    if (attempt := nodes.get(child)) and (child not in hooks or attempt.is_attempt)
                ],
                key=_attempt_index,
            )
            for retry in nodes.values()
            if retry.type == NodeType.RETRY
        }

    @cached_property
    def superseded_attempts(self) -> frozenset[str]:
        """Ids of the attempts that were superseded by a later attempt of the same Retry node."""
        return frozenset(attempt.id for attempts in self.attempts_by_retry.values() for attempt in attempts[:-1])

    @cached_property
    def retry_of(self) -> Mapping[str, Node]:
        """The Retry node of each attempt, by the attempt's id."""
        retries: dict[str, Node] = {}
        for retry_id, attempts in self.attempts_by_retry.items():
            retries |= dict.fromkeys([attempt.id for attempt in attempts], self.nodes[retry_id])
        return retries

    @cached_property
    def attempt_numbers(self) -> Mapping[str, int]:
        """The number of each attempt of a Retry node, from 1, by the attempt's id."""
        return {
            attempt.id: number
            for attempts in self.attempts_by_retry.values()
            for number, attempt in enumerate(attempts, start=1)
        }

    @cached_property
    def superseded_nodes(self) -> frozenset[str]:
        """Ids of the superseded attempts and of the nodes that they enclose."""
        return self._with_enclosed(self.superseded_attempts)

    @cached_property
    def hooks(self) -> frozenset[str]:
        """Ids of the exit handlers and lifecycle hooks."""
        return frozenset(node.id for node in self.nodes.values() if node.is_hook)

    @cached_property
    def nodes_of_hooks(self) -> frozenset[str]:
        """Ids of the exit handlers and lifecycle hooks, and of the nodes that they enclose."""
        return self._with_enclosed(self.hooks)

    def _with_enclosed(self, ids: frozenset[str]) -> frozenset[str]:
        """Return the ids, and those of all nodes that are enclosed by a node with one of them."""
        if self.enclosing_nodes.isdisjoint(ids):
            return ids
        within = self.innermost(ids)
        return ids.union([node.id for node in self.nodes.values() if node.name in within])

    @cached_property
    def nodes_enclosing_failures(self) -> frozenset[str]:
        """Ids of the nodes that enclose a failed node. A failure in a hook does not count for the hooked node."""
        if not self._failed_nodes:
            return frozenset()
        enclosing: set[str] = set()
        parents, hooks, retry_of = self.parents, self.hooks, self.retry_of
        for node in self._failed_nodes:
            inner = node
            # An attempt of a hook is enclosed by the hook.
            while inner.id not in hooks or inner.id in retry_of:
                outer = parents.get(inner.name)
                if outer is None or outer.id in enclosing:
                    break
                enclosing.add(outer.id)
                inner = outer
        return frozenset(enclosing)

    @cached_property
    def _failed_nodes(self) -> Sequence[Node]:
        return [node for node in self.nodes.values() if node.phase in FAILED_PHASES]

    @cached_property
    def failed_leaves(self) -> Sequence[Node]:
        """The nodes that failed by themselves and were not superseded by a later attempt, in Argo's order.

        Such a node encloses no failed node, and it is not the root's group.
        """
        enclosing, superseded = self.nodes_enclosing_failures, self.superseded_nodes
        candidates = [node for node in self._failed_nodes if node.id not in enclosing and node.id not in superseded]
        culprits = {node.id: self._succeeded_culprit(node) for node in candidates if node.type in GROUP_TYPES}
        return [
            culprits.get(node.id) or node
            for node in candidates
            if culprits.get(node.id) or node.type not in GROUP_TYPES or node.name != self.workflow_name
        ]

    def _succeeded_culprit(self, group: Node) -> Node | None:
        """Return the child that a failed group names as its failure, if Argo calls it Succeeded all the same.

        Argo before 2.9 did so if the machine of a pod was lost: its message has the exit code of the kill, or the end
        of the pod.
        """
        named = _FAILED_CHILD.match(group.message)
        child = self.nodes.get(named[1]) if named else None
        if child is None or child.type != NodeType.POD or child.phase != Phase.SUCCEEDED:
            return None
        return child if exit_code(child.message, None) or _POD_ENDED.match(child.message) else None

    def pod_node(self, node: Node) -> Node | None:
        """Return the Pod node that ran a node: itself, or for a Container the node of its containerSet."""
        if node.type == NodeType.POD:
            return node
        if node.type != NodeType.CONTAINER:
            return None
        return self.innermost_of(_PODS).get(node.name) or self.nodes.get(node.boundary_id)

    def failure_is_handled(self, node: Node) -> bool:
        """Whether a task ran in response to a failed node on every path below it, through Omitted and Skipped nodes.

        A task that had started before the failure, such as the client of a daemon, is not a response to it.
        """
        if not node.children and not node.outbound_nodes:
            return False
        starts = self._earliest_next_starts
        since = node.finished_at.timestamp() if node.finished_at else _BEFORE_ALL_TIMES
        ends = [end for end in node.outbound_nodes if end in starts]  # of a group (dag.go:373)
        return all(starts[end] >= since for end in ends) if ends else starts[node.id] >= since

    @cached_property
    def _earliest_next_starts(self) -> Mapping[str, float]:
        """By node id, the start of the earliest task on any path below the node; -inf if a path ends without one.

        Omitted and Skipped nodes and containers are passed through. Times propagate backwards, the earliest first, so
        that each node is visited once.
        """
        followers = [node for node in self.nodes.values() if node.id not in self.hooks]
        passed = {node.id for node in followers if _is_passed_through(node)}
        own = {node.id: inf if node.id in passed else _start(node) for node in followers}
        starts = dict.fromkeys(self.nodes, -inf)
        passed_from: defaultdict[str, list[str]] = defaultdict(list)
        for node_id, node in self.nodes.items():
            for child in node.children:
                if child in passed:
                    passed_from[child].append(node_id)
            known = [own[child] for child in node.children if child in own]
            if known:
                starts[node_id] = min(known)
        return _earliest_below(starts, passed_from) if passed else starts


def _earliest_below(starts: Mapping[str, float], passed_from: Mapping[str, Sequence[str]]) -> Mapping[str, float]:
    """Return the earliest of the times that are below each node, as they propagate backwards through those passed."""
    earliest: dict[str, float] = {}
    for source in sorted(starts, key=starts.__getitem__):
        if source in earliest:
            continue
        start = earliest[source] = starts[source]
        pending = [source]
        while pending:
            for node_id in passed_from.get(pending.pop(), ()):
                if node_id not in earliest:
                    earliest[node_id] = start
                    pending.append(node_id)
    return earliest


def _is_passed_through(node: Node) -> bool:
    return node.phase in (Phase.OMITTED, Phase.SKIPPED) or node.type == NodeType.CONTAINER


def _start(node: Node) -> float:
    """Return the start of a task; infinite if it is unknown."""
    return inf if node.started_at is None else node.started_at.timestamp()


def _attempt_index(node: Node) -> int:
    match = _ATTEMPT_SUFFIX.search(node.name[-_SUFFIX_LENGTH:])
    return int(match.group(1)) if match else -1

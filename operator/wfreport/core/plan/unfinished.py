"""Splits the nodes of a failed run: nodes to reuse, and nodes to run again.

A node runs again if it did not succeed, or if it follows a node that runs again. So no reused node depends on one that
runs again:

    fetch ✓ ─► transform ✗ ─► load ✓           reused: fetch        again: transform, load
    report ✓                                   reused: report

This is stricter than Argo, and it is the reason why the new run always ends. Argo's controller considers a DAG running
until all nodes that it links to have completed, even nodes after and outside of it (``assessDAGPhase``, dag.go), and it
links a node to its predecessor only when it creates the node (``executeDAGTask``). If a node to run followed a reused
DAG, each would wait for the other. ``argo resubmit --memoized`` creates such runs up to v4.1.2
(argoproj/argo-workflows#16938).

When a new Argo version changes these functions, run tests/live/remediation/test_memoized_live.py with it: each shape
of a run there must end. With the fix, the rule may be relaxed to Argo's own.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Final

from msgspec import Struct

from wfreport.api.argo import FAILED_PHASES, NodeType, Phase
from wfreport.core.plan.plan import Json

_OF_TEMPLATES: Final = frozenset({NodeType.DAG, NodeType.STEPS})
_GROUPS: Final = frozenset({NodeType.STEP_GROUP, NodeType.TASK_GROUP})
_COMPOSITES: Final = _OF_TEMPLATES | _GROUPS
"""Types of nodes that contain other nodes: a composite runs again only if everything in it does."""
_MAX_DEPTH: Final = 500
_DONE: Final = frozenset({Phase.SUCCEEDED, Phase.SKIPPED, Phase.OMITTED})


class Reusable(Struct, frozen=True):
    """The nodes that a new run starts with, by id.

    Attributes:
        done: nodes that are reused, and not run again.
        open: DAGs, steps and groups that contain both reused nodes and nodes to run again.
    """

    done: frozenset[str]
    open: frozenset[str]


def reusable(nodes: Mapping[str, Json]) -> Reusable:
    """Return the nodes that a new run starts with."""
    restarted_with = _restarted_with(nodes)
    rerun, incomplete = _unfinished(nodes, restarted_with)
    done = frozenset(nodes) - rerun - incomplete - set(_superseded(nodes))
    opened: set[str] = set()
    pending = list(done)
    while pending:
        outer = [key for key in restarted_with[pending.pop()] if key in incomplete and key not in opened]
        opened.update(outer)
        pending += outer
    return Reusable(done, frozenset(opened))


def _unfinished(nodes: Mapping[str, Json], restarted_with: Mapping[str, list[str]]) -> tuple[set[str], set[str]]:
    """Return the nodes to run again, including all that follow them, and the incomplete composites that contain any."""
    successors = _successors_of_composites(nodes)
    rerun: set[str] = set()
    incomplete: set[str] = set()
    superseded = set(_superseded(nodes))
    unfinished = [key for key in nodes if not _is_done(nodes[key]) and key not in superseded]
    pending = [(key, not _is_composite(nodes[key])) for key in unfinished]
    while pending:
        key, runs_again = pending.pop()
        visited = rerun if runs_again else incomplete
        if key not in visited:
            visited.add(key)
            pending += [(after, True) for after in (_children(nodes, key) if runs_again else successors[key])]
            pending += [(outer, not _is_composite(nodes[outer])) for outer in restarted_with[key]]
    return rerun, incomplete


def _is_done(node: Json) -> bool:
    return node.get("phase") in _DONE


def _is_composite(node: Json) -> bool:
    return node.get("type") in _COMPOSITES


def _superseded(nodes: Mapping[str, Json]) -> Iterator[str]:
    """Yield the failed attempts of steps that succeeded with a later attempt."""
    for node in nodes.values():
        if node.get("type") == NodeType.RETRY and _is_done(node):
            attempts = (nodes[key] for key in _children(nodes, node["id"]))
            yield from (attempt["id"] for attempt in attempts if _is_failed_pod(attempt) and not is_hook(attempt))


def _is_failed_pod(node: Json) -> bool:
    return node.get("type") == NodeType.POD and node.get("phase") in FAILED_PHASES


def is_hook(node: Json) -> bool:
    """Return whether the node is a lifecycle hook of another, including an exit handler."""
    return bool((node.get("nodeFlag") or {}).get("hooked"))


def _children(nodes: Mapping[str, Json], key: str) -> list[str]:
    return [child for child in nodes[key].get("children") or () if child in nodes]


def _boundary(nodes: Mapping[str, Json], key: str) -> str | None:
    boundary: str = nodes[key].get("boundaryID") or ""
    return boundary if boundary in nodes else None


def _enclosing(nodes: Mapping[str, Json], key: str, known: dict[str, tuple[str, ...]]) -> tuple[str, ...]:
    """Return the DAGs, steps and containerSets that enclose a node, innermost first; at most 500 of them.

    Argo's templates are nested at most 100 deep. ``known`` has the result for each boundary.
    """
    boundary = _boundary(nodes, key)
    if boundary is None:
        return ()
    if boundary not in known:
        enclosing: dict[str, None] = {}
        outer: str | None = boundary
        while outer is not None and outer not in enclosing and len(enclosing) < _MAX_DEPTH:
            enclosing[outer] = None
            outer = _boundary(nodes, outer)
        known[boundary] = tuple(enclosing)
    return known[boundary]


def _restarted_with(nodes: Mapping[str, Json]) -> Mapping[str, list[str]]:
    """Return, for each node, the nodes to restart with it: its boundary, its group and its Retry node."""
    restarted_with: defaultdict[str, list[str]] = defaultdict(list)
    for key, node in nodes.items():
        boundary = _boundary(nodes, key)
        restarted_with[key] += [boundary] if boundary is not None else []
        if node.get("type") in _GROUPS | {NodeType.RETRY}:
            for child in _children(nodes, key):
                restarted_with[child].append(key)
    return restarted_with


def _successors_of_composites(nodes: Mapping[str, Json]) -> Mapping[str, list[str]]:
    """Return, for each DAG or steps node, the nodes that follow it: its links to nodes outside of it."""
    successors: defaultdict[str, list[str]] = defaultdict(list)
    known: dict[str, tuple[str, ...]] = {}
    enclosing = {key: _enclosing(nodes, key, known) for key in nodes}
    for key, node in nodes.items():
        inside = [key, *enclosing[key]] if node.get("type") in _OF_TEMPLATES else enclosing[key]
        for child in _children(nodes, key) if inside else ():
            for composite in set(inside) - set(enclosing[child]) - {child}:
                successors[composite].append(child)
    return successors

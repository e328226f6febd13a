"""What a run that failed has to do again: what did not succeed, and whatever came after it.

The rest is closed: nothing of it follows on anything that is done again. That is more than Argo asks for, and is why a
run that begins with the rest ends. Argo's controller waits for a DAG until all nodes are over that its links lead to,
also those after and outside of it (assessDAGPhase, dag.go), and links a node to what it
follows on only when it makes it (executeDAGTask): a node that is to be done, after a DAG that is, is waited for by that
DAG, and waits for it. ``argo resubmit --memoized`` makes such runs (argoproj/argo-workflows#16938, fixed after v4.1.2).
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from wfreport.api.argo import FAILED_PHASES, NodeType, Phase
from wfreport.core.plan.plan import Json

_OF_TEMPLATES: Final = frozenset({NodeType.DAG, NodeType.STEPS})
_GROUPS: Final = frozenset({NodeType.STEP_GROUP, NodeType.TASK_GROUP})
_HOLDERS: Final = _OF_TEMPLATES | _GROUPS
_DONE: Final = frozenset({Phase.SUCCEEDED, Phase.SKIPPED, Phase.OMITTED})


@dataclass(frozen=True, slots=True)
class Reusable:
    """What of a run's nodes is taken over, by id.

    Attributes:
        done: what is not done again.
        open: DAGs, steps and groups that hold some of these, and something to do.
    """

    done: frozenset[str]
    open: frozenset[str]


def reusable(nodes: Mapping[str, Json]) -> Reusable:
    """What of the nodes need not be done again, and what holds it."""
    holders = _holders(nodes)
    again, opened = _unfinished(nodes, holders)
    done = frozenset(nodes) - again - opened - set(_superseded(nodes))
    held: set[str] = set()
    ahead = list(done)
    while ahead:
        outer = [key for key in holders[ahead.pop()] if key in opened and key not in held]
        held.update(outer)
        ahead += outer
    return Reusable(done, frozenset(held))


def _unfinished(nodes: Mapping[str, Json], holders: Mapping[str, list[str]]) -> tuple[set[str], set[str]]:
    """What is done again, with all that came after it; and what holds any of it."""
    leaving = _ways_out(nodes)
    again: set[str] = set()
    opened: set[str] = set()
    superseded = set(_superseded(nodes))
    ahead = [(key, not _is_holder(nodes[key])) for key in nodes if not _is_done(nodes[key]) and key not in superseded]
    while ahead:
        key, is_again = ahead.pop()
        seen = again if is_again else opened
        if key not in seen:
            seen.add(key)
            ahead += [(after, True) for after in (_children(nodes, key) if is_again else leaving[key])]
            ahead += [(holder, not _is_holder(nodes[holder])) for holder in holders[key]]
    return again, opened


def _is_done(node: Json) -> bool:
    return node.get("phase") in _DONE


def _is_holder(node: Json) -> bool:
    return node.get("type") in _HOLDERS


def _superseded(nodes: Mapping[str, Json]) -> Iterator[str]:
    """Attempts that failed before the one with which their step succeeded."""
    for node in nodes.values():
        if node.get("type") == NodeType.RETRY and _is_done(node):
            attempts = (nodes[key] for key in _children(nodes, node["id"]))
            yield from (found["id"] for found in attempts if _is_failed_pod(found) and not is_hook(found))


def _is_failed_pod(node: Json) -> bool:
    return node.get("type") == NodeType.POD and node.get("phase") in FAILED_PHASES


def is_hook(node: Json) -> bool:
    """Whether it is a lifecycle hook of another; also an exit handler of one."""
    return bool((node.get("nodeFlag") or {}).get("hooked"))


def _children(nodes: Mapping[str, Json], key: str) -> list[str]:
    return [child for child in nodes[key].get("children") or () if child in nodes]


def _enclosing(nodes: Mapping[str, Json], key: str) -> list[str]:
    """The DAGs, steps and containerSets within which a node is, innermost first."""
    found: list[str] = []
    boundary: str = nodes[key].get("boundaryID") or ""
    while boundary in nodes and boundary not in found:
        found.append(boundary)
        boundary = nodes[boundary].get("boundaryID") or ""
    return found


def _holders(nodes: Mapping[str, Json]) -> Mapping[str, list[str]]:
    """What has to begin again for a node to be done again, by the node."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for key, node in nodes.items():
        found[key] += _enclosing(nodes, key)[:1]
        if node.get("type") in _GROUPS | {NodeType.RETRY}:
            for child in _children(nodes, key):
                found[child].append(key)
    return found


def _ways_out(nodes: Mapping[str, Json]) -> Mapping[str, list[str]]:
    """What followed on a DAG or steps as a whole, by these: what their links lead to outside of them."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    enclosing = {key: _enclosing(nodes, key) for key in nodes}
    for key, node in nodes.items():
        inside = [key, *enclosing[key]] if node.get("type") in _OF_TEMPLATES else enclosing[key]
        for child in _children(nodes, key) if inside else ():
            for holder in set(inside) - set(enclosing[child]) - {child}:
                found[holder].append(child)
    return found

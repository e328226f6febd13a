"""Groups the failures of a run that are the same failure: a bad input often fails many items of a loop alike."""

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from msgspec import Struct

from wfreport.api.argo import Node
from wfreport.api.classes import CAUSES
from wfreport.api.report import Failure
from wfreport.core.classify.roles import FailedLeaf
from wfreport.core.snapshot.tree import Tree
from wfreport.imports import lazy_pattern

_ITEM: Final = lazy_pattern(r"(\.?[^(]*)\(\d+:")
"""The name of a loop's item after that of the enclosing node: ``.day(17:x)`` of Steps, ``(17:x)`` of a DAG."""


class LeadingGroup(Struct, frozen=True):
    """The failures that equal the leading one, and itself.

    Attributes:
        failed: number of equal failures; of a loop, the number of its items that failed so.
        loop: name of the loop whose items failed; empty if the failures have no loop in common.
        items: number of items of the loop.
        step: name of the failed step within the item; empty if that is the item itself.
        others: number of causes that are other failures.
    """

    failed: int
    others: int
    loop: str = ""
    items: int = 0
    step: str = ""


def equal_groups(failures: Sequence[Failure], *, by_log_line: bool = False) -> list[list[Failure]]:
    """Return the failures in groups of equal ones, in the order of their first ones.

    Args:
        failures: the failures.
        by_log_line: whether equal ones also have the same telling line, exactly as it is shown.
    """
    groups: dict[object, list[Failure]] = {}
    for failure in failures:
        groups.setdefault((_key(failure), failure.log_line if by_log_line else None), []).append(failure)
    return list(groups.values())


def _key(failure: Failure) -> object:
    if failure.fingerprint is None:
        return id(failure)
    return failure.role, failure.failure_class, failure.exit_code, failure.fingerprint


def leading_group(failures: Sequence[Failure], leaves: Sequence[FailedLeaf], tree: Tree) -> LeadingGroup:
    """Return the group of the leading failure.

    Args:
        failures: failures that the report lists.
        leaves: failed leaves of all failures, in the same order; more than the failures if not all are listed.
        tree: the nodes of the run.
    """
    causes = sum(1 for leaf in leaves if leaf.role in CAUSES)
    equal = [*_equal_listed(failures, leaves), *_equal_unlisted(leaves, len(failures))]
    if len(equal) < 2:  # noqa: PLR2004 - a single failure is no group
        return LeadingGroup(min(1, causes), max(0, causes - 1))
    around_first = (equal[0], *tree.enclosing(equal[0]))
    first = next((outer for outer in around_first if _loop(outer, tree.parent(outer))), None)
    loops = _loops(tree) if first else {}
    items = _items_around(equal, loops, tree) if first else []
    loop = loops[first.id] if first else ""
    if first is None or any(loops.get(item) != loop for item in items):
        return LeadingGroup(len(equal), causes - len(equal))
    return LeadingGroup(
        failed=len(set(items)),
        others=causes - len(equal),
        loop=first.display_name.partition("(")[0],
        items=sum(1 for other in loops.values() if other == loop),
        step="" if first in (equal[0], tree.retry_of.get(equal[0].id)) else equal[0].display_name,
    )


def _equal_listed(failures: Sequence[Failure], leaves: Sequence[FailedLeaf]) -> list[Node]:
    """Return the nodes of the listed causes that equal the first one, and its own."""
    first = _key(failures[0]) if failures else None
    listed = zip(failures, leaves, strict=False)
    return [leaf.node for failure, leaf in listed if leaf.node and leaf.role in CAUSES and _key(failure) == first]


def _equal_unlisted(leaves: Sequence[FailedLeaf], listed: int) -> list[Node]:
    """Return the nodes of the other causes that equal the first one. They have no fingerprint, but a message."""
    first = leaves[0].node if leaves else None
    if first is None:
        return []
    template, message = first.called_template_name, first.message
    return [
        leaf.node
        for leaf in leaves[listed:]
        if leaf.node
        and leaf.node.message == message
        and leaf.role in CAUSES
        and leaf.node.called_template_name == template
    ]


def _items_around(nodes: Sequence[Node], items: Collection[str], tree: Tree) -> list[str]:
    """Return the id of the item that is or encloses each node; an empty one for a node within none."""
    ids = [node.id for node in nodes]
    if all(node_id in items for node_id in ids):
        return ids
    within = tree.innermost(items)
    return [within.get(node.name, "") for node in nodes]


def _loops(tree: Tree) -> Mapping[str, str]:
    """Return the name of the loop of each item of one, by the item's id."""
    parents = tree.parents
    return {node.id: loop for node in tree.nodes.values() if (loop := _loop(node, parents.get(node.name)))}


def _loop(node: Node, parent: Node | None) -> str:
    """Return the name of the loop that the node, which this one encloses, is an item of; empty if it is none."""
    found = _ITEM.match(node.name, len(parent.name)) if parent else None
    return f"{parent.name}{found[1]}" if parent and found else ""

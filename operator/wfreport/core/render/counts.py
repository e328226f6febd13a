"""Counts nodes by phase, and the steps among them that do work."""

from collections import Counter

from wfreport.api.argo import COMPLETED_PHASES, FAILED_PHASES, Node, NodeType, Phase
from wfreport.api.counts import Counts, StepCounts
from wfreport.core.snapshot.model import NodesState, Snapshot

_KNOWN_STATES = frozenset({NodesState.READ, NodesState.NONE_YET})
"""States in which the number of nodes is known; in other states it is unknown, not 0."""


_WORKING_TYPES = frozenset({NodeType.POD, NodeType.HTTP, NodeType.PLUGIN, NodeType.SUSPEND, NodeType.SKIPPED})


def count_nodes(snapshot: Snapshot) -> Counts | None:
    """Count nodes by phase; return None if the nodes could not be read."""
    if snapshot.nodes_state not in _KNOWN_STATES:
        return None
    nodes, superseded = snapshot.nodes.values(), snapshot.tree.superseded_attempts
    phases = Counter([node.phase for node in nodes])
    return Counts(
        total=len(snapshot.nodes),
        succeeded=phases[Phase.SUCCEEDED],
        failed=phases[Phase.FAILED],
        errored=phases[Phase.ERROR],
        running=phases[Phase.RUNNING],
        pending=phases[Phase.PENDING],
        skipped=phases[Phase.SKIPPED],
        omitted=phases[Phase.OMITTED],
        retried_attempts=sum(1 for node in nodes if node.id in superseded and node.phase in FAILED_PHASES),
        memoized=sum(1 for node in nodes if node.memoization_status and node.memoization_status.hit),
    )


def nothing_ran(snapshot: Snapshot, steps: StepCounts | None) -> str:
    """Return that no step of a run did anything, with the reason of the first that was skipped; else empty."""
    if steps is None or not snapshot.nodes or steps.total > steps.skipped + steps.omitted:
        return ""
    skipped = (node for node in snapshot.nodes.values() if node.phase == Phase.SKIPPED and node.message)
    first = next(skipped, None)
    return f"no step ran ({first.display_name}: {first.message})" if first else "no step ran"


def count_steps(snapshot: Snapshot) -> StepCounts | None:
    """Count the steps that do work; return None if the nodes could not be read.

    A containerSet is one step. A group counts only if it failed by itself, such as a loop over an invalid list.
    """
    if snapshot.nodes_state not in _KNOWN_STATES:
        return None
    tree = snapshot.tree
    superseded = tree.superseded_nodes

    def is_working(node: Node) -> bool:
        return node.type in _WORKING_TYPES and node.id not in superseded

    failed = (tree.pod_node(leaf) or leaf for leaf in tree.failed_leaves if not is_working(leaf))
    others = {step.id: step for step in failed if not is_working(step)}
    steps = [*filter(is_working, snapshot.nodes.values()), *others.values()]
    # A step goes on while its Retry node may make another attempt.
    unfinished = {attempt for attempt, retry in tree.retry_of.items() if retry.phase not in COMPLETED_PHASES}
    states = Counter(
        [Phase.RUNNING if node.id in unfinished and node.phase in FAILED_PHASES else node.phase for node in steps]
    )
    return StepCounts(
        total=states.total(),
        succeeded=states[Phase.SUCCEEDED],
        failed=states[Phase.FAILED] + states[Phase.ERROR],
        running=states[Phase.RUNNING],
        pending=states[Phase.PENDING],
        skipped=states[Phase.SKIPPED],
        omitted=states[Phase.OMITTED],
    )

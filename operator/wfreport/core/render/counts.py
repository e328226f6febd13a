"""Counts nodes by phase."""

from collections import Counter

from wfreport.api.argo import Phase
from wfreport.api.report import Counts
from wfreport.core.snapshot.model import NodesState, Snapshot

_KNOWN_STATES = frozenset({NodesState.READ, NodesState.NONE_YET})
"""States in which the number of nodes is known; in other states it is unknown, not 0."""


def count_nodes(snapshot: Snapshot) -> Counts | None:
    """Count nodes by phase; return None if the nodes could not be read."""
    if snapshot.nodes_state not in _KNOWN_STATES:
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
        retried_attempts=sum(1 for node_id in snapshot.tree.superseded_attempts if snapshot.nodes[node_id].has_failed),
        memoized=sum(1 for node in snapshot.nodes.values() if node.memoization_status and node.memoization_status.hit),
    )

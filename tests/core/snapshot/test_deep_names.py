"""What encloses a node is found in the same time, however many nodes enclose it: their names are a user's."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.core.hostile import cpu_seconds

from bench.bounds import deep, workflow_of
from wfreport.core.snapshot.decode import decode_workflow
from wfreport.core.snapshot.model import Snapshot
from wfreport.core.snapshot.step_labels import step_label
from wfreport.core.snapshot.tree import Tree

SIZE = 3_000
MAX_RATIO = 8


def pods(tree: Tree) -> None:
    for node in tree.nodes.values():
        tree.pod_node(node)


def label(tree: Tree) -> None:
    step_label(list(tree.nodes.values())[-1], tree)


def seconds(use: Callable[[Tree], None], snapshot: Snapshot) -> float:
    return cpu_seconds(lambda: use(Tree("wf", snapshot.nodes)))


@pytest.mark.parametrize(("kind", "use"), [("Container", pods), ("Container", label), ("DAG", label)])
def test_deep_nodes_take_as_long_as_flat_ones(kind: str, use: Callable[[Tree], None]) -> None:
    nested = decode_workflow(workflow_of(deep(kind)(SIZE)))
    flat = decode_workflow(workflow_of({k: v | {"name": f"wf.{k}"} for k, v in deep(kind)(SIZE).items()}))
    assert len(nested.nodes) == len(flat.nodes) > SIZE
    assert seconds(use, nested) <= MAX_RATIO * max(seconds(use, flat), 0.02)

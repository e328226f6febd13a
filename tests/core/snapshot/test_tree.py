"""What follows from the names, the children and the attempts of nodes."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace
from tests.builders import a_node

from wfreport.api.argo import Node, NodeType, Phase
from wfreport.core.snapshot.tree import Tree

FAILED = Phase.FAILED


def tree_of(*nodes: Node) -> Tree:
    return Tree("wf", {node.id: node for node in nodes})


def test_a_step_within_a_superseded_attempt_is_superseded_too() -> None:
    retry = a_node("wf.r", FAILED, NodeType.RETRY, children=["wf.r(0)", "wf.r(1)"])
    first, second = (a_node(f"wf.r({n})", FAILED, NodeType.STEPS) for n in range(2))
    inner, last = a_node("wf.r(0).a", FAILED), a_node("wf.r(1).a", FAILED)
    tree = tree_of(retry, first, second, inner, last)
    assert [node.name for node in tree.nodes.values() if node.id in tree.superseded_nodes] == ["wf.r(0)", "wf.r(0).a"]


def test_a_node_is_within_the_innermost_of_those_that_enclose_it() -> None:
    names = ("wf", "wf.g", "wf.g.a", "wf.g.a.b", "wf.h")
    tree = tree_of(*(a_node(name, node_type=NodeType.DAG) for name in names))
    assert tree.innermost({"wf.g"}) == dict.fromkeys(names[1:4], "wf.g")


@pytest.mark.parametrize(("started_after_seconds", "is_handled"), [(-1, False), (0, True), (1, True)])
def test_a_task_that_starts_in_the_second_of_the_failure_responds_to_it(
    started_after_seconds: int, is_handled: bool
) -> None:
    task = a_node("wf.a", FAILED, children=["wf.b"], end=5)
    group = a_node("wf.g", FAILED, NodeType.DAG, outbound_nodes=["wf.a"], end=5)
    response = a_node("wf.b", start=5 + started_after_seconds, end=9)
    tree = tree_of(task, group, response)
    assert [tree.failure_is_handled(node) for node in (task, group)] == [is_handled, is_handled]


def test_nothing_responds_to_a_task_that_no_other_follows() -> None:
    alone, last = a_node("wf.a", FAILED), a_node("wf.c", FAILED, children=["wf.gone"])
    tree = tree_of(alone, last, a_node("wf.b", start=5))
    assert [tree.failure_is_handled(node) for node in (alone, last)] == [False, False]


KILLED = "failed with exit code 137"


@pytest.mark.parametrize(
    ("named", "child", "leaf"),
    [
        ("child 'wf[0].a' failed", {"message": KILLED}, "wf[0].a"),
        ("child 'wf[0].b' failed", {"message": KILLED}, "wf[0]"),
        ("odd", {"message": KILLED}, "wf[0]"),
        ("child 'wf[0].a' failed", {}, "wf[0]"),
        ("child 'wf[0].a' failed", {"message": KILLED, "phase": Phase.RUNNING}, "wf[0]"),
        ("child 'wf[0].a' failed", {"message": KILLED, "node_type": NodeType.STEPS}, "wf[0]"),
    ],
)
def test_a_child_that_a_failed_group_names_is_its_failure_if_an_old_argo_calls_it_succeeded(
    named: str, child: dict[str, Any], leaf: str
) -> None:
    group = a_node("wf[0]", FAILED, NodeType.STEP_GROUP, message=named)
    tree = tree_of(a_node("wf", FAILED, NodeType.STEPS), group, a_node("wf[0].a", **child))
    assert [node.name for node in tree.failed_leaves] == [leaf]


def test_the_children_of_a_node_are_those_that_exist() -> None:
    first, gone, last = a_node("wf.a", children=["wf.b", "wf.gone"]), a_node("wf.b"), a_node("wf.c")
    tree = tree_of(first, gone, last)
    assert list(tree.children(first)) == [gone]
    assert list(tree.children(last)) == []


def test_the_pod_of_a_container_is_the_innermost_pod_around_it() -> None:
    pod, group = a_node("wf.a"), a_node("wf.a.g", node_type=NodeType.STEPS)
    container = a_node("wf.a.g.main", node_type=NodeType.CONTAINER)
    tree = tree_of(pod, group, container)
    assert [tree.pod_node(node) for node in (pod, group, container)] == [pod, None, pod]


def test_a_response_is_found_through_any_number_of_steps_that_did_not_run() -> None:
    failed = a_node("wf.a", FAILED, children=["wf.b"], end=5)
    passed = [a_node(f"wf.{name}", Phase.OMITTED, children=[f"wf.{after}"]) for name, after in ("bc", "cd", "de")]
    response, earlier = a_node("wf.e", start=9), a_node("wf.f", start=1)
    other = a_node("wf.g", FAILED, children=["wf.h"], end=5)
    pending = replace(a_node("wf.h", Phase.PENDING), started_at=None)
    tree = tree_of(failed, *passed, response, earlier, other, pending)
    assert tree.failure_is_handled(failed)
    assert tree.failure_is_handled(other)
    assert not tree_of(failed, *passed).failure_is_handled(failed)

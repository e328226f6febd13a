"""The name of a step by which a person, and `wfreport logs`, finds it among all steps of a run."""

from msgspec import structs
from tests.builders import a_node, a_snapshot

from wfreport.api.argo import Node, NodeType
from wfreport.core.snapshot.step_labels import step_label, unique_name
from wfreport.core.snapshot.tree import Tree

ROOT = a_node("wf", node_type=NodeType.DAG)


def tree_of(*nodes: Node) -> Tree:
    return a_snapshot(ROOT, *nodes).tree


def a_task(name: str, *steps: str, attempt: str = "") -> list[Node]:
    retry = [a_node(f"wf.{name}", node_type=NodeType.RETRY, children=[f"wf.{name}{attempt}"])] if attempt else []
    group = a_node(f"wf.{name}{attempt}", node_type=NodeType.DAG)
    return [*retry, group, *(a_node(f"{group.name}.{step}") for step in steps)]


def label(name: str, *nodes: Node) -> str:
    tree = tree_of(*nodes)
    return step_label(tree.nodes[name], tree)


def test_a_step_whose_name_is_enough_has_its_own() -> None:
    assert label("wf.a", a_node("wf.a")) == "a"
    assert label("wf", a_node("wf.a")) == "wf"
    assert label("wf.train.fit", *a_task("train", "fit", "score")) == "fit"


def test_a_step_that_is_alone_in_its_task_is_named_with_it() -> None:
    assert label("wf.train.executor", *a_task("train", "executor")) == "train.executor"
    handler = a_node("wf.onExit", node_type=NodeType.DAG, hooked=True)
    assert label("wf.onExit.notify", handler, a_node("wf.onExit.notify")) == "notify"


def test_steps_that_share_a_name_are_named_with_their_tasks() -> None:
    nodes = [*a_task("load", "run", "check"), *a_task("train", "run", "check")]
    assert label("wf.train.run", *nodes) == "train.run"


def test_the_containers_of_several_sets_are_named_with_their_steps() -> None:
    sets = [a_node("wf.a"), a_node("wf.b")]
    containers = [a_node(f"{one.name}.main", node_type=NodeType.CONTAINER) for one in sets]
    assert label("wf.b.main", *sets, *containers) == "b.main"


def test_the_attempts_of_a_step_are_no_other_steps() -> None:
    tried = [a_node("wf.a", node_type=NodeType.RETRY, children=["wf.a(0)", "wf.a(1)"])]
    assert label("wf.a(1)", *tried, a_node("wf.a(0)"), a_node("wf.a(1)")) == "a"
    task = a_task("train", "fit", "score", attempt="(0)")
    again = [a_node("wf.train(1)", node_type=NodeType.DAG), a_node("wf.train(1).fit"), a_node("wf.train(1).score")]
    retry = a_node("wf.train", node_type=NodeType.RETRY, children=["wf.train(0)", "wf.train(1)"])
    assert label("wf.train(1).fit", *task, *again, retry) == "fit"


def test_groups_of_parallel_steps_and_of_items_are_no_tasks() -> None:
    steps = a_node("wf.train", node_type=NodeType.STEPS)
    groups = [a_node(f"wf.train[{n}]", node_type=NodeType.STEP_GROUP, display_name=f"[{n}]") for n in range(2)]
    runs = [a_node("wf.train[0].run"), a_node("wf.run")]
    assert label("wf.train[0].run", steps, *groups, *runs) == "train.run"


def test_more_tasks_are_named_if_one_is_not_enough() -> None:
    nodes = [
        node
        for outer in ("a", "b")
        for node in (
            a_node(f"wf.{outer}", node_type=NodeType.DAG),
            a_node(f"wf.{outer}.train", node_type=NodeType.DAG),
            a_node(f"wf.{outer}.train.executor"),
        )
    ]
    assert label("wf.b.train.executor", *nodes) == "b.train.executor"


def test_a_step_that_three_names_cannot_tell_has_its_full_name_or_its_id() -> None:
    groups = [a_node("wf" + ".a" * depth, node_type=NodeType.DAG) for depth in range(1, 6)]
    tree = tree_of(*groups)
    assert step_label(tree.nodes["wf.a"], tree) == ""
    assert unique_name(tree.nodes["wf.a"], tree) == "wf.a"
    long = a_node("wf." + "a" * 70, node_type=NodeType.DAG, display_name="a")
    long = structs.replace(long, id="wf-1")
    assert unique_name(long, tree_of(long, a_node(f"{long.name}.a"), a_node(f"{long.name}.b"))) == "wf-1"

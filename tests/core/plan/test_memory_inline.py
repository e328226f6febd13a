"""RaiseMemory for inline templates of steps and tasks."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.core.plan.builders import a_container, a_run
from tests.recorded import recording

from wfreport.api.argo import Node, TemplateRef
from wfreport.api.reasons import Refusal
from wfreport.core.plan.inline import inline_template, named_caller
from wfreport.core.plan.memory import MemoryRaise, OutOfMemory, raised_memory
from wfreport.core.plan.refusal import RefusedError
from wfreport.core.plan.templates import address_of
from wfreport.core.snapshot.decode import decode_workflow

HALF_MORE = MemoryRaise("1.5", "16Gi")
ROOT = Node(id="wf", name="wf", type="DAG", template_name="main")
task_names = st.from_regex(r"[a-zA-Z0-9][-a-zA-Z0-9_]{0,20}", fullmatch=True)


def nodes_of(*nodes: Node) -> dict[str, Node]:
    return {node.id: node for node in (ROOT, *nodes)}


def a_call(name: str, **inline: Any) -> dict[str, Any]:
    return {"name": name, "inline": inline}


def killed(*templates: dict[str, Any], node: Node, nodes: dict[str, Node], **more: Any) -> Any:
    caller, calls = named_caller(node, nodes)
    run = a_run(*templates, **more)
    before = copy.deepcopy(run)
    raised = raised_memory(run, OutOfMemory(address_of(caller), "main", calls=calls), HALF_MORE)
    assert run == before
    return raised


def test_an_inline_task_is_raised_in_place() -> None:
    node = Node(id="b", name="wf.b", type="Pod", boundary_id="wf")
    tasks = [a_call("a", container=a_container()), a_call("b", container=a_container())]
    raised = killed({"name": "main", "dag": {"tasks": tasks}}, node=node, nodes=nodes_of(node))
    a, b = raised.spec["templates"][0]["dag"]["tasks"]
    assert a == tasks[0]
    assert b["inline"]["container"]["resources"]["limits"]["memory"] == "6Gi"
    assert [(c.path, c.before, c.after) for c in raised.changes] == [
        ("spec.templates[main].tasks[b].inline.resources[main].limits.memory", "4Gi", "6Gi")
    ]


def test_a_step_within_an_inline_dag_is_raised_with_its_patch() -> None:
    outer = Node(id="s", name="wf[0].s(1:x)", type="DAG", boundary_id="wf")
    node = Node(id="t", name="wf[0].s(1:x).t(0)", type="Pod", boundary_id="s")
    patch = '{"containers": [{"name": "main", "resources": {"limits": {"memory": "1Gi"}}}]}'
    leaf = a_call("t", script=a_container(), podSpecPatch=patch)
    steps = [[a_call("first", container=a_container())], [a_call("s", dag={"tasks": [leaf]})]]
    raised = killed({"name": "main", "steps": steps}, node=node, nodes=nodes_of(outer, node))
    assert [(c.path, c.after) for c in raised.changes] == [
        ("spec.templates[main].steps[s].inline.tasks[t].inline.podSpecPatch[main].limits.memory", "1536Mi")
    ]
    assert (
        '"memory": "1536Mi"'
        in raised.spec["templates"][0]["steps"][1][0]["inline"]["dag"]["tasks"][0]["inline"]["podSpecPatch"]
    )


def test_an_inline_task_of_a_workflow_template_is_raised_in_a_copy_of_it() -> None:
    ref = TemplateRef(name="lib", template="inner")
    around = Node(id="x", name="wf.x", type="DAG", boundary_id="wf", template_ref=ref)
    node = Node(id="y", name="wf.x.y", type="Pod", boundary_id="x", template_scope="namespaced/lib")
    inner = {"name": "inner", "dag": {"tasks": [a_call("y", container=a_container())]}}
    stored = {"namespaced/lib/inner": inner, "namespaced/lib/inline/y": {"container": a_container()}}
    call = {"name": "x", "templateRef": {"name": "lib", "template": "inner"}}
    main = {"name": "main", "dag": {"tasks": [call]}}
    raised = killed(main, node=node, nodes=nodes_of(around, node), storedTemplates=stored)
    assert {change.path: change.after for change in raised.changes} == {
        "spec.templates[inner].tasks[y].inline.resources[main].limits.memory": "6Gi",
        "spec.templates[inner]": "inlined",
    }
    changed, copied = raised.spec["templates"]
    assert changed["dag"]["tasks"][0] == {"name": "x", "template": "inner"}
    assert copied["dag"]["tasks"][0]["inline"]["container"]["resources"]["limits"]["memory"] == "6Gi"


def test_a_container_of_an_inline_set_is_found_by_its_pod() -> None:
    pod = Node(id="p", name="wf.p", type="Pod", boundary_id="wf")
    node = Node(id="c", name="wf.p.main", type="Container", boundary_id="p")
    assert named_caller(node, nodes_of(pod, node)) == (ROOT, ("p",))


def test_a_node_of_a_named_template_is_returned_itself() -> None:
    for named in (ROOT, Node(id="x", template_ref=TemplateRef(name="lib", template="x"))):
        assert named_caller(named, nodes_of(named)) == (named, ())


@given(name=task_names, group=st.sampled_from(["", "[0]", "[12]"]), loop=st.sampled_from(["", "(0:a.b(c)[1].d)"]))
def test_a_nodes_name_contains_its_step_whatever_item_and_attempt(name: str, group: str, loop: str) -> None:
    for attempt in ("", "(3)"):
        node = Node(id="n", name=f"wf{group}.{name}{loop}{attempt}", type="Pod", boundary_id="wf")
        assert named_caller(node, nodes_of(node)) == (ROOT, (name,))


@pytest.mark.parametrize("name", ["inline-templates-b", "inline-steps-retry"])
def test_inline_templates_of_recordings_are_found(name: str) -> None:
    workflow = recording(name).final["workflow"]
    nodes = decode_workflow(workflow).nodes
    failed = next(node for node in nodes.values() if node.type == "Pod" and node.has_failed)
    caller, calls = named_caller(failed, nodes)
    assert (caller.template_name, calls) == ("main", (failed.display_name.split("(", 1)[0],))
    killed_there = OutOfMemory(address_of(caller), "main", "1Gi", calls)
    kind = "steps" if "steps" in name else "tasks"
    assert raised_memory(workflow, killed_there, HALF_MORE).changes[0].path == (
        f"spec.templates[main].{kind}[{calls[0]}].inline.resources[main].limits.memory"
    )


UNTOLD = {
    "no boundary": Node(id="n", name="wf.n"),
    "a boundary that is gone": Node(id="n", name="wf.n", boundary_id="gone"),
    "its own boundary": Node(id="n", name="n.n", boundary_id="n", type="Container"),
    "another name": Node(id="n", name="odd.n", boundary_id="wf"),
    "a hook": Node(id="n", name="wf.n.onExit", boundary_id="wf"),
}


@pytest.mark.parametrize("what", UNTOLD)
def test_a_node_without_an_identifiable_step_is_refused(what: str) -> None:
    node = UNTOLD[what]
    with pytest.raises(RefusedError) as refused:
        named_caller(node, nodes_of(node))
    assert refused.value.reason == Refusal.TEMPLATE_NOT_FOUND
    assert node.name in refused.value.message


@pytest.mark.parametrize(
    "tasks",
    [[], [{"name": "t", "template": "x"}], [a_call("t", script={}), a_call("t", script={})], [a_call("t")]],
)
def test_a_missing_or_ambiguous_step_is_refused(tasks: list[dict[str, Any]]) -> None:
    with pytest.raises(RefusedError) as refused:
        inline_template({"name": "main", "dag": {"tasks": tasks}}, ("t",))
    assert refused.value.reason == Refusal.TEMPLATE_NOT_FOUND


def test_the_refusal_of_an_inline_template_calls_it_inline() -> None:
    node = Node(id="b", name="wf.b", type="Pod", boundary_id="wf")
    main = {"name": "main", "dag": {"tasks": [a_call("b", resource={"action": "get"})]}}
    with pytest.raises(RefusedError, match=r"template \(inline\) does not define container main"):
        killed(main, node=node, nodes=nodes_of(node))

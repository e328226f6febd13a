"""A memoized resubmission: the nodes that the new run starts with, and the runs that are refused.

test_as_argo_resubmits.py compares it with Argo's own CLI; tests/live/remediation/test_memoized_live.py runs it with
Argo's controller.
"""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.core.plan.builders import ROOT, a_run

from wfreport.api.reasons import Refusal
from wfreport.core.plan.memoized import ended_run
from wfreport.core.plan.plan import Change
from wfreport.core.plan.refusal import RefusedError
from wfreport.core.plan.resubmit import Resubmission, resubmitted, reusable_changes
from wfreport.core.snapshot.compressed_nodes import pack_nodes, unpack_nodes
from wfreport.core.snapshot.pod_names import node_id

OLD = ROOT.root_name
FIRST = Resubmission(ROOT, 1, "r-1")
NEW = FIRST.name
NOW = datetime(2026, 3, 1, 12, 0, 0, 999_999, tzinfo=UTC)


def a_node(suffix: str, kind: str = "Pod", phase: str = "Succeeded", **more: Any) -> dict[str, Any]:
    """Return a node. Linked nodes are given by the suffixes of their names."""
    links: dict[str, Any] = {
        key: [_id(end) for end in more.pop(key)] for key in ("children", "outboundNodes") if key in more
    }
    if "boundary" in more:
        links["boundaryID"] = _id(more.pop("boundary"))
    times = {"startedAt": "2026-02-28T00:00:00Z", "finishedAt": "2026-02-28T00:01:00Z"}
    name = f"{OLD}{suffix}"
    return {"id": _id(suffix), "name": name, "type": kind, "phase": phase, "message": "m", **times, **links, **more}


def _id(suffix: str) -> str:
    return node_id(OLD, f"{OLD}{suffix}")


def ended(*nodes: dict[str, Any], spec: dict[str, Any] | None = None, **status: Any) -> dict[str, Any]:
    return a_run(spec=spec, nodes={node["id"]: node for node in nodes}, **status)


def begun(run: dict[str, Any], resubmission: Resubmission = FIRST) -> dict[str, Any]:
    """Return the new run's nodes by the suffixes of their names."""
    before = copy.deepcopy(run)
    nodes = resubmitted(run, resubmission, memoized_at=NOW)["status"]["nodes"]
    assert run == before, "the old run is not changed"
    assert all(node["id"] == key == node_id(resubmission.name, node["name"]) for key, node in nodes.items())
    return {node["name"].removeprefix(resubmission.name): node for node in nodes.values()}


def refusal_of(run: dict[str, Any]) -> tuple[Refusal, str]:
    with pytest.raises(RefusedError) as planning:
        reusable_changes(run)
    with pytest.raises(RefusedError) as doing:
        resubmitted(run, FIRST, memoized_at=NOW)
    assert planning.value.message == doing.value.message
    return planning.value.reason, planning.value.message


TREE = (
    a_node("", "DAG", "Failed", children=[".a"]),
    a_node(".a", children=[".b"], boundary="", outputs={"parameters": [{"name": "rows", "value": "7"}]}),
    a_node(".b", phase="Failed", boundary="", outboundNodes=[".b"]),
)


def test_a_succeeded_pod_is_skipped_with_its_outputs_and_a_failed_one_is_left_out() -> None:
    nodes = begun(ended(*TREE))
    at = "2026-03-01T12:00:00Z"
    assert nodes[".a"] == {
        "id": node_id(NEW, f"{NEW}.a"),
        "name": f"{NEW}.a",
        "type": "Skipped",
        "phase": "Skipped",
        "message": f"original pod: {_id('.a')}",
        "startedAt": at,
        "finishedAt": at,
        "children": [],
        "boundaryID": NEW,
        "outputs": {"parameters": [{"name": "rows", "value": "7"}]},
    }
    assert (nodes[""]["phase"], nodes[""]["type"], nodes[""]["startedAt"]) == ("Pending", "DAG", at)
    assert "message" not in nodes[""]
    assert nodes.keys() == {"", ".a"}


def test_only_nodes_and_stored_templates_of_the_old_status_are_reused() -> None:
    stored = {"namespaced/t/a": {"name": "a"}}
    run = ended(*TREE, storedTemplates=stored, message="failed", startedAt="x", progress="1/2", outputs={})
    status = resubmitted(run, FIRST, memoized_at=NOW)["status"]
    assert status.pop("nodes")
    assert status == {"storedTemplates": stored, "conditions": [{"type": "Completed", "status": "False"}]}
    assert "status" not in resubmitted(run, FIRST)


def test_changes_contain_the_number_of_reused_steps() -> None:
    one = (Change("status.nodes", None, "1 succeeded step not run again"),)
    assert reusable_changes(ended(*TREE)) == one
    assert reusable_changes(ended())[0].after == "0 succeeded steps not run again"


def test_the_exit_handler_runs_again() -> None:
    handler = (
        a_node(".onExit", "Steps", children=[".onExit[0]"]),
        a_node(".onExit[0].bye", boundary=".onExit"),
    )
    assert begun(ended(*TREE, *handler)).keys() == {"", ".a"}
    assert reusable_changes(ended(*TREE, *handler)) == reusable_changes(ended(*TREE))


def test_a_step_that_an_earlier_resubmission_reused_is_reused_again() -> None:
    first = begun(ended(*TREE))
    again = {
        **resubmitted(ended(*TREE), FIRST),
        "status": {"phase": "Failed", "nodes": {node["id"]: node for node in first.values()}},
    }
    first[""]["phase"] = "Failed"
    second = begun(again | {"metadata": again["metadata"] | {"uid": "u"}}, Resubmission(ROOT, 2, "r-2"))
    assert second[".a"]["message"] == first[".a"]["message"]
    assert (second[".a"]["phase"], second[".a"]["name"]) == ("Skipped", "etl-x7k2p-3f9c1b8e02-r2.a")


def phases(*nodes: dict[str, Any]) -> dict[str, str]:
    """Return the phases of the new run's nodes, by the suffixes of their names."""
    return {name: node["phase"] for name, node in begun(ended(*nodes)).items()}


def root(*children: str) -> dict[str, Any]:
    return a_node("", "DAG", "Failed", children=children)


HANDLED = (
    root(".a", ".z"),
    a_node(".z", boundary=""),
    a_node(".a", phase="Failed", boundary="", children=[".cleanup", ".c"]),
    a_node(".cleanup", boundary="", children=[".d"]),
    a_node(".c", "Skipped", "Omitted", boundary=""),
    a_node(".d", "Steps", boundary="", children=[".d[0]"]),
    a_node(".d[0]", "StepGroup", boundary=".d", children=[".d[0].x"]),
    a_node(".d[0].x", boundary=".d"),
)


def test_a_succeeded_step_after_a_failed_one_runs_again() -> None:
    assert phases(*HANDLED) == {"": "Pending", ".z": "Skipped"}


def test_skipped_steps_before_any_failure_are_reused_with_their_successors() -> None:
    skipped = a_node(".s", "Skipped", "Skipped", children=[".x"], boundary="", message="when")
    nodes = begun(ended(root(".s", ".f"), skipped, a_node(".x", boundary=""), a_node(".f", phase="Error", boundary="")))
    assert nodes.keys() == {"", ".s", ".x"}
    assert (nodes[".s"]["type"], nodes[".s"]["phase"], nodes[".s"]["message"]) == ("Skipped", "Skipped", "when")
    assert nodes[".s"]["children"] == [nodes[".x"]["id"]]


def test_succeeded_approvals_and_requests_are_reused_unchanged() -> None:
    kinds = ("HTTP", "Plugin", "Suspend")
    steps = [a_node(f".{kind}", kind, boundary="", outputs={"result": "1"}) for kind in kinds]
    run = ended(root(*(f".{kind}" for kind in kinds)), *steps)
    nodes = begun(run)
    for kind in kinds:
        assert (nodes[f".{kind}"]["type"], nodes[f".{kind}"]["phase"]) == (kind, "Succeeded")
        assert nodes[f".{kind}"]["outputs"] == {"result": "1"}
    assert reusable_changes(run)[0].after == "3 succeeded steps not run again"


INNER = (
    a_node(".in", "DAG", boundary="", children=[".in.x"], outboundNodes=[".in.x"]),
    a_node(".in.x", boundary=".in", children=[".last"]),
    a_node(".last", phase="Failed", boundary=""),
)


def test_a_succeeded_dag_is_completed_and_links_to_existing_nodes_only() -> None:
    """Otherwise the DAG and the steps after it would wait for each other."""
    nodes = begun(ended(root(".in"), *INNER))
    assert {name: node["phase"] for name, node in nodes.items()} == {
        "": "Pending",
        ".in": "Skipped",
        ".in.x": "Skipped",
    }
    assert (nodes[".in"]["type"], nodes[".in"]["outboundNodes"]) == ("DAG", [nodes[".in.x"]["id"]])
    assert nodes[".in.x"]["children"] == []


def test_a_step_after_a_failed_dag_runs_again_even_if_only_succeeded_steps_of_it_lead_there() -> None:
    inner = (
        a_node(".in", "DAG", "Failed", boundary="", children=[".in.x", ".in.y"]),
        a_node(".in.x", boundary=".in", children=[".after"]),
        a_node(".in.y", phase="Failed", boundary=".in"),
        a_node(".after", boundary=""),
    )
    assert phases(root(".in"), *inner) == {"": "Pending", ".in": "Pending", ".in.x": "Skipped"}


def test_an_exit_hook_of_a_dag_that_failed_runs_again() -> None:
    inner = (
        a_node(".in", "DAG", "Failed", boundary="", children=[".in.x", ".in.y", ".in.onExit"]),
        a_node(".in.x", boundary=".in"),
        a_node(".in.y", phase="Failed", boundary=".in"),
        a_node(".in.onExit", boundary="", nodeFlag={"hooked": True}),
    )
    assert ".in.onExit" not in phases(root(".in"), *inner)


def test_only_failed_items_of_a_loop_run_again() -> None:
    loop = (
        a_node(".each", "TaskGroup", "Failed", boundary="", children=[".each(0)", ".each(1)"]),
        a_node(".each(0)", "DAG", boundary="", children=[".each(0).x"]),
        a_node(".each(0).x", boundary=".each(0)"),
        a_node(".each(1)", "DAG", "Failed", boundary="", children=[".each(1).x"]),
        a_node(".each(1).x", boundary=".each(1)", children=[".each(1).y"]),
        a_node(".each(1).y", phase="Failed", boundary=".each(1)"),
    )
    assert phases(root(".each"), *loop) == {
        "": "Pending",
        ".each": "Pending",
        ".each(0)": "Skipped",
        ".each(0).x": "Skipped",
        ".each(1)": "Pending",
        ".each(1).x": "Skipped",
    }


def test_a_task_named_like_the_exit_handler_is_an_ordinary_task() -> None:
    assert phases(root(".onExit-of-sale"), a_node(".onExit-of-sale", boundary=""))[".onExit-of-sale"] == "Skipped"


def retried(last: str, *more: str) -> tuple[dict[str, Any], ...]:
    retry = a_node(".r", "Retry", last, children=[".r(0)", ".r(1)", *more], boundary="")
    first = a_node(".r(0)", phase="Failed", nodeFlag={"retried": True}, boundary="")
    return root(".r"), retry, first, a_node(".r(1)", phase=last, nodeFlag={"retried": True}, boundary="")


def test_failed_attempts_before_a_succeeded_one_are_left_out() -> None:
    assert phases(*retried("Succeeded", ".gone")) == {"": "Pending", ".r": "Skipped", ".r(1)": "Skipped"}


def test_a_step_whose_attempts_all_failed_runs_again_with_its_hooks() -> None:
    hook = a_node(".r.onExit", nodeFlag={"hooked": True}, boundary="")
    assert phases(*retried("Failed", ".r.onExit"), hook) == {}


def test_compressed_nodes_are_compressed_again() -> None:
    plain = ended(*TREE)
    packed = a_run(compressedNodes=pack_nodes(json.dumps(plain["status"]["nodes"]).encode()))
    status = resubmitted(packed, FIRST, memoized_at=NOW)["status"]
    assert "nodes" not in status
    assert json.loads(unpack_nodes(status["compressedNodes"])) == {node["id"]: node for node in begun(plain).values()}


@given(st.binary(max_size=2000))
def test_compressing_nodes_is_reversible(raw: bytes) -> None:
    assert unpack_nodes(pack_nodes(raw)) == raw
    assert pack_nodes(raw) == pack_nodes(raw)


def test_a_run_without_nodes_starts_without_nodes() -> None:
    assert resubmitted(a_run(phase="Error"), FIRST, memoized_at=NOW)["status"]["nodes"] == {}


def test_a_node_that_is_not_named_after_the_run_keeps_its_name() -> None:
    odd = {**a_node(".x"), "name": "odd", "id": "odd"}
    new = resubmitted(ended(*TREE, odd), FIRST, memoized_at=NOW)["status"]["nodes"]
    assert new[node_id(NEW, "odd")]["name"] == "odd"


# what cannot be taken over


def test_only_a_failed_run_is_resubmitted_memoized() -> None:
    assert refusal_of(a_run(phase="Succeeded"))[0] == Refusal.RUN_NOT_FAILED


UNREADABLE = {
    "offloaded to Argo's database": a_run(offloadNodeStatusVersion="fnv:1"),
    "not base64": a_run(compressedNodes="?"),
    "Expecting value": a_run(compressedNodes=pack_nodes(b"no JSON")),
    "not a JSON object": a_run(compressedNodes=pack_nodes(b"[1]")),
    "or a different id": a_run(nodes={"a": {"id": "b", "name": "a"}}),
    "has no name": a_run(nodes={"a": {"id": "a"}}),
    "[a] has no name": a_run(nodes={"a": None}),
    "children or outboundNodes": a_run(nodes={"a": {"id": "a", "name": "a", "children": [{}]}}),
    "[b].children": a_run(nodes={"b": {"id": "b", "name": "b", "outboundNodes": "b"}}),
    "the boundary {'a': 1}": a_run(nodes={"a": {"id": "a", "name": "a", "boundaryID": {"a": 1}}}),
    "which does not exist": ended(a_node(".a", boundary=".b")),
}


@pytest.mark.parametrize("why", UNREADABLE)
def test_incomplete_nodes_are_refused(why: str) -> None:
    reason, message = refusal_of(UNREADABLE[why])
    assert reason == Refusal.NODES_UNREADABLE
    assert why in message


COLLECTED = {"strategy": "OnWorkflowCompletion"}


def a_task(**more: Any) -> dict[str, Any]:
    return {"templates": [{"name": "main", "dag": {"tasks": [{"name": "b", **more}]}}]}


def outputs(kind: str, **more: Any) -> dict[str, Any]:
    return ended(root(".a"), a_node(".a", boundary="", outputs={kind: [{"name": "rows", **more}]}))


HOOKED = a_node("", "DAG", "Failed", children=[".h"])
FAILED_HOOK: dict[str, Any] = {"phase": "Failed", "nodeFlag": {"hooked": True}, "boundary": ""}
LOOPED = {"name": "each", "withItems": [1, 2]}


def two_tasks(first: dict[str, Any], **second: Any) -> dict[str, Any]:
    return {"templates": [{"name": "main", "dag": {"tasks": [first, {"name": "b", **second}]}}]}


NOT_REUSABLE: dict[str, dict[str, Any]] = {
    "etl-x7k2p.a.c is a container of": ended(*TREE, a_node(".a.c", "Container", boundary=".a")),
    "etl-x7k2p.h.onExit, a hook of": ended(
        HOOKED, a_node(".h", boundary="", children=[".h.onExit", ".gone"]), a_node(".h.onExit", **FAILED_HOOK)
    ),
    "the outputs of all items of each": ended(
        *TREE, spec=two_tasks(LOOPED, withParam="{{tasks.each.outputs.parameters}}")
    ),
    "main refers to the outputs of all": ended(*TREE, spec=two_tasks(LOOPED, when="{{=tasks['each'].outputs.result}}")),
    "template d is a daemon": ended(*TREE, spec={"templates": [{"name": "d", "daemon": True}]}),
    "template s is a daemon": ended(*TREE, storedTemplates={"namespaced/t/s": {"name": "s", "daemon": True}}),
    "template None is a daemon": ended(*TREE, spec=a_task(inline={"daemon": True})),
    "(volumeClaimTemplates)": ended(*TREE, spec={"volumeClaimTemplates": [{}]}),
    "would be empty": ended(*TREE, storedWorkflowTemplateSpec={"volumeClaimTemplates": [{}]}),
    "the global output g": outputs("parameters", globalName="g"),
    "which would be missing": outputs("artifacts", globalName="g"),
    "artifact rows of etl-x7k2p.a": outputs("artifacts", deleted=True),
    "is deleted by its artifactGC": outputs("artifacts", artifactGC=COLLECTED),
    "deleted by the run's artifactGC": {
        **outputs("artifacts"),
        "spec": {"templates": [], "artifactGC": COLLECTED},
    },
    "task b depends on 'a.Succeeded && c'": ended(*TREE, spec=a_task(depends="a.Succeeded && c")),
    "depends on 'a.Skipped'": ended(*TREE, spec=a_task(depends="a.Skipped")),
    "refers to the status of a step: tasks.a.status": ended(*TREE, spec=a_task(when="{{tasks.a.status}} == Failed")),
    "steps['a'].status": ended(*TREE, spec=a_task(when="{{=steps['a'].status == 'Failed'}}")),
    "refers to the ip of a step": ended(
        *TREE, spec={"templates": [{"name": "s", "steps": [[{"name": "b", "inline": {"script": "{{steps.a.ip}}"}}]]}]}
    ),
}


@pytest.mark.parametrize("why", NOT_REUSABLE)
def test_a_run_that_needs_a_pod_of_a_reused_step_is_refused(why: str) -> None:
    reason, message = refusal_of(NOT_REUSABLE[why])
    assert reason == Refusal.STEPS_NOT_REUSABLE
    assert why in message


REUSABLE: dict[str, dict[str, Any]] = {
    "depends": ended(
        *TREE,
        spec=a_task(depends="a && (c.Failed || d.Errored)", when="{{tasks.a.outputs.result}} > 1", withItems=[1, True]),
    ),
    "a task named status": ended(*TREE, spec=a_task(when="{{tasks.status.outputs.parameters.id}}")),
    "artifacts that stay": outputs("artifacts", artifactGC={"strategy": "OnWorkflowDeletion"}),
    "parameters of a run whose artifacts go": {
        **outputs("parameters"),
        "spec": {"templates": [], "artifactGC": COLLECTED},
    },
    "a containerSet that failed": ended(
        *TREE, a_node(".c", phase="Failed"), a_node(".c.main", "Container", "Failed", boundary=".c")
    ),
    "a loop whose outputs nobody asks for": ended(
        *TREE, spec=two_tasks(LOOPED, when="{{tasks.each-2.outputs.result}} {{tasks.b.outputs.result}}")
    ),
}


@pytest.mark.parametrize("what", REUSABLE)
def test_a_run_that_only_needs_outputs_of_reused_steps_is_resubmitted(what: str) -> None:
    assert ended_run(REUSABLE[what]).nodes
    assert begun(REUSABLE[what])


def test_a_run_without_reusable_steps_is_never_refused() -> None:
    run = ended(a_node("", phase="Failed"), spec={"volumeClaimTemplates": [{}]})
    assert begun(run) == {}

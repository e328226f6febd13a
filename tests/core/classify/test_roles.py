"""The roles of failed leaves in the outcome of a run."""

import msgspec
import pytest
from tests.builders import a_node, a_report, a_snapshot, at

from wfreport.api.argo import (
    ContinueOn,
    Dag,
    Node,
    NodeType,
    Phase,
    Task,
    Template,
    TemplateRef,
    WorkflowSpec,
)
from wfreport.api.classes import Role
from wfreport.core.classify.roles import assign_roles, is_stopped
from wfreport.core.snapshot.model import Snapshot

FAILED, ERROR, OK, RUNNING, OMITTED = Phase.FAILED, Phase.ERROR, Phase.SUCCEEDED, Phase.RUNNING, Phase.OMITTED
DAG, RETRY, STEPS, GROUP = NodeType.DAG, NodeType.RETRY, NodeType.STEPS, NodeType.STEP_GROUP


def roles(snapshot: Snapshot) -> dict[str | None, Role]:
    """Return the roles by node name; None stands for the Workflow itself."""
    return {leaf.node.name if leaf.node else None: leaf.role for leaf in assign_roles(snapshot)}


def root(phase: str = FAILED, **fields: object) -> Node:
    return a_node("wf", phase, DAG, children=["wf.a"], template_name="main", **fields)  # type: ignore[arg-type]


def continuing(continue_on: ContinueOn) -> WorkflowSpec:
    template = Template(name="main", dag=Dag(tasks=[Task(name="b"), Task(name="a", continue_on=continue_on)]))
    return WorkflowSpec(entrypoint="main", templates=[template])


def test_an_independent_failure_is_a_root_cause() -> None:
    assert roles(a_snapshot(root(), a_node("wf.a", FAILED))) == {"wf.a": Role.ROOT_CAUSE}


def test_root_causes_are_ordered_by_time() -> None:
    late, early = a_node("wf.a", FAILED, end=9), a_node("wf.b", FAILED, end=3)
    assert list(roles(a_snapshot(root(), late, early))) == ["wf.b", "wf.a"]


def test_only_the_newest_attempt_counts() -> None:
    retry = a_node("wf.a", FAILED, RETRY, children=["wf.a(10)", "wf.a(2)"])
    snapshot = a_snapshot(root(), retry, a_node("wf.a(2)", FAILED), a_node("wf.a(10)", FAILED))
    assert roles(snapshot) == {"wf.a(10)": Role.ROOT_CAUSE}


def test_nodes_in_a_superseded_attempt_are_superseded() -> None:
    retry = a_node("wf.a", FAILED, RETRY, children=["wf.a(0)", "wf.a(1)"])
    inner = a_node("wf.a(0).x", FAILED)
    attempts = [a_node("wf.a(0)", FAILED, DAG, children=["wf.a(0).x"]), a_node("wf.a(1)", FAILED)]
    assert roles(a_snapshot(root(), retry, *attempts, inner)) == {"wf.a(1)": Role.ROOT_CAUSE}


def test_an_attempt_whose_retry_still_runs_is_tolerated() -> None:
    retry = a_node("wf.a", RUNNING, RETRY, children=["wf.a(0)"], end=None)
    snapshot = a_snapshot(root(RUNNING), retry, a_node("wf.a(0)", FAILED), phase=RUNNING)
    assert roles(snapshot) == {"wf.a(0)": Role.TOLERATED}


def test_a_failure_under_the_workflows_exit_handler_has_the_role_exit_handler() -> None:
    handler = a_node("wf.onExit", FAILED, DAG, hooked=True, children=["wf.onExit.notify"])
    snapshot = a_snapshot(root(OK), a_node("wf.a"), handler, a_node("wf.onExit.notify", FAILED))
    assert roles(snapshot) == {"wf.onExit.notify": Role.EXIT_HANDLER}


@pytest.mark.parametrize("hook", ["wf.a.onExit", "wf.hooks.running", "wf.a.hooks.running"])
def test_a_failed_hook_is_tolerated(hook: str) -> None:
    assert roles(a_snapshot(root(OK), a_node("wf.a"), a_node(hook, FAILED, hooked=True), phase=OK)) == {
        hook: Role.TOLERATED
    }


def test_a_failure_in_a_group_that_succeeded_is_tolerated() -> None:
    group = a_node("wf[0]", OK, GROUP, children=["wf[0].a"])
    assert roles(a_snapshot(a_node("wf", OK, STEPS), group, a_node("wf[0].a", FAILED), phase=OK)) == {
        "wf[0].a": Role.TOLERATED
    }


@pytest.mark.parametrize(
    ("continue_on", "phase", "role"),
    [
        (ContinueOn(failed=True), FAILED, Role.TOLERATED),
        (ContinueOn(failed=True), ERROR, Role.ROOT_CAUSE),
        (ContinueOn(error=True), ERROR, Role.TOLERATED),
        (ContinueOn(error=True), FAILED, Role.ROOT_CAUSE),
    ],
)
def test_continue_on_tolerates_the_phases_that_it_names(continue_on: ContinueOn, phase: str, role: Role) -> None:
    snapshot = a_snapshot(root(), a_node("wf.a", phase), a_node("wf.b", FAILED), spec=continuing(continue_on))
    assert roles(snapshot)["wf.a"] == role


def test_continue_on_of_a_stored_template_counts() -> None:
    ref = TemplateRef(name="shared", template="main")
    stored = {"namespaced/shared/main": continuing(ContinueOn(failed=True)).templates[0]}
    top = a_node("wf", FAILED, DAG, template_ref=ref, children=["wf.a"])
    snapshot = a_snapshot(top, a_node("wf.a", FAILED), a_node("wf.b", FAILED), stored_templates=stored)
    assert roles(snapshot)["wf.a"] == Role.TOLERATED


def test_continue_on_applies_to_nodes_in_the_task() -> None:
    task = a_node("wf.a", FAILED, DAG, children=["wf.a.inner"], template_name="other")
    snapshot = a_snapshot(
        root(), task, a_node("wf.a.inner", FAILED), a_node("wf.b", FAILED), spec=continuing(ContinueOn(failed=True))
    )
    assert roles(snapshot)["wf.a.inner"] == Role.TOLERATED


def test_a_failure_to_which_another_task_responded_is_tolerated() -> None:
    failed = a_node("wf.a", FAILED, children=["wf.fix"], end=2)
    snapshot = a_snapshot(root(OK), failed, a_node("wf.fix", FAILED, start=3), phase=FAILED)
    assert roles(snapshot)["wf.a"] == Role.TOLERATED


@pytest.mark.parametrize(
    ("child", "role"),
    [
        pytest.param(a_node("wf.b", OK, start=3), Role.TOLERATED, id="ran after the failure"),
        pytest.param(a_node("wf.b", OK, start=0), Role.ROOT_CAUSE, id="started before it (a daemon's client)"),
        pytest.param(a_node("wf.b", OMITTED, NodeType.SKIPPED, start=3), Role.ROOT_CAUSE, id="omitted"),
        pytest.param(a_node("wf.b", OK, hooked=True, start=3), Role.ROOT_CAUSE, id="only a hook"),
    ],
)
def test_only_a_task_that_ran_after_a_failure_is_a_response_to_it(child: Node, role: Role) -> None:
    failed = a_node("wf.a", FAILED, children=["wf.b", "wf.gone"], end=2)
    assert roles(a_snapshot(root(), failed, child))["wf.a"] == role


def test_a_response_can_follow_an_omitted_task_and_a_cycle() -> None:
    failed = a_node("wf.a", FAILED, children=["wf.b", "wf.c"], end=2)
    omitted = a_node("wf.b", OMITTED, NodeType.SKIPPED, children=["wf.c", "wf.b"])
    snapshot = a_snapshot(root(), failed, omitted, a_node("wf.c", FAILED, start=4))
    assert roles(snapshot)["wf.a"] == Role.TOLERATED


def test_steps_cannot_respond_to_a_failure() -> None:
    group = a_node("wf[0]", FAILED, GROUP, children=["wf[0].server"])
    failed = a_node("wf[0].server", FAILED, children=["wf[1]"], end=1)
    snapshot = a_snapshot(a_node("wf", FAILED, STEPS), group, failed, a_node("wf[1]", OK, GROUP, start=5))
    assert roles(snapshot)["wf[0].server"] == Role.ROOT_CAUSE


def test_a_node_killed_by_a_stop_is_a_victim_of_another_failure() -> None:
    killed = a_node("wf.b", FAILED, message="main: Error (exit code 143)", exit_code="143")
    waiting = a_node("wf.c", FAILED, message="Stopped with strategy 'Stop'")
    snapshot = a_snapshot(root(), a_node("wf.a", FAILED), killed, waiting, spec=WorkflowSpec(shutdown="Stop"))
    assert roles(snapshot) == {"wf.a": Role.ROOT_CAUSE, "wf.b": Role.VICTIM, "wf.c": Role.VICTIM}


def test_a_run_ended_only_by_a_stop_has_the_stopped_leaf_as_root_cause() -> None:
    killed = a_node("wf.a", FAILED, message="main: Error (exit code 143)")
    assert roles(a_snapshot(root(), killed, spec=WorkflowSpec(shutdown="Terminate"))) == {"wf.a": Role.ROOT_CAUSE}


def test_an_oom_kill_during_a_stop_is_a_root_cause() -> None:
    killed = a_node("wf.a", FAILED, message="main: OOMKilled (exit code 137)")
    stopped = a_node("wf.b", FAILED, message="workflow shutdown with strategy:  Stop")
    snapshot = a_snapshot(root(), killed, stopped, spec=WorkflowSpec(shutdown="Stop"))
    assert roles(snapshot) == {"wf.a": Role.ROOT_CAUSE, "wf.b": Role.VICTIM}


def test_a_container_ended_by_another_one_is_a_victim() -> None:
    pod = a_node("wf.a", FAILED, children=["wf.a.one", "wf.a.main"])
    one = a_node("wf.a.one", FAILED, NodeType.CONTAINER, message="one: Error (exit code 3)")
    main = a_node("wf.a.main", ERROR, NodeType.CONTAINER, message="main: Error (exit code 64): container one failed")
    assert roles(a_snapshot(root(), pod, one, main)) == {"wf.a.one": Role.ROOT_CAUSE, "wf.a.main": Role.VICTIM}


def test_a_sibling_ended_by_fail_fast_is_a_victim() -> None:
    sibling = a_node("wf.b", FAILED, message="template has failed or errored children and failFast enabled")
    assert roles(a_snapshot(root(), a_node("wf.a", FAILED), sibling))["wf.b"] == Role.VICTIM


def test_a_group_that_failed_by_itself_is_a_leaf() -> None:
    group = a_node("wf[1]", ERROR, GROUP, message="failed to resolve references")
    assert roles(a_snapshot(a_node("wf", ERROR, STEPS), group, phase=ERROR)) == {"wf[1]": Role.ROOT_CAUSE}


@pytest.mark.parametrize("nodes", [(), (a_node("wf", FAILED, DAG),)], ids=["no nodes", "only the root"])
def test_a_run_that_failed_without_a_leaf_is_its_own_root_cause(nodes: tuple[Node, ...]) -> None:
    assert roles(a_snapshot(*nodes)) == {None: Role.ROOT_CAUSE}


def test_a_single_pod_that_is_the_root_is_a_leaf() -> None:
    assert roles(a_snapshot(a_node("wf", FAILED))) == {"wf": Role.ROOT_CAUSE}


def test_a_container_without_its_pod_is_a_root_cause() -> None:
    orphan = a_node("wf.a.main", FAILED, NodeType.CONTAINER, boundary_id="wf.gone")
    snapshot = a_snapshot(root(), orphan)
    assert snapshot.tree.pod_node(orphan) is None
    assert roles(snapshot) == {"wf.a.main": Role.ROOT_CAUSE}


def test_a_step_and_its_exit_hook_that_both_fail_are_two_failures() -> None:
    hook = a_node("wf.a.onExit", FAILED, hooked=True)
    step = a_node("wf.a", FAILED, children=["wf.a.onExit"])
    assert roles(a_snapshot(root(), step, hook)) == {"wf.a": Role.ROOT_CAUSE, "wf.a.onExit": Role.TOLERATED}


def test_a_single_pod_and_its_exit_handler_that_both_fail_are_two_failures() -> None:
    handler = a_node("wf.onExit", FAILED, DAG, hooked=True, children=["wf.onExit.x"])
    snapshot = a_snapshot(a_node("wf", FAILED), handler, a_node("wf.onExit.x", FAILED))
    assert roles(snapshot) == {"wf": Role.ROOT_CAUSE, "wf.onExit.x": Role.EXIT_HANDLER}


@pytest.mark.parametrize("hook", ["wf.a.onExit", "wf.a.hooks.failed"])
def test_hooks_are_recognised_by_their_names_before_argo_3_5_1(hook: str) -> None:
    """There is no ``nodeFlag`` before that version. A hook of a Retry node is not an attempt."""
    retry = a_node("wf.a", FAILED, RETRY, children=["wf.a(0)", "wf.a(1)", hook])
    attempts = [a_node("wf.a(0)", FAILED), a_node("wf.a(1)", FAILED)]
    hooked = a_node(hook, FAILED, display_name=hook.removeprefix("wf."))
    assert roles(a_snapshot(root(), retry, *attempts, hooked)) == {
        "wf.a(1)": Role.ROOT_CAUSE,
        hook: Role.TOLERATED,
    }


def test_a_loop_value_with_the_name_of_a_hook_is_no_hook() -> None:
    item = a_node("wf.a(0:x.hooks.y)", FAILED, display_name="a(0:x.hooks.y)")
    assert roles(a_snapshot(root(), item)) == {"wf.a(0:x.hooks.y)": Role.ROOT_CAUSE}


def test_only_the_newest_attempt_of_nested_retries_counts() -> None:
    outer = a_node("wf.a", FAILED, RETRY, children=["wf.a(0)", "wf.a(1)"])
    nodes = [outer]
    for attempt in ("wf.a(0)", "wf.a(1)"):
        inner = f"{attempt}[0].x"
        nodes += [
            a_node(attempt, FAILED, STEPS, children=[f"{attempt}[0]"]),
            a_node(f"{attempt}[0]", FAILED, GROUP, children=[inner]),
            a_node(inner, FAILED, RETRY, children=[f"{inner}(0)", f"{inner}(1)"]),
            a_node(f"{inner}(0)", FAILED),
            a_node(f"{inner}(1)", FAILED),
        ]
    assert roles(a_snapshot(root(), *nodes)) == {"wf.a(1)[0].x(1)": Role.ROOT_CAUSE}


def steps_with(continue_on: ContinueOn) -> WorkflowSpec:
    groups = [[Task(name="before")], [Task(name="b"), Task(name="a", continue_on=continue_on)]]
    return WorkflowSpec(entrypoint="main", templates=[Template(name="main", steps=groups)])


@pytest.mark.parametrize(
    ("name", "phase", "role"),
    [
        ("wf[1].a", FAILED, Role.TOLERATED),
        ("wf[1].a(0:x.y)", FAILED, Role.TOLERATED),
        ("wf[1].a", ERROR, Role.ROOT_CAUSE),
    ],
)
def test_continue_on_of_a_step_applies_even_if_another_step_fails_the_group(name: str, phase: str, role: Role) -> None:
    top = a_node("wf", FAILED, STEPS, template_name="main", children=["wf[1]"])
    group = a_node("wf[1]", FAILED, GROUP, children=["wf[1].b", name])
    snapshot = a_snapshot(
        top, group, a_node("wf[1].b", FAILED), a_node(name, phase), spec=steps_with(ContinueOn(failed=True))
    )
    assert roles(snapshot)["wf[1].b"] == Role.ROOT_CAUSE
    assert roles(snapshot)[name] == role


def test_a_failed_group_to_which_a_task_responded_is_tolerated_with_its_nodes() -> None:
    """With ``depends: sub.Failed`` the response is a child of the group's outbound nodes (dag.go:373)."""
    sub = a_node("wf.sub", FAILED, STEPS, children=["wf.sub[0]"], outbound_nodes=["wf.sub[0].x"], end=2)
    group = a_node("wf.sub[0]", FAILED, GROUP, children=["wf.sub[0].x"], end=2)
    inner = a_node("wf.sub[0].x", FAILED, children=["wf.fix"], end=2)
    snapshot = a_snapshot(root(), sub, group, inner, a_node("wf.fix", FAILED, start=3))
    assert roles(snapshot) == {"wf.fix": Role.ROOT_CAUSE, "wf.sub[0].x": Role.TOLERATED}


def test_a_failed_group_whose_response_was_omitted_is_a_root_cause() -> None:
    sub = a_node("wf.sub", FAILED, STEPS, children=["wf.sub[0]"], outbound_nodes=["wf.sub[0].x", "wf.gone"], end=2)
    group = a_node("wf.sub[0]", FAILED, GROUP, children=["wf.sub[0].x"], end=2)
    inner = a_node("wf.sub[0].x", FAILED, children=["wf.fix"], end=2)
    snapshot = a_snapshot(root(), sub, group, inner, a_node("wf.fix", OMITTED, NodeType.SKIPPED, start=3))
    assert roles(snapshot) == {"wf.sub[0].x": Role.ROOT_CAUSE}


@pytest.mark.parametrize(
    ("shutdown", "role"), [("Stop", Role.ROOT_CAUSE), ("Terminate", Role.VICTIM)], ids=["continues", "is killed"]
)
def test_an_exit_handler_continues_after_a_stop_but_not_after_a_terminate(shutdown: str, role: Role) -> None:
    workflow = a_snapshot(root(), spec=WorkflowSpec(shutdown=shutdown)).workflow
    handler = a_node("wf.onExit", FAILED, message="main: Error (exit code 143)", hooked=True)
    assert is_stopped(handler, workflow) == (role == Role.VICTIM)


CONTAINERS = [
    ("main: Error (exit code 64): container one failed", Role.VICTIM),
    ('main: Error (exit code 64): dependency "one" exited with non-zero code: 3', Role.VICTIM),
    ("Pod Failed whilst container running", Role.VICTIM),
    ("main: Error (exit code 143): ", Role.VICTIM),
    ("main: Error (exit code 137): ", Role.VICTIM),
    ("main: Error (exit code 4): ", Role.ROOT_CAUSE),
    ("main: OOMKilled (exit code 137): ", Role.ROOT_CAUSE),
]


@pytest.mark.parametrize(("message", "role"), CONTAINERS)
def test_containers_of_a_pod_are_victims_of_the_one_that_its_message_names(message: str, role: Role) -> None:
    pod = a_node("wf.a", FAILED, message="one: Error (exit code 3)", children=["wf.a.one", "wf.a.main"])
    one = a_node("wf.a.one", FAILED, NodeType.CONTAINER, message="one: Error (exit code 3): ")
    main = a_node("wf.a.main", FAILED, NodeType.CONTAINER, message=message)
    assert roles(a_snapshot(root(), pod, one, main)) == {"wf.a.one": Role.ROOT_CAUSE, "wf.a.main": role}


@pytest.mark.parametrize("message", ["Pod Failed whilst container running", "main: Error (exit code 137): "])
def test_all_containers_of_a_removed_pod_are_root_causes(message: str) -> None:
    pod = a_node("wf.a", FAILED, message="The node was low on resource: memory. ", children=["wf.a.main"])
    main = a_node("wf.a.main", FAILED, NodeType.CONTAINER, message=message)
    assert roles(a_snapshot(root(), pod, main)) == {"wf.a.main": Role.ROOT_CAUSE}


def test_an_attempt_that_failed_before_a_stop_in_its_backoff_is_the_root_cause() -> None:
    retry = a_node("wf.a", FAILED, RETRY, message="Stopped with strategy 'Stop'", children=["wf.a(0)"])
    failed = a_node("wf.a(0)", FAILED, message="main: Error (exit code 1)")
    assert roles(a_snapshot(root(), retry, failed, spec=WorkflowSpec(shutdown="Stop"))) == {"wf.a(0)": Role.ROOT_CAUSE}


def test_a_group_below_the_root_that_failed_alone_is_the_root_cause() -> None:
    assert roles(a_snapshot(root(), a_node("wf.a", ERROR, DAG, message="x"))) == {"wf.a": Role.ROOT_CAUSE}


def test_a_failed_exit_handler_comes_after_the_root_cause() -> None:
    handler = a_node("wf.onExit", FAILED, hooked=True, end=9)
    snapshot = a_snapshot(root(), a_node("wf.a", FAILED, end=8), handler)
    assert list(roles(snapshot).items()) == [("wf.a", Role.ROOT_CAUSE), ("wf.onExit", Role.EXIT_HANDLER)]


def test_a_container_without_an_enclosing_pod_has_that_of_its_boundary() -> None:
    """Archived and retried runs have such renamed nodes."""
    pod = a_node("other.a", FAILED)
    container = a_node("wf.a.main", FAILED, NodeType.CONTAINER, boundary_id="other.a")
    assert a_snapshot(root(), pod, container).tree.pod_node(container) is pod


def test_a_retry_without_attempts_has_none() -> None:
    snapshot = a_snapshot(a_node("wf.a", FAILED, DAG))
    assert snapshot.tree.attempts(snapshot.nodes["wf.a"]) == []


def test_a_child_of_a_retry_without_an_attempt_number_comes_first() -> None:
    retry = a_node("wf.a", FAILED, RETRY, children=["wf.a(0)", "wf.odd"])
    snapshot = a_snapshot(root(), retry, a_node("wf.a(0)", FAILED), a_node("wf.odd", FAILED))
    assert [node.name for node in snapshot.tree.attempts(retry)] == ["wf.odd", "wf.a(0)"]


def test_a_name_of_one_character_can_enclose_nodes() -> None:
    nodes = [a_node("w", FAILED, DAG), a_node("w.a", FAILED, DAG), a_node("w.a.b", FAILED)]
    tree = a_snapshot(*nodes).tree
    assert [node.name for node in tree.enclosing(nodes[2])] == ["w.a", "w"]


@pytest.mark.parametrize(
    ("start", "end", "role"), [(None, 2, Role.TOLERATED), (3, None, Role.TOLERATED), (1, 2, Role.ROOT_CAUSE)]
)
def test_a_task_without_times_counts_as_a_response(start: float | None, end: float | None, role: Role) -> None:
    failed = a_node("wf.a", FAILED, children=["wf.b"], end=end)
    answer = msgspec.structs.replace(a_node("wf.b", OK), started_at=at(start) if start is not None else None)
    assert roles(a_snapshot(root(), failed, answer))["wf.a"] == role


def test_tasks_after_a_cycle_are_evaluated() -> None:
    failed = a_node("wf.a", FAILED, children=["wf.b"], end=2)
    omitted = a_node("wf.b", OMITTED, NodeType.SKIPPED, children=["wf.b", "wf.late"])
    before = a_node("wf.late", OK, start=1)
    assert roles(a_snapshot(root(), failed, omitted, before))["wf.a"] == Role.ROOT_CAUSE


def test_a_failure_directly_in_a_group_that_succeeded_is_tolerated() -> None:
    group = a_node("wf[0]", OK, GROUP, children=["wf[0].a"])
    nodes = [a_node("wf", FAILED, STEPS), group, a_node("wf[0].a", FAILED), a_node("wf[1].b", FAILED)]
    assert roles(a_snapshot(*nodes)) == {"wf[1].b": Role.ROOT_CAUSE, "wf[0].a": Role.TOLERATED}


def test_continue_on_of_a_workflow_templates_own_template_counts() -> None:
    stored = continuing(ContinueOn(failed=True))
    nodes = (root(), a_node("wf.a", FAILED), a_node("wf.b", FAILED))
    assert roles(a_snapshot(*nodes, stored_workflow_template_spec=stored))["wf.a"] == Role.TOLERATED


def test_continue_on_applies_to_a_loop_item_in_a_nested_task() -> None:
    nodes = [a_node("wf.a", FAILED, DAG, template_name="other"), a_node("wf.a.x(0:1.5)", FAILED)]
    snapshot = a_snapshot(root(), *nodes, a_node("wf.b", FAILED), spec=continuing(ContinueOn(failed=True)))
    assert roles(snapshot)["wf.a.x(0:1.5)"] == Role.TOLERATED


def test_a_step_group_without_its_template_has_no_continue_on() -> None:
    orphan = [a_node("wf[0]", FAILED, GROUP), a_node("wf[0].a", FAILED)]
    assert roles(a_snapshot(*orphan)) == {"wf[0].a": Role.ROOT_CAUSE}


def test_root_causes_without_a_time_come_last_and_ties_are_ordered_by_name() -> None:
    nodes = [a_node("wf.c", FAILED), a_node("wf.b", FAILED), a_node("wf.a", FAILED, end=None)]
    timeless = msgspec.structs.replace(nodes[2], started_at=None)
    assert list(roles(a_snapshot(root(), *nodes[:2], timeless))) == ["wf.b", "wf.c", "wf.a"]


def test_a_tolerated_failure_does_not_make_a_stopped_node_a_victim() -> None:
    hook = a_node("wf.a.hooks.x", FAILED, hooked=True, message="main: Error (exit code 1)")
    killed = a_node("wf.b", FAILED, message="main: Error (exit code 143)")
    snapshot = a_snapshot(root(), a_node("wf.a"), hook, killed, spec=WorkflowSpec(shutdown="Stop"))
    assert roles(snapshot) == {"wf.b": Role.ROOT_CAUSE, "wf.a.hooks.x": Role.TOLERATED}


def test_nothing_caused_a_run_to_fail_that_succeeded() -> None:
    """Argo does not wait for an exit handler that is terminated, and a failed one would have made the run fail."""
    handler = a_node("wf.onExit", Phase.RUNNING, NodeType.STEPS, hooked=True, end=None, children=["wf.onExit[0].mail"])
    cut = a_node("wf.onExit[0].mail", FAILED, message="workflow shutdown with strategy:  Terminate")
    stopped = WorkflowSpec(shutdown="Terminate")
    snapshot = a_snapshot(a_node("wf"), handler, cut, phase=Phase.SUCCEEDED, spec=stopped)
    assert roles(snapshot) == {"wf.onExit[0].mail": Role.TOLERATED}
    assert roles(a_snapshot(a_node("wf"), handler, cut, spec=stopped)) == {"wf.onExit[0].mail": Role.EXIT_HANDLER}
    assert a_report(snapshot).failure_class is None


@pytest.mark.parametrize("message", ["failed with exit code 137", "pod termination", "pod deleted"])
def test_a_pod_that_the_root_names_as_its_failure_is_a_leaf_although_it_succeeded_for_argo(message: str) -> None:
    run = a_snapshot(root(message="child 'wf.a' failed"), a_node("wf.a", OK, message=message))
    assert roles(run) == {"wf.a": Role.ROOT_CAUSE}
    other = a_snapshot(root(message="child 'wf.a' failed"), a_node("wf.a", OK, message="1 file written"))
    assert roles(other) == {None: Role.ROOT_CAUSE}


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("child 'wf.a' failed", {"wf.a.hooks.running": Role.ROOT_CAUSE}),
        ("", {"wf.a.hooks.running": Role.ROOT_CAUSE}),
        ("exceeded quota: q", {"wf.a.hooks.running": Role.TOLERATED, None: Role.ROOT_CAUSE}),
    ],
)
def test_a_failed_hook_is_the_cause_if_the_run_has_no_other(message: str, expected: dict[str | None, Role]) -> None:
    hook = a_node("wf.a.hooks.running", FAILED, display_name="a.hooks.running")
    assert roles(a_snapshot(root(), a_node("wf.a", OK), hook, message=message)) == expected


@pytest.mark.parametrize(
    ("follower", "outer", "expected"),
    [
        pytest.param([], FAILED, {"wf.a": Role.ROOT_CAUSE}, id="nothing follows: Argo fails the DAG with it"),
        pytest.param(["wf.b"], FAILED, {"wf.a": Role.TOLERATED, None: Role.ROOT_CAUSE}, id="the DAG goes on"),
        pytest.param([], OK, {"wf.a": Role.TOLERATED, None: Role.ROOT_CAUSE}, id="the DAG has succeeded"),
    ],
)
def test_a_task_with_continue_on_is_the_cause_of_a_failed_run_without_another_if_nothing_follows_it(
    follower: list[str], outer: str, expected: dict[str | None, Role]
) -> None:
    task = a_node("wf.a", FAILED, children=follower, end=2)
    nodes = [task, *(a_node(name, OK, start=3) for name in follower)]
    assert roles(a_snapshot(root(outer), *nodes, spec=continuing(ContinueOn(failed=True)), phase=FAILED)) == expected

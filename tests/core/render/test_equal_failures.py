"""Failures that are the same failure are one: in the summary, and when a report is too large."""

import pytest
from tests.builders import a_node, a_report, a_snapshot

from wfreport.api.argo import Node, NodeType, Phase
from wfreport.api.report import ReportStatus
from wfreport.core.render.equal_failures import equal_groups
from wfreport.core.render.failures import MAX_FAILURES
from wfreport.core.snapshot.model import PodEvidence, Snapshot

FAILED, RUNNING = Phase.FAILED, Phase.RUNNING
EXIT = "main: Error (exit code 3)"


def items(loop: str, *phases: str, inner: str = "") -> list[Node]:
    return [
        a_node(
            f"{loop}({n}:2026-11-{n}){inner}",
            phase,
            message=EXIT * (phase == FAILED),
            template_name="load",
            end=n,
        )
        for n, phase in enumerate(phases, 1)
    ]


def summary(*nodes: Node, phase: str = FAILED) -> str:
    root = a_node("wf", phase, NodeType.DAG)
    return a_report(a_snapshot(root, *nodes, phase=phase)).summary or ""


OK = Phase.SUCCEEDED
GROUP = a_node("wf.day", FAILED, NodeType.TASK_GROUP)


def test_equal_items_of_a_loop_are_counted() -> None:
    assert summary(GROUP, *items("wf.day", FAILED, OK, FAILED, OK)) == "2 of 4 items of day failed: exit code 3"
    assert summary(GROUP, *items("wf.day", FAILED, FAILED)) == "all 2 items of day failed: exit code 3"


def test_items_of_steps_are_counted_without_those_of_a_loop_beside_it() -> None:
    step_group = a_node("wf[0]", FAILED, NodeType.STEP_GROUP)
    nodes = [step_group, *items("wf[0].day", FAILED, OK, FAILED), *items("wf[0].night", OK, OK)]
    assert summary(*nodes) == "2 of 3 items of day failed: exit code 3"


def test_a_step_within_an_item_is_named() -> None:
    groups = [a_node(f"wf.day({n}:2026-11-{n})", FAILED if n < 3 else OK, NodeType.DAG) for n in range(1, 4)]
    nodes = [GROUP, *groups, *items("wf.day", FAILED, FAILED, OK, inner=".load")]
    assert summary(*nodes) == "2 of 3 items of day failed in load: exit code 3"


def test_items_with_retries_are_counted_once() -> None:
    retries = [
        a_node(f"wf.day({n}:x)", FAILED, NodeType.RETRY, children=[f"wf.day({n}:x)({k})" for k in range(2)])
        for n in range(2)
    ]
    attempts = [
        a_node(f"wf.day({n}:x)({k})", FAILED, message=EXIT, template_name="load", start=k)
        for n in range(2)
        for k in range(2)
    ]
    assert summary(GROUP, *retries, *attempts) == "all 2 items of day failed: exit code 3 after 2 attempts"


def test_equal_steps_without_a_loop_are_counted() -> None:
    nodes = [a_node(f"wf.{name}", FAILED, message=EXIT, template_name="load") for name in "abc"]
    assert summary(*nodes) == "a and 2 steps more failed alike: exit code 3"
    assert summary(GROUP, *nodes[:1], *items("wf.day", FAILED)) == "a and 1 step more failed alike: exit code 3"


def test_other_failures_stay_apart() -> None:
    other = a_node("wf.z", FAILED, message="main: Error (exit code 4)", end=99)
    assert summary(GROUP, *items("wf.day", FAILED, FAILED, OK), other) == (
        "2 of 3 items of day failed: exit code 3; 1 other failure"
    )
    assert summary(other, a_node("wf.y", FAILED, message=EXIT)) == "y: exit code 3; 1 other failure"


def test_a_running_workflow_counts_them_too() -> None:
    assert summary(GROUP, *items("wf.day", FAILED, FAILED, OK), phase=RUNNING) == (
        "Running; 2 of 3 items of day failed: exit code 3"
    )


def test_failures_beyond_those_that_are_listed_are_counted_by_their_message() -> None:
    number = MAX_FAILURES + 7
    nodes = items("wf.day", *[FAILED] * number, OK)
    strange = a_node("wf.day(9999:x)", FAILED, message="main: Error (exit code 9)", end=10_000)
    assert summary(GROUP, *nodes, strange) == (
        f"{number} of {number + 2} items of day failed: exit code 3; 1 other failure"
    )


def in_task(*names: str, attempt: str = "") -> list[Node]:
    """Return the nodes of tasks that each have a step ``executor``; the first one failed."""
    phases = [FAILED, *[OK] * len(names)]
    tasks = [a_node(f"wf.{name}{attempt}", phase, NodeType.DAG) for name, phase in zip(names, phases, strict=False)]
    steps = [
        a_node(f"{task.name}.executor", task.phase, message=EXIT * (task.phase == FAILED), template_name="run")
        for task in tasks
    ]
    return [*tasks, *steps]


def test_a_step_that_shares_its_name_or_is_alone_is_named_with_its_task() -> None:
    assert summary(*in_task("load", "train")) == "load.executor: exit code 3"
    assert summary(*in_task("load")) == "load.executor: exit code 3"
    beside = a_node("wf.load.driver")
    assert summary(*in_task("load"), beside) == "executor: exit code 3"
    assert summary(*in_task("load", "train"), beside) == "load.executor: exit code 3"
    retry = a_node("wf.load", FAILED, NodeType.RETRY, children=["wf.load(0)"])
    assert summary(retry, *in_task("load", attempt="(0)")) == "load.executor: exit code 3"


def test_a_step_directly_in_the_workflow_and_a_step_group_have_no_task() -> None:
    root = a_node("wf", FAILED, NodeType.RETRY, children=["wf(0)"])
    step = a_node("wf(0).a", FAILED, message=EXIT)
    assert (
        a_report(a_snapshot(root, a_node("wf(0)", FAILED, NodeType.DAG), step, phase=FAILED)).summary
        == "a: exit code 3"
    )
    group = a_node("wf.b[0]", FAILED, NodeType.STEP_GROUP, message="odd", display_name="[0]")
    assert summary(a_node("wf.b", FAILED, NodeType.STEPS), group) == "step group [0]: odd"


def test_an_exit_handler_is_not_named_with_a_task() -> None:
    handler = a_node("wf.onExit", FAILED, NodeType.DAG, hooked=True)
    inner = a_node("wf.onExit.send", FAILED, message=EXIT)
    assert summary(handler, inner) == "exit handler send: exit code 3"


# --- in the report


def report_with_logs(number: int, **options: object) -> ReportStatus:
    nodes = [a_node("wf", FAILED, NodeType.DAG), GROUP, *items("wf.day", *[FAILED] * number)]
    snapshot: Snapshot = a_snapshot(*nodes)
    pods = [failure.pod_name for failure in a_report(snapshot).failures or ()]
    evidence = {pod: PodEvidence(logs={"main": f"line\n{'x' * 5_000}\nbad row"}) for pod in pods if pod}
    return a_report(snapshot, evidence=evidence, **options)  # type: ignore[arg-type]


def test_equal_failures_are_a_group_in_the_order_of_the_run() -> None:
    (group,) = equal_groups(report_with_logs(3).failures or ())
    assert [failure.display_name for failure in group] == [f"day({n}:2026-11-{n})" for n in (1, 2, 3)]
    unknown = group[0].model_copy(update={"fingerprint": None})
    assert equal_groups([unknown, unknown.model_copy(update={})]) == [[unknown], [unknown]]


def test_all_keep_their_logs_while_there_is_room() -> None:
    assert all(failure.log_tail and failure.log_tail.text for failure in report_with_logs(8).failures or ())


@pytest.mark.parametrize("number", [40, 60])
def test_if_a_report_is_too_large_three_of_them_keep_their_logs(number: int) -> None:
    failures = report_with_logs(number, max_bytes=100 * 1024).failures or []
    assert [bool(f.log_tail and f.log_tail.text) for f in failures] == [True] * 3 + [False] * (number - 3)
    assert {failure.log_line for failure in failures} == {"bad row"}

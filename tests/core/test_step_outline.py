"""The outline of a run: which step lies in which, also if no id matches a name."""

from __future__ import annotations

import pytest
from tests.builders import final_of
from tests.recorded import Recording, chosen_recordings

from wfreport.api.report import Step
from wfreport.core.redact.redactor import Redactor
from wfreport.core.redact.text import TextSanitizer
from wfreport.core.render.steps import list_steps
from wfreport.core.snapshot.pod_names import node_id
from wfreport.core.snapshot.step_labels import step_label
from wfreport.core.step_outline import StepNames, outline_steps
from wfreport.core.timing.timing import RunTimes


def a_step(name: str, type_: str, *children: int, full_name: str = "unknown") -> Step:
    return Step(
        display_name=name, node_id=node_id("etl", full_name), type=type_, phase="Failed", children=list(children)
    )


def test_a_step_lies_in_the_group_whose_name_its_id_contains() -> None:
    steps = [
        Step(display_name="etl", node_id="etl", type="DAG", phase="Failed", children=[1]),
        a_step("load", "Pod", 2, full_name="etl.load"),
        a_step("report", "Pod", full_name="etl.report"),
    ]
    (top,) = outline_steps(steps, "etl").main
    assert [entry.full_name for entry in top.walk()] == ["etl", "etl.load", "etl.report"]
    assert [entry.step.display_name for entry in top.inside] == ["load", "report"]


def test_a_step_whose_id_matches_no_name_lies_beside_its_predecessor_or_in_it_if_that_is_a_group() -> None:
    steps = [
        Step(display_name="etl", node_id="etl", type="DAG", phase="Failed", children=[1]),
        a_step("load", "Pod", 2),
        a_step("report", "Pod", 3),
        a_step("notify", "Steps", 4),
        a_step("send", "Pod"),
    ]
    (top,) = outline_steps(steps, "etl").main
    assert [entry.step.display_name for entry in top.walk()] == ["etl", "load", "report", "notify", "send"]
    assert [entry.step.display_name for entry in top.inside] == ["load", "report", "notify"]
    assert [entry.step.display_name for entry in top.inside[2].inside] == ["send"]


def test_a_step_after_one_that_lies_nowhere_lies_in_it() -> None:
    (top,) = outline_steps([a_step("load", "Pod", 1), a_step("report", "Pod")], "etl").main
    assert [entry.step.display_name for entry in top.inside] == ["report"]


def test_a_step_group_whose_id_matches_no_name_lies_in_the_steps_around_its_predecessor() -> None:
    steps = [
        a_step("etl-renamed", "Steps", 1),
        a_step("[0]", "StepGroup", 2),
        a_step("list", "Pod", 3),
        a_step("[1]", "StepGroup", 4),
        a_step("each", "Skipped"),
    ]
    (top,) = outline_steps(steps, "etl").main
    inside = [(group.step.display_name, [one.step.display_name for one in group.inside]) for group in top.inside]
    assert inside == [("[0]", ["list"]), ("[1]", ["each"])]
    (group,) = outline_steps([a_step("[0]", "StepGroup", 1), a_step("[1]", "StepGroup")], "etl").main
    assert [entry.step.display_name for entry in group.walk()] == ["[0]", "[1]"]


def test_steps_are_named_with_their_tasks_if_their_own_names_say_too_little() -> None:
    steps = [
        Step(display_name="etl", node_id="etl", type="DAG", phase="Failed", children=[1, 3]),
        a_step("load", "DAG", 2, full_name="etl.load"),
        a_step("executor", "Pod", full_name="etl.load.executor"),
        a_step("train", "DAG", 4, full_name="etl.train"),
        a_step("executor", "Pod", full_name="etl.train.executor"),
        a_step("etl.onExit", "DAG", 6, full_name="etl.onExit"),
        a_step("notify", "Pod", full_name="etl.onExit.notify"),
    ]
    names = StepNames(outline_steps(steps, "etl"), "etl")
    named = [names.within_task(step.node_id) for step in steps]
    assert named == ["", "", "load.executor", "", "train.executor", "", ""]
    assert (names.within_task(None), names.within_task("etl-1")) == ("", "")


@pytest.mark.parametrize("case", chosen_recordings(), ids=lambda case: case.name)
def test_the_outline_names_the_steps_of_a_recorded_run_as_its_report_does(case: Recording) -> None:
    snapshot, _ = final_of(case)
    workflow = snapshot.workflow.metadata.name
    steps = list_steps(snapshot, TextSanitizer(Redactor()), len(snapshot.nodes), RunTimes(pods={}))
    names = StepNames(outline_steps(steps, workflow), workflow)
    for step in steps[:40]:
        node = snapshot.nodes[step.node_id]
        own = snapshot.tree.retry_of.get(node.id, node).display_name
        label = step_label(node, snapshot.tree)
        assert names.within_task(step.node_id) == (label if label != own else "")

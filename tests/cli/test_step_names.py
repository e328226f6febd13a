"""What the column STEP shows can be given to `wfreport logs`, `pods` and `exec` as it is."""

from __future__ import annotations

import re

import msgspec
import pytest
from tests.recorded import Recording, chosen_recordings

from wfreport.api.argo import NodeType, Phase
from wfreport.api.report import Step
from wfreport.cli.problems import NotFound, UnusableInput
from wfreport.cli.sources.run_pods import RunSteps, steps_of
from wfreport.cli.sources.runs import FoundRun
from wfreport.core.snapshot.decode import decode_workflow
from wfreport.core.snapshot.pod_names import node_id, ran_in_pod
from wfreport.core.snapshot.step_labels import unique_name
from wfreport.core.step_outline import outline_steps

RUN = FoundRun("team", "wf")


def a_step(name: str, step_type: str = NodeType.POD, *children: int, full_name: str = "") -> Step:
    """Return a step of the Workflow ``wf``; its pod has the node's full name."""
    full_name = full_name or f"wf.{name}"
    return Step(
        display_name=name,
        node_id="wf" if full_name == "wf" else node_id("wf", full_name),
        type=step_type,
        phase=Phase.FAILED,
        pod_name=full_name if step_type == NodeType.POD else None,
        children=list(children),
    )


def run_steps(*steps: Step) -> RunSteps:
    pods = {step.node_id: step.pod_name for step in steps if step.pod_name}
    return RunSteps(outline_steps(steps, "wf"), pods, {}, complete=True)


def pods(steps: RunSteps, name: str) -> list[str]:
    return [pod.pod_name for pod in steps.pods_of(name, RUN)]


TWO_TASKS = run_steps(
    a_step("wf", NodeType.DAG, 1, 3, full_name="wf"),
    a_step("load", NodeType.DAG, 2),
    a_step("executor", full_name="wf.load.executor"),
    a_step("train", NodeType.RETRY, 4, 6),
    a_step("train(0)", NodeType.DAG, 5),
    a_step("executor", full_name="wf.train(0).executor"),
    a_step("train(1)", NodeType.DAG, 7),
    a_step("executor", full_name="wf.train(1).executor"),
)


def test_a_step_is_found_by_the_task_around_it() -> None:
    assert pods(TWO_TASKS, "load.executor") == ["wf.load.executor"]
    with pytest.raises(NotFound):
        TWO_TASKS.pods_of("other.executor", RUN)


def test_the_step_of_a_task_that_was_retried_has_the_pods_of_all_attempts() -> None:
    assert pods(TWO_TASKS, "train.executor") == ["wf.train(0).executor", "wf.train(1).executor"]


def test_a_name_that_several_tasks_share_is_not_chosen_from() -> None:
    with pytest.raises(UnusableInput, match="3 steps have this name"):
        TWO_TASKS.pods_of("executor", RUN)


def test_the_name_of_a_step_that_was_retried_within_its_task_is_that_of_one_step() -> None:
    steps = run_steps(
        a_step("wf", NodeType.RETRY, 1, 3, full_name="wf"),
        a_step("wf(0)", NodeType.DAG, 2, full_name="wf(0)"),
        a_step("fit", full_name="wf(0).fit"),
        a_step("wf(1)", NodeType.DAG, 4, full_name="wf(1)"),
        a_step("fit", full_name="wf(1).fit"),
    )
    assert pods(steps, "fit") == ["wf(0).fit", "wf(1).fit"]


def _without_attempts(name: str) -> str:
    return re.sub(r"\(\d+\)", "", name)


@pytest.mark.parametrize("case", chosen_recordings(), ids=lambda case: case.name)
def test_the_name_of_each_step_of_a_recorded_run_finds_its_pod(case: Recording) -> None:
    snapshot = decode_workflow(msgspec.to_builtins(case.final["workflow"]))
    name = snapshot.workflow.metadata.name
    run = FoundRun("team", name, snapshot=snapshot)
    steps = steps_of(run)
    with_pods = [node for node in snapshot.nodes.values() if node.type == NodeType.POD and ran_in_pod(node)]
    for node in with_pods[:40]:
        found = [pod.step.node_id for pod in steps.pods_of(unique_name(node, snapshot.tree), run)]
        assert node.id in found
        own = _without_attempts(node.name)
        others = [one for one in found if not _without_attempts(snapshot.nodes[one].name).startswith(own)]
        assert not others, "only its attempts and its hooks are found as well"

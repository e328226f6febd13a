"""What of a running Workflow's report is bare progress, and what a person would act on."""

from __future__ import annotations

import pytest
from tests.builders import a_node, a_report, a_snapshot, at

from wfreport.api.argo import NodeType, Phase
from wfreport.api.report import ReportStatus
from wfreport.core.render.progress import is_bare_progress
from wfreport.core.snapshot.model import Snapshot


def running(*, done: int = 0, message: str = "", **failed: str) -> Snapshot:
    """A run of three steps, of which some are done; ``failed`` steps have messages."""
    steps = [
        a_node(f"s{n}", Phase.SUCCEEDED if n < done else Phase.RUNNING, end=9 if n < done else None) for n in range(3)
    ]
    steps += [a_node(name, Phase.FAILED, message=text) for name, text in failed.items()]
    root = a_node("wf", Phase.RUNNING, NodeType.DAG, end=None, children=[step.name for step in steps])
    return a_snapshot(root, *steps, phase=Phase.RUNNING, message=message, progress=f"{done}/3")


def test_steps_that_succeed_are_bare_progress() -> None:
    before, after = a_report(running()), a_report(running(done=2))
    assert before != after
    assert is_bare_progress(before, after)


@pytest.mark.parametrize(
    "after",
    [
        a_report(running(message="waiting for a lock")),
        a_report(running(s4="main: Error (exit code 1)")),
        a_report(a_snapshot(phase=Phase.PENDING)),
        a_report(a_snapshot(a_node("wf", Phase.SUCCEEDED), phase=Phase.SUCCEEDED)),
        a_report(running()).changed(runs=[]),
        a_report(running(), stored=a_report(running())).changed(conditions=None),
        ReportStatus(),
    ],
)
def test_a_change_that_a_person_would_act_on_is_more_than_progress(after: ReportStatus) -> None:
    assert not is_bare_progress(a_report(running()), after)


def test_a_step_that_waits_is_more_than_progress() -> None:
    def suspended(phase: str) -> Snapshot:
        wait = a_node("wait", phase, NodeType.SUSPEND, start=2, end=None if phase == Phase.RUNNING else 9)
        root = a_node("wf", Phase.RUNNING, NodeType.STEPS, end=None, children=["wait"])
        return a_snapshot(root, wait, phase=Phase.RUNNING)

    waits, goes_on = a_report(suspended(Phase.RUNNING), now=at(5)), a_report(suspended(Phase.SUCCEEDED), now=at(10))
    assert waits.waiting
    assert not is_bare_progress(waits, goes_on)

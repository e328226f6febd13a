"""The timing of a run: critical path, queued times, gaps and the cost of retries."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.builders import T0, a_node, a_report, a_snapshot, at, final_of
from tests.examples import examples, steps
from tests.recorded import Recording, recording, recordings

from wfreport.api.argo import Metadata, Node, NodeType, Phase
from wfreport.api.kubernetes import (
    ContainerState,
    ContainerStatus,
    Pod,
    PodCondition,
    PodStatus,
    StateRunning,
    StateTerminated,
    StateWaiting,
)
from wfreport.api.report import ReportStatus
from wfreport.api.timing import RetryCost
from wfreport.core.snapshot.model import PodEvidence
from wfreport.core.timing.timing import PATH_LENGTH

OK, FAILED = Phase.SUCCEEDED, Phase.FAILED


# --- the critical path


def test_the_critical_path_consists_of_the_last_predecessors() -> None:
    nodes = [
        a_node("wf", FAILED, NodeType.DAG, children=["wf.a", "wf.b"], start=0, end=30),
        a_node("wf.a", OK, children=["wf.c"], start=1, end=4),
        a_node("wf.b", OK, children=["wf.c"], start=1, end=10),
        a_node("wf.c", FAILED, start=12, end=30),
        a_node("wf.onExit", OK, start=31, end=33, hooked=True),
    ]
    report = a_report(a_snapshot(*nodes, end=33))
    assert [(s.display_name, s.seconds, s.wait_seconds) for s in report.critical_path or ()] == [
        ("b", 9, 1),
        ("c", 18, 2),
        ("onExit", 2, 1),
    ]
    assert report.timing is not None
    assert (report.timing.duration_seconds, report.timing.queued_seconds, report.timing.gap_seconds) == (33, 5, 4)


def test_attempts_follow_each_other_on_the_path() -> None:
    nodes = [
        a_node("wf", OK, NodeType.RETRY, children=["wf(0)", "wf(1)"], end=9),
        a_node("wf(0)", FAILED, start=0, end=4),
        a_node("wf(1)", OK, start=5, end=9),
    ]
    path = a_report(a_snapshot(*nodes, phase=OK, end=9)).critical_path
    assert [step.node_id for step in path or ()] == ["wf(0)", "wf(1)"]


def test_an_attempt_that_is_a_group_follows_the_steps_of_the_previous_one() -> None:
    nodes = [
        a_node("wf", OK, NodeType.RETRY, children=["wf(0)", "wf(1)"], end=20),
        a_node("wf(0)", FAILED, NodeType.DAG, children=["wf(0).a"], end=4),
        a_node("wf(0).a", FAILED, start=0, end=4),
        a_node("wf(1)", OK, NodeType.DAG, children=["wf(1).a"], start=14, end=20),
        a_node("wf(1).a", OK, start=14, end=20),
    ]
    report = a_report(a_snapshot(*nodes, phase=OK, end=20))
    assert [(s.node_id, s.wait_seconds) for s in report.critical_path or ()] == [("wf(0).a", 0), ("wf(1).a", 10)]


def test_a_later_attempt_follows_the_retries_within_the_previous_one() -> None:
    nodes = [
        a_node("wf", OK, NodeType.RETRY, children=["wf(0)", "wf(1)"], end=20),
        a_node("wf(0)", FAILED, NodeType.DAG, children=["wf(0).r"], end=6),
        a_node("wf(0).r", FAILED, NodeType.RETRY, children=["wf(0).r(0)", "wf(0).r(1)"], end=6),
        a_node("wf(0).r(0)", FAILED, start=0, end=2),
        a_node("wf(0).r(1)", FAILED, start=3, end=6),
        a_node("wf(1)", OK, NodeType.DAG, children=["wf(1).a"], start=8, end=20),
        a_node("wf(1).a", OK, start=8, end=20),
    ]
    path = a_report(a_snapshot(*nodes, phase=OK, end=20)).critical_path
    assert [(s.node_id, s.wait_seconds) for s in path or ()] == [("wf(0).r(0)", 0), ("wf(0).r(1)", 1), ("wf(1).a", 2)]


def test_a_running_daemon_is_no_predecessor() -> None:
    nodes = [
        a_node("wf", OK, NodeType.STEPS, children=["wf.d", "wf.a"], end=20),
        a_node("wf.d", OK, children=["wf.b"], start=0, end=20),
        a_node("wf.a", OK, children=["wf.b"], start=0, end=5),
        a_node("wf.b", OK, start=6, end=21),
    ]
    report = a_report(a_snapshot(*nodes, phase=OK, end=21))
    assert [s.display_name for s in report.critical_path or ()] == ["a", "b"]
    assert [(s.display_name, s.wait_seconds) for s in report.steps or ()] == [
        ("wf", None),
        ("d", 0),
        ("a", 0),
        ("b", 1),
    ]


def test_steps_from_before_a_manual_retry_are_not_on_the_path() -> None:
    nodes = [
        a_node("wf", OK, NodeType.DAG, children=["wf.a"], start=-100, end=9),
        a_node("wf.a", OK, children=["wf.b"], start=-100, end=-50),
        a_node("wf.b", OK, start=2, end=9),
    ]
    report = a_report(a_snapshot(*nodes, phase=OK, end=10))
    assert [(s.display_name, s.wait_seconds) for s in report.critical_path or ()] == [("b", 2)]
    assert report.timing is not None
    assert report.timing.gap_seconds == 3


def test_a_cycle_of_steps_ends_the_path() -> None:
    nodes = [
        a_node("wf.a", OK, children=["wf.b"], start=5, end=5),
        a_node("wf.b", OK, children=["wf.a"], start=5, end=5),
    ]
    path = a_report(a_snapshot(*nodes, phase=OK, end=6)).critical_path
    assert [step.display_name for step in path or ()] == ["a", "b"]


def test_a_child_that_is_named_twice_follows_once() -> None:
    nodes = [
        a_node("wf", OK, NodeType.DAG, children=["wf.a"], start=0, end=9),
        a_node("wf.a", OK, children=["wf.g"], start=0, end=4),
        a_node("wf.g", OK, NodeType.TASK_GROUP, children=["wf.b", "wf.b"], start=4, end=9),
        a_node("wf.b", OK, start=5, end=9),
    ]
    path = a_report(a_snapshot(*nodes, phase=OK, end=9)).critical_path
    assert [step.display_name for step in path or ()] == ["a", "b"]


def test_a_daemon_above_a_join_is_skipped_on_every_branch() -> None:
    nodes = [
        a_node("wf", OK, NodeType.DAG, children=["wf.d"], start=0, end=20),
        a_node("wf.d", OK, children=["wf.g", "wf.h"], start=0, end=20),
        a_node("wf.g", OK, NodeType.TASK_GROUP, children=["wf.b"], start=1, end=9),
        a_node("wf.h", OK, NodeType.TASK_GROUP, children=["wf.b"], start=1, end=9),
        a_node("wf.b", OK, start=9, end=21),
    ]
    report = a_report(a_snapshot(*nodes, phase=OK, end=21))
    assert [(s.display_name, s.wait_seconds) for s in report.critical_path or ()] == [("b", 9)]


def test_an_attempt_without_executed_steps_is_skipped() -> None:
    nodes = [
        a_node("wf", OK, NodeType.RETRY, children=["wf(0)", "wf(1)"], end=9),
        a_node("wf(0)", Phase.ERROR, NodeType.SKIPPED, start=0, end=0),
        a_node("wf(1)", OK, start=5, end=9),
    ]
    path = a_report(a_snapshot(*nodes, phase=OK, end=9)).critical_path
    assert [(s.node_id, s.wait_seconds, s.wait_reason) for s in path or ()] == [("wf(1)", 5, None)]


def test_the_shortest_steps_of_a_very_long_path_are_cut_and_its_sums_count_all() -> None:
    count, long = PATH_LENGTH + 50, {0, 7, 100, PATH_LENGTH + 49}
    seconds = [30 if i in long else 1 + (i >= 50) for i in range(count)]
    starts = [sum(seconds[:i]) + i for i in range(count)]
    nodes = [
        a_node(f"wf.{i}", OK, children=[f"wf.{i + 1}"], start=start, end=start + seconds[i], display_name=str(i))
        for i, start in enumerate(starts)
    ]
    end = sum(seconds) + count
    report = a_report(a_snapshot(*nodes, phase=OK, end=end))
    path, timing = report.critical_path or [], report.timing
    names = [int(step.display_name) for step in path]
    assert (len(path), names) == (PATH_LENGTH, sorted(names))
    assert set(range(50, count)) | long > set(names) > long
    assert timing is not None
    assert (timing.gap_seconds, timing.critical_path_steps, timing.critical_path_seconds) == (
        count,
        count,
        sum(seconds),
    )
    assert sum(s.seconds + s.wait_seconds + (s.unlisted_seconds or 0) for s in path) + 1 == end
    assert timing.slowest_step is not None
    assert timing.slowest_step.display_name in map(str, names)
    message = next(c.message for c in report.conditions or () if c.type == "Truncated")
    assert message == "left out: 50 of 250 steps of the critical path"


def test_a_suspend_step_is_not_the_slowest_step() -> None:
    nodes = [
        a_node("wf.a", OK, children=["wf.s"], start=0, end=5),
        a_node("wf.s", OK, NodeType.SUSPEND, start=5, end=1000),
    ]
    report = a_report(a_snapshot(*nodes, phase=OK, end=1000))
    assert report.timing is not None
    assert report.timing.slowest_step is not None
    assert (report.timing.slowest_step.display_name, report.timing.slowest_step.seconds) == ("a", 5)
    assert [(s.queued_seconds, s.queued_reason) for s in report.critical_path or ()] == [
        (None, None),
        (995, "Suspended"),
    ]


def test_the_cost_of_retries_is_added_up() -> None:
    nodes = [
        a_node("wf", OK, NodeType.RETRY, children=["wf(0)", "wf(1)", "wf(2)"], end=40),
        a_node("wf(0)", FAILED, start=0, end=4),
        a_node("wf(1)", FAILED, start=10, end=12, host_node_name=""),
        a_node("wf(2)", OK, start=22, end=40),
    ]
    timing = a_report(a_snapshot(*nodes, phase=OK, end=40)).timing
    assert timing is not None
    assert timing.retries is not None
    assert timing.retries == RetryCost(attempts=2, pods=1, seconds=6, backoff_seconds=16)


def test_a_running_workflow_has_no_timing_that_depends_on_the_present_time() -> None:
    report = a_report(a_snapshot(a_node("wf", OK), phase=Phase.RUNNING))
    assert (report.timing, report.critical_path) == (None, None)
    assert [step.wait_seconds for step in report.steps or ()] == [None]


# --- laws


@st.composite
def runs(draw: st.DrawFn) -> list[Node]:
    """Draw a graph of steps, groups and retries, each of which starts after its predecessors have ended."""
    ends: list[float] = []
    nodes: list[Node] = []
    for i in range(draw(st.integers(1, 12))):
        before = draw(st.lists(st.integers(0, i - 1), unique=True, max_size=3)) if i else []
        start = max((ends[b] for b in before), default=0.0) + draw(st.integers(0, 9))
        ends.append(start + draw(st.integers(0, 60)))
        kind = draw(st.sampled_from([NodeType.POD, NodeType.POD, NodeType.SUSPEND, NodeType.HTTP, NodeType.DAG]))
        nodes.append(a_node(f"wf.{i}", OK, kind, start=start, end=ends[-1], display_name=str(i)))
        for b in before:
            nodes[b] = _with_child(nodes[b], f"wf.{i}")
    return nodes


def _with_child(node: Node, child: str) -> Node:
    fields = {name: getattr(node, name) for name in node.__struct_fields__}
    return Node(**(fields | {"children": [*node.children, child]}))


@settings(max_examples=examples(300))
@given(nodes=runs(), after=st.integers(0, 30))
def test_the_path_and_its_gaps_add_up_to_the_duration(nodes: list[Node], after: int) -> None:
    end = max((node.finished_at for node in nodes if node.finished_at), default=T0)
    run = a_snapshot(*nodes, phase=OK, end=(end - T0).total_seconds() + after)
    report = a_report(run)
    path, timing = report.critical_path or [], report.timing
    assert timing is not None
    if path:
        assert sum(step.seconds for step in path) + (timing.gap_seconds or 0) == timing.duration_seconds
        waits = sum(step.wait_seconds for step in path)
        assert (timing.gap_seconds or 0) - waits >= 0, "the rest is the time after the last step"
    for step in path:
        assert (step.queued_seconds or 0) <= step.seconds


@st.composite
def pods_of(draw: st.DrawFn, node: Node) -> Pod:
    """Draw a pod with times in any order, some of them missing."""

    def moment() -> datetime | None:
        seconds = draw(st.none() | st.integers(-20, 80))
        return None if seconds is None else T0 + timedelta(seconds=seconds)

    def status(name: str) -> ContainerStatus:
        state = draw(
            st.sampled_from(
                [
                    None,
                    ContainerState(waiting=StateWaiting(reason="ContainerCreating")),
                    ContainerState(running=StateRunning(started_at=moment())),
                    ContainerState(terminated=StateTerminated(started_at=moment())),
                ]
            )
        )
        return ContainerStatus(name=name, state=state)

    return Pod(
        metadata=Metadata(name=node.name, creation_timestamp=moment()),
        status=PodStatus(
            phase="Succeeded",
            conditions=[PodCondition(type="PodScheduled", status="True", last_transition_time=moment())],
            container_statuses=[status(name) for name in draw(st.sampled_from([["main", "wait"], ["a"], []]))],
            init_container_statuses=[status("init")],
        ),
    )


@settings(max_examples=examples(300))
@given(data=st.data(), end=st.integers(0, 60))
def test_queued_and_running_add_up_and_are_never_negative(data: st.DataObject, end: int) -> None:
    node = a_node("wf", OK, end=end)
    pod = data.draw(pods_of(node))
    (step,) = a_report(a_snapshot(node, phase=OK), evidence={"wf": PodEvidence(pod)}).steps or []
    if step.queued_seconds is None:
        assert step.running_seconds is None
    else:
        assert step.running_seconds is not None
        assert step.queued_seconds >= 0
        assert step.running_seconds >= 0
        assert step.queued_seconds + step.running_seconds == end


# --- queued and running


def a_pod(
    *,
    created: float | None = 0,
    scheduled: float | None = 0,
    init: float | None = None,
    state: ContainerState | None,
    name: str = "main",
) -> dict[str, PodEvidence]:
    """Build the pod of the node ``wf``."""
    condition = PodCondition(
        type="PodScheduled", status="True", last_transition_time=None if scheduled is None else at(scheduled)
    )
    init_state = ContainerState(terminated=StateTerminated(started_at=None if init is None else at(init)))
    pod = Pod(
        metadata=Metadata(name="wf", uid="p", creation_timestamp=None if created is None else at(created)),
        status=PodStatus(
            phase="Succeeded",
            conditions=[condition],
            init_container_statuses=[ContainerStatus(name="init", state=init_state)],
            container_statuses=[
                ContainerStatus(name=name, state=state),
                ContainerStatus(name="wait", state=ContainerState(terminated=StateTerminated(started_at=at(0)))),
            ],
        ),
    )
    return {"wf": PodEvidence(pod)}


def ran_from(seconds: float) -> ContainerState:
    return ContainerState(terminated=StateTerminated(started_at=at(seconds)))


@pytest.mark.parametrize(
    ("evidence", "expected"),
    [
        (a_pod(created=30, scheduled=31, init=32, state=ran_from(35)), (35, 25, "PodNotCreated")),
        (a_pod(created=0, scheduled=30, init=32, state=ran_from(35)), (35, 25, "Scheduling")),
        (a_pod(created=0, scheduled=1, init=32, state=ran_from(35)), (35, 25, "ContainerCreating")),
        (a_pod(created=0, scheduled=1, init=2, state=ran_from(35)), (35, 25, "PodInitializing")),
        (a_pod(created=0, scheduled=1, state=ran_from(35)), (35, 25, "ContainerCreating")),
        (a_pod(created=0, scheduled=None, state=ContainerState(waiting=StateWaiting())), (60, 0, "Scheduling")),
        (a_pod(state=ContainerState(running=StateRunning(started_at=at(9)))), (9, 51, "ContainerCreating")),
        (a_pod(state=ran_from(0)), (0, 60, None)),
        (a_pod(state=ran_from(1)), (1, 59, None)),
        (a_pod(state=ran_from(8), name="own"), (8, 52, "ContainerCreating")),
        (a_pod(created=-100, state=ran_from(-90)), (None, None, None)),
        (a_pod(created=None, state=ran_from(3)), (None, None, None)),
        (a_pod(state=None), (None, None, None)),
        ({}, (None, None, None)),
    ],
    ids=[
        "a lock", "no machine", "an image", "input artifacts", "no init container", "never placed", "still running",
        "at once", "within a second", "a containerSet",
        "a pod from before a manual retry", "a pod without times", "an evicted pod",
        "no pod seen",
    ],
)  # fmt: skip
def test_the_pod_shows_how_long_a_step_was_queued_and_why(
    evidence: dict[str, PodEvidence], expected: tuple[Any, ...]
) -> None:
    run = a_snapshot(a_node("wf", OK, end=60), phase=OK)
    report = a_report(run, evidence=evidence)
    assert _times(report) == expected
    assert _times(a_report(run, stored=report)) == expected, "the times are stored beyond the pod"


def _times(report: ReportStatus) -> tuple[Any, ...]:
    (step,), (critical,) = report.steps or [], report.critical_path or []
    assert critical.queued_seconds == step.queued_seconds
    return step.queued_seconds, step.running_seconds, critical.queued_reason


def test_a_restarted_pod_has_no_queued_reason() -> None:
    run = a_snapshot(a_node("wf", OK, end=60, failed_pod_restarts=1), phase=OK)
    assert _times(a_report(run, evidence=a_pod(created=30, state=ran_from(40)))) == (40, 20, None)


def test_stored_times_of_an_earlier_execution_are_ignored() -> None:
    stored = a_report(a_snapshot(a_node("wf", OK, end=60), phase=OK), evidence=a_pod(state=ran_from(9)))
    rerun = a_report(a_snapshot(a_node("wf", OK, start=5, end=60), phase=OK), stored=stored)
    assert _times(rerun) == (None, None, None)


# --- recordings


def test_a_real_run_has_the_queued_reasons_of_its_steps() -> None:
    report = _report(recording("real-node-dag"))
    assert [
        (s.display_name, s.seconds, s.wait_seconds, s.wait_reason, s.queued_seconds, s.queued_reason)
        for s in report.critical_path or ()
    ] == [
        ("good", 5, 0, None, 3, "PodInitializing"),
        ("flaky(0)", 3, 3, None, 3, "PodInitializing"),
        ("flaky(1)", 3, 3, "Backoff", 1, None),
        ("flaky(2)", 4, 1, "Backoff", 3, "PodInitializing"),
    ]


def test_a_step_that_waited_for_a_lock_was_queued_before_its_pod_was_created() -> None:
    report = _report(recording("ex-synchronization-mutex-tmpl-level"))
    assert [(s.queued_seconds, s.queued_reason) for s in report.critical_path or ()] == [(4, "PodNotCreated")]


def test_an_exit_handler_with_several_steps_follows_the_run() -> None:
    report = _report(recording("onexit-wf-ok"))
    assert [s.display_name for s in report.critical_path or ()] == ["work", "notify"]


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in steps(recordings(), thinned_to=60)])
def test_the_path_of_every_recording_adds_up(case: Recording) -> None:
    report = _report(case)
    if report.critical_path and report.timing:
        total = sum(step.seconds for step in report.critical_path) + (report.timing.gap_seconds or 0)
        assert total == report.timing.duration_seconds


def _report(case: Recording) -> ReportStatus:
    snapshot, evidence = final_of(case)
    return a_report(snapshot, evidence=evidence)

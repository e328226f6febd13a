"""The columns of `kubectl get`: one word on why a run failed or waits, the step, and the number of failed steps."""

import pytest
from tests.builders import a_node, a_report, a_snapshot

from wfreport.api.argo import Node, NodeType, Phase
from wfreport.api.counts import StepCounts
from wfreport.api.reasons import Reason
from wfreport.api.report import ReportStatus, WorkflowRef
from wfreport.core.render.columns import cause_of
from wfreport.core.render.gone import render_deleted, render_missing
from wfreport.core.snapshot.model import NodesState, Snapshot

OK, FAILED, ERROR, RUNNING, PENDING = Phase.SUCCEEDED, Phase.FAILED, Phase.ERROR, Phase.RUNNING, Phase.PENDING
EXIT = "main: Error (exit code 3)"


def columns(status: ReportStatus) -> tuple[str | None, str | None]:
    return status.reason, status.step


def a_group(name: str, phase: str, *children: str, node_type: str = NodeType.DAG) -> Node:
    return a_node(name, phase, node_type, children=children)


# --- REASON and STEP


def test_a_failed_run_has_the_class_and_the_step_of_its_first_failure() -> None:
    nodes = [
        a_group("wf", FAILED),
        a_node("wf.late", FAILED, message=EXIT, end=9),
        a_node("wf.a", FAILED, message=EXIT),
    ]
    assert columns(a_report(a_snapshot(*nodes))) == ("ExitCode", "a")


def test_a_step_with_retries_is_named_without_the_number_of_its_last_attempt() -> None:
    nodes = [
        a_group("wf", FAILED, "wf(0)", "wf(1)", node_type=NodeType.RETRY),
        a_node("wf(0)", FAILED, message=EXIT),
        a_node("wf(1)", FAILED, message=EXIT, start=2, end=3),
    ]
    assert columns(a_report(a_snapshot(*nodes))) == ("ExitCode", "wf")


def test_a_step_that_shares_its_name_has_that_of_its_task_before_it() -> None:
    tasks = [a_group("wf.load", OK), a_group("wf.train", FAILED)]
    steps = [a_node("wf.load.executor"), a_node("wf.train.executor", FAILED, message=EXIT)]
    failed = a_snapshot(a_group("wf", FAILED), *tasks, *steps)
    assert columns(a_report(failed)) == ("ExitCode", "train.executor")
    waiting = a_node("wf.train.executor", PENDING, message="ImagePullBackOff: no", end=None)
    tasks[1] = a_group("wf.train", RUNNING)
    run = a_report(a_snapshot(a_group("wf", RUNNING), *tasks, steps[0], waiting, phase=RUNNING))
    assert columns(run) == ("ImagePullBackOff", "train.executor")
    assert run.summary == "Running; train.executor cannot pull its image (since 2026-11-22 03:00Z): no"


def test_a_step_that_failed_keeps_its_name_when_its_nodes_are_gone() -> None:
    nodes = [a_group("wf", FAILED), a_group("wf.train", FAILED), a_node("wf.train.executor", FAILED, message=EXIT)]
    stored = a_report(a_snapshot(*nodes, phase=RUNNING))
    assert columns(render_deleted(stored, 1)) == (Reason.WORKFLOW_DELETED, "train.executor")
    offloaded = Snapshot(a_snapshot(phase=FAILED).workflow, {}, NodesState.OFFLOADED)
    amended = a_report(offloaded, stored=stored)
    assert columns(amended) == ("ExitCode", "train.executor")
    assert (amended.summary or "").startswith("train.executor: exit code 3")
    older = stored.changed(step=None)
    assert columns(a_report(offloaded, stored=older)) == ("ExitCode", "executor")


@pytest.mark.parametrize(
    ("message", "failure_class", "reason"),
    [
        (
            'pods "p" is forbidden: User "u" cannot get resource "pods" in API group "" in the namespace "ns"',
            "ConfigError",
            "Forbidden",
        ),
        ('pods "p" is forbidden: exceeded quota: q, requested: pods=1', "QuotaExceeded", "QuotaExceeded"),
        ('pods "p" is forbidden: failed quota: q: must specify limits.cpu for: init,wait', "QuotaExceeded",
         "ExecutorResources"),
        ("Error: something odd", "Unknown", "Unknown"),
    ],
)  # fmt: skip
def test_a_heading_has_the_reason_if_it_says_more_than_the_class(message: str, failure_class: str, reason: str) -> None:
    status = a_report(a_snapshot(a_node("wf", ERROR, message=message), phase=ERROR))
    assert (status.failure_class, status.reason, cause_of(status)) == (failure_class, failure_class, reason)


def test_a_heading_has_the_reason_unless_the_class_is_another_ones() -> None:
    denied = a_node("wf", ERROR, message='pods "p" is forbidden: User "u" cannot get resource "pods" in API group ""')
    failed = a_report(a_snapshot(denied, phase=ERROR))
    assert cause_of(failed) == "Forbidden"
    assert cause_of(failed.changed(failure_class="Unknown")) == "Unknown"
    assert cause_of(failed.changed(failure_class=None)) == ""
    assert cause_of(failed.changed(failures=None)) == "ConfigError"


def test_a_failure_has_the_reason_that_its_wait_had() -> None:
    message = 'CreateContainerConfigError: secret "s" not found'
    waiting = a_snapshot(a_group("wf", RUNNING), a_node("wf.a", PENDING, message=message, end=None), phase=RUNNING)
    failed = a_snapshot(a_group("wf", FAILED), a_node("wf.a", FAILED, message=message))
    assert a_report(waiting).reason == cause_of(a_report(failed)) == "CreateContainerConfigError"


def test_a_run_that_failed_without_a_step_has_a_reason_alone() -> None:
    assert columns(a_report(a_snapshot(message="invalid spec: x"))) == ("TemplateError", None)


def test_a_run_that_is_well_has_neither() -> None:
    running = a_snapshot(a_node("wf", RUNNING, end=None), phase=RUNNING)
    tolerated = a_snapshot(a_node("wf"), a_node("wf.h.onExit", FAILED, message=EXIT, hooked=True), phase=OK)
    assert [columns(a_report(run)) for run in (running, tolerated)] == [(None, None)] * 2


def test_a_running_workflow_has_the_reason_of_its_wait() -> None:
    waiting = a_node("wf.pull", PENDING, message="ImagePullBackOff: no", end=None)
    run = a_snapshot(a_group("wf", RUNNING), waiting, phase=RUNNING)
    assert columns(a_report(run)) == ("ImagePullBackOff", "pull")
    assert columns(a_report(a_snapshot(phase="", started_at=None))) == ("NotStarted", None)


def test_a_failed_step_of_a_running_workflow_comes_before_a_wait() -> None:
    nodes = [
        a_group("wf", RUNNING),
        a_node("wf.a", FAILED, message=EXIT),
        a_node("wf.b", PENDING, message="x", end=None),
    ]
    assert columns(a_report(a_snapshot(*nodes, phase=RUNNING))) == ("ExitCode", "a")


def test_a_run_that_was_deleted_while_it_ran_is_no_longer_waiting() -> None:
    waiting = a_node("wf.pull", PENDING, message="ImagePullBackOff: no", end=None)
    stored = a_report(a_snapshot(a_group("wf", RUNNING), waiting, phase=RUNNING))
    assert columns(render_deleted(stored, 1)) == (Reason.WORKFLOW_DELETED, None)


def test_a_report_without_a_workflow_has_the_reason() -> None:
    missing = render_missing(stored=None, ref=WorkflowRef(name="wf"), generation=1, created_at=None)
    assert columns(missing) == (Reason.WORKFLOW_NOT_FOUND, None)


# --- FAILED


def counts(*nodes: Node, phase: str = FAILED) -> StepCounts:
    found = a_report(a_snapshot(*nodes, phase=phase)).step_counts
    assert found is not None
    return found


def test_groups_and_containers_are_no_steps() -> None:
    found = counts(
        a_group("wf", FAILED, node_type=NodeType.STEPS),
        a_group("wf[0]", FAILED, node_type=NodeType.STEP_GROUP),
        a_node("wf[0].a"),
        a_node("wf[0].set", FAILED, message=EXIT),
        a_node("wf[0].set.one", FAILED, NodeType.CONTAINER, message=EXIT, boundary_id="wf[0].set"),
        a_node("wf[0].set.two", FAILED, NodeType.CONTAINER, message=EXIT, boundary_id="wf[0].set"),
        a_node("wf[0].call", ERROR, NodeType.HTTP, message="timeout"),
    )
    assert found == StepCounts(total=3, succeeded=1, failed=2, running=0, pending=0, skipped=0, omitted=0)


def test_the_attempts_of_a_step_are_one_step_whose_last_attempt_counts() -> None:
    attempts = [a_node(f"wf({n})", FAILED, message=EXIT, start=n) for n in range(2)]
    retry = a_group("wf", FAILED, "wf(0)", "wf(1)", node_type=NodeType.RETRY)
    assert counts(retry, *attempts).failed == 1
    assert counts(retry, attempts[0], a_node("wf(1)", start=1), phase=OK).succeeded == 1


def test_a_step_whose_next_attempt_is_due_is_running() -> None:
    retry = a_group("wf", RUNNING, "wf(0)", node_type=NodeType.RETRY)
    found = counts(retry, a_node("wf(0)", FAILED, message=EXIT), phase=RUNNING)
    assert (found.total, found.running, found.failed) == (1, 1, 0)


def test_a_group_that_failed_by_itself_counts_as_a_failed_step() -> None:
    nodes = [a_group("wf", ERROR), a_node("wf.loop", ERROR, NodeType.TASK_GROUP, message="withParam is invalid")]
    assert counts(*nodes) == StepCounts(total=1, succeeded=0, failed=1, running=0, pending=0, skipped=0, omitted=0)


def test_steps_that_did_not_run_are_counted_apart() -> None:
    nodes = [
        a_group("wf", RUNNING),
        a_node("wf.skip", Phase.SKIPPED, NodeType.SKIPPED),
        a_node("wf.omit", Phase.OMITTED, NodeType.SKIPPED),
        a_node("wf.wait", PENDING, end=None),
        a_node("wf.approve", RUNNING, NodeType.SUSPEND, end=None),
        a_node("wf.odd", "Odd", end=None),
    ]
    expected = StepCounts(total=5, succeeded=0, failed=0, running=1, pending=1, skipped=1, omitted=1)
    assert counts(*nodes, phase=RUNNING) == expected


def test_unread_steps_are_unknown() -> None:
    unreadable = Snapshot(a_snapshot().workflow, {}, NodesState.OFFLOADED)
    assert a_report(unreadable).step_counts is None

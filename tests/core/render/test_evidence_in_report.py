"""Captured pods in a whole report: failures and warnings, now and after the pods were deleted."""

from typing import Any

import msgspec
import pytest
from tests.builders import a_node, a_report, a_snapshot
from tests.core.next_steps.runs import a_failure
from tests.core.pods import a_pod, ended, restarted

from wfreport.api.argo import NodeType, Phase, WorkflowCondition, WorkflowSpec
from wfreport.api.classes import FailureClass
from wfreport.api.kubernetes import Event, Pod
from wfreport.api.reasons import Reason
from wfreport.api.report import Failure, ReportStatus, StepWarning
from wfreport.core.render.conditions import evidence_complete
from wfreport.core.snapshot.model import PodEvidence

C = FailureClass


def failures(*nodes: Any, **run: Any) -> dict[str, Failure]:
    listed = a_report(a_snapshot(*nodes, **run)).failures or []
    return {failure.display_name or "": failure for failure in listed}


def test_the_containers_of_an_evicted_pod_were_evicted() -> None:
    root = a_node("wf", Phase.FAILED, NodeType.DAG, children=["wf.a"])
    pod = a_node("wf.a", Phase.FAILED, message="The node was low on resource: memory. ", children=["wf.a.main"])
    for message in ("Pod Failed whilst container running", "main: Error (exit code 137): "):
        main = a_node("wf.a.main", Phase.FAILED, NodeType.CONTAINER, message=message, display_name="main")
        assert failures(root, pod, main)["main"].failure_class == C.EVICTED


def test_the_deadline_of_a_workflow_template_is_a_deadline() -> None:
    killed = a_node("wf", Phase.FAILED, message="main: Error (exit code 143)", end=30)
    stored = WorkflowSpec(active_deadline_seconds=20)
    assert failures(killed, stored_workflow_template_spec=stored)["wf"].failure_class == C.TIMEOUT
    later = WorkflowSpec(active_deadline_seconds=31)
    assert failures(killed, stored_workflow_template_spec=later)["wf"].failure_class == C.KILLED


def test_a_run_stopped_before_any_step_ran_is_cancelled() -> None:
    run = a_snapshot(message="Stopped with strategy 'Terminate'", spec=WorkflowSpec(shutdown="Terminate"))
    assert a_report(run).failure_class == C.CANCELLED


def test_a_root_groups_message_explains_the_failure_of_a_run_without_one() -> None:
    root = a_node("wf", Phase.ERROR, NodeType.STEPS, message="Maximum recursion depth exceeded. See x")
    assert a_report(a_snapshot(root, phase=Phase.ERROR)).failure_class == C.TEMPLATE_ERROR


def warnings(pod: Pod | None, stored: ReportStatus | None = None, **node: Any) -> list[StepWarning]:
    snapshot = a_snapshot(a_node("wf", **node), phase=Phase.SUCCEEDED)
    evidence = {"wf": PodEvidence(pod)} if pod else {}
    return a_report(snapshot, evidence=evidence, stored=stored).warnings or []


@pytest.mark.parametrize(
    ("pod", "named"),
    [
        pytest.param(a_pod(ended("main", 0, "OOMKilled")), ["main"], id="a child of main"),
        pytest.param(a_pod(ended("main"), ended("side", 137, "OOMKilled")), ["side"], id="a sidecar"),
        pytest.param(
            a_pod(ended("main"), init=(restarted("setup", 137, "OOMKilled"),)), ["setup"], id="an init container"
        ),
        pytest.param(a_pod(ended("main"), ended("wait", 137, "OOMKilled")), [], id="argoexec's own"),
        pytest.param(a_pod(ended("main"), ended("side", 137)), [], id="killed, but not for memory"),
        pytest.param(a_pod(), [], id="nothing observed"),
    ],
)
def test_an_oom_killed_container_of_a_succeeded_step_is_a_warning(pod: Pod, named: list[str]) -> None:
    listed = [warning for warning in warnings(pod) if warning.reason == "OOMKilled"]
    assert len(listed) == len(named)
    assert all(f"container {name} " in (listed[i].message or "") for i, name in enumerate(named))


def test_a_warning_stays_after_its_pod_was_deleted_and_is_not_repeated() -> None:
    pod = a_pod(ended("main", 0, "OOMKilled"))
    snapshot = a_snapshot(a_node("wf"), phase=Phase.SUCCEEDED)
    first = a_report(snapshot, evidence={"wf": PodEvidence(pod)})
    assert warnings(None, stored=first) == warnings(pod, stored=first) == first.warnings != []


@pytest.mark.parametrize(("restarts", "endings"), [(0, []), (1, ["once"]), (3, ["3 times"])])
def test_a_recreated_pod_is_a_warning(restarts: int, endings: list[str]) -> None:
    listed = warnings(None, failed_pod_restarts=restarts)
    assert [warning.reason for warning in listed] == ["PodRestarted"] * len(endings)
    assert all((listed[i].message or "").endswith(text) for i, text in enumerate(endings))


@pytest.mark.parametrize(
    ("node", "phase", "count"),
    [
        ({"name": "wf.end", "phase": Phase.PENDING}, Phase.SUCCEEDED, 1),
        ({"name": "wf.a", "phase": Phase.RUNNING, "node_type": NodeType.HTTP}, Phase.SUCCEEDED, 1),
        ({"name": "wf.a", "phase": Phase.RUNNING, "daemoned": True}, Phase.SUCCEEDED, 0),
        ({"name": "wf.a", "phase": Phase.RUNNING, "node_type": NodeType.RETRY}, Phase.SUCCEEDED, 0),
        ({"name": "wf.a", "phase": Phase.RUNNING}, Phase.FAILED, 0),
        ({"name": "wf.a", "phase": Phase.RUNNING}, Phase.RUNNING, 0),
        ({"name": "wf.a", "phase": Phase.SUCCEEDED}, Phase.SUCCEEDED, 0),
    ],
)
def test_a_step_that_a_run_left_behind_when_it_succeeded_is_a_warning(
    node: dict[str, Any], phase: Phase, count: int
) -> None:
    listed = a_report(a_snapshot(a_node("wf"), a_node(**node, end=None), phase=phase)).warnings or []
    assert [(warning.reason, warning.display_name) for warning in listed] == [("NeverEnded", node["name"][3:])] * count


@pytest.mark.parametrize("of_type", ["ArtifactGCError", "MetricsError", "SpecWarning"])
def test_a_problem_that_is_a_condition_of_the_workflow_is_a_warning(of_type: str) -> None:
    told = [WorkflowCondition(type=of_type, status=status, message="odd") for status in ("True", "False")]
    told.append(WorkflowCondition(type="PodRunning", status="True"))
    listed = a_report(a_snapshot(a_node("wf"), phase=Phase.SUCCEEDED, conditions=told)).warnings or []
    assert [(warning.reason, warning.message) for warning in listed] == [(of_type, "odd")]


def test_a_pod_that_is_being_recreated_is_not_a_failure() -> None:
    node = a_node(
        "wf", Phase.PENDING, message="Pod auto-restarting due to Evicted: low", failed_pod_restarts=1, end=None,
        restarting_pod_uid="u",
    )  # fmt: skip
    report = a_report(a_snapshot(node, phase=Phase.RUNNING))
    assert not report.failures
    assert [warning.reason for warning in report.warnings or []] == ["PodRestarted"]


def test_counts_below_zero_are_none_because_the_api_server_would_refuse_the_report() -> None:
    killed = msgspec.structs.replace(ended("main", 137), restart_count=-3)
    pod = a_pod(killed)
    events = (Event(reason="Killing", message="m", count=-(2**31)), Event(reason="Evicted", message="m"))
    snapshot = a_snapshot(a_node("wf", Phase.FAILED), phase=Phase.FAILED)
    (failure,) = a_report(snapshot, evidence={"wf": PodEvidence(pod, events)}).failures or []
    assert sorted((event.reason, event.count) for event in failure.events or ()) == [("Evicted", 1), ("Killing", 0)]
    assert [container.restarts for container in failure.containers or ()] == [None]


@pytest.mark.parametrize(("pods", "words"), [(1, "its machine did not respond"), (2, "their machines did not respond")])
def test_machines_are_as_many_as_the_pods_whose_logs_could_not_be_read(pods: int, words: str) -> None:
    first = a_failure(C.EXIT_CODE, pod_name="p", evidence_missing=[Reason.LOG_UNREACHABLE])
    assert words in (evidence_complete([first] * pods, None, 1).message or "")

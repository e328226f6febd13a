"""Steps whose pod has ended, or is about to, while Argo's node goes on."""

from __future__ import annotations

from typing import Any

import pytest
from tests.builders import a_node, a_report, a_snapshot, at
from tests.core.pods import an_event, ended, waits

from wfreport.api.argo import Metadata, NodeType, Phase, WorkflowSpec
from wfreport.api.kubernetes import (
    ContainerState,
    ContainerStatus,
    Event,
    Pod,
    PodCondition,
    PodSpec,
    PodStatus,
    StateRunning,
    StateTerminated,
    StateWaiting,
)
from wfreport.api.report import Waiting
from wfreport.core.snapshot.model import PodEvidence

RUNNING = Phase.RUNNING
NOT_STARTED = StateTerminated(exit_code=128, reason="StartError", message="exec: no such file", finished_at=at(2))


def runs(name: str) -> ContainerStatus:
    return ContainerStatus(name=name, state=ContainerState(running=StateRunning(started_at=at(1))))


def a_pod(*statuses: ContainerStatus, phase: str = "Running", created: float = 0, **fields: Any) -> Pod:
    return Pod(
        metadata=Metadata(name="wf", creation_timestamp=at(created), deletion_timestamp=fields.pop("deleted", None)),
        spec=PodSpec(node_name=fields.pop("host", "")),
        status=PodStatus(
            phase=phase, container_statuses=list(statuses), init_container_statuses=fields.pop("init", []), **fields
        ),
    )


def waits_of(pod: Pod | None, *events: Event, phase: str = RUNNING, now: float = 9999) -> list[Waiting]:
    run = a_snapshot(a_node("wf", phase, end=None), phase=RUNNING)
    return a_report(run, evidence={"wf": PodEvidence(pod, events)}, now=at(now)).waiting or []


@pytest.mark.parametrize(
    ("pod", "reason", "message"),
    [
        (
            a_pod(ended("main", 1), runs("wait")),
            "MainEnded",
            "main exited with code 1, but wait still runs",
        ),
        (
            a_pod(ended("main", 0, "Completed"), ended("wait", 0, "Completed"), runs("istio-proxy"), runs("log")),
            "MainEnded",
            "main exited with code 0, but istio-proxy, log still run",
        ),
        (
            a_pod(ended("a", 0, "Completed"), ended("b", 137, "OOMKilled"), runs("wait")),
            "MainEnded",
            "b exited with code 137 (OOMKilled), but wait still runs",
        ),
        (
            a_pod(ended("main", 128, "StartError"), runs("wait")),
            "MainNotStarted",
            "main could not start: StartError (exit code 128); wait still runs",
        ),
        (
            a_pod(ContainerStatus(name="main", state=ContainerState(terminated=NOT_STARTED)), runs("wait")),
            "MainNotStarted",
            "main could not start: StartError (exit code 128, exec: no such file); wait still runs",
        ),
        (
            a_pod(ended("main", 127, "Odd", ran=False), runs("wait")),
            "MainNotStarted",
            "main could not start: Odd (exit code 127); wait still runs",
        ),
        (
            a_pod(waits("main", "PodInitializing"), phase="Failed", init=[ended("init", 0), ended("setup", 1)]),
            "PodFailed",
            "its pod failed, and Argo has not recorded it: init container setup exited with code 1",
        ),
        (
            a_pod(phase="Failed", reason="Evicted", message="The node was low on resource"),
            "PodFailed",
            "its pod failed, and Argo has not recorded it: Evicted: The node was low on resource",
        ),
        (
            a_pod(ended("main", 0), ended("wait", 0), phase="Succeeded"),
            "PodSucceeded",
            "its pod succeeded, and Argo has not recorded it",
        ),
        (a_pod(phase="Failed"), "PodFailed", "its pod failed, and Argo has not recorded it"),
        (
            a_pod(runs("main"), runs("wait"), deleted=at(60), host="gpu-12"),
            "PodTerminating",
            "its pod on machine gpu-12 is terminating and does not end",
        ),
        (a_pod(deleted=at(60)), "PodTerminating", "its pod is terminating and does not end"),
    ],
)
@pytest.mark.parametrize("phase", [RUNNING, Phase.PENDING])
def test_a_pod_that_has_ended_explains_a_step_that_has_not(pod: Pod, reason: str, message: str, phase: str) -> None:
    (wait,) = waits_of(pod, phase=phase)
    assert (wait.reason, wait.message) == (reason, message)


@pytest.mark.parametrize(
    ("pod", "reason", "message"),
    [
        (
            a_pod(runs("main"), ended("wait", 1)),
            "ExecutorFailed",
            "Argo's wait container exited with code 1",
        ),
        (
            a_pod(runs("main"), ended("wait", 137, "OOMKilled")),
            "ExecutorFailed",
            "Argo's wait container exited with code 137 (OOMKilled)",
        ),
        (
            a_pod(runs("main"), ended("wait", 0)),
            "ExecutorFailed",
            "Argo's wait container has ended, and main still runs: nothing will end its step",
        ),
        (
            a_pod(ended("main", 0), waits("wait", "ErrImageNeverPull"), phase="Pending"),
            "ExecutorFailed",
            "Argo's wait container cannot start: ErrImageNeverPull",
        ),
        (
            a_pod(waits("main", "CreateContainerError"), runs("wait")),
            "MainNotStarted",
            "main could not start: CreateContainerError",
        ),
        (
            a_pod(
                ContainerStatus(
                    name="main",
                    state=ContainerState(waiting=StateWaiting(reason="CrashLoopBackOff")),
                    last_state=ContainerState(terminated=StateTerminated(exit_code=2)),
                ),
                runs("wait"),
            ),
            "MainNotStarted",
            "main crashes again and again: exited with code 2",
        ),
        (
            a_pod(runs("main"), runs("wait"), phase="Unknown", reason="NodeLost", message="Node n1 is unresponsive"),
            "MachineSilent",
            "its machine does not respond (NodeLost Node n1 is unresponsive)",
        ),
        (a_pod(phase="Unknown", host="n1"), "MachineSilent", "its machine n1 does not respond"),
    ],
)
def test_a_container_or_a_machine_that_failed_explains_a_step_that_runs_for_argo(
    pod: Pod, reason: str, message: str
) -> None:
    (wait,) = waits_of(pod)
    assert (wait.reason, wait.message) == (reason, message)


def test_a_daemon_goes_on_without_argos_container() -> None:
    run = a_snapshot(a_node("wf", RUNNING, end=None, daemoned=True), phase=RUNNING)
    pod = a_pod(runs("main"), ended("wait", 0))
    assert a_report(run, evidence={"wf": PodEvidence(pod)}, now=at(9999)).waiting is None


def test_a_step_that_a_stop_does_not_end_tells_of_both() -> None:
    run = a_snapshot(a_node("wf", RUNNING, end=None), phase=RUNNING, spec=WorkflowSpec(shutdown="Terminate"))
    pod = a_pod(runs("main"), ended("wait", 1))
    (wait,) = a_report(run, evidence={"wf": PodEvidence(pod)}, now=at(9999)).waiting or []
    assert wait.message == (
        "Argo's wait container exited with code 1; the Workflow is being stopped (shutdown Terminate)"
    )


def test_a_machine_is_silent_while_its_newest_event_says_so_and_the_pod_is_unready() -> None:
    unready = a_pod(runs("main"), runs("wait"), conditions=[PodCondition(type="Ready", status="False")])
    gone = an_event("NodeNotReady Node is not ready", 5)
    before, back = an_event("Pulled image", 4), an_event("Pulled image", 6)
    (wait,) = waits_of(unready, gone, before)
    assert (wait.reason, wait.message) == (
        "MachineSilent",
        "its machine does not respond (NodeNotReady Node is not ready)",
    )
    assert waits_of(unready, back, gone) == waits_of(unready) == []


def test_a_machine_is_silent_as_the_conditions_of_its_pod_show_without_any_event() -> None:
    unready = PodCondition(type="Ready", status="False", last_transition_time=at(600))
    pod = a_pod(
        runs("main"), runs("wait"), host="n1", conditions=[unready, PodCondition(type="ContainersReady", status="True")]
    )
    for events in ([], [an_event("Pulled image", 4)]):
        (wait,) = waits_of(pod, *events)
        assert (wait.reason, wait.message, wait.since_at) == (
            "MachineSilent",
            "its machine n1 does not respond",
            at(600),
        )


def test_a_ready_pod_is_on_a_machine_that_responds() -> None:
    gone = an_event("NodeNotReady Node is not ready", 5)
    assert waits_of(a_pod(runs("main"), runs("wait")), gone) == []


@pytest.mark.parametrize(
    "pod",
    [
        a_pod(runs("main"), runs("wait")),
        a_pod(runs("main"), waits("wait", "ContainerCreating")),
        a_pod(ended("a", 0), runs("b"), runs("wait")),
        a_pod(ended("main", 0), ended("wait", 0)),
        a_pod(),
        a_pod(ended("main", 1), runs("wait"), created=-60),
        None,
    ],
    ids=[
        "runs",
        "wait starts",
        "one container of two",
        "all ended",
        "no status",
        "of an earlier run",
        "no pod",
    ],
)
def test_a_pod_that_is_well_or_ends_now_is_no_wait(pod: Pod | None) -> None:
    assert waits_of(pod) == []


def test_the_machine_that_was_lost_is_named() -> None:
    lost = an_event("TaintManagerEviction Marking for deletion Pod ns/wf")
    (wait,) = waits_of(a_pod(deleted=at(60), host="h"), an_event("Pulled x"), lost)
    assert wait.message == f"its pod on machine h is terminating and does not end ({lost.reason} {lost.message})"


def test_containers_that_are_about_to_end_have_a_grace_time() -> None:
    pod = a_pod(ended("main", 0, finished_at=at(100)), runs("wait"))
    assert waits_of(pod, now=100 + 299) == []
    (wait,) = waits_of(pod, now=100 + 300)
    assert wait.since_at == at(100)


def test_only_steps_with_a_pod_of_their_own_are_looked_up() -> None:
    pod = a_pod(ended("main", 1), runs("wait"))
    nodes = [a_node("wf", RUNNING, NodeType.DAG, end=None), a_node("wf.done", Phase.SUCCEEDED)]
    evidence = {name: PodEvidence(pod) for name in ("wf", "wf-1")}
    assert a_report(a_snapshot(*nodes, phase=RUNNING), evidence=evidence).waiting is None


def test_the_autoscalers_last_answer_is_part_of_an_unschedulable_wait() -> None:
    message = "Unschedulable: 0/1 nodes are available."
    run = a_snapshot(a_node("wf", Phase.PENDING, end=None, message=message), phase=RUNNING)
    events = (an_event("TriggeredScaleUp scale-up: 1->2", 1), an_event("NotTriggerScaleUp max size reached", 2))
    (wait,) = a_report(run, evidence={"wf": PodEvidence(None, events)}).waiting or []
    assert wait.message == "Unschedulable: 0/1 nodes are available; NotTriggerScaleUp: max size reached"
    (wait,) = a_report(run, evidence={"wf": PodEvidence(None, (an_event("FailedScheduling no"),))}).waiting or []
    assert wait.message == message


def test_a_sidecar_of_a_container_set_does_not_count_as_one_of_its_containers() -> None:
    nodes = [a_node("wf", RUNNING, end=None)]
    nodes += [a_node(f"wf.{name}", Phase.SUCCEEDED, NodeType.CONTAINER, boundary_id="wf") for name in ("a", "b")]
    pod = a_pod(ended("a", 0), ended("b", 0), runs("wait"), runs("istio-proxy"))
    waits = a_report(a_snapshot(*nodes, phase=RUNNING), evidence={"wf": PodEvidence(pod)}, now=at(9999)).waiting or []
    assert [wait.message for wait in waits] == ["a exited with code 0, but wait, istio-proxy still run"]

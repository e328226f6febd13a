"""What holds a running Workflow up, and when it is worth a word."""

from __future__ import annotations

import pytest
from tests.builders import a_node, a_report, a_snapshot, at

from wfreport.api import argo
from wfreport.api.argo import NodeType, Phase, SynchronizationStatus
from wfreport.api.kubernetes import (
    ContainerState,
    ContainerStatus,
    Event,
    Pod,
    PodCondition,
    PodStatus,
    StateWaiting,
)
from wfreport.core.snapshot.model import PodEvidence, WaitingGraces
from wfreport.core.timing.waiting import slow_starting_pods

OK, RUNNING = Phase.SUCCEEDED, Phase.RUNNING


@pytest.mark.parametrize(
    ("node", "reason"),
    [
        (a_node("wf", Phase.PENDING, end=None, message="Unschedulable: 0/1 nodes"), "Unschedulable"),
        (a_node("wf", Phase.PENDING, end=None, message="ContainerCreating"), "ContainerCreating"),
        (a_node("wf", Phase.PENDING, end=None), "Pending"),
        (a_node("wf", Phase.PENDING, NodeType.DAG, end=None), None),
        (a_node("wf", Phase.PENDING, end=None, message="odd text"), "Pending"),
        (a_node("wf", Phase.PENDING, NodeType.HTTP, end=None), "HTTPPending"),
        (a_node("wf", RUNNING, NodeType.RETRY, end=None, message="Backoff for 10 seconds"), "Backoff"),
        (a_node("wf", RUNNING, NodeType.RETRY, end=None), None),
        (a_node("wf", RUNNING, end=None), None),
        (a_node("wf", OK, NodeType.SUSPEND), None),
        (
            a_node("wf", Phase.PENDING, end=None, synchronization_status=SynchronizationStatus(waiting="ns/Mutex/m")),
            "LockWait",
        ),
    ],
)
def test_what_holds_a_run_up_is_told_by_its_reason(node: argo.Node, reason: str | None) -> None:
    waiting = a_report(a_snapshot(node, phase=RUNNING)).waiting
    assert [entry.reason for entry in waiting or ()] == ([reason] if reason else [])


@pytest.mark.parametrize(
    ("message", "grace_seconds"),
    [
        ("Unschedulable: 0/1 nodes are available", 60),
        ('pods "x" is forbidden: exceeded quota: q', 60),
        ("ErrImagePull: not found", 60),
        ("ImagePullBackOff: Back-off", 60),
        ("CreateContainerConfigError: no secret", 30),
        ("PodInitializing", 300),
        ("", 300),
        ("InvalidImageName: no", 0),
        ("Waiting for ns/Mutex/m lock. Lock status: 0/1", 0),
    ],
)
def test_a_wait_is_told_only_after_the_grace_time_of_its_reason(message: str, grace_seconds: float) -> None:
    run = a_snapshot(a_node("wf", Phase.PENDING, end=None, message=message, start=10), phase=RUNNING)
    told = a_report(run, now=at(10 + grace_seconds)).waiting
    assert told == a_report(run).waiting  # nothing in it depends on when it was looked at
    assert told is not None
    assert a_report(run, now=at(10 + grace_seconds - 1)).waiting is None


def test_a_workflow_that_no_controller_takes_up_is_said_to_wait() -> None:
    run = a_snapshot(phase="", started_at=None)
    assert a_report(run, now=at(200)).waiting is None
    assert [entry.reason for entry in a_report(run).waiting or ()] == ["NotStarted"]


def test_a_workflow_held_by_a_limit_of_parallel_workflows_says_so() -> None:
    message = "Workflow processing has been postponed because too many workflows are already running"
    run = a_snapshot(phase=Phase.PENDING, message=message)
    assert [entry.reason for entry in a_report(run, now=at(0)).waiting or ()] == ["ParallelismLimit"]


# --- what only the pod knows


def a_pod(waiting: StateWaiting | None = None, *conditions: PodCondition) -> Pod:
    """A pod that does not start."""
    state = ContainerState(waiting=waiting) if waiting else None
    return Pod(status=PodStatus(conditions=list(conditions), container_statuses=[ContainerStatus(state=state)]))


STARTING = StateWaiting(reason="PodInitializing")
NOT_PLACED = PodCondition(type="PodScheduled", status="False", reason="Unschedulable", message="0/3 nodes")
MOUNT = Event(reason="FailedMount", message='configmap "nope" not found', last_timestamp=at(9))
OLDER = Event(reason="FailedCreatePodSandBox", message="no IP", event_time=at(5))


@pytest.mark.parametrize(
    ("evidence", "told"),
    [
        (None, ("Pending", None)),
        (PodEvidence(a_pod()), ("Pending", None)),
        (PodEvidence(a_pod(STARTING)), ("Pending", None)),
        (PodEvidence(a_pod(StateWaiting(reason="ErrImagePull", message="no"))), ("ErrImagePull", "no")),
        (PodEvidence(a_pod(None, NOT_PLACED)), ("Unschedulable", "0/3 nodes")),
        (PodEvidence(a_pod(STARTING), (OLDER, MOUNT, Event(reason="Pulled"))), ("FailedMount", MOUNT.message)),
        (PodEvidence(None, (Event(reason="FailedMount", message="undated"), OLDER)), (OLDER.reason, OLDER.message)),
    ],
)
def test_a_pod_that_does_not_start_is_asked_why(evidence: PodEvidence | None, told: tuple[str, str | None]) -> None:
    run = a_snapshot(a_node("wf", Phase.PENDING, end=None), phase=RUNNING)
    (entry,) = a_report(run, evidence={"wf": evidence} if evidence else {}).waiting or []
    assert (entry.reason, entry.message) == told


def test_what_argo_says_goes_before_what_the_pod_says() -> None:
    run = a_snapshot(a_node("wf", Phase.PENDING, end=None, message="Unschedulable: 0/9 nodes"), phase=RUNNING)
    (entry,) = a_report(run, evidence={"wf": PodEvidence(None, (MOUNT,))}).waiting or []
    assert (entry.reason, entry.message) == ("Unschedulable", "Unschedulable: 0/9 nodes")


def test_a_volume_that_cannot_be_mounted_is_told_in_the_summary() -> None:
    run = a_snapshot(a_node("wf", Phase.PENDING, end=None), phase=RUNNING)
    report = a_report(run, evidence={"wf": PodEvidence(None, (MOUNT,))})
    assert report.summary == 'Running; wf cannot mount a volume since 2026-11-22 03:00Z: configmap "nope" not found'


def test_only_pods_that_have_been_starting_for_long_are_asked() -> None:
    nodes = [
        a_node("wf.slow", Phase.PENDING, end=None, message="PodInitializing"),
        a_node("wf.new", Phase.PENDING, end=None, start=100),
        a_node("wf.image", Phase.PENDING, end=None, message="ErrImagePull: no"),
        a_node("wf.group", Phase.PENDING, NodeType.DAG, end=None),
        a_node("wf.done", OK),
    ]
    graces = WaitingGraces(starting_seconds=300)
    names = slow_starting_pods(a_snapshot(*nodes, phase=RUNNING), now=at(350), graces=graces)
    assert len(names) == 1
    assert slow_starting_pods(a_snapshot(*nodes, phase=OK), now=at(350), graces=graces) == frozenset()

"""The waits of a running Workflow, and their grace times."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest
from tests.builders import a_node, a_report, a_snapshot, at
from tests.core.stall.stall_objects import START, node, workflow

from wfreport.api import argo
from wfreport.api.argo import Metadata, NodeType, Phase, SynchronizationStatus
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
from wfreport.api.report import ReportStatus
from wfreport.core.next_steps.model import ReportedRun
from wfreport.core.next_steps.steps import next_steps
from wfreport.core.render.sentences import waiting_phrase
from wfreport.core.snapshot.decode import decode_workflow
from wfreport.core.snapshot.model import PodEvidence, WaitingGraces
from wfreport.core.snapshot.pod_names import agent_pod_name
from wfreport.core.stall.model import StallVerdict
from wfreport.core.timing import waiting
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
def test_a_waiting_node_has_its_reason(node: argo.Node, reason: str | None) -> None:
    waiting = a_report(a_snapshot(node, phase=RUNNING)).waiting
    assert [entry.reason for entry in waiting or ()] == ([reason] if reason else [])


@pytest.mark.parametrize(
    ("fields", "shutdown", "is_told"),
    [
        ({}, "Stop", True),
        ({"node_type": NodeType.HTTP}, "Terminate", True),
        ({}, "", False),
        ({"name": "wf.onExit"}, "Stop", False),
        ({"name": "wf.a.onExit[0].undo(1)"}, "Stop", False),
        ({"name": "wf.onExit"}, "Terminate", True),
        ({"daemoned": True}, "Stop", False),
        ({"node_type": NodeType.DAG}, "Stop", False),
        ({"phase": OK}, "Stop", False),
    ],
)
def test_a_step_that_goes_on_after_a_stop_is_what_the_run_waits_for(
    fields: dict[str, Any], shutdown: str, *, is_told: bool
) -> None:
    node = a_node(**{"name": "wf.a", "phase": RUNNING, "end": None, **fields})
    report = a_report(a_snapshot(node, phase=RUNNING, spec=argo.WorkflowSpec(shutdown=shutdown)))
    assert [(entry.reason, entry.since_at) for entry in report.waiting or ()] == [("Stopping", None)] * is_told
    told = f"; {node.display_name} has not ended yet: the Workflow is being stopped (shutdown {shutdown})"
    assert (report.summary or "").endswith(told) is is_told


@pytest.mark.parametrize(
    ("spec", "nodes", "is_told"),
    [
        ({"active_deadline_seconds": 100}, ["wf"], True),
        ({"active_deadline_seconds": 100, "suspend": True}, ["wf"], False),
        ({"active_deadline_seconds": 100}, ["wf", "wf.onExit"], False),
        ({"active_deadline_seconds": 10_000}, ["wf"], False),
        ({}, ["wf"], False),
    ],
)
def test_a_run_that_outlives_its_deadline_waits_for_argo(
    spec: dict[str, Any], nodes: list[str], *, is_told: bool
) -> None:
    run = a_snapshot(
        *(a_node(name, RUNNING, end=None) for name in nodes), phase=RUNNING, spec=argo.WorkflowSpec(**spec)
    )
    summary = a_report(run, now=at(100 + 300)).summary or ""
    assert ("its deadline of 1m40s has passed, and Argo has not ended it" in summary) is is_told
    assert "deadline" not in (a_report(run, now=at(100 + 299)).summary or "")


def test_what_a_run_waits_for_comes_before_its_deadline() -> None:
    pending = a_node("wf", Phase.PENDING, end=None, message="ErrImagePull: x")
    run = a_snapshot(pending, phase=RUNNING, spec=argo.WorkflowSpec(active_deadline_seconds=1))
    assert [entry.reason for entry in a_report(run, now=at(9999)).waiting or ()] == ["ErrImagePull"]


def test_a_deadline_can_be_that_of_the_template() -> None:
    stored = argo.WorkflowSpec(active_deadline_seconds=100)
    run = a_snapshot(a_node("wf", RUNNING, end=None), phase=RUNNING, stored_workflow_template_spec=stored)
    assert "its deadline of 1m40s has passed" in (a_report(run, now=at(9999)).summary or "")


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
def test_a_wait_is_listed_only_after_the_grace_time_of_its_reason(message: str, grace_seconds: float) -> None:
    run = a_snapshot(a_node("wf", Phase.PENDING, end=None, message=message, start=10), phase=RUNNING)
    waits = a_report(run, now=at(10 + grace_seconds)).waiting
    assert waits == a_report(run).waiting  # no value depends on the present time
    assert waits is not None
    assert a_report(run, now=at(10 + grace_seconds - 1)).waiting is None


def test_a_workflow_without_a_controller_waits() -> None:
    run = a_snapshot(phase="", started_at=None)
    assert a_report(run, now=at(200)).waiting is None
    assert [entry.reason for entry in a_report(run).waiting or ()] == ["NotStarted"]


def test_a_workflow_held_by_the_parallelism_limit_has_that_reason() -> None:
    message = "Workflow processing has been postponed because too many workflows are already running"
    run = a_snapshot(phase=Phase.PENDING, message=message)
    assert [entry.reason for entry in a_report(run, now=at(0)).waiting or ()] == ["ParallelismLimit"]


# --- reasons that only the pod has


def a_pod(waiting: StateWaiting | None = None, *conditions: PodCondition) -> Pod:
    """Build a pod that does not start."""
    state = ContainerState(waiting=waiting) if waiting else None
    return Pod(status=PodStatus(conditions=list(conditions), container_statuses=[ContainerStatus(state=state)]))


STARTING = StateWaiting(reason="PodInitializing")
NOT_PLACED = PodCondition(type="PodScheduled", status="False", reason="Unschedulable", message="0/3 nodes")
MOUNT = Event(reason="FailedMount", message='configmap "nope" not found', last_timestamp=at(9))
VAGUE = Event(reason="FailedMount", message="Unable to attach or mount volumes: x", last_timestamp=at(60))
NOT_MOUNTED = ("FailedMount", VAGUE.message)
LISTED = (
    "Unable to attach or mount volumes: unmounted volumes=[d], unattached volumes=[], failed to process volumes=[d]"
)
TIMED_OUT = Event(reason="FailedMount", message=f"{LISTED}: context deadline exceeded", last_timestamp=at(60))
UNBOUND = Event(reason="FailedMount", message=f"{LISTED}: error processing PVC a/d: not bound", last_timestamp=at(60))
INIT_RUNS = ContainerStatus(name="fetch", state=ContainerState(running=StateRunning(started_at=at(1))))
CRASHES = ContainerStatus(
    name="fetch",
    state=ContainerState(waiting=StateWaiting(reason="CrashLoopBackOff", message="back-off 40s")),
    last_state=ContainerState(terminated=StateTerminated(exit_code=3, message="no route")),
)
UNPLACED = Event(reason="FailedScheduling", message="0/3 nodes", last_timestamp=at(7))
CREDENTIALS = Event(reason="FailedToRetrieveImagePullSecret", message="Unable to retrieve some (regcred); attempting")
NO_CREDENTIALS = ("ErrImagePull", "no; Unable to retrieve some (regcred)")
OLDER = Event(reason="FailedCreatePodSandBox", message="no IP", event_time=at(5))


@pytest.mark.parametrize(
    ("evidence", "expected"),
    [
        (None, ("Pending", None)),
        (PodEvidence(a_pod()), ("Pending", None)),
        (PodEvidence(a_pod(STARTING)), ("Pending", None)),
        (PodEvidence(a_pod(StateWaiting(reason="ErrImagePull", message="no"))), ("ErrImagePull", "no")),
        (PodEvidence(a_pod(None, NOT_PLACED)), ("Unschedulable", "0/3 nodes")),
        (PodEvidence(a_pod(STARTING), (OLDER, MOUNT, Event(reason="Pulled"))), ("FailedMount", MOUNT.message)),
        (PodEvidence(None, (Event(reason="FailedMount", message="undated"), OLDER)), (OLDER.reason, OLDER.message)),
        (PodEvidence(None, (MOUNT, VAGUE)), (MOUNT.reason, MOUNT.message)),
        (PodEvidence(None, (VAGUE,)), (VAGUE.reason, VAGUE.message)),
        (PodEvidence(None, (MOUNT, TIMED_OUT)), (MOUNT.reason, MOUNT.message)),
        (PodEvidence(None, (MOUNT, UNBOUND)), (UNBOUND.reason, UNBOUND.message)),
        (PodEvidence(a_pod(STARTING), (MOUNT, msgspec.structs.replace(VAGUE, last_timestamp=at(999)))), NOT_MOUNTED),
        (PodEvidence(a_pod(STARTING), (MOUNT, Event(reason="Pulled", last_timestamp=at(10)))), ("Pending", None)),
        (PodEvidence(None, (UNPLACED,)), ("Unschedulable", "0/3 nodes")),
        (PodEvidence(None, (UNPLACED, Event(reason="Scheduled", last_timestamp=at(8)))), ("Pending", None)),
        (PodEvidence(msgspec.structs.replace(a_pod(), spec=PodSpec(node_name="n")), (UNPLACED,)), ("Pending", None)),
        (PodEvidence(a_pod(StateWaiting(reason="ErrImagePull", message="no.")), (CREDENTIALS,)), NO_CREDENTIALS),
        (PodEvidence(a_pod(StateWaiting(reason="StartError", message="no")), (CREDENTIALS,)), ("StartError", "no")),
    ],
)
def test_a_pod_that_does_not_start_gives_the_reason(
    evidence: PodEvidence | None, expected: tuple[str, str | None]
) -> None:
    run = a_snapshot(a_node("wf", Phase.PENDING, end=None), phase=RUNNING)
    (entry,) = a_report(run, evidence={"wf": evidence} if evidence else {}).waiting or []
    assert (entry.reason, entry.message) == expected


@pytest.mark.parametrize(
    ("pod", "reasons"),
    [
        (msgspec.structs.replace(a_pod(), status=PodStatus(phase="Pending")), ["FailedMount"]),
        (msgspec.structs.replace(a_pod(), status=PodStatus(phase="Running")), []),
        (Pod(metadata=Metadata(creation_timestamp=at(-60)), status=PodStatus(phase="Pending")), []),
        (None, []),
    ],
    ids=["pending", "running", "of an earlier run", "no pod"],
)
def test_a_pod_that_does_not_start_gives_the_reason_of_a_step_that_runs_for_argo(
    pod: Pod | None, reasons: list[str]
) -> None:
    run = a_snapshot(a_node("wf", RUNNING, end=None), a_node("other", RUNNING, NodeType.DAG, end=None), phase=RUNNING)
    waiting = a_report(run, evidence={"wf": PodEvidence(pod, (MOUNT,))}).waiting or []
    assert [entry.reason for entry in waiting] == reasons


def test_argos_reason_takes_precedence_over_that_of_the_pod() -> None:
    run = a_snapshot(a_node("wf", Phase.PENDING, end=None, message="Unschedulable: 0/9 nodes"), phase=RUNNING)
    (entry,) = a_report(run, evidence={"wf": PodEvidence(None, (MOUNT,))}).waiting or []
    assert (entry.reason, entry.message) == ("Unschedulable", "Unschedulable: 0/9 nodes")


def test_a_volume_that_cannot_be_mounted_is_in_the_summary() -> None:
    run = a_snapshot(a_node("wf", Phase.PENDING, end=None), phase=RUNNING)
    report = a_report(run, evidence={"wf": PodEvidence(None, (MOUNT,))})
    assert report.summary == 'Running; wf cannot mount a volume (since 2026-11-22 03:00Z): configmap "nope" not found'


def test_only_pods_that_have_been_starting_for_long_are_slow() -> None:
    nodes = [
        a_node("wf.slow", Phase.PENDING, end=None, message="PodInitializing"),
        a_node("wf.placed", Phase.PENDING, end=None, message="Unschedulable: 0/1 nodes"),
        a_node("wf.new", Phase.PENDING, end=None, start=100),
        a_node("wf.image", Phase.PENDING, end=None, message="ErrImagePull: no"),
        a_node("wf.group", Phase.PENDING, NodeType.DAG, end=None),
        a_node("wf.done", OK),
    ]
    graces = WaitingGraces(starting_seconds=300)
    pods = slow_starting_pods(a_snapshot(*nodes, phase=RUNNING), now=at(350), graces=graces)
    assert list(pods.values()) == ["wf.slow", "wf.placed"]
    assert slow_starting_pods(a_snapshot(*nodes, phase=OK), now=at(350), graces=graces) == {}


def test_a_run_that_argo_ignores_for_its_label_waits() -> None:
    document = workflow(node("train", "Running"), metadata={"labels": {argo.LABEL_COMPLETED: "true"}})
    report = a_report(decode_workflow(document))
    assert report.stalled is None
    assert report.summary == (
        "Running; workflow is ignored by Argo's controller: its label workflows.argoproj.io/completed is true"
    )
    steps = next_steps(ReportedRun("wf", "ns", report, existing_pods=frozenset()))
    assert steps[0].command == ("kubectl", "label", "workflow", "wf", "workflows.argoproj.io/completed-")


@pytest.mark.parametrize(
    ("labels", "instance"), [({}, "without instanceID"), ({argo.LABEL_CONTROLLER_INSTANCE_ID: "ml"}, "instanceID ml")]
)
def test_the_controller_that_should_take_a_run_up_is_named(labels: dict[str, str], instance: str) -> None:
    report = a_report(decode_workflow(workflow(phase="", metadata={"labels": labels})))
    assert [wait.message for wait in report.waiting or ()] == [
        f"no Argo controller has taken it up: does one run for this namespace, {instance}?"
    ]


def test_a_run_that_argo_holds_back_without_a_message_waits() -> None:
    report = a_report(decode_workflow(workflow(phase="Pending")))
    assert [(wait.reason, wait.message) for wait in report.waiting or ()] == [("Pending", None)]


@pytest.mark.parametrize(
    ("duration", "message"),
    [
        ("2h", "it goes on by itself 2h after its start"),
        (90, "it goes on by itself 90s after its start"),
        ("30", "it goes on by itself 30s after its start"),
        ("{{inputs.parameters.d}}", None),
        (None, None),
    ],
)
@pytest.mark.parametrize("place", ["spec", "stored spec"])
def test_a_suspension_that_ends_by_itself_says_when(
    duration: str | int | None, message: str | None, place: str
) -> None:
    templates = {"templates": [{"name": "other", "suspend": {"duration": "1s"}},
                               {"name": "wait", "suspend": {"duration": duration} if duration else {}}]}  # fmt: skip
    where = {"spec": templates} if place == "spec" else {"status": {"storedWorkflowTemplateSpec": templates}}
    report = a_report(decode_workflow(workflow(node("s", "Running", "Suspend", templateName="wait"), **where)))
    assert [wait.message for wait in report.waiting or ()] == [message]


@pytest.mark.parametrize(
    ("name", "shutdown", "is_told"),
    [("s", "Stop", True), ("s", "Terminate", True), ("onExit", "Stop", False), ("onExit", "Terminate", True)],
)
def test_a_wait_in_a_run_that_is_being_stopped_says_so(name: str, shutdown: str, is_told: bool) -> None:
    pending = node(name, "Pending", message="ImagePullBackOff: no.")
    (wait,) = a_report(decode_workflow(workflow(pending, spec={"shutdown": shutdown}))).waiting or []
    end = f"no; the Workflow is being stopped (shutdown {shutdown})" if is_told else "no."
    assert wait.message == f"ImagePullBackOff: {end}"


@pytest.mark.parametrize(
    ("pod", "argos", "expected"),
    [
        (PodStatus(phase="Pending"), "", ("Pending", "its machine n1 has not begun to start it")),
        (
            PodStatus(phase="Pending", init_container_statuses=[INIT_RUNS], container_statuses=[ContainerStatus()]),
            "PodInitializing",
            ("PodInitializing", "its init container fetch still runs"),
        ),
        (PodStatus(phase="Pending", container_statuses=[ContainerStatus()]), "", ("Pending", None)),
        (
            PodStatus(phase="Pending", init_container_statuses=[CRASHES], container_statuses=[ContainerStatus()]),
            "PodInitializing",
            ("CrashLoopBackOff", "container fetch exited with code 3: no route"),
        ),
    ],
    ids=["machine", "init container", "nothing", "crash"],
)
def test_a_pod_that_starts_for_long_tells_how_far_it_is(
    pod: PodStatus, argos: str, expected: tuple[str, str | None]
) -> None:
    run = a_snapshot(a_node("wf", Phase.PENDING, end=None, message=argos), phase=RUNNING)
    evidence = {"wf": PodEvidence(Pod(spec=PodSpec(node_name="n1"), status=pod))}
    (entry,) = a_report(run, evidence=evidence).waiting or []
    assert (entry.reason, entry.message) == expected


def test_problems_come_before_waits_that_are_intended() -> None:
    nodes = [
        a_node("wf.approve", Phase.RUNNING, NodeType.SUSPEND, end=None),
        a_node("wf.retry", Phase.RUNNING, NodeType.RETRY, message="Backoff for 1m", end=None, start=1),
        a_node("wf.late", Phase.PENDING, message="Unschedulable: no", end=None, start=3),
        a_node("wf.pull", Phase.PENDING, message="ImagePullBackOff: no", end=None, start=2),
    ]
    report = a_report(a_snapshot(*nodes, phase=Phase.RUNNING))
    assert [wait.display_name for wait in report.waiting or ()] == ["pull", "late", "approve", "retry"]
    assert (report.reason, report.step) == ("ImagePullBackOff", "pull")


# --- who holds a lock

LOCK = "team/Mutex/ledger"
WAITS = f"Waiting for {LOCK} lock. Lock status: 0/1"


def a_lock_wait(*holders: str, of_step: bool = True) -> dict[str, Any]:
    entry = {"semaphore": LOCK, "holders": list(holders)}
    step = node("train", "Pending", message=WAITS, synchronizationStatus={"waiting": LOCK})
    nodes = (node("", kind="DAG"), node("first", start=60), step) if of_step else ()
    status = {"message": WAITS, "synchronization": {"semaphore": {"waiting": [entry]}}}
    return workflow(*nodes, phase="Running" if of_step else "Pending", status=status)


def lock_message(
    document: dict[str, Any], since: Mapping[str, datetime] | None = None, stored: ReportStatus | None = None
) -> str:
    verdict = StallVerdict(lock_holds=since or {})
    status = a_report(decode_workflow(document), stored=stored, stall=verdict, now=START + timedelta(hours=1))
    (wait,) = status.waiting or []
    return wait.message or ""


@pytest.mark.parametrize(
    ("holders", "since", "clause"),
    [
        ((), {}, ""),
        (("team/other/other-1",), {}, "; held by team/other"),
        (("team/other/other-1",), {"team/other/other-1": START}, "; held by team/other since 2026-11-20 08:00Z"),
        (("team/other", "team/wf/wf.first"), {}, "; held by team/other, first since 2026-11-20 08:01Z"),
        (("a/1", "a/2", "a/3", "a/4"), {}, "; held by a/1, a/2, a/3"),
    ],
)
def test_a_wait_for_a_lock_names_its_holders_and_since_when(
    holders: tuple[str, ...], since: dict[str, datetime], clause: str
) -> None:
    assert lock_message(a_lock_wait(*holders), since) == WAITS + clause


@pytest.mark.parametrize("message", [WAITS, "Waiting for team/Mutex/another lock. Lock status: 0/1"])
def test_a_workflow_that_waits_for_its_own_lock_names_the_holder_of_that_lock(message: str) -> None:
    document = a_lock_wait("team/other", of_step=False)
    document["status"]["message"] = message
    known = lock_message(document, {"team/other": START})
    assert known == (f"{WAITS}; held by team/other since 2026-11-20 08:00Z" if message == WAITS else message)


def test_the_holder_of_a_lock_stands_beside_the_lock_in_a_run_that_is_being_stopped() -> None:
    document = a_lock_wait("team/other")
    document["spec"]["shutdown"] = "Terminate"
    (wait,) = (one for one in a_report(decode_workflow(document)).waiting or () if one.reason == "LockWait")
    assert wait.message == f"{WAITS}; held by team/other; the Workflow is being stopped (shutdown Terminate)"
    assert waiting_phrase(wait).endswith(": held by team/other; the Workflow is being stopped (shutdown Terminate)")


def test_the_end_of_a_suspension_is_looked_up_only_where_it_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def end_of_suspension(_: object, node: argo.Node) -> str:
        asked.append(node.id)
        return "later"

    monkeypatch.setattr(waiting, "_end_of_suspension", end_of_suspension)
    nodes = [node(f"s{i}", "Running", "Suspend") for i in range(150)]
    report = a_report(decode_workflow(workflow(*nodes)))
    assert len(asked) == len(report.waiting or ()) == 100, "a Workflow has as many steps and templates as it likes"


def test_the_time_of_a_holder_outlives_a_restart_and_not_the_holder() -> None:
    document = a_lock_wait("team/other")
    before = a_report(
        decode_workflow(document),
        stall=StallVerdict(lock_holds={"team/other": START}),
        now=START + timedelta(hours=1),
    )
    assert lock_message(document, stored=before).endswith("; held by team/other since 2026-11-20 08:00Z")
    assert lock_message(a_lock_wait("team/third"), stored=before).endswith("; held by team/third")


def test_the_summary_says_since_when_a_lock_is_awaited_and_held() -> None:
    verdict = StallVerdict(lock_holds={"team/other": START + timedelta(minutes=-5)})
    status = a_report(decode_workflow(a_lock_wait("team/other")), stall=verdict, now=START + timedelta(hours=1))
    assert (status.summary or "").endswith(
        "train is waiting for lock Mutex/ledger, 0 of 1 free (since 2026-11-20 08:00Z): "
        "held by team/other since 2026-11-20 07:55Z"
    )


# --- since when

FIRST = at(40)


@pytest.mark.parametrize(
    ("evidence", "since"),
    [
        (PodEvidence(a_pod(None, PodCondition(type="PodScheduled", status="False", reason="Unschedulable"))), 10),
        (PodEvidence(a_pod(None, msgspec.structs.replace(NOT_PLACED, last_transition_time=FIRST))), 40),
        (PodEvidence(a_pod(None, msgspec.structs.replace(NOT_PLACED, last_transition_time=at(-60)))), 10),
        (PodEvidence(None, (msgspec.structs.replace(MOUNT, first_timestamp=FIRST),)), 40),
        (PodEvidence(None, (msgspec.structs.replace(OLDER, event_time=at(55)),)), 55),
        (PodEvidence(a_pod(StateWaiting(reason="ErrImagePull"))), 10),
    ],
    ids=["no time", "scheduler", "before the step", "Event", "Event of the new kind", "no time of a container"],
)
def test_a_wait_begins_with_its_cause_and_not_before_its_step(evidence: PodEvidence, since: float) -> None:
    run = a_snapshot(a_node("wf", Phase.PENDING, end=None, start=10), phase=RUNNING)
    (entry,) = a_report(run, evidence={"wf": evidence}).waiting or []
    assert entry.since_at == at(since)


@pytest.mark.parametrize(
    ("evidence", "since"),
    [
        (PodEvidence(a_pod(None, msgspec.structs.replace(NOT_PLACED, last_transition_time=FIRST))), 40),
        (PodEvidence(a_pod(None, NOT_PLACED), (Event(reason="FailedScheduling", first_timestamp=at(30)),)), 30),
        (PodEvidence(None, (Event(reason="FailedScheduling"), Event(reason="Pulled", first_timestamp=at(30)))), 10),
    ],
)
def test_a_step_that_argo_calls_unschedulable_is_so_since_the_scheduler_refused_it(
    evidence: PodEvidence, since: float
) -> None:
    run = a_snapshot(a_node("wf", Phase.PENDING, end=None, start=10, message="Unschedulable: no"), phase=RUNNING)
    (entry,) = a_report(run, evidence={"wf": evidence}).waiting or []
    assert entry.since_at == at(since)


def test_a_backoff_begins_at_the_end_of_the_last_attempt() -> None:
    retry = a_node("wf", RUNNING, NodeType.RETRY, end=None, message="Backoff for 1m", children=["wf(0)", "wf(1)"])
    attempts = [a_node("wf(0)", Phase.FAILED, end=20), a_node("wf(1)", Phase.FAILED, start=30, end=50)]
    (entry,) = a_report(a_snapshot(retry, *attempts, phase=RUNNING)).waiting or []
    assert entry.since_at == at(50)


@pytest.mark.parametrize("has_run", [True, False])
def test_nothing_tells_when_a_workflow_that_has_run_steps_was_suspended(*, has_run: bool) -> None:
    document = workflow(*([node("first", "Succeeded")] if has_run else []), spec={"suspend": True})
    (entry,) = a_report(decode_workflow(document), now=START + timedelta(hours=1)).waiting or []
    assert (entry.reason, entry.since_at) == ("WorkflowSuspended", None if has_run else START)


def test_a_wait_for_the_agent_begins_with_what_keeps_its_pod_from_starting() -> None:
    call = a_node("wf", Phase.PENDING, NodeType.HTTP, end=None, start=10)
    pod = a_pod(None, msgspec.structs.replace(NOT_PLACED, last_transition_time=FIRST))
    (entry,) = (
        a_report(a_snapshot(call, phase=RUNNING), evidence={agent_pod_name("wf"): PodEvidence(pod)}).waiting or []
    )
    assert (entry.reason, entry.since_at, entry.pod_name) == ("HTTPPending", FIRST, None)
    assert entry.message == "its pod does not start: Unschedulable: 0/3 nodes"


@pytest.mark.parametrize("is_step", [True, False])
def test_a_semaphore_without_a_limit_is_a_problem(*, is_step: bool) -> None:
    lock, message = "team/ConfigMap/limits/deploys", "Failed to get semaphore limit for team/ConfigMap/limits/deploys"
    waiting = argo.SynchronizationStatus(waiting=lock)
    node = a_node("wf.a", argo.Phase.PENDING, end=None, message=message, synchronization_status=waiting)
    report = a_report(a_snapshot(node, phase=RUNNING) if is_step else a_snapshot(phase="Pending", message=message))
    assert [(entry.reason, entry.pod_name) for entry in report.waiting or ()] == [("LockLimitMissing", None)]
    assert "cannot get its lock" in (report.summary or "")


def test_a_suspension_that_waits_for_its_lock_says_so() -> None:
    lock = "team/ConfigMap/limits/deploys"
    waiting = argo.SynchronizationStatus(waiting=lock)
    message = f"Waiting for {lock} lock. Lock status: 1/2 "
    node = a_node(
        "wf.a", argo.Phase.PENDING, argo.NodeType.SUSPEND, end=None, message=message, synchronization_status=waiting
    )
    (entry,) = a_report(a_snapshot(node, phase=RUNNING)).waiting or []
    assert entry.reason == "LockWait"
    assert lock in (entry.message or "")


def an_agent(waiting: StateWaiting | None = None) -> Pod:
    """Build the pod of an agent that runs."""
    pod = a_pod(waiting)
    return msgspec.structs.replace(pod, status=msgspec.structs.replace(pod.status, phase="Running"))


@pytest.mark.parametrize(
    ("node_type", "agent", "reasons"),
    [
        (NodeType.HTTP, an_agent(), []),
        (NodeType.HTTP, an_agent(StateWaiting(reason="CrashLoopBackOff")), ["HTTPPending"]),
        (NodeType.HTTP, None, ["HTTPPending"]),
        (NodeType.PLUGIN, an_agent(), ["PluginPending"]),
    ],
)
def test_an_agent_that_runs_is_at_the_request_of_a_step(
    node_type: NodeType, agent: Pod | None, reasons: list[str]
) -> None:
    call = a_node("wf", Phase.PENDING, node_type, end=None)
    report = a_report(a_snapshot(call, phase=RUNNING), evidence={agent_pod_name("wf"): PodEvidence(agent)})
    assert [entry.reason for entry in report.waiting or ()] == reasons

"""Runs that look hung and are well, and runs that look well and hang."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from tests.core.stall.stall_objects import NAMESPACE, START, container, node, pod, stamp, workflow
from tests.core.stall.stall_world import StallWorld

from wfreport.core.snapshot.decode import decode_pod
from wfreport.core.snapshot.model import PodEvidence
from wfreport.core.timing.hung_pods import hung_pod
from wfreport.kube.errors import ServerError

Documents = tuple[dict[str, Any], ...]

HOUR = 3600.0
ROOT = node("", kind="DAG", children=["wf.train"])
STEP = node("train")
WORKING = (container("main"), container("wait"))
ENDED = (container("main", 0), container("wait", 0))
LOCK = "team/Mutex/m"
WAITS = {"synchronization": {"mutex": {"waiting": [{"mutex": LOCK, "holder": "team/first"}]}}}
HOLDS = {"synchronization": {"mutex": {"holding": [{"mutex": LOCK, "holder": "team/first"}]}}}
FIRST = workflow(node("", kind="DAG"), node("work"), name="first", status=HOLDS)
FIRST_WELL = workflow(ROOT, node("approve", "Running", "Suspend"), name="well")
OF_LOCK: dict[str, Any] = {
    "synchronizationStatus": {"waiting": LOCK},
    "message": f"Waiting for {LOCK} lock. Lock status: 0/1",
}


def agent(*containers: dict[str, Any], **parts: Any) -> dict[str, Any]:
    """Return the pod of Argo's agent."""
    metadata = {"name": "wf-1-agent", "annotations": {}} | parts.pop("metadata", {})
    return pod("agent", *containers, metadata=metadata, **parts)


def crashing(name: str) -> dict[str, Any]:
    """Return a container that is started again after each crash."""
    return {"name": name, "restartCount": 30, "state": {"waiting": {"reason": "CrashLoopBackOff"}}}


def backoff(words: str, *names: str) -> dict[str, Any]:
    """Return a Workflow whose attempts have failed after 20 s and are to be made again."""
    nodes = [node("", kind="DAG")]
    for name in names or ("train",):
        attempt = f"{name}(0)"
        nodes.append(node(name, kind="Retry", message=f"Backoff for {words}", children=[f"wf.{attempt}"]))
        nodes.append(node(attempt, "Failed"))
    return workflow(*nodes)


def first_finding(
    document: dict[str, Any], pods: Documents, others: Documents, seconds: float, *, every_seconds: float = 60
) -> tuple[str, float, str] | None:
    """Return the reason of the first finding, after how many seconds it came, and its message; None without one."""
    world = StallWorld(START)
    for one in pods:
        world.put_pod(one)
    snapshots = [world.put(one) for one in (document, *others)]
    finding = asyncio.run(world.poll_for(seconds, *snapshots, every_seconds=every_seconds))
    return (finding.suspicion.reason, world.seconds(), finding.suspicion.message) if finding else None


UNSYNCED: dict[str, Any] = {"taskResultSynced": False, "boundaryID": "wf"}
RETRY = node("train", kind="Retry", children=["wf.train(0)", "wf.train(1)"])
NOT_READY = {"type": "Ready", "status": "False", "lastTransitionTime": stamp(9)}
OPEN = {"type": "ContainersReady", "status": "True"}
FLUSHING = pod("wf.train", *ENDED, container("vector"), spec={"terminationGracePeriodSeconds": 1200})
HEALTHY: dict[str, tuple[dict[str, Any], Documents, Documents, float]] = {
    "an HTTP step that waits for a lock needs no agent yet": (
        workflow(ROOT, node("call", "Pending", "HTTP", **OF_LOCK), status=WAITS),
        (pod("wf.work", *WORKING, owner="first"),),
        (FIRST,),
        3 * HOUR,
    ),
    "logs and outputs of a step that failed are stored": (
        workflow(ROOT, STEP),
        (pod("wf.train", container("main", 1), container("wait")),),
        (),
        1800,
    ),
    "the same without an init container": (
        workflow(ROOT, STEP),
        (pod("wf.train", container("main", 1), container("supervisor")),),
        (),
        1800,
    ),
    "a plugin stores artifacts": (
        workflow(ROOT, STEP),
        (pod("wf.train", *ENDED, container("artifact-plugin-s3")),),
        (),
        1800,
    ),
    "a sidecar with a long grace period flushes": (workflow(ROOT, STEP), (FLUSHING,), (), 1200),
    "a backoff that is told in whole hours": (backoff("1 day 0 hours"), (), (), 24.9 * HOUR),
    "a backoff that is told in whole weeks": (backoff("1 week 3 hours"), (), (), 13 * 24 * HOUR),
    "a backoff of months": (backoff("2 months 0 hours"), (), (), 80 * 24 * HOUR),
    "a readiness gate is closed": (
        workflow(ROOT, STEP),
        (pod("wf.train", *WORKING, status={"conditions": [NOT_READY | {"reason": "ReadinessGatesNotReady"}, OPEN]}),),
        (),
        8 * HOUR,
    ),
    "a container is not ready": (
        workflow(ROOT, STEP),
        (pod("wf.train", *WORKING, status={"conditions": [NOT_READY, OPEN | {"status": "False"}]}),),
        (),
        8 * HOUR,
    ),
    "it is unknown whether containers are ready": (
        workflow(ROOT, STEP),
        (pod("wf.train", *WORKING, status={"conditions": [NOT_READY]}),),
        (),
        8 * HOUR,
    ),
    "an injected sidecar of the agent crashes": (
        workflow(ROOT, node("call", "Running", "HTTP")),
        (agent(crashing("istio-proxy"), container("main")),),
        (),
        9 * HOUR,
    ),
    "an attempt's result is missing, and Argo has made the next one": (
        workflow(ROOT, RETRY, node("train(0)", "Failed", **UNSYNCED), node("train(1)", start=60)),
        (pod("wf.train(1)", *WORKING, created=61),),
        (),
        3 * HOUR,
    ),
    "the result of a daemon is missing, after its group has ended": (
        workflow(
            ROOT,
            node("sub", "Succeeded", "DAG"),
            node("db", "Succeeded", taskResultSynced=False, boundaryID="wf.sub"),
            STEP,
        ),
        (pod("wf.train", *WORKING),),
        (),
        3 * HOUR,
    ),
    "a result is missing, and the next step runs": (
        workflow(ROOT, node("first", "Succeeded", children=["wf.train"], **UNSYNCED), STEP),
        (pod("wf.train", *WORKING),),
        (),
        3 * HOUR,
    ),
    "a running step whose pod starts again": (workflow(ROOT, STEP), (pod("wf.train", phase="Pending"),), (), HOUR),
    "an agent that crashed a few times has its pause": (
        workflow(ROOT, node("call", "Running", "HTTP")),
        (agent(crashing("main") | {"restartCount": 4}),),
        (),
        HOUR,
    ),
    "the agent was started again": (
        workflow(ROOT, node("call", "Running", "HTTP")),
        (agent({"name": "main", "restartCount": 3, "state": {"running": {"startedAt": stamp(600)}}}),),
        (),
        9 * HOUR,
    ),
    "the agent starts": (
        workflow(ROOT, node("call", "Running", "HTTP")),
        (agent({"name": "main", "state": {"waiting": {"reason": "ContainerCreating"}}}, phase="Pending"),),
        (),
        HOUR,
    ),
}


@pytest.mark.parametrize("kind", HEALTHY)
def test_a_run_that_only_looks_hung_is_not_reported(kind: str) -> None:
    document, pods, others, seconds = HEALTHY[kind]
    assert first_finding(document, pods, others, seconds, every_seconds=60 if seconds < 48 * HOUR else 900) is None


UNREACHABLE = {"type": "Ready", "status": "False", "lastTransitionTime": stamp(600)}
CONTAINERS_READY = {"type": "ContainersReady", "status": "True", "lastTransitionTime": stamp(5)}
NATIVE = {"name": "istio-proxy", "state": {"running": {"startedAt": stamp(3)}}}
AHEAD = (node("", kind="DAG", start=120), node("train", start=120))
TERMINATING = {"deletionTimestamp": stamp(300)}
CALLS = workflow(ROOT, node("call", "Running", "Plugin"))
HUNG: dict[str, tuple[dict[str, Any], Documents, Documents, str, float, str]] = {
    "a sidecar that crashes again and again": (
        workflow(ROOT, STEP),
        (pod("wf.train", *ENDED, crashing("proxy")),),
        (),
        "MainEnded",
        18,
        "and proxy keeps the pod alive",
    ),
    "a pod that goes on without any container": (
        workflow(ROOT, STEP),
        (pod("wf.train", *ENDED, init=[NATIVE]),),
        (),
        "MainEnded",
        18 + 1500,
        "and its pod does not end on machine host-1, although no container of it runs",
    ),
    "the same before a machine is known": (
        workflow(ROOT, STEP),
        (pod("wf.train", *ENDED, spec={"nodeName": ""}),),
        (),
        "MainEnded",
        18 + 1500,
        "and its pod does not end, although no container of it runs",
    ),
    "a sidecar, and the controller's clock is two minutes ahead": (
        workflow(*AHEAD),
        (pod("wf.train", container("main", 0, end=200), container("wait", 0), container("istio-proxy")),),
        (),
        "MainEnded",
        200,
        "istio-proxy",
    ),
    "an agent that crashes again and again": (
        CALLS,
        (agent(crashing("main")),),
        (),
        "AgentGone",
        180 + 300,
        "call waits for Argo's agent, whose pod wf-1-agent does not work on machine host-1: its container main crashes",
    ),
    "a plugin of the agent that crashes again and again": (
        CALLS,
        (agent(crashing("volcano"), container("main")),),
        (),
        "AgentGone",
        180 + 300,
        "its container volcano crashes",
    ),
    "an agent that ended beside its plugin": (
        CALLS,
        (agent(container("volcano"), container("main", 2), spec={"nodeName": ""}),),
        (),
        "AgentGone",
        18,
        "wf-1-agent has ended (main exited with code 2)",
    ),
    "an agent on a dead machine": (
        CALLS,
        (agent(container("main"), metadata=TERMINATING),),
        (),
        "AgentGone",
        300,
        "wf-1-agent hangs in Terminating on machine host-1",
    ),
    "a pod that tolerates a dead machine": (
        workflow(ROOT, STEP),
        (pod("wf.train", *WORKING, status={"conditions": [UNREACHABLE, CONTAINERS_READY]}),),
        (),
        "MachineSilent",
        600 + 300,
        "the pod of train runs on machine host-1, which does not respond",
    ),
    "a result that is missing while another branch runs": (
        workflow(ROOT, node("first", "Succeeded", **UNSYNCED), STEP),
        (pod("wf.train", *WORKING),),
        (),
        "TaskResultMissing",
        20 + 600,
        "first has ended, and its executor never reported its result",
    ),
    "two backoffs that are over": (backoff("1 minute 0 seconds", "a", "b"), (), (), "NothingScheduled", 80, "no step"),
}


SIDECAR = pod("wf.train", *ENDED, container("istio-proxy"))
DEAD = pod("wf.train", *WORKING, metadata=TERMINATING)


@pytest.mark.parametrize("kind", HUNG)
def test_a_run_that_only_looks_well_is_reported_in_time(kind: str) -> None:
    document, pods, others, reason, began, words = HUNG[kind]
    found = first_finding(document, pods, others, 2 * HOUR)
    assert found is not None
    assert found[0] == reason
    assert began + 300 <= found[1] <= began + 300 + 60
    assert words in found[2]


def test_a_leaked_lock_that_several_runs_wait_for_is_no_silent_controller() -> None:
    world = StallWorld(START)
    waiting = node("train", "Pending", **OF_LOCK)
    snapshots = [world.put(workflow(ROOT, waiting, status=WAITS, name=name)) for name in ("a", "b", "c")]
    asyncio.run(world.poll_for(HOUR, world.put(FIRST_WELL), *snapshots))
    assert {name: one.reason for (_, name), one in world.stored.items()} == dict.fromkeys("abc", "LockLeaked")


def test_a_lock_is_not_leaked_while_its_queue_moves_faster_than_it_is_polled() -> None:
    world = StallWorld(START)
    waiting = node("train", "Pending", **OF_LOCK)
    queue = [workflow(ROOT, waiting, status=WAITS, name=f"queued-{number}") for number in range(20)]
    last = world.put(workflow(ROOT, waiting, status=WAITS))

    async def pass_through() -> None:
        for one in (*queue, *queue):
            await world.poll(world.put(one))
        for one in queue:
            await world.poll_for(180, last)
            await world.poll(world.put(workflow(name=one["metadata"]["name"], phase="Succeeded")))

    asyncio.run(pass_through())
    assert world.stored == {}
    moved_at = world.now
    finding = asyncio.run(world.poll_for(HOUR, last))
    assert finding is not None
    assert (finding.suspicion.reason, finding.since_at) == ("LockLeaked", moved_at)
    assert timedelta(seconds=300) <= world.now - moved_at <= timedelta(seconds=360)


@pytest.mark.parametrize(("stuck", "seconds"), [(SIDECAR, 18 + 3 * 300), (DEAD, 300 + 300)], ids=["sidecar", "machine"])
def test_a_slow_controller_delays_only_what_depends_on_it(stuck: dict[str, Any], seconds: float) -> None:
    done = [node(f"n{number}", "Succeeded") for number in range(998)]
    found = first_finding(workflow(ROOT, STEP, *done), (stuck,), (), 2 * HOUR)
    assert found is not None
    assert seconds <= found[1] <= seconds + 60


def test_a_clock_that_is_set_ahead_makes_no_suspicion_last_longer() -> None:
    world = StallWorld(START)
    world.put_pod(pod("wf.train", container("main", 0, end=300), container("wait")))
    snapshot = world.put(workflow(ROOT, STEP))
    assert asyncio.run(world.poll_for(600, snapshot)) is None
    world.now, world.jump = world.now + timedelta(hours=1), timedelta(hours=1)
    assert asyncio.run(world.poll_for(420, snapshot)) is None
    assert asyncio.run(world.poll_for(120, snapshot)) is not None


# --- a step that Argo starts again by itself, since its first pod was evicted before it ran

EVICTED = pod("wf.train", phase="Failed", status={"reason": "Evicted"}, metadata={"uid": "old"})
WAITING = node("train", "Pending", message="Unschedulable: 0/3", failedPodRestarts=1, restartingPodUID="old")


@pytest.mark.parametrize(
    ("step", "new"),
    [
        (WAITING, pod("wf.train", phase="Pending", spec={"nodeName": ""})),
        (node("train", failedPodRestarts=1), pod("wf.train", *WORKING)),
    ],
    ids=["waits for a machine", "runs"],
)
def test_the_pod_that_argo_has_replaced_says_nothing_about_its_step(step: dict[str, Any], new: dict[str, Any]) -> None:
    world = StallWorld(START)
    world.put_pod(new)
    old = PodEvidence(decode_pod(EVICTED))
    world.evidence["pod-wf.train"] = old
    snapshot = world.put(workflow(ROOT, step))
    assert asyncio.run(world.poll_for(HOUR, snapshot)) is None
    assert hung_pod(snapshot.nodes["wf.train"], old) is None


def test_a_pod_that_failed_after_its_start_was_not_replaced() -> None:
    ran = {"name": "main", "state": {"terminated": {"exitCode": 1, "startedAt": stamp(5), "finishedAt": stamp(9)}}}
    world = StallWorld(START)
    world.put_pod(pod("wf.train", ran, phase="Failed"))
    snapshot = world.put(workflow(ROOT, node("train", failedPodRestarts=1)))
    finding = asyncio.run(world.poll_for(HOUR, snapshot))
    assert finding is not None
    assert world.now - START <= timedelta(seconds=9 + 300 + 60)
    assert (NAMESPACE, "wf") in world.stored


# --- deletion

DELETED_AT = 100.0


def deleted(*finalizers: str, phase: str = "Succeeded", **parts: Any) -> dict[str, Any]:
    """Return a Workflow that is being deleted."""
    labels = {"workflows.argoproj.io/completed": "true"} if phase == "Succeeded" else {}
    metadata = {"deletionTimestamp": stamp(DELETED_AT), "finalizers": list(finalizers), "labels": labels}
    root = node("", phase, "DAG")
    return workflow(root, *parts.pop("nodes", ()), phase=phase, metadata=metadata, **parts)


def collector(*containers: dict[str, Any], phase: str = "Running") -> dict[str, Any]:
    """Return the pod that deletes the artifacts: a task owns it."""
    labels = {f"workflows.argoproj.io/{key}": value for key, value in COLLECTOR_LABELS.items()}
    owners = [{"kind": "WorkflowArtifactGCTask", "name": "wf-artgc-wfdel-1-0", "uid": "uid-task"}]
    metadata = {"name": "wf-artgc-wfdel-1", "annotations": {}, "labels": labels, "ownerReferences": owners}
    return pod("gc", *containers, phase=phase, metadata=metadata)


COLLECTOR_LABELS = {"workflow": "wf", "component": "artifact-gc", "completed": "false"}
ARTIFACT_GC = "workflows.argoproj.io/artifact-gc"
AT_WORK = collector(container("main"))


def inspected(document: dict[str, Any], seconds: float, *pods: dict[str, Any]) -> tuple[str | None, float | None]:
    """Return why the deletion of a completed run hangs after so many seconds, and when it is inspected again."""
    world = StallWorld(START + timedelta(seconds=seconds))
    for one in pods:
        world.put_pod(one)
    inspection = asyncio.run(world.inspect(world.put(document)))
    finding = inspection.verdict.finding
    return (finding.suspicion.message if finding else None), inspection.requeue_after_seconds


def test_a_deletion_waits_for_artifacts_that_are_being_deleted() -> None:
    assert inspected(deleted(ARTIFACT_GC), 3 * HOUR, AT_WORK) == (None, 900)
    ended = collector(container("main", 0, end=3 * HOUR - 100), phase="Succeeded")
    assert inspected(deleted(ARTIFACT_GC), 3 * HOUR, ended) == (None, 800)


@pytest.mark.parametrize(
    "pods", [(), (collector(phase="Pending"),), (collector(container("main", 1), phase="Failed"),)]
)
def test_a_deletion_is_blocked_if_nothing_deletes_the_artifacts(pods: Documents) -> None:
    message, again = inspected(deleted(ARTIFACT_GC), 1100, *pods)
    assert message == f"the Workflow is being deleted, and its finalizer {ARTIFACT_GC} holds it"
    assert again is None


def test_an_error_of_the_collection_is_part_of_what_blocks_the_deletion() -> None:
    condition = {"type": "ArtifactGCError", "status": "True", "message": "access denied"}
    document = deleted(ARTIFACT_GC, status={"conditions": [condition]})
    assert inspected(document, 500)[0] == "access denied"
    assert inspected(document, 1100)[0] == (
        f"the Workflow is being deleted, and its finalizer {ARTIFACT_GC} holds it: access denied"
    )


@pytest.mark.parametrize(
    ("finalizers", "words"),
    [
        (("backup.example.com/keep",), "its finalizer backup.example.com/keep holds it"),
        (("a/b", "c/d"), "its finalizers a/b, c/d hold it"),
        (("foregroundDeletion",), "its finalizer foregroundDeletion holds it until all that it owns is deleted"),
        ((ARTIFACT_GC, "a/b"), "its finalizer a/b holds it"),
    ],
)
def test_any_finalizer_may_block_a_deletion(finalizers: tuple[str, ...], words: str) -> None:
    document = deleted(*finalizers)
    assert inspected(document, DELETED_AT + 899, AT_WORK)[0] is None
    assert inspected(document, DELETED_AT + 900, AT_WORK)[0] == f"the Workflow is being deleted, and {words}"


def test_a_deletion_without_finalizers_is_over_soon() -> None:
    assert inspected(deleted(), HOUR) == (None, None)


def test_a_deletion_is_not_judged_if_its_pods_cannot_be_read() -> None:
    world = StallWorld(START + timedelta(seconds=HOUR))
    world.error = ServerError("busy", status=500)
    inspection = asyncio.run(world.inspect(world.put(deleted(ARTIFACT_GC))))
    assert (inspection.verdict.is_known, inspection.requeue_after_seconds) == (False, 300)


def test_a_foreground_deletion_waits_as_long_as_the_pods_of_the_run_may() -> None:
    document = deleted("foregroundDeletion", phase="Running", nodes=[STEP])
    slow = pod("wf.train", *WORKING, metadata={"deletionTimestamp": stamp(1260)})
    assert first_finding(document, (slow,), (), 1260) is None
    assert first_finding(document, (pod("wf.train", *WORKING),), (), HOUR) is not None


def test_a_step_whose_executor_failed_does_not_hang_and_is_told_all_the_same() -> None:
    failed = container("wait", 137, reason="OOMKilled")
    world = StallWorld(START)
    world.put_pod(pod("wf.train", container("main"), failed))
    world.put_pod(pod("wf.other", *WORKING))
    world.put_pod(pod("wf.done", container("main"), failed))
    snapshot = world.put(workflow(ROOT, STEP, node("other"), node("done", "Succeeded")))
    assert asyncio.run(world.poll_for(HOUR, snapshot)) is None
    assert list(asyncio.run(world.inspect(snapshot)).pods) == ["pod-wf.train"]


@pytest.mark.parametrize(("phase", "pods"), [("Running", ["wf-1-agent"]), ("Pending", [])])
def test_an_agent_that_runs_is_known_to_be_at_its_steps(phase: str, pods: list[str]) -> None:
    world = StallWorld(START)
    world.put_pod(agent(container("main"), phase=phase))
    snapshot = world.put(workflow(ROOT, node("call", "Pending", "HTTP")))
    assert asyncio.run(world.poll_for(HOUR, snapshot)) is None
    assert list(asyncio.run(world.inspect(snapshot)).pods) == pods

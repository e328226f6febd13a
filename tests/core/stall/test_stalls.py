"""Runs that hang are found within their grace time, and runs that only take long are not."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta
from typing import Any

import pytest
from tests.core.stall.stall_objects import NAMESPACE, START, container, node, pod, stamp, workflow
from tests.core.stall.stall_world import StallWorld

from wfreport.api.reasons import StallReason
from wfreport.core.snapshot.decode import decode_pod, decode_workflow
from wfreport.core.stall.model import PodsSeen, StallFinding, StallGraces
from wfreport.core.stall.pod_rules import pod_suspicions
from wfreport.kube.errors import ServerError

HOUR = 3600.0
STEP = node("train")
ROOT = node("", kind="DAG", children=["wf.train"])
SAVING = [container("main", 0), container("wait")]
DONE = [container("main", 0), container("wait", 0)]
WORKING = [container("main"), container("wait")]
LOCK = "team/Mutex/m"
NOT_STARTED = {"exitCode": 128, "reason": "StartError", "message": "exec: no such file", "finishedAt": stamp(18)}
NO_SUCH_FILE = [{"name": "main", "state": {"terminated": NOT_STARTED}}, container("wait")]


def found(
    document: dict[str, Any], *pods: dict[str, Any], seconds: float = HOUR, others: tuple[dict[str, Any], ...] = ()
) -> tuple[StallFinding | None, StallWorld]:
    """Poll a Workflow for so long; return the first finding, and the world at that time."""
    world = StallWorld(START)
    for one in pods:
        world.put_pod(one)
    snapshots = [world.put(one) for one in (document, *others)]
    return asyncio.run(world.poll_for(seconds, *snapshots)), world


def reason_of(document: dict[str, Any], *pods: dict[str, Any], seconds: float = HOUR) -> str | None:
    finding, _ = found(document, *pods, seconds=seconds)
    return finding.suspicion.reason if finding else None


# --- from the pods of long steps

TERMINATING = {"deletionTimestamp": stamp(360)}
STUCK = {
    "a sidecar": (StallReason.MAIN_ENDED, "istio-proxy", pod("wf.train", *DONE, container("istio-proxy"))),
    "wait after a failure": (
        StallReason.MAIN_ENDED,
        "code 1",
        pod("wf.train", container("main", 1), container("wait")),
    ),
    "several": (
        StallReason.MAIN_ENDED,
        "wait, dind keep",
        pod("wf.train", container("main", 2), container("wait"), container("dind")),
    ),
    "main could not start": (
        StallReason.MAIN_NOT_STARTED,
        "StartError",
        pod("wf.train", container("main", 128, reason="StartError"), container("wait")),
    ),
    "main could not start, and the runtime tells why": (
        StallReason.MAIN_NOT_STARTED,
        "wait keeps the pod alive: exec: no such file",
        pod("wf.train", *NO_SUCH_FILE),
    ),
    "a dead machine": (
        StallReason.POD_TERMINATING,
        "host-1; the machine may be lost",
        pod(
            "wf.train",
            *WORKING,
            metadata=TERMINATING | {"labels": {"workflows.argoproj.io/workflow": "wf"}},
            status={"conditions": [{"type": "Ready", "status": "False"}]},
        ),
    ),
    "a finalizer": (
        StallReason.POD_TERMINATING,
        "example.com/hold holds it",
        pod("wf.train", *WORKING, metadata=TERMINATING | {"finalizers": ["example.com/hold"]}),
    ),
    "before a machine": (
        StallReason.POD_TERMINATING,
        "Terminating$",
        pod("wf.train", metadata=TERMINATING, spec={"nodeName": ""}),
    ),
    "a failed init container": (
        StallReason.POD_GONE,
        "init container setup exited with code 1",
        pod("wf.train", phase="Failed", init=[container("setup", 1)]),
    ),
}


@pytest.mark.parametrize("kind", STUCK)
def test_a_pod_that_keeps_its_step_from_ending_is_found(kind: str) -> None:
    reason, words, stuck = STUCK[kind]
    finding, world = found(workflow(ROOT, STEP), stuck)
    assert finding is not None
    assert finding.suspicion.reason == reason
    assert re.search(words, finding.suspicion.message)
    assert finding.suspicion.node_id == "wf.train"
    began = 360 if reason == StallReason.POD_TERMINATING else 18
    is_saving = reason == StallReason.MAIN_ENDED and "wait" in words + kind
    grace = 1800 if is_saving else 300
    assert timedelta(seconds=began + grace) <= world.now - START <= timedelta(seconds=began + grace + 60)


def test_a_finding_stays_when_the_pods_that_led_to_it_are_dropped_to_save_memory() -> None:
    document = workflow(ROOT, STEP)
    _, world = found(document, STUCK["a finalizer"][2])
    name, snapshot = next(iter(world.workflows.items()))
    running = world.running.get(name)
    assert running is not None
    assert world.stored[name].reason == StallReason.POD_TERMINATING
    world.running.remember_pods(name, running.stall, None)
    world.now += timedelta(seconds=1)
    inspection = asyncio.run(world.inspect(snapshot))
    assert not inspection.verdict.is_known
    assert name in world.stored


@pytest.mark.parametrize(
    ("stuck", "words"),
    [
        (pod("wf.train", *DONE, phase="Succeeded"), "has succeeded"),
        (pod("wf.train", container("main", 3), phase="Failed"), "main exited with code 3"),
        (pod("wf.train", phase="Failed", status={"reason": "Evicted"}), "Evicted"),
        (pod("wf.train", phase="Failed"), "has failed, and"),
    ],
)
def test_a_pod_that_ended_unnoticed_shows_that_the_controller_is_silent(stuck: dict[str, Any], words: str) -> None:
    finding, world = found(workflow(ROOT, STEP), stuck)
    assert finding is not None
    assert finding.suspicion.reason == StallReason.CONTROLLER_SILENT
    assert words in finding.suspicion.message
    assert world.activity.announce()
    assert not world.activity.announce()


def test_a_pod_that_ended_unnoticed_is_named_while_the_controller_works_on_other_runs() -> None:
    world = StallWorld(START)
    world.put_pod(pod("wf.train", *DONE, phase="Succeeded"))
    hung = world.put(workflow(ROOT, STEP))

    async def poll() -> StallFinding | None:
        for minute in range(12):
            end = world.now - START
            busy = node("", "Running", "Steps", children=[])
            moved = node("train", "Succeeded", end=end.total_seconds())
            await world.poll(world.put(workflow(busy, moved, name="other", version=str(200 + minute))))
            finding = await world.poll(hung)
            if finding:
                return finding
            world.now += timedelta(seconds=60)
        return None

    finding = asyncio.run(poll())
    assert finding is not None
    assert finding.suspicion.reason == StallReason.POD_GONE


def test_a_pod_that_is_gone_is_found() -> None:
    finding, _ = found(workflow(ROOT, STEP))
    assert finding is not None
    assert (finding.suspicion.reason, finding.suspicion.node_id) == (StallReason.POD_GONE, "wf.train")
    assert finding.since_at == START + timedelta(seconds=180)


def test_the_result_of_a_pod_that_succeeded_is_missed() -> None:
    document = workflow(ROOT, STEP, status={"taskResultsCompletionStatus": {"wf.train": False}})
    finding, world = found(document, pod("wf.train", *DONE, phase="Succeeded"))
    assert finding is not None
    assert finding.suspicion.reason == StallReason.TASK_RESULT_MISSING
    assert timedelta(seconds=900) <= world.now - START <= timedelta(seconds=18 + 900 + 60)


@pytest.mark.parametrize(
    ("agent", "reason"),
    [
        (pod("agent", phase="Failed", metadata={"name": "wf-1-agent"}), "AgentGone"),
        (pod("agent", container("main", 0), metadata={"name": "wf-1-agent"}), "AgentGone"),
        (pod("agent", container("main"), metadata={"name": "wf-1-agent"}), None),
    ],
)
def test_steps_that_wait_for_a_dead_agent_are_found(agent: dict[str, Any], reason: str | None) -> None:
    assert reason_of(workflow(ROOT, node("call", "Running", "HTTP")), agent) == reason


def test_the_machine_of_a_dead_agent_is_named() -> None:
    status = {"reason": "Evicted"}
    dead = pod("agent", phase="Failed", metadata={"name": "wf-1-agent"}, spec={"nodeName": "host-7"}, status=status)
    finding, _ = found(workflow(ROOT, node("call", "Running", "HTTP")), dead)
    assert finding is not None
    assert finding.suspicion.message.endswith("whose pod wf-1-agent has failed on machine host-7 (Evicted)")


def test_an_agent_that_does_not_exist_is_only_missed_by_steps_that_it_has_not_taken_up() -> None:
    assert reason_of(workflow(ROOT, node("call", "Pending", "HTTP"))) == "AgentGone"
    assert reason_of(workflow(ROOT, node("call", "Running", "Plugin"))) is None


def test_containers_of_a_set_are_its_main_containers() -> None:
    nodes = [ROOT, STEP, node("a", "Succeeded", "Container", boundaryID="wf.train")]
    nodes.append(node("b", "Running", "Container", boundaryID="wf.train"))
    assert reason_of(workflow(*nodes), pod("wf.train", container("a", 0), container("b"), container("wait"))) is None
    ended = pod("wf.train", container("a", 0), container("b", 1), container("wait"))
    assert reason_of(workflow(*nodes), ended) == "MainEnded"


def test_a_pod_without_the_annotation_is_found_by_its_name() -> None:
    own = pod("wf.train", *DONE, container("dind"), metadata={"name": "wf-work-1", "annotations": {}})
    own["metadata"]["name"] = "wf"
    root = node("")
    assert reason_of(workflow(root), own) == "MainEnded"


def test_a_container_set_whose_containers_are_no_steps_yet_ends_with_all_but_argos_containers() -> None:
    ended = pod("wf.train", container("a", 0), container("b", 3), container("wait"))
    finding, _ = found(workflow(ROOT, STEP), ended)
    assert finding is not None
    assert "exited with code 3, and wait keeps the pod alive" in finding.suspicion.message
    runs = pod("wf.train", container("a", 0), container("b"), container("wait"))
    assert reason_of(workflow(ROOT, STEP), runs) is None


# --- from the Workflow alone


def test_a_run_without_any_active_step_is_found() -> None:
    finding, world = found(workflow(ROOT, node("train", "Succeeded")))
    assert finding is not None
    assert finding.suspicion.reason == StallReason.NOTHING_SCHEDULED
    assert world.now - START <= timedelta(seconds=20 + 300 + 60)
    assert finding.since_at == START + timedelta(seconds=20)


ENDED = node("", "Succeeded", "DAG", children=["wf.train"])
WITHOUT_STEPS = {
    "no nodes": (workflow(), "NothingScheduled"),
    "ended, not completed": (workflow(ENDED, node("train", "Succeeded")), "NothingScheduled"),
    "exit handler": (workflow(ENDED, spec={"onExit": "bye"}), "ExitHandlerNotStarted"),
    "exit hook": (workflow(ENDED, spec={"hooks": {"exit": {"template": "bye"}}}), "ExitHandlerNotStarted"),
    "exit handler of a template": (
        workflow(ENDED, status={"storedWorkflowTemplateSpec": {"onExit": "bye"}}),
        "ExitHandlerNotStarted",
    ),
    "exit handler ran": (
        workflow(ENDED, node("onExit", "Succeeded"), spec={"onExit": "bye"}),
        "NothingScheduled",
    ),
    "suspended and terminated": (
        workflow(ROOT, node("train", "Failed"), spec={"suspend": True, "shutdown": "Terminate"}),
        "SuspendedAndTerminated",
    ),
    "suspended": (workflow(ROOT, node("train", "Failed"), spec={"suspend": True}), None),
    "result": (
        workflow(
            ROOT, node("train", "Succeeded"), status={"taskResultsCompletionStatus": {"wf.train": False, "x": True}}
        ),
        "TaskResultMissing",
    ),
    "result of Argo 4": (workflow(ROOT, node("train", "Succeeded", taskResultSynced=False)), "TaskResultMissing"),
    "daemon": (workflow(ROOT, node("db", daemoned=True), node("train", "Succeeded")), "NothingScheduled"),
    "not started": (workflow(phase=""), None),
    "nodes offloaded": (workflow(status={"nodes": None, "offloadNodeStatusVersion": "fnv:1"}), None),
}


@pytest.mark.parametrize("kind", WITHOUT_STEPS)
def test_a_run_that_waits_for_nothing_is_found(kind: str) -> None:
    document, reason = WITHOUT_STEPS[kind]
    assert reason_of(document) == reason


@pytest.mark.parametrize("place", ["spec", "template"])
def test_daemons_that_use_up_the_parallelism_of_their_run_are_named(place: str) -> None:
    limit = {"parallelism": 2}
    where = {"spec": limit} if place == "spec" else {"status": {"storedWorkflowTemplateSpec": limit}}
    one, other = node("db", daemoned=True), node("cache", daemoned=True)
    finding, _ = found(workflow(ROOT, one, other, **where))
    assert finding is not None
    assert finding.suspicion.message == (
        "daemons use up the Workflow's parallelism of 2, so no other step can start: db, cache"
    )
    alone, _ = found(workflow(ROOT, one, node("train", "Succeeded"), **where))
    assert alone is not None
    assert alone.suspicion.message == "no step runs or waits, and Argo has not created the next one"


def test_a_backoff_that_is_long_over_is_found() -> None:
    backoff = node("train", "Running", "Retry", message="Backoff for 2 minutes 30 seconds", children=["wf.train(0)"])
    document = workflow(node("", kind="DAG"), backoff, node("train(0)", "Failed"))
    finding, _ = found(document)
    assert finding is not None
    assert finding.suspicion.reason == StallReason.NOTHING_SCHEDULED
    assert finding.since_at == START + timedelta(seconds=20 + 150)
    unknown = workflow(node("", kind="DAG"), node("train", "Running", "Retry", message="Backoff for a while"))
    assert reason_of(unknown) == "NothingScheduled"


def test_a_blocked_deletion_is_found_and_tried_again_in_time() -> None:
    meta: dict[str, Any] = {"deletionTimestamp": stamp(100), "finalizers": ["workflows.argoproj.io/artifact-gc"]}
    meta |= {"labels": {"workflows.argoproj.io/completed": "true"}}
    world = StallWorld(START + timedelta(seconds=100))
    snapshot = world.put(workflow(node("", "Failed"), phase="Failed", metadata=meta))
    inspection = asyncio.run(world.inspect(snapshot))
    assert (inspection.verdict.finding, inspection.requeue_after_seconds) == (None, 900)
    world.now += timedelta(seconds=900)
    inspection = asyncio.run(world.inspect(snapshot))
    assert inspection.verdict.finding is not None
    assert inspection.verdict.finding.suspicion.reason == StallReason.DELETION_BLOCKED
    assert inspection.requeue_after_seconds is None


@pytest.mark.parametrize(("message", "words"), [("pod x failed", "pod x failed"), ("", "could not delete")])
def test_artifacts_that_cannot_be_deleted_are_found_at_once(message: str, words: str) -> None:
    condition = {"type": "ArtifactGCError", "status": "True", "message": message}
    document = workflow(node("", "Succeeded"), phase="Succeeded", status={"conditions": [condition]})
    finding, _ = found(document)
    assert finding is not None
    assert finding.suspicion.reason == StallReason.ARTIFACT_GC_FAILED
    assert words in finding.suspicion.message
    condition["status"] = "False"
    assert reason_of(document) is None


@pytest.mark.parametrize("phase", ["Running", "Pending"])
def test_a_pod_that_works_is_not_stalled_although_its_result_is_not_complete_yet(phase: str) -> None:
    unsynced = node("train", phase, taskResultSynced=False)
    document = workflow(ROOT, unsynced, status={"taskResultsCompletionStatus": {"wf.train": False}})
    finding, _ = found(document, pod("wf.train", *WORKING), seconds=8 * HOUR)
    assert finding is None


def test_a_step_that_is_pending_for_argo_is_named_so() -> None:
    pods = PodsSeen({"wf.train": decode_pod(pod("wf.train", phase="Failed"))})
    snapshot = decode_workflow(workflow(ROOT, node("train", "Pending")))
    (suspicion,) = pod_suspicions(snapshot, pods, StallGraces())
    assert suspicion.message.endswith("and Argo reports the step as pending")


# --- locks

WAITING = node("train", "Pending", synchronizationStatus={"waiting": LOCK})


def waits_for(*holders: str, kind: str = "mutex") -> dict[str, Any]:
    entry = {"mutex": LOCK, "holder": holders[0]} if kind == "mutex" else {"semaphore": LOCK, "holders": list(holders)}
    return workflow(ROOT, WAITING, status={"synchronization": {kind: {"waiting": [entry]}}})


def test_a_lock_of_a_holder_that_does_not_exist_is_leaked() -> None:
    finding, world = found(waits_for("team/gone/gone-1"))
    assert finding is not None
    assert (finding.suspicion.reason, finding.suspicion.node_id) == (StallReason.LOCK_LEAKED, "wf.train")
    assert "team/gone/gone-1 (gone)" in finding.suspicion.message
    assert world.now - START <= timedelta(seconds=60 + 300 + 60)


def test_a_lock_of_a_holder_that_has_ended_is_leaked() -> None:
    ended = workflow(phase="Succeeded", name="first")
    finding, _ = found(waits_for("team/first"), others=(ended,))
    assert finding is not None
    assert "team/first (ended)" in finding.suspicion.message


def test_a_lock_of_a_step_of_the_same_run_is_leaked_when_the_step_has_ended() -> None:
    document = waits_for("team/wf/wf.first")
    document["status"]["nodes"]["wf.first"] = node("first", "Succeeded")
    assert reason_of(document) == "LockLeaked"
    document["status"]["nodes"]["wf.first"] = node("first", "Pending")
    assert reason_of(document) is None


def test_a_workflow_that_waits_for_a_leaked_lock_itself_is_found() -> None:
    entry = {"mutex": LOCK, "holder": "team/gone"}
    document = workflow(phase="Pending", status={"synchronization": {"mutex": {"waiting": [entry]}}})
    finding, _ = found(document)
    assert finding is not None
    assert finding.suspicion.message.startswith("the Workflow waits")


@pytest.mark.parametrize("holder", ["other/first", "controller/team/first/x", ""])
def test_a_holder_of_another_namespace_or_cluster_is_unknown(holder: str) -> None:
    assert reason_of(waits_for(holder)) is None


def test_a_lock_that_another_run_got_meanwhile_is_not_leaked() -> None:
    held = {"synchronization": {"mutex": {"holding": [{"mutex": LOCK, "holder": "team/second"}]}}}
    second = workflow(node("", kind="DAG"), node("work"), name="second", status=held)
    finding, _ = found(waits_for("team/gone"), pod("wf.work", *WORKING, owner="second"), others=(second,))
    assert finding is None


def test_since_when_another_run_of_the_namespace_holds_a_lock_is_known() -> None:
    holding = [{"mutex": LOCK, "holder": "team/second"}, {"mutex": "team/Mutex/b", "holder": "team/second/wf.work"}]
    held = {"synchronization": {"mutex": {"holding": [*holding, {"mutex": "team/Mutex/c"}]}}}
    second = workflow(node("", kind="DAG"), node("work", start=40), name="second", status=held)
    third = workflow(name="third", status={"synchronization": {"mutex": {"holding": holding}}, "startedAt": None})
    world = StallWorld(START + timedelta(seconds=90))
    for document in (second, second, third):
        asyncio.run(world.inspect(world.put(document)))
    waiter = waits_for("team/second", "team/second/wf.work", "other/second", "team/gone", kind="semaphore")
    snapshot = world.put(waiter)
    asyncio.run(world.inspect(snapshot))
    expected = {"team/second": START, "team/second/wf.work": START + timedelta(seconds=40)}
    assert asyncio.run(world.inspect(snapshot)).verdict.lock_holds == expected
    world.error = ServerError("no", status=500)
    world.now += timedelta(seconds=1000)
    inspection = asyncio.run(world.inspect(snapshot))
    assert inspection.verdict.lock_holds == expected


def test_a_semaphore_with_a_running_holder_is_not_leaked() -> None:
    document = waits_for("team/gone", "team/first", kind="semaphore")
    first = workflow(node("", kind="DAG"), node("work"), name="first")
    finding, _ = found(document, pod("wf.work", *WORKING, owner="first"), others=(first,), seconds=HOUR)
    assert finding is None


# --- a controller that is down


def test_several_runs_that_nobody_takes_up_are_one_finding() -> None:
    finding, world = found(workflow(phase=""), others=(workflow(phase="", name="second"),))
    assert finding is not None
    assert finding.suspicion.reason == StallReason.CONTROLLER_SILENT
    assert finding.since_at == START
    assert world.now - START <= timedelta(seconds=300 + 60)


def test_new_workflows_do_not_show_that_the_controller_works() -> None:
    world = StallWorld(START)
    waiting = [world.put(submitted(number, world)) for number in range(2)]
    for number in range(2, 60):
        if asyncio.run(world.poll_for(60, *waiting)):
            break
        waiting.append(world.put(submitted(number, world)))
    assert {one.reason for one in world.stored.values()} == {"ControllerSilent"}
    assert world.now - START <= timedelta(seconds=300 + 60)


def submitted(number: int, world: StallWorld) -> dict[str, Any]:
    """Return a Workflow that was just created, and that no controller has written yet."""
    created_at = f"{world.now:%Y-%m-%dT%H:%M:%SZ}"
    metadata = {"name": f"wf-{number}", "namespace": NAMESPACE, "uid": f"u-{number}", "resourceVersion": f"{number}"}
    return {"metadata": metadata | {"creationTimestamp": created_at}, "spec": {"entrypoint": "main"}}


def test_the_finding_ends_when_the_controller_goes_on() -> None:
    world = StallWorld(START)
    world.put_pod(pod("wf.train", *DONE, phase="Succeeded"))
    assert asyncio.run(world.poll_for(HOUR, world.put(workflow(ROOT, STEP)))) is not None
    assert world.activity.silent_since_at(world.now) is not None
    seconds = (world.now - START).total_seconds()
    went_on = workflow(ROOT, node("train", "Succeeded", end=18), node("next", start=seconds), version="101")
    world.put_pod(pod("wf.next", *WORKING, created=seconds))
    assert asyncio.run(world.poll(world.put(went_on))) is None
    assert world.activity.silent_since_at(world.now) is None
    assert world.stored == {}


def test_a_controller_that_goes_on_has_a_grace_time_to_catch_up() -> None:
    world = StallWorld(START)
    documents = [workflow(ROOT, STEP), workflow(ROOT, STEP, name="second")]
    for document in documents:
        world.put_pod(pod("wf.train", *DONE, phase="Succeeded", owner=document["metadata"]["name"]))
        document["metadata"] |= {"uid": "uid-" + document["metadata"]["name"]}
    world.pods["second"] = world.pods["pod-wf.train"]
    world.put_pod(pod("wf.train", *DONE, phase="Succeeded"))
    first, second = (world.put(document) for document in documents)
    assert asyncio.run(world.poll_for(HOUR, first, second)) is not None
    asyncio.run(world.poll_for(HOUR, second))
    assert {one.reason for one in world.stored.values()} == {"ControllerSilent"}
    seconds = (world.now - START).total_seconds()
    went_on = world.put(workflow(ROOT, node("train", "Succeeded", end=18), node("b", start=seconds), version="101"))
    world.put_pod(pod("wf.b", *WORKING, created=seconds))
    assert asyncio.run(world.poll_for(299, went_on, second)) is None
    assert world.stored == {}
    asyncio.run(world.poll_for(HOUR, second, went_on))
    assert world.stored[NAMESPACE, "second"].reason == "PodGone"


def test_a_run_that_was_deleted_proves_nothing() -> None:
    world = StallWorld(START)
    world.put_pod(pod("wf.train", *DONE, phase="Succeeded"))
    asyncio.run(world.poll_for(HOUR, world.put(workflow(ROOT, STEP))))
    world.running.discard((NAMESPACE, "wf"))
    assert world.activity.silent_since_at(world.now) is None


# --- what is read, and what is remembered


def test_a_finding_survives_a_restart_and_a_failing_api_server() -> None:
    finding, before = found(workflow(ROOT, STEP), pod("wf.train", *DONE, container("dind")))
    assert finding is not None
    world = StallWorld(before.now)
    world.stored, world.pods = before.stored, before.pods
    snapshot = world.put(workflow(ROOT, STEP))
    stored = dict(world.stored)
    assert not asyncio.run(world.inspect(snapshot)).verdict.is_known
    world.error = ServerError("busy", status=500)
    assert not asyncio.run(world.inspect(snapshot)).verdict.is_known
    world.error = None
    assert asyncio.run(world.poll(snapshot)) is not None
    assert world.stored == stored


def test_a_holder_that_cannot_be_read_is_unknown() -> None:
    world = StallWorld(START)
    world.error = ServerError("busy", status=500)
    assert asyncio.run(world.poll_for(HOUR, world.put(waits_for("team/gone")))) is None


def test_a_run_that_is_well_is_read_ever_more_rarely() -> None:
    finding, world = found(workflow(ROOT, STEP), pod("wf.train", *WORKING), seconds=8 * HOUR)
    assert finding is None
    assert world.lists <= 3 + 8 * HOUR / 900 + 1


def test_a_run_of_young_steps_is_not_read() -> None:
    _, world = found(workflow(ROOT, STEP), pod("wf.train", *WORKING), seconds=120)
    assert world.lists == 0


def test_pods_beyond_the_limit_are_not_gone() -> None:
    others = [pod(f"wf.item{number}", *WORKING) for number in range(501)]
    assert reason_of(workflow(ROOT, STEP), *others) is None


def test_pods_of_another_workflow_of_this_name_do_not_count() -> None:
    foreign = pod("wf.train", *DONE, container("dind"))
    foreign["metadata"]["ownerReferences"][0]["uid"] = "another"
    assert reason_of(workflow(ROOT, STEP), foreign) == "PodGone"


def test_the_pod_of_an_earlier_run_does_not_count() -> None:
    retried = workflow(ROOT, node("train", start=1800))
    assert reason_of(retried, pod("wf.train", *DONE, phase="Succeeded"), seconds=2 * HOUR) is None


# --- long and healthy

SUSPENDED = node("approve", "Running", "Suspend")
IMAGE_PULL = {"name": "main", "state": {"waiting": {"reason": "ContainerCreating"}}}
HALF_AN_HOUR = node("train", "Running", "Retry", message="Backoff for 30 minutes 0 seconds", children=["wf.train(0)"])
FIRST = workflow(
    node("", kind="DAG"),
    node("work"),
    name="first",
    status={"synchronization": {"mutex": {"holding": [{"mutex": LOCK, "holder": "team/first"}]}}},
)
HEALTHY: dict[str, tuple[dict[str, Any], list[dict[str, Any]], float, tuple[dict[str, Any], ...]]] = {
    "eight hours of training": (workflow(ROOT, STEP), [pod("wf.train", *WORKING)], 8 * HOUR, ()),
    "a training with a sidecar": (
        workflow(ROOT, STEP),
        [pod("wf.train", *WORKING, container("istio-proxy"))],
        8 * HOUR,
        (),
    ),
    "a suspension": (workflow(ROOT, SUSPENDED), [], 24 * HOUR, ()),
    "a suspended Workflow": (workflow(ROOT, node("train", "Succeeded"), spec={"suspend": True}), [], 24 * HOUR, ()),
    "a slow image pull": (
        workflow(ROOT, node("train", "Pending", message="ContainerCreating")),
        [pod("wf.train", IMAGE_PULL, phase="Pending")],
        HOUR,
        (),
    ),
    "a backoff of half an hour": (
        workflow(node("", kind="DAG"), HALF_AN_HOUR, node("train(0)", "Failed")),
        [],
        HOUR / 2,
        (),
    ),
    "a lock held for an hour": (waits_for("team/first"), [pod("wf.work", *WORKING, owner="first")], HOUR, (FIRST,)),
    "outputs of half an hour": (workflow(ROOT, STEP), [pod("wf.train", *SAVING)], HOUR / 2, ()),
    "a lone run that waits for the controller": (workflow(phase=""), [], HOUR, ()),
}


@pytest.mark.parametrize("kind", HEALTHY)
def test_a_long_and_healthy_run_is_not_reported(kind: str) -> None:
    document, pods, seconds, others = HEALTHY[kind]
    finding, _ = found(document, *pods, seconds=seconds, others=others)
    assert finding is None

"""Verdicts for which a captured pod and its Events complete or correct Argo's message."""

import pytest
from tests.builders import a_node, at
from tests.core.pods import a_pod, an_event, ended, restarted, waits

from wfreport.api.argo import NodeType, Phase
from wfreport.api.classes import Confidence, FailureClass, Owner
from wfreport.api.kubernetes import (
    ContainerState,
    ContainerStatus,
    Event,
    EventSeries,
    Pod,
    PodCondition,
    StateTerminated,
    StateWaiting,
)
from wfreport.core.classify.rules import classify_failure
from wfreport.core.classify.symptom import Symptom
from wfreport.core.snapshot.messages import exit_code
from wfreport.core.snapshot.model import PodEvidence, Verdict

C = FailureClass
DEADLINE = "Pod was active on the node longer than the specified deadline"


def verdict_on(
    message: str,
    pod: Pod | None = None,
    *events: Event,
    node_type: str = NodeType.POD,
    phase: str = Phase.FAILED,
    recorded: str | None = None,
) -> Verdict:
    node = a_node("wf.a", phase, node_type, message=message, exit_code=recorded)
    return classify_failure(Symptom(node, message, exit_code(message, recorded), PodEvidence(pod, events)))


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("Evicted", C.EVICTED),
        ("NodeShutdown", C.NODE_LOST),
        ("Shutdown", C.NODE_LOST),
        ("Preempted", C.PREEMPTED),
        ("OutOfmemory", C.UNSCHEDULABLE),
        ("OutOfephemeral-storage", C.UNSCHEDULABLE),
        ("OutOfnvidia.com/gpu", C.UNSCHEDULABLE),
        ("UnexpectedAdmissionError", C.UNSCHEDULABLE),
        ("TopologyAffinityError", C.UNSCHEDULABLE),
        ("NodeAffinity", C.UNSCHEDULABLE),
        ("NodePorts", C.UNSCHEDULABLE),
        ("SysctlForbidden", C.CONFIG_ERROR),
        ("AppArmor", C.CONFIG_ERROR),
    ],
)
def test_a_class_by_the_pods_reason_has_high_confidence(reason: str, expected: FailureClass) -> None:
    verdict = verdict_on("odd", a_pod(reason=reason))
    assert (verdict.failure_class, verdict.reason, verdict.confidence, verdict.evidence) == (
        expected, reason, Confidence.HIGH, "pod.status.reason",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("status", "expected"), [("True", C.PREEMPTED), ("False", C.KILLED)], ids=["disrupted", "averted"]
)
def test_a_disruption_condition_counts_only_if_its_status_is_true(status: str, expected: FailureClass) -> None:
    condition = PodCondition(type="DisruptionTarget", status=status, reason="PreemptionByScheduler")
    ready = PodCondition(type="Ready", status="True", reason="DeletionByPodGC")
    verdict = verdict_on("main: Error (exit code 143)", a_pod(ended("main", 143), conditions=[ready, condition]))
    assert verdict.failure_class == expected
    assert verdict.reason == ("PreemptionByScheduler" if expected == C.PREEMPTED else "Error")


def test_an_eviction_for_the_pods_own_limit_is_not_retryable() -> None:
    text = 'Usage of EmptyDir volume "s" exceeds the limit "10Mi". '
    verdict = verdict_on("main: Error (exit code 143)", a_pod(reason="Evicted", message=text))
    assert (verdict.owner, verdict.retryable) == (Owner.USER, False)
    lost = verdict_on("odd", a_pod(reason="NodeLost", message=text))
    assert (lost.owner, lost.retryable) == (Owner.INFRASTRUCTURE, True), "only an eviction can be for a limit"


WORDLESS = [
    "main: Error (exit code 143)",
    "main: Error (exit code 137)",
    "pod deleted",
    "container deleted",
    "Pod failed before main container starts due to ContainerCreating: ",
    "pod failed: neither main nor wait container completed successfully",
]


@pytest.mark.parametrize("message", WORDLESS)
@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ("Preempted Preempted by pod 2b1c on node n1", C.PREEMPTED),
        ("NodeNotReady Node is not ready", C.NODE_LOST),
        ("TaintManagerEviction Marking for deletion Pod ns/p", C.NODE_LOST),
        ("Evicted Evicted pod", C.EVICTED),
        ("ScaleDown deleting pod for node scale down", C.EVICTED),
        ("Descheduled pod evicted from n1 node by sigs.k8s.io/descheduler", C.EVICTED),
    ],
)
def test_events_give_the_class_of_a_pod_that_ended_without_a_cause(
    message: str, event: str, expected: FailureClass
) -> None:
    verdict = verdict_on(message, None, an_event("Killing Stopping container main"), an_event(event))
    assert (verdict.failure_class, verdict.confidence, verdict.evidence, verdict.reason) == (
        expected, Confidence.HIGH, "pod.events", event.split(" ", 1)[0],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("message", "event", "expected"),
    [
        ("main: Error (exit code 1)", "Preempted by pod", C.EXIT_CODE),
        ("main: OOMKilled (exit code 137)", "NodeNotReady Node is not ready", C.OOM_KILLED),
        ("pod deleted", "TaintManagerEviction Cancelling deletion of Pod ns/p", C.POD_DELETED),
        ("pod deleted", "Killing Stopping container main", C.POD_DELETED),
        ("main: Error (exit code 143)", "EvictedSomehow x", C.KILLED),
    ],
)
def test_events_do_not_change_the_class_of_a_step_that_ended_by_itself(
    message: str, event: str, expected: FailureClass
) -> None:
    assert verdict_on(message, None, an_event(event)).failure_class == expected


PULL = "Failed Error: ErrImagePull"


@pytest.mark.parametrize(
    ("pod", "events", "expected"),
    [
        pytest.param(None, [(PULL, 5)], C.IMAGE_PULL, id="never started"),
        pytest.param(None, [("Started wait", 4), (PULL, 5)], C.IMAGE_PULL, id="only another container had started"),
        pytest.param(None, [("Started wait", 5), (PULL, 5)], C.IMAGE_PULL, id="in the same second"),
        pytest.param(None, [(PULL, 5), ("Started main", 6)], C.TIMEOUT, id="started afterwards"),
        pytest.param(None, [(PULL, None), ("Started main", 6)], C.TIMEOUT, id="an Event without a time is old"),
        pytest.param(a_pod(ended("main", 137)), [(PULL, 5)], C.TIMEOUT, id="it has run"),
        pytest.param(a_pod(restarted("main", 1, "Error")), [(PULL, 5)], C.TIMEOUT, id="it ran before a restart"),
        pytest.param(a_pod(ContainerStatus(name="main")), [(PULL, 5)], C.TIMEOUT, id="it runs, its state is unknown"),
        pytest.param(a_pod(ended("main", 137, ran=False)), [(PULL, 5)], C.IMAGE_PULL, id="given up before its start"),
        pytest.param(a_pod(waits("main", "PodInitializing")), [(PULL, 5)], C.IMAGE_PULL, id="it still waits"),
        pytest.param(a_pod(ended("wait", 0)), [(PULL, 5)], C.IMAGE_PULL, id="only argoexec's container ran"),
        pytest.param(
            a_pod(ended("side", 0), waits("main", "ImagePullBackOff")), [(PULL, 5)], C.IMAGE_PULL, id="a sidecar ran"
        ),
    ],
)
def test_only_a_start_that_never_succeeded_is_the_cause_of_a_deadline(
    pod: Pod | None, events: list[tuple[str, float | None]], expected: FailureClass
) -> None:
    pod_events = [an_event(text, second) for text, second in events]
    assert verdict_on(DEADLINE, pod, *pod_events).failure_class == expected


def test_the_newer_kind_of_event_has_its_time_in_its_series() -> None:
    series = Event(reason="Failed", message="Error: ErrImagePull", series=EventSeries(last_observed_time=at(7)))
    started = Event(reason="Started", message="wait", event_time=at(6))
    first = Event(reason="Started", message="init", first_timestamp=at(5))
    assert verdict_on(DEADLINE, None, first, started, series).failure_class == C.IMAGE_PULL


@pytest.mark.parametrize(
    ("events", "expected", "owner", "retryable"),
    [
        ([PULL, "Failed Failed to pull image: dial tcp: i/o timeout"], C.IMAGE_PULL, Owner.INFRASTRUCTURE, True),
        ([PULL, "Failed Failed to pull image: manifest unknown"], C.IMAGE_PULL, Owner.USER, False),
        (['FailedMount MountVolume.SetUp failed: secret "x" not found'], C.CONFIG_ERROR, Owner.USER, False),
        (["FailedMount timed out waiting for the condition"], C.CONFIG_ERROR, Owner.INFRASTRUCTURE, True),
        (["FailedAttachVolume Multi-Attach error for volume"], C.CONFIG_ERROR, Owner.INFRASTRUCTURE, True),
        (["FailedScheduling 0/1 nodes are available"], C.UNSCHEDULABLE, Owner.INFRASTRUCTURE, True),
        (["FailedCreatePodSandBox network: i/o timeout"], C.UNSCHEDULABLE, Owner.INFRASTRUCTURE, True),
    ],
)
def test_the_cause_of_a_failed_start_gives_the_owner(
    events: list[str], expected: FailureClass, owner: Owner, retryable: bool
) -> None:
    verdict = verdict_on(DEADLINE, a_pod(reason="DeadlineExceeded"), *map(an_event, events))
    assert (verdict.failure_class, verdict.owner, verdict.retryable) == (expected, owner, retryable)
    assert (verdict.confidence, verdict.evidence) == (Confidence.HIGH, "pod.events")


@pytest.mark.parametrize(
    ("reason", "confidence", "evidence"),
    [
        ("DeadlineExceeded", Confidence.HIGH, "pod.status.reason"),
        ("", Confidence.MEDIUM, "node.message"),
    ],
)
def test_a_deadline_recorded_by_the_pod_has_high_confidence(reason: str, confidence: Confidence, evidence: str) -> None:
    verdict = verdict_on(DEADLINE, a_pod(ended("main", 143), reason=reason))
    assert (verdict.failure_class, verdict.confidence, verdict.evidence) == (C.TIMEOUT, confidence, evidence)


KILLED = [
    pytest.param(
        "main: Error (exit code 1)", [ended("main", 1, "OOMKilled")], "main", Owner.USER, id="a child of main"
    ),
    pytest.param("pod deleted", [ended("main", 137, "OOMKilled")], "main", Owner.USER, id="before Argo noticed it"),
    pytest.param(
        "main: Error (exit code 65)",
        [ended("supervisor", 137, "OOMKilled")],
        "supervisor",
        Owner.PLATFORM,
        id="the supervisor",
    ),
    pytest.param(
        "main: Error (exit code 64)",
        [ended("side", 137, "OOMKilled"), ended("wait", 137, "OOMKilled")],
        "wait",
        Owner.PLATFORM,
        id="argoexec's, not the sidecar",
    ),
    pytest.param(
        "pod failed: wait container did not complete successfully",
        [ended("wait", 137, "OOMKilled")],
        "wait",
        Owner.PLATFORM,
        id="wait, unnamed",
    ),
    pytest.param(
        "main: Error (exit code 137)",
        [ended("side", 137, "OOMKilled")],
        "side",
        Owner.USER,
        id="a sidecar with main killed",
    ),
    pytest.param(
        "main: Error (exit code 1)", [restarted("main", 137, "OOMKilled")], "main", Owner.USER, id="before a restart"
    ),
]


def test_a_deadline_recorded_by_the_pod_alone_is_recognised() -> None:
    verdict = verdict_on("main: Error (exit code 143)", a_pod(ended("main", 143), reason="DeadlineExceeded"))
    assert (verdict.failure_class, verdict.reason) == (C.TIMEOUT, "DeadlineExceeded")


@pytest.mark.parametrize(
    ("error", "container"),
    [
        ("failed to save outputs: bucket is full", "wait"),
        ("failed to load artifact /outputs/a", "init"),
        ("no space left on device", "init"),
    ],
)
def test_an_error_of_argoexec_is_of_the_container_that_does_such_a_thing(error: str, container: str) -> None:
    assert verdict_on(f"Error (exit code 64): {error}", phase=Phase.ERROR).container == container


def test_only_pod_nodes_are_daemons() -> None:
    daemon = verdict_on("", recorded="0")
    assert (daemon.reason, daemon.confidence, daemon.evidence) == ("DaemonExited", "Medium", "node.outputs.exitCode")
    assert verdict_on("", node_type=NodeType.RETRY, recorded="0").failure_class == C.UNKNOWN
    assert verdict_on("odd", recorded="0").failure_class == C.UNKNOWN


def test_a_container_that_ran_before_a_restart_has_started() -> None:
    """``lastState`` is present and empty in a container that never ran before."""
    terminated = StateTerminated(exit_code=1, reason="Error", started_at=at(0))
    waiting = ContainerState(waiting=StateWaiting(reason="CrashLoopBackOff"))
    before = ContainerStatus(name="main", state=waiting, last_state=ContainerState(terminated=terminated))
    never = ContainerStatus(name="main", state=waiting, last_state=ContainerState())
    assert verdict_on(DEADLINE, a_pod(before), an_event(PULL, 5)).failure_class == C.TIMEOUT
    assert verdict_on(DEADLINE, a_pod(never), an_event(PULL, 5)).failure_class == C.IMAGE_PULL


@pytest.mark.parametrize(
    ("message", "pod", "stored_wait", "expected", "evidence"),
    [
        (DEADLINE, None, PULL, C.IMAGE_PULL, "report.waiting"),
        ("timeout", None, "Unschedulable: 0/3 nodes are available", C.UNSCHEDULABLE, "report.waiting"),
        (DEADLINE, a_pod(ended("main", 143)), PULL, C.TIMEOUT, "node.message"),
        (DEADLINE, None, "Backoff for 10 seconds", C.TIMEOUT, "node.message"),
        (DEADLINE, None, "", C.TIMEOUT, "node.message"),
        ("main: Error (exit code 1)", None, PULL, C.EXIT_CODE, "exit code"),
    ],
)
def test_a_stored_wait_is_the_cause_of_a_deadline_if_the_pod_is_gone(
    message: str, pod: Pod | None, stored_wait: str, expected: FailureClass, evidence: str
) -> None:
    node = a_node("wf.a", Phase.FAILED, message=message)
    verdict = classify_failure(
        Symptom(node, message, exit_code(message, None), PodEvidence(pod), stored_waiting_text=stored_wait)
    )
    assert (verdict.failure_class, verdict.evidence) == (expected, evidence)
    assert verdict.confidence == Confidence.MEDIUM


STARTED = [
    Event(reason="Started", message="main", last_timestamp=at(9), first_timestamp=at(1)),
    Event(reason="Started", message="main", event_time=at(9)),
    Event(reason="Started", message="main", first_timestamp=at(9)),
]


@pytest.mark.parametrize("started", STARTED, ids=["last", "newer API", "first"])
def test_an_events_time_is_the_latest_that_it_has(started: Event) -> None:
    assert verdict_on(DEADLINE, None, an_event(PULL, 5), started).failure_class == C.TIMEOUT


def test_an_oom_kill_in_the_message_alone_has_medium_confidence() -> None:
    verdict = verdict_on("main: OOMKilled (exit code 137)", a_pod(ended("side", 1), reason=""))
    assert (verdict.confidence, verdict.evidence) == (Confidence.MEDIUM, "node.message")


@pytest.mark.parametrize(("message", "statuses", "container", "owner"), KILLED)
def test_an_oom_kill_that_the_pod_shows_is_the_cause(
    message: str, statuses: list[ContainerStatus], container: str, owner: Owner
) -> None:
    verdict = verdict_on(message, a_pod(*statuses))
    assert (verdict.failure_class, verdict.container, verdict.owner, verdict.confidence, verdict.evidence) == (
        C.OOM_KILLED, container, owner, Confidence.HIGH, "pod.containerStatuses",
    )  # fmt: skip
    assert verdict.reason == "OOMKilled"


@pytest.mark.parametrize(
    ("message", "killed", "node_type", "expected"),
    [
        ("main: Error (exit code 1)", "side", NodeType.POD, C.EXIT_CODE),
        ("main: Error (exit code 64)", "side", NodeType.POD, C.EXIT_CODE),
        ("main: Error (exit code 143)", "side", NodeType.POD, C.KILLED),
        ("a: Error (exit code 137): ", "b", NodeType.CONTAINER, C.KILLED),
    ],
)
def test_an_oom_kill_of_another_container_is_not_the_cause(
    message: str, killed: str, node_type: str, expected: FailureClass
) -> None:
    assert verdict_on(message, a_pod(ended(killed, 137, "OOMKilled")), node_type=node_type).failure_class == expected


@pytest.mark.parametrize(
    ("phase", "recorded", "statuses", "container"),
    [
        pytest.param(Phase.FAILED, None, [], "main", id="no evidence"),
        pytest.param(Phase.FAILED, "2", [], "main", id="main ended with this code"),
        pytest.param(Phase.FAILED, "0", [], None, id="main ended with 0: some sidecar"),
        pytest.param(Phase.FAILED, "0", [ended("main"), ended("nginx", 2)], "nginx", id="sidecar in the pod"),
        pytest.param(Phase.FAILED, "2", [ended("side", 2), ended("main", 2)], "main", id="main before a sidecar"),
        pytest.param(Phase.ERROR, None, [], "init", id="argoexec's, before main"),
        pytest.param(Phase.ERROR, "0", [], "wait", id="argoexec's, after main"),
        pytest.param(
            Phase.ERROR, "0", [ended("main", 2), ended("supervisor", 2)], "supervisor", id="supervisor in the pod"
        ),
    ],
)
def test_a_container_that_the_message_does_not_name_is_inferred(
    phase: str, recorded: str | None, statuses: list[ContainerStatus], container: str | None
) -> None:
    """Messages name no container before Argo 3.7."""
    pod = a_pod(*statuses) if statuses else None
    assert verdict_on("Error (exit code 2)", pod, phase=phase, recorded=recorded).container == container


def test_a_container_state_counts_as_a_failed_start_only_if_none_ended() -> None:
    waiting = waits("side", "ImagePullBackOff")
    assert verdict_on("odd", a_pod(waiting)).evidence == "pod.containerStatuses"
    assert verdict_on("main: Error (exit code 1)", a_pod(waiting)).failure_class == C.EXIT_CODE

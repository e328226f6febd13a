"""Each rule of the classifier, with messages and pods as they occur in a cluster."""

from typing import Any

import pytest
from tests.builders import a_node

from wfreport.api.argo import Metadata, NodeType, Phase
from wfreport.api.classes import CLASS_OF_WAIT, Confidence, FailureClass, Owner
from wfreport.api.kubernetes import (
    ContainerState,
    ContainerStatus,
    Event,
    ObjectReference,
    Pod,
    PodCondition,
    PodStatus,
    StateTerminated,
    StateWaiting,
)
from wfreport.core.classify import kubelet_messages
from wfreport.core.classify.rules import RULES, classify_failure
from wfreport.core.classify.symptom import Symptom
from wfreport.core.snapshot.messages import exit_code
from wfreport.core.snapshot.model import PodEvidence, Verdict


def a_pod(*statuses: ContainerStatus, reason: str = "", message: str = "", disruption: str = "") -> PodEvidence:
    conditions = [PodCondition(type="PodScheduled", status="True")]
    if disruption:
        conditions.append(PodCondition(type="DisruptionTarget", status="True", reason=disruption))
    status = PodStatus(
        phase="Failed", reason=reason, message=message, conditions=conditions, container_statuses=list(statuses)
    )
    return PodEvidence(Pod(metadata=Metadata(name="p", uid="pu"), status=status))


def ended(name: str, code: int, reason: str = "Error", message: str = "", *, before: bool = False) -> ContainerStatus:
    state = ContainerState(terminated=StateTerminated(exit_code=code, reason=reason, message=message))
    return ContainerStatus(name=name, last_state=state) if before else ContainerStatus(name=name, state=state)


def waits(name: str, reason: str, message: str = "") -> ContainerStatus:
    return ContainerStatus(name=name, state=ContainerState(waiting=StateWaiting(reason=reason, message=message)))


def events_of(*texts: str) -> PodEvidence:
    events = [
        Event(reason=t.split(" ", 1)[0], message=t.split(" ", 1)[1], involved_object=ObjectReference()) for t in texts
    ]
    return PodEvidence(None, tuple(events))


def verdict_on(
    message: str,
    evidence: PodEvidence | None = None,
    *,
    recorded: str | None = None,
    node_type: str = NodeType.POD,
    **symptom: Any,
) -> Verdict:
    node = a_node("wf.a", Phase.FAILED, node_type, message=message)
    code = exit_code(message, recorded)
    return classify_failure(Symptom(node, message, code, evidence, **symptom))


C = FailureClass
OLD, NEW = "Error (exit code 1)", "main: Error (exit code 1)"

BY_MESSAGE = [
    (OLD, C.EXIT_CODE),
    (NEW, C.EXIT_CODE),
    ("failed with exit code 1", C.EXIT_CODE),
    ("main: Error (exit code 64)", C.EXIT_CODE),
    ("main: OOMKilled (exit code 137)", C.OOM_KILLED),
    ("OOMKilled (exit code 137)", C.OOM_KILLED),
    ("main: OOMKilled (exit code 1)", C.OOM_KILLED),
    ("wait: OOMKilled (exit code 137)", C.OOM_KILLED),
    ("main: Error (exit code 137)", C.KILLED),
    ("main: Error (exit code 143)", C.KILLED),
    ("The node was low on resource: memory. Threshold quantity: 100Mi", C.EVICTED),
    ("Pod ephemeral local storage usage exceeds the total limit of containers 1Gi. ", C.EVICTED),
    ('Usage of EmptyDir volume "s" exceeds the limit "10Mi". ', C.EVICTED),
    ("Pod was terminated in response to imminent node shutdown.", C.NODE_LOST),
    ("Preempted in order to admit critical pod", C.PREEMPTED),
    ("Preempted by default/important on node n1", C.PREEMPTED),
    ("Pod was active on the node longer than the specified deadline", C.TIMEOUT),
    ("Step exceeded its deadline", C.TIMEOUT),
    ("timeout", C.TIMEOUT),
    ("retry exceeded workflow deadline 2026-11-22T03:00:00Z", C.TIMEOUT),
    ("Max duration limit exceeded", C.TIMEOUT),
    ("pod deleted", C.POD_DELETED),
    ("container deleted", C.POD_DELETED),
    ('ImagePullBackOff: Back-off pulling image "x"', C.IMAGE_PULL),
    ('ErrImagePull: rpc error: pull access denied for "x"', C.IMAGE_PULL),
    ('CreateContainerConfigError: secret "db" not found', C.CONFIG_ERROR),
    ("Unschedulable: 0/3 nodes are available: 3 Insufficient cpu.", C.UNSCHEDULABLE),
    ("init: Error (exit code 64): artifact data failed to load: The specified key does not exist.", C.ARTIFACT_IO),
    ("wait: Error (exit code 64): failed to put file: dial tcp: lookup minio: no such host", C.ARTIFACT_IO),
    ("supervisor: Error (exit code 1)", C.ARTIFACT_IO),
    ("required artifact 'data' not supplied", C.ARTIFACT_IO),
    ('main: Error (exit code 64): failed to find name in PATH: exec: "/no/such"', C.CONFIG_ERROR),
    ('pods "x" is forbidden: exceeded quota: q, requested: pods=1, used: pods=0', C.QUOTA_EXCEEDED),
    ('Pod "x" is forbidden: maximum memory usage per Container is 1Gi, but limit is 2Gi', C.QUOTA_EXCEEDED),
    ("Failed to acquire the synchronization lock. timed out", C.LOCK_WAIT),
    ("failed to initialize semaphore ns/ConfigMap/my-config/template with limit", C.CONFIG_ERROR),
    ("invalid spec: templates.main.tasks.a template name 'nosuch' undefined", C.TEMPLATE_ERROR),
    ("task 'wf.a' errored: Error applying PodSpecPatch", C.TEMPLATE_ERROR),
    ("step group deemed errored due to child wf[0].a error: failed to resolve {{x}}", C.TEMPLATE_ERROR),
    ("withParam value could not be parsed as a JSON list: heads", C.TEMPLATE_ERROR),
    ('workflowtemplates.argoproj.io "nosuch" not found', C.TEMPLATE_ERROR),
    ("task 'wf.a' errored: admission webhook \"policy\" denied the request: no", C.CONFIG_ERROR),
    ("task 'wf.a' errored: Pod \"p\" is invalid: spec.containers[1].resources", C.TEMPLATE_ERROR),
    ("workflow is longer than maximum allowed size. compressed size 2667 > maxSize 2600", C.CONTROLLER_ERROR),
    ("error in entry template execution: oh", C.CONTROLLER_ERROR),
    ("Pod failed before main container starts due to ContainerCreating: ", C.UNKNOWN),
    ("pod failed: neither main nor wait container completed successfully", C.UNKNOWN),
    ("a message without a known pattern", C.UNKNOWN),
    ("", C.UNKNOWN),
]


@pytest.mark.parametrize(("message", "expected"), BY_MESSAGE)
def test_the_message_alone_gives_a_class(message: str, expected: FailureClass) -> None:
    verdict = verdict_on(message)
    assert verdict.failure_class == expected
    assert verdict.confidence != Confidence.HIGH, "only the pod itself gives high confidence"


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("Pod failed before main container starts due to ContainerCreating: ", "ContainerCreating"),
        ("pod failed: neither main nor wait container completed successfully", "NeverStarted"),
    ],
)
def test_a_pod_that_never_started_is_attributed_to_the_machine(message: str, reason: str) -> None:
    verdict = verdict_on(message)
    assert (verdict.owner, verdict.retryable, verdict.reason) == (Owner.INFRASTRUCTURE, True, reason)


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("Evicted", C.EVICTED),
        ("Terminated", C.NODE_LOST),
        ("NodeLost", C.NODE_LOST),
        ("Preempting", C.PREEMPTED),
        ("OutOfcpu", C.UNSCHEDULABLE),
    ],
)
def test_the_reason_of_the_pod_takes_precedence_over_any_message(reason: str, expected: FailureClass) -> None:
    verdict = verdict_on("main: OOMKilled (exit code 137)", a_pod(ended("main", 137, "OOMKilled"), reason=reason))
    assert (verdict.failure_class, verdict.confidence, verdict.reason) == (expected, Confidence.HIGH, reason)


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("PreemptionByScheduler", C.PREEMPTED),
        ("DeletionByTaintManager", C.NODE_LOST),
        ("EvictionByEvictionAPI", C.EVICTED),
    ],
)
def test_a_disruption_condition_gives_the_class(reason: str, expected: FailureClass) -> None:
    assert verdict_on("main: Error (exit code 143)", a_pod(disruption=reason)).failure_class == expected


def test_an_eviction_for_the_pods_own_limit_is_owned_by_the_user() -> None:
    own = 'Usage of EmptyDir volume "s" exceeds the limit "10Mi". '
    assert verdict_on(own, a_pod(reason="Evicted", message=own)).owner == Owner.USER
    assert verdict_on(own).owner == Owner.USER
    assert (
        verdict_on("x", a_pod(reason="Evicted", message="The node was low on resource")).owner == Owner.INFRASTRUCTURE
    )


def test_a_stop_by_a_person_is_always_cancelled() -> None:
    verdict = verdict_on("main: Error (exit code 143)", a_pod(reason="Evicted"), was_stopped=True)
    assert (verdict.failure_class, verdict.retryable) == (C.CANCELLED, False)


DEADLINE = "Pod was active on the node longer than the specified deadline"


@pytest.mark.parametrize(
    ("evidence", "expected", "reason"),
    [
        (events_of("Failed Error: ErrImagePull"), C.IMAGE_PULL, "ErrImagePull"),
        (events_of('BackOff Back-off pulling image "x"'), C.IMAGE_PULL, "ImagePullBackOff"),
        (events_of('Failed Error: configmap "nope" not found'), C.CONFIG_ERROR, "CreateContainerConfigError"),
        (events_of("FailedScheduling 0/1 nodes are available"), C.UNSCHEDULABLE, "FailedScheduling"),
        (a_pod(waits("main", "ImagePullBackOff")), C.IMAGE_PULL, "ImagePullBackOff"),
        (events_of("Scheduled to n1"), C.TIMEOUT, "Timeout"),
        (a_pod(reason="DeadlineExceeded"), C.TIMEOUT, "DeadlineExceeded"),
    ],
)
def test_the_cause_of_a_deadline_is_what_the_pod_waited_for(
    evidence: PodEvidence, expected: FailureClass, reason: str
) -> None:
    verdict = verdict_on(DEADLINE, evidence)
    assert (verdict.failure_class, verdict.reason) == (expected, reason)


def test_the_workflows_deadline_is_recognised_by_the_time_of_the_kill() -> None:
    verdict = verdict_on("main: Error (exit code 143)", workflow_deadline_exceeded=True)
    assert (verdict.failure_class, verdict.reason) == (C.TIMEOUT, "WorkflowDeadlineExceeded")


def test_a_deleted_pod_on_a_failed_machine_is_a_lost_node() -> None:
    assert verdict_on("pod deleted", events_of("NodeNotReady Node is not ready")).failure_class == C.NODE_LOST
    assert verdict_on("pod deleted", events_of("Killing Stopping container")).failure_class == C.POD_DELETED


@pytest.mark.parametrize(
    ("message", "statuses", "expected", "container"),
    [
        (NEW, [ended("main", 1, "OOMKilled")], C.OOM_KILLED, "main"),
        ("main: Error (exit code 137)", [ended("main", 137, "OOMKilled", before=True)], C.OOM_KILLED, "main"),
        ("main: Error (exit code 137)", [ended("side", 137, "OOMKilled")], C.OOM_KILLED, "side"),
        (NEW, [ended("side", 137, "OOMKilled"), ended("main", 1)], C.EXIT_CODE, "main"),
        ("odd", [ended("side", 137, "OOMKilled")], C.OOM_KILLED, "side"),
    ],
)
def test_an_oom_kill_of_the_failed_container_is_the_cause(
    message: str, statuses: list[ContainerStatus], expected: FailureClass, container: str
) -> None:
    verdict = verdict_on(message, a_pod(*statuses))
    assert (verdict.failure_class, verdict.container) == (expected, container)


@pytest.mark.parametrize("container", ["wait", "init", "supervisor"])
def test_an_oom_kill_of_argos_own_containers_is_owned_by_the_platform(container: str) -> None:
    assert verdict_on(f"{container}: OOMKilled (exit code 137)").owner == Owner.PLATFORM


def test_a_container_that_could_not_start_is_recognised_by_its_state() -> None:
    waiting = verdict_on("odd", a_pod(waits("main", "CreateContainerConfigError", 'secret "x" not found')))
    ran = verdict_on("odd", a_pod(ended("main", 128, "StartError", "exec: no such file")))
    running = verdict_on("odd", a_pod(ContainerStatus(name="main"), ended("main", 128, "StartError")))
    assert {waiting.failure_class, ran.failure_class, running.failure_class} == {C.CONFIG_ERROR}
    assert waiting.confidence == Confidence.HIGH


@pytest.mark.parametrize(
    ("text", "owner", "retryable"),
    [
        ("ErrImagePull: 429 Too Many Requests", Owner.INFRASTRUCTURE, True),
        ("ErrImagePull: dial tcp 1.2.3.4:443: i/o timeout", Owner.INFRASTRUCTURE, True),
        ("ErrImagePull: manifest unknown", Owner.USER, False),
    ],
)
def test_a_registry_failure_is_not_owned_by_the_user(text: str, owner: Owner, retryable: bool) -> None:
    verdict = verdict_on(text)
    assert (verdict.owner, verdict.retryable) == (owner, retryable)


def test_a_missing_artifact_is_owned_by_the_user_and_a_broken_store_is_not() -> None:
    assert verdict_on("wait: Error (exit code 64): open /tmp/x: no such file or directory").owner == Owner.USER
    assert verdict_on("wait: Error (exit code 64): failed to put file: connection reset").owner == Owner.PLATFORM


def test_an_exit_code_of_a_signal_gives_the_signal() -> None:
    assert verdict_on("main: Error (exit code 137)").signal == 9
    assert verdict_on("main: Error (exit code 139)").signal == 11
    assert verdict_on("main: Error (exit code 255)").signal is None


def test_a_class_confirmed_by_the_pod_has_high_confidence() -> None:
    assert verdict_on(NEW, a_pod(ended("main", 1))).confidence == Confidence.HIGH
    assert verdict_on(NEW, a_pod(ended("main", 2))).confidence == Confidence.MEDIUM


@pytest.mark.parametrize(
    ("node_type", "expected", "reason"),
    [
        (NodeType.HTTP, C.EXIT_CODE, "HTTPError"),
        (NodeType.PLUGIN, C.EXIT_CODE, "PluginError"),
        (NodeType.SUSPEND, C.CANCELLED, "SuspendFailed"),
        (NodeType.TASK_GROUP, C.UNKNOWN, None),
    ],
)
def test_nodes_without_a_program_have_their_own_reasons(
    node_type: str, expected: FailureClass, reason: str | None
) -> None:
    verdict = verdict_on("received non-2xx response code: 404", node_type=node_type)
    assert (verdict.failure_class, verdict.reason) == (expected, reason)


def test_a_daemon_that_ended_with_0_is_a_failure() -> None:
    node = a_node("wf.a", Phase.FAILED, exit_code="0")
    assert classify_failure(Symptom(node, "")).reason == "DaemonExited"


def test_before_argo_3_an_out_of_memory_is_the_whole_message() -> None:
    verdict = verdict_on("OOMKilled")
    assert (verdict.failure_class, verdict.evidence) == (C.OOM_KILLED, "node.message")
    assert verdict_on("oomkilled").failure_class == C.UNKNOWN


def test_an_error_of_the_runtime_that_reads_like_a_refusal_is_a_failed_start() -> None:
    refusal = 'pods "x" is forbidden: User "system:serviceaccount:a:b" cannot create resource "pods"'
    assert verdict_on(f"main: StartError (exit code 128): {refusal}").reason == "StartError"


def test_a_container_node_names_its_container() -> None:
    node = a_node("wf.a.b", Phase.FAILED, NodeType.CONTAINER, message=NEW)
    assert classify_failure(Symptom(node, NEW, 1)).container == "b"


def test_a_workflow_without_nodes_is_classified_by_its_own_message() -> None:
    assert classify_failure(Symptom(None, "invalid spec: x")).failure_class == C.TEMPLATE_ERROR
    assert classify_failure(Symptom(None, "")).failure_class == C.UNKNOWN


def test_every_class_is_returned_by_a_rule_and_every_rule_is_documented() -> None:
    assert frozenset().union(*(rule.yields for rule in RULES)) == set(FailureClass)
    assert all(rule.meaning and rule.reads for rule in RULES)
    assert len({rule.name for rule in RULES}) == len(RULES)


def test_a_class_of_a_newer_operator_is_unknown() -> None:
    assert FailureClass("Melted") is FailureClass.UNKNOWN


@pytest.mark.parametrize(("reason", "expected"), CLASS_OF_WAIT.items())
def test_a_run_that_waits_would_fail_with_the_class_of_its_wait(reason: str, expected: FailureClass) -> None:
    by_text = [found for pattern, found in kubelet_messages.START_FAILURES if pattern.search(reason)]
    assert by_text in ([expected], [])

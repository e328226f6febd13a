"""What a person does next: every state of a run has a step, and each step is one that can be done."""

from __future__ import annotations

import itertools
import re
from typing import Any

import pytest
from msgspec.structs import replace
from tests.core.next_steps.runs import (
    WAIT_REASONS,
    a_failed,
    a_failure,
    a_stalled,
    a_step,
    a_waiting,
    lines,
    sentences,
)

from wfreport.api.classes import CLASS_OF_WAIT, FailureClass, Owner, Role
from wfreport.api.comparison import ChangedThing, Comparison, Difference
from wfreport.api.evidence import ContainerSummary, EventSummary, LogTail
from wfreport.api.failure_reasons import FailureReason
from wfreport.api.reasons import StallReason
from wfreport.api.report import (
    ObservedWorkflow,
    ReportStatus,
    Resources,
    RunRemediation,
    Stalled,
    Waiting,
    WorkflowReport,
)
from wfreport.api.run import WorkflowSource
from wfreport.core.next_steps.lines import first_lines
from wfreport.core.next_steps.model import NextStep, ReportedRun
from wfreport.core.next_steps.steps import next_steps

FORBIDDEN = (
    'Error from server (Forbidden): namespaces "x" is forbidden: User "system:serviceaccount:data:default" cannot get '
    'resource "namespaces" in API group "" in the namespace "x"'
)
FORBIDDEN_BEFORE_1_12 = (
    'namespaces is forbidden: User "system:serviceaccount:data:default" cannot get namespaces in the namespace "x"'
)


def check(steps: list[NextStep]) -> None:
    """Check the laws of all steps."""
    assert steps
    assert len(steps) <= 8
    for step in steps:
        assert step.text
        assert step.command or step.text.endswith("."), "a sentence"
        assert not step.command or step.command[0] in ("kubectl", "argo", "wfreport")
        assert all(step.command)
    assert len({(step.command or step.text, step.namespace) for step in steps}) == len(steps)


@pytest.mark.parametrize("failure_class", FailureClass)
def test_every_failure_has_next_steps_and_none_about_a_pod_that_is_gone(failure_class: FailureClass) -> None:
    ordinary: dict[str, Any] = {"owner": Owner.USER, "retryable": False, "pod_name": "p", "host_node_name": None}
    varied: list[dict[str, Any]] = [
        {"owner": owner, "retryable": retryable, "pod_name": pod, "host_node_name": host}
        for owner, retryable, pod, host in itertools.product(Owner, (True, False), (None, "p"), (None, "m"))
    ]
    for fields in [*varied, *({**ordinary, "reason": reason} for reason in FailureReason)]:
        failure = a_failure(failure_class, **fields)
        for has_workflow in (True, False):
            run = a_failed(failure, has_workflow=has_workflow, existing_pods=frozenset())
            steps = next_steps(run)
            check(steps)
            shown = lines(steps)
            assert not [line for line in shown if re.match(r"kubectl (describe pod|logs|exec|delete pod) p\b", line)]
            assert has_workflow or not [line for line in shown if line.startswith(("argo retry", "argo resubmit"))]


@pytest.mark.parametrize("reason", [*StallReason, "OfANewerVersion"])
@pytest.mark.parametrize("with_pod", [True, False])
def test_every_run_that_hangs_has_next_steps(reason: str, with_pod: bool) -> None:
    for message in (
        "",
        "main of e2e exited with code 0, and istio-proxy keeps the pod alive",
        "main of e2e exited with code 0, and wait keeps the pod alive",
        "the pod of e2e hangs in Terminating on machine gpu-12",
        "the pod of e2e hangs in Terminating; its finalizer a/b holds it",
    ):
        run = a_stalled(reason, message, with_pod=with_pod, advice="Mend it.")
        check(next_steps(run))
        assert with_pod or "pod-1" not in " ".join(lines(next_steps(run)))


@pytest.mark.parametrize("reason", WAIT_REASONS)
def test_every_run_that_waits_has_next_steps(reason: str) -> None:
    for pod_name in (None, "pod-1"):
        wait = Waiting(reason=reason, display_name="e2e", pod_name=pod_name)
        check(next_steps(a_waiting(wait)))


@pytest.mark.parametrize("failure_class", FailureClass)
def test_a_notification_of_a_failure_suggests_no_command_that_changes_something(failure_class: FailureClass) -> None:
    for retryable in (True, False):
        run = a_failed(a_failure(failure_class, "m", retryable=retryable), existing_pods=frozenset())
        assert_changes_nothing(first_lines(run))


@pytest.mark.parametrize("reason", [*StallReason, "OfANewerVersion"])
def test_a_notification_of_a_stall_suggests_no_command_that_changes_something(reason: str) -> None:
    assert_changes_nothing(first_lines(a_stalled(reason, "the pod of e2e hangs in Terminating", with_pod=True)))


def assert_changes_nothing(suggested: list[str]) -> None:
    """A reader sees neither the condition under which a change helps, nor what has happened since."""
    *_, command = suggested
    assert re.match(r"kubectl (wfreport|get|describe|logs|auth) |argo (get|list|logs) ", command), suggested
    assert len(suggested) <= 2


def test_a_run_that_succeeded_needs_nothing() -> None:
    assert (
        next_steps(ReportedRun("wf", "data", ReportStatus(observed_workflow=ObservedWorkflow(phase="Succeeded")))) == []
    )


def test_a_run_that_failed_without_a_known_cause_has_the_log_of_the_controller() -> None:
    shown = next_steps(a_failed())
    assert lines(shown)[0].startswith("kubectl logs deployment/workflow-controller")


def test_a_report_without_a_workflow_awaits_one_and_cannot_be_followed() -> None:
    steps = next_steps(ReportedRun("wf", "data", ReportStatus(reason="WorkflowNotFound"), has_workflow=False))
    assert "Submit the Workflow wf" in sentences(steps)
    assert lines(steps) == []


def test_a_run_that_is_well_can_be_followed() -> None:
    assert lines(next_steps(a_waiting())) == ["wfreport show wf --watch", "wfreport logs wf -f"]


def of_failure(failure_class: FailureClass, message: str = "", **fields: Any) -> list[NextStep]:
    return next_steps(a_failed(a_failure(failure_class, message, **fields), existing_pods=frozenset()))


def of_oom_after(changed: str, before: str, **fields: Any) -> list[NextStep]:
    """Return the next steps after an OOM of template ``test`` at 4Gi, if some limit was another one before."""
    failure = a_failure(FailureClass.OOM_KILLED, resources=Resources(limits={"memory": "4Gi"}), **fields)
    run = a_failed(failure, existing_pods=frozenset())
    changes = [
        Difference(what=ChangedThing.IMAGE, name="test", before="a:1", after="a:2"),
        Difference(what=ChangedThing.RESOURCES, name=changed, before=before, after="4Gi"),
    ]
    status = run.status.model_copy(update={"comparison": Comparison(changes=changes)})
    return next_steps(replace(run, status=status))


C = FailureClass
LOG = LogTail(text="x", lines=1, bytes=1)


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        pytest.param(
            of_failure(C.CONFIG_ERROR, FORBIDDEN),
            "kubectl auth can-i get namespaces --as system:serviceaccount:data:default", id="denied right",
        ),
        pytest.param(
            of_failure(C.CONFIG_ERROR, FORBIDDEN),
            "kubectl create clusterrolebinding test-get-namespaces --clusterrole=test-get-namespaces "
            "--serviceaccount=data:test",
            id="grant it",
        ),
        pytest.param(
            of_failure(C.CONFIG_ERROR, f"error when retrieving current configuration of: {FORBIDDEN}"),
            "kubectl create clusterrole test-get-create-patch-namespaces --verb=get,create,patch "
            "--resource=namespaces",
            id="grant what an apply needs",
        ),
        pytest.param(
            of_failure(C.CONFIG_ERROR, FORBIDDEN.replace("namespaces", "pods")),
            "kubectl create role test-get-pods --verb=get --resource=pods",
            id="grant it in a namespace",
        ),
        pytest.param(
            of_failure(C.CONFIG_ERROR, 'User "bob" cannot list resource "pods/log" in API group "" at the cluster'),
            "kubectl auth can-i list pods --subresource=log --as bob", id="denied subresource of a user",
        ),
        pytest.param(of_failure(C.CONFIG_ERROR, 'secret "s1" not found'), "kubectl get secret s1", id="missing Secret"),
        pytest.param(
            of_failure(C.CONFIG_ERROR, 'configmap "c1" not found'),
            "kubectl create configmap c1 --from-env-file=FILE", id="missing ConfigMap",
        ),
        pytest.param(
            of_failure(C.CONFIG_ERROR, "couldn't find key k1 in Secret data/s1"), "kubectl describe secret s1",
            id="missing key",
        ),
        pytest.param(
            of_failure(C.CONFIG_ERROR, "references non-existent secret key: k1"),
            "kubectl describe secrets", id="missing key of a mount",
        ),
        pytest.param(
            of_failure(C.CONFIG_ERROR, "fork/exec /bin/sh: exec format error"),
            "kubectl get nodes -L kubernetes.io/arch", id="architecture",
        ),
        pytest.param(
            of_failure(C.CONFIG_ERROR, 'admission webhook "v.example" denied the request'),
            "kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations", id="webhook",
        ),
        pytest.param(
            of_failure(C.CONFIG_ERROR, 'violates PodSecurity "restricted:latest"'),
            "kubectl get namespace data --show-labels", id="pod security",
        ),
        pytest.param(
            of_failure(C.QUOTA_EXCEEDED, "exceeded quota: q, requested: pods=1"), "kubectl describe quota q", id="quota"
        ),
        pytest.param(
            of_failure(C.QUOTA_EXCEEDED, "maximum memory usage per Container is 1Gi"), "kubectl describe limitrange",
            id="limit range",
        ),
        pytest.param(
            of_failure(C.QUOTA_EXCEEDED, "failed quota: q: must specify limits.cpu for: init,wait"),
            "kubectl edit configmap workflow-controller-configmap", id="containers of Argo",
        ),
        pytest.param(
            of_failure(C.UNSCHEDULABLE, "pod has unbound immediate PersistentVolumeClaims"),
            "kubectl get storageclass", id="unbound claim",
        ),
        pytest.param(
            of_failure(C.UNSCHEDULABLE, 'persistentvolumeclaim "p1" not found'),
            "kubectl get persistentvolumeclaim p1", id="missing claim",
        ),
        pytest.param(
            of_failure(C.UNSCHEDULABLE, "0/3 nodes are available: 3 Insufficient cpu"), "kubectl describe nodes",
            id="no room",
        ),
        pytest.param(
            of_failure(C.UNSCHEDULABLE, "3 node(s) had untolerated taint {a: b}"), "kubectl get nodes --show-labels",
            id="taint",
        ),
        pytest.param(of_failure(C.UNSCHEDULABLE), "kubectl get nodes", id="no machine"),
        pytest.param(
            of_failure(C.IMAGE_PULL, "pull access denied for acme/x, repository does not exist"),
            "kubectl get serviceaccounts -o custom-columns=NAME:.metadata.name,PULL:.imagePullSecrets[*].name",
            id="no right to pull",
        ),
        pytest.param(
            of_failure(C.EVICTED, owner=Owner.INFRASTRUCTURE, retryable=True), "argo retry wf", id="evicted"
        ),
        pytest.param(
            of_failure(C.EVICTED, owner=Owner.INFRASTRUCTURE, retryable=True, node_id=None), "argo resubmit wf",
            id="the Workflow itself was evicted",
        ),
        pytest.param(
            of_failure(C.CONTROLLER_ERROR, reason="TaskResultLost", retryable=True), "argo resubmit wf",
            id="a lost result",
        ),
        pytest.param(
            of_failure(C.ARTIFACT_IO, container="wait", log_tail=LOG, pod_name="p"),
            "wfreport logs wf e2e -c wait", id="log of wait",
        ),
        pytest.param(
            of_failure(C.POD_DELETED, pod_name="p"),
            "kubectl get events --field-selector involvedObject.name=p", id="deleted pod",
        ),
    ],
)  # fmt: skip
def test_the_command_names_what_the_message_names(steps: list[NextStep], expected: str) -> None:
    assert expected in lines(steps)


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        (of_failure(C.CONFIG_ERROR, 'secrets "s1" not found'), "create the Secret s1 in namespace data"),
        (of_failure(C.CONFIG_ERROR, "secret 's1' does not have the key 'k1'"), "add the key k1 of the Secret s1"),
        (of_failure(C.CONFIG_ERROR, 'priorityclass "high" not found'), "create the PriorityClass high; or"),
        (of_failure(C.CONFIG_ERROR, 'storageclass.storage.k8s.io "fast" not found'), "create the StorageClass fast"),
        (of_failure(C.CONFIG_ERROR, 'exec: "foo": executable file not found in $PATH'), "no such program"),
        (of_failure(C.CONFIG_ERROR, 'exec: "/x": stat /x: no such file or directory'), "no such program"),
        (of_failure(C.CONFIG_ERROR, "mount src=/x: no such file or directory"), "Create the object named in message"),
        (of_failure(C.CONFIG_ERROR, "controller is not configured with a default archive location"), "artifact repo"),
        (of_failure(C.CONFIG_ERROR, "wait: Error (exit code 64): Unauthorized", retryable=True), "mounts its token"),
        (of_failure(C.CONFIG_ERROR, "fork/exec /app: permission denied: unknown"), "chmod +x"),
        (of_failure(C.CONFIG_ERROR, "container has runAsNonRoot and image will run as root"), "runAsUser"),
        (of_failure(C.IMAGE_PULL, 'Failed to pull image "acme/x:2": manifest unknown'), "the image acme/x:2"),
        (of_failure(C.IMAGE_PULL, "i/o timeout", retryable=True), "the machines can reach the registry"),
        (of_failure(C.IMAGE_PULL, "no matching manifest for linux/arm64"), "CPU architecture as well"),
        (of_failure(C.IMAGE_PULL, 'image "x": no match for platform in manifest: not found'), "Build the image x for"),
        (of_failure(C.IMAGE_PULL, "write /a: no space left on device", retryable=True), "free the disk of the machine"),
        (of_failure(C.IMAGE_PULL, "tls: x509: certificate signed by unknown authority"), "trust the registry of"),
        (of_failure(C.IMAGE_PULL, "is not present with pull policy of Never"), "imagePullPolicy: IfNotPresent"),
        (of_failure(C.CONFIG_ERROR, 'mounting "/a" to rootfs at "/b" caused: not a directory'), "Correct mountPath"),
        (of_failure(C.CONFIG_ERROR, "linux spec user: unable to find user app: no matching"), "runAsUser to a number"),
        (of_failure(C.CONFIG_ERROR, "Error: no command specified"), "Set the command in the template"),
        (of_failure(C.CONFIG_ERROR, 'chdir to cwd ("/a") set in config.json failed: no such file'), "workingDir"),
        (of_failure(C.CONFIG_ERROR, "Error response from daemon: Duplicate mount point: /data"), "only once"),
        (of_failure(C.CONFIG_ERROR, "mountpoint for cgroup not found"), "the kernel of the machine"),
        (of_failure(C.IMAGE_PULL, "toomanyrequests: unauthenticated pull rate limit"), "limits the rate of pulls"),
        (
            of_failure(C.QUOTA_EXCEEDED, "failed quota: q: must specify limits.cpu for: init,a; limits.memory for: a"),
            "limits.cpu, limits.memory of every container, and Argo's containers init have none",
        ),
        (
            of_failure(C.QUOTA_EXCEEDED, "failed quota: q: must specify limits.cpu,limits.memory"),
            "demands limits.cpu, limits.memory: set them in the template",
        ),
        (
            of_failure(C.QUOTA_EXCEEDED, "failed quota: q: must specify cpu,memory,requests.nvidia.com/gpu"),
            "demands cpu, memory, requests.nvidia.com/gpu: set them in the template",
        ),
        (
            of_failure(C.QUOTA_EXCEEDED, "failed quota: q: must specify nvidia.com/gpu for: a,b; storage for: a"),
            "demands nvidia.com/gpu, storage: set them of container a, b in the template",
        ),
        (
            of_failure(C.QUOTA_EXCEEDED, "insufficient quota to match these scopes: [{PriorityClass In [high]}]"),
            "a ResourceQuota for the scope in the message",
        ),
        (of_failure(C.OOM_KILLED, resources=Resources(limits={"memory": "4Gi"})), "it is 4Gi, try 6Gi"),
        (of_failure(C.OOM_KILLED, resources=Resources(limits={"memory": "{{x}}"})), "container main in template test."),
        (of_oom_after("load, test: limits.memory", "8Gi"), "it is 4Gi, and was 8Gi when the run last succeeded"),
        (of_oom_after("test: limits.memory", "2Gi"), "it is 4Gi, try 6Gi"),
        (of_oom_after("load: limits.memory", "8Gi"), "it is 4Gi, try 6Gi"),
        (of_oom_after("test: limits.memory", "8Gi", container="side"), "it is 4Gi, try 6Gi"),
        (of_failure(C.OOM_KILLED, container="wait", owner=Owner.PLATFORM), "Argo's own container wait"),
        (of_failure(C.EVICTED, owner=Owner.USER), "limits.ephemeral-storage"),
        (of_failure(C.EXIT_CODE, "received non-2xx response code: 404", reason="HTTPError"), "responded with 404"),
        (of_failure(C.EXIT_CODE, "no route", reason="HTTPError"), "the message has the response"),
        (of_failure(C.EXIT_CODE, pod_name="p"), "its pod and its log are gone"),
        (of_failure(C.EXIT_CODE, pod_name="p", log_tail=LOG), "Correct the program or the input"),
        (of_failure(C.TIMEOUT, reason="WorkflowDeadlineExceeded"), "of the Workflow"),
        (of_failure(C.CANCELLED, reason="ReplacedByCron"), "concurrencyPolicy: Replace"),
        (of_failure(C.CANCELLED, reason="StoppedByPolicy"), "a RemediationPolicy stopped it"),
        (of_failure(C.CONTROLLER_ERROR, reason="TaskResultLost", retryable=True), "workflowtaskresults"),
        (of_failure(C.ARTIFACT_IO, "Error: No such container: ab", owner=Owner.PLATFORM), "argoexec lost the step's"),
        (of_failure(C.ARTIFACT_IO, "mkdir /argo/outputs: permission denied", owner=Owner.PLATFORM), "emissary"),
        (of_failure(C.ARTIFACT_IO, "NoSuchBucket", owner=Owner.PLATFORM), "endpoint, bucket and credentials"),
        (of_failure(C.ARTIFACT_IO, "Access Denied", owner=Owner.PLATFORM), "the right to read and write in its bucket"),
    ],
)  # fmt: skip
def test_the_advice_names_what_the_message_names(steps: list[NextStep], expected: str) -> None:
    assert expected in sentences(steps)


def test_the_events_and_the_containers_of_a_pod_name_the_cause_as_well() -> None:
    event = EventSummary(reason="FailedMount", message='secret "by-event" not found', count=1)
    assert "by-event" in sentences(of_failure(C.CONFIG_ERROR, events=[event]))
    container = ContainerSummary(name="main", state="Waiting", message='configmap "by-state" not found', restarts=0)
    assert "by-state" in sentences(of_failure(C.CONFIG_ERROR, containers=[container]))


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ({"cron_workflow": "nightly"}, "argo submit --from cronwf/nightly"),
        ({"workflow_template": "etl"}, "argo submit --from workflowtemplate/etl"),
        ({"cluster_workflow_template": "etl"}, "argo submit --from clusterworkflowtemplate/etl"),
    ],
)
def test_a_workflow_that_is_gone_is_submitted_from_where_it_came(source: dict[str, Any], expected: str) -> None:
    failure = a_failure(C.NODE_LOST, retryable=True)
    run = a_failed(failure, has_workflow=False, status={"workflow_source": WorkflowSource(**source)})
    assert expected in lines(next_steps(run))


def test_an_invalid_workflow_template_is_corrected_where_it_is() -> None:
    source = WorkflowSource(workflow_template="etl")
    run = a_failed(a_failure(C.TEMPLATE_ERROR, "failed to resolve {{x}}"), status={"workflow_source": source})
    assert lines(next_steps(run)) == ["kubectl edit workflowtemplate etl", "argo submit --from workflowtemplate/etl"]


def test_a_template_that_is_missing_is_created_or_its_name_corrected() -> None:
    shown = of_failure(C.TEMPLATE_ERROR, 'workflowtemplates.argoproj.io "etl" not found')
    assert lines(shown) == ["kubectl get workflowtemplate etl"]


def test_a_stall_of_a_newer_version_without_advice_can_be_ended() -> None:
    assert lines(next_steps(a_stalled("OfANewerVersion"))) == ["argo terminate wf", "argo resubmit wf"]


def test_a_lost_result_of_a_workflow_that_is_gone_is_submitted_anew() -> None:
    failure = a_failure(C.CONTROLLER_ERROR, reason="TaskResultLost", retryable=True)
    assert "Submit the Workflow again" in sentences(next_steps(a_failed(failure, has_workflow=False)))


def test_other_runs_of_a_cron_workflow_can_be_compared() -> None:
    source = WorkflowSource(cron_workflow="nightly")
    run = a_failed(a_failure(C.EXIT_CODE), status={"workflow_source": source})
    assert "wfreport list --cron nightly" in lines(next_steps(run))


def test_what_a_policy_does_is_not_to_be_repeated_by_hand() -> None:
    run = a_failed(a_failure(C.NODE_LOST, retryable=True), has_policy_action=True)
    assert lines(next_steps(run))[0] == "wfreport remediations wf"


def test_a_run_whose_step_never_ended_cannot_be_retried() -> None:
    run = a_failed(a_failure(C.NODE_LOST, retryable=True))
    (run.status.steps or []).append(a_step(node_id="wf-2", phase="Pending"))
    assert lines(next_steps(run)) == ["kubectl get nodes", "argo resubmit wf"]


def test_a_run_that_goes_on_cannot_be_retried_although_all_of_its_steps_have_ended() -> None:
    ended = a_failed(a_failure(C.NODE_LOST, retryable=True))
    assert lines(next_steps(ended)) == ["kubectl get nodes", "argo retry wf"]
    status = ended.status.model_copy(update={"observed_workflow": ObservedWorkflow(phase="Running")})
    assert lines(next_steps(replace(ended, status=status))) == ["kubectl get nodes", "argo resubmit wf"]


@pytest.mark.parametrize("retryable", [True, False])
@pytest.mark.parametrize("reason", StallReason)
def test_a_run_that_failed_and_hangs_is_ended_first_and_run_again_last(reason: StallReason, retryable: bool) -> None:
    failures = [a_failure(C.EXIT_CODE, retryable=retryable, pod_name="p"), a_failure(C.TEMPLATE_ERROR, node_id="wf-2")]
    run = a_failed(*failures, status={"stalled": Stalled(reason=reason, message="x")})
    status = run.status.model_copy(update={"observed_workflow": ObservedWorkflow(phase="Running")})
    steps = next_steps(replace(run, status=status))
    topics = [step.topic for step in steps]
    of_stall, of_failure = f"First, about what hangs ({reason})", "Then, about the failure (ExitCode)"
    assert topics == sorted(topics, key=[of_stall, of_failure].index)
    assert set(topics) == {of_stall, of_failure}
    again = [
        number for number, step in enumerate(steps) if step.command[:2] in {("argo", "retry"), ("argo", "resubmit")}
    ]
    assert all(topics[number] == of_failure for number in again)
    assert len(again) <= 1


def test_the_claims_of_a_waiting_pod_are_named_or_found_by_a_command() -> None:
    unbound = "pod has unbound immediate PersistentVolumeClaims"
    wait = Waiting(reason="Unschedulable", display_name="e2e", pod_name="pod-1", message=unbound)
    first = lines(next_steps(a_waiting(wait)))[0]
    assert first == "kubectl get pod pod-1 -o jsonpath={.spec.volumes[*].persistentVolumeClaim.claimName}"
    named = wait.model_copy(update={"message": f"{unbound}; PersistentVolumeClaims of the pod: a, b-1.c"})
    assert lines(next_steps(a_waiting(named)))[:2] == ["kubectl get pvc a b-1.c", "kubectl describe pvc a b-1.c"]
    one = wait.model_copy(update={"message": f"{unbound}; PersistentVolumeClaim of the pod: a"})
    assert "PersistentVolumeClaim a needs a volume" in sentences(next_steps(a_waiting(one)))


def test_a_claim_over_a_quota_is_about_the_quota() -> None:
    message = (
        'Waiting for a PVC to be created. persistentvolumeclaims "wf-work" is forbidden: exceeded quota: q, requested: '
        "persistentvolumeclaims=1, used: persistentvolumeclaims=5, limited: persistentvolumeclaims=5"
    )
    (reason,) = (one for one, failure_class in CLASS_OF_WAIT.items() if failure_class == C.QUOTA_EXCEEDED)
    steps = next_steps(a_waiting(Waiting(reason=reason, message=message)))
    assert "The quota q is used up" in sentences(steps)
    assert lines(steps) == ["kubectl describe quota q", "kubectl get pvc"]


ZONE = "the machines that are free: free or add a machine there"
CONFLICT = "0/6 nodes are available: 2 node(s) had volume node affinity conflict"


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (CONFLICT, [ZONE]),
        (f"{CONFLICT}, 4 Insufficient cpu.", ["requests of cpu", ZONE]),
        (f"{CONFLICT}, 4 node(s) had untolerated taint {{a: b}}.", [ZONE, "tolerations"]),
        ("pod has unbound immediate PersistentVolumeClaims, 4 Insufficient cpu.", ["requests of cpu"]),
    ],
)
def test_each_cause_of_the_scheduler_has_its_step(message: str, expected: list[str]) -> None:
    wait = Waiting(reason="Unschedulable", display_name="e2e", pod_name="pod-1", message=message)
    for steps in (next_steps(a_waiting(wait)), of_failure(C.UNSCHEDULABLE, message)):
        said = sentences(steps)
        assert sorted(expected, key=said.index) == expected
        assert ("kubectl get nodes -L topology.kubernetes.io/zone" in lines(steps)) == (ZONE in expected)
        assert ("kubectl get pvc" in lines(steps)) == (ZONE not in expected)


def test_the_claim_of_a_volume_that_cannot_be_mounted_is_described() -> None:
    message = 'AttachVolume.Attach failed for volume "pvc-1" : timed out; PersistentVolumeClaim of the pod: a'
    steps = next_steps(a_waiting(Waiting(reason="FailedMount", pod_name="pod-1", message=message)))
    assert lines(steps) == ["kubectl describe pvc a", "kubectl describe pod pod-1"]
    assert sentences(steps) == ""


@pytest.mark.parametrize(
    "message",
    [
        "pod has unbound immediate PersistentVolumeClaims; PersistentVolumeClaims of the pod: --all, a",
        "pod has unbound immediate PersistentVolumeClaims; PersistentVolumeClaims of the pod: a, --all",
        'persistentvolumeclaim "--all" not found',
        "couldn't find key k in Secret ns/--all",
        "couldn't find key k in Secret --all/a",
        "secret '--all' does not have the key 'k'",
        "no PriorityClass with name --all was found",
        "references non-existent config key: k; volume cfg asks for key k of ConfigMap --all",
        "exceeded quota: --all, requested: pods=1",
        "held by --all/a",
        "held by --all",
        FORBIDDEN.replace("system:serviceaccount:data:default", "--all"),
        FORBIDDEN.replace("data:default", "--all:default"),
        FORBIDDEN.replace("data:default", "data:--all"),
        FORBIDDEN.replace('"namespaces"', '"--all"'),
        FORBIDDEN.replace('namespace "x"', 'namespace "--all"'),
    ],
)
def test_no_name_of_a_message_becomes_an_option_of_a_command(message: str) -> None:
    waits = [Waiting(reason=reason, pod_name="pod-1", message=message) for reason in WAIT_REASONS]
    runs = [*map(a_waiting, waits), *(a_failed(a_failure(one, message)) for one in FailureClass)]
    for run in runs:
        for step in next_steps(run):
            assert not any(part.startswith("--all") for part in (*step.command, step.namespace or ""))


def test_the_key_and_the_object_that_a_volume_asks_for_are_named() -> None:
    message = "references non-existent config key: k1; volume cfg asks for keys k1, k2 of ConfigMap app"
    wait = Waiting(reason="FailedMount", display_name="e2e", pod_name="pod-1", message=message)
    steps = next_steps(a_waiting(wait))
    assert lines(steps)[0] == "kubectl describe configmap app"
    assert "add the key k1 of the ConfigMap app" in sentences(steps)


def test_the_service_account_of_a_lost_result_is_checked_before_it_gets_the_right() -> None:
    run = a_failed(a_failure(C.CONTROLLER_ERROR, reason="TaskResultLost", retryable=True, service_account_name="etl"))
    assert [line for line in lines(next_steps(run)) if "logs" not in line] == [
        "kubectl auth can-i create workflowtaskresults.argoproj.io --as=system:serviceaccount:data:etl",
        "kubectl create role etl-reports-results --verb=create,patch --resource=workflowtaskresults.argoproj.io",
        "kubectl create rolebinding etl-reports-results --role=etl-reports-results --serviceaccount=data:etl",
        "argo resubmit wf",
    ]


def test_a_workflow_that_is_being_deleted_is_submitted_anew() -> None:
    stalled = Stalled(reason=StallReason.DELETION_BLOCKED)
    run = a_failed(a_failure(C.NODE_LOST, retryable=True), status={"stalled": stalled})
    shown = next_steps(run)
    assert "Submit the Workflow again." in sentences(shown)
    assert "argo delete --force wf" in lines(shown)


def test_a_step_that_is_named_after_a_finalizer_has_none() -> None:
    message = "the pod of run-finalizer hangs in Terminating on machine gpu-12; the machine may be lost"
    shown = lines(next_steps(a_stalled(StallReason.POD_TERMINATING, message)))
    assert shown[0] == "kubectl get node gpu-12"
    assert "finalizers" not in " ".join(shown)


def test_a_pod_on_a_silent_machine_is_not_being_deleted() -> None:
    steps = next_steps(
        a_stalled(StallReason.MACHINE_SILENT, "the pod of e2e runs on machine n-1, which does not respond")
    )
    assert lines(steps) == [
        "kubectl get node n-1",
        "kubectl delete node n-1",
        "kubectl delete pod pod-1 --force --grace-period=0",
        "argo resubmit wf",
    ]
    assert "deletion waits" not in " ".join(step.text for step in steps)


def test_what_blocks_a_deletion_depends_on_the_finalizer() -> None:
    others = a_stalled(StallReason.DELETION_BLOCKED, "its finalizer backup.example.com/keep holds it")
    assert lines(next_steps(others))[0] == "kubectl get workflow wf -o jsonpath={.metadata.finalizers}"
    argos = a_stalled(StallReason.DELETION_BLOCKED, "its finalizer workflows.argoproj.io/artifact-gc holds it")
    assert "component=artifact-gc" in lines(next_steps(argos))[0]


def test_a_machine_is_not_looked_at_if_a_finalizer_holds_the_pod() -> None:
    run = a_stalled(StallReason.POD_TERMINATING, "hangs in Terminating on machine m; its finalizer a/b holds it")
    assert not any("get node" in line for line in lines(next_steps(run)))


def test_a_pod_that_exists_is_described() -> None:
    run = a_failed(a_failure(C.KILLED, pod_name="p"), existing_pods={"p"})
    assert "kubectl describe pod p" in lines(next_steps(run))


def test_the_log_may_be_there_if_nobody_has_read_the_pods() -> None:
    run = a_failed(a_failure(C.EXIT_CODE, pod_name="p"))
    assert lines(next_steps(run))[0] == "wfreport logs wf e2e"
    missing = a_failed(a_failure(C.EXIT_CODE, pod_name="p", evidence_missing=["LogGone"]))
    assert "wfreport logs wf e2e" not in lines(next_steps(missing))
    archived = a_failed(a_failure(C.EXIT_CODE, pod_name="p", evidence_missing=["LogInArchive"]), existing_pods=set())
    assert lines(next_steps(archived))[0] == "wfreport logs wf e2e"


def test_a_step_that_shares_its_name_is_named_by_its_pod() -> None:
    run = a_failed(a_failure(C.EXIT_CODE, pod_name="p"))
    (run.status.steps or []).append(a_step(node_id="wf-2", phase="Succeeded"))
    assert lines(next_steps(run))[0] == "wfreport logs wf p"
    named = a_failed(a_failure(C.EXIT_CODE, pod_name="p"), status={"step": "train.e2e"})
    assert lines(next_steps(named))[0] == "wfreport logs wf train.e2e", "as the column STEP"
    option = a_failed(a_failure(C.EXIT_CODE, pod_name="p"), status={"step": "-x.e2e"})
    (option.status.steps or []).append(a_step(node_id="wf-2", phase="Succeeded"))
    assert lines(next_steps(option))[0] == "wfreport logs wf p"


def test_several_failures_have_one_command_for_all_their_logs() -> None:
    failures = [a_failure(C.EXIT_CODE, pod_name="p"), a_failure(C.EXIT_CODE, pod_name="q")]
    victim = a_failure(C.CANCELLED, role=Role.VICTIM)
    assert "wfreport logs wf --failed --tail 5" in lines(next_steps(a_failed(*failures, victim)))


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        (
            a_stalled(StallReason.MAIN_ENDED, "main exited with code 0, and istio-proxy keeps the pod alive"),
            "kubectl exec pod-1 -c istio-proxy -- pilot-agent request POST quitquitquit",
        ),
        (
            a_stalled(StallReason.MAIN_ENDED, "main exited with code 1, and wait, side keep it alive"),
            "kubectl exec pod-1 -c side -- kill 1",
        ),
        (
            a_stalled(StallReason.MAIN_ENDED, "main exited with code 1, and wait keeps the pod alive"),
            "kubectl logs pod-1 -c wait",
        ),
        (
            a_stalled(StallReason.MAIN_ENDED, "main exited with code 1, and artifact-plugin-gcs keeps the pod alive"),
            "kubectl logs pod-1 -c artifact-plugin-gcs",
        ),
        (
            a_stalled(StallReason.MAIN_ENDED, "main exited with code 0, and its pod does not end on machine gpu-12"),
            "kubectl get node gpu-12",
        ),
        (
            a_stalled(StallReason.AGENT_GONE, "whose pod wf-1-agent does not work: its container main crashes"),
            "kubectl logs wf-1-agent -c main --previous",
        ),
        (a_stalled(StallReason.POD_TERMINATING, "hangs in Terminating on machine gpu-12"), "kubectl get node gpu-12"),
        (
            a_stalled(StallReason.POD_TERMINATING, "hangs in Terminating; its finalizer a/b holds it"),
            "kubectl get pod pod-1 -o jsonpath={.metadata.finalizers}",
        ),
        (
            a_stalled(StallReason.TASK_RESULT_MISSING),
            "kubectl label workflowtaskresult wf-1 workflows.argoproj.io/report-outputs-completed=true --overwrite",
        ),
        (a_stalled(StallReason.SUSPENDED_AND_TERMINATED), "argo resume wf"),
        (
            a_stalled(StallReason.MAIN_NOT_STARTED, "e2e could not start main: exec format error"),
            "kubectl get nodes -L kubernetes.io/arch",
        ),
    ],
)
def test_the_command_names_what_hangs(run: ReportedRun, expected: str) -> None:
    assert expected in lines(next_steps(run))


def test_a_lost_result_of_an_unknown_step_is_looked_up() -> None:
    status = ReportStatus(
        observed_workflow=ObservedWorkflow(phase="Running"), stalled=Stalled(reason=StallReason.TASK_RESULT_MISSING)
    )
    assert lines(next_steps(ReportedRun("wf", "data", status)))[0].startswith("kubectl get workflowtaskresults -l")


def a_wait(reason: str, message: str = "", name: str = "e2e", pod_name: str | None = None) -> Waiting:
    return Waiting(reason=reason, message=message, display_name=name, pod_name=pod_name)


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        (a_waiting(a_wait("Suspended")), "argo resume wf"),
        (
            a_waiting(a_wait("Suspended"), a_wait("Suspended", name="b")),
            "argo resume wf --node-field-selector displayName=e2e",
        ),
        (a_waiting(a_wait("LockWait", "lock m; held by other-run since 2026-11-20 08:00Z")), "argo get other-run"),
        (a_waiting(a_wait("LockWait", "lock m; held by ops/run-7, team/run-8")), "argo get run-7 (ops)"),
        (
            a_waiting(a_wait("LockWait", "Waiting for ops/ConfigMap/limits/gpu lock. Lock status: 0/2")),
            "kubectl edit configmap limits (ops)",
        ),
        (a_waiting(a_wait("FailedMount", 'secrets "s1" not found', pod_name="p")), "kubectl get secret s1"),
        (a_waiting(a_wait("FailedMount", 'secrets "s1" not found', pod_name="p")), "kubectl describe pod p"),
        (a_waiting(a_wait("QuotaExceeded", "exceeded quota: q, requested")), "kubectl describe quota q"),
        (
            a_waiting(a_wait("QuotaExceeded", 'admission webhook "q" denied the request: exceeded quota: q1, used')),
            "kubectl describe quota q1",
        ),
        (a_waiting(a_wait("Backoff")), "wfreport show wf --watch"),
    ],
)
def test_the_command_fits_the_wait(run: ReportedRun, expected: str) -> None:
    steps = next_steps(run)
    elsewhere = [f"{' '.join(step.command)} ({step.namespace})" for step in steps if step.namespace]
    assert expected in [*lines(steps), *elsewhere]


@pytest.mark.parametrize(
    ("shutdown", "pod", "verbs"),
    [
        ("Stop", "p", ["describe", "show", "terminate", "delete"]),
        ("Terminate", "p", ["describe", "show", "delete"]),
        ("Stop", None, ["show", "terminate"]),
    ],
)
def test_what_goes_on_after_a_stop_is_looked_at_before_it_is_ended(
    shutdown: str, pod: str | None, verbs: list[str]
) -> None:
    observed = ObservedWorkflow(phase="Running", shutdown=shutdown)
    status = ReportStatus(observed_workflow=observed, waiting=[Waiting(reason="Stopping", pod_name=pod)])
    assert [line.split()[1] for line in lines(next_steps(ReportedRun("wf", "data", status)))] == verbs


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("0/3 nodes are available: 3 Too many pods.", "as many pods as it may run"),
        ("1 node(s) didn't have free ports for the requested pod ports.", "Remove the hostPort"),
        ("2 node(s) were unschedulable.", "uncordon a machine"),
        ("1 node(s) exceed max volume count.", "can attach no further volume"),
        (
            "node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode.",
            "one at a time",
        ),
        ("3 cannot allocate all claims.", "ResourceClaims"),
        ("3 node(s) didn't match pod anti-affinity rules.", "Correct nodeSelector, affinity or tolerations"),
        ("2 Insufficient cpu, 1 Too many pods.", "Lower the pod's requests of cpu"),
        ("1 node(s) had no available volume zone.", "in another zone"),
        ("1 node(s) didn't find available persistent volumes to bind.", "needs a volume that fits"),
        ('pvc "a" bound to non-existent persistentvolume "b"', "needs a volume that fits"),
    ],
)
def test_what_to_do_follows_from_what_the_scheduler_says(message: str, expected: str) -> None:
    assert expected in sentences(next_steps(a_waiting(a_wait("Unschedulable", message, pod_name="p"))))


@pytest.mark.parametrize("reason", ["3 Insufficient cpu", "3 Too many pods", "3 node(s) had untolerated taint {a: b}"])
def test_gates_that_were_removed_are_no_obstacle(reason: str) -> None:
    events = [
        EventSummary(reason="SchedulingGated", message="non-empty scheduling gates", count=1),
        EventSummary(reason="FailedScheduling", message=f"0/3 nodes are available: {reason}.", count=1),
    ]
    steps = next_steps(a_failed(a_failure(FailureClass.UNSCHEDULABLE, events=events)))
    assert "schedulingGates" not in sentences(steps)


def test_a_gated_pod_waits_for_what_set_its_gates() -> None:
    message = "Scheduling is blocked due to non-empty scheduling gates"
    steps = next_steps(a_waiting(a_wait("SchedulingGated", message, pod_name="p")))
    assert "what set the pod's schedulingGates" in sentences(steps)


def test_the_start_of_the_run_bounds_the_log_of_the_controller() -> None:
    report = WorkflowReport.model_validate(
        {
            "metadata": {"name": "r"},
            "spec": {"workflowRef": {"name": "wf"}},
            "status": {
                "observedWorkflow": {"phase": "Error", "startedAt": "2026-11-20T08:00:00Z"},
                "remediation": RunRemediation().dump(),
            },
        }
    )
    run = ReportedRun("wf", "data", report.status or ReportStatus())
    assert "--since-time=2026-11-20T08:00:00Z" in lines(next_steps(run))[0]


def test_nothing_is_granted_to_an_account_of_another_namespace() -> None:
    steps = next_steps(a_failed(a_failure(FailureClass.CONFIG_ERROR, FORBIDDEN.replace("data:", "team:"))))
    assert "Find out whose before you grant anything." in sentences(steps)
    assert lines(steps)[0] == "kubectl get workflow wf -o yaml"
    assert not [line for line in lines(steps) if " create " in line]


def test_without_the_workflow_its_spec_is_not_shown() -> None:
    failure = a_failure(FailureClass.CONFIG_ERROR, FORBIDDEN.replace("data:", "team:"))
    assert lines(next_steps(a_failed(failure, has_workflow=False)))[0].startswith("kubectl auth can-i")


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"message": "write /tmp/argo/outputs/artifacts/a.tgz: no space left on device"}, "Give the step more room"),
        ({"message": "failed to load artifacts: OCI runtime start failed"}, "Look at the machine"),
        ({"container": "artifact-plugin-gcs"}, "Check the artifact plugin of container artifact-plugin-gcs"),
        ({"container": "wait"}, "Check the artifact store"),
    ],
)
def test_what_to_check_is_where_the_artifact_was_lost(fields: dict[str, Any], expected: str) -> None:
    failure = a_failure(FailureClass.ARTIFACT_IO, owner=Owner.PLATFORM, **fields)
    assert expected in sentences(next_steps(a_failed(failure)))


@pytest.mark.parametrize(
    "message",
    [
        "fetch: Error (exit code 1): tar: data/a.csv: Cannot write: Disk quota exceeded",
        "main: Error (exit code 1): EDQUOT: disk quota exceeded, write",
        "main: Error (exit code 1): OSError: [Errno 28] No space left on device",
        "main: Error (exit code 1): dd: error writing '/x': No space left on device",
        "main: Error (exit code 1): java.io.IOException: There is not enough space on the disk",
        "main: Error (exit code 1): pip: not enough free disk space",
        "main: Error (exit code 1): mysqld: insufficient disk space",
    ],
)
@pytest.mark.parametrize("failure_class", [FailureClass.EXIT_CODE, FailureClass.ARTIFACT_IO])
def test_a_step_whose_disk_is_full_gets_room_and_no_other_program(failure_class: FailureClass, message: str) -> None:
    steps = sentences(next_steps(a_failed(a_failure(failure_class, message, container="fetch"))))
    assert "Give the step more room on the disk" in steps
    assert "Correct" not in steps


@pytest.mark.parametrize(
    "line",
    [
        "Error: ENOSPC: System limit for number of file watchers reached, watch '/app'",
        "psycopg2.errors.DiskFull: could not extend file base/1: No space left on device",
        "UserWarning: Not enough space to draw the labels",
        "BufferError: insufficient free space in the ring buffer",
        "OrderRejected: volume is full",
    ],
)
def test_what_only_has_the_words_of_a_full_disk_is_none(line: str) -> None:
    assert "room" not in sentences(next_steps(a_failed(a_failure(FailureClass.EXIT_CODE, log_line=line))))


def test_shared_memory_is_no_disk() -> None:
    line = "RuntimeError: unable to write to file </torch_7_1>: No space left on device (28)"
    steps = sentences(next_steps(a_failed(a_failure(FailureClass.EXIT_CODE, log_line=line))))
    assert "mount an emptyDir with medium: Memory at /dev/shm." in steps


@pytest.mark.parametrize("denied", [FORBIDDEN, FORBIDDEN.replace('"', '\\"'), FORBIDDEN_BEFORE_1_12])
@pytest.mark.parametrize("place", ["log_line", "message"])
def test_a_right_that_a_program_lacks_is_granted(denied: str, place: str) -> None:
    text = denied if place == "log_line" else f"main: Error (exit code 1): {denied}"
    steps = next_steps(a_failed(a_failure(FailureClass.EXIT_CODE, **{place: text})))
    assert "kubectl auth can-i get namespaces --as system:serviceaccount:data:default" in lines(steps)
    assert "may get namespaces in the whole cluster" in sentences(steps)
    assert "Correct the program" not in sentences(steps)


def test_a_step_of_kubeflow_pipelines_gets_its_memory_from_the_code_of_the_pipeline() -> None:
    failure = a_failure(FailureClass.OOM_KILLED, template_name="system-container-impl")
    assert "in the pipeline's code (set_memory_limit of the task)" in sentences(next_steps(a_failed(failure)))


def test_an_evicted_agent_has_no_template_that_sets_requests() -> None:
    failure = a_failure(FailureClass.EVICTED, owner=Owner.INFRASTRUCTURE, template_name=None)
    assert "If it happens again, free memory or ephemeral-storage on the machines." in sentences(
        next_steps(a_failed(failure))
    )


@pytest.mark.parametrize(
    ("message", "sentence"),
    [
        ("invalid spec: templates.a.tasks.b template reference shared.main.load not found",
         "WorkflowTemplate shared.main with a template load to namespace data"),
        ("template load not found in workflow template shared", "WorkflowTemplate shared with a template load to"),
        ("workflow template shared not found", "WorkflowTemplate shared to namespace data"),
    ],
)  # fmt: skip
def test_a_template_that_is_missing_is_named_and_looked_for(message: str, sentence: str) -> None:
    failure = a_failure(C.TEMPLATE_ERROR, message, node_id=None, display_name=None)
    steps = next_steps(a_failed(failure))
    assert sentence in sentences(steps)
    assert lines(steps)[0].startswith("kubectl get workflowtemplate shared")
    assert lines(steps)[-1] == "argo resubmit wf", "the spec itself may be right"


@pytest.mark.parametrize(
    ("step", "task"),
    [("train.executor", "of task train"), ("fit(0:a).train.executor", "of task train"), (None, "of the task")],
)
def test_the_memory_of_a_kubeflow_task_is_that_of_the_task_around_its_step(step: str | None, task: str) -> None:
    failure = a_failure(C.OOM_KILLED, template_name="system-container-impl", display_name="executor", pod_name="p")
    assert f"(set_memory_limit {task})" in sentences(next_steps(a_failed(failure, status={"step": step})))


def test_a_machine_is_looked_at_before_it_is_given_up_and_a_pod_before_it_is_deleted() -> None:
    steps = next_steps(a_stalled(StallReason.POD_TERMINATING, "hangs in Terminating on machine gpu-12"))
    assert [line.split()[1:3] for line in lines(steps)] == [
        ["get", "node"], ["delete", "node"], ["describe", "pod"], ["delete", "pod"], ["resubmit", "wf"],
    ]  # fmt: skip
    assert all("only if the machine is gone for good" in step.text for step in steps if step.command[1] == "delete")
    assert steps[2].text.startswith("if the machine is Ready: ")


def test_a_run_that_hangs_has_to_end_before_it_is_run_anew() -> None:
    run = a_stalled(StallReason.TASK_RESULT_MISSING)
    failure = a_failure(FailureClass.ARTIFACT_IO, owner=Owner.PLATFORM, retryable=True)
    texts = {
        step.command: step.text for step in next_steps(replace(run, status=replace(run.status, failures=[failure])))
    }
    assert texts["argo", "resubmit", "wf"].startswith("once this run has ended (argo terminate wf -n data): ")


def test_a_full_store_is_not_a_full_machine() -> None:
    message = "failed to put file: XMinioStorageFull: no space left on device on server"
    failure = a_failure(FailureClass.ARTIFACT_IO, message=message, host_node_name="m", container="wait")
    steps = next_steps(a_failed(failure))
    assert "ake room in the artifact store" in sentences(steps)
    assert "describe node" not in " ".join(lines(steps))


@pytest.mark.parametrize("failure_class", [FailureClass.CONTROLLER_ERROR, FailureClass.ARTIFACT_IO])
@pytest.mark.parametrize("retryable", [True, False])
def test_what_is_due_only_after_another_failure_says_so_and_nothing_else(
    failure_class: FailureClass, *, retryable: bool
) -> None:
    message = "failed to save outputs: unable to upgrade connection: container not found"
    failure = a_failure(failure_class, message, owner=Owner.PLATFORM, retryable=retryable)
    assert ("If it fails again" in sentences(next_steps(a_failed(failure)))) is retryable


def test_an_argoexec_of_another_version_is_not_one_without_rights() -> None:
    failure = a_failure(FailureClass.CONTROLLER_ERROR, "wait: Error (exit code 1): unknown flag: --loglevel")
    assert "Let Argo's controller and argoexec have the same version" in sentences(next_steps(a_failed(failure)))


def test_the_limit_that_a_semaphore_lacks_is_looked_up() -> None:
    wait = a_wait("LockLimitMissing", "Failed to get semaphore limit for ops/ConfigMap/limits/deploys")
    steps = next_steps(a_waiting(wait))
    assert (lines(steps)[0], steps[0].namespace) == ("kubectl get configmap limits -o yaml", "ops")
    assert "set the key deploys of the ConfigMap limits" in sentences(steps)
    assert lines(next_steps(a_waiting(a_wait("LockLimitMissing")))) == ["wfreport show wf --watch"]

"""Runs of the real Argo controller hang, are told to, and are answered by a policy as far as that helps.

What the kubelet and an executor do to a pod is played; that Argo hangs by it is real. Meanwhile another run keeps the
controller busy: it is not silent.
"""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any

from tests.eventually import eventually
from tests.live.operator.harness import WORKFLOWS, rfc3339
from tests.live.remediation.harness import (
    ARGO,
    HELPED,
    LONG_SECONDS,
    OWN,
    PODS,
    RemediationCluster,
    argo_marks,
    pods_of,
)
from tests.live.remediation.webhook import webhook

pytestmark = argo_marks(600)

IMPATIENT = {
    "stalled_grace_seconds": 4,
    "stalled_grace_outputs_seconds": 4,
    "stalled_grace_task_result_seconds": 4,
}
COMPLETED = "workflows.argoproj.io/completed"
NODE_ID = "workflows.argoproj.io/node-id"
REPORTED = "workflows.argoproj.io/report-outputs-completed"
ENDED = {"exitCode": 0, "reason": "Completed"}
HOLD = "sim.wfreport.dev/hold"
HELD = {"annotations": {HOLD: "true"}}
MUTEX = {"synchronization": {"mutexes": [{"name": "ledger"}]}}


def work(**template: Any) -> dict[str, Any]:
    """Return a template whose pod runs until it is played on, unless the parameter hold is something else."""
    hold = "{{workflow.parameters.hold}}"
    annotations = {"sim.wfreport.dev/hold": hold, "sim.wfreport.dev/keep": hold}
    container = {"image": "busybox", "command": ["true"]}
    return {"name": "work", "metadata": {"annotations": annotations}, "container": container} | template


def submit(cluster: RemediationCluster, name: str, template: dict[str, Any] | None = None, **spec: Any) -> None:
    main = {"name": "main", "dag": {"tasks": [{"name": "work", "template": "work"}]}}
    body = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"name": name, "labels": {"team": "data"}},
        "spec": {
            "entrypoint": "main",
            "arguments": {"parameters": [{"name": "hold", "value": "true"}]},
            "templates": [main, template or work()],
            **spec,
        },
    }
    cluster.plane.api.post(WORKFLOWS.format(cluster.namespace), body)


@contextmanager
def busy_controller(cluster: RemediationCluster) -> Iterator[None]:
    """Keep Argo's controller busy with a run of short steps, one after the other."""
    again = {
        "name": "again",
        "steps": [[{"name": "step", "template": "work"}], [{"name": "again", "template": "again"}]],
    }
    short = {"name": "work", "container": {"image": "busybox", "command": ["true"]}}
    spec = {"entrypoint": "again", "templates": [again, short]}
    body = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": {"name": "busy"}, "spec": spec}
    cluster.plane.api.post(WORKFLOWS.format(cluster.namespace), body)
    try:
        yield
    finally:
        cluster.plane.api.patch(f"{WORKFLOWS.format(cluster.namespace)}/busy", {"spec": {"shutdown": "Terminate"}})


def running_pod(cluster: RemediationCluster, workflow: str) -> dict[str, Any]:
    """Wait until the only pod of a Workflow runs."""

    def running() -> list[dict[str, Any]]:
        return [pod for pod in pods_of(cluster, workflow) if pod.get("status", {}).get("phase") == "Running"]

    return eventually(running, timeout_seconds=LONG_SECONDS)[0]


def running_step(cluster: RemediationCluster, workflow: str) -> dict[str, Any]:
    """Wait until the only pod of a Workflow runs, and its step does for Argo. Return the pod."""
    pod = running_pod(cluster, workflow)
    path, node_id = f"{WORKFLOWS.format(cluster.namespace)}/{workflow}", pod["metadata"]["annotations"][NODE_ID]
    eventually(
        lambda: cluster.plane.api.get(path).get("status", {}).get("nodes", {}).get(node_id, {}),
        lambda node: node.get("phase") == "Running",
        timeout_seconds=LONG_SECONDS,
    )
    return pod


@contextmanager
def argo_paused(cluster: RemediationCluster) -> Iterator[None]:
    """Let Argo's controller notice nothing."""
    controller = cluster.plane.components["workflow-controller"]
    controller.signal(signal.SIGSTOP)
    try:
        yield
    finally:
        controller.signal(signal.SIGCONT)


def end_labelled(cluster: RemediationCluster, *workflows: str, label: str = "wfreport.dev/failure-class") -> None:
    """Let the held pods of Workflows end, and Argo notice that only once they are labelled.

    Argo decides at that moment which pods it deletes. Without the pause, a busy machine may let it be first.
    """
    pods = [running_step(cluster, workflow)["metadata"]["name"] for workflow in workflows]
    with argo_paused(cluster):
        for pod in pods:
            path = f"{PODS.format(cluster.namespace)}/{pod}"
            cluster.plane.api.patch(path, {"metadata": {"annotations": {HOLD: "false"}}})
            eventually(partial(label_of, cluster, path, label), timeout_seconds=LONG_SECONDS)


def label_of(cluster: RemediationCluster, path: str, label: str) -> str | None:
    """Return a label of a pod."""
    labels: dict[str, str] = cluster.plane.api.get(path)["metadata"]["labels"]
    return labels.get(label)


def play(cluster: RemediationCluster, pod: dict[str, Any], *ended: str, phase: str = "Running") -> None:
    """Write the status of a pod as its kubelet does; the named containers, or all, have succeeded."""
    path = f"{PODS.format(cluster.namespace)}/{pod['metadata']['name']}"
    statuses = cluster.plane.api.get(path)["status"]["containerStatuses"]
    now = rfc3339(datetime.now(UTC))
    for status in statuses:
        if not ended or status["name"] in ended:
            status |= {"ready": False, "state": {"terminated": {**ENDED, "startedAt": now, "finishedAt": now}}}
    # a patch: the simulated kubelet, Argo and the operator write the pod too
    cluster.plane.api.patch(f"{path}/status", {"status": {"containerStatuses": statuses, "phase": phase}})


def lose_result(cluster: RemediationCluster, workflow: str) -> None:
    """Let a pod succeed whose executor has begun to report its result, and never reports that it is complete."""
    pod = running_pod(cluster, workflow)
    node_id = pod["metadata"]["annotations"][NODE_ID]
    labels = {"workflows.argoproj.io/workflow": workflow, REPORTED: "false"}
    head = {"apiVersion": "argoproj.io/v1alpha1", "kind": "WorkflowTaskResult"}
    result = {**head, "metadata": {"name": node_id, "labels": labels}, "progress": "1/2"}
    cluster.plane.api.post(ARGO.format(cluster.namespace, "workflowtaskresults"), result)
    path = f"{WORKFLOWS.format(cluster.namespace)}/{workflow}"
    eventually(
        lambda: cluster.plane.api.get(path)["status"]["nodes"][node_id],
        lambda node: node.get("progress") == "1/2" and node.get("taskResultSynced") is False,
        timeout_seconds=LONG_SECONDS,
    )
    play(cluster, pod, phase="Succeeded")


def stall_of(cluster: RemediationCluster, workflow: str) -> str | None:
    stalled = cluster.report_of(workflow)["status"].get("stalled") or {}
    reason: str | None = stalled.get("reason")
    return reason


def wait_until_stalled(cluster: RemediationCluster, workflow: str, reason: str) -> None:
    eventually(lambda: stall_of(cluster, workflow), lambda current: current == reason, timeout_seconds=LONG_SECONDS)


def held(cluster: RemediationCluster, workflow: str) -> str | None:
    remediation = cluster.report_of(workflow)["status"].get("remediation", {})
    reason: str | None = remediation.get("held", {}).get("reason")
    return reason


def a_rule(name: str, *reasons: str, **fields: Any) -> dict[str, Any]:
    return {"name": name, "match": {"stalled": {"reasons": list(reasons), "forSeconds": 0}}, **fields}


def test_runs_that_hang_are_reported_and_answered_as_far_as_that_helps(cluster: RemediationCluster) -> None:
    with webhook([]) as (url, received):
        notify = {"sinks": [{"name": "hook", "cloudEvents": {"url": url}}]}
        again = {"resubmit": {"parameters": [{"name": "hold", "value": "false"}]}}
        cluster.apply_policy(
            a_rule("again", "MainEnded", "PodTerminating", action=again, notify=notify),
            a_rule("stop", "AgentGone", "TaskResultMissing", action={"stop": {}}, notify=notify),
            circuitBreaker={"minRuns": 1000},
        )
        cluster.start(**IMPATIENT)
        cluster.enforced()
        with busy_controller(cluster):
            submit(cluster, "sidecar", work(sidecars=[{"name": "db", "image": "busybox", "command": ["sleep"]}]))
            submit(cluster, "dead-machine")
            submit(cluster, "lost-result")
            submit(cluster, "dead-agent", {"name": "work", "http": {"url": "http://127.0.0.1:9"}})
            play(cluster, running_pod(cluster, "sidecar"), "main")
            terminating = running_pod(cluster, "dead-machine")["metadata"]["name"]
            cluster.plane.api.delete(f"{PODS.format(cluster.namespace)}/{terminating}")
            lose_result(cluster, "lost-result")
            # nothing holds the pod of Argo's agent, so it ends at once
            for workflow, reason in (("sidecar", "MainEnded"), ("dead-machine", "PodTerminating")):
                done = cluster.wait_for_remediation(
                    workflow, "Succeeded", HELPED, action="Resubmit", timeout_seconds=LONG_SECONDS
                )
                assert done["spec"]["reason"] == reason
                assert done["status"]["stoppedAt"] <= done["status"]["executedAt"]
                stopped = cluster.plane.api.get(f"{WORKFLOWS.format(cluster.namespace)}/{workflow}")
                assert (stopped["spec"]["shutdown"], stopped["status"]["phase"]) == ("Stop", "Failed")
            stop = cluster.wait_until_executed("dead-agent", "Stop")
            assert stop["spec"]["reason"] == "AgentGone"
            eventually(
                lambda: cluster.report_of("dead-agent")["status"]["observedWorkflow"]["phase"],
                lambda phase: phase == "Failed",
                timeout_seconds=LONG_SECONDS,
            )
            wait_until_stalled(cluster, "lost-result", "TaskResultMissing")
            eventually(lambda: held(cluster, "lost-result"), lambda reason: reason == "CannotHelp")
        told = {"sidecar", "dead-machine", "lost-result", "dead-agent"}
        eventually(
            lambda: {event["subject"].partition("/")[2] for event in received if "stalled" in event["type"]},
            lambda subjects: subjects == told,
            timeout_seconds=LONG_SECONDS,
        )
    acted_on = [each["spec"]["target"]["name"] for each in cluster.remediations() if each["spec"]["action"] != "Notify"]
    assert sorted(acted_on) == ["dead-agent", "dead-machine", "sidecar"]


def test_a_controller_that_is_down_holds_every_policy_and_a_lock_that_it_leaks_is_reported(
    cluster: RemediationCluster,
) -> None:
    controller = cluster.plane.components["workflow-controller"]
    rule = {"name": "stop", "match": {"stalled": {"forSeconds": 0}}, "action": {"stop": {}}}
    cluster.apply_policy(rule)
    cluster.start(**IMPATIENT)
    cluster.enforced()
    submit(cluster, "holder", **MUTEX)
    holder = running_step(cluster, "holder")
    submit(cluster, "waiter", **MUTEX)
    path = f"{WORKFLOWS.format(cluster.namespace)}/{{}}"
    eventually(
        lambda: cluster.plane.api.get(path.format("waiter")).get("status", {}).get("synchronization"),
        timeout_seconds=LONG_SECONDS,
    )
    unattended = ("unattended-1", "unattended-2")
    for name in unattended:
        submit(cluster, name)
    pods = [running_step(cluster, name) for name in unattended]
    controller.stop()
    try:
        for pod in pods:
            play(cluster, pod, phase="Succeeded")
        for name in unattended:
            wait_until_stalled(cluster, name, "ControllerSilent")
        assert cluster.remediations() == []
        # As after a crash between the write of a run's end and the release of its lock.
        cluster.plane.api.delete(f"{OWN.format(cluster.namespace, 'remediationpolicies')}/p")
        play(cluster, holder, phase="Succeeded")
        end = {"phase": "Failed", "finishedAt": rfc3339(datetime.now(UTC))}
        cluster.plane.api.patch(path.format("holder"), {"metadata": {"labels": {COMPLETED: "true"}}, "status": end})
    finally:
        controller.start()
    with busy_controller(cluster):
        for name in unattended:
            eventually(partial(stall_of, cluster, name), lambda reason: reason is None, timeout_seconds=LONG_SECONDS)
        wait_until_stalled(cluster, "waiter", "LockLeaked")
        cluster.apply_policy(rule)
        eventually(lambda: held(cluster, "waiter"), lambda reason: reason == "CannotHelp", timeout_seconds=LONG_SECONDS)
    message = cluster.report_of("waiter")["status"]["stalled"]["message"]
    assert f"{cluster.namespace}/holder" in message, json.dumps(message)
    assert cluster.remediations() == []

"""Commands of NEXT that a real API server answers: their quoting, columns and selectors are right."""

from __future__ import annotations

import shlex
import subprocess
from functools import partial
from typing import Any

import pytest
from tests.cli.workspace import PODS, WORKFLOWS, Workspace
from tests.eventually import eventually

from wfreport.api.classes import Confidence, FailureClass, Owner, Role
from wfreport.api.report import Failure, ObservedWorkflow, ReportStatus
from wfreport.core.next_steps.lines import NextCommand, command_lines, invocation_anywhere
from wfreport.core.next_steps.model import ReportedRun

pytestmark = pytest.mark.cluster


def suggested(workspace: Workspace, failure_class: FailureClass, message: str) -> list[NextCommand]:
    """Return NEXT of a run that failed with a message."""
    failure = Failure(
        node_id="wf-1", display_name="e2e", template_name="load", role=Role.ROOT_CAUSE, failure_class=failure_class,
        owner=Owner.USER, retryable=False, confidence=Confidence.HIGH, message=message,
    )  # fmt: skip
    status = ReportStatus(
        observed_workflow=ObservedWorkflow(phase="Failed"), failures=[failure], failure_class=failure_class
    )
    return command_lines(ReportedRun("wf", workspace.namespace, status), invocation_anywhere(workspace.namespace))


def kubectl(workspace: Workspace, line: str) -> str:
    """Run a line as a shell would, and return what it prints."""
    done = subprocess.run(
        shlex.split(line), env=workspace.environ(), capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def line_of(steps: list[NextCommand], start: str) -> str:
    return next(step.line for step in steps if step.line.startswith(start))


def a_workflow(workspace: Workspace, name: str, *, completed: bool = False, **kinds: Any) -> str:
    """Store a Workflow with its locks, and return its uid."""
    labels = {"workflows.argoproj.io/completed": str(completed).lower()}
    stored = workspace.plane.api.post(
        WORKFLOWS.format(workspace.namespace),
        {
            "apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow",
            "metadata": {"name": name, "namespace": workspace.namespace, "labels": labels},
            "spec": {"entrypoint": "main"}, "status": {"phase": "Running", "synchronization": kinds},
        },
    )  # fmt: skip
    return str(stored["metadata"]["uid"])


def test_the_holders_of_a_semaphore_are_listed(workspace: Workspace) -> None:
    lock = f"{workspace.namespace}/ConfigMap/limits/gpu"
    held = {"holding": [{"semaphore": lock, "holders": [f"{workspace.namespace}/holder/holder-1"]}]}
    a_workflow(workspace, "holder", semaphore=held)
    a_workflow(workspace, "has-ended", completed=True, semaphore=held)
    steps = suggested(workspace, FailureClass.LOCK_WAIT, f"Waiting for {lock} lock. Lock status: 0/2")
    shown = kubectl(workspace, line_of(steps, "kubectl get workflows"))
    assert [line.split() for line in shown.splitlines()] == [
        ["NAME", "SEMAPHORE", "MUTEX"],
        ["holder", lock, "<none>"],
    ]


def test_the_pods_that_use_a_quota_are_listed_with_what_they_request(workspace: Workspace) -> None:
    for name, phase in (("busy", "Running"), ("has-ended", "Succeeded")):
        container = {"name": "main", "image": "a", "resources": {"limits": {"nvidia.com/gpu": "2"}}}
        pod = {"metadata": {"name": name}, "spec": {"containers": [container]}}
        workspace.plane.api.post(PODS.format(workspace.namespace), pod)
        path = f"{PODS.format(workspace.namespace)}/{name}/status"
        workspace.plane.api.patch(path, {"status": {"phase": phase}})
    message = "exceeded quota: q, requested: requests.nvidia.com/gpu=1, used: requests.nvidia.com/gpu=8"
    shown = kubectl(workspace, line_of(suggested(workspace, FailureClass.QUOTA_EXCEEDED, message), "kubectl get pods"))
    assert [line.split() for line in shown.splitlines()] == [
        ["NAME", "STATUS", "requests.nvidia.com/gpu"],
        ["busy", "Running", "2"],
    ]


def test_a_step_may_do_what_was_denied_once_the_commands_have_run(workspace: Workspace) -> None:
    namespace = workspace.namespace
    message = (
        f'pods is forbidden: User "system:serviceaccount:{namespace}:default" cannot list resource "pods" in API group '
        f'"" in the namespace "{namespace}"'
    )
    steps = suggested(workspace, FailureClass.CONFIG_ERROR, message)
    for step in steps:
        if step.line.startswith("kubectl create"):
            kubectl(workspace, step.line)
    account = f"--as system:serviceaccount:{namespace}:load -n {namespace}"
    for asked in (
        line_of(steps, "kubectl auth can-i").replace(":default", ":load"),
        *(f"kubectl auth can-i {verb} workflowtaskresults.argoproj.io {account}" for verb in ("create", "patch")),
    ):
        eventually(partial(kubectl, workspace, asked), "yes\n".__eq__)  # the API server learns of roles by a watch


def test_a_pod_of_a_run_that_hangs_is_deleted_only_if_it_exists(workspace: Workspace) -> None:
    uid = a_workflow(workspace, "hangs")
    step = {"displayName": "e2e", "nodeId": "hangs-1", "type": "Pod", "phase": "Succeeded", "podName": "hangs-1"}
    report = {
        "apiVersion": "wfreport.dev/v1alpha1", "kind": "WorkflowReport",
        "metadata": {"name": "hangs-report", "namespace": workspace.namespace},
        "spec": {"workflowRef": {"name": "hangs", "uid": uid}},
        "status": {
            "observedWorkflow": {"phase": "Running", "uid": uid}, "steps": [step],
            "stalled": {"reason": "TaskResultMissing", "nodeId": "hangs-1"},
        },
    }  # fmt: skip
    workspace.put_report(report)
    assert "kubectl delete pod" not in workspace.run("show", "hangs").stdout
    pod = {"metadata": {"name": "hangs-1"}, "spec": {"containers": [{"name": "main", "image": "a"}]}}
    workspace.plane.api.post(PODS.format(workspace.namespace), pod)
    assert "kubectl delete pod hangs-1" in workspace.run("show", "hangs").stdout

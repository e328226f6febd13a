"""Next steps about a step, or a Workflow, that waits."""

from collections.abc import Callable, Iterator
from typing import Final

from wfreport.api.argo import LABEL_COMPLETED
from wfreport.api.classes import CLASS_OF_WAIT, FailureClass
from wfreport.api.report import Waiting
from wfreport.core.next_steps.commands import (
    argo,
    controller_log,
    controller_state,
    describe_pod,
    end_run,
    kubectl,
    wfreport,
)
from wfreport.core.next_steps.configuration import claim_steps, image_steps, object_steps
from wfreport.core.next_steps.locks import holder_steps, limit_steps, missing_limit_steps
from wfreport.core.next_steps.model import NextStep, ReportedRun
from wfreport.core.next_steps.quotas import quota_steps
from wfreport.core.next_steps.scheduling import scheduling_steps

Steps = Iterator[NextStep]
_STOP: Final = "Stop"
"""The strategy of a shutdown after which exit handlers still run."""


def wait_steps(wait: Waiting, run: ReportedRun) -> Steps:
    """Yield what to do about a wait, the most useful first."""
    by_reason = _BY_REASON.get(wait.reason)
    if by_reason is not None:
        yield from by_reason(wait, run)
        return
    by_class = _BY_CLASS.get(CLASS_OF_WAIT.get(wait.reason, FailureClass.UNKNOWN))
    text = wait.message or ""
    found = object_steps(text, run) or claim_steps(text, wait.pod_name, run)
    yield from found or (by_class(text, run) if by_class else [])
    if wait.pod_name:
        yield describe_pod(wait.pod_name, "its Events: what the kubelet and the scheduler report")
    elif not found and by_class is None:
        yield follow(run)


def follow(run: ReportedRun) -> NextStep:
    """Return the command that follows a run."""
    return wfreport("follow the run", "show", run.workflow, "--watch")


def _suspended(wait: Waiting, run: ReportedRun) -> Steps:
    suspended = [one for one in run.status.waiting or () if one.reason == wait.reason]
    only = ["--node-field-selector", f"displayName={wait.display_name}"] if len(suspended) > 1 else []
    subject = wait.display_name or run.workflow
    yield argo(f"{subject} is suspended", "resume", run.workflow, *only)


def _workflow_suspended(wait: Waiting, run: ReportedRun) -> Steps:  # noqa: ARG001 - all functions of the table are alike
    yield argo(f"{run.workflow} is suspended (spec.suspend)", "resume", run.workflow)


def _lock(wait: Waiting, run: ReportedRun) -> Steps:
    yield from holder_steps(wait.message or "", run)
    yield from limit_steps(wait.message or "")
    yield follow(run)


def _no_limit(wait: Waiting, run: ReportedRun) -> Steps:
    yield from missing_limit_steps(wait.message or "")
    yield follow(run)


def _stopping(wait: Waiting, run: ReportedRun) -> Steps:
    if wait.pod_name:
        yield describe_pod(wait.pod_name, "does it still run, and does its program end on SIGTERM?")
    yield follow(run)
    observed = run.status.observed_workflow
    if observed and observed.shutdown == _STOP:
        yield argo("if it goes on: end it without its exit handler", "terminate", run.workflow)
    if wait.pod_name:
        yield kubectl(
            "if that does not help: delete the pod of the step; its log is lost", "delete", "pod", wait.pod_name
        )


def _by_itself(wait: Waiting, run: ReportedRun) -> Steps:  # noqa: ARG001
    yield follow(run)


def _parallelism(wait: Waiting, run: ReportedRun) -> Steps:  # noqa: ARG001
    yield argo("the Workflows that run", "list", "--running")
    yield NextStep("Wait until others end, or raise parallelism in the ConfigMap workflow-controller-configmap.")


def _not_taken_up(wait: Waiting, run: ReportedRun) -> Steps:  # noqa: ARG001
    yield controller_state()
    yield controller_log(run)
    yield NextStep("Check that the controller selects this namespace and the Workflow's instance ID.")


def _labelled_completed(wait: Waiting, run: ReportedRun) -> Steps:  # noqa: ARG001
    text = "let Argo's controller take it up; do not copy this label into new Workflows"
    yield kubectl(text, "label", "workflow", run.workflow, f"{LABEL_COMPLETED}-")
    yield follow(run)


def _agent(wait: Waiting, run: ReportedRun) -> Steps:  # noqa: ARG001
    selector = f"workflows.argoproj.io/workflow={run.workflow}"
    yield kubectl("Argo's agent, whose name ends in -agent", "get", "pods", "-l", selector)
    yield follow(run)


def _entrypoint(wait: Waiting, run: ReportedRun) -> Steps:
    yield NextStep("Set the command in the template, so that Argo need not look it up in the image's registry.")
    yield from image_steps(wait.message or "", run)


def _ended(wait: Waiting, run: ReportedRun) -> Steps:
    if wait.pod_name:
        yield describe_pod(wait.pod_name, "the state of each container")
    yield follow(run)


def _executor_failed(wait: Waiting, run: ReportedRun) -> Steps:
    if wait.pod_name:
        yield describe_pod(wait.pod_name, "the state of each container")
        yield kubectl(
            "nothing reports how it ends: delete the pod; the step then fails, its log is lost",
            "delete",
            "pod",
            wait.pod_name,
        )
    yield follow(run)


def _silent(wait: Waiting, run: ReportedRun) -> Steps:
    yield kubectl("which machines are ready", "get", "nodes", namespace="")
    yield from _ended(wait, run)


def _not_ended(wait: Waiting, run: ReportedRun) -> Steps:  # noqa: ARG001
    yield controller_state()
    yield controller_log(run)
    yield end_run(run, "end this run")


_BY_REASON: Final[dict[str, Callable[[Waiting, ReportedRun], Steps]]] = {
    "Suspended": _suspended,
    "WorkflowSuspended": _workflow_suspended,
    "LockWait": _lock,
    "LockLimitMissing": _no_limit,
    "Backoff": _by_itself,
    "ParallelismLimit": _parallelism,
    "Stopping": _stopping,
    "NotStarted": _not_taken_up,
    "RetryNotStarted": _not_taken_up,
    "LabelledCompleted": _labelled_completed,
    "HTTPPending": _agent,
    "PluginPending": _agent,
    "ImageCommandLookupFailed": _entrypoint,
    "PodFailed": _ended,
    "PodSucceeded": _ended,
    "PodTerminating": _ended,
    "MainNotStarted": _ended,
    "MainEnded": _ended,
    "ExecutorFailed": _executor_failed,
    "MachineSilent": _silent,
    "DeadlinePassed": _not_ended,
}

_BY_CLASS: Final = {
    FailureClass.IMAGE_PULL: image_steps,
    FailureClass.UNSCHEDULABLE: scheduling_steps,
    FailureClass.QUOTA_EXCEEDED: quota_steps,
}

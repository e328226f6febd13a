"""Runs in one state each."""

from __future__ import annotations

from typing import Any

from wfreport.api.classes import CLASS_OF_WAIT, Confidence, FailureClass, Owner, Role
from wfreport.api.reasons import ORDINARY_WAITS
from wfreport.api.report import Failure, ObservedWorkflow, ReportStatus, Stalled, Step, Waiting
from wfreport.core.next_steps.model import NextStep, ReportedRun
from wfreport.core.timing.hung_pods import HUNG_REASONS

WAIT_REASONS = sorted(
    {
        *CLASS_OF_WAIT, *ORDINARY_WAITS, *HUNG_REASONS, "NotStarted", "RetryNotStarted", "HTTPPending", "PluginPending",
        "Pending", "ContainerCreating", "PodInitializing", "PodRestarting", "CrashLoopBackOff", "DeadlinePassed",
        "LockLimitMissing", "OfANewerVersion",
    }
)  # fmt: skip


def a_failure(failure_class: FailureClass, message: str = "", **fields: Any) -> Failure:
    """Return a root cause."""
    given = {
        "node_id": "wf-1", "display_name": "e2e", "template_name": "test", "role": Role.ROOT_CAUSE,
        "failure_class": failure_class, "owner": Owner.USER, "retryable": False, "confidence": Confidence.MEDIUM,
        "message": message or None,
    }  # fmt: skip
    return Failure(**{**given, **fields})


def a_step(**fields: Any) -> Step:
    return Step(**{"display_name": "e2e", "node_id": "wf-1", "type": "Pod", "phase": "Failed", **fields})


def a_failed(*failures: Failure, **view: Any) -> ReportedRun:
    """Return the view of a run that failed."""
    status = ReportStatus(
        observed_workflow=ObservedWorkflow(phase="Failed"), failures=list(failures) or None, steps=[a_step()],
        failure_class=failures[0].failure_class if failures else None, **view.pop("status", {}),
    )  # fmt: skip
    return ReportedRun("wf", "data", status, **view)


def a_waiting(*waits: Waiting, **status: Any) -> ReportedRun:
    """Return the view of a run that waits."""
    observed = ObservedWorkflow(phase="Running")
    return ReportedRun("wf", "data", ReportStatus(observed_workflow=observed, waiting=list(waits) or None, **status))


def a_stalled(reason: str, message: str = "", *, with_pod: bool = True, **stalled: Any) -> ReportedRun:
    """Return the view of a run that hangs."""
    step = a_step(phase="Running", pod_name="pod-1" if with_pod else None)
    status = ReportStatus(
        observed_workflow=ObservedWorkflow(phase="Running"), step="e2e", steps=[step],
        stalled=Stalled(reason=reason, message=message, node_id=step.node_id, **stalled),
    )  # fmt: skip
    return ReportedRun("wf", "data", status)


def lines(steps: list[NextStep]) -> list[str]:
    """Return the commands."""
    return [" ".join(step.command) for step in steps if step.command]


def sentences(steps: list[NextStep]) -> str:
    """Return what is to be done without a command."""
    return " ".join(step.text for step in steps if not step.command)

"""Suggests the next commands for a run: complete command lines, to be copied."""

import shlex
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from wfreport.api.argo import Phase
from wfreport.api.classes import CAUSES, FailureClass
from wfreport.api.reasons import DelayReason
from wfreport.api.remediation import Remediation
from wfreport.api.report import Failure, ReportStatus, Waiting, WorkflowReport
from wfreport.cli.render.quantities import human_memory
from wfreport.cli.render.remediation_state import is_awaiting

_MAX_COMMANDS: Final = 5
_MAX_DESCRIBED_PODS: Final = 2
_MAX_NAMED_CHANGES: Final = 2
_NEVER_RAN: Final = frozenset(
    {FailureClass.IMAGE_PULL, FailureClass.UNSCHEDULABLE, FailureClass.CONFIG_ERROR, FailureClass.QUOTA_EXCEEDED}
)
"""Classes of failures without a log: the container never started."""
_RUNNING: Final = frozenset({Phase.RUNNING, Phase.PENDING, ""})


@dataclass(frozen=True, slots=True)
class NextCommand:
    """A command line and the reason to run it."""

    line: str
    reason: str


@dataclass(frozen=True, slots=True)
class Invocation:
    """How the user called this program, so that suggested commands reach the same cluster.

    Attributes:
        program: the program, such as ``kubectl wfreport``.
        cluster_arguments: ``--namespace``, ``--context`` and ``--kubeconfig`` with their values.
    """

    program: str
    cluster_arguments: Sequence[str]

    def own(self, *arguments: str) -> str:
        """Return a command line of this program."""
        return f"{self.program} {shlex.join([*arguments, *self.cluster_arguments])}"

    def other(self, *arguments: str) -> str:
        """Return a command line of another program that takes kubectl's options."""
        return shlex.join([*arguments, *self.cluster_arguments])


def next_commands(
    report: WorkflowReport, actions: Sequence[Remediation], invocation: Invocation, *, has_workflow: bool
) -> list[NextCommand]:
    """Return the commands that fit the state of a run, the most useful first.

    Args:
        report: report of the run.
        actions: Remediations of its chain.
        invocation: how the user called this program.
        has_workflow: whether the Workflow still exists, so that Argo can continue it.
    """
    status, name = report.status or ReportStatus(), report.spec.workflow_ref.name
    commands = [
        *_decisions(actions, invocation),
        *(_while_running(name, status, invocation) if _is_running(status) else ()),
        *_about_failures(name, status, invocation),
        *_of_argo(name, status, actions, invocation, has_workflow=has_workflow),
        *_around(status, invocation),
    ]
    return commands[:_MAX_COMMANDS]


def _is_running(status: ReportStatus) -> bool:
    return status.observed_workflow is not None and (status.observed_workflow.phase or "") in _RUNNING


def _decisions(actions: Sequence[Remediation], invocation: Invocation) -> Iterator[NextCommand]:
    for action in actions:
        if is_awaiting(action):
            changes = _changes(action)
            reason = f"{action.spec.action}{f': {changes}' if changes else ''}"
            yield NextCommand(invocation.own("approve", action.metadata.name), reason)
            yield NextCommand(invocation.own("deny", action.metadata.name), "reject it for good")


def _changes(action: Remediation) -> str:
    before, after = action.spec.plan.before or {}, action.spec.plan.after or {}
    changed = [
        f"{path.rpartition('].')[2]} {_value(before.get(path))} -> {_value(value)}" for path, value in after.items()
    ]
    return ", ".join(changed[:2])


def _value(text: str | None) -> str:
    return "unset" if text is None else human_memory(text)


def _while_running(name: str, status: ReportStatus, invocation: Invocation) -> Iterator[NextCommand]:
    waits = status.waiting or []
    suspended = [wait for wait in waits if wait.reason == DelayReason.SUSPENDED]
    for wait in suspended[:1]:
        only = ["--node-field-selector", f"displayName={wait.display_name}"] if len(suspended) > 1 else []
        yield NextCommand(invocation.other("argo", "resume", name, *only), f"{wait.display_name or name} is suspended")
    for pod_name in _waiting_pods(waits)[:_MAX_DESCRIBED_PODS]:
        yield NextCommand(invocation.other("kubectl", "describe", "pod", pod_name), "why the pod does not start")
    if not waits:
        yield NextCommand(invocation.own("show", name, "--watch"), "follow the run")
        yield NextCommand(invocation.own("logs", name, "-f"), "follow its logs")


def _waiting_pods(waits: Sequence[Waiting]) -> list[str]:
    return list(dict.fromkeys(wait.pod_name for wait in waits if wait.pod_name))


def _about_failures(name: str, status: ReportStatus, invocation: Invocation) -> Iterator[NextCommand]:
    causes = [failure for failure in status.failures or [] if failure.role in CAUSES]
    for failure in causes[:1]:
        if not failure.pod_name:
            continue
        if failure.failure_class in _NEVER_RAN:
            yield NextCommand(invocation.own("pods", name, "--failed"), "its pods, and whether they still exist")
        else:
            yield NextCommand(invocation.own("logs", name, _step_argument(failure, status)), "the whole log")
    if len(causes) > 1:
        yield NextCommand(invocation.own("logs", name, "--failed", "--tail", "5"), f"all {len(causes)} failures")


def _step_argument(failure: Failure, status: ReportStatus) -> str:
    """Return the display name of the failed step, or its pod if steps share the name."""
    names = Counter(step.display_name for step in status.steps or [])
    display_name = failure.display_name or ""
    is_unique = names[display_name] == 1 and not display_name.startswith("-")
    return display_name if is_unique else failure.pod_name or display_name


def _of_argo(
    name: str, status: ReportStatus, actions: Sequence[Remediation], invocation: Invocation, *, has_workflow: bool
) -> Iterator[NextCommand]:
    """Suggest Argo's retry if it may help and no policy acts on the run."""
    leading = status.failures[0] if status.failures else None
    if _is_running(status) or leading is None or not leading.retryable or actions:
        return
    if has_workflow:
        yield NextCommand(invocation.other("argo", "retry", name), "run the failed steps again")


def _around(status: ReportStatus, invocation: Invocation) -> Iterator[NextCommand]:
    source = status.workflow_source
    if source and source.cron_workflow and status.failure_class:
        yield NextCommand(invocation.own("list", "--cron", source.cron_workflow), "other runs of this CronWorkflow")

"""Suggests what to do next about a run: sentences, and complete command lines to be copied."""

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet

from wfreport.api.remediation import Remediation
from wfreport.api.report import ReportStatus, WorkflowReport
from wfreport.cli.render.live_details import LiveDetails
from wfreport.cli.render.quantities import human_memory
from wfreport.cli.render.remediation_state import is_awaiting
from wfreport.core.next_steps.lines import Invocation, NextCommand, command_lines, invocation_anywhere
from wfreport.core.next_steps.model import ReportedRun


def next_commands(
    report: WorkflowReport,
    actions: Sequence[Remediation],
    invocation: Invocation,
    *,
    has_workflow: bool,
    existing_pods: AbstractSet[str] | None = None,
) -> list[NextCommand]:
    """Return what fits the state of a run, the most useful first.

    Args:
        report: report of the run.
        actions: Remediations of its chain.
        invocation: how the user called this program.
        has_workflow: whether the Workflow still exists, so that Argo can continue it.
        existing_pods: which of its pods exist; None if nobody has read that.
    """
    run = ReportedRun(
        report.spec.workflow_ref.name,
        report.metadata.namespace,
        report.status or ReportStatus(),
        has_workflow=has_workflow,
        existing_pods=existing_pods,
        has_policy_action=bool(actions),
    )
    return [*_decisions(actions, invocation), *command_lines(run, invocation)]


def details_without_cluster(report: WorkflowReport, program: str, *, has_workflow: bool = True) -> LiveDetails:
    """Return what a page shows besides a report if nobody reads the cluster, or nothing of it has changed.

    Args:
        report: report of the run.
        program: how the user calls this program.
        has_workflow: whether the Workflow still exists.
    """
    invocation = invocation_anywhere(report.metadata.namespace or "", program)
    return LiveDetails(commands=next_commands(report, (), invocation, has_workflow=has_workflow))


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

"""Suggests what to do next about a run: sentences, and complete command lines to be copied."""

import shlex
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet

from msgspec import Struct

from wfreport.api.remediation import Remediation
from wfreport.api.report import ReportStatus, WorkflowReport
from wfreport.cli.render.quantities import human_memory
from wfreport.cli.render.remediation_state import is_awaiting
from wfreport.core.next_steps.model import NextStep, ReportedRun
from wfreport.core.next_steps.steps import next_steps


class NextCommand(Struct, frozen=True):
    """A command line and the reason to run it, or what to do without one.

    Attributes:
        line: the command line; empty if there is none.
        reason: what it is for; without a command line, what to do.
    """

    line: str
    reason: str


class Invocation(Struct, frozen=True):
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

    def line_of(self, step: NextStep) -> str:
        """Return the command line of a next step; empty if it has no command."""
        if not step.command:
            return ""
        program, *arguments = step.command
        name = self.program if program == "wfreport" else program
        return f"{name} {shlex.join(self._with_cluster(arguments, step.namespace))}"

    def _with_cluster(self, arguments: Sequence[str], namespace: str | None) -> list[str]:
        """Insert the options of the cluster before ``--``, after which another program's arguments begin."""
        options = list(self.cluster_arguments)
        if namespace is not None:
            at = options.index("-n") if "-n" in options else len(options)
            options[at : at + 2] = ["-n", namespace] if namespace else []
        end = arguments.index("--") if "--" in arguments else len(arguments)
        return [*arguments[:end], *options, *arguments[end:]]


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
    steps = [NextCommand(invocation.line_of(step), step.text) for step in next_steps(run)]
    return [*_decisions(actions, invocation), *steps]


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

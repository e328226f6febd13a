"""Next steps as lines to be copied: for terminals, pages, Events and notifications alike."""

import shlex
from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from wfreport.core.next_steps.model import NextStep, ReportedRun
from wfreport.core.next_steps.steps import next_steps

PLUGIN: Final = "kubectl wfreport"
"""How a person who was not on a command line calls this program."""


class NextCommand(Struct, frozen=True):
    """A command line and the reason to run it, or what to do without one.

    Attributes:
        line: the command line; empty if there is none.
        reason: what it is for; without a command line, what to do.
        topic: what of the run it is about, if the run has several things to mend; else empty.
    """

    line: str
    reason: str
    topic: str = ""


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


def invocation_anywhere(namespace: str, program: str = PLUGIN) -> Invocation:
    """Return the invocation for a reader whose cluster is that of their current context."""
    return Invocation(program, ["-n", namespace] if namespace else [])


def command_lines(run: ReportedRun, invocation: Invocation) -> list[NextCommand]:
    """Return the next steps of a run as lines, the most useful first."""
    return [NextCommand(invocation.line_of(step), step.text, step.topic) for step in next_steps(run)]


def first_lines(run: ReportedRun) -> list[str]:
    """Return the first next step if it is a sentence, and the first command that changes nothing.

    Whoever reads it sees neither the other steps nor what has happened since. Without such a command it is the one that
    shows the run.
    """
    invocation = invocation_anywhere(run.namespace)
    steps = next_steps(run)
    command = next((invocation.line_of(step) for step in steps if step.only_reads), "")
    return [step.text for step in steps[:1] if not step.command] + [command or invocation.own("show", run.workflow)]

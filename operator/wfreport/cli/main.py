"""The ``wfreport`` program: its commands and its help."""

from collections.abc import Mapping, Sequence
from typing import Final

import click

from wfreport.cli.group import LazyCommand, LazyGroup

_COMMANDS: Final = "wfreport.cli.commands"

SECTIONS: Final[Mapping[str, Sequence[LazyCommand]]] = {
    "Inspect runs": (
        LazyCommand("list", f"{_COMMANDS}.list.list_command", "List runs by their reports, newest first."),
        LazyCommand("show", f"{_COMMANDS}.show.show", "Show one run: why it failed, and its steps."),
        LazyCommand("pods", f"{_COMMANDS}.pods.pods", "List the pods of a run, including deleted ones."),
        LazyCommand("logs", f"{_COMMANDS}.logs.logs", "Print the logs of a run, from live pods or as stored."),
        LazyCommand("exec", f"{_COMMANDS}.exec.exec_command", "Run a command in the pod of a running step."),
        LazyCommand("diff", f"{_COMMANDS}.diff.diff", "Show what differs between two runs."),
        LazyCommand("trends", f"{_COMMANDS}.trends.trends", "Show success, durations, recovery and flaky templates."),
        LazyCommand("ui", f"{_COMMANDS}.ui.ui", "Show runs, trends and remediations live in the browser."),
        LazyCommand("explain", f"{_COMMANDS}.explain.explain", "Explain a Workflow from a file, without a cluster."),
        LazyCommand("wait", f"{_COMMANDS}.wait.wait", "Wait until a Workflow ends; its outcome is the exit code."),
    ),
    "Remediate failures": (
        LazyCommand("remediations", f"{_COMMANDS}.remediations.remediations", "List or show Remediations."),
        LazyCommand("approve", f"{_COMMANDS}.approve.approve", "Approve a pending Remediation."),
        LazyCommand("deny", f"{_COMMANDS}.approve.deny", "Reject a pending Remediation."),
        LazyCommand("simulate", f"{_COMMANDS}.simulate.simulate", "Replay past runs through a policy."),
    ),
    "Operate": (
        LazyCommand("check", f"{_COMMANDS}.check.check", "Check the installation: alive, its rights, its policies."),
        LazyCommand("run", f"{_COMMANDS}.run.run", "Run the operator."),
        LazyCommand("version", f"{_COMMANDS}.version.version", "Print the version."),
    ),
}


@click.group(
    cls=LazyGroup,
    sections=SECTIONS,
    examples=(
        "%(prog)s list -A --since 24h --phase Failed",
        "%(prog)s show etl-x7k2p -n team-a",
        "%(prog)s logs etl-x7k2p --failed",
        "kubectl get wf etl-x7k2p -o yaml | %(prog)s explain -",
    ),
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="wfreport", message="wfreport %(version)s")
def cli() -> None:
    """Explain why Argo Workflows failed, and how policies respond.

    The operator writes one readable WorkflowReport per run. These commands show the reports, the pods and logs of
    their steps, and the actions that policies took or would take after a failure. They also explain runs that have no
    report.
    """

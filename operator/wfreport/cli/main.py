"""The program and its help. A command is one file, and one declaration in the module of its section."""

import click

from wfreport.cli.commands import declared_operation, declared_remediation, declared_runs
from wfreport.cli.options import Sections


@click.group(cls=Sections, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="wfreport", message="wfreport %(version)s")
def cli() -> None:
    """Say what happened to an Argo Workflow, why, and what was done about it.

    As an operator it writes one readable WorkflowReport per run. On the command line it shows these reports, the
    pods and logs of their steps, explains runs that have no report, and says what policies do and would do about
    failures.

    \b
    Examples:
      wfreport list -A --since 24h --phase Failed
      wfreport show etl-x7k2p -n team-a
      wfreport logs etl-x7k2p --failed
      kubectl get wf etl-x7k2p -o yaml | wfreport explain -
    """  # noqa: D301  (backspace is click's mark for lines to leave alone)


cli.add_section("Look at runs", declared_runs.COMMANDS)
cli.add_section("Answer failures", declared_remediation.COMMANDS)
cli.add_section("Operate", declared_operation.COMMANDS)

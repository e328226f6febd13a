"""Declarations of the commands that run the program itself. What a command does is imported when it runs."""

from typing import Final

import click

from wfreport.cli.options import Command
from wfreport.cli.problems import UnusableInput


@click.command(cls=Command, short_help="Run the operator.")
@click.pass_context
def run(ctx: click.Context) -> None:
    """Run the operator until SIGTERM or Ctrl-C, in a cluster or with the current kubeconfig.

    It is set up by WFREPORT_… variables.

    \b
    Examples:
      wfreport run
      WFREPORT_NAMESPACES=team-a,team-b WFREPORT_HTTP_PORT=0 wfreport run
    """  # noqa: D301  (backspace is click's mark for lines to leave alone)
    from wfreport.settings import InvalidSettingsError, load_settings  # noqa: PLC0415

    try:
        settings = load_settings()
    except InvalidSettingsError as error:
        raise UnusableInput("settings", str(error)) from error
    from wfreport.app.application import run_operator  # noqa: PLC0415

    ctx.exit(run_operator(settings))


@click.command(cls=Command, short_help="Print the version.")
def version() -> None:
    """Print the version.

    \b
    Example:
      wfreport version
    """  # noqa: D301  (backspace is click's mark for lines to leave alone)
    from importlib.metadata import version as installed_version  # noqa: PLC0415

    click.echo(f"wfreport {installed_version('wfreport')}")


COMMANDS: Final = (run, version)

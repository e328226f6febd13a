"""``wfreport run``: the operator."""

import gc

import click

from wfreport.cli.group import Command
from wfreport.cli.problems import ExitCode, UnusableInput
from wfreport.settings import InvalidSettingsError, load_settings


@click.command(
    cls=Command,
    exit_codes={
        ExitCode.SUCCEEDED: "stopped by SIGTERM or Ctrl-C",
        ExitCode.FAILED: "the watch streams were lost; restart the operator",
        ExitCode.UNUSABLE: "a setting is invalid, or no API server is reachable",
    },
    examples=("%(prog)s run", "WFREPORT_NAMESPACES=team-a,team-b WFREPORT_HTTP_PORT=0 %(prog)s run"),
)
def run() -> int:
    """Run the operator until SIGTERM or Ctrl-C, in a cluster or with the current kubeconfig.

    Environment variables named WFREPORT_… configure it.
    """
    try:
        settings = load_settings()
    except InvalidSettingsError as error:
        raise UnusableInput("settings", str(error)) from error
    gc.disable()  # modules make much that lives on, and no garbage: the collector would take a fifth of the start
    # It takes seconds to import, and neither --help nor an invalid setting needs it.
    from wfreport.app.application import run_operator  # noqa: PLC0415

    gc.freeze()
    gc.enable()
    return run_operator(settings)

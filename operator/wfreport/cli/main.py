"""The commands and their help. What a command does is imported when it runs: kopf alone takes a second."""

from typing import Any, Final

import click

from wfreport.cli.problems import UnusableInput

_SECTIONS: Final = (
    ("Look at runs", ("explain", "wait")),
    ("Operate", ("run", "version")),
)


class _Sections(click.Group):
    """A group whose help lists its commands by purpose."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, names in _SECTIONS:
            with formatter.section(title):
                formatter.write_dl([(name, self._short_help(ctx, name)) for name in names])

    def _short_help(self, ctx: click.Context, name: str) -> str:
        command = self.get_command(ctx, name)
        return command.get_short_help_str(limit=70) if command else ""


class _Duration(click.ParamType[float]):
    """A duration such as 30m, in seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        from wfreport.core.durations import parse_duration  # noqa: PLC0415

        try:
            return parse_duration(str(value)).total_seconds()
        except ValueError as error:
            self.fail(str(error), param, ctx)


@click.group(cls=_Sections, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="wfreport", message="wfreport %(version)s")
def cli() -> None:
    """Say what happened to an Argo Workflow, why, and what was done about it.

    As an operator it writes one readable WorkflowReport per run; on the command line it explains a run from a file.

    \b
    Examples:
      kubectl get wf etl-x7k2p -o yaml | wfreport explain -
      wfreport wait etl-x7k2p -n team-a --timeout 1h
      kubectl get workflowreports -A          (the reports of the operator)
    """  # noqa: D301  (backspace is click's mark for lines to leave alone)


@cli.command(short_help="Explain a Workflow from a file; no cluster needed.")
@click.argument("file")
@click.option("--pods", metavar="FILE", help="Pods of the run: they know what Argo's messages leave out.")
@click.option("--events", metavar="FILE", help="Kubernetes Events about these pods.")
@click.option(
    "-o", "--output", type=click.Choice(["tree", "json", "yaml"]), default="tree", show_default=True,
    help="json and yaml are the WorkflowReport that the operator would write.",
)  # fmt: skip
@click.option("--color", type=click.Choice(["auto", "always", "never"]), default="auto", show_default=True)
@click.option("--all", "everything", is_flag=True, help="List every step and log line on a terminal too.")
@click.pass_context
def explain(
    ctx: click.Context, file: str, pods: str | None, events: str | None, output: str, color: str, *, everything: bool
) -> None:
    """Print what happened to the Workflows in FILE (- is stdin), and why.

    FILE is JSON or YAML, plain or gzip: a Workflow, several documents, or a list as kubectl prints it. On a
    terminal the report is fitted to its width; in a pipe nothing is cut.

    Exit code: 0, also for a failed Workflow; 2 if something in FILE cannot be used.

    \b
    Examples:
      kubectl get wf etl-x7k2p -o yaml | wfreport explain -
      wfreport explain failed.json.gz --pods pods.json --events events.json
      kubectl get wf -A -o json | wfreport explain - -o json | jq '.items[].status.summary'
    """  # noqa: D301  (backspace is click's mark for lines to leave alone)
    from wfreport.cli import explain as command  # noqa: PLC0415

    ctx.exit(
        command.explain(file, pods_path=pods, events_path=events, output=output, color=color, everything=everything)
    )


@cli.command(short_help="Wait for a Workflow to end; the exit code says how.")
@click.argument("workflow")
@click.option("-n", "--namespace", help="Its namespace. Default: that of the current context.")
@click.option(
    "--timeout", type=_Duration(), metavar="DURATION", help="Give up after this time: 90s, 30m, 2h. Default: never."
)
@click.pass_context
def wait(ctx: click.Context, workflow: str, namespace: str | None, timeout: float | None) -> None:
    """Follow WORKFLOW to its end and print its summary: for CI jobs.

    It works where the operator is not installed, too. It needs the rights to get, list and watch Workflows.

    \b
    Exit code:
      0  Succeeded
      1  Failed
      2  the cluster cannot be used (credentials, rights)
      3  Error
      4  still running when the timeout passed
      5  no such Workflow, or it was deleted before it ended

    \b
    Examples:
      wfreport wait etl-x7k2p -n team-a --timeout 1h
      wfreport wait "$(argo submit -o name etl.yaml)" || exit 1
    """  # noqa: D301  (backspace is click's mark for lines to leave alone)
    from wfreport.cli.wait import run_wait  # noqa: PLC0415

    ctx.exit(run_wait(workflow, namespace, timeout_seconds=timeout))


@cli.command(short_help="Run the operator.")
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
    from wfreport.run import run_operator  # noqa: PLC0415

    ctx.exit(run_operator(settings))


@cli.command(short_help="Print the version.")
def version() -> None:
    """Print the version.

    \b
    Example:
      wfreport version
    """  # noqa: D301  (backspace is click's mark for lines to leave alone)
    from importlib.metadata import version as installed_version  # noqa: PLC0415

    click.echo(f"wfreport {installed_version('wfreport')}")

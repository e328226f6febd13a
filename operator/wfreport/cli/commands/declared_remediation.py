"""Declarations of the commands about remediation. What a command does is imported when it runs."""

from typing import Final

import click

from wfreport.cli.options import Command, Duration, cluster_options, color_option

_MONTH_SECONDS: Final = 30 * 24 * 3600


@click.command(cls=Command, short_help="List what was, would be or waits to be done about runs.")
@click.argument("name", required=False)
@click.option("-A", "--all-namespaces", is_flag=True, help="Of all namespaces.")
@click.option("--awaiting", is_flag=True, help="Only those that wait for a person.")
@click.option(
    "-o",
    "--output",
    type=click.Choice(["table", "wide", "json", "yaml", "name"]),
    default="table",
    show_default=True,
)
@color_option
@cluster_options
@click.pass_context
def remedies(
    ctx: click.Context,
    /,
    name: str | None,
    *,
    all_namespaces: bool,
    awaiting: bool,
    output: str,
    color: str,
    **where: str | None,
) -> None:
    """List the Remediations of a namespace, those that wait for a person first, or show the one called NAME.

    NAME is a Remediation's, or a Workflow's: then all that was done about it is listed.

    Exit code: 0; 2 if an argument or the cluster cannot be used; 5 if there is nothing called NAME.

    \b
    Examples:
      wfreport remediations --awaiting -A
      wfreport remediations etl-x7k2p-d1323ffb83
      wfreport remediations etl-x7k2p -o yaml
    """  # noqa: D301  (backspace is click's mark for lines to leave alone)
    from wfreport.cli.commands.remediations import RemediationFilter, run_remediations  # noqa: PLC0415
    from wfreport.cli.sources.cluster import ClusterTarget  # noqa: PLC0415

    wanted = RemediationFilter(name=name, everywhere=all_namespaces, awaiting_only=awaiting)
    ctx.exit(run_remediations(ClusterTarget(**where), wanted, output=output, color=color))


@click.command(cls=Command, short_help="Approve a Remediation that waits for a person.")
@click.argument("name")
@click.option("--reason", metavar="TEXT", help="Why, for those who read it later.")
@cluster_options
@click.pass_context
def approve(ctx: click.Context, /, name: str, reason: str | None, **where: str | None) -> None:
    """Let the Remediation NAME be done.

    It needs the right to patch remediations/status. The operator decides once more before it acts: what has changed
    in the meantime, a spent budget say, may still hold it.

    Exit code: 0; 2 if it does not wait for anybody, or the cluster cannot be used; 5 if there is none of that name.

    \b
    Example:
      wfreport approve etl-x7k2p-d1323ffb83
    """  # noqa: D301  (backspace is click's mark for lines to leave alone)
    from wfreport.cli.commands.approve import run_answer  # noqa: PLC0415
    from wfreport.cli.sources.cluster import ClusterTarget  # noqa: PLC0415

    ctx.exit(run_answer(ClusterTarget(**where), name, approves=True, reason=reason))


@click.command(cls=Command, short_help="Deny a Remediation that waits for a person.")
@click.argument("name")
@click.option("--reason", metavar="TEXT", help="Why, for those who read it later.")
@cluster_options
@click.pass_context
def deny(ctx: click.Context, /, name: str, reason: str | None, **where: str | None) -> None:
    """Let the Remediation NAME not be done, now or later.

    It needs the right to patch remediations/status.

    Exit code: 0; 2 if it does not wait for anybody, or the cluster cannot be used; 5 if there is none of that name.

    \b
    Example:
      wfreport deny etl-x7k2p-d1323ffb83 --reason "the input is being fixed"
    """  # noqa: D301  (backspace is click's mark for lines to leave alone)
    from wfreport.cli.commands.approve import run_answer  # noqa: PLC0415
    from wfreport.cli.sources.cluster import ClusterTarget  # noqa: PLC0415

    ctx.exit(run_answer(ClusterTarget(**where), name, approves=False, reason=reason))


@click.command(cls=Command, short_help="Say what a policy would have done.")
@click.option("-f", "--file", "policy", required=True, metavar="FILE", help="The policy; - is stdin.")
@click.option("-A", "--all-namespaces", is_flag=True, help="On the runs of all namespaces.")
@click.option(
    "--since",
    type=Duration(),
    default=f"{_MONTH_SECONDS}s",
    metavar="DURATION",
    help="On the runs that ended within this time: 24h, 7d. Default: 30d.",
)
@click.option("--reports", metavar="FILE", help="On the reports in FILE, without a cluster.")
@click.option(
    "-o",
    "--output",
    type=click.Choice(["table", "wide", "json", "yaml"]),
    default="table",
    show_default=True,
    help="wide lists every run.",
)
@color_option
@cluster_options
@click.pass_context
def simulate(
    ctx: click.Context,
    /,
    policy: str,
    *,
    all_namespaces: bool,
    since: float,
    reports: str | None,
    output: str,
    color: str,
    **where: str | None,
) -> None:
    """Replay the past through a policy: what it would have done, how often, and what would have held it back.

    The reports of the namespace are judged in the order of time, by the decision that the operator makes, as if the
    policy had been in mode Enforce. Nothing is changed. It needs the right to list WorkflowReports, or none with
    --reports. Whether an act would have helped is only known where it was really done.
    Other policies of the cluster are left out; put several into FILE to see them together.

    Exit code: 0; 2 if the policy, the reports or the cluster cannot be used.

    \b
    Examples:
      wfreport simulate -f oom-ladder.yaml -n data
      wfreport simulate -f policy.yaml --since 7d -o wide
      kubectl get wfr -n data -o json | wfreport simulate -f policy.yaml --reports -
    """  # noqa: D301  (backspace is click's mark for lines to leave alone)
    from wfreport.cli.commands.simulate import Past, run_simulate  # noqa: PLC0415
    from wfreport.cli.sources.cluster import ClusterTarget  # noqa: PLC0415

    past = Past(since_seconds=since, reports=reports, everywhere=all_namespaces)
    ctx.exit(run_simulate(ClusterTarget(**where), policy, past, output=output, color=color))


COMMANDS: Final = (remedies, approve, deny, simulate)

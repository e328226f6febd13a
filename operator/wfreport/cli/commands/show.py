"""``wfreport show``: the stored report of one run, or one computed from its Workflow."""

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import click
from msgspec import structs

from wfreport.api.argo import COMPLETED_PHASES
from wfreport.cli.group import Command
from wfreport.cli.options import ClusterTarget, cluster_options, completion, output_option, page_options
from wfreport.cli.problems import ExitCode
from wfreport.cli.render.output import PAGE_FORMATS, print_reports
from wfreport.cli.sources.cluster import Cluster, run_connected
from wfreport.cli.sources.live_details import live_details
from wfreport.cli.sources.report_feed import ReportFeed
from wfreport.cli.sources.reports import Filters, newest_first
from wfreport.cli.sources.runs import (
    FoundRun,
    decode_report,
    find_latest_name,
    find_run,
    list_events,
    list_pods,
    refresh_run,
)
from wfreport.clock import now as clock_now
from wfreport.core.next_steps.lines import Invocation

if TYPE_CHECKING:
    from rich.text import Text

_POLL_SECONDS: Final = 5
_LATEST: Final = "@latest"


@click.command(
    cls=Command,
    exit_codes={
        ExitCode.SUCCEEDED: "success, also for a failed run",
        ExitCode.UNUSABLE: "the cluster cannot be used",
        ExitCode.NOT_FOUND: "no such run",
    },
    examples=(
        "%(prog)s show etl-x7k2p",
        "%(prog)s show etl-x7k2p -n team-a --all",
        "%(prog)s show --last",
        "%(prog)s show etl-x7k2p -o html > etl-x7k2p.html",
        "%(prog)s show etl-x7k2p --watch",
        '%(prog)s show "$(%(prog)s list --cron etl-daily --limit 1 -o name)"',
    ),
)
@click.argument("name", required=False, shell_complete=completion("runs"))
@click.option("--last", is_flag=True, help="Show the newest run of the namespace; give no NAME.")
@click.option("-w", "--watch", is_flag=True, help="Redraw the page on a terminal until the run has ended.")
@output_option(
    "tree",
    "json",
    "yaml",
    *PAGE_FORMATS,
    description="json and yaml: the WorkflowReport itself; html: one page to share, markdown: a ticket.",
)
@page_options
@cluster_options
@click.pass_context
def show(
    context: click.Context,
    target: ClusterTarget,
    name: str | None,
    *,
    last: bool,
    watch: bool,
    output: str,
    color: str,
    everything: bool,
) -> int:
    """Show the report of a run: header, root cause with its log, remediation, next steps, steps in execution order.

    NAME is the name of a report or of a Workflow, which may have been deleted long ago; @latest is the newest run. If
    several runs share the name, the newest is shown. A run without a report is explained from its Workflow if that
    still exists.

    Marks: ✔ succeeded, ✖ failed, ⚠ error (Argo could not run it, or lost it), ● running, ◷ waits to start, ○ skipped
    or omitted; → what to do next, a command or a sentence. Without Unicode: + x ! * . o ->. Bars: █ ran, ░ queued.
    Owner is who can mend it: User, who wrote the Workflow; Platform, who runs Argo; Infrastructure, who runs machines.

    Data no longer in the cluster is read from Argo's archive if the WFREPORT_ARGO_SERVER_... variables configure an
    Argo Server; stderr reports it.
    """
    if last == bool(name) or (last and name):
        raise click.UsageError("give the NAME of a run, or --last", context)
    if watch and output != "tree":
        raise click.UsageError(f"--watch redraws a page; leave out -o {output}", context)
    program = context.find_root().command_path

    async def execute(cluster: Cluster) -> int:
        given = await find_latest_name(cluster) if name is None or name == _LATEST else name
        is_shared = output in PAGE_FORMATS
        run = await find_run(cluster, given, with_workflow=is_shared)
        if not run.report:
            source = "its archived Workflow" if run.is_gone else "its Workflow"
            click.echo(f"No report of {run.name}{run.no_report}; this one is computed from {source}.", err=True)
        invocation = Invocation(program, target.arguments(cluster.namespace))
        if watch:
            await _watch(cluster, run, invocation, color=color, everything=everything)
            return ExitCode.SUCCEEDED
        report = _with_every_step(run) if is_shared else run.report
        report = report or await _compute_report(cluster, run, is_shared=is_shared)
        details = [await live_details(cluster, report, invocation)] if output == "tree" or is_shared else []
        print_reports([report], is_list=False, output=output, color=color, everything=everything, details=details)
        return ExitCode.SUCCEEDED

    return run_connected(target, execute)


async def _watch(cluster: Cluster, run: FoundRun, invocation: Invocation, *, color: str, everything: bool) -> None:
    """Redraw the page until the run has ended."""
    from wfreport.cli.render.live_screen import redraw, terminal_console  # noqa: PLC0415  (rich, as in output.py)
    from wfreport.cli.render.report_page import report_lines, style_of  # noqa: PLC0415

    console = terminal_console(color)
    feed = ReportFeed(cluster, cluster.namespace, Filters(workflow=run.name))
    report = run.report or await _compute_report(cluster, run)
    live = await live_details(cluster, report, invocation)

    def lines() -> "list[Text]":
        return report_lines(report, style_of(console, everything=everything), structs.replace(live, now=clock_now()))

    async def refresh() -> bool:
        nonlocal report, live
        newest = newest_first(feed)
        if newest:
            report = newest[0].object
        elif current := await refresh_run(cluster, run):
            report = await _compute_report(cluster, current)
        live = await live_details(cluster, report, invocation)
        return report.get("status", {}).get("observedWorkflow", {}).get("phase") in COMPLETED_PHASES

    async def follow() -> None:
        polls = () if run.report else (_poll(feed.changed),)
        await asyncio.gather(feed.follow(), *polls)

    await redraw(console, lines, feed=follow(), changed=feed.changed, refresh=refresh)


async def _poll(changed: asyncio.Event) -> None:
    """Announce a change regularly: a run without a report is explained from its Workflow, which is not watched."""
    while True:
        await asyncio.sleep(_POLL_SECONDS)
        changed.set()


def _with_every_step(run: FoundRun) -> Mapping[str, Any] | None:
    """Return the report with all steps, if the Workflow still exists and the report lists only some."""
    if run.report is None or run.snapshot is None or run.lists_every_step:
        return run.report
    from wfreport.cli.sources.computed_reports import with_every_step  # noqa: PLC0415 - slow to import

    status = with_every_step(decode_report(run.report), run.snapshot)
    return {**run.report, "status": status.dump()}


async def _compute_report(cluster: Cluster, run: FoundRun, *, is_shared: bool = False) -> Mapping[str, Any]:
    """Return the report that the operator would write now."""
    if run.snapshot is None:
        raise RuntimeError("a run without report has a Workflow")
    from wfreport.cli.sources.computed_reports import (  # noqa: PLC0415 - slow to import
        EVERY_STEP,
        ORDINARY,
        SuppliedEvidence,
        compute_report,
    )

    pods = await list_pods(cluster, run.name) or ()
    evidence = SuppliedEvidence(pods, await list_events(cluster, pods))
    options = EVERY_STEP if is_shared else ORDINARY
    return compute_report(run.snapshot, evidence.for_workflow(run.snapshot.workflow), options)

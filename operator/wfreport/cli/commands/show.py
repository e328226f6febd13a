"""``wfreport show``: the stored report of one run, or one computed from its Workflow."""

from collections.abc import Mapping
from typing import Any

import click

from wfreport.cli.group import Command
from wfreport.cli.options import ClusterTarget, cluster_options, output_option, page_options
from wfreport.cli.problems import ExitCode
from wfreport.cli.render.output import print_reports
from wfreport.cli.sources.cluster import Cluster, run_connected
from wfreport.cli.sources.computed_reports import SuppliedEvidence, compute_report
from wfreport.cli.sources.runs import FoundRun, find_run, list_events, list_pods


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
        '%(prog)s show "$(%(prog)s list --cron etl-daily -o name | head -1)"',
    ),
)
@click.argument("name")
@output_option("tree", "json", "yaml", description="json and yaml print the WorkflowReport itself.")
@page_options
@cluster_options
def show(target: ClusterTarget, name: str, *, output: str, color: str, everything: bool) -> int:
    """Show the report of a run: header, root cause with its log, steps in execution order.

    NAME is the name of a report or of a Workflow, which may have been deleted long ago. If several runs share the
    name, the newest is shown. A run without a report is explained from its Workflow if that still exists.

    Data no longer in the cluster is read from Argo's archive if the WFREPORT_ARGO_SERVER_... variables configure an
    Argo Server; stderr reports it.
    """

    async def execute(cluster: Cluster) -> int:
        run = await find_run(cluster, name, with_workflow=False)
        report = run.report or await _compute_report(cluster, run)
        if output == "tree":
            # A report that this version cannot decode ends the command with an error here.
            run.read_report()
        print_reports([report], is_list=False, output=output, color=color, everything=everything)
        return ExitCode.SUCCEEDED

    return run_connected(target, execute)


async def _compute_report(cluster: Cluster, run: FoundRun) -> Mapping[str, Any]:
    """Return the report that the operator would write now."""
    if run.snapshot is None:
        raise RuntimeError("a run without report has a Workflow")
    source = "its archived Workflow" if run.is_gone else "its Workflow"
    click.echo(f"No report of {run.name}{run.no_report}; this one is computed from {source}.", err=True)
    pods = await list_pods(cluster, run.name) or ()
    evidence = SuppliedEvidence(pods, await list_events(cluster, pods))
    return compute_report(run.snapshot, evidence.for_workflow(run.snapshot.workflow))

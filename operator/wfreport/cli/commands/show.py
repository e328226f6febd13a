"""``wfreport show``: the report of one run, as the operator wrote it or, without one, from the Workflow itself."""

import sys
from collections.abc import Mapping
from typing import Any

import click

from wfreport.cli.commands.explain import EvidenceOfPods, report_of
from wfreport.cli.problems import ExitCode
from wfreport.cli.sources.cluster import Cluster, ClusterTarget, run_connected
from wfreport.cli.sources.runs import FoundRun, find_run, list_events, list_pods


def run_show(target: ClusterTarget, name: str, *, output: str, color: str, everything: bool) -> int:
    """Print the report of a run, and return the exit code.

    Raises:
        NotFound: there is no such run.
        UnusableInput: the cluster or what is in it cannot be used.
    """

    async def act(cluster: Cluster) -> int:
        run = await find_run(cluster, name, with_workflow=False)
        report = run.report or await _report_made_here(cluster, run)
        if output == "tree":
            _print_tree(run, report, color=color, everything=everything)
        else:
            from wfreport.cli.render.output import print_object  # noqa: PLC0415

            print_object(report, output)
        return ExitCode.SUCCEEDED

    return run_connected(target, act)


async def _report_made_here(cluster: Cluster, run: FoundRun) -> Mapping[str, Any]:
    """What the operator would write if it saw the run now."""
    if run.snapshot is None:
        raise RuntimeError("a run without report has a Workflow")
    source = "what Argo's archive has of its Workflow" if run.is_gone else "the Workflow as it is now"
    click.echo(f"No report of {run.name}{run.no_report}; this is made from {source}.", err=True)
    pods = await list_pods(cluster, run.name) or ()
    evidence = EvidenceOfPods(pods, await list_events(cluster, pods))
    return report_of(run.snapshot, evidence.of(run.snapshot.workflow))


def _print_tree(run: FoundRun, report: Mapping[str, Any], *, color: str, everything: bool) -> None:
    from wfreport.cli.render.console import report_console  # noqa: PLC0415
    from wfreport.cli.render.report_page import print_report  # noqa: PLC0415

    run.read_report()
    print_report(report, report_console(color, sys.stdout), everything=everything)

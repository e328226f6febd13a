"""``wfreport trends``: success, durations, recovery, waste and flakiness over the reports that the cluster has."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from difflib import get_close_matches

import click
import msgspec
from msgspec import Struct

from wfreport.cli.group import Command
from wfreport.cli.options import ClusterTarget, Duration, cluster_options, color_option, output_option
from wfreport.cli.problems import ExitCode, NotFound
from wfreport.cli.render.output import print_object
from wfreport.cli.render.style import one_line
from wfreport.cli.sources.cluster import Cluster, run_connected
from wfreport.cli.sources.reports import raw_reports
from wfreport.cli.sources.suggestions import suggest_namespace
from wfreport.clock import now as clock_now
from wfreport.core.plurals import plural
from wfreport.core.trends.facts import RunFacts, decode_facts
from wfreport.core.trends.trends import compute_trends


class _FoundRuns(Struct):
    """The runs that match, and what was left out."""

    runs: list[RunFacts]
    origins: set[str]
    reports: int = 0
    unreadable: int = 0


@click.command(
    cls=Command,
    exit_codes={
        ExitCode.SUCCEEDED: "success, even if there are no runs",
        ExitCode.UNUSABLE: "an argument or the cluster cannot be used",
        ExitCode.NOT_FOUND: "no run is of this --template",
    },
    examples=(
        "%(prog)s trends",
        "%(prog)s trends -A --since 7d",
        "%(prog)s trends --template etl-daily --since 4w",
        "%(prog)s trends -o json | jq '.flaky'",
    ),
)
@click.option("-A", "--all-namespaces", is_flag=True, help="Runs of all namespaces.")
@click.option(
    "--template",
    metavar="NAME",
    help="Only runs of this CronWorkflow, WorkflowTemplate, ClusterWorkflowTemplate or generateName.",
)
@click.option(
    "--since", type=Duration(), metavar="DURATION", help="Only runs that ended within this time, or still run: 7d."
)
@click.option(
    "--limit", type=click.IntRange(min=1), default=20, show_default=True, metavar="N", help="Lines per table."
)
@output_option("table", "json", "yaml")
@color_option
@cluster_options
def trends(
    target: ClusterTarget,
    *,
    all_namespaces: bool,
    template: str | None,
    since: float | None,
    limit: int,
    output: str,
    color: str,
) -> int:
    """Show how runs do over time, from the reports that the cluster has.

    For each CronWorkflow, template or generateName: how many runs succeeded, how long they took and whether that
    changed, how long it took until a run succeeded again, and the time that was wasted. Then the most frequent
    failures, flaky definitions, and which remediations helped. The number after each figure is the number of runs that
    it rests on. -o json and -o yaml have all lines, and every figure in seconds.
    """

    async def execute(cluster: Cluster) -> int:
        namespace = None if all_namespaces else cluster.namespace
        found = await _find(cluster, namespace, template, clock_now() - timedelta(seconds=since) if since else None)
        if template and template not in _names(found.origins):
            raise NotFound(_unknown_template(template, found.origins))
        computed = compute_trends(found.runs)
        if found.unreadable:
            click.echo(f"left out: {plural(found.unreadable, 'report')} that this version cannot read", err=True)
        if output != "table":
            print_object(msgspec.to_builtins(computed), output)
        elif not found.runs:
            where = "" if all_namespaces else f" in namespace {cluster.namespace}{await suggest_namespace(cluster)}"
            click.echo(f"No runs found{where}", err=True)
        else:
            from wfreport.cli.render.trends import print_trends  # noqa: PLC0415  (rich, as in output.py)

            print_trends(computed, color=color, all_namespaces=all_namespaces, limit=limit)
        return ExitCode.SUCCEEDED

    return run_connected(target, execute)


async def _find(cluster: Cluster, namespace: str | None, template: str | None, since: datetime | None) -> _FoundRuns:
    """Read all reports once. Of each, only what trends need stays in memory."""
    found = _FoundRuns([], set())
    async for report in raw_reports(cluster, namespace):
        found.reports += 1
        try:
            run = decode_facts(report)
        except msgspec.MsgspecError:
            found.unreadable += 1
            continue
        if run is None:
            continue
        found.origins.add(run.origin)
        is_recent = since is None or run.finished_at is None or run.finished_at >= since
        if is_recent and (template is None or template in _names([run.origin])):
            found.runs.append(run)
    return found


def _names(origins: Iterable[str]) -> set[str]:
    """Return what origins may be called: with their kind, and without it."""
    return {name for origin in origins for name in (origin, origin.partition("/")[2])}


def _unknown_template(template: str, origins: Iterable[str]) -> str:
    similar = get_close_matches(template, sorted(_names(origins)), n=3)
    hint = f"; did you mean {' or '.join(map(one_line, similar))}?" if similar else ""
    return f"no report is of a run of {one_line(template)}{hint}"

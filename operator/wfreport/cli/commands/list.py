"""``wfreport list``: the reports of one namespace or of all, newest first."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import click

from wfreport.api.classes import FailureClass, Owner
from wfreport.api.names import GROUP, PLURAL_REPORTS
from wfreport.cli.group import Command
from wfreport.cli.options import (
    TABLE_FORMATS,
    ClusterTarget,
    Duration,
    Vocabulary,
    cluster_options,
    color_option,
    completion,
    output_option,
)
from wfreport.cli.problems import ExitCode
from wfreport.cli.render.column import Column
from wfreport.cli.render.output import as_list, print_object, print_table
from wfreport.cli.sources.cluster import Cluster, run_connected
from wfreport.cli.sources.report_feed import ReportFeed
from wfreport.cli.sources.reports import Filters, ListedReport, ReportRow, find_reports, newest_first
from wfreport.cli.sources.suggestions import suggest_namespace
from wfreport.clock import now as clock_now
from wfreport.core.timing.durations import short_duration

if TYPE_CHECKING:
    from rich.text import Text

_MIN_SUMMARY_COLUMNS: Final = 40
_PHASES: Final = ("Pending", "Running", "Succeeded", "Failed", "Error")


@click.command(
    "list",
    cls=Command,
    exit_codes={
        ExitCode.SUCCEEDED: "success, even if no report matches",
        ExitCode.UNUSABLE: "an argument or the cluster cannot be used",
    },
    examples=(
        "%(prog)s list",
        "%(prog)s list -A --phase Failed --phase Error --since 24h",
        "%(prog)s list --class OOMKilled -o wide",
        "%(prog)s list -A --stuck",
        "%(prog)s list --phase Running --watch",
        "%(prog)s list --cron etl-daily -o json | jq -r '.items[].status.summary'",
    ),
)
@click.option("-A", "--all-namespaces", is_flag=True, help="Runs of all namespaces.")
@click.option(
    "--class",
    "classes",
    multiple=True,
    type=Vocabulary([failure_class.value for failure_class in FailureClass]),
    metavar="CLASS",
    help="Only failures of this class: OOMKilled, ExitCode, Evicted, … Can be repeated.",
)
@click.option(
    "--phase",
    "phases",
    multiple=True,
    type=Vocabulary(_PHASES),
    metavar="PHASE",
    help=f"Only runs in this phase: {', '.join(_PHASES)}. Can be repeated.",
)
@click.option("--cron", metavar="NAME", help="Only runs of this CronWorkflow.")
@click.option(
    "--owner",
    type=Vocabulary([owner.value for owner in Owner]),
    metavar="OWNER",
    help=f"Only failures this party must fix: {', '.join(Owner)}.",
)
@click.option("--since", type=Duration(), metavar="DURATION", help="Only runs started within this time: 90m, 24h, 7d.")
@click.option(
    "--workflow",
    metavar="NAME",
    help="Only runs of the Workflow with this name.",
    shell_complete=completion("runs"),
)
@click.option("--stuck", is_flag=True, help="Only runs that hang, or wait for something that does not come by itself.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Only the newest N runs.")
@click.option("-w", "--watch", is_flag=True, help="Redraw the table on a terminal as runs change, until Ctrl-C.")
@click.option("-l", "--selector", metavar="LABELS", help="Label selector, in kubectl's syntax.")
@output_option(*TABLE_FORMATS)
@color_option
@cluster_options
def list_command(
    target: ClusterTarget,
    *,
    all_namespaces: bool,
    since: float | None,
    limit: int | None,
    watch: bool,
    output: str,
    color: str,
    **filters: Any,
) -> int:
    """List the runs of a namespace by their WorkflowReports, newest first.

    --class also finds runs that wait for what would fail them with that class.
    The API server filters by class, phase, CronWorkflow, name and labels; this command applies --owner, --since and
    --stuck itself. A terminal that is too narrow for all columns drops some, but never cuts a name; -o wide shows all
    of them.
    """

    async def execute(cluster: Cluster) -> int:
        namespace = None if all_namespaces else cluster.namespace
        selection, now = Filters(since_seconds=since, **filters), clock_now()
        if watch:
            await _watch(cluster, namespace, selection, limit=limit, output=output, color=color)
            return ExitCode.SUCCEEDED
        listed = [report async for report in find_reports(cluster, namespace, selection)]
        reports = newest_first(report for report in listed if _matches(report.row, selection, now))
        shown = reports[:limit]
        _print(shown, output=output, color=color, all_namespaces=all_namespaces, now=now)
        if not reports and output in ("table", "wide"):
            where = "" if all_namespaces else f" in namespace {cluster.namespace}{await suggest_namespace(cluster)}"
            click.echo(f"No reports found{where}", err=True)
        elif len(shown) < len(reports):
            click.echo(f"The newest {len(shown)} of {len(reports)} runs.", err=True)
        return ExitCode.SUCCEEDED

    if watch and output not in ("table", "wide"):
        raise click.UsageError(f"--watch redraws a table; leave out -o {output}")
    return run_connected(target, execute)


async def _watch(
    cluster: Cluster, namespace: str | None, selection: Filters, *, limit: int | None, output: str, color: str
) -> None:
    """Redraw the table until Ctrl-C."""
    from wfreport.cli.render.live_screen import redraw, terminal_console  # noqa: PLC0415  (rich, as in output.py)
    from wfreport.cli.render.report_page import style_of  # noqa: PLC0415
    from wfreport.cli.render.table import table_lines  # noqa: PLC0415

    console, feed, is_wide = terminal_console(color), ReportFeed(cluster, namespace, selection), output == "wide"

    def lines() -> "list[Text]":
        now = clock_now()
        matching = newest_first(report for report in feed if _is_selected(report.row, selection, now))[:limit]
        columns = report_columns(now, all_namespaces=namespace is None, wide=is_wide)
        style = style_of(console, everything=False)
        return table_lines(style, columns, [report.row for report in matching], drops_columns=not is_wide)

    async def refresh() -> bool:
        return False

    await redraw(console, lines, feed=feed.follow(), changed=feed.changed, refresh=refresh)


def _is_selected(report: ReportRow, filters: Filters, now: datetime) -> bool:
    """Whether a report matches all filters: a watch has the API server apply only some of them."""
    if filters.classes and not report.is_of_class(filters.classes):
        return False
    if filters.phases and report.status.observed_workflow.phase not in filters.phases:
        return False
    return _matches(report, filters, now)


def _matches(report: ReportRow, filters: Filters, now: datetime) -> bool:
    if filters.owner and report.leading_failure.owner != filters.owner:
        return False
    if filters.stuck and not report.is_stuck:
        return False
    if filters.since_seconds is None:
        return True
    return report.started_at is not None and report.started_at >= now - timedelta(seconds=filters.since_seconds)


def _print(reports: Sequence[ListedReport], *, output: str, color: str, all_namespaces: bool, now: datetime) -> None:
    if output == "name":
        for report in reports:
            click.echo(f"{PLURAL_REPORTS.removesuffix('s')}.{GROUP}/{report.row.metadata.name}")
    elif output in ("json", "yaml"):
        print_object(as_list([report.object for report in reports]), output)
    elif reports:
        columns = report_columns(now, all_namespaces=all_namespaces, wide=output == "wide")
        print_table(columns, [report.row for report in reports], color=color, drops_columns=output != "wide")


def report_columns(now: datetime, *, all_namespaces: bool, wide: bool) -> list[Column[ReportRow]]:
    """Return the columns of the table of reports."""
    return [
        Column("NAMESPACE", lambda report: report.metadata.namespace, shown=all_namespaces),
        Column("WORKFLOW", lambda report: report.spec.workflow_ref.name, "bold"),
        Column("PHASE", lambda report: report.status.observed_workflow.phase, is_phase=True),
        Column("REASON", lambda report: report.reason, "yellow", drop_order=1),
        Column("OWNER", lambda report: report.leading_failure.owner, shown=wide),
        Column("STEP", lambda report: report.step, drop_order=6),
        Column("RETRIES", _retries, drop_order=4),
        Column("PROGRESS", lambda report: report.status.observed_workflow.progress, shown=wide),
        Column("FAILED", _failed, shown=wide),
        Column("DURATION", lambda report: _duration(report, now), drop_order=3),
        Column("FINISHED", lambda report: _since(report.status.observed_workflow.finished_at, now), drop_order=2),
        Column("AGE", lambda report: _since(report.started_at, now), shown=wide),
        Column("REPORT", lambda report: report.metadata.name, shown=wide),
        Column("SUMMARY", lambda report: report.status.summary, "dim", min_width=_MIN_SUMMARY_COLUMNS, drop_order=5),
    ]


def _retries(report: ReportRow) -> str:
    return str(report.status.counts.retried_attempts or "")


def _failed(report: ReportRow) -> str:
    counts, steps = report.status.counts, report.status.step_counts
    if steps.total is not None:
        return f"{steps.failed}/{steps.total}"
    return "" if counts.total is None else f"{counts.failed + counts.errored}/{counts.total}"


def _duration(report: ReportRow, now: datetime) -> str:
    observed = report.status.observed_workflow
    if observed.started_at is None:
        return ""
    return short_duration(((observed.finished_at or now) - observed.started_at).total_seconds())


def _since(at: datetime | None, now: datetime) -> str:
    """Return the time since then, as kubectl prints a column of times."""
    return short_duration((now - at).total_seconds()) if at else ""

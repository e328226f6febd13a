"""``wfreport list``: the reports of a namespace, or of all, newest first."""

import sys
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import click

from wfreport.api.names import GROUP, PLURAL_REPORTS
from wfreport.cli.problems import ExitCode
from wfreport.cli.render.style import one_line
from wfreport.cli.sources.cluster import Cluster, ClusterTarget, run_connected
from wfreport.cli.sources.reports import Filters, ListedReport, ReportRow, find_reports, newest_first
from wfreport.clock import now as clock_now
from wfreport.core.timing.durations import short_duration


def run_list(target: ClusterTarget, filters: Filters, *, everywhere: bool, output: str, color: str) -> int:
    """Print the reports, and return the exit code.

    Raises:
        UnusableInput: the cluster cannot be reached or refuses us.
    """

    async def act(cluster: Cluster) -> int:
        namespace = None if everywhere else cluster.namespace
        now = clock_now()
        selected = [report async for report in find_reports(cluster, namespace, filters)]
        found = newest_first(report for report in selected if _passes(report.head, filters, now))
        _print(found, output=output, color=color, everywhere=everywhere, now=now)
        if not found and output in ("table", "wide"):
            click.echo(f"No reports found{'' if everywhere else f' in namespace {cluster.namespace}'}.", err=True)
        return ExitCode.SUCCEEDED

    return run_connected(target, act)


def _passes(report: ReportRow, filters: Filters, now: datetime) -> bool:
    if filters.owner and report.leading_failure.owner != filters.owner:
        return False
    if filters.since_seconds is None:
        return True
    return report.started_at is not None and report.started_at >= now - timedelta(seconds=filters.since_seconds)


def _print(found: Sequence[ListedReport], *, output: str, color: str, everywhere: bool, now: datetime) -> None:
    if output == "name":
        for report in found:
            click.echo(f"{PLURAL_REPORTS.removesuffix('s')}.{GROUP}/{report.head.metadata.name}")
    elif output in ("json", "yaml"):
        from wfreport.cli.render.output import as_list, print_object  # noqa: PLC0415

        print_object(as_list([report.object for report in found]), output)
    elif found:
        _print_table(found, color=color, everywhere=everywhere, wide=output == "wide", now=now)


def _print_table(found: Sequence[ListedReport], *, color: str, everywhere: bool, wide: bool, now: datetime) -> None:
    from rich.text import Text  # noqa: PLC0415

    from wfreport.cli.render.console import report_console  # noqa: PLC0415
    from wfreport.cli.render.table import Column, phase_cell, print_table, style_of  # noqa: PLC0415

    console = report_console(color, sys.stdout)
    look = style_of(console)

    def plain(cell: Callable[[ReportRow], str], style: str = "") -> Callable[[ReportRow], Text]:
        return lambda report: Text(one_line(cell(report)), style=style)

    cells: list[tuple[Column, Callable[[ReportRow], Text], bool]] = [
        (Column("NAMESPACE", least=8), plain(lambda report: report.metadata.namespace), everywhere),
        (Column("WORKFLOW", least=12), plain(lambda report: report.spec.workflow_ref.name, "bold"), True),
        (Column("PHASE"), lambda report: phase_cell(look, report.status.observed_workflow.phase), True),
        (Column("CLASS"), plain(lambda report: report.status.failure_class, "yellow"), True),
        (Column("OWNER"), plain(lambda report: report.leading_failure.owner), wide),
        (Column("STEP", least=8), plain(lambda report: report.leading_failure.display_name), True),
        (Column("PROGRESS"), plain(lambda report: report.status.observed_workflow.progress), wide),
        (Column("FAILED"), plain(_failed), wide),
        (Column("DURATION"), plain(lambda report: _duration(report, now)), True),
        (Column("AGE"), plain(lambda report: _age(report, now)), True),
        (Column("REPORT", least=16), plain(lambda report: report.metadata.name), wide),
        (Column("SUMMARY", 24, optional=True, share=2), plain(lambda report: report.status.summary, "dim"), True),
    ]
    shown = [(column, cell) for column, cell, wanted in cells if wanted]
    rows = [[cell(report.head) for _, cell in shown] for report in found]
    print_table([column for column, _ in shown], rows, console)


def _failed(report: ReportRow) -> str:
    counts = report.status.counts
    return "" if counts.total is None else f"{counts.failed + counts.errored}/{counts.total}"


def _duration(report: ReportRow, now: datetime) -> str:
    observed = report.status.observed_workflow
    if observed.started_at is None:
        return ""
    return short_duration(((observed.finished_at or now) - observed.started_at).total_seconds())


def _age(report: ReportRow, now: datetime) -> str:
    return short_duration((now - report.started_at).total_seconds()) if report.started_at else ""

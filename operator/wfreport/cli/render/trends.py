"""Prints trends as tables that fit a terminal. The number of runs stands beside each figure."""

import sys
from collections.abc import Iterator, Sequence
from typing import Any, Final

from msgspec import Struct
from rich.text import Text

from wfreport.cli.render.column import Column, ItemT
from wfreport.cli.render.console import report_console
from wfreport.cli.render.style import Style, glyphs_for
from wfreport.cli.render.table import table_lines
from wfreport.core.plurals import plural
from wfreport.core.timing.durations import instant, short_duration
from wfreport.core.trends.failures import CLEARING_PASSES
from wfreport.core.trends.model import (
    DurationChange,
    FingerprintTrend,
    FlakyTemplate,
    OriginTrend,
    Recovery,
    RemediationTrend,
    Trends,
)

_MIN_NAME: Final = 12


def print_trends(trends: Trends, *, color: str, all_namespaces: bool, limit: int) -> None:
    """Print trends on stdout."""
    console = report_console(color, sys.stdout)
    style = Style(glyphs=glyphs_for(console.encoding), width=console.width if console.file.isatty() else None)
    for line in trend_lines(style, trends, all_namespaces=all_namespaces, limit=limit):
        # soft_wrap: the lines are already fitted, and rich must neither pad nor cut them.
        console.print(line, soft_wrap=True, highlight=False, markup=False, emoji=False)


def trend_lines(style: Style, trends: Trends, *, all_namespaces: bool, limit: int) -> list[Text]:
    """Return the lines of the tables. This function is pure."""
    lines = [Text(headline(trends))]
    for table in trend_tables(style, trends, all_namespaces=all_namespaces):
        lines += _section(style, table.heading, table.columns, table.items, limit)
    return lines


class TrendTable(Struct, frozen=True):
    """A table of trends: its columns and its items; ``title`` is a word, ``note`` explains it."""

    title: str
    columns: Sequence[Column[Any]]
    items: Sequence[Any]
    note: str = ""

    @property
    def heading(self) -> str:
        """Return title and note as a terminal shows them."""
        return f"{self.title.upper()}  {self.note}".rstrip()


def trend_tables(style: Style, trends: Trends, *, all_namespaces: bool) -> Sequence[TrendTable]:
    """Return all tables, also empty ones."""
    cleared = f"passed and failed unchanged; {CLEARING_PASSES} passes clear it"
    return (
        TrendTable("Trends", _origins(style, namespaces=all_namespaces), trends.origins),
        TrendTable("Failures", _failures(), trends.fingerprints),
        TrendTable("Flaky", _flaky(namespaces=all_namespaces), trends.flaky, cleared),
        TrendTable("Remediations", _remediations(), trends.remediations),
    )


def _section(
    style: Style, title: str, columns: Sequence[Column[ItemT]], items: Sequence[ItemT], limit: int
) -> Iterator[Text]:
    if not items:
        return
    heading = Text(title, style="bold")
    yield from (Text(), heading, *table_lines(style, columns, items[:limit]))
    if len(items) > limit:
        yield Text(f"The first {limit} of {len(items)}; --limit shows more.", style="dim")


def headline(trends: Trends) -> str:
    """Return how many runs ended, and when."""
    running = f", {trends.running} still running" if trends.running else ""
    if not trends.runs:
        return f"no run has ended{running}"
    runs = plural(trends.runs, "run")
    return f"{runs} ended from {instant(trends.first_ended_at)} to {instant(trends.last_ended_at)}{running}"


def _origins(style: Style, *, namespaces: bool) -> list[Column[OriginTrend]]:
    return [
        Column("NAMESPACE", lambda trend: trend.namespace, shown=namespaces, drop_order=8),
        Column("RUNS OF", lambda trend: _name(trend.origin), "bold"),
        Column("KIND", lambda trend: _kind(trend.origin), drop_order=7),
        Column("SUCCEEDED", _succeeded),
        Column("P50", lambda trend: _counted(trend.duration.p50_seconds, trend.duration.runs), drop_order=1),
        Column("P95", lambda trend: _counted(trend.duration.p95_seconds, trend.duration.runs), drop_order=3),
        Column("CHANGE", lambda trend: _change(style, trend.duration.change), drop_order=2),
        Column("RECOVERY", lambda trend: _recovery(trend.recovery), drop_order=4),
        Column("WASTED", lambda trend: _counted(trend.waste.seconds, trend.waste.runs), drop_order=5),
        Column("RETRIED", lambda trend: _waste(trend, "failed_attempts"), drop_order=6),
        Column("REDONE", lambda trend: _waste(trend, "redone_steps"), drop_order=7),
        Column("QUEUED", lambda trend: _waste(trend, "queued"), drop_order=7),
    ]


def _name(origin: str) -> str:
    return origin.partition("/")[2]


def _kind(origin: str) -> str:
    return origin.partition("/")[0]


def _succeeded(trend: OriginTrend) -> str:
    share = trend.success
    return f"{share.succeeded}/{share.runs} {share.rate:.0%}" if share.rate is not None else "none ended"


def _counted(seconds: int | None, runs: int) -> str:
    return f"{short_duration(seconds)} ({runs})" if seconds is not None and runs else ""


def _change(style: Style, change: DurationChange | None) -> str:
    if change is None:
        return ""
    sign = "+" if change.seconds >= 0 else "-"
    ratio = f" {change.ratio - 1:+.0%}" if change.ratio is not None else ""
    runs = f"({change.earlier_runs} {style.glyphs.arrow} {change.later_runs})"
    return f"{sign}{short_duration(abs(change.seconds))}{ratio} {runs}"


def _recovery(recovery: Recovery) -> str:
    median = _counted(recovery.p50_seconds, recovery.recoveries)
    return f"{median} failing now".strip() if recovery.failing_since else median


def _waste(trend: OriginTrend, part: str) -> str:
    seconds: int = getattr(trend.waste, f"{part}_seconds")
    runs: int = getattr(trend.waste, f"{part}_runs")
    return _counted(seconds, runs)


def _failures() -> list[Column[FingerprintTrend]]:
    return [
        Column("FAILED", lambda each: plural(each.runs, "run")),
        Column("CLASS", lambda each: each.failure_class, "yellow"),
        Column("OWNER", lambda each: each.owner, drop_order=4),
        Column("LAST", lambda each: instant(each.last_seen_at), drop_order=3),
        Column("RUNS OF", lambda each: ", ".join(map(_name, each.origins)), min_width=_MIN_NAME, drop_order=2),
        Column("FINGERPRINT", lambda each: each.fingerprint, drop_order=5),
        Column("SUMMARY", lambda each: each.summary, "dim", min_width=20, drop_order=1),
    ]


def _flaky(*, namespaces: bool) -> list[Column[FlakyTemplate]]:
    return [
        Column("NAMESPACE", lambda each: each.namespace, shown=namespaces, drop_order=5),
        Column("RUNS OF", lambda each: _name(each.origin), "bold"),
        Column("KIND", lambda each: _kind(each.origin), drop_order=6),
        Column("FAILED", lambda each: f"{each.failed}/{each.runs}", "yellow"),
        Column("FLIPS", lambda each: str(each.flips), drop_order=3),
        Column("PASSES SINCE", lambda each: str(each.passes_since), drop_order=2),
        Column("TEMPLATE", lambda each: ", ".join(each.steps), min_width=_MIN_NAME, drop_order=1),
        Column("LAST FAILED", lambda each: instant(each.last_failed_at), drop_order=4),
    ]


def _remediations() -> list[Column[RemediationTrend]]:
    return [
        Column("ACTION", lambda each: each.action, "bold"),
        Column("AFTER", lambda each: each.failure_class or "?"),
        Column("HELPED", lambda each: f"{each.helped}/{each.remediations}"),
        Column("NOT HELPED", lambda each: f"{each.not_helped}/{each.remediations}", drop_order=1),
        Column("OTHER", lambda each: f"{each.other}/{each.remediations}", drop_order=2),
    ]

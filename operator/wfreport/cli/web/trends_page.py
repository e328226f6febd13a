"""The page of trends: figures and plots of the runs of a namespace."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode

import msgspec

from wfreport.cli.render.live_page import FilterForm, FormField, fragment_html
from wfreport.cli.render.style import UNICODE, Style
from wfreport.cli.render.trends import TrendTable, headline, trend_tables
from wfreport.cli.sources.reports import raw_reports
from wfreport.cli.web.query import value_of
from wfreport.cli.web.views import PageAddress, PageRequest, namespace_field
from wfreport.clock import now
from wfreport.core.page.texts import duration, line
from wfreport.core.plurals import plural
from wfreport.core.timing.durations import instant, parse_duration
from wfreport.core.trends.facts import RunFacts, decode_facts
from wfreport.core.trends.model import OriginTrend
from wfreport.core.trends.plots import HEIGHT, WIDTH, plot_days, plot_durations
from wfreport.core.trends.trends import compute_trends

ROWS_MAX: Final = 50
PLOTS_MAX: Final = 6
_STYLE: Final = Style(glyphs=UNICODE, width=None)


class TrendsPage:
    """Trends. They are read anew with each request, and are not live: they change slowly."""

    id = "trends"

    def title(self, address: PageAddress) -> str:
        """Return its title."""
        del address
        return "Trends"

    def form(self, address: PageAddress) -> FilterForm | None:
        """Return the filters by namespace, template and time."""
        parameters = address.parameters
        fields = (
            namespace_field(address),
            FormField("template", "Template or cron", "text", value_of(parameters, "template")),
            FormField("since", "Ended within (7d, 24h)", "text", value_of(parameters, "since")),
        )
        return FilterForm(f"{address.base}/trends", fields)

    async def fragment(self, request: PageRequest) -> str:
        """Read all reports once, and render their trends.

        Raises:
            ApiError: the reports cannot be read.
            UnusableInput: the cluster has no WorkflowReport kind.
        """
        parameters, present = request.address.parameters, now()
        try:
            since = _since(value_of(parameters, "since"), present)
        except ValueError as error:
            return fragment_html("ui_trends.html.j2", {"problem": f"Ended within: {line(str(error))}"})
        template, runs, unreadable = value_of(parameters, "template"), list[RunFacts](), 0
        async for report in raw_reports(request.viewer.cluster, request.namespace):
            try:
                run = decode_facts(report)
            except msgspec.MsgspecError:
                unreadable += 1
                continue
            if run and _is_selected(run, template, since):
                runs.append(run)
        again = f"{request.address.base}/trends"
        query = urlencode({name: value for name, value in parameters.items() if value})
        return await asyncio.to_thread(_trends_html, runs, unreadable, present, f"{again}?{query}" if query else again)


def _since(text: str, present: datetime) -> datetime | None:
    return present - timedelta(seconds=parse_duration(text).total_seconds()) if text else None


def _is_selected(run: RunFacts, template: str, since: datetime | None) -> bool:
    is_recent = since is None or run.finished_at is None or run.finished_at >= since
    return is_recent and (not template or template in (run.origin, run.origin.partition("/")[2]))


def _trends_html(runs: Sequence[RunFacts], unreadable: int, present: datetime, again: str) -> str:
    trends = compute_trends(runs)
    values = {
        "problem": "",
        "read_at": instant(present),
        "again": again,
        "headline": headline(trends),
        "unreadable": plural(unreadable, "report") if unreadable else "",
        "days": plot_days(runs),
        "plots": [plot for origin in trends.origins[:PLOTS_MAX] if (plot := _plot(runs, origin))],
        "tables": [_table(table) for table in trend_tables(_STYLE, trends, all_namespaces=True)],
        "width": WIDTH,
        "height": HEIGHT,
    }
    return fragment_html("ui_trends.html.j2", values)


def _plot(runs: Sequence[RunFacts], origin: OriginTrend) -> dict[str, Any] | None:
    plot = plot_durations(runs, origin.namespace, origin.origin)
    if plot is None:
        return None
    known = origin.duration
    figures = f"p50 {duration(known.p50_seconds)}, p95 {duration(known.p95_seconds)}" if known.runs else "no success"
    return {
        "name": line(origin.origin.partition("/")[2]),
        "namespace": line(origin.namespace),
        "label": f"Durations of the last {plural(len(plot.points), 'run')} of {line(origin.origin)} in "
        f"{line(origin.namespace)}, up to {duration(plot.max_seconds)}; {figures} of {plural(known.runs, 'success')}",
        "points": [
            (one.x, one.y, one.has_succeeded, f"{line(one.workflow)}: {duration(one.seconds)}") for one in plot.points
        ],
        "p50": plot.height_of(known.p50_seconds),
        "p95": plot.height_of(known.p95_seconds),
        "max": duration(plot.max_seconds),
        "span": f"{instant(plot.first_at)} to {instant(plot.last_at)}",
    }


def _table(table: TrendTable) -> dict[str, Any]:
    shown = [column for column in table.columns if column.shown]
    return {
        "id": table.title.lower(),
        "title": table.title,
        "note": table.note,
        "headings": [column.title.capitalize() for column in shown],
        "rows": [[line(column.text(item)) for column in shown] for item in table.items[:ROWS_MAX]],
        "more": max(0, len(table.items) - ROWS_MAX),
    }

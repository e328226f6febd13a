"""The pages: which reports each one reads, and the fragment that it renders from them."""

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Final, Protocol
from urllib.parse import quote

import msgspec
from msgspec import Struct, structs

from wfreport.api.remediation import Remediation
from wfreport.api.report import WorkflowReport
from wfreport.api.wire import field_path
from wfreport.cli.problems import UnusableInput
from wfreport.cli.render.live_details import LiveDetails
from wfreport.cli.render.live_page import FilterForm, FormField, fragment_html, missing_run_html, run_html
from wfreport.cli.render.remediation_state import message_of, state_of
from wfreport.cli.render.shared_page import page_of
from wfreport.cli.sources.cluster import Cluster
from wfreport.cli.sources.live_details import read_next
from wfreport.cli.sources.remediations import list_of_root, list_remediations, readable
from wfreport.cli.sources.reports import HeldRow, ReportRow
from wfreport.cli.web.feeds import SharedFeed
from wfreport.cli.web.query import ROWS, ROWS_MAX, RunQuery, phase_of, run_query, value_of
from wfreport.cli.web.rights import missing_right
from wfreport.cli.web.viewers import Viewer
from wfreport.core.next_steps.lines import invocation_anywhere
from wfreport.core.page.texts import line
from wfreport.core.page.timeline import tone_of
from wfreport.core.plurals import plural
from wfreport.core.timing.durations import instant, short_duration
from wfreport.kube.errors import ForbiddenError, NotFoundError
from wfreport.kube.kinds import REMEDIATION, REPORT
from wfreport.kube.resource import Document, Resource

HELD_MAX: Final = 500
ACTIONS_MAX: Final = 500


class RunNotFoundError(Exception):
    """There is no report of the run that a page is about."""

    def __init__(self, namespace: str, name: str) -> None:
        super().__init__(
            f"There is no report {line(name)} in namespace {line(namespace)}: it may have been deleted. "
            f"'kubectl wfreport list -n {line(namespace)}' lists those that there are; "
            f"'kubectl wfreport show {line(name)} -n {line(namespace)}', with the name of the Workflow, reads a run "
            "without a report from its Workflow or the archive."
        )


class PageAddress(Struct, frozen=True):
    """The address of a page.

    Attributes:
        base: the path before all pages.
        parameters: the query of the URL.
        match: the parts of the path.
    """

    base: str
    parameters: Mapping[str, str]
    match: Mapping[str, str]

    @property
    def namespace(self) -> str:
        """The namespace in the URL; empty for none."""
        return self.match.get("namespace") or value_of(self.parameters, "namespace")

    def run_path(self, row: ReportRow) -> str:
        """Return the path of the page of a run."""
        return f"{self.base}/runs/{quote(row.metadata.namespace, safe='')}/{quote(row.metadata.name, safe='')}"


class PageRequest(Struct, frozen=True):
    """A request for a page: its address, and whose rights it uses."""

    address: PageAddress
    viewer: Viewer

    @property
    def namespace(self) -> str | None:
        """The namespace to read; None for all."""
        return self.address.namespace or self.viewer.namespace


class NavigablePage(Protocol):
    """A page: its place in the navigation, and its filters."""

    id: str

    def title(self, address: PageAddress) -> str:
        """Return its title."""
        ...

    def form(self, address: PageAddress) -> FilterForm | None:
        """Return its filters."""
        ...


class LiveView(NavigablePage, Protocol):
    """A page that follows the reports.

    Attributes:
        interval_seconds: the least time between two renderings for one viewer.
    """

    interval_seconds: float

    def state(self, address: PageAddress, feed: SharedFeed) -> object:
        """Return a value that differs if the page has to be rendered again."""
        ...

    async def fragment(self, request: PageRequest, feed: SharedFeed) -> str:
        """Render the part of the page that changes.

        Raises:
            ApiError: a request failed.
        """
        ...


class RunList:
    """The list of runs."""

    id = "runs"
    interval_seconds = 1.0

    def title(self, address: PageAddress) -> str:
        """Return its title."""
        del address
        return "Runs"

    def form(self, address: PageAddress) -> FilterForm | None:
        """Return all filters."""
        return FilterForm(f"{address.base}/", run_query(address.parameters).fields())

    def state(self, address: PageAddress, feed: SharedFeed) -> object:
        """Return the version: every change may change the list."""
        del address
        return feed.version

    async def fragment(self, request: PageRequest, feed: SharedFeed) -> str:
        """Render the table."""
        return await asyncio.to_thread(_runs_html, request.address, list(feed))


def _runs_html(address: PageAddress, reports: Sequence[ReportRow]) -> str:
    query = run_query(address.parameters)
    found = sorted(filter(query.matches, reports), key=_newest_first)
    more = query.url(f"{address.base}/", limit=min(query.limit + ROWS, ROWS_MAX))
    values = {
        "problem": "",
        "count": _count(len(found), len(reports), query),
        "rows": [_row(address, row) for row in found[: query.limit]],
        "more": more if len(found) > query.limit and query.limit < ROWS_MAX else "",
    }
    return fragment_html("ui_runs.html.j2", values)


def _newest_first(row: ReportRow) -> tuple[float, str, str]:
    return -(row.started_at.timestamp() if row.started_at else 0.0), row.metadata.namespace, row.metadata.name


def _count(found: int, known: int, query: RunQuery) -> str:
    matching = plural(found, "run") if found == known else f"{found} of {plural(known, 'run')} match"
    return f"{matching}; the newest {query.limit} are listed." if found > query.limit else f"{matching}."


def _row(address: PageAddress, row: ReportRow) -> dict[str, Any]:
    observed = row.status.observed_workflow
    return {
        "href": address.run_path(row),
        "namespace": line(row.metadata.namespace),
        "report": line(row.metadata.name),
        "workflow": line(row.spec.workflow_ref.name),
        "phase": line(phase_of(row)),
        "tone": tone_of(phase_of(row)),
        "reason": line(row.reason),
        "step": line(row.step),
        "owner": line(row.leading_failure.owner),
        "started": instant(row.started_at),
        "took": _took(observed.started_at, observed.finished_at) or line(observed.progress),
        "is_stuck": row.is_stuck,
        "is_held": row.status.remediation.held is not None,
        "summary": line(row.status.summary),
    }


def _took(started: datetime | None, ended: datetime | None) -> str:
    return short_duration((ended - started).total_seconds()) if started and ended else ""


class SingleRun:
    """The page of one run."""

    id = "run"
    interval_seconds = 1.0

    def title(self, address: PageAddress) -> str:
        """Return the name of the report."""
        return line(address.match["name"])

    def form(self, address: PageAddress) -> FilterForm | None:
        """Return None: a run has no filters."""
        del address
        return None

    def state(self, address: PageAddress, feed: SharedFeed) -> object:
        """Return the version of the one report."""
        key = address.match["namespace"], address.match["name"]
        versions = (row.metadata for row in feed)
        return next((meta.resource_version for meta in versions if (meta.namespace, meta.name) == key), None)

    async def fragment(self, request: PageRequest, feed: SharedFeed) -> str:
        """Render the page of the report as it is now."""
        del feed
        match = request.address.match
        cluster = Cluster(request.viewer.cluster.client, match["namespace"])
        reports = Resource(cluster.client, REPORT, msgspec.Raw)
        try:
            raw = await reports.get_json(cluster.namespace, match["name"])
        except NotFoundError as error:
            raise RunNotFoundError(match["namespace"], match["name"]) from error
        report = msgspec.json.decode(raw)
        actions, problem = await _actions(cluster, report)
        try:
            decoded = WorkflowReport.model_validate(report)
            commands = await read_next(cluster, decoded, actions, invocation_anywhere(cluster.namespace))
            live = LiveDetails(None, actions, commands)
            return await asyncio.to_thread(_run_html, report, live, problem)
        except msgspec.ValidationError as error:
            unreadable = f"This version of wfreport cannot read {field_path(error)} of the report; update wfreport."
            return missing_run_html(self.title(request.address), line(unreadable))


async def _actions(cluster: Cluster, report: Mapping[str, Any]) -> tuple[list[Remediation], str]:
    remediation = (report.get("status") or {}).get("remediation") or {}
    if not remediation.get("rootUid"):
        return [], ""
    found, problem, _ = await _remediations(list_of_root(cluster, remediation["rootUid"]), cluster.namespace)
    return found, problem


def _run_html(report: Mapping[str, Any], live: LiveDetails, problem: str) -> str:
    page = page_of(report, live)
    return run_html(structs.replace(page, notes=[*page.notes, problem]) if problem else page)


class RemediationList:
    """What policies did, and why they did not act."""

    id = "remediations"
    interval_seconds = 5.0  # each rendering lists the Remediations

    def title(self, address: PageAddress) -> str:
        """Return its title."""
        del address
        return "Remediations"

    def form(self, address: PageAddress) -> FilterForm | None:
        """Return the filter by namespace."""
        return FilterForm(f"{address.base}/remediations", (namespace_field(address),))

    def state(self, address: PageAddress, feed: SharedFeed) -> object:
        """Return the version: every change may change a hold, or come from a Remediation."""
        del address
        return feed.version

    async def fragment(self, request: PageRequest, feed: SharedFeed) -> str:
        """Render holds and Remediations."""
        actions, problem, more = await _remediations(
            _all_of(request.viewer.cluster, request.namespace), request.namespace
        )
        held = sorted((row for row in feed if row.status.remediation.held), key=_newest_first)
        values = {
            "problem": "",
            "held": [_held(request.address, row) for row in held[:HELD_MAX]],
            "more_held": max(0, len(held) - HELD_MAX),
            "actions": [_action(one) for one in actions],
            "more_actions": plural(more, "more Remediation") if more else "",
            "actions_problem": problem,
        }
        return await asyncio.to_thread(partial(fragment_html, "ui_remediations.html.j2", values))


async def _all_of(cluster: Cluster, namespace: str | None) -> list[Document]:
    return [document async for document in list_remediations(cluster, namespace, workflow=None)]


async def _remediations(
    listing: Awaitable[Sequence[Document]], namespace: str | None
) -> tuple[list[Remediation], str, int]:
    """Return Remediations, newest first, why they cannot be shown, and the number of those that are left out."""
    unreadable: list[UnusableInput] = []
    try:
        found = [remediation for _, remediation in readable(await listing, unreadable.append)]
    except ForbiddenError as error:
        return [], missing_right(error, namespace, REMEDIATION), 0
    except UnusableInput as error:
        return [], line(error.message, 1000), 0
    newest = sorted(found, key=_created, reverse=True)
    return newest[:ACTIONS_MAX], "", len(unreadable) + max(0, len(newest) - ACTIONS_MAX)


def _created(action: Remediation) -> tuple[float, str, str]:
    at = action.metadata.creation_timestamp
    return at.timestamp() if at else 0.0, action.metadata.namespace, action.metadata.name


def _held(address: PageAddress, row: ReportRow) -> dict[str, Any]:
    held = row.status.remediation.held or HeldRow()
    return {
        "href": address.run_path(row),
        "workflow": line(row.spec.workflow_ref.name),
        "namespace": line(row.metadata.namespace),
        "policy": ", ".join(filter(None, (line(held.policy_name), line(held.rule)))),
        "reason": line(held.reason),
        "message": line(held.message, 1000),
        "recheck": instant(held.recheck_at),
    }


def _action(action: Remediation) -> dict[str, Any]:
    return {
        "name": line(action.metadata.name),
        "namespace": line(action.metadata.namespace),
        "workflow": line(action.spec.target.name),
        "action": line(action.spec.action),
        "state": state_of(action)[0],
        "message": line(message_of(action), 1000),
        "created": instant(action.metadata.creation_timestamp),
    }


def namespace_field(address: PageAddress) -> FormField:
    """Return the filter by namespace."""
    return FormField("namespace", "Namespace", "text", address.namespace)


LIVE_VIEWS: Final[Sequence[tuple[str, LiveView]]] = (
    ("/", RunList()),
    ("/runs/{namespace}/{name}", SingleRun()),
    ("/remediations", RemediationList()),
)

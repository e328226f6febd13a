"""Finds a run by the name of its report or of its Workflow, in the cluster or in Argo's archive."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import click
import msgspec
from msgspec import Struct, structs

from wfreport.api.argo import LABEL_CRON_WORKFLOW
from wfreport.api.kubernetes import Event, Pod
from wfreport.api.report import WorkflowReport
from wfreport.api.wire import field_path
from wfreport.cli.problems import NotFound, UnusableInput
from wfreport.cli.render.style import one_line
from wfreport.cli.sources.archive import ArchiveLookupError, fetch_archived_run, fetch_with_nodes
from wfreport.cli.sources.cluster import Cluster
from wfreport.cli.sources.reports import Filters, find_reports, newest_first, readable_object
from wfreport.cli.sources.suggestions import suggest_namespace, suggest_run
from wfreport.cli.sources.workflows import fetch_workflow
from wfreport.core.render.conditions import EPOCH
from wfreport.core.snapshot.model import NodesState, Snapshot, Source
from wfreport.imports import lazy_pattern
from wfreport.kube.errors import ApiError, ForbiddenError, NotFoundError
from wfreport.kube.kinds import REPORT, WORKFLOW
from wfreport.kube.pods import Pods
from wfreport.kube.resource import CHUNK_SIZE, documents

_NAME: Final = lazy_pattern(r"[a-z0-9]([-.a-z0-9]*[a-z0-9])?")
_MAX_PODS_WITH_EVENTS: Final = 20
_MAX_NAMED_REPORTS: Final = 3
_DELETED: Final = "was deleted"


class FoundRun(Struct, frozen=True):
    """The remains of a run: its report, its Workflow, or both.

    Attributes:
        namespace: namespace of the run.
        name: name of its Workflow.
        report: its WorkflowReport as the server sent it.
        snapshot: its Workflow, from the archive if it was deleted; None if it was not requested or exists nowhere.
        no_report: why there is no report, as a clause that follows a noun; can be empty.
        no_workflow: why there is no live Workflow, as the predicate of a sentence about it.
    """

    namespace: str
    name: str
    report: Mapping[str, Any] | None = None
    snapshot: Snapshot | None = None
    no_report: str = ""
    no_workflow: str = _DELETED

    @property
    def uid(self) -> str:
        """The uid of the Workflow; empty if the report was never bound to one."""
        return self.snapshot.workflow.metadata.uid if self.snapshot else _bound_uid(self.report or {})

    @property
    def is_gone(self) -> bool:
        """Whether the cluster no longer has the Workflow."""
        return self.snapshot is None or self.snapshot.source is Source.ARCHIVE

    @property
    def goes_on(self) -> bool:
        """Whether the Workflow exists and has not ended."""
        return self.snapshot is not None and not self.snapshot.workflow.status.is_completed

    @property
    def lists_every_step(self) -> bool:
        """Whether the report lists every step.

        Raises:
            UnusableInput: this version cannot decode the report.
        """
        report = self.read_report()
        status = report.status if report else None
        counts = status.counts if status else None
        return status is not None and counts is not None and counts.total <= len(status.steps or [])

    def read_report(self) -> WorkflowReport | None:
        """Decode the report; None if there is none.

        Raises:
            UnusableInput: this version cannot decode a field.
        """
        return decode_report(self.report) if self.report else None


def decode_report(report: Mapping[str, Any]) -> WorkflowReport:
    """Decode a report.

    Raises:
        UnusableInput: this version cannot decode a field.
    """
    try:
        return WorkflowReport.model_validate(report)
    except msgspec.ValidationError as error:
        raise UnusableInput(
            str(report["metadata"]["name"]),
            f"this version of wfreport cannot read {field_path(error)}; update it, or print the report with -o yaml",
        ) from error


def run_name(given: str) -> str:
    """Return a name without its kind, which ``kubectl -o name`` prints.

    Raises:
        UnusableInput: no Workflow or report can have this name.
    """
    name = given.rpartition("/")[2]
    if not _NAME.fullmatch(name):
        raise UnusableInput(
            repr(name), "it is not a valid name of a Workflow or a report; give one as kubectl lists it"
        )
    return name


async def find_run(cluster: Cluster, name: str, *, with_workflow: bool) -> FoundRun:
    """Find the newest run of this name; stderr mentions the others.

    If neither the cluster nor the report has the steps, they are fetched from Argo Server, which stderr also mentions.

    Args:
        cluster: the cluster to search.
        name: name of a report or of a Workflow, optionally with its kind, as ``kubectl -o name`` prints it.
        with_workflow: whether to fetch the Workflow too; without a report it is always fetched.

    Raises:
        NotFound: neither the cluster nor the archive has a report or a Workflow of this name.
        UnusableInput: the run cannot be decoded, or only Argo Server may have it and failed.
        ApiError: a request failed.
    """
    name = run_name(name)
    report, no_report = await _find_report(cluster, name)
    workflow_name = report["spec"]["workflowRef"]["name"] if report else name
    snapshot, no_workflow = None, _DELETED
    if report is None or with_workflow:
        try:
            snapshot = await fetch_workflow(cluster, workflow_name, _bound_uid(report) if report else "")
        except ForbiddenError as error:
            if report is None:
                raise UnusableInput("API server", one_line(f"{error.message}{no_report}")) from error
            click.echo(f"cannot read Workflows: {one_line(error.message)}", err=True)
            no_workflow = "cannot be read"
    run = FoundRun(cluster.namespace, workflow_name, report, snapshot, no_report, no_workflow)
    if snapshot:
        return structs.replace(run, snapshot=await _with_nodes(run, snapshot))
    if report is None:
        return structs.replace(run, snapshot=await _fetch_only_archived(cluster, run))
    return run if not with_workflow or run.lists_every_step else await _with_archived_steps(run)


async def find_latest_name(cluster: Cluster, *, cron: str | None = None) -> str:
    """Return the name of the newest run's report; without reports, of the newest Workflow.

    Raises:
        NotFound: the namespace has no run.
        ApiError: a request failed.
    """
    try:
        listed = newest_first([report async for report in find_reports(cluster, cluster.namespace, Filters(cron=cron))])
    except (UnusableInput, ForbiddenError):
        listed = []
    if listed:
        return listed[0].row.metadata.name
    workflows = documents(cluster.client, WORKFLOW).metadata_only()
    selector = f"{LABEL_CRON_WORKFLOW}={cron}" if cron else ""
    items = [item.metadata async for item in workflows.list(cluster.namespace, label_selector=selector)]
    if not items:
        of_cron = f" of CronWorkflow {one_line(cron)}" if cron else ""
        raise NotFound(f"no run{of_cron} in namespace {cluster.namespace}{await suggest_namespace(cluster)}")
    return max(items, key=lambda metadata: (metadata.creation_timestamp or EPOCH, metadata.name)).name


async def workflow_exists(cluster: Cluster, report: WorkflowReport) -> bool:
    """Return whether a report's Workflow still exists and is not being deleted; True if that cannot be read."""
    observed = report.status.observed_workflow if report.status else None
    uid = (observed and observed.uid) or report.spec.workflow_ref.uid
    try:
        found = (
            await documents(cluster.client, WORKFLOW)
            .metadata_only()
            .get(cluster.namespace, report.spec.workflow_ref.name)
        )
    except NotFoundError:
        return False
    except ApiError:
        return True
    return uid in (None, "", found.metadata.uid) and not found.metadata.deletion_timestamp


async def refresh_run(cluster: Cluster, run: FoundRun) -> FoundRun | None:
    """Return the run with the current state of its Workflow; None if that was deleted.

    Raises:
        ApiError: the request failed.
    """
    snapshot = await fetch_workflow(cluster, run.name, run.uid)
    if snapshot is None:
        return None
    previous = run.snapshot
    if snapshot.nodes_state is NodesState.OFFLOADED and previous and previous.nodes_state is NodesState.READ:
        try:
            snapshot = await fetch_with_nodes(snapshot)
        except ArchiveLookupError:
            snapshot = structs.replace(snapshot, nodes=previous.nodes, nodes_state=previous.nodes_state)
    return structs.replace(run, snapshot=snapshot)


async def _with_nodes(run: FoundRun, snapshot: Snapshot) -> Snapshot:
    if snapshot.nodes_state is not NodesState.OFFLOADED or (not run.goes_on and run.lists_every_step):
        return snapshot
    try:
        with_nodes = await fetch_with_nodes(snapshot)
    except ArchiveLookupError as error:
        click.echo(f"The nodes of {run.name} are offloaded and cannot be fetched; {error}", err=True)
        return structs.replace(snapshot, unavailable=error.unavailable)
    click.echo(f"The nodes of {run.name} are offloaded; they are fetched from Argo Server.", err=True)
    return with_nodes


async def _fetch_only_archived(cluster: Cluster, run: FoundRun) -> Snapshot:
    """Fetch a run of which the cluster has neither a report nor a Workflow."""
    problem = f"no WorkflowReport and no Workflow {one_line(run.name)} in namespace {run.namespace}{run.no_report}"
    try:
        return await fetch_archived_run(run.namespace, run.name, "")
    except ArchiveLookupError as error:
        if error.is_inconclusive:
            raise UnusableInput("Argo Server", f"{problem}; {error}") from error
        suggestion = await suggest_run(cluster, run.name)
        raise NotFound(f"{problem}{suggestion}" if suggestion else f"{problem}; {error}") from error


async def _with_archived_steps(run: FoundRun) -> FoundRun:
    """Return the run with its Workflow from the archive, if that was deleted and archived."""
    problem = f"The Workflow {run.no_workflow}, and its report does not list every step of {run.name}"
    if run.no_workflow != _DELETED:
        click.echo(f"{problem}.", err=True)
        return run
    try:
        snapshot = await fetch_archived_run(run.namespace, run.name, run.uid)
    except ArchiveLookupError as error:
        click.echo(f"{problem}; {error}", err=True)
        return run
    click.echo(f"{problem}; they are read from Argo's archive.", err=True)
    return structs.replace(run, snapshot=snapshot)


async def _find_report(cluster: Cluster, name: str) -> tuple[dict[str, Any] | None, str]:
    """Return the report, or None and a clause explaining its absence (possibly empty)."""
    try:
        body = await documents(cluster.client, REPORT).get_json(cluster.namespace, name)
    except NotFoundError:
        return await find_newest_report(cluster, name)
    except ForbiddenError as error:
        return None, f" (cannot read reports: {one_line(error.message)})"
    return readable_object(body), ""


async def find_newest_report(cluster: Cluster, workflow: str) -> tuple[dict[str, Any] | None, str]:
    """Find the newest report about a Workflow; return it, or None and a clause explaining its absence."""
    try:
        listed = [report async for report in find_reports(cluster, cluster.namespace, Filters(workflow=workflow))]
    except UnusableInput:
        return None, " (the cluster has no WorkflowReport kind)"
    except ForbiddenError as error:
        return None, f" (cannot read reports: {one_line(error.message)})"
    if not listed:
        return None, ""
    newest, *others = newest_first(listed)
    if others:
        named = ", ".join(report.row.metadata.name for report in others[:_MAX_NAMED_REPORTS])
        more = ", …" if len(others) > _MAX_NAMED_REPORTS else ""
        click.echo(
            f"{len(listed)} reports describe a Workflow {workflow}; this is the newest. The others: {named}{more}",
            err=True,
        )
    return newest.object, ""


def _bound_uid(report: Mapping[str, Any]) -> str:
    observed = report.get("status", {}).get("observedWorkflow", {})
    return str(observed.get("uid") or report.get("spec", {}).get("workflowRef", {}).get("uid") or "")


async def list_pods(cluster: Cluster, workflow: str) -> Sequence[Pod] | None:
    """List the pods of a Workflow; None, with a line on stderr, if that is not allowed."""
    try:
        return await Pods(cluster.client, chunk_size=CHUNK_SIZE).list_all(cluster.namespace, workflow)
    except ForbiddenError as error:
        click.echo(f"cannot list pods: {one_line(error.message)}", err=True)
        return None


async def list_events(cluster: Cluster, pods: Sequence[Pod]) -> list[Event]:
    """List the Events of the first failed or pending pods; an error ends the list early."""
    events: list[Event] = []
    troubled = [pod for pod in pods if pod.status.phase in ("Failed", "Pending")]
    for pod in troubled[:_MAX_PODS_WITH_EVENTS]:
        try:
            events += await Pods(cluster.client, chunk_size=CHUNK_SIZE).list_events(cluster.namespace, pod.metadata.uid)
        except ApiError:
            break
    return events

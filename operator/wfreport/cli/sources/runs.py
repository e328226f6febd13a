"""Which run a name means: a report's own name or a Workflow's, and what is left of it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import click
from pydantic import ValidationError

from wfreport.api import argo, names
from wfreport.api.kubernetes import Event, Pod
from wfreport.api.report import WorkflowReport
from wfreport.cli.problems import NotFound, UnusableInput
from wfreport.cli.render.style import one_line
from wfreport.cli.sources.archive import NotInArchive, fetch_archived_run, fetch_with_nodes
from wfreport.cli.sources.cluster import CHUNK, Cluster
from wfreport.cli.sources.reports import Filters, find_reports, newest_first, readable_object
from wfreport.core.snapshot.decode import NotAWorkflow, decode_workflow
from wfreport.core.snapshot.model import NodesState, Snapshot, Source
from wfreport.kube.client import join_path
from wfreport.kube.errors import ApiError, ForbiddenError, NotFoundError
from wfreport.kube.pods import Pods
from wfreport.kube.workflows import WORKFLOWS

_NAME: Final = re.compile(r"[a-z0-9]([-.a-z0-9]*[a-z0-9])?")
_PODS_WITH_EVENTS: Final = 20
_NAMED_OTHERS: Final = 3
_GONE: Final = "is gone"


@dataclass(frozen=True, slots=True)
class FoundRun:
    """A run, as far as something of it is left. One of ``report`` and ``snapshot`` is there.

    Attributes:
        namespace: where it is.
        name: of its Workflow.
        report: its WorkflowReport as the server sent it.
        snapshot: its Workflow, from the archive where the cluster has it no more; None where nobody has it, or it was
            not asked for.
        no_report: why there is no report; empty where there is one.
        no_workflow: what became of the Workflow, where there is no snapshot.
    """

    namespace: str
    name: str
    report: Mapping[str, Any] | None = None
    snapshot: Snapshot | None = None
    no_report: str = ""
    no_workflow: str = _GONE

    @property
    def uid(self) -> str:
        """The uid of its Workflow; empty where a report was never bound to one."""
        return self.snapshot.workflow.metadata.uid if self.snapshot else _bound_uid(self.report or {})

    @property
    def is_gone(self) -> bool:
        """Whether the cluster has its Workflow no more."""
        return self.snapshot is None or self.snapshot.source is Source.ARCHIVE

    @property
    def goes_on(self) -> bool:
        """Whether its Workflow is there and has not ended."""
        return self.snapshot is not None and not self.snapshot.workflow.status.is_completed

    @property
    def lists_every_step(self) -> bool:
        """Whether its report does.

        Raises:
            UnusableInput: as `read_report`.
        """
        report = self.read_report()
        status = report.status if report else None
        counts = status.counts if status else None
        return status is not None and counts is not None and counts.total <= len(status.steps or [])

    def read_report(self) -> WorkflowReport | None:
        """The report as ours.

        Raises:
            UnusableInput: it holds something that this version does not know.
        """
        try:
            return WorkflowReport.model_validate(self.report) if self.report else None
        except ValidationError as error:
            field = ".".join(map(str, error.errors()[0]["loc"]))
            raise UnusableInput(
                str((self.report or {})["metadata"]["name"]),
                f"{field} is not as this version of wfreport knows it; update wfreport, or see it all with -o yaml",
            ) from error


async def find_run(cluster: Cluster, name: str, *, with_workflow: bool) -> FoundRun:
    """Find the run of that name, the newest where there are several (which is said on stderr).

    Where neither the cluster nor the report has its steps, Argo Server is asked for them; that, too, is said.

    Args:
        cluster: where to look.
        name: of a report or of a Workflow, with or without the kind before it.
        with_workflow: whether the Workflow is wanted, too; where there is no report it always is.

    Raises:
        NotFound: there is neither a report nor a Workflow of that name, nor does the archive know it.
        UnusableInput: what is there cannot be read, or only Argo Server could tell and does not.
        ApiError: a request failed.
    """
    name = name.rpartition("/")[2]
    if not _NAME.fullmatch(name):
        raise UnusableInput(repr(name), "no Workflow and no report can have this name; give one as kubectl lists it")
    report, no_report = await _find_report(cluster, name)
    ref = report["spec"]["workflowRef"] if report else {"name": name}
    snapshot, no_workflow = None, _GONE
    if report is None or with_workflow:
        try:
            snapshot = await _find_workflow(cluster, ref["name"], _bound_uid(report) if report else "")
        except ForbiddenError as error:
            if report is None:
                raise
            click.echo(f"Workflows may not be read: {one_line(error.message)}", err=True)
            no_workflow = "may not be read"
    run = FoundRun(cluster.namespace, ref["name"], report, snapshot, no_report, no_workflow)
    if snapshot:
        return replace(run, snapshot=await _with_nodes(run, snapshot))
    if report is None:
        return replace(run, snapshot=await _only_archived(run))
    return run if not with_workflow or run.lists_every_step else await _with_archived_steps(run)


async def see_again(cluster: Cluster, run: FoundRun) -> FoundRun | None:
    """The run with its Workflow as it is now; None where that is gone.

    Raises:
        ApiError: the request failed.
    """
    snapshot = await _find_workflow(cluster, run.name, run.uid)
    if snapshot is None:
        return None
    before = run.snapshot
    if snapshot.nodes_state is NodesState.OFFLOADED and before and before.nodes_state is NodesState.READ:
        try:
            snapshot = await fetch_with_nodes(snapshot)
        except NotInArchive:
            snapshot = replace(snapshot, nodes=before.nodes, nodes_state=before.nodes_state)
    return replace(run, snapshot=snapshot)


async def _with_nodes(run: FoundRun, snapshot: Snapshot) -> Snapshot:
    if snapshot.nodes_state is not NodesState.OFFLOADED or (not run.goes_on and run.lists_every_step):
        return snapshot
    try:
        found = await fetch_with_nodes(snapshot)
    except NotInArchive as why:
        click.echo(f"The nodes of {run.name} are offloaded, and not to be had; {why}", err=True)
        return replace(snapshot, unavailable=why.unavailable)
    click.echo(f"The nodes of {run.name} are offloaded; they come through Argo Server.", err=True)
    return found


async def _only_archived(run: FoundRun) -> Snapshot:
    """The run, of which the cluster has nothing."""
    nothing = f"no WorkflowReport and no Workflow {one_line(run.name)} in namespace {run.namespace}{run.no_report}"
    try:
        return await fetch_archived_run(run.namespace, run.name, "")
    except NotInArchive as why:
        if why.is_refusal:
            raise UnusableInput("Argo Server", f"{nothing}; {why}") from why
        raise NotFound(f"{nothing}; {why}") from why


async def _with_archived_steps(run: FoundRun) -> FoundRun:
    """The run with its Workflow from the archive, if that is gone and known there."""
    lacking = f"The Workflow {run.no_workflow}, and its report does not list every step of {run.name}"
    if run.no_workflow != _GONE:
        click.echo(f"{lacking}.", err=True)
        return run
    try:
        snapshot = await fetch_archived_run(run.namespace, run.name, run.uid)
    except NotInArchive as why:
        click.echo(f"{lacking}; {why}", err=True)
        return run
    click.echo(f"{lacking}; they come from Argo's archive.", err=True)
    return replace(run, snapshot=snapshot)


async def _find_report(cluster: Cluster, name: str) -> tuple[dict[str, Any] | None, str]:
    """The report, else why there is none, as the end of a sentence that may do without it."""
    path = join_path(f"/apis/{names.API_VERSION}", cluster.namespace, names.PLURAL_REPORTS, name)
    try:
        answer = await cluster.client.request("get", names.PLURAL_REPORTS, path)
    except NotFoundError:
        return await _newest_report_about(cluster, name)
    except ForbiddenError as error:
        return None, f" (reports may not be read: {one_line(error.message)})"
    return readable_object(answer), ""


async def _newest_report_about(cluster: Cluster, workflow: str) -> tuple[dict[str, Any] | None, str]:
    try:
        found = newest_first([r async for r in find_reports(cluster, cluster.namespace, Filters(workflow=workflow))])
    except UnusableInput:
        return None, " (this cluster knows no WorkflowReports)"
    except ForbiddenError as error:
        return None, f" (reports may not be read: {one_line(error.message)})"
    if not found:
        return None, ""
    if len(found) > 1:
        others = [report.head.metadata.name for report in found[1:]]
        named = ", ".join(others[:_NAMED_OTHERS]) + (", …" if len(others) > _NAMED_OTHERS else "")
        click.echo(
            f"{len(found)} reports are about a Workflow {workflow}; this is the newest. The others: {named}", err=True
        )
    return found[0].object, ""


def _bound_uid(report: Mapping[str, Any]) -> str:
    observed = report.get("status", {}).get("observedWorkflow", {})
    return str(observed.get("uid") or report.get("spec", {}).get("workflowRef", {}).get("uid") or "")


async def _find_workflow(cluster: Cluster, name: str, uid: str) -> Snapshot | None:
    """The Workflow, if it is there and has that uid (empty: any)."""
    path = join_path(f"/apis/{argo.API_VERSION}", cluster.namespace, WORKFLOWS, name)
    try:
        snapshot = decode_workflow(await cluster.client.request("get", WORKFLOWS, path))
    except NotFoundError:
        return None
    except NotAWorkflow as error:
        raise UnusableInput("API server", one_line(str(error))) from error
    return snapshot if uid in ("", snapshot.workflow.metadata.uid) else None


async def list_pods(cluster: Cluster, workflow: str) -> Sequence[Pod] | None:
    """The pods of a Workflow; None, with a word on stderr, where they may not be read."""
    try:
        return await Pods(cluster.client, chunk_size=CHUNK).list_all(cluster.namespace, workflow)
    except ForbiddenError as error:
        click.echo(f"pods may not be listed: {one_line(error.message)}", err=True)
        return None


async def list_events(cluster: Cluster, pods: Sequence[Pod]) -> list[Event]:
    """The Events of pods that did not do well, of the first few of them; none where they may not be read."""
    events: list[Event] = []
    troubled = [pod for pod in pods if pod.status.phase in ("Failed", "Pending")]
    for pod in troubled[:_PODS_WITH_EVENTS]:
        try:
            events += await Pods(cluster.client, chunk_size=CHUNK).list_events(cluster.namespace, pod.metadata.uid)
        except ApiError:
            break
    return events

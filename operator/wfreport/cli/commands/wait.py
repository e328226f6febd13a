"""``wfreport wait``: waits until one Workflow ends, by a watch of its metadata."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

import click
import msgspec

from wfreport.api.argo import COMPLETED_PHASES, LABEL_COMPLETED, LABEL_PHASE, Metadata, Phase, Struct
from wfreport.api.report import ReportStatus
from wfreport.cli.group import Command
from wfreport.cli.options import ClusterTarget, Duration, cluster_options, completion
from wfreport.cli.problems import ExitCode, NotFound
from wfreport.cli.render.style import one_line
from wfreport.cli.sources.cluster import REQUEST_SECONDS, Cluster, run_connected
from wfreport.cli.sources.computed_reports import compute_report
from wfreport.cli.sources.runs import decode_report, find_newest_report, run_name
from wfreport.cli.sources.suggestions import suggest_workflow
from wfreport.cli.sources.workflows import fetch_workflow
from wfreport.core.snapshot.identity import report_name
from wfreport.core.timing.durations import short_duration
from wfreport.kube.errors import ApiError
from wfreport.kube.kinds import WORKFLOW
from wfreport.kube.reports import Reports
from wfreport.kube.resource import Resource

_WATCH_SECONDS: Final = 300
_BACKOFF_SECONDS: Final = (0.5, 1, 2, 5, 10)
_REFRESH_SECONDS: Final = 1
_EXIT_CODES: Final[Mapping[str, ExitCode]] = {Phase.SUCCEEDED: ExitCode.SUCCEEDED, Phase.FAILED: ExitCode.FAILED}


class _WatchedWorkflow(Struct, frozen=True):
    metadata: Metadata = Metadata()


class _LastState(msgspec.Struct):
    """The last known state of the Workflow."""

    uid: str = ""
    phase: str = ""
    summary: str = ""


class _WorkflowGoneError(Exception):
    """The Workflow does not exist, was deleted, or was replaced by another one of its name."""


@click.command(
    cls=Command,
    exit_codes={
        ExitCode.SUCCEEDED: "Succeeded",
        ExitCode.FAILED: "Failed",
        ExitCode.UNUSABLE: "the cluster cannot be used (credentials, permissions)",
        ExitCode.ERROR: "Error",
        ExitCode.TIMEOUT: "still running at the timeout",
        ExitCode.NOT_FOUND: "no such Workflow and no report of it, or it was deleted before it ended",
    },
    examples=(
        "%(prog)s wait etl-x7k2p -n team-a --timeout 1h",
        '%(prog)s wait "$(argo submit -o name etl.yaml)" || exit 1',
    ),
)
@click.argument("workflow", shell_complete=completion("runs"))
@cluster_options
@click.option(
    "--timeout", type=Duration(), metavar="DURATION", help="Give up after this time: 90s, 30m, 2h. Default: never."
)
def wait(target: ClusterTarget, workflow: str, timeout: float | None) -> int:
    """Wait until WORKFLOW ends and print its summary, for CI jobs.

    This needs permission to get, list and watch Workflows. The operator does not have to be installed. A run whose
    Workflow Argo has deleted is answered for by its report, if there is one.
    """
    workflow = run_name(workflow)

    async def execute(cluster: Cluster) -> ExitCode:
        return await _Follower(cluster, workflow).follow(timeout)

    return run_connected(target, execute)


class _Follower(msgspec.Struct):
    """Follows one Workflow to its end."""

    cluster: Cluster
    name: str
    last: _LastState = msgspec.field(default_factory=_LastState)

    @property
    def _workflows(self) -> Resource[_WatchedWorkflow]:
        return Resource(self.cluster.client, WORKFLOW, _WatchedWorkflow, metadata_only=True)

    @property
    def _field_selector(self) -> str:
        return f"metadata.name={self.name}"

    async def follow(self, timeout_seconds: float | None) -> ExitCode:
        """Wait, print the outcome, and return the exit code."""
        try:
            version = await self._list()
            await self._remember()
        except _WorkflowGoneError:
            return await self._report_gone()
        try:
            async with asyncio.timeout(timeout_seconds):
                async with _progress(self):
                    await self._until_completed(version)
        except TimeoutError:
            return await self._report_timeout(timeout_seconds or 0)
        except _WorkflowGoneError:
            return await self._report_deleted()
        return await self._report_end()

    async def _list(self) -> str | None:
        """List the one Workflow; return the version to watch from, or None if it has completed.

        Raises:
            _WorkflowGoneError: it does not exist, or another one has its name.
        """
        page = await self._workflows.list_page(self.cluster.namespace, field_selector=self._field_selector)
        if not page.items:
            raise _WorkflowGoneError
        return None if self._observe(page.items[0].metadata) else page.metadata.resource_version

    def _observe(self, metadata: Metadata) -> bool:
        """Record the metadata; return whether the run has ended."""
        if self.last.uid and metadata.uid != self.last.uid:
            raise _WorkflowGoneError
        self.last.uid = metadata.uid
        self.last.phase = metadata.labels.get(LABEL_PHASE, self.last.phase)
        return metadata.labels.get(LABEL_COMPLETED) == "true"

    async def _until_completed(self, version: str | None) -> None:
        """Watch until the run has ended; list and watch again whenever the watch ends early."""
        failures = 0
        while version is not None:
            started = asyncio.get_running_loop().time()
            try:
                if await self._watch(version):
                    return
                version = await self._list()
            except OSError:
                pass
            except ApiError as error:
                if not error.transient:
                    raise
            # A long watch is no failure, but one that ends at once must not become a busy loop.
            was_long = asyncio.get_running_loop().time() - started > REQUEST_SECONDS
            failures = 0 if was_long else min(failures + 1, len(_BACKOFF_SECONDS))
            if failures and version is not None:
                await asyncio.sleep(_BACKOFF_SECONDS[failures - 1])

    async def _watch(self, version: str) -> bool:
        """Watch, and return whether the run ended.

        A watch that ends early or is refused returns False: the list that follows raises the reason, if it persists.

        Raises:
            _WorkflowGoneError: the Workflow was deleted.
        """
        try:
            return await self._ended_in_watch(version)
        except ApiError:
            return False

    async def _ended_in_watch(self, version: str) -> bool:
        events = self._workflows.watch(
            self.cluster.namespace,
            resource_version=version,
            timeout_seconds=_WATCH_SECONDS,
            field_selector=self._field_selector,
        )
        async for event in events:
            if event.type == "DELETED":
                # A Workflow that completed and was deleted at once still counts as completed.
                if self._observe(event.object.metadata):
                    return True
                raise _WorkflowGoneError
            if event.type in ("ADDED", "MODIFIED") and self._observe(event.object.metadata):
                return True
        return False

    async def _remember(self) -> None:
        """Read the whole Workflow once, so that a summary exists even if it is deleted."""
        status = await self._computed_status()
        if status is None:
            raise _WorkflowGoneError
        self._record(status)

    def _record(self, status: ReportStatus) -> None:
        observed = status.observed_workflow
        self.last.phase = (observed and observed.phase) or self.last.phase
        self.last.summary = status.summary or self.last.summary

    async def _computed_status(self) -> ReportStatus | None:
        """Compute the status from the live Workflow; None if it is gone or another one has its name."""
        snapshot = await fetch_workflow(self.cluster, self.name, self.last.uid)
        return ReportStatus.model_validate(compute_report(snapshot, {})["status"]) if snapshot else None

    async def _stored_status(self) -> ReportStatus | None:
        """Fetch the status of the operator's report; None if it cannot be read."""
        reports = Reports(self.cluster.client, namespaces=[self.cluster.namespace], chunk_size=1)
        try:
            stored = await reports.get(self.cluster.namespace, report_name(self.name, self.last.uid))
        except ApiError:
            # The operator may not be installed, the report not written, or reading it not allowed.
            return None
        return stored.status

    async def _report_end(self) -> ExitCode:
        computed, stored = await self._computed_status(), await self._stored_status()
        status = stored if computed is None or _is_current(stored, computed) else computed
        if status is not None:
            self._record(status)
        else:
            self.last.summary = f"{self.last.phase or 'ended'}; the Workflow was deleted, and it has no report"
        click.echo(one_line(self.last.summary))
        return _EXIT_CODES.get(self.last.phase, ExitCode.ERROR)

    async def _report_gone(self) -> ExitCode:
        """Answer for a Workflow that was gone from the beginning, by its report: Argo may delete it once it has ended.

        Raises:
            NotFound: there is no report either.
        """
        report: Mapping[str, Any] | None = None
        with contextlib.suppress(ApiError):  # a message about the Workflow is what was asked for
            report, _ = await find_newest_report(self.cluster, self.name)
        status = decode_report(report).status if report else None
        if status is None or status.observed_workflow is None:
            suggestion = await suggest_workflow(self.cluster, self.name)
            raise NotFound(f"no Workflow {self.name} in namespace {self.cluster.namespace}{suggestion}")
        self._record(status)
        if self.last.phase not in COMPLETED_PHASES:
            return self._print_deleted()
        click.echo(one_line(self.last.summary))
        return _EXIT_CODES.get(self.last.phase, ExitCode.ERROR)

    async def _report_timeout(self, timeout_seconds: float) -> ExitCode:
        with contextlib.suppress(ApiError):
            if status := await self._computed_status():
                self._record(status)
        click.echo(one_line(self.last.summary))
        after, phase = short_duration(timeout_seconds), self.last.phase or "Pending"
        click.echo(f"Error: {self.name}: timed out after {after}; still {phase}", err=True)
        return ExitCode.TIMEOUT

    async def _report_deleted(self) -> ExitCode:
        if stored := await self._stored_status():
            self._record(stored)
        return self._print_deleted()

    def _print_deleted(self) -> ExitCode:
        click.echo(one_line(self.last.summary))
        click.echo(f"Error: {self.name} was deleted before it ended; the summary is its last known state", err=True)
        return ExitCode.NOT_FOUND


def _is_current(stored: ReportStatus | None, computed: ReportStatus) -> bool:
    """Whether a stored report describes the same state as the Workflow; it may lag by seconds after the end."""
    if stored is None or stored.observed_workflow is None or computed.observed_workflow is None:
        return False
    reported, live = stored.observed_workflow, computed.observed_workflow
    same_version = (reported.uid, reported.resource_version) == (live.uid, live.resource_version)
    return same_version and reported.resource_version is not None


@contextlib.asynccontextmanager
async def _progress(follower: _Follower) -> AsyncIterator[None]:
    """Show the phase and the elapsed time while waiting, on a terminal only."""
    if not sys.stderr.isatty():
        yield
        return
    task = asyncio.create_task(_show_progress(follower))
    try:
        yield
    finally:
        task.cancel()
        click.echo("\r\x1b[K", nl=False, err=True)


async def _show_progress(follower: _Follower) -> None:
    loop = asyncio.get_running_loop()
    started = loop.time()
    while True:
        elapsed, phase = short_duration(loop.time() - started), one_line(follower.last.phase or "Pending")
        click.echo(f"\r\x1b[K{follower.name}: {phase}, waited {elapsed}", nl=False, err=True)
        await asyncio.sleep(_REFRESH_SECONDS)

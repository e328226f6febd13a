"""``wfreport wait``: one Workflow, followed to its end by one watch of its metadata."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Final

import click
import msgspec

from wfreport.api.argo import API_VERSION, LABEL_COMPLETED, LABEL_PHASE, Metadata, Phase, Struct
from wfreport.api.report import ReportStatus
from wfreport.cli.commands.explain import report_of
from wfreport.cli.problems import ExitCode, UnusableInput
from wfreport.cli.render.style import one_line
from wfreport.cli.sources.cluster import REQUEST_SECONDS, Cluster, ClusterTarget, lines_of, open_stream, run_connected
from wfreport.core.snapshot.decode import NotAWorkflow, decode_workflow
from wfreport.core.snapshot.identity import report_name
from wfreport.core.timing.durations import short_duration
from wfreport.kube.client import ACCEPT_PARTIAL, ACCEPT_PARTIAL_LIST, Client, decoded, join_path
from wfreport.kube.errors import ApiError, NotFoundError
from wfreport.kube.objects import ListMeta
from wfreport.kube.reports import Reports
from wfreport.kube.workflows import WORKFLOWS

_WATCH_SECONDS: Final = 300
_BACKOFF_SECONDS: Final = (0.5, 1, 2, 5, 10)
_REFRESH_SECONDS: Final = 1
_LONGEST_EVENT_BYTES: Final = 16 * 1024 * 1024
_EXIT_CODES: Final[Mapping[str, ExitCode]] = {Phase.SUCCEEDED: ExitCode.SUCCEEDED, Phase.FAILED: ExitCode.FAILED}
_BASE: Final = f"/apis/{API_VERSION}"


class _WaitedItem(Struct, frozen=True):
    metadata: Metadata = Metadata()


class _List(Struct, frozen=True):
    metadata: ListMeta = ListMeta()
    items: list[_WaitedItem] | None = None


class _WaitEvent(Struct, frozen=True):
    type: str = ""
    object: _WaitedItem = _WaitedItem()


_decode_list = msgspec.json.Decoder(_List).decode
_decode_event = msgspec.json.Decoder(_WaitEvent).decode


@dataclass(slots=True)
class _LastState:
    """What is known of the Workflow so far."""

    uid: str = ""
    phase: str = ""
    summary: str = ""


class _Gone(Exception):  # noqa: N818  (what became of the Workflow, not an error)
    """The Workflow is not there, or not any more."""


def run_wait(name: str, target: ClusterTarget, *, timeout_seconds: float | None) -> int:
    """Wait, print the summary, and return the exit code.

    Raises:
        UnusableInput: the cluster cannot be reached or refuses us.
    """

    async def follow(cluster: Cluster) -> ExitCode:
        return await _Follower(cluster.client, name, cluster.namespace).follow(timeout_seconds)

    return run_connected(target, follow)


@dataclass(slots=True)
class _Follower:
    """Follows one Workflow."""

    client: Client
    name: str
    namespace: str
    seen: _LastState = field(default_factory=_LastState)

    async def follow(self, timeout_seconds: float | None) -> ExitCode:
        """Wait and tell the outcome."""
        try:
            version = await self._look()
            await self._remember()
        except _Gone:
            click.echo(f"Error: no Workflow {self.name} in namespace {self.namespace}", err=True)
            return ExitCode.NOT_FOUND
        try:
            async with asyncio.timeout(timeout_seconds):
                async with _progress(self):
                    await self._until_completed(version)
        except TimeoutError:
            return await self._tell_timeout(timeout_seconds or 0)
        except _Gone:
            return await self._tell_deleted()
        return await self._tell_end()

    async def _look(self) -> str | None:
        """List the one Workflow; returns the version to watch from, None when it has completed.

        Raises:
            _Gone: it is not there, or another one has its name.
        """
        answer = await self.client.request(
            "list", WORKFLOWS, self._path(), params=self._selection(), accept=ACCEPT_PARTIAL_LIST
        )
        page = decoded(_decode_list, answer)
        if not page.items:
            raise _Gone
        return None if self._note(page.items[0].metadata) else page.metadata.resource_version

    def _note(self, metadata: Metadata) -> bool:
        """Remember what the metadata say; returns whether the run has ended."""
        if self.seen.uid and metadata.uid != self.seen.uid:
            raise _Gone
        self.seen.uid = metadata.uid
        self.seen.phase = metadata.labels.get(LABEL_PHASE, self.seen.phase)
        return metadata.labels.get(LABEL_COMPLETED) == "true"

    async def _until_completed(self, version: str | None) -> None:
        """Watch, and take the watch up again whenever it ends, until the run has."""
        failures = 0
        while version is not None:
            began = asyncio.get_running_loop().time()
            try:
                if await self._watch(version):
                    return
                version = await self._look()
            except (OSError, msgspec.MsgspecError):
                pass
            except ApiError as error:
                if not error.transient:
                    raise
            # A watch that lasted is no failure; one that ends at once must not become a busy loop.
            lasted = asyncio.get_running_loop().time() - began > REQUEST_SECONDS
            failures = 0 if lasted else min(failures + 1, len(_BACKOFF_SECONDS))
            if failures and version is not None:
                await asyncio.sleep(_BACKOFF_SECONDS[failures - 1])

    async def _watch(self, version: str) -> bool:
        """Watch until the run has ended (True) or the stream has, or was refused (False): a look then tells why.

        Raises:
            _Gone: the Workflow was deleted.
        """
        try:
            return await self._is_seen_to_end(version)
        except ApiError:
            return False

    async def _is_seen_to_end(self, version: str) -> bool:
        async for event in self._events(version):
            if event.type == "ERROR":
                return False
            if event.type == "DELETED":
                # Completed and collected in one go still counts as completed.
                if self._note(event.object.metadata):
                    return True
                raise _Gone
            if event.type in ("ADDED", "MODIFIED") and self._note(event.object.metadata):
                return True
        return False

    async def _events(self, version: str) -> AsyncIterator[_WaitEvent]:
        params = {
            **self._selection(), "watch": "true", "resourceVersion": version, "timeoutSeconds": str(_WATCH_SECONDS),
        }  # fmt: skip
        path, silent_seconds = self._path(), _WATCH_SECONDS + REQUEST_SECONDS
        async with open_stream(
            self.client, path, params, accept=ACCEPT_PARTIAL, silent_seconds=silent_seconds
        ) as content:
            async for line in lines_of(content, longest_bytes=_LONGEST_EVENT_BYTES):
                if line.strip():
                    yield _decode_event(line)

    def _selection(self) -> dict[str, str]:
        return {"fieldSelector": f"metadata.name={self.name}"}

    def _path(self) -> str:
        return join_path(_BASE, self.namespace, WORKFLOWS)

    async def _remember(self) -> None:
        """Read the Workflow once whole, so that something is known should it vanish."""
        status = await self._computed_status()
        if status is None:
            raise _Gone
        self._note_status(status)

    def _note_status(self, status: ReportStatus) -> None:
        observed = status.observed_workflow
        self.seen.phase = (observed and observed.phase) or self.seen.phase
        self.seen.summary = status.summary or self.seen.summary

    async def _computed_status(self) -> ReportStatus | None:
        """What the core says of the Workflow as it is; None where it is gone or another one has its name."""
        try:
            answer = await self.client.request("get", WORKFLOWS, join_path(_BASE, self.namespace, WORKFLOWS, self.name))
            snapshot = decode_workflow(answer)
        except NotFoundError:
            return None
        except NotAWorkflow as error:
            raise UnusableInput("API server", one_line(str(error))) from error
        if self.seen.uid and snapshot.workflow.metadata.uid != self.seen.uid:
            return None
        return ReportStatus.model_validate(report_of(snapshot, {})["status"])

    async def _stored_status(self) -> ReportStatus | None:
        """The status of the operator's report, if there is one that we may read."""
        reports = Reports(self.client, namespaces=[self.namespace], chunk_size=1)
        try:
            stored = await reports.get(self.namespace, report_name(self.name, self.seen.uid))
        except ApiError:
            # Not installed, not allowed, not yet written: the Workflow itself says enough.
            return None
        return stored.status

    async def _tell_end(self) -> ExitCode:
        computed, stored = await self._computed_status(), await self._stored_status()
        status = stored if computed is None or _is_current(stored, computed) else computed
        if status is not None:
            self._note_status(status)
        else:
            self.seen.summary = f"{self.seen.phase or 'ended'}; the Workflow is gone, and there is no report of it"
        click.echo(one_line(self.seen.summary))
        return _EXIT_CODES.get(self.seen.phase, ExitCode.ERROR)

    async def _tell_timeout(self, timeout_seconds: float) -> ExitCode:
        with contextlib.suppress(ApiError):
            if status := await self._computed_status():
                self._note_status(status)
        click.echo(one_line(self.seen.summary))
        after = short_duration(timeout_seconds)
        click.echo(f"Error: {self.name} is {self.seen.phase or 'Pending'} after {after}; given up", err=True)
        return ExitCode.TIMEOUT

    async def _tell_deleted(self) -> ExitCode:
        if stored := await self._stored_status():
            self._note_status(stored)
        click.echo(one_line(self.seen.summary))
        click.echo(f"Error: {self.name} was deleted before it ended; this is what was known", err=True)
        return ExitCode.NOT_FOUND


def _is_current(stored: ReportStatus | None, computed: ReportStatus) -> bool:
    """Whether a report says what the Workflow says: it may lag by seconds behind the end."""
    if stored is None or stored.observed_workflow is None or computed.observed_workflow is None:
        return False
    seen, now = stored.observed_workflow, computed.observed_workflow
    return (seen.uid, seen.resource_version) == (now.uid, now.resource_version) and seen.resource_version is not None


@contextlib.asynccontextmanager
async def _progress(follower: _Follower) -> AsyncIterator[None]:
    """Show on a terminal that we are alive; in a pipe nothing."""
    if not sys.stderr.isatty():
        yield
        return
    shown = asyncio.create_task(_show_progress(follower))
    try:
        yield
    finally:
        shown.cancel()
        click.echo("\r\x1b[K", nl=False, err=True)


async def _show_progress(follower: _Follower) -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    while True:
        waited = short_duration(loop.time() - began)
        click.echo(
            f"\r\x1b[K{follower.name}: {one_line(follower.seen.phase or 'Pending')}, waited {waited}",
            nl=False,
            err=True,
        )
        await asyncio.sleep(_REFRESH_SECONDS)

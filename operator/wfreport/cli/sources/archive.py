"""What only Argo Server has of a run, for commands: its archive, offloaded nodes, and archived logs.

The way to Argo Server is the operator's: the variables ``WFREPORT_ARGO_SERVER_…``.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Final

from wfreport.argoserver.artifacts import MAX_READ_BYTES, ArchivedLogs, RunRef
from wfreport.argoserver.client import ArgoServer
from wfreport.argoserver.configured import configured_server
from wfreport.argoserver.errors import ArgoServerError, ServerNotFoundError, ServerWithoutDatabaseError
from wfreport.argoserver.workflows import ServerWorkflows
from wfreport.cli.problems import UnusableInput
from wfreport.cli.render.style import one_line
from wfreport.clock import now
from wfreport.core.snapshot.model import Snapshot, Source, Unavailable
from wfreport.settings import InvalidSettingsError, Settings, load_settings

_KNOWS_IT_NOT: Final = (ServerNotFoundError, ServerWithoutDatabaseError)
NO_ARCHIVE: Final = "archive: no Argo Server configured (WFREPORT_ARGO_SERVER_URL)"


class NotInArchive(Exception):  # noqa: N818 - what it is, as the message says
    """Argo Server gave nothing; the text is one line that says why.

    Attributes:
        is_refusal: whether it was asked and could not or would not say, so that it may have what was wanted.
        unavailable: the same for a report; None where no server is configured.
    """

    def __init__(self, text: str, *, error: ArgoServerError | None = None) -> None:
        super().__init__(text)
        self.is_refusal = error is not None and not isinstance(error, _KNOWS_IT_NOT)
        self.unavailable = Unavailable(error.reason, error.advice) if error else None


@dataclass(frozen=True, slots=True)
class Archived:
    """What the archive has of a log.

    Attributes:
        text: the log; of one longer than 64 MiB its beginning only.
        is_cut: whether it goes on.
        missing: why there is none; empty where there is one.
    """

    text: str = ""
    is_cut: bool = False
    missing: str = ""


async def fetch_archived_log(run: RunRef, node_id: str, container: str, *, is_gone: bool) -> Archived:
    """The log of a node's container.

    Args:
        run: whose.
        node_id: the node, not its pod.
        container: which of its containers.
        is_gone: whether the cluster has the run no more, so that only the archive can know it.

    Raises:
        UnusableInput: the settings of Argo Server are wrong.
    """
    artifact = f"{container}-logs"
    try:
        async with _argo_server() as server:
            logs = ArchivedLogs(server)
            found = await logs.tail(run, node_id, artifact, max_bytes=MAX_READ_BYTES, from_archive=is_gone)
    except NotInArchive as why:
        return Archived(missing=str(why))
    return Archived(found.text, found.is_cut)


async def fetch_archived_run(namespace: str, name: str, uid: str) -> Snapshot:
    """The run as the archive has it: of that uid, else (empty) the newest of that name.

    Raises:
        NotInArchive: there is none, or it cannot be had.
        UnusableInput: the settings of Argo Server are wrong.
    """
    async with _argo_server() as server:
        found = await ServerWorkflows(server).fetch_archived(namespace, name, uid=uid or None)
    return replace(found, source=Source.ARCHIVE)


async def fetch_with_nodes(snapshot: Snapshot) -> Snapshot:
    """A Workflow whose nodes are offloaded, as it is by now, with them.

    Raises:
        NotInArchive: they cannot be had.
        UnusableInput: the settings of Argo Server are wrong.
    """
    metadata = snapshot.workflow.metadata
    async with _argo_server() as server:
        return await ServerWorkflows(server).fetch(metadata.namespace, metadata.name, uid=metadata.uid)


@asynccontextmanager
async def _argo_server() -> AsyncIterator[ArgoServer]:
    async with configured_server(_settings(), clock=now) as server:
        if server is None:
            raise NotInArchive(NO_ARCHIVE)
        try:
            yield server
        except ArgoServerError as error:
            raise NotInArchive(f"archive: {one_line(error.message)}", error=error) from error


def _settings() -> Settings:
    try:
        return load_settings()
    except InvalidSettingsError as error:
        raise UnusableInput("settings", str(error)) from error

"""Fetches what only Argo Server has of a run: the archive, offloaded nodes, and archived logs.

Argo Server is configured by the operator's ``WFREPORT_ARGO_SERVER_…`` variables. Its client and the settings take half
a second of CPU to import: they are imported if one of these variables is set.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from msgspec import Struct, structs

from wfreport.argoserver.errors import ArgoServerError, ServerNotFoundError, ServerWithoutDatabaseError
from wfreport.cli.problems import UnusableInput
from wfreport.cli.render.style import one_line
from wfreport.clock import now
from wfreport.core.snapshot.model import Snapshot, Source, Unavailable

if TYPE_CHECKING:
    from wfreport.argoserver.artifacts import RunRef
    from wfreport.argoserver.client import ArgoServer
    from wfreport.settings import Settings

_VARIABLES: Final = "WFREPORT_ARGO_SERVER_"
NO_ARCHIVE: Final = "archive: no Argo Server configured (WFREPORT_ARGO_SERVER_URL)"
_ABSENT: Final = (ServerNotFoundError, ServerWithoutDatabaseError)


class ArchiveLookupError(Exception):
    """Argo Server returned nothing. The text is one line that gives the reason.

    Attributes:
        is_inconclusive: whether Argo Server failed or refused, so that the data may exist nevertheless.
        unavailable: the error as a report shows it; None if no server is configured.
    """

    def __init__(self, text: str, *, error: ArgoServerError | None = None) -> None:
        super().__init__(text)
        self.is_inconclusive = error is not None and not isinstance(error, _ABSENT)
        self.unavailable = Unavailable(error.reason, error.advice) if error else None


class ArchivedLogText(Struct, frozen=True):
    """A log from the archive.

    Attributes:
        text: the log, or the first 64 MiB of a longer one.
        is_cut: whether the log is longer than ``text``.
        missing: why there is no log; empty if there is one.
    """

    text: str = ""
    is_cut: bool = False
    missing: str = ""


async def fetch_archived_log(run: "RunRef", node_id: str, container: str, *, is_gone: bool) -> ArchivedLogText:
    """Fetch the archived log of a container.

    Args:
        run: the run.
        node_id: id of the node, which is not the name of its pod.
        container: name of the container.
        is_gone: whether the Workflow was deleted, so that only the archive can know it.

    Raises:
        UnusableInput: the settings of Argo Server are invalid.
    """
    artifact = f"{container}-logs"
    try:
        async with _argo_server() as server:
            from wfreport.argoserver.artifacts import MAX_READ_BYTES, ArchivedLogs  # noqa: PLC0415 - slow to import

            logs = ArchivedLogs(server)
            tail = await logs.tail(run, node_id, artifact, max_bytes=MAX_READ_BYTES, from_archive=is_gone)
    except ArchiveLookupError as error:
        return ArchivedLogText(missing=str(error))
    return ArchivedLogText(tail.text, tail.is_cut)


async def fetch_archived_run(namespace: str, name: str, uid: str) -> Snapshot:
    """Fetch a run from the archive: the one with this uid, or the newest of this name if the uid is empty.

    Raises:
        ArchiveLookupError: the archive does not have it, or cannot be read.
        UnusableInput: the settings of Argo Server are invalid.
    """
    async with _argo_server() as server:
        from wfreport.argoserver.workflows import ServerWorkflows  # noqa: PLC0415 - slow to import

        snapshot = await ServerWorkflows(server).fetch_archived(namespace, name, uid=uid or None)
    return structs.replace(snapshot, source=Source.ARCHIVE)


async def fetch_with_nodes(snapshot: Snapshot) -> Snapshot:
    """Fetch the current state of a Workflow whose nodes are offloaded, with its nodes.

    Raises:
        ArchiveLookupError: the nodes cannot be fetched.
        UnusableInput: the settings of Argo Server are invalid.
    """
    metadata = snapshot.workflow.metadata
    async with _argo_server() as server:
        from wfreport.argoserver.workflows import ServerWorkflows  # noqa: PLC0415 - slow to import

        return await ServerWorkflows(server).fetch(metadata.namespace, metadata.name, uid=metadata.uid)


@asynccontextmanager
async def _argo_server() -> AsyncIterator["ArgoServer"]:
    if not any(name.startswith(_VARIABLES) for name in os.environ):
        raise ArchiveLookupError(NO_ARCHIVE)
    from wfreport.argoserver.configured import configured_server  # noqa: PLC0415 - slow to import

    async with configured_server(_settings(), clock=now) as server:
        if server is None:
            raise ArchiveLookupError(NO_ARCHIVE)
        try:
            yield server
        except ArgoServerError as error:
            raise ArchiveLookupError(f"archive: {one_line(error.message)}", error=error) from error


def _settings() -> "Settings":
    from wfreport.settings import InvalidSettingsError, load_settings  # noqa: PLC0415 - slow to import

    try:
        return load_settings()
    except InvalidSettingsError as error:
        raise UnusableInput("settings", str(error)) from error

"""Logs that Argo archived (the artifact ``<container>-logs`` of a node), for commands.

The way to Argo Server is the operator's: the variables ``WFREPORT_ARGO_SERVER_…``.
"""

from dataclasses import dataclass
from typing import Final

from wfreport.argoserver.artifacts import MAX_READ_BYTES, ArchivedLogs, RunRef
from wfreport.argoserver.configured import configured_server
from wfreport.argoserver.errors import ArgoServerError
from wfreport.cli.looks import one_line
from wfreport.cli.problems import UnusableInput
from wfreport.clock import now
from wfreport.settings import InvalidSettingsError, Settings, load_settings

NO_ARCHIVE: Final = "archive: no Argo Server configured (WFREPORT_ARGO_SERVER_URL)"


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
    settings = _settings()
    async with configured_server(settings, clock=now) as server:
        if server is None:
            return Archived(missing=NO_ARCHIVE)
        logs = ArchivedLogs(server)
        try:
            found = await logs.tail(run, node_id, f"{container}-logs", max_bytes=MAX_READ_BYTES, from_archive=is_gone)
        except ArgoServerError as error:
            return Archived(missing=f"archive: {one_line(error.message)}")
    return Archived(found.text, found.is_cut)


def _settings() -> Settings:
    try:
        return load_settings()
    except InvalidSettingsError as error:
        raise UnusableInput("settings", str(error)) from error

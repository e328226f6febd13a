"""Logs that Argo archived: the artifact ``<container>-logs`` of a node, through the server, its end only."""

from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

import aiohttp

from wfreport.argoserver.client import ArgoServer, Endpoint

MAX_READ_BYTES: Final = 64 * 1024 * 1024
"""The server cannot be asked for the end of an artifact. Of a longer one the end is not had."""

_CHUNK_BYTES: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class ArchivedLog:
    """The end of a log.

    Attributes:
        text: the last whole lines, not redacted.
        has_more: whether there is more before them.
        is_cut: whether reading stopped before the log's end, so that this is not its end.
    """

    text: str
    has_more: bool
    is_cut: bool = False


class ArchivedLogs:
    """Reads archived logs. Usable outside the operator too."""

    def __init__(self, server: ArgoServer, *, max_read_bytes: int = MAX_READ_BYTES) -> None:
        self._server = server
        self._max_read_bytes = max_read_bytes

    async def tail(
        self, namespace: str, name: str, node_id: str, artifact: str, *, max_bytes: int, archived_uid: str | None = None
    ) -> ArchivedLog:
        """The last ``max_bytes`` of a log.

        Args:
            namespace: of the Workflow.
            name: of the Workflow.
            node_id: the node, not its pod.
            artifact: its name, e.g. ``main-logs``.
            max_bytes: how much is kept.
            archived_uid: uid of a run that only the archive has; None for one in the cluster.

        Raises:
            ServerNotFoundError: no such run.
            ServerFailedError: also for no such artifact: the server says 500 to it.
            ArgoServerError: anything else.
        """
        parts = (archived_uid, node_id, artifact) if archived_uid else (namespace, name, node_id, artifact)
        base = "/artifacts-by-uid/" if archived_uid else "/artifacts/"
        path = base + "/".join(quote(part, safe="") for part in parts)

        async def read(content: aiohttp.StreamReader) -> ArchivedLog:
            return await self._tail(content, max_bytes)

        return await self._server.get(Endpoint.ARTIFACT, path, read=read)

    async def _tail(self, content: aiohttp.StreamReader, max_bytes: int) -> ArchivedLog:
        kept, count = bytearray(), 0
        async for chunk in content.iter_chunked(_CHUNK_BYTES):
            count += len(chunk)
            kept += chunk
            del kept[: max(0, len(kept) - max_bytes)]
            if count > self._max_read_bytes:
                return ArchivedLog(_whole_lines(kept), has_more=True, is_cut=True)
        if count <= max_bytes:
            return ArchivedLog(kept.decode(errors="replace"), has_more=False)
        return ArchivedLog(_whole_lines(kept), has_more=True)


def _whole_lines(kept: bytearray) -> str:
    _, newline, rest = kept.partition(b"\n")
    return (rest if newline else kept).decode(errors="replace")

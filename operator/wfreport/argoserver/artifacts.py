"""Logs that Argo archived: the artifact ``<container>-logs`` of a node, through the server, its end only."""

from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

import aiohttp
import msgspec

from wfreport.api.argo import Struct
from wfreport.argoserver.client import ArgoServer, ServerEndpoint, whole
from wfreport.argoserver.errors import ServerBadAnswerError, ServerNotFoundError

MAX_READ_BYTES: Final = 64 * 1024 * 1024
"""The server cannot be asked for the end of an artifact. Of a longer one the end is not had."""

_CHUNK_BYTES: Final = 64 * 1024


class RunRef(Struct, frozen=True):
    """Which run."""

    namespace: str = ""
    name: str = ""
    uid: str = ""


class _RunBody(Struct, frozen=True):
    metadata: RunRef = RunRef()


_decode_run: Final = msgspec.json.Decoder(_RunBody).decode


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
        self, run: RunRef, node_id: str, artifact: str, *, max_bytes: int, from_archive: bool = False
    ) -> ArchivedLog:
        """The last ``max_bytes`` of a log.

        Args:
            run: whose log, as the server or the cluster has given it before.
            node_id: the node, not its pod.
            artifact: its name, e.g. ``main-logs``.
            max_bytes: how much is kept.
            from_archive: whether only the archive has the run.

        Raises:
            ServerNotFoundError: no such run (any more).
            ServerFailedError: also for no such artifact: the server says 500 to it.
            ArgoServerError: anything else.
        """
        of_run = (run.uid,) if from_archive else (run.namespace, run.name)
        base = "/artifacts-by-uid/" if from_archive else "/artifacts/"
        path = base + "/".join(quote(part, safe="") for part in (*of_run, node_id, artifact))

        async def read(content: aiohttp.StreamReader) -> ArchivedLog:
            return await self._tail(content, max_bytes)

        log = await self._server.get(ServerEndpoint.ARTIFACT, path, read=read)
        if not from_archive:
            await self._ensure_same(run)
        return log

    async def _ensure_same(self, run: RunRef) -> None:
        """By name the server gives the log of the run that has the name now; node ids are the same in each."""
        path = "/api/v1/workflows/" + "/".join(quote(part, safe="") for part in (run.namespace, run.name))
        body = await self._server.get(ServerEndpoint.WORKFLOW, path, params={"fields": "metadata"}, read=whole)
        try:
            found = _decode_run(body).metadata
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise ServerBadAnswerError(f"not a Workflow: {error}") from None
        if found != run:
            raise ServerNotFoundError(f"Workflow {run.name} is another one by now", status=404)

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

"""Archived logs: the end of a node's artifact ``<container>-logs``."""

from typing import Final

import aiohttp
import msgspec

from wfreport.api.argo import Struct
from wfreport.api.nesting import json_decoder
from wfreport.argoserver.client import ArgoServer, ServerEndpoint, read_body, server_path
from wfreport.argoserver.errors import ServerBadResponseError, ServerNotFoundError

MAX_READ_BYTES: Final = 64 * 1024 * 1024
"""The longest log whose end can be read: the server sends artifacts from their beginning only."""

_CHUNK_BYTES: Final = 64 * 1024


class RunRef(Struct, frozen=True):
    """The identity of a run."""

    namespace: str = ""
    name: str = ""
    uid: str = ""


class _RunBody(Struct, frozen=True):
    metadata: RunRef = RunRef()


_decode_run: Final = json_decoder(_RunBody)


class ArchivedLog(msgspec.Struct, frozen=True):
    """The end of a log.

    Attributes:
        text: the last whole lines, not redacted.
        has_more: whether the log has lines before them.
        is_cut: whether reading stopped at the limit, so that the log has lines after them as well.
    """

    text: str
    has_more: bool
    is_cut: bool = False


class ArchivedLogs:
    """Reads archived logs. The CLI uses it, too."""

    def __init__(self, server: ArgoServer, *, max_read_bytes: int = MAX_READ_BYTES) -> None:
        self._server = server
        self._max_read_bytes = max_read_bytes

    async def tail(
        self, run: RunRef, node_id: str, artifact: str, *, max_bytes: int, from_archive: bool = False
    ) -> ArchivedLog:
        """Return the last lines of a log, ``max_bytes`` at most.

        Args:
            run: the run, as the server or the cluster identified it.
            node_id: the node's id, not its pod's name.
            artifact: the artifact's name, e.g. ``main-logs``.
            max_bytes: the most bytes to return.
            from_archive: whether the run exists in the archive only.

        Raises:
            ServerNotFoundError: the run does not exist, or another one has its name.
            ServerFailedError: the server failed, or the artifact does not exist: the server responds with 500.
            ArgoServerError: the request failed otherwise.
        """
        identity = (run.uid,) if from_archive else (run.namespace, run.name)
        path = server_path("artifacts-by-uid" if from_archive else "artifacts", *identity, node_id, artifact)

        async def read(content: aiohttp.StreamReader) -> ArchivedLog:
            return await self._tail(content, max_bytes)

        log = await self._server.get(ServerEndpoint.ARTIFACT, path, read=read)
        if not from_archive:
            await self._ensure_same(run)
        return log

    async def _ensure_same(self, run: RunRef) -> None:
        """Check that the run still has its name. A new run of that name has equal node ids, and the log may be its."""
        path = server_path("api/v1/workflows", run.namespace, run.name)
        body = await self._server.get(ServerEndpoint.WORKFLOW, path, params={"fields": "metadata"}, read=read_body)
        try:
            current = _decode_run(body).metadata
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise ServerBadResponseError(f"not a Workflow: {error}") from None
        if current != run:
            raise ServerNotFoundError(f"Workflow {run.name} has been replaced by another one", status=404)

    async def _tail(self, content: aiohttp.StreamReader, max_bytes: int) -> ArchivedLog:
        end, count = bytearray(), 0
        async for chunk in content.iter_chunked(_CHUNK_BYTES):
            count += len(chunk)
            end += chunk
            del end[: max(0, len(end) - max_bytes)]
            if count > self._max_read_bytes:
                return ArchivedLog(_whole_lines(end), has_more=True, is_cut=True)
        if count <= max_bytes:
            return ArchivedLog(end.decode(errors="replace"), has_more=False)
        return ArchivedLog(_whole_lines(end), has_more=True)


def _whole_lines(end: bytearray) -> str:
    _, newline, rest = end.partition(b"\n")
    return (rest if newline else end).decode(errors="replace")

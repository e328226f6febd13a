"""Archived logs of pods that are gone, through Argo Server, beside the looks as all that comes from it."""

import logging
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Final

from wfreport.argoserver.artifacts import ArchivedLogs, RunRef
from wfreport.argoserver.errors import (
    PERMANENT_RETRY_SECONDS,
    ArgoServerError,
    ServerFailedError,
    ServerNotFoundError,
    ServerRefusedError,
)
from wfreport.core.render.archived_logs import ArchivedText, LogRef, logs_wanted
from wfreport.core.snapshot.model import PodEvidence, Snapshot, Source
from wfreport.kube.objects import NamespacedName
from wfreport.logs import kv, throttled
from wfreport.metrics import Metrics
from wfreport.runtime.worker import run_worker
from wfreport.runtime.workqueue import Priority, Request, WorkQueue

log = logging.getLogger(__name__)

MAX_CACHED_LOGS: Final = 1000
"""Ends of logs, of which each is some 32 KiB at the most, until a look has put them into the report."""

_INTERNAL_ERROR: Final = 500
_LogRequest = tuple[NamespacedName, str, LogRef]


class ArchivedLogFetcher:
    """Wishes in, looks out."""

    def __init__(
        self,
        logs: ArchivedLogs | None,
        queue: WorkQueue,
        *,
        look: Callable[[NamespacedName, int], None],
        is_wanted: Callable[[NamespacedName], bool],
        max_bytes: int,
        reads_logs: Callable[[str], bool],
        metrics: Metrics,
    ) -> None:
        """Begin without wishes.

        Args:
            logs: reads them; None where no server is configured.
            queue: of these wishes alone.
            look: asks for a look at a Workflow.
            is_wanted: whether any report is about a Workflow of this name (yet).
            max_bytes: how much of a log's end is read.
            reads_logs: whether logs of a namespace may be read.
            metrics: counts failures.
        """
        self._logs = logs
        self._queue = queue
        self._look = look
        self._is_wanted = is_wanted
        self._max_bytes = max_bytes
        self._reads_logs = reads_logs
        self._metrics = metrics
        self._wishes: dict[NamespacedName, dict[_LogRequest, Source]] = {}
        self._answers: OrderedDict[_LogRequest, ArchivedText | None] = OrderedDict()

    def __contains__(self, key: NamespacedName) -> bool:
        """Whether logs of this Workflow are about to be fetched."""
        return key in self._queue

    def wanted(
        self, snapshot: Snapshot, evidence: Mapping[str, PodEvidence], kept: Collection[str | None]
    ) -> list[LogRef]:
        """Archived logs that a report lacks and may have."""
        if self._logs is None or not self._reads_logs(snapshot.workflow.metadata.namespace):
            return []
        return logs_wanted(snapshot, evidence, kept)

    def of(self, snapshot: Snapshot, refs: Iterable[LogRef]) -> dict[LogRef, ArchivedText | None]:
        """What is here of these logs; None for one that comes later. One that cannot be had is left out."""
        meta = snapshot.workflow.metadata
        key, found = (meta.namespace, meta.name), {}
        for ref in refs:
            subject = (key, meta.uid, ref)
            if subject not in self._answers:
                self._request(subject, snapshot.source)
            log_or_none = self._answers.get(subject)
            if log_or_none is not None or subject not in self._answers:
                found[ref] = log_or_none
        return found

    async def run_worker(self) -> None:
        """Read until the queue is shut down. Run several of them."""
        bugs = self._metrics.argo_server_errors.labels("Bug")
        await run_worker(self._queue, self._read, count_bug=bugs.inc, bug_retry_seconds=PERMANENT_RETRY_SECONDS)

    def _request(self, subject: _LogRequest, source: Source) -> None:
        key, wishes = subject[0], self._wishes.setdefault(subject[0], {})
        if subject not in wishes:
            wishes[subject] = source
            self._queue.add(key, Priority.PROGRESS)

    async def _read(self, request: Request) -> None:
        wishes = self._wishes.get(request.name, {})
        error, before = None, len(wishes)
        for subject, source in list(wishes.items()):
            error = await self._try(subject, source) or error
        if len(self._wishes.get(request.name, {})) != before:
            self._look(request.name, 0)
        if error and self._is_wanted(request.name):
            self._queue.add_rate_limited(request, at_least_seconds=error.pause_seconds)
            return
        if not self._wishes.get(request.name) or error:
            self._wishes.pop(request.name, None)
        self._queue.done(request)

    async def _try(self, subject: _LogRequest, source: Source) -> ArgoServerError | None:
        """Fetch one; returns the error after which it is to be tried again."""
        (namespace, name), uid, ref = subject
        if self._logs is None:
            raise RuntimeError("nothing is wished for where no server is configured")
        try:
            found = await self._logs.tail(
                RunRef(namespace, name, uid),
                ref.node_id,
                ref.artifact,
                max_bytes=self._max_bytes,
                from_archive=source is Source.ARCHIVE,
            )
        except ArgoServerError as error:
            self._complain(subject, error)
            if not _is_hopeless(error):
                return error
            self._finish(subject, None)
        else:
            self._finish(subject, None if found.is_cut else ArchivedText(found.text, found.has_more))
        return None

    def _finish(self, subject: _LogRequest, found: ArchivedText | None) -> None:
        self._wishes.get(subject[0], {}).pop(subject, None)
        self._answers[subject] = found
        while len(self._answers) > MAX_CACHED_LOGS:
            self._answers.popitem(last=False)

    def _complain(self, subject: _LogRequest, error: ArgoServerError) -> None:
        self._metrics.argo_server_errors.labels(error.reason).inc()
        (namespace, name), _, ref = subject
        pairs = kv(namespace=namespace, name=name, artifact=ref.artifact, reason=error.reason, error=error.message)
        log.warning("archived log cannot be read", extra=pairs | throttled(error.reason, namespace, "log"))


def _is_hopeless(error: ArgoServerError) -> bool:
    """Whether the log is not to be had: the server says 500 where the store does not have it, or does not give it."""
    if isinstance(error, ServerFailedError):
        return error.status == _INTERNAL_ERROR
    return isinstance(error, ServerNotFoundError | ServerRefusedError)

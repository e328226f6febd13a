"""Fetches archived logs of deleted pods from Argo Server, in the background.

A reconcile takes the logs that have been fetched and requests the others. The state of a log follows from whether it is
requested, and from its result:

===========  =========  ======  ===================================================================
state        requested  result  what a reconcile gets
===========  =========  ======  ===================================================================
UNKNOWN      no         none    "in the archive", and the log is requested
REQUESTED    yes        none    "in the archive"; after an error a worker tries again
FETCHED      no         text    the text
UNAVAILABLE  no         None    nothing: the server does not have the log, or refuses it
===========  =========  ======  ===================================================================

If the cache is full, the namespace that has most loses its oldest results; a restart begins with UNKNOWN.
"""

import logging
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Final

from msgspec import Struct

from wfreport.argoserver.artifacts import ArchivedLogs, RunRef
from wfreport.argoserver.errors import (
    PERMANENT_RETRY_SECONDS,
    ArgoServerError,
    ServerFailedError,
    ServerNotFoundError,
    ServerRefusedError,
)
from wfreport.cache.fair_cache import FairCache
from wfreport.core.render.archived_logs import ArchivedText, LogRef, missing_logs
from wfreport.core.snapshot.model import PodEvidence, Snapshot, Source
from wfreport.kube.objects import NamespacedName
from wfreport.large_work import is_large, run_by_size
from wfreport.logs import kv, throttled
from wfreport.metrics import Metrics
from wfreport.runtime.in_flight import InFlight
from wfreport.runtime.worker import run_worker
from wfreport.runtime.workqueue import Priority, Request, WorkQueue

log = logging.getLogger(__name__)

MAX_CACHED_LOGS: Final = 1000
"""Logs cached until a reconcile has put them into a report, each at most about 32 KiB."""

_INTERNAL_ERROR: Final = 500

_Log = tuple[NamespacedName, str, LogRef]
"""Name and uid of a Workflow, and one of its logs."""


class _LogResult(Struct, frozen=True):
    """The result of a request: a text, or None if the server does not have the log or refuses it."""

    text: ArchivedText | None


class ArchivedLogFetcher:
    """Takes requests of reconciles, fetches in the background, and requests reconciles."""

    def __init__(
        self,
        server: ArchivedLogs | None,
        queue: WorkQueue,
        *,
        request_reconcile: Callable[[NamespacedName, int], None],
        has_report: Callable[[NamespacedName], bool],
        max_bytes: int,
        reads_logs: Callable[[str], bool],
        metrics: Metrics,
    ) -> None:
        """Create a fetcher without requests.

        Args:
            server: reads logs from Argo Server; None if no server is configured.
            queue: Workflows whose logs are requested; for this fetcher only.
            request_reconcile: enqueues a Workflow, with the least resourceVersion to reconcile.
            has_report: returns whether a report is about a Workflow of this name.
            max_bytes: bytes read of the end of a log.
            reads_logs: returns whether logs of a namespace may be read.
            metrics: counts errors.
        """
        self._server = server
        self._queue = queue
        self._request_reconcile = request_reconcile
        self._has_report = has_report
        self._max_bytes = max_bytes
        self._reads_logs = reads_logs
        self._metrics = metrics
        self._requests: dict[NamespacedName, dict[_Log, Source]] = {}
        self._results: FairCache[_Log, _LogResult] = FairCache(
            namespace_of=lambda subject: subject[0][0], max_entries=MAX_CACHED_LOGS
        )

    def __contains__(self, workflow: NamespacedName) -> bool:
        """Return whether logs of this Workflow are about to be fetched."""
        return workflow in self._queue

    async def missing(
        self, snapshot: Snapshot, evidence: Mapping[str, PodEvidence], reported: Collection[str | None]
    ) -> list[LogRef]:
        """Return the archived logs that may be read and that neither the evidence nor a report has.

        Args:
            snapshot: the Workflow.
            evidence: evidence of its pods, by pod name.
            reported: ids of nodes whose log a report has.
        """
        if self._server is None or not self._reads_logs(snapshot.workflow.metadata.namespace):
            return []
        return await run_by_size(is_large(snapshot), missing_logs, snapshot, evidence, reported)

    def fetched(self, snapshot: Snapshot, refs: Iterable[LogRef]) -> dict[LogRef, ArchivedText | None]:
        """Return these logs without the unavailable ones; one that is not here yet is None, and is requested."""
        meta = snapshot.workflow.metadata
        texts: dict[LogRef, ArchivedText | None] = {}
        for ref in refs:
            subject = ((meta.namespace, meta.name), meta.uid, ref)
            result = self._results.get(subject)
            if result is None:
                self._request(subject, snapshot.source)
                texts[ref] = None
            elif result.text:
                texts[ref] = result.text
        return texts

    async def run_worker(self, in_flight: InFlight) -> None:
        """Fetch until the queue is shut down. Run several workers for concurrency."""
        bugs = self._metrics.argo_server_errors.labels("Bug")
        await run_worker(
            self._queue,
            self._fetch_all,
            in_flight=in_flight,
            controller="archived_logs",
            count_bug=bugs.inc,
            bug_retry_seconds=PERMANENT_RETRY_SECONDS,
        )

    def _request(self, subject: _Log, source: Source) -> None:
        workflow = subject[0]
        requests = self._requests.setdefault(workflow, {})
        if subject not in requests:
            requests[subject] = source
            self._queue.add(workflow, Priority.PROGRESS)

    async def _fetch_all(self, request: Request) -> None:
        requests = self._requests.get(request.name, {})
        error, before = None, len(requests)
        for subject, source in list(requests.items()):
            error = await self._fetch(subject, source) or error
        if len(self._requests.get(request.name, {})) != before:
            self._request_reconcile(request.name, 0)
        if error and self._has_report(request.name):
            self._queue.add_rate_limited(request, at_least_seconds=error.pause_seconds)
            return
        if not self._requests.get(request.name) or error:
            self._requests.pop(request.name, None)
        self._queue.done(request)

    async def _fetch(self, subject: _Log, source: Source) -> ArgoServerError | None:
        """Fetch a log; return the error if it is to be retried."""
        (namespace, name), uid, ref = subject
        if self._server is None:
            raise RuntimeError("nothing is requested without a server")
        try:
            end = await self._server.tail(
                RunRef(namespace, name, uid),
                ref.node_id,
                ref.artifact,
                max_bytes=self._max_bytes,
                from_archive=source is Source.ARCHIVE,
            )
        except ArgoServerError as error:
            self._log_failure(subject, error)
            if not _is_permanent(error):
                return error
            self._finish(subject, None)
        else:
            self._finish(subject, None if end.is_cut else ArchivedText(end.text, end.has_more))
        return None

    def _finish(self, subject: _Log, text: ArchivedText | None) -> None:
        self._requests.get(subject[0], {}).pop(subject, None)
        self._results.put(subject, _LogResult(text))

    def _log_failure(self, subject: _Log, error: ArgoServerError) -> None:
        self._metrics.argo_server_errors.labels(error.reason).inc()
        (namespace, name), _, ref = subject
        pairs = kv(namespace=namespace, name=name, artifact=ref.artifact, reason=error.reason, error=error.message)
        log.warning("archived log read failed", extra=pairs | throttled(error.reason, namespace, "log"))


def _is_permanent(error: ArgoServerError) -> bool:
    """Return whether a retry is pointless. Argo Server returns 500 if the artifact store lacks or refuses the log."""
    if isinstance(error, ServerFailedError):
        return error.status == _INTERNAL_ERROR
    return isinstance(error, ServerNotFoundError | ServerRefusedError)

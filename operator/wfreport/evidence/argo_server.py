"""Fetches what only Argo Server has: nodes that Argo offloaded to its database, and runs that are only in its archive.

A reconcile never waits for the server. It takes what has been fetched, or requests it and goes on without. Workers
fetch in the background and then have the Workflow reconciled again, so a server that hangs delays only what needs it.
Nothing here has to survive a restart: the resync finds the reports that still lack something.

A *subject* is a thing to fetch: the nodes of a Workflow in the cluster, or a run in the archive. Its state follows from
whether it is requested, and from its last result:

===========  =========  ======  ====================================================================================
state        requested  result  what a reconcile gets
===========  =========  ======  ====================================================================================
UNKNOWN      no         none    "being fetched", and the subject is requested
REQUESTED    yes        none    "being fetched"
FETCHED      no         run     the run, or its nodes if they are of the same version of the Workflow; else newer nodes
                                are requested, and it gets what OUTDATED gives
OUTDATED     yes        run     the nodes of a moment ago while the run goes on, "being fetched" after its end
RETRYING     yes        error   the error; a worker tries again after a backoff
UNAVAILABLE  no         error   the error; nodes are requested again, an archived run is not
===========  =========  ======  ====================================================================================

::

    UNKNOWN ─ requested ─► REQUESTED ─ fetched ─► FETCHED ─ newer nodes requested ─► OUTDATED
                               │                  ▲     ▲                            │    │
                             error                │     └───────── fetched ──────────┘  error
                               │               fetched                                    │
                               └───────────► RETRYING ◄───────────────────────────────────┘
                                               │  ▲
              not found, or no report needs it │  │ nodes requested again
                                               ▼  │
                                            UNAVAILABLE

When a result is released (the report has it) or evicted (the cache is full), the subject is UNKNOWN or REQUESTED again.
The Workflow is reconciled again when a subject is fetched for the first time or after its run has ended, and when its
error changes.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from enum import Enum, auto
from typing import Final

from msgspec import Struct, structs

from wfreport.api.reasons import Reason
from wfreport.api.report import ReportStatus
from wfreport.argoserver.errors import PERMANENT_RETRY_SECONDS, ArgoServerError, ServerNotFoundError
from wfreport.argoserver.workflows import ServerWorkflows
from wfreport.cache.fair_cache import FairCache
from wfreport.cache.reports import ReportEntry
from wfreport.core.render.archived_logs import with_archived_logs
from wfreport.core.snapshot.model import NodesState, PodEvidence, Snapshot, Source, Unavailable
from wfreport.evidence.archived_logs import ArchivedLogFetcher
from wfreport.kube.objects import NamespacedName, version_of
from wfreport.logs import kv, throttled
from wfreport.metrics import Metrics
from wfreport.runtime.in_flight import InFlight
from wfreport.runtime.worker import run_worker
from wfreport.runtime.workqueue import Priority, Request, WorkQueue

log = logging.getLogger(__name__)

MAX_CACHED_NODES: Final = 50_000
"""Nodes cached for coming reconciles, about 100 MB. If they are too many, the namespace that has most loses its oldest
results."""

NOT_FOUND_RETRY_MAX_SECONDS: Final = 3600
"""Longest interval between two lookups of a run that is neither in the cluster nor in the archive."""

NODE_BYTES: Final = 1024
"""JSON of a cached node; usually it is less."""

BEING_FETCHED: Final = Unavailable(Reason.NODES_BEING_FETCHED, "they are being fetched from Argo Server")
ARCHIVE_BEING_READ: Final = Unavailable(Reason.ARCHIVE_BEING_READ, "the lookup in Argo's archive is in progress")
NOT_CONFIGURED: Final = Unavailable(
    Reason.ARGO_SERVER_NOT_CONFIGURED,
    "Argo's archive is read through Argo Server, which is not configured: set WFREPORT_ARGO_SERVER_URL, and "
    "WFREPORT_ARGO_SERVER_TOKEN_FILE or _TOKEN_COMMAND",
)
NOWHERE: Final = Unavailable(
    Reason.WORKFLOW_NOT_FOUND,
    "neither in this namespace nor in Argo's archive; it is picked up when it appears in the cluster",
)

_Subject = tuple[NamespacedName, str, bool]
"""Name and uid of the Workflow, and whether the subject is its archived run rather than its nodes."""


class FetchState(Enum):
    """The state of a subject; see the table of this module."""

    UNKNOWN = auto()
    REQUESTED = auto()
    FETCHED = auto()
    OUTDATED = auto()
    RETRYING = auto()
    UNAVAILABLE = auto()


_WITH_RUN: Final = frozenset({FetchState.FETCHED, FetchState.OUTDATED})
_FAILED: Final = frozenset({FetchState.RETRYING, FetchState.UNAVAILABLE})


class _FetchRequest(Struct, frozen=True):
    """A request for a subject.

    Attributes:
        workflow: namespace and name of the Workflow.
        uid: its uid; empty for the newest run of that name in the archive.
        is_archived: whether to fetch the archived run rather than the nodes of a Workflow in the cluster.
        may_appear: whether a run that is not found may be found later.
        version: resourceVersion of the Workflow whose nodes are requested.
        offload_version: Argo's hash of these nodes.
    """

    workflow: NamespacedName
    uid: str
    is_archived: bool
    may_appear: bool = False
    version: int = 0
    offload_version: str = ""

    @property
    def subject(self) -> _Subject:
        return (self.workflow, self.uid, self.is_archived)


class _FetchResult(Struct, frozen=True):
    """The result of a request: a run, or why there is none."""

    request: _FetchRequest
    run: Snapshot | None = None
    unavailable: Unavailable | None = None

    def has_nodes_of(self, snapshot: Snapshot) -> bool:
        """Return whether the nodes are those of this very version of the Workflow.

        The server returns the newest nodes without their offload version. They are the requested ones if the Workflow
        has the same resourceVersion, or a newer one with the same offload version, which is a hash of the nodes.
        """
        if self.run is None:
            return False
        fetched = version_of(self.run.workflow.metadata.resource_version)
        present = version_of(snapshot.workflow.metadata.resource_version)
        is_same_hash = self.request.offload_version == snapshot.workflow.status.offload_node_status_version
        return fetched == present or (is_same_hash and fetched <= present)

    def add_nodes(self, snapshot: Snapshot) -> Snapshot:
        """Return the snapshot with the fetched nodes."""
        if self.run is None:
            return snapshot
        problems = (*snapshot.problems, *self.run.problems)
        return structs.replace(
            snapshot,
            nodes=self.run.nodes,
            nodes_state=self.run.nodes_state,
            problems=problems,
            unavailable=self.run.unavailable,
        )

    @property
    def weight(self) -> int:
        """Its share of the maximal number of cached nodes; nodes whose texts are long count as several."""
        return 1 + max(len(self.run.nodes), self.run.json_bytes // NODE_BYTES) if self.run else 1


class ArgoServerFetcher:
    """Takes requests of reconciles, fetches in the background, and requests reconciles."""

    def __init__(
        self,
        server: ServerWorkflows | None,
        queue: WorkQueue,
        *,
        logs: ArchivedLogFetcher,
        request_reconcile: Callable[[NamespacedName, int], None],
        has_report: Callable[[NamespacedName], bool],
        metrics: Metrics,
        max_cached_nodes: int = MAX_CACHED_NODES,
    ) -> None:
        """Create a fetcher without requests.

        Args:
            server: reads Workflows from Argo Server; None if no server is configured.
            queue: Workflows that something is requested of; for this fetcher only.
            logs: fetches archived logs.
            request_reconcile: enqueues a Workflow, with the least resourceVersion to reconcile.
            has_report: returns whether a report is about a Workflow of this name.
            metrics: counts errors.
            max_cached_nodes: number of nodes cached for coming reconciles.
        """
        self._server = server
        self._queue = queue
        self._logs = logs
        self._request_reconcile = request_reconcile
        self._has_report = has_report
        self._metrics = metrics
        self._requests: dict[NamespacedName, dict[_Subject, _FetchRequest]] = {}
        self._results: FairCache[_Subject, _FetchResult] = FairCache(
            namespace_of=lambda subject: subject[0][0],
            max_entries=max_cached_nodes,
            max_weight=max_cached_nodes,
            weight_of=lambda result: result.weight,
        )

    def with_nodes(self, snapshot: Snapshot) -> Snapshot:
        """Return the snapshot with its offloaded nodes, or with the reason why they are not available (yet)."""
        if self._server is None or snapshot.nodes_state is not NodesState.OFFLOADED:
            return snapshot
        meta, status = snapshot.workflow.metadata, snapshot.workflow.status
        request = _FetchRequest(
            workflow=(meta.namespace, meta.name),
            uid=meta.uid,
            is_archived=False,
            version=version_of(meta.resource_version),
            offload_version=status.offload_node_status_version,
        )
        result = self._results.get(request.subject)
        if result and result.has_nodes_of(snapshot):
            return result.add_nodes(snapshot)
        self._request(request)
        if result and result.run and not status.is_completed:
            return result.add_nodes(snapshot)
        return structs.replace(snapshot, unavailable=(result and result.unavailable) or BEING_FETCHED)

    def archived(self, entry: ReportEntry) -> Snapshot | Unavailable | None:
        """Return the archived run of a report whose Workflow is not in the cluster, or why it is unavailable.

        None means that the report does not use the archive.
        """
        if entry.source == Source.CLUSTER:
            return None
        if self._server is None:
            return NOT_CONFIGURED if entry.source == Source.ARCHIVE else None
        result = self._results.get(_archived_subject(entry))
        if result:
            return result.run or result.unavailable
        name, uid, is_archived = _archived_subject(entry)
        self._request(_FetchRequest(name, uid, is_archived, may_appear=entry.source == Source.ARCHIVE))
        return ARCHIVE_BEING_READ

    async def with_logs(
        self, snapshot: Snapshot, evidence: Mapping[str, PodEvidence], stored: Sequence[ReportStatus]
    ) -> Mapping[str, PodEvidence]:
        """Return the evidence with the archived logs that the stored statuses lack; those not here are requested."""
        reported = {f.node_id for status in stored for f in status.failures or () if f.log_tail}
        refs = await self._logs.missing(snapshot, evidence, reported)
        return with_archived_logs(evidence, self._logs.fetched(snapshot, refs)) if refs else evidence

    def may_know_more(self, entry: ReportEntry) -> bool:
        """Return whether a report without a Workflow lacks something that the server has or may have."""
        if self._server is None or entry.source == Source.CLUSTER:
            return False
        return entry.awaits_server or self._state(_archived_subject(entry)) in _WITH_RUN

    def is_due(self, entry: ReportEntry) -> bool:
        """Return whether a report lacks something that no worker is about to fetch."""
        is_coming = entry.workflow_key in self._queue or entry.workflow_key in self._logs
        return self._server is not None and entry.awaits_server and not is_coming

    def forget_archived(self, entry: ReportEntry) -> None:
        """Release an archived run that the report has now. An error stays, or it would be requested again."""
        subject = _archived_subject(entry)
        if self._state(subject) in _WITH_RUN:
            self._results.remove(subject)

    async def run(self, workers: int, in_flight: InFlight) -> None:
        """Run workers until the queue is shut down."""
        async with asyncio.TaskGroup() as group:
            for _ in range(workers):
                group.create_task(self._run_worker(in_flight))
                group.create_task(self._logs.run_worker(in_flight))

    async def _run_worker(self, in_flight: InFlight) -> None:
        bugs = self._metrics.argo_server_errors.labels("Bug")
        await run_worker(
            self._queue,
            self.fetch,
            in_flight=in_flight,
            controller="argo_server",
            count_bug=bugs.inc,
            bug_retry_seconds=PERMANENT_RETRY_SECONDS,
        )

    async def fetch(self, request: Request) -> None:
        """Fetch everything that is requested of a Workflow; enqueue it again for what is to be retried."""
        error: ArgoServerError | None = None
        for pending in list(self._requests.get(request.name, {}).values()):
            error = await self._fetch(pending) or error
        if error and not self._has_report(request.name):
            self._requests.pop(request.name, None)
            error = None
        if error is None:
            self._queue.done(request)
            return
        longest = NOT_FOUND_RETRY_MAX_SECONDS if isinstance(error, ServerNotFoundError) else None
        self._queue.add_rate_limited(request, at_least_seconds=error.pause_seconds, backoff_max_seconds=longest)

    def _state(self, subject: _Subject) -> FetchState:
        is_requested = subject in self._requests.get(subject[0], {})
        result = self._results.get(subject)
        if result is None:
            return FetchState.REQUESTED if is_requested else FetchState.UNKNOWN
        if result.run:
            return FetchState.OUTDATED if is_requested else FetchState.FETCHED
        return FetchState.RETRYING if is_requested else FetchState.UNAVAILABLE

    def _request(self, request: _FetchRequest) -> None:
        has_failed = self._state(request.subject) in _FAILED
        requests = self._requests.setdefault(request.workflow, {})
        is_new = requests.get(request.subject) != request
        requests[request.subject] = request
        # after an error the backoff counts, however many reconciles request it: the server has enough trouble
        if request.workflow not in self._queue or (is_new and not has_failed):
            self._queue.add(request.workflow, Priority.URGENT)

    async def _fetch(self, request: _FetchRequest) -> ArgoServerError | None:
        """Fetch a subject; return the error if it is to be retried."""
        previous = self._results.get(request.subject)
        try:
            run = await self._read(request)
        except ServerNotFoundError as error:
            is_nowhere = request.is_archived and not request.may_appear
            return self._fail(request, previous, error, NOWHERE if is_nowhere else _unavailable(error))
        except ArgoServerError as error:
            return self._fail(request, previous, error, _unavailable(error))
        self._finish(request)
        self._results.put(request.subject, _FetchResult(request, run))
        # a running Workflow is polled anyway; to reconcile it here would request newer nodes, without an end
        if run.workflow.status.is_completed or previous is None or previous.run is None:
            version = version_of(run.workflow.metadata.resource_version)
            self._request_reconcile(request.workflow, 0 if request.is_archived else version)
        return None

    async def _read(self, request: _FetchRequest) -> Snapshot:
        if self._server is None:
            raise RuntimeError("nothing is requested without a server")
        (namespace, name), uid = request.workflow, request.uid or None
        if request.is_archived:
            return structs.replace(await self._server.fetch_archived(namespace, name, uid=uid), source=Source.ARCHIVE)
        return await self._server.fetch(namespace, name, uid=uid)

    def _fail(
        self, request: _FetchRequest, previous: _FetchResult | None, error: ArgoServerError, unavailable: Unavailable
    ) -> ArgoServerError | None:
        """Record an error; return it if the request is to be retried."""
        self._metrics.argo_server_errors.labels(error.reason).inc()
        self._results.put(request.subject, _FetchResult(request, unavailable=unavailable))
        if previous is None or previous.unavailable != unavailable:
            self._request_reconcile(request.workflow, 0)
        if isinstance(error, ServerNotFoundError) and not request.may_appear:
            self._finish(request)
            return None
        namespace, name = request.workflow
        pairs = kv(namespace=namespace, name=name, reason=error.reason, error=error.message)
        log.warning("Argo Server request failed, retrying", extra=pairs | throttled(error.reason, namespace))
        return error

    def _finish(self, request: _FetchRequest) -> None:
        """Remove a request, unless a newer one has replaced it."""
        requests = self._requests.get(request.workflow, {})
        if requests.get(request.subject) == request:
            del requests[request.subject]
        if not requests:
            self._requests.pop(request.workflow, None)


def _archived_subject(entry: ReportEntry) -> _Subject:
    return (entry.workflow_key, entry.bound_uid or entry.ref_uid, True)


def _unavailable(error: ArgoServerError) -> Unavailable:
    return Unavailable(error.reason, error.advice)

"""What only Argo Server has: offloaded nodes, and runs that are in the archive alone.

A look never asks the server, and never waits for it. It takes what is here, or notes a wish and goes on without. The
wishes have a queue and workers of their own; what they bring, or why they bring nothing, is kept until the next look,
which they ask for. So a server that hangs delays what needs it, and nothing else. All that is remembered here can be
had again: after a restart the sweep finds the reports that still lack something.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from wfreport.api.reasons import Reason
from wfreport.api.report import ReportStatus
from wfreport.argoserver.errors import PERMANENT_RETRY_SECONDS, ArgoServerError, ServerNotFoundError
from wfreport.argoserver.workflows import ServerWorkflows
from wfreport.cache.reports import ReportEntry
from wfreport.core.render.archived_logs import with_archived_logs
from wfreport.core.snapshot.model import NodesState, PodEvidence, Snapshot, Source, Unavailable
from wfreport.evidence.archived_logs import ArchivedLogFetcher
from wfreport.kube.objects import NamespacedName, version_of
from wfreport.logs import kv, throttled
from wfreport.metrics import Metrics
from wfreport.runtime.worker import run_worker
from wfreport.runtime.workqueue import Priority, Request, WorkQueue

log = logging.getLogger(__name__)

MAX_CACHED_NODES = 50_000
"""Nodes that are kept for the looks to come, some 100 MB; they are dropped when a final report has them."""

BEING_FETCHED = Unavailable(Reason.NODES_BEING_FETCHED, "they are being fetched from Argo Server")
ARCHIVE_BEING_READ = Unavailable(Reason.ARCHIVE_BEING_READ, "it is being sought in Argo's archive")
NOT_CONFIGURED = Unavailable(
    Reason.ARGO_SERVER_NOT_CONFIGURED,
    "Argo's archive is read through Argo Server, which the operator does not know: set WFREPORT_ARGO_SERVER_URL, and "
    "WFREPORT_ARGO_SERVER_TOKEN_FILE or _TOKEN_COMMAND",
)
NOWHERE = Unavailable(
    Reason.WORKFLOW_NOT_FOUND,
    "neither in this namespace nor in Argo's archive; it is picked up when it appears in the cluster",
)


@dataclass(frozen=True, slots=True)
class _FetchRequest:
    """What is to be read.

    Attributes:
        key: the Workflow.
        uid: its uid; empty for the newest of its name, in the archive.
        archived: whether the archive is to be asked, rather than for the nodes of a Workflow in the cluster.
        again: whether "not there" may change.
        version: resourceVersion of the Workflow whose nodes are wanted.
        offload_version: of these nodes.
    """

    key: NamespacedName
    uid: str
    archived: bool
    again: bool = False
    version: int = 0
    offload_version: str = ""

    @property
    def subject(self) -> tuple[NamespacedName, str, bool]:
        """What it is about, whatever the version."""
        return (self.key, self.uid, self.archived)


@dataclass(frozen=True, slots=True)
class _FetchResult:
    """What came of a wish: a run, or why there is none."""

    request: _FetchRequest
    found: Snapshot | None = None
    unavailable: Unavailable | None = None

    def has_nodes_of(self, snapshot: Snapshot) -> bool:
        """Whether its nodes are those of this very state of the Workflow.

        The server gives the newest state without saying of which offload version its nodes are. They are the wanted
        ones if it is of the same resourceVersion, or if that changed and the offload version, a hash of them, did not.
        """
        if self.found is None:
            return False
        seen = version_of(self.found.workflow.metadata.resource_version)
        wanted = version_of(snapshot.workflow.metadata.resource_version)
        same = self.request.offload_version == snapshot.workflow.status.offload_node_status_version
        return seen == wanted or (same and seen <= wanted)

    @property
    def weight(self) -> int:
        """How much of ``KEPT_NODES`` it takes."""
        return 1 + (len(self.found.nodes) if self.found else 0)


class ArgoServerFetcher:
    """Wishes in, looks out."""

    def __init__(
        self,
        runs: ServerWorkflows | None,
        queue: WorkQueue,
        *,
        logs: ArchivedLogFetcher,
        look: Callable[[NamespacedName, int], None],
        is_wanted: Callable[[NamespacedName], bool],
        metrics: Metrics,
        kept_nodes: int = MAX_CACHED_NODES,
    ) -> None:
        """Begin without wishes.

        Args:
            runs: reads them; None where no server is configured.
            queue: of wishes alone.
            logs: the same for archived logs.
            look: asks for a look at a Workflow, not older than a resourceVersion.
            is_wanted: whether any report is about a Workflow of this name (yet).
            metrics: counts failures.
            kept_nodes: how many nodes are kept.
        """
        self._runs = runs
        self._queue = queue
        self._logs = logs
        self._look = look
        self._is_wanted = is_wanted
        self._metrics = metrics
        self._kept_nodes = kept_nodes
        self._wishes: dict[NamespacedName, dict[tuple[NamespacedName, str, bool], _FetchRequest]] = {}
        self._answers: OrderedDict[tuple[NamespacedName, str, bool], _FetchResult] = OrderedDict()
        self._weight = 0

    def with_nodes(self, snapshot: Snapshot) -> Snapshot:
        """The Workflow with its nodes where they are here; else a wish is noted, and the snapshot says why not."""
        if self._runs is None or snapshot.nodes_state is not NodesState.OFFLOADED:
            return snapshot
        meta, status = snapshot.workflow.metadata, snapshot.workflow.status
        wish = _FetchRequest(
            key=(meta.namespace, meta.name),
            uid=meta.uid,
            archived=False,
            version=version_of(meta.resource_version),
            offload_version=status.offload_node_status_version,
        )
        answer = self._answers.get(wish.subject)
        if answer and answer.has_nodes_of(snapshot):
            return _with_nodes(snapshot, answer)
        self._request(wish, answer)
        if answer and answer.found and not status.is_completed:
            return _with_nodes(snapshot, answer)  # as it was a look ago; the next one has today's
        return replace(snapshot, unavailable=(answer and answer.unavailable) or BEING_FETCHED)

    def archived(self, row: ReportEntry) -> Snapshot | Unavailable | None:
        """The run of a report whose Workflow is not in the cluster, or why there is none.

        None: nobody wants it from the archive.
        """
        if row.source == Source.CLUSTER:
            return None
        if self._runs is None:
            return NOT_CONFIGURED if row.source == Source.ARCHIVE else None
        wish = _FetchRequest(
            key=row.workflow_key,
            uid=row.bound_uid or row.ref_uid,
            archived=True,
            again=row.source == Source.ARCHIVE,
        )
        answer = self._answers.get(wish.subject)
        if answer is None:
            self._request(wish, None)
            return ARCHIVE_BEING_READ
        return answer.found or answer.unavailable

    def with_logs(
        self, snapshot: Snapshot, evidence: Mapping[str, PodEvidence], stored: Sequence[ReportStatus]
    ) -> Mapping[str, PodEvidence]:
        """The evidence with the archived logs that are here; others are wished for, and said to come."""
        kept = {f.node_id for status in stored for f in status.failures or () if f.log_tail}
        wanted = self._logs.wanted(snapshot, evidence, kept)
        return with_archived_logs(evidence, self._logs.of(snapshot, wanted)) if wanted else evidence

    def may_know_more(self, row: ReportEntry) -> bool:
        """Whether a report whose Workflow is not in the cluster lacks what the server may have, or has by now."""
        if self._runs is None or row.source == Source.CLUSTER:
            return False
        answer = self._answers.get((row.workflow_key, row.bound_uid or row.ref_uid, True))
        return row.awaits_server or (answer is not None and answer.found is not None)

    def is_due(self, row: ReportEntry) -> bool:
        """Whether a report lacks something, and no worker is about to fetch it."""
        asked = row.workflow_key in self._queue or row.workflow_key in self._logs
        return self._runs is not None and row.awaits_server and not asked

    def forget_archived(self, row: ReportEntry) -> None:
        """The report has the archive's run; why there is none is kept, or it would be asked for again."""
        subject = (row.workflow_key, row.bound_uid or row.ref_uid, True)
        if (answer := self._answers.get(subject)) and answer.found:
            self._drop(subject)

    async def run(self, workers: int) -> None:
        """Read until the queue is closed, so many at the same time."""
        async with asyncio.TaskGroup() as group:
            for _ in range(workers):
                group.create_task(self._run_worker())
                group.create_task(self._logs.run_worker())

    async def _run_worker(self) -> None:
        bugs = self._metrics.argo_server_errors.labels("Bug")
        await run_worker(self._queue, self._read, count_bug=bugs.inc, bug_retry_seconds=PERMANENT_RETRY_SECONDS)

    def _request(self, wish: _FetchRequest, answer: _FetchResult | None) -> None:
        wishes = self._wishes.setdefault(wish.key, {})
        is_new = wishes.get(wish.subject) != wish
        wishes[wish.subject] = wish
        has_failed = answer is not None and answer.found is None
        # one that has failed waits for its turn: looks may be many, and the server has enough trouble
        if wish.key not in self._queue or (is_new and not has_failed):
            self._queue.add(wish.key, Priority.URGENT)

    async def _read(self, request: Request) -> None:
        error: ArgoServerError | None = None
        for wish in list(self._wishes.get(request.name, {}).values()):
            error = await self._try(wish) or error
        if error and not self._is_wanted(request.name):
            self._wishes.pop(request.name, None)
            error = None
        if error is None:
            self._queue.done(request)
            return
        self._queue.add_rate_limited(request, at_least_seconds=error.pause_seconds)

    async def _try(self, wish: _FetchRequest) -> ArgoServerError | None:
        """Fulfil a wish; returns the error after which it is to be tried again."""
        before = self._answers.get(wish.subject)
        try:
            answer = _FetchResult(wish, await self._fetched(wish))
        except ServerNotFoundError as error:
            is_nowhere = wish.archived and not wish.again
            return self._failed(wish, before, error, NOWHERE if is_nowhere else _why(error))
        except ArgoServerError as error:
            return self._failed(wish, before, error, _why(error))
        self._fulfilled(wish)
        self._keep(answer)
        # a running Workflow's next look comes anyway; it would be looked at without an end otherwise
        is_over = answer.found is not None and answer.found.workflow.status.is_completed
        if is_over or before is None or before.found is None:
            self._look(wish.key, 0 if wish.archived else _version(answer))
        return None

    async def _fetched(self, wish: _FetchRequest) -> Snapshot:
        if self._runs is None:
            raise RuntimeError("nothing is wished for where no server is configured")
        (namespace, name), uid = wish.key, wish.uid or None
        if wish.archived:
            return replace(await self._runs.fetch_archived(namespace, name, uid=uid), source=Source.ARCHIVE)
        return await self._runs.fetch(namespace, name, uid=uid)

    def _failed(
        self, wish: _FetchRequest, before: _FetchResult | None, error: ArgoServerError, why: Unavailable
    ) -> ArgoServerError | None:
        self._metrics.argo_server_errors.labels(error.reason).inc()
        self._keep(_FetchResult(wish, unavailable=why))
        if before is None or before.unavailable != why:
            self._look(wish.key, 0)
        if isinstance(error, ServerNotFoundError) and not wish.again:
            self._fulfilled(wish)
            return None
        pairs = kv(namespace=wish.key[0], name=wish.key[1], reason=error.reason, error=error.message)
        throttle = throttled(error.reason, wish.key[0])
        log.warning("Argo Server was asked in vain, tried again later", extra=pairs | throttle)
        return error

    def _fulfilled(self, wish: _FetchRequest) -> None:
        """Unless something newer is wanted by now."""
        wishes = self._wishes.get(wish.key, {})
        if wishes.get(wish.subject) == wish:
            del wishes[wish.subject]
        if not wishes:
            self._wishes.pop(wish.key, None)

    def _keep(self, answer: _FetchResult) -> None:
        self._drop(answer.request.subject)
        self._answers[answer.request.subject] = answer
        self._weight += answer.weight
        while self._weight > self._kept_nodes and len(self._answers) > 1:
            self._drop(next(iter(self._answers)))

    def _drop(self, subject: tuple[NamespacedName, str, bool]) -> None:
        answer = self._answers.pop(subject, None)
        if answer:
            self._weight -= answer.weight


def _why(error: ArgoServerError) -> Unavailable:
    return Unavailable(error.reason, error.advice)


def _version(answer: _FetchResult) -> int:
    return version_of(answer.found.workflow.metadata.resource_version) if answer.found else 0


def _with_nodes(snapshot: Snapshot, answer: _FetchResult) -> Snapshot:
    if answer.found is None:
        return snapshot
    problems = (*snapshot.problems, *answer.found.problems)
    return replace(snapshot, nodes=answer.found.nodes, nodes_state=answer.found.nodes_state, problems=problems)

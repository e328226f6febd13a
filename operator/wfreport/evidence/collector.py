"""Collects the evidence about the pods of a Workflow from all its sources.

================  =========================================================  =========================
evidence          source                                                     read by
================  =========================================================  =========================
failed pods       captured as they failed, else listed now                   ``EvidenceReader``
pods not started  listed now, only if one has been starting for too long     ``PendingPods``
stalls            pods of long steps and holders of locks, read rarely       ``StallInspector``
archived logs     Argo Server, fetched in the background                     ``ArgoServerFetcher``
offloaded nodes   Argo Server, fetched in the background                     ``ArgoServerFetcher``
archived runs     Argo Server, fetched in the background                     ``ArgoServerFetcher``
earlier runs      the cache; reports are read if the run failed or was slow  ``EarlierRuns``
================  =========================================================  =========================

Errors are not raised: the report names evidence that could not be read, with the reason.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from msgspec import Struct, field

from wfreport.api.report import ReportSpec
from wfreport.cache.reports import ReportEntry
from wfreport.cache.running import RunningWorkflow
from wfreport.core.compare.comparison import NO_RUNS, KnownRuns
from wfreport.core.snapshot.identity import is_labelled_completed, status_of_run
from wfreport.core.snapshot.model import PodEvidence, Snapshot, Unavailable
from wfreport.core.stall.model import UNKNOWN_VERDICT, StallVerdict
from wfreport.evidence.argo_server import ArgoServerFetcher
from wfreport.evidence.earlier_runs import EarlierRuns
from wfreport.evidence.pending_pods import PendingPods
from wfreport.evidence.reader import EvidenceReader
from wfreport.evidence.stalls import StallInspector
from wfreport.kube.objects import NamespacedName
from wfreport.kube.reports import StoredReport

JUST_ENDED = timedelta(minutes=2)
"""All pods of a run are listed only if it ended after our start, or at most this long before: else a cold start would
list the pods of every run."""

ENDED_LONG_AGO = timedelta(minutes=15)
"""No pods are listed of a run that ended longer than this before our start. The stream of failed pods lists those that
still exist, and each is captured by itself."""

EVIDENCE_RETRY_WINDOW = timedelta(minutes=2)
"""Pods that cannot be read are tried again until this long after the run's end; then they count as missing."""


class CollectedEvidence(Struct, frozen=True):
    """Knowledge about the pods of a Workflow in the cluster.

    Attributes:
        observed_at: when it was collected; the length of a wait is measured up to this time.
        failed_pods: evidence of failed pods, by pod name; the cache holds it until every report has it.
        by_pod: all evidence, by pod name: of failed pods, of pods that do not start, and archived logs.
        requeue_after_seconds: when to try again to read what could not be read; None for never.
        known: what is known of earlier runs, if the run has ended.
        stall: whether the run hangs.
    """

    observed_at: datetime
    failed_pods: Mapping[str, PodEvidence] = field(default_factory=dict)
    by_pod: Mapping[str, PodEvidence] = field(default_factory=dict)
    requeue_after_seconds: float | None = None
    known: KnownRuns = NO_RUNS
    stall: StallVerdict = UNKNOWN_VERDICT


class RemainingEvidence(Struct, frozen=True):
    """Knowledge about a run whose Workflow is not in the cluster.

    Attributes:
        observed_at: when it was collected.
        archived: the run from Argo's archive, or why it is unavailable; None if the archive has nothing to add.
        archived_logs: evidence that consists of the archived run's logs, by pod name.
        late: evidence that arrived after the last reconcile of the Workflow, by pod name.
    """

    observed_at: datetime
    archived: Snapshot | Unavailable | None = None
    archived_logs: Mapping[str, PodEvidence] = field(default_factory=dict)
    late: Mapping[str, PodEvidence] = field(default_factory=dict)


class EvidenceCollector:
    """Collects the evidence of one reconcile: its *fetch* stage, after the Workflow was read."""

    def __init__(
        self,
        *,
        reader: EvidenceReader,
        pending: PendingPods,
        stalls: StallInspector,
        fetcher: ArgoServerFetcher,
        earlier: EarlierRuns,
        log_tail_lines: int,
        clock: Callable[[], datetime],
    ) -> None:
        """Create a collector; ``log_tail_lines`` applies to reports whose spec does not set its own."""
        self._reader = reader
        self._pending = pending
        self._stalls = stalls
        self._fetcher = fetcher
        self._earlier = earlier
        self._log_tail_lines = log_tail_lines
        self._clock = clock
        self._started_at = clock()

    def with_nodes(self, snapshot: Snapshot) -> Snapshot:
        """Return the snapshot with its offloaded nodes, or with the reason why they are not available yet."""
        return self._fetcher.with_nodes(snapshot)

    async def collect(
        self, snapshot: Snapshot, reports: Sequence[StoredReport], running: RunningWorkflow | None
    ) -> CollectedEvidence:
        """Collect the evidence that these reports of a Workflow lack.

        Args:
            snapshot: the Workflow.
            reports: its stored reports; evidence that they contain is not read again.
            running: its entry among the running Workflows, which lists the nodes whose pods were queried before.
        """
        workflow, now = snapshot.workflow, self._clock()
        of_run = [status for report in reports if (status := status_of_run(report.status, workflow))]
        finished_at = workflow.status.finished_at
        observations = await self._reader.read(
            snapshot,
            of_run,
            running,
            has_just_ended=is_labelled_completed(workflow)
            and finished_at is not None
            and finished_at >= self._started_at - JUST_ENDED,
            has_ended_long_ago=finished_at is not None and finished_at < self._started_at - ENDED_LONG_AGO,
            retry_allowed=finished_at is None or now - finished_at < EVIDENCE_RETRY_WINDOW,
        )
        of_pods = {**await self._pending.read(snapshot, now=now), **observations.evidence}
        stall = await self._stalls.inspect(snapshot, of_run, running, of_pods, now=now)
        delays = (observations.requeue_after_seconds, stall.requeue_after_seconds)
        return CollectedEvidence(
            observed_at=now,
            failed_pods=observations.evidence,
            by_pod=await self._with_archived_logs(snapshot, {**stall.pods, **of_pods}, reports),
            requeue_after_seconds=min((delay for delay in delays if delay is not None), default=None),
            known=await self._earlier.known(workflow, of_run, now),
            stall=stall.verdict,
        )

    def may_know_more(self, entry: ReportEntry) -> bool:
        """Return whether Argo Server may have something that a report without a Workflow lacks."""
        return self._fetcher.may_know_more(entry)

    async def collect_remaining(self, entry: ReportEntry, report: StoredReport) -> RemainingEvidence:
        """Collect what is known of a run whose Workflow is not in the cluster. No request is made."""
        archived = self._fetcher.archived(entry)
        logs = await self._with_archived_logs(archived, {}, [report]) if isinstance(archived, Snapshot) else {}
        late = self._reader.cached(entry.workflow_key, entry.bound_uid)
        return RemainingEvidence(self._clock(), archived, logs, late)

    async def release(self, snapshot: Snapshot, evidence: CollectedEvidence) -> None:
        """Forget evidence that every report of the Workflow now has."""
        await self._reader.release(snapshot, evidence.failed_pods, is_final=is_labelled_completed(snapshot.workflow))

    def release_archived(self, entries: Iterable[ReportEntry]) -> None:
        """Forget archived runs that their reports now have."""
        for entry in entries:
            self._fetcher.forget_archived(entry)

    def discard(self, name: NamespacedName) -> None:
        """Forget evidence of a Workflow that has no report."""
        self._reader.discard(name)

    async def _with_archived_logs(
        self, snapshot: Snapshot, evidence: Mapping[str, PodEvidence], reports: Sequence[StoredReport]
    ) -> Mapping[str, PodEvidence]:
        with_logs = [report for report in reports if self._log_lines(report.spec)]
        if not with_logs:
            return evidence
        of_run = [status for report in with_logs if (status := status_of_run(report.status, snapshot.workflow))]
        return await self._fetcher.with_logs(snapshot, evidence, of_run)

    def _log_lines(self, spec: ReportSpec) -> int:
        return self._log_tail_lines if spec.log_tail_lines is None else spec.log_tail_lines

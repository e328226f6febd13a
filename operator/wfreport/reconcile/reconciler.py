"""One look at one Workflow name: read it, find its reports, write what changed.

Everything is read afresh and derived; the look before, the event that asked for it and the order of both are without
meaning. Identity is the uid: a Workflow that was deleted and made anew under its name is another one.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime, timedelta

from wfreport.api.argo import LABEL_COMPLETED, LABEL_CONTROLLER_INSTANCE_ID, Workflow
from wfreport.api.report import ReportStatus
from wfreport.cache.reports import ReportCache, ReportEntry
from wfreport.cache.running import RunningWorkflows
from wfreport.core.redact.redactor import Redactor
from wfreport.core.render.gone import render_deleted, render_late, render_missing
from wfreport.core.render.status import has_nodes_of_run, render_status
from wfreport.core.snapshot.decode import NotAWorkflow, decode_workflow
from wfreport.core.snapshot.identity import is_skipped
from wfreport.core.snapshot.model import PodEvidence, Snapshot
from wfreport.evidence.argo_server import BEING_FETCHED, ArgoServerFetcher
from wfreport.evidence.pending_pods import PendingPods
from wfreport.evidence.reader import EvidenceReader, Observations, pod_query
from wfreport.kube.errors import ApiError, ConflictError, NotFoundError
from wfreport.kube.objects import NamespacedName, version_of
from wfreport.kube.reports import StoredReport
from wfreport.kube.workflows import Workflows
from wfreport.metrics import Metrics
from wfreport.reconcile.options import ReconcileOptions
from wfreport.reconcile.report_writer import ReportWriter
from wfreport.runtime.result import ReconcileOutcome, Result
from wfreport.runtime.workqueue import Request

JUST_ENDED = timedelta(minutes=2)
"""Pods of runs that ended longer before our start are not listed: a cold start would list those of every run."""

EVIDENCE_PATIENCE = timedelta(minutes=2)
"""So long after a run's end pods that cannot be read are tried again; then they are missing."""

CONFLICT_TRIES = 2
"""How often a look is begun again because somebody wrote or deleted the report meanwhile, before it is put off."""


class Reconciler:
    """Looks. Different keys may be looked at concurrently, one key never (the queue's rule 1)."""

    def __init__(
        self,
        *,
        workflows: Workflows,
        writer: ReportWriter,
        evidence: EvidenceReader,
        pending: PendingPods,
        server: ArgoServerFetcher,
        index: ReportCache,
        active: RunningWorkflows,
        rules: ReconcileOptions,
        redactor: Redactor,
        metrics: Metrics,
        clock: Callable[[], datetime],
    ) -> None:
        self._workflows = workflows
        self._writer = writer
        self._evidence = evidence
        self._pending = pending
        self._server = server
        self._index = index
        self._active = active
        self._rules = rules
        self._redactor = redactor
        self._metrics = metrics
        self._clock = clock
        self._started_at = clock()

    async def reconcile(self, request: Request) -> Result:
        """Look at a Workflow, and bring its reports up to date.

        Raises:
            ApiError: a request failed; the look is to be made again if the error is transient.
            NotAWorkflow: what was read is none.
        """
        namespace, name = request.name
        known = self._active.get(request.name)
        floor = max(request.min_resource_version, known.version if known else 0)
        try:
            read = decode_workflow(await self._workflows.fetch(namespace, name, not_older_than=floor))
            snapshot = self._server.with_nodes(_identified(read, request.name))
        except NotFoundError:
            snapshot = None
        for _ in range(CONFLICT_TRIES):
            with suppress(ConflictError):
                return await self._reconcile_completed(request.name, snapshot)
        return await self._reconcile_completed(request.name, snapshot)

    async def _reconcile_completed(self, key: NamespacedName, snapshot: Snapshot | None) -> Result:
        rows, errors = self._index.of_workflow(key), _Errors()
        if snapshot is None:
            self._active.discard(key)
            await self._close(rows, errors)
            errors.raise_any()
            self._evidence.discard(key)
            return Result(ReconcileOutcome.GONE)
        workflow = snapshot.workflow
        instance_id, uid = self._rules.instance_id, workflow.metadata.uid
        if instance_id and workflow.metadata.labels.get(LABEL_CONTROLLER_INSTANCE_ID, "") != instance_id:
            return self._not_ours(key)
        if not self._active.has(key, uid) and not any(row.bound_uid == uid for row in rows):
            self._metrics.workflows_seen.inc()
        mine = [row for row in rows if row.is_for(uid)]
        await self._close([row for row in rows if row not in mine], errors)
        seen = Observations()
        with errors.kept():
            if not mine and not is_skipped(workflow):
                mine.append(await self._writer.create(workflow))
            seen = await self._write(key, snapshot, mine, errors)
        errors.raise_any()
        if not mine:
            return self._not_ours(key)
        self._evidence.release(snapshot, seen.evidence, is_final=_is_completed(workflow))
        return self._noted(key, workflow, seen)

    def _not_ours(self, key: NamespacedName) -> Result:
        self._active.discard(key)
        self._evidence.discard(key)
        return Result(ReconcileOutcome.NOT_OURS)

    async def _close(self, rows: list[ReportEntry], errors: "_Errors") -> None:
        """These reports are about a Workflow that is not there, though one of its name may be."""
        for row in rows:
            with errors.kept():
                await self._without_workflow(row)
        for row in rows:
            self._server.forget_archived(row)

    async def _write(
        self, key: NamespacedName, snapshot: Snapshot, rows: list[ReportEntry], errors: "_Errors"
    ) -> Observations:
        reports = []
        for row in rows:
            with errors.kept():
                reports.append(await self._writer.stored(row))
        if not reports:
            return Observations()
        seen = await self._read_evidence(key, snapshot, [report.status for report in reports])
        of_pods = {**await self._pending.read(snapshot, now=self._clock()), **seen.evidence}
        evidence = self._with_archived_logs(snapshot, of_pods, reports)
        for report in reports:
            if snapshot.unavailable is BEING_FETCHED and has_nodes_of_run(report.status, snapshot.workflow):
                continue  # in a moment they are here, and the report is not to flicker
            status = self._rendered(snapshot, report, evidence)
            with errors.kept():
                await self._writer.apply(report, status, is_final=_is_completed(snapshot.workflow))
        return seen

    async def _read_evidence(
        self, key: NamespacedName, snapshot: Snapshot, stored: list[ReportStatus | None]
    ) -> Observations:
        workflow, running = snapshot.workflow, self._active.get(key)
        finished_at = workflow.status.finished_at
        just_ended = (
            _is_completed(workflow) and finished_at is not None and finished_at >= self._started_at - JUST_ENDED
        )
        if running and running.uid != workflow.metadata.uid:
            running = None
        wanted = pod_query(
            snapshot,
            stored,
            queried_nodes=running.queried_nodes if running else set(),
            has_just_ended=just_ended,
            limits=self._rules.evidence,
        )
        patient = finished_at is None or self._clock() - finished_at < EVIDENCE_PATIENCE
        seen = await self._evidence.read(snapshot, wanted, running, retry_allowed=patient)
        if _is_completed(workflow):
            self._active.discard(key)  # what is captured from now on is looked at then, not some seconds later
        return seen

    async def _without_workflow(self, row: ReportEntry) -> None:
        """The Workflow of this report is not there: it was deleted, or never was, or is in the archive alone."""
        is_settled = row.ended and not row.evidence_pending if row.bound_uid else row.missing
        if row.answered and not self._server.may_know_more(row) and is_settled:
            return
        report, archived = await self._writer.stored(row), self._server.archived(row)
        generation = report.head.metadata.generation
        if isinstance(archived, Snapshot):
            with_logs = self._with_archived_logs(archived, {}, [report])
            status = self._late(row, report, self._rendered(archived, report, with_logs))
        elif row.bound_uid:
            if report.status is None:
                return  # a newer operator's: nobody could write it again
            # the spec of a report whose run has ended may change too, and nothing else in it then does
            late = self._late(row, report, report.status)
            status = render_deleted(late, generation, archived).changed(observed_generation=generation)
        else:
            ref, created_at = report.spec.workflow_ref, report.created_at
            status = render_missing(
                stored=report.status, ref=ref, generation=generation, created_at=created_at, why=archived
            )
        await self._writer.apply(report, status, is_final=True)

    def _rendered(self, snapshot: Snapshot, report: StoredReport, evidence: Mapping[str, PodEvidence]) -> ReportStatus:
        return render_status(
            snapshot,
            stored=report.status,
            spec=report.spec,
            generation=report.head.metadata.generation,
            evidence=evidence,
            options=self._rules.options,
            redactor=self._redactor,
            now=self._clock(),
        )

    def _with_archived_logs(
        self, snapshot: Snapshot, evidence: Mapping[str, PodEvidence], reports: list[StoredReport]
    ) -> Mapping[str, PodEvidence]:
        lines = self._rules.options.log_tail_lines
        wanting = [r.status for r in reports if (lines if r.spec.log_tail_lines is None else r.spec.log_tail_lines)]
        return self._server.with_logs(snapshot, evidence, wanting) if wanting else evidence

    def _late(self, row: ReportEntry, report: StoredReport, status: ReportStatus) -> ReportStatus:
        return render_late(
            status,
            evidence=self._evidence.held(row.workflow_key, row.bound_uid),
            spec=report.spec,
            generation=report.head.metadata.generation,
            options=self._rules.options,
            redactor=self._redactor,
        )

    def _noted(self, key: NamespacedName, workflow: Workflow, seen: Observations) -> Result:
        meta = workflow.metadata
        version = version_of(meta.resource_version)
        if _is_completed(workflow):
            # even where the phase is none of Argo's and the report therefore does not say so
            for row in self._index.of_workflow(key):
                if row.bound_uid == meta.uid and row.observed_version != meta.resource_version:
                    self._index.put(replace(row, observed_version=meta.resource_version))
            return Result(ReconcileOutcome.COMPLETED, seen.requeue_after_seconds, version)
        self._active.polled(key, uid=meta.uid, version=version)
        again = self._active.next_poll_seconds(started_at=workflow.status.started_at, now=self._clock())
        return Result(ReconcileOutcome.RUNNING, again, version)


class _Errors:
    """What failed in a look: a report that cannot be read or written keeps no other from it."""

    def __init__(self) -> None:
        self._found: list[ApiError] = []

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Go on after an error in this block."""
        try:
            yield
        except ApiError as error:
            self._found.append(error)

    def raise_any(self) -> None:
        """Raise the error whose remedy comes soonest, if there was one: begin anew, try again, give up."""
        if self._found:
            raise max(self._found, key=lambda error: (isinstance(error, ConflictError), error.transient))


def _identified(snapshot: Snapshot, key: NamespacedName) -> Snapshot:
    """The snapshot, if it is of the Workflow that was asked for: all that we write hangs on its name and uid.

    Raises:
        NotAWorkflow: it is not, or has no uid.
    """
    meta = snapshot.workflow.metadata
    if (meta.namespace, meta.name) != key or not meta.uid:
        raise NotAWorkflow(f"metadata is of {meta.namespace}/{meta.name}, uid {meta.uid or 'missing'}")
    return snapshot


def _is_completed(workflow: Workflow) -> bool:
    return workflow.metadata.labels.get(LABEL_COMPLETED) == "true"

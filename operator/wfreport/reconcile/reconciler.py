"""Reconciles the reports of one Workflow name with the Workflow.

Everything is read afresh and derived, so neither the event that caused the request nor earlier reconciles matter. A
Workflow is identified by its uid: one that was deleted and created again under its name is another Workflow.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

from msgspec import structs

from wfreport.api.argo import Workflow
from wfreport.cache.reports import ReportCache, ReportEntry
from wfreport.cache.running import RunningWorkflows, age_seconds
from wfreport.core.snapshot.decode import NotAWorkflow, decode_workflow
from wfreport.core.snapshot.identity import is_labelled_completed, is_skipped
from wfreport.core.snapshot.model import Snapshot
from wfreport.evidence.collector import CollectedEvidence, EvidenceCollector
from wfreport.kube.errors import ApiError, ConflictError, NotFoundError
from wfreport.kube.objects import NamespacedName, version_of
from wfreport.kube.reports import StoredReport
from wfreport.kube.workflows import Workflows
from wfreport.large_work import is_large, is_large_evidence, is_large_json, run_by_size
from wfreport.metrics import Metrics
from wfreport.reconcile.renderer import StatusRenderer
from wfreport.reconcile.report_writer import ReportWriter
from wfreport.runtime.result import ReconcileOutcome, Result
from wfreport.runtime.workqueue import Priority, Request

CONFLICT_TRIES: Final = 2
"""Attempts that a conflict with another writer of a report repeats at once. The error of the next one is raised."""


class Reconciler:
    """Brings the reports of a Workflow name up to date.

    Different names may be reconciled concurrently, the same name never (rule 1 of the queue).

    The steps, in an order in which each relies on those before it:

    1. *Fetch* the Workflow, at least as new as the event that caused the request.
    2. *Close* the reports of a deleted Workflow, even if another one has its name: they never become that one's.
    3. *Create* the automatic report. Without a report no evidence is worth a request.
    4. *Load* the stored reports: they hold evidence of pods that are gone by now, and earlier runs.
    5. *Collect* the evidence that they lack. Afterwards a completed Workflow no longer counts as running, so that
       evidence that arrives later is reconciled at once instead of at the pace of a running Workflow.
    6. *Render* and *write* each report, if its content changed.
    7. *Release* the evidence, only now that every report has it. After an error it stays for the next attempt.
    8. *Record* the version that was reported; a running Workflow is polled from then on.

    An error with one report does not stop the others; it is raised after step 6.
    """

    def __init__(
        self,
        *,
        workflows: Workflows,
        reports: ReportCache,
        running: RunningWorkflows,
        writer: ReportWriter,
        evidence: EvidenceCollector,
        renderer: StatusRenderer,
        metrics: Metrics,
    ) -> None:
        self._workflows = workflows
        self._reports = reports
        self._running = running
        self._writer = writer
        self._evidence = evidence
        self._renderer = renderer
        self._metrics = metrics

    async def reconcile(self, request: Request) -> Result:
        """Reconcile the reports of the requested Workflow.

        Raises:
            ApiError: a request failed; if the error is transient, reconcile again.
            NotAWorkflow: the API server returned something else.
        """
        began_at = self._running.now()
        try:
            return await self._reconcile(request)
        finally:
            self._running.cool_down(request.name, began_at=began_at)

    async def _reconcile(self, request: Request) -> Result:
        snapshot = await self._fetch(request)
        for _ in range(CONFLICT_TRIES):
            with suppress(ConflictError):
                return await self._reconcile_reports(request.name, snapshot)
        return await self._reconcile_reports(request.name, snapshot)

    async def _fetch(self, request: Request) -> Snapshot | None:
        running = self._running.get(request.name)
        min_version = max(request.min_resource_version, running.version if running else 0)
        # a poll asks what nobody has told yet, and the API server's cache may be half a minute old
        is_poll = running is not None and request.priority is Priority.PROGRESS and running.version == min_version
        try:
            body = self._read_ahead(request, min_version) or await self._workflows.get_json(
                *request.name, min_resource_version=0 if is_poll else min_version
            )
        except NotFoundError:
            return None
        snapshot = await run_by_size(is_large_json(body), decode_workflow, body)
        return self._evidence.with_nodes(_identified(snapshot, request.name))

    def _read_ahead(self, request: Request, min_version: int) -> bytes | None:
        """Return what a list has read of the Workflow, if nothing newer is known. An urgent request has news of it."""
        reported = (version_of(entry.observed_version) for entry in self._reports.of_workflow(request.name))
        body = self._workflows.read_ahead.take(request.name, min_resource_version=max((min_version, *reported)))
        return body if request.priority is Priority.PROGRESS else None

    async def _reconcile_reports(self, name: NamespacedName, snapshot: Snapshot | None) -> Result:
        if snapshot is None:
            return await self._close_all(name)
        workflow, errors = snapshot.workflow, _DeferredErrors()
        if not self._workflows.has_instance_id(workflow.metadata.labels):
            return self._ignore(name)
        self._count_first(name, workflow.metadata.uid)
        evidence = None
        reports = await self._close_others(name, workflow.metadata.uid, errors)
        with errors.deferred():
            reports = reports or await self._create(workflow)
            evidence = await self._update(name, snapshot, reports, errors)
        errors.raise_first()
        if evidence is None:
            return self._ignore(name)
        await self._evidence.release(snapshot, evidence)
        return self._record(name, workflow, evidence)

    def _ignore(self, name: NamespacedName) -> Result:
        self._running.discard(name)
        self._evidence.discard(name)
        return Result(ReconcileOutcome.NOT_OURS)

    def _count_first(self, name: NamespacedName, uid: str) -> None:
        is_bound = any(entry.bound_uid == uid for entry in self._reports.of_workflow(name))
        if not is_bound and not self._running.has(name, uid):
            self._metrics.workflows_seen.inc()

    async def _close_all(self, name: NamespacedName) -> Result:
        errors = _DeferredErrors()
        self._running.discard(name)
        await self._close(self._reports.of_workflow(name), errors)
        errors.raise_first()
        self._evidence.discard(name)
        return Result(ReconcileOutcome.GONE)

    async def _close_others(self, name: NamespacedName, uid: str, errors: "_DeferredErrors") -> list[ReportEntry]:
        """Close the reports of other Workflows of this name, and return those of this one."""
        entries = self._reports.of_workflow(name)
        own = [entry for entry in entries if entry.is_for(uid)]
        await self._close([entry for entry in entries if entry not in own], errors)
        return own

    async def _close(self, entries: list[ReportEntry], errors: "_DeferredErrors") -> None:
        for entry in entries:
            with errors.deferred():
                await self._close_one(entry)
        self._evidence.release_archived(entries)

    async def _close_one(self, entry: ReportEntry) -> None:
        """Write the report of a Workflow that was deleted, never existed, or is only in Argo's archive."""
        is_closed = entry.is_closed and entry.is_spec_observed and not (entry.bound_uid and entry.evidence_pending)
        if is_closed and not self._evidence.may_know_more(entry):
            return
        report = await self._writer.stored(entry)
        remaining = await self._evidence.collect_remaining(entry, report)
        evidence = (*remaining.late.values(), *remaining.archived_logs.values())
        large = is_large_evidence(*evidence)
        if isinstance(remaining.archived, Snapshot):
            large = is_large(remaining.archived, *evidence)
        status = await run_by_size(large, self._renderer.render_without_workflow, entry, report, remaining)
        if status:
            await self._writer.apply(report, status, is_final=True)

    async def _create(self, workflow: Workflow) -> list[ReportEntry]:
        """Create the automatic report, unless the Workflow's owner opted out."""
        return [] if is_skipped(workflow) else [await self._writer.create(workflow)]

    async def _update(
        self, name: NamespacedName, snapshot: Snapshot, entries: list[ReportEntry], errors: "_DeferredErrors"
    ) -> CollectedEvidence | None:
        """Write what changed in these reports; return the evidence that they now have, None if none could be read."""
        reports: list[StoredReport] = []
        for entry in entries:
            with errors.deferred():
                reports.append(await self._writer.stored(entry))
        if not reports:
            return None
        evidence = await self._collect(name, snapshot, reports)
        for report in reports:
            large = is_large(snapshot, *evidence.by_pod.values())
            status = await run_by_size(large, self._renderer.render, snapshot, report, evidence)
            if status is None:
                continue
            with errors.deferred():
                await self._writer.apply(report, status, is_final=is_labelled_completed(snapshot.workflow))
        return evidence

    async def _collect(
        self, name: NamespacedName, snapshot: Snapshot, reports: list[StoredReport]
    ) -> CollectedEvidence:
        running = self._running.get(name)
        is_same = running is not None and running.uid == snapshot.workflow.metadata.uid
        evidence = await self._evidence.collect(snapshot, reports, running if is_same else None)
        if is_labelled_completed(snapshot.workflow):
            self._running.discard(name)
        return evidence

    def _record(self, name: NamespacedName, workflow: Workflow, evidence: CollectedEvidence) -> Result:
        meta = workflow.metadata
        version = version_of(meta.resource_version)
        if is_labelled_completed(workflow):
            self._record_completed(name, workflow)
            return Result(ReconcileOutcome.COMPLETED, evidence.requeue_after_seconds, version)
        age = age_seconds(workflow.status.started_at, evidence.observed_at)
        self._running.record_poll(name, uid=meta.uid, version=version, age_seconds=age)
        return Result(ReconcileOutcome.RUNNING, resource_version=version)

    def _record_completed(self, name: NamespacedName, workflow: Workflow) -> None:
        """Mark the reports as final in the cache, also if Argo's phase is unknown and so is not final in the status."""
        meta = workflow.metadata
        for entry in self._reports.of_workflow(name):
            if entry.bound_uid != meta.uid or self._writer.has_other_reporter(entry):
                continue
            if entry.observed_version != meta.resource_version:
                self._reports.put(structs.replace(entry, observed_version=meta.resource_version))


class _DeferredErrors:
    """Errors of single reports, raised after all reports had their turn."""

    def __init__(self) -> None:
        self._errors: list[ApiError] = []

    @contextmanager
    def deferred(self) -> Iterator[None]:
        """Put off an error of this block."""
        try:
            yield
        except ApiError as error:
            self._errors.append(error)

    def raise_first(self) -> None:
        """Raise the error that can be retried soonest, if there is one: a conflict, then a transient error."""
        if self._errors:
            raise max(self._errors, key=lambda error: (isinstance(error, ConflictError), error.transient))


def _identified(snapshot: Snapshot, name: NamespacedName) -> Snapshot:
    """Return the snapshot if it is of the requested Workflow: everything written depends on its name and uid.

    Raises:
        NotAWorkflow: it is of another Workflow, or has no uid.
    """
    meta = snapshot.workflow.metadata
    if (meta.namespace, meta.name) != name or not meta.uid:
        raise NotAWorkflow(f"metadata is of {meta.namespace}/{meta.name}, uid {meta.uid or 'missing'}")
    return snapshot

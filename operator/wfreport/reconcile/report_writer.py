"""Creates, reads and writes reports for a reconcile, and keeps the caches up to date.

If another client wrote or deleted a report meanwhile, it is read again, and the reconcile starts over with that.

The event of our own write must not cause another reconcile. Each write is therefore announced to the ``ReportCache`` as
an expectation; the table in ``cache/reports.py`` shows how events are handled until the write is done.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Final

from msgspec import Struct, structs

from wfreport.api.argo import FAILED_PHASES, Workflow
from wfreport.api.condition import Condition
from wfreport.api.names import KIND_REPORT
from wfreport.api.reasons import ConditionType, Reason, StallReason
from wfreport.api.report import ReportStatus
from wfreport.cache.reports import ReportCache, ReportEntry, entry_of
from wfreport.cache.statuses import StatusCache
from wfreport.core.record.completeness import is_final as was_final
from wfreport.core.record.report_events import events_of_write, stall_message
from wfreport.core.snapshot.identity import new_report
from wfreport.kube.errors import AlreadyExistsError, ConflictError, NotFoundError
from wfreport.kube.events import WARNING, Events, InvolvedObject
from wfreport.kube.objects import NamespacedName
from wfreport.kube.reports import Reports, StoredReport, head_after_write
from wfreport.logs import kv
from wfreport.metrics import Metrics
from wfreport.reconcile.ownership import ReportOwnership
from wfreport.reconcile.run_counts import RunCounts

log = logging.getLogger(__name__)

CACHED_STATUS_BYTES: Final = 4 << 20
"""JSON of cached statuses: 700 reports of 25 steps, or 200 of 100 steps, in about 40 MB of memory. Reports beyond that
are read at each reconcile."""


def _always() -> bool:
    return True


def _never(_: str) -> bool:
    return False


def _ignore(_: StoredReport) -> None:
    pass


class WriteHooks(Struct, frozen=True):
    """Functions to call after writes.

    Attributes:
        on_overtaken: called with a report that another client changed during our write.
        on_written: called with each report whose status was written.
        on_unchanged: called with each final report that has its status already. This process need not have written
            it: a leader that was paused past its Lease may write once more after its successor has started.
        announce_silence: returns whether the silence of Argo's controller is yet to be announced.
        is_remediated: returns whether remediation reads the reports of a namespace.
    """

    on_overtaken: Callable[[NamespacedName], None]
    on_written: Callable[[StoredReport], None]
    on_unchanged: Callable[[StoredReport], None] = _ignore
    announce_silence: Callable[[], bool] = _always
    is_remediated: Callable[[str], bool] = _never


class ReportWriter:
    """Writes reports. Those of different Workflows may be written concurrently, those of one Workflow may not."""

    def __init__(
        self,
        *,
        reports: Reports,
        events: Events,
        cache: ReportCache,
        ownership: ReportOwnership,
        metrics: Metrics,
        clock: Callable[[], datetime],
        hooks: WriteHooks,
    ) -> None:
        """Create a writer.

        Args:
            reports: the reports at the API server.
            events: writes Kubernetes Events.
            cache: what is known of every report.
            ownership: decides which reports are left to another installation.
            metrics: counts reports.
            clock: returns the present time.
            hooks: functions to call after writes.
        """
        self._reports = reports
        self._events = events
        self._cache = cache
        self._statuses = StatusCache(CACHED_STATUS_BYTES)
        cache.on_removed = self._drop
        self._unconfirmed: set[NamespacedName] = set()
        self._metrics = metrics
        self._clock = clock
        self.ownership = ownership
        self._hooks = hooks
        self._started_at = clock()
        self._runs = RunCounts(metrics, self._started_at)

    async def create(self, workflow: Workflow) -> ReportEntry:
        """Create the automatic report of a Workflow, or return the existing one.

        Raises:
            AlreadyExistsError: a report with that name is about another Workflow.
            ApiError: a request failed.
        """
        report = new_report(workflow)
        name = (report["metadata"]["namespace"], report["metadata"]["name"])
        try:
            with self._expect_write(name):
                entry = self._remember(await self._reports.create(report), own=True)
            self._metrics.reports_created.inc()
        except AlreadyExistsError:
            entry = self._remember(await self._reports.get(*name), own=True)
        if not entry.is_for(workflow.metadata.uid) or entry.workflow_name != workflow.metadata.name:
            # a user created it under the name of ours; it is not ours to change
            raise AlreadyExistsError(
                f"report {entry.name} is about Workflow {entry.workflow_name}", status=409, field="metadata.name"
            )
        return entry

    async def stored(self, entry: ReportEntry) -> StoredReport:
        """Return the report as it is stored, from the cache if possible.

        Raises:
            ConflictError: it was deleted.
            ApiError: the request failed.
        """
        cached = self._statuses.get(entry)
        if cached:
            return cached
        try:
            report = await self._reports.get(entry.namespace, entry.name)
        except NotFoundError as error:
            raise self._forget(entry.key) from error
        self._remember(report)
        return report

    def has_other_reporter(self, entry: ReportEntry) -> bool:
        """Return whether another installation wrote the status of a report."""
        return self.ownership.is_other(entry.reporter)

    async def apply(self, report: StoredReport, status: ReportStatus, *, is_final: bool) -> None:
        """Write a status if it differs from the stored one, and if this installation is to write it.

        Raises:
            ConflictError: another client wrote or deleted the report meanwhile.
            ApiError: the request failed.
        """
        meta = report.head.metadata
        name = (meta.namespace, meta.name)
        if await self.ownership.is_left_to_other(meta, report.status, status, is_final=is_final):
            return
        # a write without a response may have been the one that ended the run
        before = None if name in self._unconfirmed else report.status
        if status.dump_json() == report.status_json and not report.head.forged:
            self._metrics.reports_skipped.inc()
            self._confirm(name, report)
            if is_final:
                self._hooks.on_unchanged(report)
        else:
            await self._warn(report, status)
            await self._record_events(report, status)
            await self._warn_of_stall(report, status)
            await self._write_status(name, report, status)
            if is_final and not was_final(report.status):
                self._log_final(report, status)
        self._runs.observe(name, before, status, is_final=is_final)
        if is_final and not self._is_read_again(name, status):
            self._statuses.drop(name)

    def _is_read_again(self, name: NamespacedName, status: ReportStatus) -> bool:
        """Return whether a final report is needed again in a moment: for late evidence, or for a remediation."""
        entry, observed = self._cache.get(name), status.observed_workflow
        has_failed = observed is not None and observed.phase in FAILED_PHASES
        return bool(entry and entry.evidence_pending) or (has_failed and self._hooks.is_remediated(name[0]))

    def _drop(self, name: NamespacedName) -> None:
        self._statuses.drop(name)
        self._unconfirmed.discard(name)
        self._runs.forget(name)

    async def _warn(self, report: StoredReport, status: ReportStatus) -> None:
        """Write an Event when a report starts to complain about its input.

        It is written before the status: killed in between, the next reconcile writes the same Event again.
        """
        complaint = _complaint(status)
        stored = {(c.reason, c.observed_generation) for c in (report.status and report.status.conditions) or ()}
        if complaint and (complaint.reason, complaint.observed_generation) not in stored:
            await self._events.warn(report.head.metadata, complaint.reason, complaint.message)

    async def _record_events(self, report: StoredReport, status: ReportStatus) -> None:
        """Record the Events of a failed run, before the status for the same reason."""
        meta, now = report.head.metadata, self._clock()
        involved = InvolvedObject(KIND_REPORT, meta.namespace, meta.name, meta.uid)
        workflow = report.spec.workflow_ref.name
        for event in events_of_write(report.status, status, namespace=meta.namespace, workflow=workflow, now=now):
            await self._events.record(
                involved, event.reason, event.message, event_type=WARNING, discriminator=event.discriminator
            )

    async def _warn_of_stall(self, report: StoredReport, status: ReportStatus) -> None:
        """Write an Event when a run begins to hang. A silent controller is announced once, not by each run."""
        stalled, stored = status.stalled, report.status.stalled if report.status else None
        if stalled is None or (stored and stored.reason == stalled.reason):
            return
        if stalled.reason == StallReason.CONTROLLER_SILENT and not self._hooks.announce_silence():
            return
        meta, since = report.head.metadata, stalled.since_at.isoformat() if stalled.since_at else ""
        involved = InvolvedObject(KIND_REPORT, meta.namespace, meta.name, meta.uid)
        message = stall_message(stalled, namespace=meta.namespace, workflow=report.spec.workflow_ref.name)
        await self._events.record(involved, stalled.reason, message, event_type=WARNING, discriminator=since)

    def _confirm(self, name: NamespacedName, report: StoredReport) -> None:
        """Report a write as done whose response was lost: the next attempt finds its status stored."""
        if name in self._unconfirmed:
            self._unconfirmed.discard(name)
            self._hooks.on_written(report)

    async def _write_status(self, name: NamespacedName, report: StoredReport, status: ReportStatus) -> None:
        self._unconfirmed.add(name)
        try:
            with self._expect_write(name):
                meta = await self._reports.apply_status(report.head, status.dump_json())
                head = head_after_write(report.head, meta, status)
                written = structs.replace(
                    report, head=head, status=status, status_json=status.dump_json(), written_at=self._clock()
                )
                self._remember(written)
        except NotFoundError as error:
            raise self._forget(name) from error
        except ConflictError as error:
            raise await self._read_again(name, error) from error
        self._unconfirmed.discard(name)
        self._metrics.reports_written.inc()
        self._hooks.on_written(written)

    @contextmanager
    def _expect_write(self, name: NamespacedName) -> Iterator[None]:
        """Keep the events of this block's write from enqueueing the report; see ``cache/reports.py``."""
        self._cache.expect_write(name)
        try:
            yield
        finally:
            if self._cache.write_done(name):
                self._hooks.on_overtaken(name)

    async def _read_again(self, name: NamespacedName, error: ConflictError) -> ConflictError:
        """Read a report that another client wrote, for the next attempt; return the error to raise."""
        self._statuses.drop(name)
        try:
            self._remember(await self._reports.get(*name))
        except NotFoundError:
            return self._forget(name)
        return error

    def _forget(self, name: NamespacedName) -> ConflictError:
        """Forget a report that another client deleted; return the error that starts the reconcile over."""
        self._cache.remove(name)
        return ConflictError("the report was deleted", status=404)

    def _remember(self, report: StoredReport, *, own: bool = False) -> ReportEntry:
        entry = entry_of(report.head)
        self._cache.put(entry, own=own)
        self._statuses.put(entry.key, report)
        return entry

    def _log_final(self, report: StoredReport, status: ReportStatus) -> None:
        observed, meta = status.observed_workflow, report.head.metadata
        finished_at = observed.finished_at if observed else None
        if finished_at and finished_at >= self._started_at:
            self._metrics.report_lag.observe(max(0.0, (self._clock() - finished_at).total_seconds()))
        log.info(
            "report final",
            extra=kv(
                namespace=meta.namespace,
                report=meta.name,
                workflow=report.spec.workflow_ref.name,
                phase=observed.phase if observed else None,
                failure_class=status.failure_class,
            ),
        )


def _complaint(status: ReportStatus) -> Condition | None:
    """Return the condition that complains about the report's input, if there is one."""
    for condition in status.conditions or ():
        if _is_complaint(condition):
            return condition
    return None


def _is_complaint(condition: Condition) -> bool:
    if condition.type != ConditionType.READY:
        return condition.reason == Reason.WORKFLOW_NOT_FOUND
    if condition.reason == Reason.ARCHIVE_BEING_READ:
        return False  # the outcome follows in a moment
    return condition.status == "False" or condition.reason == Reason.WORKFLOW_MALFORMED

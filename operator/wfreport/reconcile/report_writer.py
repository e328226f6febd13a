"""What a look does to reports: create, read, and write what changed. Index and cache say afterwards what is there.

A report that somebody else wrote or deleted meanwhile is read again, and the caller begins anew with what is there now.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime

from wfreport.api.argo import Workflow
from wfreport.api.condition import Condition
from wfreport.api.reasons import ConditionType, Reason
from wfreport.api.report import ReportStatus
from wfreport.cache.reports import ReportCache, ReportEntry, StatusCache, entry_of
from wfreport.core.snapshot.identity import new_report
from wfreport.kube.errors import AlreadyExistsError, ConflictError, NotFoundError
from wfreport.kube.events import Events
from wfreport.kube.objects import NamespacedName
from wfreport.kube.reports import Reports, StoredReport, head_after_write
from wfreport.logs import kv
from wfreport.metrics import Metrics

log = logging.getLogger(__name__)


class ReportWriter:
    """Writes reports of different Workflows concurrently, of one Workflow never."""

    def __init__(
        self,
        *,
        reports: Reports,
        events: Events,
        index: ReportCache,
        cache: StatusCache,
        metrics: Metrics,
        clock: Callable[[], datetime],
        overtaken: Callable[[NamespacedName], None],
        written: Callable[[StoredReport], None],
    ) -> None:
        """``written`` is told of each report of which we wrote the status, ``overtaken`` if somebody else did too."""
        self._overtaken = overtaken
        self._written = written
        self._reports = reports
        self._events = events
        self._index = index
        self._cache = cache
        self._metrics = metrics
        self._clock = clock
        self._started_at = clock()

    async def create(self, workflow: Workflow) -> ReportEntry:
        """Make the automatic report of a Workflow, or find that it is there.

        Raises:
            AlreadyExistsError: a report of that name is about something else.
            ApiError: a request failed.
        """
        report = new_report(workflow)
        key = (report["metadata"]["namespace"], report["metadata"]["name"])
        try:
            with self._writing(key):
                stored = await self._reports.create(report)
                row = self._remember(stored)
            self._metrics.reports_created.inc()
        except AlreadyExistsError:
            row = self._remember(await self._reports.get(*key))
        if not row.is_for(workflow.metadata.uid) or row.workflow_name != workflow.metadata.name:
            # made by hand under our name, about something else; it is not ours to change
            raise AlreadyExistsError(
                f"report {row.name} is about Workflow {row.workflow_name}", status=409, field="metadata.name"
            )
        return row

    async def stored(self, row: ReportEntry) -> StoredReport:
        """The report as it is.

        Raises:
            ConflictError: it was deleted.
            ApiError: the request failed.
        """
        known = self._cache.get(row)
        if known:
            return known
        try:
            stored = await self._reports.get(row.namespace, row.name)
        except NotFoundError as error:
            raise self._lost(row.key) from error
        self._remember(stored)
        return stored

    async def apply(self, report: StoredReport, status: ReportStatus, *, is_final: bool) -> None:
        """Write a status if its content is new.

        Raises:
            ConflictError: somebody wrote or deleted the report meanwhile.
            ApiError: the request failed.
        """
        meta = report.head.metadata
        key = (meta.namespace, meta.name)
        if status.dump_json() == report.status_json:
            self._metrics.reports_skipped.inc()
        else:
            await self._warn(report, status)
            await self._write_status(key, report, status)
            if is_final and not _was_final(report.status):
                self._note_final(report, status)
        row = self._index.get(key)
        if is_final and not (row and row.evidence_pending):
            self._cache.drop(key)

    async def _warn(self, report: StoredReport, status: ReportStatus) -> None:
        """An Event where the report begins to say that its input is bad.

        Before the write: killed in between, the next look says it again, under the same name.
        """
        complaint = _complaint(status)
        said = {(c.reason, c.observed_generation) for c in (report.status and report.status.conditions) or ()}
        if complaint and (complaint.reason, complaint.observed_generation) not in said:
            await self._events.warn(report.head.metadata, complaint.reason, complaint.message)

    async def _write_status(self, key: NamespacedName, report: StoredReport, status: ReportStatus) -> None:
        try:
            with self._writing(key):
                changed = await self._reports.apply_status(report.head, status.dump_json())
                head = head_after_write(report.head, changed, status)
                stored = replace(report, head=head, status=status, status_json=status.dump_json())
                self._remember(stored)
        except NotFoundError as error:
            raise self._lost(key) from error
        except ConflictError as error:
            raise await self._refreshed(key, error) from error
        self._metrics.reports_written.inc()
        self._written(stored)

    @contextmanager
    def _writing(self, key: NamespacedName) -> Iterator[None]:
        self._index.expect_write(key)
        try:
            yield
        finally:
            if self._index.write_done(key):
                self._overtaken(key)

    async def _refreshed(self, key: NamespacedName, error: ConflictError) -> ConflictError:
        """Somebody wrote the report: read it again, so that the next try renders upon what is there now."""
        self._cache.drop(key)
        try:
            self._remember(await self._reports.get(*key))
        except NotFoundError:
            return self._lost(key)
        return error

    def _lost(self, key: NamespacedName) -> ConflictError:
        """Somebody deleted the report: what is known of it is wrong, and the look begins anew."""
        self._index.remove(key)
        self._cache.drop(key)
        return ConflictError("the report was deleted", status=404)

    def _remember(self, stored: StoredReport) -> ReportEntry:
        row = entry_of(stored.head)
        self._index.put(row)
        self._cache.put(row.key, stored)
        return row

    def _note_final(self, report: StoredReport, status: ReportStatus) -> None:
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
    """The condition that says that the input is bad, if one does."""
    for condition in status.conditions or ():
        if condition.type == ConditionType.READY and _complains(condition):
            return condition
    return None


def _complains(condition: Condition) -> bool:
    if condition.reason == Reason.ARCHIVE_BEING_READ:
        return False  # what comes of it is said in a moment
    return condition.status == "False" or condition.reason == Reason.WORKFLOW_MALFORMED


def _was_final(status: ReportStatus | None) -> bool:
    return bool(status and status.observed_workflow and status.observed_workflow.resource_version)

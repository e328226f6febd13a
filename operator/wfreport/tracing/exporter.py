"""Exports each run that ends, once its report is complete, as a trace.

A trace is made from the stored report. It may be exported again after a restart, which changes nothing: all ids are
hashes of the run. A collector that is down delays traces and nothing else.
"""

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from wfreport.api.report import ReportStatus
from wfreport.cache.handled_runs import HandledRuns
from wfreport.core.export.trace import trace_of
from wfreport.core.record.completeness import is_complete
from wfreport.kube.errors import ApiError, NotFoundError
from wfreport.kube.objects import NamespacedName
from wfreport.kube.reports import Reports, StoredReport
from wfreport.large_work import LARGE_BYTES, run_by_size
from wfreport.logs import kv, throttled
from wfreport.metrics import Metrics
from wfreport.runtime.workqueue import Priority, Request, WorkQueue
from wfreport.tracing.collector import Collector
from wfreport.tracing.otlp import encode_trace, rejection

log = logging.getLogger(__name__)

MAX_AGE: Final = timedelta(hours=1)
"""Runs that ended longer ago are not exported: a new installation does not send its whole history."""

GIVE_UP_AFTER: Final = timedelta(days=1)
"""Time since the end of a run after which a failing collector is not tried again."""

_LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)


class TraceExporter:
    """Exports traces.

    Args:
        reports: the reports at the API server.
        collector: the collector.
        queue: the reports whose runs are to be exported.
        metrics: counts traces.
        clock: returns the present time.
    """

    def __init__(
        self,
        reports: Reports,
        collector: Collector,
        queue: WorkQueue,
        *,
        metrics: Metrics,
        clock: Callable[[], datetime],
    ) -> None:
        self._reports = reports
        self._collector = collector
        self._queue = queue
        self._metrics = metrics
        self._clock = clock
        self._exported = HandledRuns()

    def report_written(self, report: StoredReport) -> None:
        """Enqueue the export of a report as a trace, if its run has ended and has not been exported yet."""
        status = self._status_to_export(report)
        if status and self._clock() - _finished_at(status) <= MAX_AGE:
            meta = report.head.metadata
            self._queue.add((meta.namespace, meta.name), Priority.URGENT)

    async def export(self, request: Request) -> None:
        """Export the run of a report.

        Raises:
            ApiError: the report could not be read, or the collector may accept the trace later.
        """
        try:
            report = await self._reports.get(*request.name)
        except NotFoundError:
            return
        status = self._status_to_export(report)
        if status is None:
            return
        is_large = len(status.dump_json()) > LARGE_BYTES
        body = await run_by_size(is_large, _encoded, request.name, report.spec.workflow_ref.name, status)
        if body and await self._send(request.name, body, _finished_at(status)):
            self._exported.add(status)

    async def _send(self, name: NamespacedName, body: bytes, finished_at: datetime) -> bool:
        """Send a trace. Return whether it is done with: accepted, or refused for good."""
        pairs = kv(namespace=name[0], report=name[1])
        try:
            rejected = rejection(await self._collector.post(body))
        except ApiError as error:
            if error.transient and self._clock() - finished_at < GIVE_UP_AFTER:
                self._metrics.traces.labels("retried").inc()
                raise
            rejected = error.message
        self._metrics.traces.labels("rejected" if rejected else "exported").inc()
        if rejected:
            log.warning("trace rejected", extra=pairs | kv(reason=rejected) | throttled("trace", name[0]))
        return True

    def _status_to_export(self, report: StoredReport) -> ReportStatus | None:
        """Return the status of a report whose run has ended and was not exported yet; None for any other report."""
        status = report.status
        return status if status and is_complete(status) and status not in self._exported else None


def _encoded(name: NamespacedName, workflow_name: str, status: ReportStatus) -> bytes | None:
    trace = trace_of(name[0], workflow_name, status)
    return encode_trace(trace) if trace else None


def _finished_at(status: ReportStatus) -> datetime:
    run = status.observed_workflow
    return (run.finished_at if run else None) or _LONG_AGO

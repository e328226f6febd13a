"""Turns watch events into keys in the queues. An event only means that its object has to be reconciled.

Events may be dropped, duplicated or reordered: the resync finds every change that no event announced.
"""

import asyncio
from collections.abc import Callable

from msgspec import Struct

from wfreport.api.gaps import PODS_MISSING
from wfreport.cache.reports import ReportCache, entry_of
from wfreport.cache.running import RunningWorkflows
from wfreport.kube.errors import NotFoundError
from wfreport.kube.objects import NamespacedName, ObjectMeta, version_of
from wfreport.kube.pods import PODS
from wfreport.kube.reports import Reports
from wfreport.kube.workflows import WORKFLOWS
from wfreport.metrics import Metrics
from wfreport.runtime.requests import Queues, ReconcileRequests
from wfreport.runtime.workqueue import Priority, Request
from wfreport.watch.listings import Listing
from wfreport.watch.streams import LISTED
from wfreport.watch.user_reports import UserReportLimit

DELETED = "DELETED"
OWN_WRITE_SECONDS = 1
"""Delay before a changed object is read. The event of our own write may arrive before the response to the write; after
this time the cache has the response, and the read is skipped."""


class EventRules(Struct, frozen=True):
    """Settings of the event handlers.

    Attributes:
        debounce_seconds: delay of the reconcile after a Workflow was created, started or deleted.
        ignore_events: whether to ignore every event, so that the resync alone finds changes (in tests).
        is_selective: whether only some Workflows are watched. Pods of unknown Workflows are then not captured.
    """

    debounce_seconds: float
    ignore_events: bool = False
    is_selective: bool = False


class EventHandlers:
    """Handles the events of Workflows, failed pods and reports."""

    def __init__(
        self,
        rules: EventRules,
        *,
        queues: Queues,
        requests: ReconcileRequests,
        running: RunningWorkflows,
        reports: ReportCache,
        metrics: Metrics,
        capture: Callable[[ObjectMeta], None],
    ) -> None:
        """Create the handlers; ``capture`` enqueues the capture of a failed pod."""
        self._rules = rules
        self._queues = queues
        self._requests = requests
        self._running = running
        self._reports = reports
        self._metrics = metrics
        self._capture = capture

    def should_enqueue(self, plural: str, event_type: str, meta: ObjectMeta) -> bool:
        """Return whether an event needs handling. This predicate drops most events before they cost anything."""
        if self._rules.ignore_events:
            return False
        if plural == WORKFLOWS:
            return not (self._is_reconcile_due(meta) if event_type == DELETED else self._is_up_to_date(meta))
        if plural == PODS:
            return event_type in {"ADDED", LISTED} and bool(meta.labels.workflow)
        if event_type == DELETED:
            return True
        return not (self._reports.has_version(meta) or self._reports.observe(meta)) and self._is_followed(meta)

    def workflow_changed(self, event_type: str | None, meta: ObjectMeta) -> None:
        """Enqueue a Workflow that was created, has completed, has left the selector or was deleted."""
        name = (meta.namespace, meta.name)
        if event_type == DELETED:
            self._count_unreported(name, meta)
        elif self._is_up_to_date(meta):
            return
        if event_type != DELETED and meta.completed:
            self._queues.workflows.add(name, Priority.URGENT, min_resource_version=meta.version)
            return
        # Argo starts a new Workflow within milliseconds: the debounce lets one reconcile serve both events.
        self._queues.workflows.add_after(
            name, self._rules.debounce_seconds, Priority.PROGRESS, min_resource_version=meta.version
        )

    def pod_failed(self, event_type: str | None, meta: ObjectMeta) -> None:
        """Capture a failed pod, unless it failed before the stream began (no type) and the reports need no pods."""
        name = (meta.namespace, meta.labels.workflow)
        entries = self._reports.of_workflow(name)
        if event_type is None and any(not entry.ended for entry in entries):
            self._queues.workflows.add(name, Priority.URGENT)  # the reconcile captures pods missing in the reports
        elif event_type is None and entries:
            if any(entry.evidence in PODS_MISSING for entry in entries):
                self._capture(meta)
        elif entries or self._running.get(name) or not self._rules.is_selective:
            self._capture(meta)

    def report_changed(self, event_type: str | None, meta: ObjectMeta) -> None:
        """Enqueue a report that was created or changed, or forget a deleted one."""
        name = (meta.namespace, meta.name)
        entry = self._reports.get(name)
        if event_type == DELETED:
            if entry and entry.uid == meta.uid:
                self._requests.report_deleted(name)
        elif not self._reports.has_version(meta) and self._is_followed(meta):
            seconds = OWN_WRITE_SECONDS if entry or meta.labels.workflow_uid else 0
            self._queues.reports.add_after(name, seconds, Priority.PROGRESS, min_resource_version=meta.version)

    def reports_listed(self, listing: Listing) -> None:
        """Enqueue the read of each cached report that was deleted without an event."""
        if self._rules.ignore_events:
            return
        for entry in self._reports:
            if listing.lacks(entry.key, entry.resource_version):
                self._requests.enqueue_report(entry.key)

    def _is_followed(self, meta: ObjectMeta) -> bool:
        """Return whether a report is followed, or may be: there is room for it, which is then reserved."""
        name = (meta.namespace, meta.name)
        return self._reports.get(name) is not None or self._reports.followed.claim(name)

    def _count_unreported(self, name: NamespacedName, meta: ObjectMeta) -> None:
        """Count a completed run whose Workflow was deleted before its final report was written.

        A report that has been written may be read, and its Workflow deleted, before the answer to the write arrives.
        """
        if not meta.completed or meta.skipped:
            return
        if self._reports.is_being_written(name):
            asyncio.get_running_loop().call_later(OWN_WRITE_SECONDS, self._count_unreported, name, meta)
            return
        entries = self._reports.of_workflow(name)
        if not any(entry.bound_uid == meta.uid and entry.observed_version for entry in entries):
            self._metrics.runs_unreported.inc()

    def _is_reconcile_due(self, meta: ObjectMeta) -> bool:
        """Return whether the Workflow left the selector while the reconcile after its creation is still queued.

        A Workflow leaves the selector when Argo's controller starts it, which is usually within the debounce.
        """
        name = (meta.namespace, meta.name)
        return not meta.completed and self._queues.workflows.is_due_within(name, self._rules.debounce_seconds)

    def _is_up_to_date(self, meta: ObjectMeta) -> bool:
        """Return whether a reconcile would find nothing new."""
        name = (meta.namespace, meta.name)
        if not meta.completed:
            running = self._running.get(name)
            return running is not None and running.uid == meta.uid and running.version >= meta.version > 0
        return self._reports.is_reported(name, uid=meta.uid, resource_version=meta.resource_version) or (
            meta.skipped and not self._reports.of_workflow(name)
        )


class ReportReader:
    """Reads reports that somebody else changed, and requests a reconcile of their Workflows."""

    def __init__(
        self, client: Reports, *, cache: ReportCache, requests: ReconcileRequests, limit: UserReportLimit
    ) -> None:
        self._client = client
        self._cache = cache
        self._requests = requests
        self._limit = limit

    async def reconcile(self, request: Request) -> None:
        """Read a report, unless the cache has a version that is new enough.

        Raises:
            ApiError: the request failed.
        """
        cached = self._cache.get(request.name)
        if cached and version_of(cached.resource_version) >= request.min_resource_version > 0:
            return
        try:
            report = await self._client.get(*request.name)
        except NotFoundError:
            self._cache.followed.release_claim(request.name)
            self._requests.report_deleted(request.name)
            return
        self._cache.followed.release_claim(request.name)
        if self._cache.has_version(report.head.metadata):
            return  # read or written by a reconcile meanwhile
        entry = entry_of(report.head)
        if not self._cache.put(entry):
            await self._limit.warn(report.head.metadata)
        elif entry != cached:
            self._requests.enqueue_workflow(entry.workflow_key, Priority.URGENT)

"""From what the streams say to keys in the queues. An event only says "look at this key".

It may be dropped, doubled or reordered: the sweep finds what no event told.
"""

from collections.abc import Callable
from dataclasses import dataclass

from wfreport.api.gaps import PODS_MISSING
from wfreport.cache.reports import ReportCache, entry_of
from wfreport.cache.running import RunningWorkflows
from wfreport.kube.errors import NotFoundError
from wfreport.kube.objects import NamespacedName, ObjectMeta, version_of
from wfreport.kube.pods import PODS
from wfreport.kube.reports import Reports
from wfreport.kube.workflows import WORKFLOWS
from wfreport.metrics import Metrics
from wfreport.runtime.workqueue import Priority, Request, WorkQueue
from wfreport.watch.streams import LISTED

DELETED = "DELETED"
OWN_WRITE_SECONDS = 1
"""The event of a write of ours can be here before its answer: after this time the index knows, and nothing is read."""


@dataclass(frozen=True, slots=True)
class Queues:
    """Where keys wait.

    Attributes:
        workflows: keys of Workflows.
        captures: keys of pods that failed.
        reports: keys of reports that are to be read because they changed.
        server: keys of Workflows of which something is to be read through Argo Server.
        server_logs: keys of Workflows of which archived logs are.
    """

    workflows: WorkQueue
    captures: WorkQueue
    reports: WorkQueue
    server: WorkQueue
    server_logs: WorkQueue

    def named(self) -> dict[str, WorkQueue]:
        """All of them, by the name that they have in the metrics."""
        return {name: getattr(self, name) for name in ("workflows", "captures", "reports", "server", "server_logs")}


class EventHandlers:
    """Turns events into keys."""

    def __init__(
        self,
        *,
        index: ReportCache,
        active: RunningWorkflows,
        queues: Queues,
        metrics: Metrics,
        capture: Callable[[ObjectMeta], None],
        debounce_seconds: float,
        ignore_events: bool,
        is_selective: bool = False,
    ) -> None:
        """``is_selective``: not every Workflow is ours, so a pod is read only where its Workflow is known to be."""
        self._metrics = metrics
        self._capture = capture
        self._is_selective = is_selective
        self._index = index
        self._active = active
        self._queues = queues
        self._debounce_seconds = debounce_seconds
        self._ignore_events = ignore_events

    def should_enqueue(self, plural: str, event_type: str, meta: ObjectMeta) -> bool:
        """Whether an event says anything that is not known: what is left out here costs the framework nothing."""
        if self._ignore_events:
            return False
        if plural == WORKFLOWS:
            return not (self._is_awaited(meta) if event_type == DELETED else self._is_known(meta))
        if plural == PODS:
            return event_type in {"ADDED", LISTED} and bool(meta.labels.workflow)
        return event_type == DELETED or not (self._index.knows(meta) or self._index.observe(meta))

    def workflow_changed(self, event_type: str | None, meta: ObjectMeta) -> None:
        """A Workflow came, completed, left the selector or is gone."""
        key = (meta.namespace, meta.name)
        if event_type == DELETED:
            self._note_loss(key, meta)
        elif self._is_known(meta):
            return
        if event_type != DELETED and meta.completed:
            self._queues.workflows.add(key, Priority.URGENT, min_resource_version=meta.version)
            return
        # created, started or deleted: creation and start are milliseconds apart and make one look
        self._queues.workflows.add_after(
            key, self._debounce_seconds, Priority.PROGRESS, min_resource_version=meta.version
        )

    def pod_failed(self, event_type: str | None, meta: ObjectMeta) -> None:
        """A pod of a Workflow failed, or (no type) had failed before the stream began."""
        key = (meta.namespace, meta.labels.workflow)
        rows = self._index.of_workflow(key)
        if event_type is None:
            if not rows or any(not row.ended or row.evidence in PODS_MISSING for row in rows):
                self._queues.workflows.add(key, Priority.URGENT)  # the look knows which pods its reports have
        elif rows or self._active.get(key) or not self._is_selective:
            self._capture(meta)

    def captured(self, key: NamespacedName) -> None:
        """There is new evidence for a Workflow: it is looked at, but while it runs not for every pod."""
        seconds = self._active.pod_failed(key)
        if seconds is not None:
            self._queues.workflows.add_after(key, seconds, Priority.URGENT)
        elif self._index.of_workflow(key):
            self._queues.workflows.add(key, Priority.URGENT)

    def report_changed(self, event_type: str | None, meta: ObjectMeta) -> None:
        """A report was made, changed or deleted, by a user or by us."""
        key = (meta.namespace, meta.name)
        if event_type == DELETED:
            row = self._index.get(key)
            if row and row.uid == meta.uid:
                self.report_gone(key)
        elif not self._index.knows(meta):
            seconds = OWN_WRITE_SECONDS if self._index.get(key) or meta.labels.workflow_uid else 0
            self._queues.reports.add_after(key, seconds, Priority.PROGRESS, min_resource_version=meta.version)

    def report_gone(self, key: NamespacedName) -> None:
        """A report is no more; if its Workflow is still there, it gets another."""
        row = self._index.remove(key)
        if row:
            self._queues.workflows.add(row.workflow_key, Priority.PROGRESS)

    def _note_loss(self, key: NamespacedName, meta: ObjectMeta) -> None:
        """Count a run that ended and of which no final report was written: its Workflow is no more."""
        reported = any(row.bound_uid == meta.uid and row.observed_version for row in self._index.of_workflow(key))
        if meta.completed and not meta.skipped and not reported:
            self._metrics.runs_unreported.inc()

    def _is_awaited(self, meta: ObjectMeta) -> bool:
        """Whether it left the selector, mostly since it was started, and the look at its creation is still to come."""
        key = (meta.namespace, meta.name)
        return not meta.completed and self._queues.workflows.is_due_within(key, self._debounce_seconds)

    def _is_known(self, meta: ObjectMeta) -> bool:
        """Whether a look would find nothing new."""
        key = (meta.namespace, meta.name)
        if not meta.completed:
            running = self._active.get(key)
            return running is not None and running.uid == meta.uid and running.version >= meta.version > 0
        return self._index.is_done(key, uid=meta.uid, resource_version=meta.resource_version) or (
            meta.skipped and not self._index.of_workflow(key)
        )


class ReportReader:
    """Reads reports that changed, so that the index knows which Workflow they are about."""

    def __init__(self, reports: Reports, *, index: ReportCache, intake: EventHandlers, workflows: WorkQueue) -> None:
        self._reports = reports
        self._index = index
        self._intake = intake
        self._workflows = workflows

    async def reconcile(self, request: Request) -> None:
        """Read a report, unless it is known by now, and have its Workflow looked at.

        Raises:
            ApiError: it could not be read.
        """
        known = self._index.get(request.name)
        if known and version_of(known.resource_version) >= request.min_resource_version > 0:
            return
        try:
            stored = await self._reports.fetch(*request.name)
        except NotFoundError:
            self._intake.report_gone(request.name)
            return
        if self._index.knows(stored.head.metadata):
            return  # written or read by a look meanwhile
        row = entry_of(stored.head)
        self._index.put(row)
        if row != known:
            self._workflows.add(row.workflow_key, Priority.URGENT)

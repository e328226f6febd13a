"""The queues of the report controller, and requests for reconciles that do not come from a watch event."""

from msgspec import Struct

from wfreport.cache.reports import ReportCache
from wfreport.cache.running import RunningWorkflows
from wfreport.kube.objects import NamespacedName
from wfreport.runtime.workqueue import Priority, WorkQueue


class Queues(Struct, frozen=True):
    """The queues of the report controller.

    Attributes:
        workflows: Workflows to reconcile.
        captures: failed pods to capture.
        reports: reports to read again, because somebody else changed them.
        server: Workflows whose nodes or archived run are to be fetched from Argo Server.
        server_logs: Workflows whose archived logs are to be fetched from Argo Server.
    """

    workflows: WorkQueue
    captures: WorkQueue
    reports: WorkQueue
    server: WorkQueue
    server_logs: WorkQueue

    def named(self) -> dict[str, WorkQueue]:
        """Return the queues by their names in the metrics."""
        return {name: getattr(self, name) for name in ("workflows", "captures", "reports", "server", "server_logs")}


class ReconcileRequests:
    """Requests the reconcile of a Workflow, or the read of a report, at the priority that the reason needs.

    The parts that have a reason (new evidence, fetched nodes or logs, a deleted report) depend on this class instead of
    on each other.
    """

    def __init__(self, queues: Queues, *, running: RunningWorkflows, reports: ReportCache) -> None:
        self._queues = queues
        self._running = running
        self._reports = reports

    def __contains__(self, workflow: NamespacedName, /) -> bool:
        """Return whether a reconcile of this Workflow is queued, in progress, or will be retried."""
        return workflow in self._queues.workflows

    def is_polled(self, workflow: NamespacedName, uid: str) -> bool:
        """Return whether this Workflow runs and is reconciled on an interval."""
        return self._running.has(workflow, uid)

    def enqueue_workflow(self, workflow: NamespacedName, priority: Priority, *, min_resource_version: int = 0) -> None:
        """Request a reconcile now."""
        self._queues.workflows.add(workflow, priority, min_resource_version=min_resource_version)

    def poll(self, workflow: NamespacedName) -> None:
        """Request a reconcile of a running Workflow that is at least as new as the last one."""
        running = self._running.get(workflow)
        if running:
            self._queues.workflows.add(workflow, Priority.PROGRESS, min_resource_version=running.version)

    def enqueue_report(self, report: NamespacedName, *, min_resource_version: int = 0) -> None:
        """Request that a report be read, because its cached version is stale."""
        self._queues.reports.add(report, Priority.PROGRESS, min_resource_version=min_resource_version)

    def evidence_arrived(self, workflow: NamespacedName) -> None:
        """Request a reconcile for new evidence. Failures of several pods of a running Workflow share one reconcile."""
        seconds = self._running.seconds_until_extra_poll(workflow)
        if seconds is not None:
            self._queues.workflows.add_after(workflow, seconds, Priority.URGENT)
        elif self._reports.of_workflow(workflow):
            self._queues.workflows.add(workflow, Priority.URGENT)

    def fetched(self, workflow: NamespacedName, min_resource_version: int) -> None:
        """Request a reconcile for the result of a fetch from Argo Server, or for its failure."""
        self._queues.workflows.add(workflow, Priority.URGENT, min_resource_version=min_resource_version)

    def report_deleted(self, report: NamespacedName) -> None:
        """Forget a deleted report, and request a reconcile that recreates it if its Workflow still exists."""
        entry = self._reports.remove(report)
        if entry:
            self._queues.workflows.add(entry.workflow_key, Priority.PROGRESS)

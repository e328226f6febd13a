"""The sweep: compare what there is with what was reported, by metadata alone.

It alone converges, if no event is ever delivered.
"""

import time
from collections.abc import Mapping

from wfreport.cache.reports import ReportCache, ReportEntry, entry_of
from wfreport.evidence.argo_server import ArgoServerFetcher
from wfreport.kube.objects import NamespacedName, ObjectMeta
from wfreport.kube.reports import Reports
from wfreport.kube.workflows import Workflows
from wfreport.metrics import Metrics
from wfreport.reconcile.retention import Retention
from wfreport.runtime.requests import ReconcileRequests
from wfreport.runtime.workqueue import Priority

MANY_CHANGED = 200
"""So many reports that changed behind our back are cheaper to read in pages than one by one."""


class Resync:
    """One at a time."""

    def __init__(
        self,
        *,
        workflows: Workflows,
        reports: Reports,
        index: ReportCache,
        requests: ReconcileRequests,
        retention: Retention,
        server: ArgoServerFetcher,
        metrics: Metrics,
    ) -> None:
        self._workflows = workflows
        self._reports = reports
        self._index = index
        self._requests = requests
        self._retention = retention
        self._server = server
        self._metrics = metrics
        self._is_first = True

    async def load_index(self) -> None:
        """Read every report once: before any event comes, or what is done already would be done again.

        Raises:
            ApiError: a page failed.
        """
        async for head in self._reports.list_heads():
            self._index.put(entry_of(head))

    async def resync(self) -> None:
        """Compare once, queue what differs, and delete what need not be kept.

        Raises:
            ApiError: a page of a list failed.
        """
        began = time.monotonic()
        if not self._is_first:
            await self._compare_reports()
        present = await self._compare_workflows()
        self._find_orphans(present)
        self._is_first = False
        self._metrics.resync_seconds.observe(time.monotonic() - began)
        await self._retention.prune(present)

    async def _compare_reports(self) -> None:
        """Reports that changed or went without an event."""
        before = {row.key: row.resource_version for row in self._index}
        changed: list[ObjectMeta] = []
        async for meta in self._reports.list_metadata():
            before.pop((meta.namespace, meta.name), None)
            if not self._index.knows(meta):
                changed.append(meta)
        for key, version in before.items():
            row = self._index.get(key)
            if row and row.resource_version == version:  # not written while the list was read
                self._repair("report")
                self._requests.report_deleted(key)
        if len(changed) > MANY_CHANGED:
            await self._reload(len(changed))
            return
        for meta in changed:
            if not self._index.knows(meta):
                self._repair("report")
                self._requests.enqueue_report((meta.namespace, meta.name), min_resource_version=meta.version)

    async def _reload(self, changed: int) -> None:
        self._metrics.resync_repairs.labels("report").inc(changed)
        async for head in self._reports.list_heads():
            row = entry_of(head)
            if not self._index.knows(head.metadata):
                self._index.put(row)
                self._requests.enqueue_workflow(row.workflow_key, Priority.PROGRESS)

    async def _compare_workflows(self) -> dict[NamespacedName, str]:
        """Workflows without report, completed ones that changed, running ones that are not looked at.

        Returns:
            The uids of all there are.
        """
        present = {}
        async for meta in self._workflows.list_metadata():
            key = (meta.namespace, meta.name)
            present[key] = meta.uid
            kind = self._due(key, meta)
            if kind and key not in self._requests:
                self._repair(kind)
                lane = Priority.URGENT if meta.completed else Priority.PROGRESS
                self._requests.enqueue_workflow(key, lane, min_resource_version=meta.version)
        return present

    def _due(self, key: NamespacedName, meta: ObjectMeta) -> str | None:
        if meta.skipped and not self._index.of_workflow(key):
            return None
        if meta.completed:
            done = self._index.is_done(key, uid=meta.uid, resource_version=meta.resource_version)
            lacks = any(self._server.is_due(row) for row in self._index.of_workflow(key))
            return "unreported" if not done else "unserved" if lacks else None
        return None if self._requests.is_polled(key, meta.uid) else "untracked"

    def _find_orphans(self, present: Mapping[NamespacedName, str]) -> None:
        """Reports whose Workflow went without an event."""
        for row in self._index:
            if (
                row.workflow_key not in present
                and (_expects_workflow(row) or self._server.is_due(row))
                and row.workflow_key not in self._requests
            ):
                self._repair("gone")
                self._requests.enqueue_workflow(row.workflow_key, Priority.PROGRESS)

    def _repair(self, kind: str) -> None:
        if not self._is_first:
            self._metrics.resync_repairs.labels(kind).inc()


def _expects_workflow(row: ReportEntry) -> bool:
    """Whether a report says that its Workflow is there and runs, or says nothing yet, or waits for evidence."""
    if not row.answered or row.evidence_pending:
        return True
    return not row.ended if row.bound_uid else not row.missing

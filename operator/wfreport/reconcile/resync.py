"""Compares Workflows with their reports by metadata alone, and enqueues what differs.

The resync alone makes every report converge, even if no watch event is ever delivered.
"""

import time
from collections import Counter
from collections.abc import Mapping
from typing import Final

from wfreport.cache.reports import ReportCache, ReportEntry, entry_of
from wfreport.evidence.argo_server import ArgoServerFetcher
from wfreport.kube.objects import NamespacedName, ObjectMeta
from wfreport.kube.reports import Reports
from wfreport.metrics import Metrics
from wfreport.reconcile.retention import Retention
from wfreport.reconcile.workflow_lists import WorkflowLists
from wfreport.runtime.requests import ReconcileRequests
from wfreport.runtime.workqueue import Priority

MANY_CHANGED: Final = 200
"""From this number on, reports that changed without an event are read in pages instead of one by one."""

_UNREPORTED: Final = "unreported"


class Resync:
    """Repairs what events did not announce. One resync runs at a time."""

    def __init__(
        self,
        *,
        lists: WorkflowLists,
        reports: Reports,
        cache: ReportCache,
        requests: ReconcileRequests,
        retention: Retention,
        fetcher: ArgoServerFetcher,
        metrics: Metrics,
    ) -> None:
        self._lists = lists
        self._reports = reports
        self._cache = cache
        self._requests = requests
        self._retention = retention
        self._fetcher = fetcher
        self._metrics = metrics
        self._is_first = True

    async def load(self) -> None:
        """Fill the cache with every report. It has to be full before the first event, or finished work is repeated.

        Raises:
            ApiError: a page failed.
        """
        self._cache.followed.begin_list()
        async for head in self._reports.list_heads():
            if not self._cache.put(entry_of(head)):
                self._cache.followed.count_ignored(head.metadata.namespace)

    async def resync(self) -> None:
        """Compare once, enqueue what differs, and delete reports that have expired.

        Raises:
            ApiError: a page of a list failed.
        """
        began = time.monotonic()
        if not self._is_first:
            await self._compare_reports()
        present = await self._compare_workflows()
        self._enqueue_orphans(present)
        self._is_first = False
        self._metrics.resync_seconds.observe(time.monotonic() - began)
        await self._retention.prune(present)

    async def _compare_reports(self) -> None:
        """Enqueue reports that were changed or deleted without an event."""
        unlisted = {entry.key: entry.resource_version for entry in self._cache}
        changed: list[ObjectMeta] = []
        self._cache.followed.begin_list()
        async for meta in self._reports.list_metadata():
            unlisted.pop((meta.namespace, meta.name), None)
            if not self._cache.has_version(meta) and not self._is_ignored(meta):
                changed.append(meta)
        for name, version in unlisted.items():
            entry = self._cache.get(name)
            if entry and entry.resource_version == version:  # not written while the list was read
                self._count_repair("report")
                self._requests.report_deleted(name)
        if len(changed) > MANY_CHANGED:
            await self._reload(len(changed))
            return
        for meta in changed:
            if not self._cache.has_version(meta):
                self._count_repair("report")
                self._requests.enqueue_report((meta.namespace, meta.name), min_resource_version=meta.version)

    async def _reload(self, changed: int) -> None:
        self._metrics.resync_repairs.labels("report").inc(changed)
        async for head in self._reports.list_heads():
            entry = entry_of(head)
            if not self._cache.has_version(head.metadata) and self._cache.put(entry):
                self._requests.enqueue_workflow(entry.workflow_key, Priority.PROGRESS)

    def _is_ignored(self, meta: ObjectMeta) -> bool:
        """Count a report that is unknown because its namespace has more reports of users than are followed."""
        followed = self._cache.followed
        if self._cache.get((meta.namespace, meta.name)) is not None or not followed.is_full(meta.namespace):
            return False
        followed.count_ignored(meta.namespace)
        return True

    async def _compare_workflows(self) -> dict[NamespacedName, str]:
        """Enqueue Workflows whose reports are missing or outdated; return the uids of all Workflows."""
        present: dict[NamespacedName, str] = {}
        unreported: list[ObjectMeta] = []
        completed: Counter[str] = Counter()
        async for meta in self._lists.metadata():
            name = (meta.namespace, meta.name)
            present[name] = meta.uid
            completed[meta.namespace] += meta.completed
            kind = self._repair_kind(name, meta)
            if kind and name not in self._requests:
                self._count_repair(kind)
                if kind == _UNREPORTED:
                    unreported.append(meta)
                else:
                    self._requests.enqueue_workflow(name, Priority.PROGRESS, min_resource_version=meta.version)
        await self._lists.read(unreported, completed)
        return present

    def _repair_kind(self, name: NamespacedName, meta: ObjectMeta) -> str | None:
        """Return why a Workflow has to be reconciled, as a label of the metric; None if it does not."""
        entries = self._cache.of_workflow(name)
        if meta.skipped and not entries:
            return None
        if not meta.completed:
            return None if self._requests.is_polled(name, meta.uid) else "untracked"
        if not self._cache.is_reported(name, uid=meta.uid, resource_version=meta.resource_version):
            return _UNREPORTED
        return "unserved" if any(self._fetcher.is_due(entry) for entry in entries) else None

    def _enqueue_orphans(self, present: Mapping[NamespacedName, str]) -> None:
        """Enqueue reports whose Workflow was deleted without an event."""
        for entry in self._cache:
            if (
                entry.workflow_key not in present
                and (_expects_workflow(entry) or self._fetcher.is_due(entry))
                and entry.workflow_key not in self._requests
            ):
                self._count_repair("gone")
                self._requests.enqueue_workflow(entry.workflow_key, Priority.PROGRESS)

    def _count_repair(self, kind: str) -> None:
        if not self._is_first:
            self._metrics.resync_repairs.labels(kind).inc()


def _expects_workflow(entry: ReportEntry) -> bool:
    """Return whether the report still has to be closed once its Workflow is gone."""
    return not entry.is_spec_observed or entry.evidence_pending or not entry.is_closed

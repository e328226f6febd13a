"""Turns events about policies, Remediations, pods and reports into keys, and reads the Remediations that changed."""

from wfreport.api.names import PLURAL_POLICIES
from wfreport.api.remediation import Remediation
from wfreport.cache.remediation import RemediationCache
from wfreport.core.record.progress import is_executed
from wfreport.core.snapshot.names import remediation_name
from wfreport.kube.errors import NotFoundError
from wfreport.kube.objects import ObjectMeta, version_of
from wfreport.kube.remediations import read_remediation
from wfreport.kube.reports import StoredReport
from wfreport.kube.resource import Document, ResourceReader
from wfreport.remediation.executor import Executor
from wfreport.remediation.gatherer import report_of
from wfreport.remediation.queues import RemediationQueues
from wfreport.runtime.workqueue import Priority, Request, WorkQueue
from wfreport.watch.enqueue import DELETED, OWN_WRITE_SECONDS
from wfreport.watch.listings import Listing


class RemediationEventHandlers:
    """Turns events into keys."""

    def __init__(self, cache: RemediationCache, queues: RemediationQueues) -> None:
        self._cache = cache
        self._queues = queues

    def should_enqueue(self, plural: str, event_type: str, meta: ObjectMeta) -> bool:
        """Whether an event reports a deletion, or a version that is newer than in the cache."""
        index = self._cache.policies if plural == PLURAL_POLICIES else self._cache.remediations
        return event_type == DELETED or not index.has_version(meta)

    def policy_changed(self, event_type: str | None, meta: ObjectMeta) -> None:
        """Enqueue a policy that was created, changed or deleted."""
        cached = self._cache.policies.get((meta.namespace, meta.name))
        if event_type == DELETED or not self._cache.policies.has_version(meta):
            seconds = OWN_WRITE_SECONDS if cached and event_type != DELETED else 0
            self._queues.policies.add_after((meta.namespace, meta.name), seconds, Priority.URGENT)

    def remediation_changed(self, event_type: str | None, meta: ObjectMeta) -> None:
        """Enqueue a Remediation that was created, approved, changed or deleted."""
        key = (meta.namespace, meta.name)
        if event_type == DELETED:
            # newer than any cached version, so that no queued event of an own write makes the read superfluous
            self._queues.remediations.add(key, Priority.PROGRESS, min_resource_version=meta.version)
        elif not self._cache.remediations.has_version(meta):
            self._queues.remediations.add_after(
                key, OWN_WRITE_SECONDS, Priority.PROGRESS, min_resource_version=meta.version
            )

    def policies_listed(self, listing: Listing) -> None:
        """Enqueue each cached policy that was deleted without an event: it must not act any more."""
        for key in self._cache.policies:
            cached = self._cache.policies.get(key)
            if cached and listing.lacks(key, cached.resource_version):
                self._queues.policies.add(key, Priority.URGENT)

    def remediations_listed(self, listing: Listing) -> None:
        """Enqueue each cached Remediation that was deleted without an event."""
        for remediation in self._cache.remediations:
            meta = remediation.metadata
            key = (meta.namespace, meta.name)
            if listing.lacks(key, meta.resource_version or ""):
                self._queues.remediations.add(key, Priority.PROGRESS, min_resource_version=listing.version + 1)

    def pod_failed(self, meta: ObjectMeta) -> None:
        """Enqueue the Workflow of a failed pod, which may need a label before Argo deletes it."""
        if self._cache.policies.has_any(meta.namespace):
            self._queues.pods.add((meta.namespace, meta.labels.workflow), Priority.URGENT)

    def report_written(self, stored: StoredReport) -> None:
        """Enqueue a report whose status has changed, unless its namespace has neither policies nor open actions.

        The run counts at once: a circuit breaker must see all failures so far before the first action.
        """
        meta = stored.head.metadata
        if self._cache.is_relevant(meta.namespace):
            self._cache.runs.put(report_of(stored))
            self._queues.runs.add((meta.namespace, meta.name), Priority.URGENT)

    def report_unchanged(self, stored: StoredReport) -> None:
        """Enqueue a final report whose run is not known as it is: another process has written it."""
        meta = stored.head.metadata
        if self._cache.is_relevant(meta.namespace) and self._cache.runs.put(report_of(stored)):
            self._queues.runs.add((meta.namespace, meta.name), Priority.URGENT)


class RemediationReader:
    """Reads Remediations that have changed into the cache."""

    def __init__(
        self, remediations: ResourceReader[Document], cache: RemediationCache, *, executor: Executor, queue: WorkQueue
    ) -> None:
        """Enqueue the reports of their target runs in ``queue``."""
        self._remediations = remediations
        self._cache = cache
        self._executor = executor
        self._queue = queue

    async def reconcile(self, request: Request) -> None:
        """Read a Remediation and enqueue the reports of its target. Refuse it if it cannot be the operator's own.

        A version that the cache has meanwhile is not read: it is of the operator's own write.

        Raises:
            ApiError: the Remediation could not be read, or the refusal not be written.
        """
        namespace, name = request.name
        before = self._cache.remediations.get(request.name)
        if before and version_of(before.metadata.resource_version or "") >= request.min_resource_version > 0:
            return
        try:
            remediation = read_remediation(await self._remediations.get(namespace, name))
        except NotFoundError:
            deleted = self._cache.remediations.remove(request.name)
            if deleted:
                self._enqueue_target(deleted)
            return
        if before and before.metadata.resource_version == remediation.metadata.resource_version:
            return
        self._cache.remediations.put(remediation)
        problem = None if is_executed(remediation) else self._problem_of(remediation)
        if problem:
            await self._executor.refuse(remediation, problem)
        else:
            self._enqueue_target(remediation)

    def _problem_of(self, remediation: Remediation) -> str | None:
        """Return why the operator cannot have created a Remediation; None if only a new decision can tell."""
        spec, target = remediation.spec, remediation.spec.target
        name = remediation_name(target.name, target.uid, target.started_at, spec.lock_class, dry_run=spec.dry_run)
        if remediation.metadata.name != name:
            return f"the Remediation of this run must be named {name}; under another name it locks nothing"
        entries = self._cache.reports.of_workflow((remediation.metadata.namespace, target.name))
        if not any(entry.bound_uid == target.uid for entry in entries):
            return f"Workflow {target.name} with uid {target.uid} has no report"
        return None

    def _enqueue_target(self, remediation: Remediation) -> None:
        for entry in self._cache.reports.of_workflow((remediation.metadata.namespace, remediation.spec.target.name)):
            self._queue.add(entry.key, Priority.URGENT)

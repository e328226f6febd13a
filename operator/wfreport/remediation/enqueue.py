"""From what the streams of policies and Remediations say to keys, and the readers of what changed."""

import logging
from dataclasses import dataclass

from wfreport.api.names import PLURAL_POLICIES
from wfreport.api.remediation import Remediation
from wfreport.cache.remediation import RemediationCache
from wfreport.cache.reports import ReportCache
from wfreport.core.record.progress import is_executed
from wfreport.core.snapshot.names import remediation_name
from wfreport.kube.errors import NotFoundError
from wfreport.kube.objects import ObjectMeta
from wfreport.kube.reports import StoredReport
from wfreport.kube.resource import Document, Resource
from wfreport.remediation.executor import Executor
from wfreport.remediation.gatherer import report_of
from wfreport.remediation.writer import read_remediation
from wfreport.runtime.workqueue import Priority, Request, WorkQueue

log = logging.getLogger(__name__)

DELETED = "DELETED"
OWN_WRITE_SECONDS = 1


@dataclass(frozen=True, slots=True)
class RemediationQueues:
    """Where keys wait.

    Attributes:
        remedies: keys of reports whose runs may want something done.
        policies: keys of policies.
        remediations: keys of Remediations that changed.
        notifications: keys of Remediations that tell people.
        pods: keys of Workflows of which a pod has failed just now.
    """

    runs: WorkQueue
    policies: WorkQueue
    remediations: WorkQueue
    notifications: WorkQueue
    pods: WorkQueue

    def named(self) -> dict[str, WorkQueue]:
        """The queues by their names, as metrics tell them."""
        return {
            "runs": self.runs,
            "policies": self.policies,
            "remediations": self.remediations,
            "notifications": self.notifications,
            "failed_pods": self.pods,
        }


class RemediationEventHandlers:
    """Turns events into keys."""

    def __init__(self, books: RemediationCache, queues: RemediationQueues) -> None:
        self._books = books
        self._queues = queues

    def should_enqueue(self, plural: str, event_type: str, meta: ObjectMeta) -> bool:
        """Whether an event says anything that is not known."""
        book = self._books.policies if plural == PLURAL_POLICIES else self._books.remediations
        return event_type == DELETED or not book.knows(meta)

    def policy_changed(self, event_type: str | None, meta: ObjectMeta) -> None:
        """A policy was made, changed or deleted, by a person or by us."""
        known = self._books.policies.get((meta.namespace, meta.name))
        if event_type == DELETED or not self._books.policies.knows(meta):
            seconds = OWN_WRITE_SECONDS if known and event_type != DELETED else 0
            self._queues.policies.add_after((meta.namespace, meta.name), seconds, Priority.URGENT)

    def remediation_changed(self, event_type: str | None, meta: ObjectMeta) -> None:
        """A Remediation was made, approved, changed or deleted, by a person or by us."""
        key = (meta.namespace, meta.name)
        if event_type == DELETED:
            self._queues.remediations.add(key, Priority.PROGRESS)
        elif not self._books.remediations.knows(meta):
            self._queues.remediations.add_after(key, OWN_WRITE_SECONDS, Priority.PROGRESS)

    def pod_failed(self, meta: ObjectMeta) -> None:
        """A pod has failed: a label that is to save it cannot wait for a report."""
        if self._books.policies.has_any(meta.namespace):
            self._queues.pods.add((meta.namespace, meta.labels.workflow), Priority.URGENT)

    def report_written(self, stored: StoredReport) -> None:
        """A report says something new; in a namespace without policies nobody is interested.

        What it says counts at once: a circuit breaker is to know of all that failed before the first act.
        """
        meta = stored.head.metadata
        if self._books.concerns(meta.namespace):
            self._books.runs.put(report_of(stored))
            self._queues.runs.add((meta.namespace, meta.name), Priority.URGENT)


class RemediationReader:
    """Reads Remediations that changed."""

    def __init__(
        self,
        remediations: Resource[Document],
        books: RemediationCache,
        *,
        index: ReportCache,
        executor: Executor,
        remedies: WorkQueue,
    ) -> None:
        self._remediations = remediations
        self._books = books
        self._index = index
        self._executor = executor
        self._remedies = remedies

    async def reconcile(self, request: Request) -> None:
        """Read one, and have the run that it is about looked at.

        Raises:
            ApiError: it could not be read, or not be refused.
        """
        namespace, name = request.name
        before = self._books.remediations.get(request.name)
        try:
            found = read_remediation(await self._remediations.get(namespace, name))
        except NotFoundError:
            gone = self._books.remediations.remove(request.name)
            if gone:
                self._offer(gone)
            return
        if before and before.metadata.resource_version == found.metadata.resource_version:
            return
        self._books.remediations.put(found)
        problem = None if is_executed(found) else self.problem_of(found)
        if problem:
            await self._executor.refuse(found, problem)
        else:
            self._offer(found)

    def problem_of(self, remediation: Remediation) -> str | None:
        """Why a Remediation cannot be one of ours; None where only deciding again can tell."""
        spec, target = remediation.spec, remediation.spec.target
        name = remediation_name(target.name, target.uid, target.started_at, spec.lock_class, dry_run=spec.dry_run)
        if remediation.metadata.name != name:
            return f"its name is not the one of an act on this run, {name}: it locks nothing"
        rows = self._index.of_workflow((remediation.metadata.namespace, target.name))
        if not any(row.bound_uid == target.uid for row in rows):
            return f"there is no report about Workflow {target.name} with uid {target.uid}"
        return None

    def _offer(self, remediation: Remediation) -> None:
        for row in self._index.of_workflow((remediation.metadata.namespace, remediation.spec.target.name)):
            self._remedies.add(row.key, Priority.URGENT)

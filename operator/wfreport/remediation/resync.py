"""What no event tells: policies and Remediations that changed unseen, acts whose end nobody reports, old records."""

from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from typing import Final, Protocol

from wfreport.api.remediation import Remediation
from wfreport.cache.remediation import RemediationCache
from wfreport.cache.reports import ReportCache
from wfreport.core.record.progress import has_outcome, is_denied, is_executed, is_succeeding
from wfreport.kube.errors import ConflictError, NotFoundError
from wfreport.kube.objects import NamespacedName, ObjectMeta
from wfreport.kube.resource import Document, Resource
from wfreport.remediation.enqueue import RemediationQueues
from wfreport.remediation.outcomes import Outcomes
from wfreport.runtime.workqueue import Priority, WorkQueue

DELETIONS_PER_SWEEP: Final = 200


class _Cache(Protocol):
    def knows(self, meta: ObjectMeta) -> bool: ...


class RemediationResync:
    """One at a time."""

    def __init__(
        self,
        *,
        policies: Resource[Document],
        remediations: Resource[Document],
        books: RemediationCache,
        queues: RemediationQueues,
        outcomes: Outcomes,
        index: ReportCache,
        keep: timedelta,
        clock: Callable[[], datetime],
    ) -> None:
        """``keep`` is how long a Remediation is kept of which nothing more will come."""
        self._policies = policies
        self._remediations = remediations
        self._books = books
        self._queues = queues
        self._outcomes = outcomes
        self._index = index
        self._keep = keep
        self._clock = clock

    async def resync(self) -> None:
        """Compare once, and queue what differs.

        Raises:
            ApiError: a request failed.
        """
        known = set(self._books.policies)
        await self._compare(self._policies.list_metadata(), self._books.policies, known, self._queues.policies)
        remediations = {_key(found) for found in self._books.remediations}
        await self._compare(
            self._remediations.list_metadata(), self._books.remediations, remediations, self._queues.remediations
        )
        for namespace in self._books.policies.namespaces():
            for key in self._books.runs.reports(namespace):
                if self._index.get(key) is None:
                    self._books.runs.remove(key)
        for remediation in self._books.remediations:
            await self._look_after(remediation)
        await self._prune()

    async def _compare(
        self, listed: AsyncIterator[ObjectMeta], book: _Cache, known: set[NamespacedName], queue: WorkQueue
    ) -> None:
        async for meta in listed:
            known.discard((meta.namespace, meta.name))
            if not book.knows(meta):
                queue.add((meta.namespace, meta.name), Priority.PROGRESS)
        for key in known:
            queue.add(key, Priority.PROGRESS)

    async def _look_after(self, remediation: Remediation) -> None:
        if is_executed(remediation) and not is_succeeding(remediation):
            return
        if is_succeeding(remediation) and not self._outcomes.has_report(remediation):
            await self._outcomes.close_without_report(remediation)
        else:
            self._outcomes.announce(remediation)

    async def _prune(self) -> None:
        before = self._clock() - self._keep
        old = [found for found in self._books.remediations if _is_over(found) and _made_before(found, before)]
        for remediation in old[:DELETIONS_PER_SWEEP]:
            try:
                await self._remediations.delete(remediation.metadata)
            except (NotFoundError, ConflictError):
                continue
            self._books.remediations.remove(_key(remediation))


def _key(remediation: Remediation) -> NamespacedName:
    return remediation.metadata.namespace, remediation.metadata.name


def _is_over(remediation: Remediation) -> bool:
    return is_denied(remediation) or (is_executed(remediation) and has_outcome(remediation))


def _made_before(remediation: Remediation, before: datetime) -> bool:
    made_at = remediation.metadata.creation_timestamp
    return made_at is not None and made_at < before

"""Finds what no event reported: changed policies and Remediations, runs without a report, records past retention."""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime, timedelta
from typing import Final, Protocol

from wfreport.api.remediation import Remediation
from wfreport.cache.remediation import RemediationCache
from wfreport.core.record.progress import awaits_outcome, is_executed
from wfreport.core.record.surplus import created_at, is_final, surplus
from wfreport.kube.errors import ApiError, ConflictError, NotFoundError
from wfreport.kube.objects import NamespacedName, ObjectMeta
from wfreport.kube.resource import Document, Resource
from wfreport.logs import kv, throttled
from wfreport.remediation.outcomes import OutcomeRecorder
from wfreport.remediation.queues import RemediationQueues
from wfreport.runtime.deletion_quota import DeletionQuota
from wfreport.runtime.workqueue import Priority, WorkQueue

log = logging.getLogger(__name__)

DELETIONS_PER_RESYNC: Final = 200
"""Remediations deleted in a resync beyond those that have become more since the last one."""


class _Index(Protocol):
    def has_version(self, meta: ObjectMeta) -> bool: ...


class RemediationResync:
    """Compares the cache with the cluster, enqueues what differs, and deletes old Remediations."""

    def __init__(
        self,
        *,
        policies: Resource[Document],
        remediations: Resource[Document],
        cache: RemediationCache,
        queues: RemediationQueues,
        outcomes: OutcomeRecorder,
        retention: timedelta,
        clock: Callable[[], datetime],
    ) -> None:
        """``retention`` is the age at which a closed Remediation is deleted."""
        self._policies = policies
        self._remediations = remediations
        self._cache = cache
        self._queues = queues
        self._outcomes = outcomes
        self._retention = retention
        self._clock = clock
        self._quota = DeletionQuota(DELETIONS_PER_RESYNC)

    async def resync(self) -> None:
        """Compare once and enqueue what differs.

        Raises:
            ApiError: a request failed.
        """
        policies = set(self._cache.policies)
        await self._compare(self._policies.list_metadata(), self._cache.policies, policies, self._queues.policies)
        remediations = {_key(remediation) for remediation in self._cache.remediations}
        await self._compare(
            self._remediations.list_metadata(), self._cache.remediations, remediations, self._queues.remediations
        )
        self._forget_deleted_reports()
        bugs: list[Exception] = []
        for remediation in self._cache.remediations:
            await self._separately(self._close_or_enqueue, remediation, bugs)
        for remediation in self._to_delete():
            await self._separately(self._delete, remediation, bugs)
        self._quota.record(len(self._cache.remediations))
        if bugs:
            raise bugs[0]

    def _to_delete(self) -> list[Remediation]:
        """Return the Remediations to delete now: those past retention, and those of which a namespace has too many."""
        index, now = self._cache.remediations, self._clock()
        old = [each for each in index if is_final(each) and now - created_at(each) > self._retention]
        every = {_key(each): each for each in (*old, *surplus(index, now))}
        return list(every.values())[: self._quota.of(len(index))]

    async def _separately(
        self, step: Callable[[Remediation], Awaitable[None]], remediation: Remediation, bugs: list[Exception]
    ) -> None:
        """Take a step for a Remediation. What fails for it alone keeps no other from its turn; bugs are collected.

        Raises:
            ApiError: the error is transient, so the requests for the others are likely to fail as well.
        """
        try:
            await step(remediation)
        except ApiError as error:
            if error.transient and not isinstance(error, ConflictError):
                raise
            namespace, name = _key(remediation)
            pairs = kv(namespace=namespace, remediation=name, reason=error.message)
            log.warning("resync of a Remediation failed", extra=pairs | throttled("resync", namespace, name))
        except Exception as error:  # noqa: BLE001 - raised once all have had their turn
            bugs.append(error)

    async def _compare(
        self, listed: AsyncIterator[ObjectMeta], index: _Index, cached: set[NamespacedName], queue: WorkQueue
    ) -> None:
        """Enqueue objects that are newer than in the cache, and those in the cache that are not listed."""
        async for meta in listed:
            cached.discard((meta.namespace, meta.name))
            if not index.has_version(meta):
                queue.add((meta.namespace, meta.name), Priority.PROGRESS)
        for key in cached:
            queue.add(key, Priority.PROGRESS)

    def _forget_deleted_reports(self) -> None:
        for namespace in self._cache.policies.namespaces():
            for key in self._cache.runs.reports_in(namespace):
                if self._cache.reports.get(key) is None:
                    self._cache.runs.remove(key)

    async def _close_or_enqueue(self, remediation: Remediation) -> None:
        """Close a Remediation whose new run has no report; enqueue the reports of any other that is open."""
        if is_executed(remediation) and not awaits_outcome(remediation):
            return
        if awaits_outcome(remediation) and not self._outcomes.has_report(remediation):
            await self._outcomes.close_without_report(remediation)
        else:
            self._outcomes.enqueue_chain(remediation)

    async def _delete(self, remediation: Remediation) -> None:
        try:
            await self._remediations.delete(remediation.metadata)
        except (NotFoundError, ConflictError):
            return
        self._cache.remediations.remove(_key(remediation))


def _key(remediation: Remediation) -> NamespacedName:
    return remediation.metadata.namespace, remediation.metadata.name

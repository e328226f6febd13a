"""Deletes expired reports after each resync, which lists the Workflows that still exist."""

import asyncio
import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Final

from wfreport.api.calendar import EARLIEST
from wfreport.cache.reports import ReportCache, ReportEntry
from wfreport.core.render.retention import DELETED, FinishedReport, RetentionRule, expires_at, may_expire_at
from wfreport.kube.errors import ApiError, ConflictError, NotFoundError
from wfreport.kube.objects import NamespacedName
from wfreport.kube.reports import Reports, StoredReport
from wfreport.kube.workflows import Workflows
from wfreport.logs import kv
from wfreport.metrics import Metrics
from wfreport.runtime.deletion_quota import DeletionQuota

log = logging.getLogger(__name__)

MAX_DELETIONS: Final = 500
"""Reports deleted after one resync beyond those that have become more since the last one. Years of old reports do not
delay the next resync for long; and however fast Workflows come and go, reports do not become more and more."""

CONCURRENT: Final = 8
"""Reports deleted at the same time: each takes three requests, which wait for those of everybody else."""


class Retention:
    """Deletes only reports whose Workflow is gone, each after reading it once more."""

    def __init__(
        self,
        *,
        reports: Reports,
        workflows: Workflows,
        cache: ReportCache,
        rules: Sequence[RetentionRule],
        namespace_max: int,
        metrics: Metrics,
        clock: Callable[[], datetime],
    ) -> None:
        """Create a retention; ``namespace_max`` is the maximal number of reports in a namespace, 0 for no limit."""
        self._reports = reports
        self._workflows = workflows
        self._cache = cache
        self._rules = rules
        self._namespace_max = namespace_max
        self._metrics = metrics
        self._clock = clock
        self._known_expiry: dict[NamespacedName, tuple[str, datetime | None]] = {}
        self._quota = DeletionQuota(MAX_DELETIONS)

    async def prune(self, present: Mapping[NamespacedName, str]) -> None:
        """Delete reports that have expired or exceed the maximum.

        Args:
            present: the uids of the Workflows that exist.
        """
        try:
            await self._prune([entry for entry in self._cache if _is_over(entry, present)])
        except ApiError as error:
            log.warning(
                "report deletion failed, retrying after the next resync",
                extra=kv(error=type(error).__name__, reason=error.message),
            )

    async def _prune(self, over: list[ReportEntry]) -> None:
        left, now = self._quota.of(len(self._cache)), self._clock()
        self._known_expiry = {entry.key: known for entry in over if (known := self._known_expiry.get(entry.key))}
        left -= await self._delete_all((entry for entry in over if self._may_have_expired(entry, now)), "expired", left)
        if self._namespace_max:
            await self._prune_surplus([entry for entry in over if self._cache.get(entry.key)], left)
        self._quota.record(len(self._cache))

    async def _prune_surplus(self, over: list[ReportEntry], left: int) -> None:
        """Delete the oldest reports of each namespace that has too many, first where they are the least too many."""
        counts, oldest = Counter(entry.namespace for entry in self._cache), defaultdict[str, list[ReportEntry]](list)
        for entry in sorted(over, key=lambda entry: (entry.finished_at or EARLIEST, entry.name)):
            if entry.automatic and not entry.pinned:
                oldest[entry.namespace].append(entry)
        for namespace in sorted(oldest, key=counts.__getitem__):
            surplus = max(0, counts[namespace] - self._namespace_max)
            left -= await self._delete_all(iter(oldest[namespace]), "over_cap", min(left, surplus))

    async def _delete_all(self, entries: Iterator[ReportEntry], reason: str, left: int) -> int:
        """Delete reports, some at a time and ``left`` at most, if the reason still holds; return how many."""
        number = 0
        while some := list(islice(entries, min(CONCURRENT, left - number))):
            results = await asyncio.gather(*(self._delete(each, reason) for each in some), return_exceptions=True)
            for result in results:
                if isinstance(result, BaseException):
                    raise result
                number += result
        return number

    def _may_have_expired(self, entry: ReportEntry, now: datetime) -> bool:
        version, expiry = self._known_expiry.get(entry.key, ("", None))
        if version != entry.resource_version:
            expiry = may_expire_at(_finished(entry), self._rules)
        return expiry is not None and expiry <= now

    async def _delete(self, entry: ReportEntry, reason: str) -> bool:
        """Delete a report if the reason still holds; return whether it was deleted."""
        try:
            stored = await self._reports.get(entry.namespace, entry.name)
            if not self._may_delete(entry, stored, reason) or await self._uid_in_cluster(entry) == entry.bound_uid:
                return False
            # forgotten first, so that the event of the deletion does not enqueue the Workflow
            self._cache.remove(entry.key)
            await self._reports.delete(stored.head.metadata)
        except (NotFoundError, ConflictError):
            return False  # another client was faster; an event or the next resync updates the cache
        self._metrics.reports_deleted.labels(reason).inc()
        log.info("report deleted", extra=kv(namespace=entry.namespace, report=entry.name, reason=reason))
        return True

    def _may_delete(self, entry: ReportEntry, stored: StoredReport, reason: str) -> bool:
        finished = _finished(entry, stored)
        if reason == "over_cap":
            return not finished.pinned
        expiry = expires_at(finished, self._rules)
        self._known_expiry[entry.key] = (entry.resource_version, expiry)
        return expiry is not None and expiry <= self._clock()

    async def _uid_in_cluster(self, entry: ReportEntry) -> str | None:
        return await self._workflows.get_uid(entry.namespace, entry.workflow_name)


def _is_over(entry: ReportEntry, present: Mapping[NamespacedName, str]) -> bool:
    """Return whether the run has ended and its Workflow was not listed."""
    return entry.ended and bool(entry.bound_uid) and present.get(entry.workflow_key) != entry.bound_uid


def _finished(entry: ReportEntry, stored: StoredReport | None = None) -> FinishedReport:
    return FinishedReport(
        namespace=entry.namespace,
        phase=entry.phase if entry.finished_at else DELETED,
        ended_at=entry.finished_at or (stored.created_at if stored else EARLIEST),
        automatic=entry.automatic,
        pinned=stored.spec.pinned if stored else entry.pinned,
        ttl_seconds=stored.spec.ttl_seconds_after_finished if stored else entry.ttl_seconds,
        labels=stored.labels if stored else {},
    )

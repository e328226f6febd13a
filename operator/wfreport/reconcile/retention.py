"""Deletes reports that need not be kept any longer: after each sweep, which knows what Workflows there are."""

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

from wfreport.cache.reports import ReportCache, ReportEntry
from wfreport.core.render.retention import DELETED, FinishedReport, RetentionRule, expires_at, may_expire_at
from wfreport.kube.errors import ApiError, ConflictError, NotFoundError
from wfreport.kube.objects import NamespacedName
from wfreport.kube.reports import Reports, StoredReport
from wfreport.kube.workflows import Workflows
from wfreport.logs import kv
from wfreport.metrics import Metrics

log = logging.getLogger(__name__)

DELETIONS_PER_SWEEP = 500
"""A first sweep with many years' reports shall not keep the next one from its work for long."""

_LONG_AGO = datetime.min.replace(tzinfo=UTC)


class Retention:
    """Only reports whose Workflow is gone are ever deleted, and each is read again before."""

    def __init__(
        self,
        *,
        reports: Reports,
        workflows: Workflows,
        index: ReportCache,
        rules: Sequence[RetentionRule],
        namespace_max: int,
        metrics: Metrics,
        clock: Callable[[], datetime],
    ) -> None:
        """``namespace_max`` is how many reports a namespace may have; 0: any number."""
        self._reports = reports
        self._workflows = workflows
        self._index = index
        self._rules = rules
        self._namespace_max = namespace_max
        self._metrics = metrics
        self._clock = clock
        self._known_expiry: dict[NamespacedName, tuple[str, datetime | None]] = {}

    async def prune(self, present: Mapping[NamespacedName, str]) -> None:
        """Delete what has expired, and what is too much; ``present`` has the uids of the Workflows there are."""
        try:
            await self._prune([row for row in self._index if _is_over(row, present)])
        except ApiError as error:
            log.warning(
                "reports cannot be deleted, tried again after the next sweep",
                extra=kv(error=type(error).__name__, reason=error.message),
            )

    async def _prune(self, over: list[ReportEntry]) -> None:
        left, now = DELETIONS_PER_SWEEP, self._clock()
        self._known_expiry = {row.key: known for row in over if (known := self._known_expiry.get(row.key))}
        for row in over:
            if left and self._may_be_due(row, now) and await self._delete(row, "expired"):
                left -= 1
        await self._prune_surplus([row for row in over if self._index.get(row.key)], left)

    async def _prune_surplus(self, over: list[ReportEntry], left: int) -> None:
        if not self._namespace_max:
            return
        counts = Counter(row.namespace for row in self._index)
        for row in sorted(over, key=lambda row: (row.finished_at or _LONG_AGO, row.name)):
            is_surplus = counts[row.namespace] > self._namespace_max and row.automatic and not row.pinned
            if left and is_surplus and await self._delete(row, "over_cap"):
                left -= 1
                counts[row.namespace] -= 1

    def _may_be_due(self, row: ReportEntry, now: datetime) -> bool:
        version, expiry = self._known_expiry.get(row.key, ("", None))
        if version != row.resource_version:
            expiry = may_expire_at(_finished(row), self._rules)
        return expiry is not None and expiry <= now

    async def _delete(self, row: ReportEntry, why: str) -> bool:
        """Delete a report, if it is still so that it may go."""
        try:
            stored = await self._reports.get(row.namespace, row.name)
            if not self._may_go(row, stored, why) or await self._find_uid(row) == row.bound_uid:
                return False
            # before its event is here: nobody need look whether the Workflow wants another report
            self._index.remove(row.key)
            await self._reports.delete(stored.head.metadata)
        except (NotFoundError, ConflictError):
            return False  # somebody was quicker; an event or the next sweep tells what there is now
        self._metrics.reports_deleted.labels(why).inc()
        log.info("report deleted", extra=kv(namespace=row.namespace, report=row.name, why=why))
        return True

    def _may_go(self, row: ReportEntry, stored: StoredReport, why: str) -> bool:
        finished = _finished(row, stored)
        if why == "over_cap":
            return not finished.pinned
        expiry = expires_at(finished, self._rules)
        self._known_expiry[row.key] = (row.resource_version, expiry)
        return expiry is not None and expiry <= self._clock()

    async def _find_uid(self, row: ReportEntry) -> str | None:
        return await self._workflows.get_uid(row.namespace, row.workflow_name)


def _is_over(row: ReportEntry, present: Mapping[NamespacedName, str]) -> bool:
    """Whether the run has ended and its Workflow was not seen by the sweep."""
    return row.ended and bool(row.bound_uid) and present.get(row.workflow_key) != row.bound_uid


def _finished(row: ReportEntry, stored: StoredReport | None = None) -> FinishedReport:
    return FinishedReport(
        namespace=row.namespace,
        phase=row.phase if row.finished_at else DELETED,
        ended_at=row.finished_at or (stored.created_at if stored else _LONG_AGO),
        automatic=row.automatic,
        pinned=stored.spec.pinned if stored else row.pinned,
        ttl_seconds=stored.spec.ttl_seconds_after_finished if stored else row.ttl_seconds,
        labels=stored.labels if stored else {},
    )

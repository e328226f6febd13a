"""A write whose response is lost counts as done once its status is found stored: actions depend on that."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from tests.cache.test_status_cache import stored

from wfreport.api.report import ReportStatus
from wfreport.cache.reports import ReportCache, entry_of
from wfreport.kube.errors import UnreachableError
from wfreport.kube.objects import ObjectMeta
from wfreport.kube.reports import ReportHead, StoredReport
from wfreport.metrics import Metrics
from wfreport.reconcile.ownership import ReportOwnership
from wfreport.reconcile.report_writer import ReportWriter, WriteHooks


class ReportsThatLoseResponses:
    async def apply_status(self, head: ReportHead, status: bytes) -> ObjectMeta:
        raise UnreachableError(f"no response to {len(status)} bytes for {head.metadata.name}")


def a_writer(cache: ReportCache, written: list[StoredReport]) -> ReportWriter:
    reports: Any = ReportsThatLoseResponses()
    events: Any = None
    metrics = Metrics()

    def clock() -> datetime:
        return datetime(2026, 11, 1, tzinfo=UTC)

    return ReportWriter(
        reports=reports,
        events=events,
        cache=cache,
        ownership=ReportOwnership("", events=events, metrics=metrics, clock=clock),
        metrics=metrics,
        clock=clock,
        hooks=WriteHooks(lambda _: None, written.append),
    )


async def test_a_write_without_a_response_is_reported_when_its_status_is_found() -> None:
    written: list[StoredReport] = []
    writer = a_writer(ReportCache(), written)
    status = ReportStatus(summary="after")
    with pytest.raises(UnreachableError):
        await writer.apply(stored("a", summary="before"), status, is_final=True)
    assert written == []
    found = stored("a", version="2", summary="after")
    await writer.apply(found, status, is_final=True)
    assert written == [found]
    await writer.apply(found, status, is_final=True)
    assert written == [found], "once"


async def test_a_report_that_is_deleted_after_a_lost_response_leaves_nothing() -> None:
    cache = ReportCache()
    writer = a_writer(cache, [])
    cache.put(entry_of(stored("a").head), own=True)
    with pytest.raises(UnreachableError):
        await writer.apply(stored("a", summary="before"), ReportStatus(summary="after"), is_final=True)
    assert writer._unconfirmed
    cache.remove(("ns", "a"))
    assert writer._unconfirmed == set()

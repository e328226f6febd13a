"""How new a Workflow is that a reconcile reads: a poll reads etcd, an event may be answered by the cache."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from wfreport.cache.reports import ReportCache
from wfreport.cache.running import PollPolicy, RunningWorkflows
from wfreport.kube.errors import NotFoundError
from wfreport.metrics import Metrics
from wfreport.reconcile.reconciler import Reconciler
from wfreport.runtime.workqueue import Priority, Request

KEY = ("ns", "etl")
POLLED = 7


@pytest.mark.parametrize(
    ("priority", "version", "read"),
    [(Priority.PROGRESS, POLLED, 0), (Priority.PROGRESS, POLLED + 1, POLLED + 1), (Priority.URGENT, 0, POLLED)],
    ids=("poll", "event", "failed pod"),
)
async def test_only_a_poll_reads_what_etcd_has(priority: Priority, version: int, read: int) -> None:
    running = RunningWorkflows(PollPolicy(), clock=lambda: 0.0)
    running.record_poll(KEY, uid="u", version=POLLED)
    asked: list[int] = []

    async def get_json(*_: object, min_resource_version: int) -> bytes:
        asked.append(min_resource_version)
        raise NotFoundError("deleted", status=404)

    workflows: Any = SimpleNamespace(get_json=get_json, read_ahead=SimpleNamespace(take=lambda *_, **__: None))
    evidence: Any = SimpleNamespace(discard=lambda _: None, release_archived=lambda _: None)
    nothing: Any = None
    reconciler = Reconciler(
        workflows=workflows,
        reports=ReportCache(),
        running=running,
        writer=nothing,
        evidence=evidence,
        renderer=nothing,
        metrics=Metrics(),
    )
    await reconciler.reconcile(Request(KEY, priority, version))
    assert asked == [read]

"""How many reports are deleted after a resync."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from wfreport.cache.reports import ReportCache, entry_of
from wfreport.kube.errors import UnreachableError
from wfreport.kube.objects import ObjectMeta
from wfreport.kube.reports import StoredReport, stored_report
from wfreport.metrics import Metrics
from wfreport.reconcile.retention import MAX_DELETIONS, Retention

NOW = datetime(2026, 11, 1, tzinfo=UTC)
CAP = 10


def ended(number: int) -> StoredReport:
    at, uid = "2026-11-01T00:00:00Z", f"w-{number:05}"
    meta = {"name": f"r{number:05}", "namespace": "ns", "uid": f"uid-{number}", "resourceVersion": "1"}
    meta |= {"creationTimestamp": at}
    observed = {"uid": uid, "resourceVersion": "1", "phase": "Succeeded", "finishedAt": at}
    body = {
        "metadata": {**meta, "labels": {"wfreport.dev/workflow-uid": uid}},
        "spec": {"workflowRef": {"name": f"w{number:05}"}},
        "status": {"observedWorkflow": observed},
    }
    return stored_report(json.dumps(body).encode())


class Cluster:
    """Reports without Workflows. Those in ``existing`` have theirs, which nobody has listed."""

    def __init__(self) -> None:
        self.cache = ReportCache()
        self.existing: set[str] = set()
        self.is_reachable = True
        self.deleted: list[str] = []
        self.stored: dict[str, StoredReport] = {}
        reports: Any = self
        self.retention = Retention(
            reports=reports,
            workflows=reports,
            cache=self.cache,
            rules=(),
            namespace_max=CAP,
            metrics=Metrics(),
            clock=lambda: NOW,
        )

    def create(self, numbers: range) -> None:
        for number in numbers:
            report = ended(number)
            self.stored[report.head.metadata.name] = report
            self.cache.put(entry_of(report.head), own=True)

    async def get(self, _: str, name: str) -> StoredReport:
        return self.stored[name]

    async def get_uid(self, _: str, name: str) -> str | None:
        return f"w-{name[1:]}" if name in self.existing else None

    async def delete(self, meta: ObjectMeta) -> None:
        if not self.is_reachable:
            raise UnreachableError("no")
        self.deleted.append(meta.name)


async def test_reports_that_come_faster_than_the_maximum_of_deletions_do_not_become_more() -> None:
    cluster = Cluster()
    cluster.create(range(CAP))
    await cluster.retention.prune({})
    assert cluster.deleted == []
    for turn in range(1, 4):
        cluster.create(range(turn * 5000, turn * 5000 + 3 * MAX_DELETIONS))
        await cluster.retention.prune({})
        assert len(cluster.cache) == CAP


async def test_of_reports_that_were_there_before_the_start_some_are_deleted_at_a_time_the_oldest_first() -> None:
    cluster = Cluster()
    cluster.create(range(2 * MAX_DELETIONS))
    await cluster.retention.prune({})
    assert sorted(cluster.deleted) == [f"r{number:05}" for number in range(MAX_DELETIONS)]
    await cluster.retention.prune({})
    assert len(cluster.cache) == CAP


async def test_in_place_of_a_report_whose_workflow_exists_the_next_one_is_deleted() -> None:
    cluster = Cluster()
    cluster.existing = {"w00000", "w00002"}
    cluster.create(range(CAP + 3))
    await cluster.retention.prune({})
    assert sorted(cluster.deleted) == ["r00001", "r00003", "r00004"]


async def test_an_api_server_that_does_not_answer_ends_the_deletions_until_the_next_time() -> None:
    cluster = Cluster()
    cluster.create(range(CAP + 100))
    cluster.is_reachable = False
    await cluster.retention.prune({})
    assert cluster.deleted == []

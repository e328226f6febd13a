"""Every queue of the operator leaves a worker to a second namespace, however many keys the first one has."""

from __future__ import annotations

import asyncio

import pytest

from wfreport.app.remediation import create_remediation_queues
from wfreport.app.shared import REPORT_READERS, TimeSource, create_queues
from wfreport.clock import now
from wfreport.runtime.workqueue import Priority, WorkQueue
from wfreport.settings import Settings

SETTINGS = Settings()
TIME = TimeSource(now, lambda: 0.0, lambda: 1.0)
FLOOD = 500
NEIGHBOUR = ("neighbour", "only")
WORKERS = {
    "workflows": SETTINGS.workers,
    "captures": SETTINGS.capture_workers,
    "reports": REPORT_READERS,
    "server": SETTINGS.argo_server_workers,
    "server_logs": SETTINGS.argo_server_workers,
}
SINGLE = ("remediations",)
"""Queues with one worker: namespaces take turns."""


def flooded(queue: WorkQueue) -> WorkQueue:
    for number in range(FLOOD):
        queue.add(("flood", str(number)), Priority.URGENT)
    return queue


async def taken(queue: WorkQueue) -> list[str]:
    """The namespaces of the keys that are processed at once, if there are any number of workers."""
    names: list[str] = []
    while True:
        try:
            request = await asyncio.wait_for(queue.get(), 0.01)
        except TimeoutError:
            return names
        assert request
        names.append(request.name[0])


@pytest.mark.parametrize(("name", "workers"), WORKERS.items())
async def test_a_namespace_leaves_a_worker_of_reports_and_evidence_to_the_others(name: str, workers: int) -> None:
    queue = flooded(getattr(create_queues(SETTINGS, TIME), name))
    assert len(await taken(queue)) < workers
    queue.add(NEIGHBOUR, Priority.URGENT)
    assert await taken(queue) == ["neighbour"]


@pytest.mark.parametrize("name", ["runs", "notifications", "pods", "policies"])
async def test_a_namespace_has_one_worker_of_decisions_notifications_labels_and_policies(name: str) -> None:
    queue = flooded(getattr(create_remediation_queues(TIME), name))
    assert await taken(queue) == ["flood"]
    queue.add(NEIGHBOUR, Priority.URGENT)
    assert await taken(queue) == ["neighbour"]


@pytest.mark.parametrize("name", SINGLE)
async def test_namespaces_take_turns_for_the_only_worker(name: str) -> None:
    queue = flooded(getattr(create_remediation_queues(TIME), name))
    queue.add(NEIGHBOUR, Priority.URGENT)
    first, second = await queue.get(), await queue.get()
    assert first
    assert second
    assert NEIGHBOUR in {first.name, second.name}

"""The batches of polls become requests."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from wfreport.cache.reports import ReportCache
from wfreport.cache.running import PollPolicy, RunningWorkflows
from wfreport.reconcile.polls import Poller
from wfreport.runtime.requests import Queues, ReconcileRequests
from wfreport.runtime.workqueue import Priority, QueueLimits, WorkQueue


class Time:
    now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_running_workflows_are_requested_after_an_interval_unless_they_are_queued_anyway() -> None:
    time = Time()
    queues = Queues(*(WorkQueue(QueueLimits(), clock=time, jitter=lambda: 1.0) for _ in range(5)))
    running = RunningWorkflows(PollPolicy(), clock=time)
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        if len(slept) == 2:
            raise asyncio.CancelledError
        slept.append(seconds)
        time.now += seconds

    for name in ("polled", "urgent"):
        running.record_poll(("ns", name), uid="u", version=7)
    queues.workflows.add(("ns", "urgent"), Priority.URGENT)
    requests = ReconcileRequests(queues, running=running, reports=ReportCache())
    no_lists: Any = None
    with pytest.raises(asyncio.CancelledError):
        await Poller(running=running, requests=requests, reader=no_lists, is_cluster_wide=True, sleep=sleep).run()
    assert slept == [10, 10]
    found = [await queues.workflows.get() for _ in range(2)]
    assert [(one.name[1], one.priority, one.min_resource_version) for one in found if one] == [
        ("urgent", Priority.URGENT, 0),
        ("polled", Priority.PROGRESS, 7),
    ]
    assert [queues.workflows.depth(priority) for priority in Priority] == [0, 0]


async def test_the_time_that_a_batch_takes_is_part_of_the_time_until_the_next_one() -> None:
    time, slept = Time(), list[float]()
    queues = Queues(*(WorkQueue(QueueLimits(), clock=time, jitter=lambda: 1.0) for _ in range(5)))
    running = RunningWorkflows(PollPolicy(), clock=time)
    durations = iter((4, 30, 0, 0))

    class Reader:
        async def read(self, *_: object, **__: object) -> None:
            time.now += next(durations)

    async def sleep(seconds: float) -> None:
        if len(slept) == 4:
            raise asyncio.CancelledError
        slept.append(seconds)
        time.now += seconds

    for number in range(10):
        running.record_poll(("ns", str(number)), uid="u", version=7)
    requests = ReconcileRequests(queues, running=running, reports=ReportCache())
    reader: Any = Reader()
    with pytest.raises(asyncio.CancelledError):
        await Poller(running=running, requests=requests, reader=reader, is_cluster_wide=True, sleep=sleep).run()
    assert slept == [10, 6, 2, 10], "after a batch that took longer than the interval, there is a short pause"


async def test_a_batch_that_fails_unexpectedly_is_counted_and_the_next_one_is_read() -> None:
    time, slept, bugs = Time(), list[float](), list[int]()
    queues = Queues(*(WorkQueue(QueueLimits(), clock=time, jitter=lambda: 1.0) for _ in range(5)))
    running = RunningWorkflows(PollPolicy(), clock=time)

    class Reader:
        async def read(self, *_: object, **__: object) -> None:
            raise RecursionError("maximum recursion depth exceeded")

    async def sleep(seconds: float) -> None:
        if len(slept) == 3:
            raise asyncio.CancelledError
        slept.append(seconds)
        time.now += seconds

    for number in range(10):
        running.record_poll(("ns", str(number)), uid="u", version=7)
    requests = ReconcileRequests(queues, running=running, reports=ReportCache())
    reader: Any = Reader()
    poller = Poller(
        running=running,
        requests=requests,
        reader=reader,
        is_cluster_wide=True,
        count_bug=lambda: bugs.append(1),
        sleep=sleep,
    )
    with pytest.raises(asyncio.CancelledError):
        await poller.run()
    assert slept == [10, 10, 10]
    assert bugs

"""A failed reconcile is always retried, never in a busy loop, and never delays other keys."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

import pytest

from wfreport.core.snapshot.decode import NotAWorkflow
from wfreport.kube import errors
from wfreport.kube.errors import ThrottledError
from wfreport.kube.objects import NamespacedName
from wfreport.metrics import Metrics
from wfreport.runtime.result import ReconcileOutcome, Result
from wfreport.runtime.worker import Worker
from wfreport.runtime.workqueue import Priority, QueueLimits, Request, WorkQueue

A, B = ("ns", "a"), ("ns", "b")


class Time:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class World:
    """A queue, a worker and a clock that stands still."""

    def __init__(self, reconcile: Callable[[Request], Awaitable[Result | None]]) -> None:
        self.time = Time()
        self.queue = WorkQueue(QueueLimits(), clock=self.time, jitter=lambda: 1.0)
        self.metrics = Metrics()
        self.worker = Worker(self.queue, reconcile, metrics=self.metrics, clock=self.time)

    async def work(self, key: NamespacedName) -> float | None:
        """Let the worker process a key; return after how many seconds it is scheduled for a retry."""
        self.queue.add(key, Priority.URGENT)
        task = asyncio.create_task(self.worker.run())
        for _ in range(10):  # nothing here waits for anything but its turn
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        alarm = self.queue._rules.next_alarm()
        self.queue.shut_down()
        return None if alarm is None else alarm - self.time.now

    def failed(self, kind: str) -> float:
        value = self.metrics.registry.get_sample_value(
            "wfreport_reconcile_errors_total", {"controller": "report", "error": kind}
        )
        return value or 0.0


def failing(error: Exception) -> Callable[[Request], Awaitable[Result | None]]:
    async def reconcile(_: Request) -> Result | None:
        raise error

    return reconcile


@pytest.mark.parametrize(
    ("error", "retry_in_seconds"),
    [
        pytest.param(errors.ConflictError("x", status=409), 1, id="a conflict soon"),
        pytest.param(errors.ServerError("x", status=500), 1, id="a server error soon"),
        pytest.param(ThrottledError("x", retry_after_seconds=7), 7, id="a throttled one when the server requests"),
        pytest.param(errors.ForbiddenError("x", status=403), 30, id="a missing right after half a minute"),
        pytest.param(errors.InvalidError("x", status=422), 300, id="an invalid object after minutes"),
        pytest.param(errors.BadResponseError("x"), 300, id="an unreadable answer after minutes"),
        pytest.param(NotAWorkflow("x"), 300, id="another kind after minutes"),
        pytest.param(KeyError("x"), 30, id="a bug after half a minute"),
    ],
)
async def test_a_failed_reconcile_is_retried(
    error: Exception, retry_in_seconds: float, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, logger="wfreport"):
        world = World(failing(error))
        assert await world.work(A) == retry_in_seconds
    assert A in world.queue
    assert len(caplog.records) == 1


async def test_a_key_that_always_fails_is_retried_less_and_less_and_delays_no_other() -> None:
    async def reconcile(request: Request) -> Result | None:
        if request.name == A:
            raise errors.ServerError("x", status=500)
        return Result(ReconcileOutcome.COMPLETED)

    world = World(reconcile)
    rules = world.queue._rules
    rules.add(A, Priority.URGENT, 0)
    rules.add(B, Priority.URGENT, 0)
    reconciles: dict[NamespacedName, int] = {A: 0, B: 0}
    for world.time.now in range(3600):
        while request := rules.get(world.time.now):
            reconciles[request.name] += 1
            await world.worker._process(request)
    world.queue.shut_down()
    assert reconciles[B] == 1
    assert reconciles[A] < 25
    assert world.failed("ServerError") == reconciles[A]


async def test_a_slow_reconcile_is_followed_by_a_cooldown() -> None:
    async def reconcile(_: Request) -> Result | None:
        world.time.now += 15
        return Result(ReconcileOutcome.RUNNING, requeue_after_seconds=10)

    world = World(reconcile)
    assert await world.work(A) == 30

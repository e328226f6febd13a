"""What becomes of a look that failed: nothing is forgotten, nothing burns the CPU, nothing stands in another's way."""

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

    def __init__(self, look: Callable[[Request], Awaitable[Result | None]]) -> None:
        self.time = Time()
        self.queue = WorkQueue(QueueLimits(), clock=self.time, jitter=lambda: 1.0)
        self.metrics = Metrics()
        self.worker = Worker(self.queue, look, metrics=self.metrics, clock=self.time)

    async def work(self, key: NamespacedName) -> float | None:
        """Let the worker look at a key; after how many seconds it comes again by itself."""
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
    async def look(_: Request) -> Result | None:
        raise error

    return look


@pytest.mark.parametrize(
    ("error", "again_in_seconds"),
    [
        pytest.param(errors.ConflictError("x", status=409), 1, id="a conflict soon"),
        pytest.param(errors.ServerError("x", status=500), 1, id="a server error soon"),
        pytest.param(ThrottledError("x", retry_after_seconds=7), 7, id="a throttled one when the server says"),
        pytest.param(errors.ForbiddenError("x", status=403), 30, id="a missing right after half a minute"),
        pytest.param(errors.InvalidError("x", status=422), 300, id="an invalid object after minutes"),
        pytest.param(errors.BadResponseError("x"), 300, id="an unreadable answer after minutes"),
        pytest.param(NotAWorkflow("x"), 300, id="garbage after minutes"),
        pytest.param(KeyError("x"), 30, id="a bug after half a minute"),
    ],
)
async def test_a_look_that_failed_is_made_again(
    error: Exception, again_in_seconds: float, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, logger="wfreport"):
        world = World(failing(error))
        assert await world.work(A) == again_in_seconds
    assert A in world.queue
    assert len(caplog.records) == 1


async def test_a_look_that_fails_for_ever_comes_ever_more_seldom_and_keeps_no_other_waiting() -> None:
    async def look(request: Request) -> Result | None:
        if request.name == A:
            raise errors.ServerError("x", status=500)
        return Result(ReconcileOutcome.COMPLETED)

    world = World(look)
    rules = world.queue._rules
    rules.add(A, Priority.URGENT, 0)
    rules.add(B, Priority.URGENT, 0)
    looks: dict[NamespacedName, int] = {A: 0, B: 0}
    for world.time.now in range(3600):
        while request := rules.get(world.time.now):
            looks[request.name] += 1
            await world.worker._process(request)
    world.queue.shut_down()
    assert looks[B] == 1
    assert looks[A] < 25
    assert world.failed("ServerError") == looks[A]


async def test_after_a_look_that_took_long_there_is_a_rest() -> None:
    async def look(_: Request) -> Result | None:
        world.time.now += 3
        return Result(ReconcileOutcome.RUNNING, requeue_after_seconds=10)

    world = World(look)
    assert await world.work(A) == 30

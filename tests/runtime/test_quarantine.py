"""A key that may have killed a leader is tried alone and last, and abandoned if it kills again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from tests.eventually import eventually_async

from wfreport.kube.errors import ServerError
from wfreport.kube.objects import NamespacedName
from wfreport.metrics import Metrics
from wfreport.runtime import quarantine
from wfreport.runtime.in_flight import InFlight
from wfreport.runtime.quarantine import Quarantine, ReconcileRecord
from wfreport.runtime.suspects import (
    DEATHS_TO_MARK_ALL,
    LeaseRecord,
    Mark,
    MarkReason,
    decode_record,
    encode_record,
)
from wfreport.runtime.worker import Worker
from wfreport.runtime.workqueue import Priority, QueueLimits, Request, WorkQueue

BOMB, NEIGHBOUR = ("team", "bomb"), ("team", "neighbour")


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DEFER_SECONDS", "RETRY_SECONDS", "POLL_SECONDS"):
        monkeypatch.setattr(quarantine, name, 0.01)


def mark(name: NamespacedName = BOMB, deaths: int = 0) -> Mark:
    return Mark(
        controller="report", namespace=name[0], name=name[1], reason=MarkReason.BLOCKED_EVENT_LOOP, deaths=deaths
    )


class FakeLease:
    """A Lease whose writes can fail; it has what was written last."""

    def __init__(self, record: ReconcileRecord) -> None:
        self._record = record
        self.stored = LeaseRecord()
        self.failures = 0

    async def update(self) -> bool:
        if self.failures:
            self.failures -= 1
            return False
        self.stored = decode_record(self._record.text())
        return True


class World:
    """A leader that has taken over from a leader that died, and its workers."""

    def __init__(self, inherited: LeaseRecord, *, abandon: Callable[[Mark], Awaitable[None]] | None = None) -> None:
        self.in_flight, self.metrics = InFlight(), Metrics()
        self.record = ReconcileRecord(self.in_flight)
        self.record.taking_over(encode_record(inherited), was_released=False)
        self.lease = FakeLease(self.record)
        self.queue = WorkQueue(QueueLimits(), clock=time.monotonic, jitter=lambda: 1.0)
        self.loaded = asyncio.Event()
        self.reconciled: list[str] = []
        self.on_lease: dict[str, tuple[Mark, ...]] = {}
        self.with_others: set[str] = set()
        self.announced: list[str] = []
        self.quarantine = Quarantine(
            self.record,
            self.lease,  # type: ignore[arg-type]
            self.in_flight,
            queues={"report": self.queue},
            abandon={"report": abandon} if abandon else {},
            announce=self.announce,
            metrics=self.metrics,
        )
        self.quarantine.begin()

    async def announce(self, mark: Mark) -> None:
        self.announced.append(mark.name)

    async def reconcile(self, request: Request) -> None:
        name = request.name[1]
        self.on_lease[name] = self.lease.stored.in_work
        await asyncio.sleep(0)
        if len(self.in_flight.busy()) > 1:
            self.with_others.add(name)
        self.reconciled.append(name)

    def marks_during(self, name: str) -> list[tuple[str, str]]:
        """Return names and reasons of the marks that were on the Lease during the last reconcile of a key."""
        return [(mark.name, mark.reason) for mark in self.on_lease[name]]

    def add(self, *names: NamespacedName) -> None:
        for name in names:
            self.queue.add(name, Priority.URGENT)

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        worker = Worker(
            self.queue, self.reconcile, metrics=self.metrics, clock=time.monotonic, in_flight=self.in_flight
        )
        tasks = [asyncio.create_task(worker.run()) for _ in range(4)]
        tasks.append(asyncio.create_task(self.quarantine.run(is_loaded=self.loaded.is_set)))
        try:
            yield
        finally:
            self.queue.shut_down()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_suspect_is_tried_after_all_others_alone_and_under_a_mark_and_is_then_an_ordinary_key() -> None:
    world = World(LeaseRecord(in_work=(mark(),)))
    others = [("team", f"other-{number}") for number in range(20)]
    async with world.working():
        world.add(BOMB, *others)
        await eventually_async(lambda: len(world.reconciled) == len(others))
        assert "bomb" not in world.reconciled
        assert world.record.suspects == (mark(deaths=1),)
        world.add(*others)
        world.loaded.set()
        await eventually_async(lambda: "bomb" in world.reconciled and len(world.reconciled) == 41)
        assert world.on_lease["bomb"] == (mark(deaths=1),)
        assert "bomb" not in world.with_others
        await eventually_async(lambda: world.lease.stored == LeaseRecord())
        world.add(BOMB)
        await eventually_async(lambda: world.reconciled.count("bomb") == 2)


async def test_a_key_that_was_not_requested_is_tried_too_so_that_the_suspicion_ends() -> None:
    world = World(LeaseRecord(in_work=(mark(),)))
    world.loaded.set()
    async with world.working():
        await eventually_async(lambda: world.reconciled == ["bomb"])


async def test_a_trial_does_not_begin_unless_its_mark_is_on_the_lease() -> None:
    world = World(LeaseRecord(in_work=(mark(),)))
    world.loaded.set()
    world.lease.failures = 3
    async with world.working():
        await eventually_async(lambda: world.reconciled == ["bomb"])
        assert world.on_lease["bomb"] == (mark(deaths=1),)


async def test_a_key_that_killed_twice_is_abandoned_and_never_reconciled() -> None:
    abandoned: list[Mark] = []

    async def abandon(found: Mark) -> None:
        abandoned.append(found)

    world = World(LeaseRecord(in_work=(mark(deaths=1),)), abandon=abandon)
    world.loaded.set()
    async with world.working():
        await eventually_async(lambda: abandoned == [mark(deaths=2)])
        await eventually_async(lambda: world.record.suspects == ())
        assert world.reconciled == []
        labels = {"controller": "report"}
        assert world.metrics.registry.get_sample_value("wfreport_reconciles_abandoned_total", labels) == 1


async def test_a_key_without_a_report_is_abandoned_on_the_lease_until_somebody_removes_the_annotation() -> None:
    world = World(LeaseRecord(in_work=(mark(deaths=1),)))
    world.loaded.set()
    async with world.working():
        await eventually_async(lambda: world.lease.stored.abandoned == (mark(deaths=2),))
        assert world.announced == ["bomb"]
        world.add(BOMB, NEIGHBOUR)
        await eventually_async(lambda: world.reconciled == ["neighbour"])
        text = world.record.renewing(world.record.text())
        assert decode_record(text).abandoned
        assert world.record.renewing("") == ""
        world.add(BOMB)
        await eventually_async(lambda: "bomb" in world.reconciled)


@pytest.mark.parametrize("error", [ServerError("x", status=500), KeyError("a bug")], ids=["refused", "bug"])
async def test_a_report_that_cannot_be_written_leaves_the_key_abandoned_on_the_lease(error: Exception) -> None:
    async def abandon(_: Mark) -> None:
        raise error

    world = World(LeaseRecord(in_work=(mark(deaths=1),)), abandon=abandon)
    async with world.working():
        await eventually_async(lambda: world.lease.stored.abandoned == (mark(deaths=2),))


async def test_what_another_leader_abandoned_stays_so() -> None:
    world = World(LeaseRecord(abandoned=(mark(deaths=2),)))
    async with world.working():
        world.add(BOMB, NEIGHBOUR)
        await eventually_async(lambda: world.reconciled == ["neighbour"])


async def test_after_deaths_without_a_mark_every_reconcile_is_marked_until_the_operator_has_run_for_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    inherited = LeaseRecord(unexplained_deaths=DEATHS_TO_MARK_ALL - 1)
    world = World(inherited)
    async with world.working():
        world.add(NEIGHBOUR)
        await eventually_async(lambda: world.reconciled == ["neighbour"])
        assert world.marks_during("neighbour") == [("neighbour", MarkReason.UNEXPLAINED_DEATHS)]
    monkeypatch.setattr(quarantine, "CALM_SECONDS", 0.01)
    calm = World(inherited)
    assert calm.in_flight.is_restricted
    async with calm.working():
        await eventually_async(lambda: not calm.in_flight.is_restricted)


async def test_a_key_that_was_heavy_is_marked_before_its_next_reconcile() -> None:
    world = World(LeaseRecord(unexplained_deaths=-1))
    async with world.working():
        world.add(BOMB)
        await eventually_async(lambda: world.reconciled == ["bomb"])
        assert world.marks_during("bomb") == []
        assert not world.in_flight.is_restricted
        world.quarantine.ended(mark())
        world.add(BOMB, NEIGHBOUR)
        await eventually_async(lambda: len(world.reconciled) == 3)
        assert world.marks_during("bomb") == [("bomb", MarkReason.HEAVY_BEFORE)]


async def test_a_large_response_is_marked_before_it_is_decoded() -> None:
    world = World(LeaseRecord())

    async def reconcile(request: Request) -> None:
        await world.in_flight.received_large_body()
        world.on_lease[request.name[1]] = world.lease.stored.in_work
        world.reconciled.append(request.name[1])

    world.reconcile = reconcile  # type: ignore[method-assign]
    async with world.working():
        world.add(BOMB)
        await eventually_async(lambda: world.reconciled == ["bomb"])
    assert world.marks_during("bomb") == [("bomb", MarkReason.LARGE_OBJECT)]


async def test_a_leader_that_stops_leaves_what_it_did_not_try_and_no_marks() -> None:
    world = World(LeaseRecord(in_work=(mark(),), unexplained_deaths=1))
    slot = world.in_flight.open_slot("report")
    slot.request = Request(NEIGHBOUR, Priority.URGENT, 0)
    assert slot.set_mark(MarkReason.LARGE_OBJECT)
    assert not slot.set_mark(MarkReason.LARGE_OBJECT)
    assert decode_record(world.record.text()).in_work
    assert decode_record(world.record.releasing()) == LeaseRecord(suspects=(mark(deaths=1),))

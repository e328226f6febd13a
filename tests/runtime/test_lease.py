"""One of several replicas works: the one that holds the Lease, which two never hold, whatever fails."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from wfreport.kube.errors import AlreadyExistsError, ApiError, ConflictError, NotFoundError, UnreachableError
from wfreport.kube.leases import LeaseAnnotations, LeaseMeta, LeaseSpec, StoredLease, micro_time
from wfreport.runtime.lease import Lease, LeaseLostError, LeaseTerms, NotLeadingError

DURATION = 30


def lease_meta(version: int, record: str = "") -> LeaseMeta:
    return LeaseMeta(resource_version=str(version), annotations=LeaseAnnotations(record=record))


@dataclass
class Note:
    """A record that remembers what it was called with."""

    text: str = ""
    inherited: list[tuple[str, bool]] = field(default_factory=list)

    def taking_over(self, stored: str, *, was_released: bool) -> str:
        self.inherited.append((stored, was_released))
        return self.text or stored

    def renewing(self, stored: str) -> str:  # noqa: ARG002  (the interface)
        return self.text

    def releasing(self) -> str:
        return ""


@dataclass
class FakeLeases:
    """The API server: one object with optimistic locking, and requests that fail before or after they take effect."""

    stored: StoredLease | None = None
    failing: list[str] = field(default_factory=list)
    writes: int = 0

    async def get(self) -> StoredLease:
        self._fail("before")
        if self.stored is None:
            raise NotFoundError("no lease", status=404)
        return self.stored

    async def create(self, spec: LeaseSpec, record: str) -> StoredLease:
        if self.stored is not None:
            raise AlreadyExistsError("there is one", status=409)
        return self._write(spec, record)

    async def write(self, before: StoredLease, spec: LeaseSpec, record: str) -> StoredLease:
        if self.stored is None or self.stored.metadata != before.metadata:
            raise ConflictError("changed", status=409)
        return self._write(spec, record)

    def _write(self, spec: LeaseSpec, record: str) -> StoredLease:
        self._fail("before write")
        self.writes += 1
        self.stored = StoredLease(metadata=lease_meta(self.writes, record), spec=spec)
        self._fail("after write")
        return self.stored

    def _fail(self, when: str) -> None:
        if when in self.failing:
            self.failing.remove(when)
            raise UnreachableError("timed out")


class World:
    """A clock, a Lease, and its candidates."""

    def __init__(self) -> None:
        self.time = 1000.0
        self.leases = FakeLeases()

    def candidate(self, identity: str, note: Note | None = None) -> Lease:
        async def sleep(seconds: float) -> None:
            self.time += seconds

        return Lease(
            self.leases,  # type: ignore[arg-type]
            LeaseTerms(identity, DURATION),
            note or Note(),
            clock=lambda: self.time,
            now=lambda: datetime(2026, 11, 25, tzinfo=UTC),
            sleep=sleep,
        )

    async def held_by(self, identity: str, note: Note | None = None) -> Lease:
        lease = self.candidate(identity, note)
        await lease.acquire()
        return lease


async def test_the_first_candidate_acquires_the_lease_and_another_does_not() -> None:
    world = World()
    first, second = await world.held_by("a"), world.candidate("b")
    assert not await second._try_once()
    assert (first.held_seconds, second.held_seconds) == (25, 0)
    assert second.has_been_read
    assert world.leases.stored
    assert world.leases.stored.spec == LeaseSpec(
        holder_identity="a",
        lease_duration_seconds=30,
        acquire_time="2026-11-25T00:00:00.000000Z",
        renew_time="2026-11-25T00:00:00.000000Z",
    )


async def test_another_takes_over_only_after_it_observed_no_renewal_for_the_whole_duration() -> None:
    world = World()
    first = await world.held_by("a")
    second = world.candidate("b")
    began = world.time
    await second.acquire()
    assert world.time >= began + DURATION
    assert first.held_seconds == 0
    assert world.leases.stored
    assert world.leases.stored.spec.lease_transitions == 1


async def test_a_holder_that_renews_keeps_it() -> None:
    world = World()
    first, second = await world.held_by("a"), world.candidate("b")
    for _ in range(10):
        world.time += 10
        assert await first._try_once()
        assert not await second._try_once()


async def test_a_released_lease_is_free_at_once_and_the_old_holder_may_do_nothing() -> None:
    world = World()
    first, second = await world.held_by("a"), world.candidate("b")
    await first.release()
    with pytest.raises(NotLeadingError):
        async with first.held():
            pytest.fail("it is not held")
    assert await second._try_once()
    await first.release()
    assert world.leases.stored
    assert world.leases.stored.spec.holder_identity == "b"


async def test_release_does_not_take_the_lease_from_its_new_holder() -> None:
    world = World()
    first, second = await world.held_by("a"), world.candidate("b")
    await second.acquire()
    assert not await first._try_once()
    await first.release()
    assert world.leases.stored
    assert world.leases.stored.spec.holder_identity == "b"
    assert second.held_seconds


async def test_a_holder_that_cannot_renew_stops_before_another_may_begin() -> None:
    world = World()
    first = await world.held_by("a")
    world.leases.failing = ["before"] * 10
    began = world.time
    with pytest.raises(LeaseLostError):
        await first.keep_renewed()
    assert world.time - began <= DURATION
    assert first.held_seconds == 0


async def test_a_holder_stops_as_soon_as_another_has_the_lease() -> None:
    world = World()
    first = await world.held_by("a")
    assert world.leases.stored
    taken_over = LeaseSpec(holder_identity="b", lease_duration_seconds=30)
    world.leases.stored = StoredLease(metadata=LeaseMeta(resource_version="99"), spec=taken_over)
    with pytest.raises(LeaseLostError):
        await first.keep_renewed()
    assert world.time == 1010


async def test_most_tries_to_renew_may_fail_for_the_whole_duration() -> None:
    world = World()
    first = await world.held_by("a")
    began = world.time
    # from 1010 on, a try each two seconds, until 1024 at the latest
    world.leases.failing = ["before"] * 7
    renewed_at: list[float] = []

    async def sleep(seconds: float) -> None:
        if world.leases.writes > 1:
            renewed_at.append(world.time)
            raise asyncio.CancelledError
        world.time += seconds

    first._sleep = sleep
    with pytest.raises(asyncio.CancelledError):
        await first.keep_renewed()
    assert renewed_at == [began + 24]
    assert first.held_seconds == 25


async def test_two_tries_to_renew_may_fail() -> None:
    world = World()
    first = await world.held_by("a")
    world.leases.failing = ["before"]
    world.time += 10
    assert not await first._try_once()
    assert first.held_seconds
    world.time += 10
    assert await first._try_once()


async def test_a_renewal_whose_response_was_lost_is_recognised_at_the_next_one() -> None:
    world = World()
    first = await world.held_by("a")
    world.leases.failing = ["after write"]
    assert not await first._try_once()
    assert await first._try_once()


async def test_a_block_under_the_lease_ends_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    first = await World().held_by("a")
    monkeypatch.setattr(Lease, "held_seconds", 0.001)
    with pytest.raises(NotLeadingError):
        async with first.held():
            await asyncio.Event().wait()


async def test_without_permission_for_the_lease_nobody_leads_and_it_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    lease = world.candidate("a")
    world.leases.failing = ["before"]
    assert not await lease._try_once()
    assert not lease.has_been_read
    assert [record.message for record in caplog.records] == ["lease update failed"]


async def test_the_successor_of_a_leader_that_died_gets_its_record() -> None:
    world = World()
    first, note = await world.held_by("a"), Note()
    first._note = Note("a/b in work")
    assert await first.update()
    await world.candidate("b", note).acquire()
    assert note.inherited[-1] == ("a/b in work", False)
    assert world.leases.stored
    assert world.leases.stored.record == "a/b in work"


async def test_the_successor_of_a_leader_that_stopped_sees_that_it_did_not_die() -> None:
    world = World()
    first, note = await world.held_by("a", Note("a/b in work")), Note()
    await first.release()
    assert world.leases.stored
    assert world.leases.stored.record == ""
    await world.candidate("b", note).acquire()
    assert note.inherited == [("", True)]


async def test_a_holder_releases_a_lease_that_its_watchdog_has_annotated() -> None:
    world = World()
    first = await world.held_by("a")
    assert world.leases.stored
    world.leases.stored = StoredLease(metadata=lease_meta(99, "a/b in work"), spec=world.leases.stored.spec)
    await first.release()
    assert world.leases.stored.spec.holder_identity == ""


async def test_a_renewal_after_the_watchdog_has_annotated_the_lease_succeeds() -> None:
    world = World()
    first = await world.held_by("a")
    assert world.leases.stored
    world.leases.stored = StoredLease(metadata=lease_meta(99, "a/b in work"), spec=world.leases.stored.spec)
    assert await first._try_once()
    assert world.leases.stored.record == ""


def test_times_are_kubernetes_microtimes() -> None:
    assert micro_time(datetime(2026, 11, 25, 2, 3, 4, 5, UTC)) == "2026-11-25T02:03:04.000005Z"


class NeverTwo(RuleBasedStateMachine):
    """Replicas try, fail, die and restart in any order; requests fail before and after they take effect."""

    def __init__(self) -> None:
        super().__init__()
        # One event loop for all steps: a new one for each takes most of the time of a step.
        self.loop = asyncio.new_event_loop()

    @initialize()
    def begin(self) -> None:
        self.world = World()
        self.replicas = [self.world.candidate(name) for name in "abc"]

    def teardown(self) -> None:
        self.loop.close()

    @rule(replica=st.integers(0, 2))
    def tries(self, replica: int) -> None:
        self.loop.run_until_complete(self._ignoring(self.replicas[replica]._try_once()))

    @rule(replica=st.integers(0, 2), when=st.sampled_from(["before", "before write", "after write"]))
    def tries_and_fails(self, replica: int, when: str) -> None:
        self.world.leases.failing = [when]
        self.tries(replica)
        self.world.leases.failing = []

    @rule(seconds=st.floats(0.1, 40))
    def time_passes(self, seconds: float) -> None:
        self.world.time += seconds

    @rule(replica=st.integers(0, 2))
    def gives_up(self, replica: int) -> None:
        self.loop.run_until_complete(self._ignoring(self.replicas[replica].release()))

    @rule(replica=st.integers(0, 2), serial=st.integers(0, 1 << 30))
    def dies_and_comes_back(self, replica: int, serial: int) -> None:
        self.replicas[replica] = self.world.candidate(f"{replica}-{serial}")

    async def _ignoring(self, work: object) -> None:
        try:
            await work  # type: ignore[misc]
        except ApiError:
            pytest.fail("an error of the API got through")

    @invariant()
    def at_most_one_leads(self) -> None:
        assert sum(1 for replica in self.replicas if replica.held_seconds > 0) <= 1


NeverTwo.TestCase.settings = settings(
    max_examples=min(200, 2 * settings().max_examples),
    stateful_step_count=50,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
TestNeverTwo = NeverTwo.TestCase

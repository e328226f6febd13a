"""The rules of the queue, one by one and all together."""

from __future__ import annotations

import asyncio

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from tests.examples import examples

from wfreport.kube.objects import NamespacedName
from wfreport.runtime.workqueue import KeyedQueue, Priority, QueueLimits, Request, WorkQueue

A, B, C = ("ns", "a"), ("ns", "b"), ("ns", "c")


def queue(**limits: float) -> KeyedQueue:
    return KeyedQueue(QueueLimits(**limits), jitter=lambda: 1.0)  # type: ignore[arg-type]


def next_key(rules: KeyedQueue, now: float) -> NamespacedName | None:
    request = rules.get(now)
    return request.name if request else None


def test_a_key_waits_once_however_often_it_is_added() -> None:
    rules = queue()
    rules.add(A, Priority.PROGRESS, 0, min_resource_version=7)
    rules.add(A, Priority.PROGRESS, 1, min_resource_version=5)
    assert rules.get(2) == Request(A, Priority.PROGRESS, 7)
    assert rules.get(2) is None


def test_a_key_added_while_it_is_processed_waits_for_the_end() -> None:
    rules = queue()
    rules.add(A, Priority.PROGRESS, 0)
    rules.get(0)
    rules.add(A, Priority.URGENT, 1, min_resource_version=9)
    assert rules.get(1) is None
    rules.done(A, 2)
    assert rules.get(2) == Request(A, Priority.URGENT, 9)


def test_urgent_keys_go_first_and_a_waiting_key_becomes_urgent() -> None:
    rules = queue()
    for key in (A, B):
        rules.add(key, Priority.PROGRESS, 0)
    rules.add(C, Priority.URGENT, 1)
    rules.add(B, Priority.URGENT, 2)
    assert [next_key(rules, 3) for _ in range(3)] == [C, B, A]


def test_progress_keys_above_the_bound_are_deferred_and_urgent_ones_never_are() -> None:
    rules = queue(progress=1, defer_seconds=10)
    rules.add(A, Priority.PROGRESS, 0)
    rules.add(B, Priority.PROGRESS, 0)
    rules.add(C, Priority.URGENT, 0)
    assert [next_key(rules, 0), next_key(rules, 0), next_key(rules, 0)] == [C, A, None]
    assert next_key(rules, 10) == B


def test_progress_keys_leave_a_worker_to_urgent_ones() -> None:
    rules = queue(progress_workers=1)
    rules.add(A, Priority.PROGRESS, 0)
    rules.add(B, Priority.PROGRESS, 0)
    assert [next_key(rules, 0), next_key(rules, 0)] == [A, None]
    rules.add(C, Priority.URGENT, 0)
    assert next_key(rules, 0) == C
    rules.done(A, 0)
    assert next_key(rules, 0) == B


def test_a_failed_key_is_retried_after_a_delay_that_doubles_up_to_a_bound() -> None:
    rules, now, delays = queue(backoff_min_seconds=1, backoff_max_seconds=5), 0.0, []
    rules.add(A, Priority.URGENT, now)
    for _ in range(4):
        request = rules.get(now)
        assert request is not None
        delays.append(rules.add_rate_limited(request, now))
        assert rules.get(now) is None
        now += delays[-1]
    assert delays == [1, 2, 4, 5]


def test_success_resets_the_backoff() -> None:
    rules = queue(backoff_min_seconds=1)
    rules.add(A, Priority.URGENT, 0)
    request = rules.get(0)
    assert request
    rules.add_rate_limited(request, 0)
    assert next_key(rules, 1) == A
    rules.done(A, 1)
    rules.add(A, Priority.URGENT, 2)
    retried = rules.get(2)
    assert retried
    assert rules.add_rate_limited(retried, 2) == 1


def test_a_retry_waits_at_least_as_long_as_requested() -> None:
    rules = queue(backoff_min_seconds=1)
    rules.add(A, Priority.URGENT, 0)
    request = rules.get(0)
    assert request
    assert rules.add_rate_limited(request, 0, at_least_seconds=30) == 30
    assert (next_key(rules, 29), next_key(rules, 30)) == (None, A)


def test_a_new_event_does_not_wait_for_the_backoff() -> None:
    rules = queue(backoff_min_seconds=100)
    rules.add(A, Priority.URGENT, 0)
    request = rules.get(0)
    assert request
    rules.add_rate_limited(request, 0)
    rules.add(A, Priority.URGENT, 1)
    assert next_key(rules, 1) == A


def test_the_earliest_of_several_scheduled_times_counts_for_all() -> None:
    rules = queue()
    rules.add_at(A, 10, Priority.PROGRESS, 0)
    rules.add_at(A, 5, Priority.PROGRESS, 0, min_resource_version=3)
    rules.add_at(A, 20, Priority.URGENT, 0)
    assert rules.next_alarm() == 5
    assert rules.get(5) == Request(A, Priority.URGENT, 3)
    rules.done(A, 5)
    assert rules.next_alarm() is None


def test_a_key_is_due_within_a_time_if_it_waits_or_is_scheduled_before() -> None:
    rules = queue()
    rules.add(A, Priority.URGENT, 0)
    rules.add_at(B, 5, Priority.PROGRESS, 0)
    due = {key: rules.is_due_within(key, 2, now) for key, now in ((A, 0), (B, 0), (C, 0))}
    assert due == {A: True, B: False, C: False}
    assert rules.is_due_within(B, 2, 3)
    rules.get(3)
    assert not rules.is_due_within(A, 2, 3), "it is being processed"


async def test_a_waiting_worker_is_woken_by_a_key_by_an_alarm_and_by_shutdown() -> None:
    loop = asyncio.get_running_loop()
    work = WorkQueue(QueueLimits(), clock=loop.time, jitter=lambda: 1.0)
    waiting = asyncio.create_task(work.get())
    work.add(A, Priority.URGENT)
    request = await waiting
    assert request
    assert request.name == A
    work.done(request)
    work.add_after(B, 0.01, Priority.PROGRESS)
    later = await asyncio.wait_for(work.get(), 5)
    assert later
    assert later.name == B
    idle = [asyncio.create_task(work.get()) for _ in range(3)]
    await asyncio.sleep(0)
    work.shut_down()
    assert await asyncio.gather(*idle) == [None, None, None]


async def test_every_waiting_worker_gets_a_key_when_there_are_enough() -> None:
    loop = asyncio.get_running_loop()
    work = WorkQueue(QueueLimits(), clock=loop.time, jitter=lambda: 1.0)
    waiting = [asyncio.create_task(work.get()) for _ in range(3)]
    await asyncio.sleep(0)
    for key in (A, B, C):
        work.add_after(key, 0.01, Priority.PROGRESS)
    requests = await asyncio.wait_for(asyncio.gather(*waiting), 5)
    assert {request.name for request in requests if request} == {A, B, C}


KEYS = st.sampled_from([("ns", name) for name in "abcdef"])


class QueueMachine(RuleBasedStateMachine):
    """Any order of adds, gets, failures and pauses: no key is lost or duplicated, and the queue stays bounded."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.work = queue(progress=2, progress_workers=2, defer_seconds=3, backoff_min_seconds=1, backoff_max_seconds=8)
        self.busy: dict[NamespacedName, Request] = {}
        self.owed: dict[NamespacedName, int] = {}

    @rule(key=KEYS, priority=st.sampled_from(Priority), version=st.integers(0, 100))
    def add(self, key: NamespacedName, priority: Priority, version: int) -> None:
        self.work.add(key, priority, self.now, min_resource_version=version)
        self.owed[key] = max(version, self.owed.get(key, 0))

    @rule(key=KEYS, seconds=st.floats(0, 20), priority=st.sampled_from(Priority))
    def add_later(self, key: NamespacedName, seconds: float, priority: Priority) -> None:
        self.work.add_at(key, self.now + seconds, priority, self.now)
        self.owed.setdefault(key, 0)

    @rule(seconds=st.floats(0, 10))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def take(self) -> None:
        request = self.work.get(self.now)
        if request is None:
            return
        assert request.name not in self.busy
        assert request.name in self.owed
        assert request.min_resource_version >= self.owed.pop(request.name)
        self.busy[request.name] = request

    @precondition(lambda self: self.busy)
    @rule(data=st.data())
    def done(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(sorted(self.busy)))
        del self.busy[key]
        self.work.done(key, self.now)

    @precondition(lambda self: self.busy)
    @rule(data=st.data())
    def retry(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(sorted(self.busy)))
        request = self.busy.pop(key)
        assert 1 <= self.work.add_rate_limited(request, self.now) <= 8
        self.owed[key] = max(request.min_resource_version, self.owed.get(key, 0))

    @invariant()
    def progress_is_bounded(self) -> None:
        assert self.work.depth(Priority.PROGRESS) <= 2

    def teardown(self) -> None:
        """Every key that was added is handed out in the end."""
        for key in list(self.busy):
            self.work.done(key, self.now)
        self.busy.clear()
        for _ in range(200):
            self.now += 1
            while self.owed and (request := self.work.get(self.now)):
                self.owed.pop(request.name, None)
                self.work.done(request.name, self.now)
        assert not self.owed


TestQueueMachine = QueueMachine.TestCase
TestQueueMachine.settings = settings(max_examples=examples(150), stateful_step_count=40, deadline=None)


def test_depth_age_and_scheduled_keys_are_counted() -> None:
    rules = queue()
    rules.add(A, Priority.URGENT, 3)
    rules.add_at(B, 50, Priority.PROGRESS, 3)
    assert (rules.depth(Priority.URGENT), rules.oldest_seconds(Priority.URGENT, 10), rules.scheduled()) == (1, 7, 1)
    assert rules.oldest_seconds(Priority.PROGRESS, 10) == 0
    assert A in rules
    assert B not in rules

"""The rules of the queue, one by one and all together."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from tests.examples import examples

from wfreport.kube.objects import NamespacedName
from wfreport.runtime.keyed_queue import PROGRESS_TURN, KeyedQueue
from wfreport.runtime.workqueue import Priority, QueueLimits, Request, WorkQueue

A, B, C = ("ns", "a"), ("ns", "b"), ("ns", "c")
D = ("neighbour", "d")


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


def test_a_namespace_with_very_many_keys_lets_another_go_second() -> None:
    rules = queue()
    for number in range(20_000):
        rules.add(("flood", str(number)), Priority.URGENT, 0)
    rules.add(("neighbour", "completed"), Priority.URGENT, 1)
    assert ("neighbour", "completed") in [next_key(rules, 1) for _ in range(2)]


def test_a_namespace_leaves_a_worker_to_the_others() -> None:
    rules = queue(workers_per_namespace=2)
    for key in (A, B, C):
        rules.add(key, Priority.URGENT, 0)
    assert [next_key(rules, 0) for _ in range(3)] == [A, B, None]
    rules.add(D, Priority.PROGRESS, 0)
    assert next_key(rules, 0) == D
    rules.done(A, 0)
    assert next_key(rules, 0) == C


def test_a_progress_key_gets_a_turn_under_a_flood_of_urgent_ones_once_it_has_waited() -> None:
    rules = queue(progress_patience_seconds=2)
    rules.add(D, Priority.PROGRESS, 0)
    for number in range(100):
        rules.add(("flood", str(number)), Priority.URGENT, 0)
    assert D not in [next_key(rules, 1) for _ in range(20)]
    turns = [next_key(rules, 2) for _ in range(PROGRESS_TURN)]
    assert turns.count(D) == 1
    assert len([key for key in turns if key and key[0] == "flood"]) == PROGRESS_TURN - 1


def test_the_namespace_with_most_progress_keys_makes_room_for_one_with_fewer() -> None:
    rules = queue(progress=4, defer_seconds=10)
    for name in "abcd":
        rules.add(("flood", name), Priority.PROGRESS, 0)
    rules.add(D, Priority.PROGRESS, 0)
    rules.add(("flood", "e"), Priority.PROGRESS, 0)
    assert (rules.depth(Priority.PROGRESS, "flood"), rules.depth(Priority.PROGRESS, D[0])) == (3, 1)
    taken = [next_key(rules, 0) for _ in range(5)]
    assert taken == [("flood", "a"), D, ("flood", "b"), ("flood", "c"), None]
    assert {next_key(rules, 10) for _ in range(2)} == {("flood", "d"), ("flood", "e")}, "they were deferred"


def test_a_full_queue_takes_as_long_for_a_key_as_an_empty_one() -> None:
    """A hundred times as many keys take about a hundred times as long; a quadratic queue takes ten thousand times."""

    def cpu_seconds(keys: int) -> float:
        rules = queue(progress=keys // 2)
        began = time.thread_time()
        for number in range(keys):
            rules.add((f"ns-{number % 50}", str(number)), Priority(number % 2), 0)
        while next_key(rules, 0):
            pass
        return time.thread_time() - began

    few = max(cpu_seconds(500) for _ in range(3))
    assert cpu_seconds(50_000) < 100 * few * 10


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


def test_a_key_that_is_scheduled_anew_again_and_again_takes_no_memory() -> None:
    rules, week = queue(), 7 * 24 * 3600
    rules.add_at(B, 50_000, Priority.PROGRESS, 0)  # the next alarm, so that no later one is looked at
    for now in range(20_000):
        rules.add(A, Priority.URGENT, now)
        assert next_key(rules, now) == A
        rules.done(A, now)
        rules.add_at(A, now + week, Priority.PROGRESS, now)
    assert len(rules._alarms) < 2_000
    assert rules.get(50_000) == Request(B, Priority.PROGRESS, 0)
    assert rules.next_alarm() == 19_999 + week


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


KEYS = st.sampled_from(
    [(namespace, name) for namespace, names in (("x", "abcd"), ("y", "ab"), ("z", "a")) for name in names]
)


class QueueMachine(RuleBasedStateMachine):
    """Any order of adds, gets, failures and pauses.

    No key is lost or duplicated, the queue stays bounded, and namespaces take turns: while a namespace waits, no other
    one goes twice before it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        limits = {"progress": 2, "progress_workers": 2, "workers_per_namespace": 2, "progress_patience_seconds": 5}
        self.work = queue(defer_seconds=3, backoff_min_seconds=1, backoff_max_seconds=8, **limits)
        self.busy: dict[NamespacedName, Request] = {}
        self.owed: dict[NamespacedName, int] = {}
        self.went_before: defaultdict[tuple[Priority, str], set[str]] = defaultdict(set)

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
        namespace = request.name[0]
        assert self.workers_of(namespace) <= 2
        for other in "xyz":
            waits = self.work.depth(request.priority, other) > 0 and self.workers_of(other) < 2
            went_before = self.went_before[(request.priority, other)]
            if other == namespace or not waits:
                went_before.clear()
            else:
                assert namespace not in went_before, f"{namespace} went twice while {other} waited"
                went_before.add(namespace)

    def workers_of(self, namespace: str) -> int:
        return sum(key[0] == namespace for key in self.busy)

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

    @invariant()
    def turns_begin_anew_with_each_wait(self) -> None:
        for (priority, namespace), went_before in self.went_before.items():
            if not self.work.depth(priority, namespace) or self.workers_of(namespace) >= 2:
                went_before.clear()

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

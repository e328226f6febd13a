"""The rules of the queue, one by one and all together."""

from __future__ import annotations

import asyncio

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from wfreport.kube.objects import NamespacedName
from wfreport.runtime.workqueue import KeyedQueue, Lane, QueueLimits, Ticket, WorkQueue

A, B, C = ("ns", "a"), ("ns", "b"), ("ns", "c")


def queue(**limits: float) -> KeyedQueue:
    return KeyedQueue(QueueLimits(**limits), jitter=lambda: 1.0)  # type: ignore[arg-type]


def taken(rules: KeyedQueue, now: float) -> NamespacedName | None:
    ticket = rules.take(now)
    return ticket.key if ticket else None


def test_a_key_waits_once_however_often_it_is_added() -> None:
    rules = queue()
    rules.add(A, Lane.PROGRESS, 0, not_older_than=7)
    rules.add(A, Lane.PROGRESS, 1, not_older_than=5)
    assert rules.take(2) == Ticket(A, Lane.PROGRESS, 7)
    assert rules.take(2) is None


def test_what_is_added_while_a_key_is_worked_on_waits_for_that_to_end() -> None:
    rules = queue()
    rules.add(A, Lane.PROGRESS, 0)
    rules.take(0)
    rules.add(A, Lane.URGENT, 1, not_older_than=9)
    assert rules.take(1) is None
    rules.done(A, 2)
    assert rules.take(2) == Ticket(A, Lane.URGENT, 9)


def test_urgent_keys_go_first_and_a_waiting_key_becomes_urgent() -> None:
    rules = queue()
    for key in (A, B):
        rules.add(key, Lane.PROGRESS, 0)
    rules.add(C, Lane.URGENT, 1)
    rules.add(B, Lane.URGENT, 2)
    assert [taken(rules, 3) for _ in range(3)] == [C, B, A]


def test_one_progress_look_too_many_is_put_off_and_urgent_ones_never_are() -> None:
    rules = queue(progress=1, put_off_seconds=10)
    rules.add(A, Lane.PROGRESS, 0)
    rules.add(B, Lane.PROGRESS, 0)
    rules.add(C, Lane.URGENT, 0)
    assert [taken(rules, 0), taken(rules, 0), taken(rules, 0)] == [C, A, None]
    assert taken(rules, 10) == B


def test_progress_looks_leave_a_worker_to_what_is_urgent() -> None:
    rules = queue(progress_workers=1)
    rules.add(A, Lane.PROGRESS, 0)
    rules.add(B, Lane.PROGRESS, 0)
    assert [taken(rules, 0), taken(rules, 0)] == [A, None]
    rules.add(C, Lane.URGENT, 0)
    assert taken(rules, 0) == C
    rules.done(A, 0)
    assert taken(rules, 0) == B


def test_a_failed_key_comes_again_after_a_delay_that_doubles_up_to_a_bound() -> None:
    rules, now, delays = queue(backoff_min_seconds=1, backoff_max_seconds=5), 0.0, []
    rules.add(A, Lane.URGENT, now)
    for _ in range(4):
        ticket = rules.take(now)
        assert ticket is not None
        delays.append(rules.retry(ticket, now))
        assert rules.take(now) is None
        now += delays[-1]
    assert delays == [1, 2, 4, 5]


def test_success_forgets_failures() -> None:
    rules = queue(backoff_min_seconds=1)
    rules.add(A, Lane.URGENT, 0)
    ticket = rules.take(0)
    assert ticket
    rules.retry(ticket, 0)
    assert taken(rules, 1) == A
    rules.done(A, 1)
    rules.add(A, Lane.URGENT, 2)
    again = rules.take(2)
    assert again
    assert rules.retry(again, 2) == 1


def test_a_server_that_says_when_is_obeyed() -> None:
    rules = queue(backoff_min_seconds=1)
    rules.add(A, Lane.URGENT, 0)
    ticket = rules.take(0)
    assert ticket
    assert rules.retry(ticket, 0, at_least_seconds=30) == 30
    assert (taken(rules, 29), taken(rules, 30)) == (None, A)


def test_something_new_does_not_wait_for_the_backoff() -> None:
    rules = queue(backoff_min_seconds=100)
    rules.add(A, Lane.URGENT, 0)
    ticket = rules.take(0)
    assert ticket
    rules.retry(ticket, 0)
    rules.add(A, Lane.URGENT, 1)
    assert taken(rules, 1) == A


def test_of_several_times_the_earliest_counts_and_a_look_answers_them_all() -> None:
    rules = queue()
    rules.add_at(A, 10, Lane.PROGRESS, 0)
    rules.add_at(A, 5, Lane.PROGRESS, 0, not_older_than=3)
    rules.add_at(A, 20, Lane.URGENT, 0)
    assert rules.next_alarm() == 5
    assert rules.take(5) == Ticket(A, Lane.URGENT, 3)
    rules.done(A, 5)
    assert rules.next_alarm() is None


def test_whether_a_key_is_due_soon_is_told() -> None:
    rules = queue()
    rules.add(A, Lane.URGENT, 0)
    rules.add_at(B, 5, Lane.PROGRESS, 0)
    due = {key: rules.is_due_within(key, 2, now) for key, now in ((A, 0), (B, 0), (C, 0))}
    assert due == {A: True, B: False, C: False}
    assert rules.is_due_within(B, 2, 3)
    rules.take(3)
    assert not rules.is_due_within(A, 2, 3), "it is being looked at"


async def test_a_worker_that_waits_is_woken_by_a_key_by_an_alarm_and_by_the_end() -> None:
    loop = asyncio.get_running_loop()
    work = WorkQueue(QueueLimits(), clock=loop.time, jitter=lambda: 1.0)
    waiting = asyncio.create_task(work.take())
    work.add(A, Lane.URGENT)
    ticket = await waiting
    assert ticket
    assert ticket.key == A
    work.done(ticket)
    work.add_in(B, 0.01, Lane.PROGRESS)
    later = await asyncio.wait_for(work.take(), 5)
    assert later
    assert later.key == B
    idle = [asyncio.create_task(work.take()) for _ in range(3)]
    await asyncio.sleep(0)
    work.close()
    assert await asyncio.gather(*idle) == [None, None, None]


async def test_every_waiting_worker_gets_a_key_when_there_are_enough() -> None:
    loop = asyncio.get_running_loop()
    work = WorkQueue(QueueLimits(), clock=loop.time, jitter=lambda: 1.0)
    waiting = [asyncio.create_task(work.take()) for _ in range(3)]
    await asyncio.sleep(0)
    for key in (A, B, C):
        work.add_in(key, 0.01, Lane.PROGRESS)
    tickets = await asyncio.wait_for(asyncio.gather(*waiting), 5)
    assert {ticket.key for ticket in tickets if ticket} == {A, B, C}


KEYS = st.sampled_from([("ns", name) for name in "abcdef"])


class QueueMachine(RuleBasedStateMachine):
    """Any order of adds, looks, failures and waiting: nothing is lost, nothing is doubled, all is bounded."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.work = queue(
            progress=2, progress_workers=2, put_off_seconds=3, backoff_min_seconds=1, backoff_max_seconds=8
        )
        self.busy: dict[NamespacedName, Ticket] = {}
        self.owed: dict[NamespacedName, int] = {}

    @rule(key=KEYS, lane=st.sampled_from(Lane), version=st.integers(0, 100))
    def add(self, key: NamespacedName, lane: Lane, version: int) -> None:
        self.work.add(key, lane, self.now, not_older_than=version)
        self.owed[key] = max(version, self.owed.get(key, 0))

    @rule(key=KEYS, seconds=st.floats(0, 20), lane=st.sampled_from(Lane))
    def add_later(self, key: NamespacedName, seconds: float, lane: Lane) -> None:
        self.work.add_at(key, self.now + seconds, lane, self.now)
        self.owed.setdefault(key, 0)

    @rule(seconds=st.floats(0, 10))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def take(self) -> None:
        ticket = self.work.take(self.now)
        if ticket is None:
            return
        assert ticket.key not in self.busy
        assert ticket.key in self.owed
        assert ticket.not_older_than >= self.owed.pop(ticket.key)
        self.busy[ticket.key] = ticket

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
        ticket = self.busy.pop(key)
        assert 1 <= self.work.retry(ticket, self.now) <= 8
        self.owed[key] = max(ticket.not_older_than, self.owed.get(key, 0))

    @invariant()
    def progress_is_bounded(self) -> None:
        assert self.work.depth(Lane.PROGRESS) <= 2

    def teardown(self) -> None:
        """Whatever was asked for is handed out in the end."""
        for key in list(self.busy):
            self.work.done(key, self.now)
        self.busy.clear()
        for _ in range(200):
            self.now += 1
            while self.owed and (ticket := self.work.take(self.now)):
                self.owed.pop(ticket.key, None)
                self.work.done(ticket.key, self.now)
        assert not self.owed


TestQueueMachine = QueueMachine.TestCase
TestQueueMachine.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)


def test_the_depth_age_and_alarms_are_told() -> None:
    rules = queue()
    rules.add(A, Lane.URGENT, 3)
    rules.add_at(B, 50, Lane.PROGRESS, 3)
    assert (rules.depth(Lane.URGENT), rules.oldest_seconds(Lane.URGENT, 10), rules.later()) == (1, 7, 1)
    assert rules.oldest_seconds(Lane.PROGRESS, 10) == 0
    assert A in rules
    assert B not in rules

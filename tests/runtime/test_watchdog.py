"""The watchdog names the reconcile that blocks the event loop, among all that are in flight."""

from __future__ import annotations

import asyncio
import logging
import signal
import subprocess
import sys
import time

import pytest
from tests.eventually import eventually

from wfreport.metrics import Metrics
from wfreport.runtime import watchdog
from wfreport.runtime.in_flight import InFlight, Slot
from wfreport.runtime.suspects import MarkReason
from wfreport.runtime.watchdog import HEAVY_BYTES, BlockMeter, LoadMeter, Sample, Watchdog
from wfreport.runtime.worker import Worker
from wfreport.runtime.workqueue import Priority, QueueLimits, Request, WorkQueue

DEADLINE_SECONDS = 20


def busy_slot(name: str) -> Slot:
    slot = Slot("report", None)
    slot.request = Request(("ns", name), Priority.URGENT, 0)
    return slot


def sample(
    *, cpu: float = 0, rss: int = 0, running: Slot | None = None, is_same: bool = True, blocked_seconds: float = 0
) -> Sample:
    return Sample(0, cpu, rss, running, is_same, blocked_seconds)


class TestBlockMeter:
    def test_a_block_is_reported_after_five_seconds_and_again_each_time_that_it_has_doubled(self) -> None:
        meter = BlockMeter(100)
        assert [at for at in range(100, 160) if meter.is_report_due(at)] == [105, 110, 120, 140]
        assert meter.is_reported

    def test_a_loop_that_answers_begins_anew(self) -> None:
        meter = BlockMeter(100)
        assert meter.is_report_due(106)
        meter.poked(107)
        assert not meter.is_reported
        assert not meter.is_report_due(111)
        assert meter.is_report_due(112)

    def test_time_in_which_the_process_was_stopped_does_not_count(self) -> None:
        meter = BlockMeter(100)
        meter.exclude(30)
        assert meter.seconds(131) == 1
        assert not meter.is_report_due(131)


class TestLoadMeter:
    def test_a_reconcile_that_blocks_the_loop_for_more_than_a_second_is_heavy(self) -> None:
        slot, other, meter = busy_slot("a"), busy_slot("b"), LoadMeter()
        assert meter.observe(sample(running=slot, blocked_seconds=0.9), [slot, other]) == []
        meter.observe(sample(running=slot, blocked_seconds=1.0), [slot, other])
        heavy = meter.observe(sample(running=slot, blocked_seconds=1.1), [slot, other])
        assert heavy == [(slot, MarkReason.BLOCKED_EVENT_LOOP)]

    def test_a_reconcile_that_yields_but_uses_more_than_a_second_of_cpu_is_heavy(self) -> None:
        slot, other, meter = busy_slot("a"), busy_slot("b"), LoadMeter()
        meter.observe(sample(cpu=10), [slot, other])
        assert meter.observe(sample(cpu=10.6, running=slot), [slot, other]) == []
        assert meter.observe(sample(cpu=30, running=None), [slot, other]) == []
        assert meter.observe(sample(cpu=30.6, running=slot), [slot, other]) == [(slot, MarkReason.BLOCKED_EVENT_LOOP)]

    def test_a_reconcile_that_merely_has_its_turn_on_a_busy_loop_is_not_heavy(self) -> None:
        slot, other, meter = busy_slot("a"), busy_slot("b"), LoadMeter()
        meter.observe(sample(running=slot), [slot, other])
        busy_loop = sample(cpu=30, running=slot, is_same=False, blocked_seconds=3)
        assert meter.observe(busy_loop, [slot, other]) == []

    def test_memory_counts_for_the_one_that_runs(self) -> None:
        slot, other, meter = busy_slot("a"), busy_slot("b"), LoadMeter()
        meter.observe(sample(rss=50 << 20), [slot, other])
        rss = (50 << 20) + HEAVY_BYTES + 1
        assert meter.observe(sample(rss=rss, running=slot), [slot, other]) == [(slot, MarkReason.MEMORY_GREW)]

    def test_memory_that_grows_outside_of_the_loop_counts_for_all_in_flight(self) -> None:
        slot, other, meter = busy_slot("a"), busy_slot("b"), LoadMeter()
        meter.observe(sample(rss=50 << 20), [slot, other])
        heavy = meter.observe(sample(rss=(50 << 20) + HEAVY_BYTES + 1), [slot, other])
        assert heavy == [(slot, MarkReason.MEMORY_GREW), (other, MarkReason.MEMORY_GREW)]

    def test_the_next_request_of_a_worker_begins_with_nothing(self) -> None:
        slot, meter = busy_slot("a"), LoadMeter()
        meter.observe(sample(), [slot])
        meter.observe(sample(cpu=0.9, running=slot), [slot])
        slot.request = Request(("ns", "next"), Priority.URGENT, 0)
        assert meter.observe(sample(cpu=1.8, running=slot), [slot]) == []

    def test_memory_is_not_known_everywhere(self) -> None:
        slot, meter = busy_slot("a"), LoadMeter()
        meter.observe(sample(rss=0, running=slot), [slot])
        assert meter.observe(sample(rss=1 << 30, running=slot), [slot]) == []


def blocks(metrics: Metrics, controller: str) -> float:
    return metrics.registry.get_sample_value("wfreport_event_loop_blocked_total", {"controller": controller}) or 0.0


def block_until_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Block the event loop, as a bug does, until the watchdog has written about it."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not any(record.message == "event loop blocked" for record in caplog.records):
        assert time.monotonic() < deadline, "the watchdog has logged nothing"


async def test_the_reconcile_that_blocks_the_loop_is_named_among_eight_in_flight(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watchdog, "REPORT_SECONDS", 0.3)
    metrics, in_flight, all_begun, ended = Metrics(), InFlight(), asyncio.Event(), asyncio.Event()
    queue = WorkQueue(QueueLimits(), clock=time.monotonic, jitter=lambda: 1.0)

    async def reconcile(request: Request) -> None:
        if len(in_flight.busy()) == 8:
            all_begun.set()
        await all_begun.wait()
        if request.name[1] == "culprit":
            block_until_logged(caplog)
            ended.set()
        await ended.wait()

    for name in ("a", "b", "c", "culprit", "d", "e", "f", "g"):
        queue.add(("team", name), Priority.URGENT)
    worker = Worker(queue, reconcile, metrics=metrics, clock=time.monotonic, in_flight=in_flight, name="report")
    dog = Watchdog(
        in_flight,
        count_blocked=lambda controller: metrics.event_loop_blocked.labels(controller).inc(),
        write_marks=None,
    )
    with dog.running():
        workers = [asyncio.create_task(worker.run()) for _ in range(8)]
        await ended.wait()
        queue.shut_down()
        await asyncio.gather(*workers)
    record = next(record for record in caplog.records if record.message == "event loop blocked")
    assert record.levelno == logging.ERROR
    pairs = record.pairs  # type: ignore[attr-defined]
    assert (pairs["controller"], pairs["namespace"], pairs["name"]) == ("report", "team", "culprit")
    assert "in block_until_logged: " in pairs["stack"]
    assert len(pairs["stack"].splitlines()) <= watchdog.MAX_FRAMES
    assert blocks(metrics, "report") == 1


async def test_a_block_by_something_else_is_counted_as_other_and_lists_what_is_in_flight(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watchdog, "REPORT_SECONDS", 0.3)
    metrics, in_flight = Metrics(), InFlight()
    slot = in_flight.open_slot("report")
    slot.request, slot.task = Request(("team", "a"), Priority.URGENT, 0), None
    dog = Watchdog(
        in_flight,
        count_blocked=lambda controller: metrics.event_loop_blocked.labels(controller).inc(),
        write_marks=None,
    )
    with dog.running():
        block_until_logged(caplog)
    record = next(record for record in caplog.records if record.message == "event loop blocked")
    assert record.pairs["in_flight"] == ["report team/a"]  # type: ignore[attr-defined]
    assert blocks(metrics, "other") == 1


GIL_KEPT = """
import asyncio, re, sys
from wfreport.runtime import watchdog
from wfreport.runtime.in_flight import InFlight

watchdog.STUCK_SECONDS = 0.3
watchdog.IDLE_TICK_SECONDS = 0.05

async def main():
    dog = watchdog.Watchdog(InFlight(), count_blocked=print, write_marks=None, dump=sys.stderr)
    with dog.running():
        await asyncio.sleep(0.5)
        the_culprit()

def the_culprit():
    re.match("(a+)+$", "a" * 40 + "b")

asyncio.run(main())
"""


def test_a_call_that_keeps_the_interpreters_lock_is_shown_by_its_stack() -> None:
    with subprocess.Popen([sys.executable, "-c", GIL_KEPT], stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        try:
            assert any("in the_culprit" in line for line in process.stderr)
        finally:
            process.kill()


STOPPED = """
import asyncio, sys
from wfreport.runtime import watchdog
from wfreport.runtime.in_flight import InFlight

watchdog.REPORT_SECONDS = 3
watchdog.IDLE_TICK_SECONDS = 0.05

async def main():
    dog = watchdog.Watchdog(InFlight(), count_blocked=lambda controller: print("blocked", flush=True), write_marks=None)
    with dog.running():
        print("running", flush=True)
        sys.stdin.readline()
        await asyncio.sleep(0.3)

asyncio.run(main())
"""


def test_the_time_in_which_a_process_is_stopped_does_not_count_as_blocked() -> None:
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", STOPPED], text=True, **pipes) as process:  # type: ignore[call-overload]
        assert process.stdout.readline() == "running\n"
        began_at = time.monotonic()
        eventually(lambda: time.monotonic() > began_at + 0.5)  # the loop is blocked, and the thread has noticed that
        process.send_signal(signal.SIGSTOP)
        eventually(lambda: time.monotonic() > began_at + 5)
        process.send_signal(signal.SIGCONT)
        eventually(lambda: time.monotonic() > began_at + 5.5)  # it is still blocked
        output, _ = process.communicate("go on\n")
    assert output == ""

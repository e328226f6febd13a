"""A thread that watches the event loop, and names the reconcile that blocks it or fills the memory.

While a reconcile blocks the event loop, nothing on the loop can report it. The thread requests a sign of life from the
loop every second, or twice a second if something is in flight, and looks up by the loop's current task which worker's
request is running. Several reconciles are in flight at any time, but only one task runs.

    loop    ──answer──┤ reconcile of a/b blocks the loop ............................................├──answer──
    thread  ──poke──────poke────▲ 1 s or 100 MB: mark a/b on the Lease ▲ 5 s: log and count   ▲ 10 s …

Python code and short calls into C let the thread run. One long call into C that keeps the interpreter's lock does not;
then ``faulthandler``, which needs no lock, prints the stack of all threads to stderr.
"""

import asyncio
import faulthandler
import logging
import math
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Final, TextIO

from msgspec import Struct

from wfreport.logs import kv
from wfreport.runtime.in_flight import InFlight, Slot
from wfreport.runtime.suspects import MarkReason
from wfreport.runtime.workqueue import Request

log = logging.getLogger(__name__)

REPORT_SECONDS: Final = 5
"""A blocked event loop is logged and counted from here on, and logged again each time that this has doubled."""

HEAVY_SECONDS: Final = 1
"""A reconcile that has blocked the event loop for this long, or used this much of its CPU, is marked on the Lease."""

HEAVY_BYTES: Final = 100 << 20
"""A reconcile during which the process has grown by this much is marked on the Lease."""

IDLE_TICK_SECONDS: Final = 1.0
BUSY_TICK_SECONDS: Final = 0.5
BLOCKED_TICK_SECONDS: Final = 0.1
"""Intervals of the thread if nothing is in flight, if something is, and if the loop does not answer. A tick costs about
0.2 ms of CPU on a busy machine, most of it to wake the two threads."""

IDLE_RSS_TICKS: Final = 10
"""Memory is read at every tick if something is in flight, and otherwise at one of so many."""

WRITE_RETRY_SECONDS: Final = 2
STUCK_SECONDS: Final = 15
"""If this thread does not run for so long, faulthandler prints all stacks."""

MAX_FRAMES: Final = 25
MAX_LINE_LENGTH: Final = 200
OTHER: Final = "other"
"""The label of a block by something else than a reconcile: a watch stream, a list, a metrics scrape."""


class Sample(Struct, frozen=True):
    """Observations of the thread at one tick.

    Attributes:
        at_seconds: a monotonic time.
        loop_cpu_seconds: CPU time of the event loop's thread.
        rss_bytes: memory of the process; 0 if unknown.
        running: the slot whose task runs now; None if the loop is idle or runs something else.
        is_same: whether the same request was running at the tick before. One that merely had its turn was not.
        blocked_seconds: for how long the loop has not answered; 0 if it has.
    """

    at_seconds: float
    loop_cpu_seconds: float
    rss_bytes: int
    running: Slot | None
    is_same: bool
    blocked_seconds: float


class BlockMeter:
    """Measures for how long the event loop has not answered, and decides when that is worth a log line."""

    def __init__(self, now: float) -> None:
        self._since = now
        self._report_at_seconds = float(REPORT_SECONDS)

    @property
    def is_reported(self) -> bool:
        """Whether the present block has been reported."""
        return self._report_at_seconds > REPORT_SECONDS

    def poked(self, now: float) -> None:
        """Begin to measure: the loop has answered, and was poked again."""
        self._since = now
        self._report_at_seconds = float(REPORT_SECONDS)

    def exclude(self, seconds: float) -> None:
        """Subtract time in which the process did not run: a stopped process or machine blocks no loop."""
        self._since += seconds

    def seconds(self, now: float) -> float:
        """Return the length of the present block."""
        return now - self._since

    def is_report_due(self, now: float) -> bool:
        """Return whether to report now: after ``REPORT_SECONDS``, then after each doubling."""
        blocked = self.seconds(now)
        if blocked < self._report_at_seconds:
            return False
        while self._report_at_seconds <= blocked:
            self._report_at_seconds *= 2
        return True


class LoadMeter:
    """Attributes CPU time and memory growth between two samples to reconciles, and finds the heavy ones."""

    def __init__(self) -> None:
        self._before: Sample | None = None
        self._loads: dict[int, _Load] = {}

    def observe(self, sample: Sample, busy: list[Slot]) -> list[tuple[Slot, MarkReason]]:
        """Return the reconciles that have become heavy. Growth without a running one counts for all in flight."""
        before, self._before = self._before, sample
        self._loads = {id(slot): self._load_of(slot) for slot in busy}
        if before is None:
            return []
        grown = max(0, sample.rss_bytes - before.rss_bytes) if before.rss_bytes else 0
        for slot in busy:
            load = self._loads[id(slot)]
            if slot is sample.running and sample.is_same:
                load.cpu_seconds += sample.loop_cpu_seconds - before.loop_cpu_seconds
            if slot is sample.running or sample.running is None:
                load.grown_bytes += grown
        return [(slot, reason) for slot in busy if (reason := self._reason(slot, sample))]

    def _load_of(self, slot: Slot) -> "_Load":
        load, request = self._loads.get(id(slot)), slot.request
        return load if load and load.request is request else _Load(request)

    def _reason(self, slot: Slot, sample: Sample) -> MarkReason | None:
        load = self._loads[id(slot)]
        if load.grown_bytes > HEAVY_BYTES:
            return MarkReason.MEMORY_GREW
        is_blocking = slot is sample.running and sample.is_same and sample.blocked_seconds > HEAVY_SECONDS
        return MarkReason.BLOCKED_EVENT_LOOP if is_blocking or load.cpu_seconds > HEAVY_SECONDS else None


class _Load(Struct):
    request: Request | None
    cpu_seconds: float = 0
    grown_bytes: int = 0


class Watchdog:
    """The thread.

    Args:
        in_flight: the slots of the workers.
        count_blocked: counts a block of the event loop, by controller.
        write_marks: writes the marks of slots to the Lease from this thread, and returns whether that succeeded; None
            without a Lease.
        dump: receives the stacks if the thread cannot run; None for no dump.
    """

    def __init__(
        self,
        in_flight: InFlight,
        *,
        count_blocked: Callable[[str], None],
        write_marks: Callable[[], bool] | None,
        dump: TextIO | None = None,
    ) -> None:
        self._in_flight = in_flight
        self._count_blocked = count_blocked
        self._write_marks = write_marks
        self._dump = dump
        self._stop = threading.Event()
        self._answers = 0
        self._load = LoadMeter()
        self._arm_at = 0.0
        self._write_at = math.inf
        self._ticks_without_rss = 0
        self._last_rss = 0
        self._request_before: Request | None = None

    @contextmanager
    def running(self) -> Iterator[None]:
        """Watch the event loop of the current thread while the context is open."""
        loop, thread_id = asyncio.get_running_loop(), threading.get_ident()
        watch = threading.Thread(target=self._run, args=(loop, thread_id), name="watchdog", daemon=True)
        watch.start()
        try:
            yield
        finally:
            self._stop.set()
            faulthandler.cancel_dump_traceback_later()

    def _run(self, loop: asyncio.AbstractEventLoop, thread_id: int) -> None:
        try:
            self._watch(loop, thread_id)
        except Exception:
            log.exception("watchdog failed")

    def _watch(self, loop: asyncio.AbstractEventLoop, thread_id: int) -> None:
        clock, tick = _Clock(thread_id), IDLE_TICK_SECONDS
        block, pokes = BlockMeter(clock.at_seconds), self._answers
        while not self._stop.wait(tick):
            block.exclude(clock.advance(tick))
            self._arm_dump(clock.at_seconds)
            is_blocked, busy = self._answers != pokes, self._in_flight.busy()
            tick = BLOCKED_TICK_SECONDS if is_blocked else BUSY_TICK_SECONDS if busy else IDLE_TICK_SECONDS
            sample = self._sample(loop, clock, busy, block.seconds(clock.at_seconds) if is_blocked else 0)
            self._mark(sample, busy)
            if is_blocked:
                self._report(block, sample, thread_id)
                continue
            if block.is_reported:
                log.warning("event loop unblocked")
            block.poked(clock.at_seconds)
            pokes += 1
            if not _poke(loop, self._answer):
                return

    def _sample(
        self, loop: asyncio.AbstractEventLoop, clock: "_Clock", busy: list[Slot], blocked_seconds: float
    ) -> Sample:
        running = self._in_flight.slot_of(asyncio.current_task(loop)) if busy else None
        request = running.request if running else None
        is_same, self._request_before = request is not None and request is self._request_before, request
        return Sample(
            clock.at_seconds,
            clock.loop_cpu_seconds,
            self._rss(busy),
            running,
            is_same=is_same,
            blocked_seconds=blocked_seconds,
        )

    def _arm_dump(self, now: float) -> None:
        """Have faulthandler dump all stacks, unless this method is called again in time."""
        if self._dump and now >= self._arm_at:
            faulthandler.dump_traceback_later(STUCK_SECONDS, file=self._dump)
            self._arm_at = now + STUCK_SECONDS / 3

    def _rss(self, busy: list[Slot]) -> int:
        self._ticks_without_rss = 0 if busy else (self._ticks_without_rss + 1) % IDLE_RSS_TICKS
        if not self._ticks_without_rss:
            self._last_rss = rss_bytes()
        return self._last_rss

    def _answer(self) -> None:
        self._answers += 1

    def _mark(self, sample: Sample, busy: list[Slot]) -> None:
        heavy = self._load.observe(sample, busy)
        for slot, reason in heavy:
            if slot.set_mark(reason):
                self._write_at = sample.at_seconds
        if self._write_marks and sample.at_seconds >= self._write_at:
            self._write_at = math.inf if self._write_marks() else sample.at_seconds + WRITE_RETRY_SECONDS

    def _report(self, block: BlockMeter, sample: Sample, thread_id: int) -> None:
        is_first = not block.is_reported
        if not block.is_report_due(sample.at_seconds):
            return
        slot = sample.running
        request = slot.request if slot and sample.is_same else None
        controller = slot.controller if slot and request else OTHER
        if is_first:
            self._count_blocked(controller)
        namespace, name = request.name if request else ("", "")
        log.error(
            "event loop blocked",
            extra=kv(
                controller=controller,
                namespace=namespace,
                name=name,
                seconds=round(block.seconds(sample.at_seconds), 1),
                rss_bytes=sample.rss_bytes,
                stack=stack_of(thread_id),
                **({} if request else {"in_flight": _keys(self._in_flight.busy())}),
            ),
        )


def stack_of(thread_id: int) -> str:
    """Return the innermost frames of a thread, the innermost one last; empty if it has ended."""
    frame = sys._current_frames().get(thread_id)  # noqa: SLF001  (its documented use: debugging deadlocks)
    return "\n".join(_lines(frame)) if frame else ""


def _lines(frame: FrameType) -> list[str]:
    innermost_first = traceback.StackSummary.extract(traceback.walk_stack(frame), limit=MAX_FRAMES)
    return [
        f"{'/'.join(Path(line.filename).parts[-3:])}:{line.lineno} in {line.name}: {line.line}"[:MAX_LINE_LENGTH]
        for line in reversed(innermost_first)
    ]


def rss_bytes() -> int:
    """Return the resident memory of this process; 0 if the system has no /proc."""
    try:
        with open("/proc/self/statm", "rb") as file:  # noqa: PTH123  (twice a second: a Path costs as much again)
            return int(file.read().split()[1]) * _PAGE_BYTES
    except OSError:
        return 0


_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")


class _Clock:
    """The time, and the CPU time of the event loop's thread, both as of the last tick."""

    def __init__(self, thread_id: int) -> None:
        self._read_cpu = _cpu_clock(thread_id)
        self.at_seconds, self.loop_cpu_seconds = time.monotonic(), self._read_cpu()

    def advance(self, planned_seconds: float) -> float:
        """Advance to the present. Return for how long the process was stopped: this tick is late, without CPU used."""
        at_before, cpu_before = self.at_seconds, self.loop_cpu_seconds
        self.at_seconds, self.loop_cpu_seconds = time.monotonic(), self._read_cpu()
        late = self.at_seconds - at_before - planned_seconds
        return max(0.0, late - (self.loop_cpu_seconds - cpu_before))


def _cpu_clock(thread_id: int) -> Callable[[], float]:
    if not hasattr(time, "pthread_getcpuclockid"):
        return time.process_time
    clock_id = time.pthread_getcpuclockid(thread_id)
    return lambda: time.clock_gettime(clock_id)


def _poke(loop: asyncio.AbstractEventLoop, answer: Callable[[], None]) -> bool:
    """Request a sign of life. Return False if the loop is closed."""
    try:
        loop.call_soon_threadsafe(answer)
    except RuntimeError:
        return False
    return True


def _keys(slots: list[Slot]) -> list[str]:
    requests = [(slot.controller, slot.request) for slot in slots]
    return [f"{controller} {'/'.join(request.name)}" for controller, request in requests if request]

"""Keeps a reconcile that killed a leader from killing the next one.

    reconcile ─► slow or large? ─► its key is on the Lease while it works            (ReconcileRecord, Watchdog)
    new leader ─► keys on the Lease of a leader that died ─► suspects, not begun     (ReconcileRecord.taking_over)
               ─► all other keys of the initial load
               ─► each suspect alone: nothing else in flight, its mark on the Lease  (Quarantine)
                     ends ─► an ordinary key again          dies ─► the next leader abandons it

`wfreport.runtime.suspects` has the rules without I/O.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from wfreport.kube.errors import ApiError
from wfreport.logs import kv, throttled
from wfreport.metrics import Metrics
from wfreport.runtime.in_flight import InFlight, Slot
from wfreport.runtime.lease import Lease
from wfreport.runtime.periodic import run_guarded
from wfreport.runtime.suspects import (
    DEATHS_TO_ABANDON,
    DEATHS_TO_MARK_ALL,
    LeaseRecord,
    Mark,
    MarkReason,
    after_takeover,
    bounded_marks,
    decode_record,
    encode_record,
    without,
)
from wfreport.runtime.workqueue import Priority, Request, WorkQueue

log = logging.getLogger(__name__)

MAX_HEAVY_KEYS: Final = 256
"""Keys that are remembered because a reconcile of theirs was heavy; the oldest one is forgotten."""

INITIAL_LOAD_SECONDS: Final = 600
"""Maximum time to wait for the other keys. On a busy cluster the queues may never be empty."""

QUIET_SECONDS: Final = 60
"""Maximum time to wait for the reconciles in flight, before one is tried alone."""

TRIAL_SECONDS: Final = 120
"""Maximum time for which all other reconciles wait for the one that is tried alone."""

CALM_SECONDS: Final = 300
"""After this time without a death, earlier deaths without a mark no longer count."""

DEFER_SECONDS: Final = 1
RETRY_SECONDS: Final = 10
ABANDON_TRIES: Final = 6
POLL_SECONDS: Final = 0.1

Abandon = Callable[[Mark], Awaitable[None]]
"""Writes where its owner sees it that a key is abandoned. Raises ApiError if it could not be written."""


class ReconcileRecord:
    """The record on the Lease, as this replica writes it: what it inherited, and what it is reconciling.

    Attributes:
        suspects: what has to be tried alone, or abandoned.
        abandoned: what is not tried again.
        unexplained_deaths: leaders in a row that have died without a mark.
    """

    def __init__(self, in_flight: InFlight) -> None:
        self._in_flight = in_flight
        self._had_abandoned = False
        self.suspects: tuple[Mark, ...] = ()
        self.abandoned: tuple[Mark, ...] = ()
        self.unexplained_deaths = 0

    def text(self) -> str:
        """Return the record as text. Also called by the watchdog's thread."""
        return encode_record(
            LeaseRecord(
                in_work=self._in_flight.marks(),
                suspects=self.suspects,
                abandoned=self.abandoned,
                unexplained_deaths=self.unexplained_deaths,
            )
        )

    def taking_over(self, stored: str, *, was_released: bool) -> str:
        """See `LeaseNote`."""
        before = decode_record(stored)
        record = after_takeover(before, was_released=was_released)
        self.suspects, self.abandoned = record.suspects, record.abandoned
        self.unexplained_deaths = record.unexplained_deaths
        self._had_abandoned = bool(record.abandoned)
        return self.text()

    def renewing(self, stored: str) -> str:
        """See `LeaseNote`. If somebody removed the record, what was abandoned is tried again."""
        if self._had_abandoned and not stored:
            self.abandoned = ()
        self._had_abandoned = bool(decode_record(stored).abandoned)
        return self.text()

    def releasing(self) -> str:
        """See `LeaseNote`."""
        return encode_record(LeaseRecord(suspects=self.suspects, abandoned=self.abandoned))


class Quarantine:
    """Admits requests to the workers, and tries the suspects alone. An `Admission`.

    Args:
        record: the record on the Lease.
        lease: the Lease.
        in_flight: what the workers are reconciling.
        queues: the queue of each controller.
        abandon: what to do if a key of a controller is abandoned, beside the log and the metric. The keys of other
            controllers are recorded on the Lease.
        announce: makes known that a key was recorded there.
        metrics: counts what is abandoned.
    """

    def __init__(
        self,
        record: ReconcileRecord,
        lease: Lease,
        in_flight: InFlight,
        *,
        queues: Mapping[str, WorkQueue],
        abandon: Mapping[str, Abandon],
        announce: Abandon,
        metrics: Metrics,
    ) -> None:
        self._record = record
        self._lease = lease
        self._in_flight = in_flight
        self._queues = queues
        self._abandon_key = abandon
        self._announce = announce
        self._metrics = metrics
        self._heavy: OrderedDict[tuple[str, str, str], None] = OrderedDict()
        self._held_versions: dict[tuple[str, str, str], int] = {}
        self._trial: Mark | None = None
        self._trial_ended = asyncio.Event()
        self._suspected = asyncio.Event()
        in_flight.admission = self

    def begin(self) -> None:
        """Admit no suspect from now on. Call it before any worker starts."""
        for mark in self._record.suspects:
            log.warning("reconcile quarantined: a leader died during it", extra=_pairs(mark))
        if self._marks_all:
            deaths = self._record.unexplained_deaths
            log.warning("leaders died without a known cause: marking every reconcile", extra=kv(deaths=deaths))
        self._metrics.reconciles_quarantined.set_function(lambda: len(self._record.suspects))
        self._restrict()

    def is_trying(self, controller: str, request: Request) -> bool:
        """Return whether this request is being tried alone."""
        return self._trial is not None and self._trial.key == (controller, *request.name)

    def suspect(self, controller: str, request: Request, reason: MarkReason) -> None:
        """Have a request tried alone that was abandoned before: one more death abandons it again."""
        mark = Mark(
            controller=controller,
            namespace=request.name[0],
            name=request.name[1],
            reason=reason,
            deaths=DEATHS_TO_ABANDON - 1,
        )
        self._record.suspects = bounded_marks((*self._record.suspects, mark))
        self._held_versions[mark.key] = request.min_resource_version
        self._restrict()

    # Admission

    async def admit(self, slot: Slot, queue: WorkQueue) -> bool:
        """See `Admission`."""
        request = slot.request
        if request is None:
            return False
        key = (slot.controller, *request.name)
        if self._trial is not None:
            return await self._admit_during_trial(self._trial, slot, request, queue)
        if any(mark.key == key for mark in self._record.suspects):
            self._held_versions[key] = max(request.min_resource_version, self._held_versions.get(key, 0))
            queue.done(request)
            return False
        if any(mark.key == key for mark in self._record.abandoned):
            queue.done(request)
            extra = kv(controller=slot.controller, namespace=request.name[0], name=request.name[1])
            log.warning("reconcile skipped: abandoned", extra=extra | throttled("abandoned", key))
            return False
        if self._marks_all or key in self._heavy:
            slot.set_mark(MarkReason.UNEXPLAINED_DEATHS if self._marks_all else MarkReason.HEAVY_BEFORE)
            await self._lease.update()
        return True

    async def mark_large(self, slot: Slot) -> None:
        """See `Admission`."""
        if slot.set_mark(MarkReason.LARGE_OBJECT):
            await self._lease.update()

    def ended(self, mark: Mark) -> None:
        """See `Admission`. The Lease loses the mark with its next renewal."""
        if self._trial is not None and self._trial.key == mark.key:
            self._trial_ended.set()
        if mark.reason in (MarkReason.BLOCKED_EVENT_LOOP, MarkReason.MEMORY_GREW, MarkReason.HEAVY_BEFORE):
            self._heavy[mark.key] = None
            self._heavy.move_to_end(mark.key)
            if len(self._heavy) > MAX_HEAVY_KEYS:
                self._heavy.popitem(last=False)
            self._restrict()

    async def _admit_during_trial(self, trial: Mark, slot: Slot, request: Request, queue: WorkQueue) -> bool:
        if trial.key != (slot.controller, *request.name):
            queue.done(request)
            version = request.min_resource_version
            queue.add_after(request.name, DEFER_SECONDS, request.priority, min_resource_version=version)
            return False
        slot.mark = trial
        self._record.suspects = without(self._record.suspects, trial.key)
        if await self._lease.update():
            return True
        # Without its mark on the Lease, a death would not be attributed to it.
        self._record.suspects = bounded_marks((*self._record.suspects, trial))
        queue.done(request)
        return False

    # The trials

    async def run(self, *, is_loaded: Callable[[], bool], count_bug: Callable[[], None] = lambda: None) -> None:
        """Abandon and try the suspects, for ever. An unexpected exception ends the trials of this turn alone.

        Args:
            is_loaded: returns whether all other keys of the initial load have been reconciled.
            count_bug: counts an unexpected exception.
        """
        asyncio.get_running_loop().call_later(CALM_SECONDS, self._forget_deaths)
        await run_guarded(self._abandon_deadly, task="quarantine", count_bug=count_bug)
        if self._record.suspects:
            await _until(is_loaded, INITIAL_LOAD_SECONDS)
        while True:
            await run_guarded(self._try_suspects, task="quarantine", count_bug=count_bug)
            if self._record.suspects:
                await asyncio.sleep(RETRY_SECONDS)
                continue
            self._suspected.clear()
            await self._suspected.wait()

    async def _abandon_deadly(self) -> None:
        for mark in [mark for mark in self._record.suspects if mark.deaths >= DEATHS_TO_ABANDON]:
            await self._abandon(mark)

    async def _try_suspects(self) -> None:
        for mark in self._record.suspects:
            await self._try_alone(mark)

    async def _try_alone(self, mark: Mark) -> None:
        queue = self._queues.get(mark.controller)
        if queue is None:  # a controller of another version
            self._record.suspects = without(self._record.suspects, mark.key)
            return
        log.warning("reconcile tried alone: a leader died during it", extra=_pairs(mark))
        self._trial, self._trial_ended = mark, asyncio.Event()
        self._restrict()
        try:
            await _until(lambda: not self._in_flight.busy(), QUIET_SECONDS)
            version = self._held_versions.pop(mark.key, 0)
            queue.add((mark.namespace, mark.name), Priority.URGENT, min_resource_version=version)
            async with asyncio.timeout(TRIAL_SECONDS):
                await self._trial_ended.wait()
        except TimeoutError:
            log.warning("reconcile tried alone does not end, going on beside it", extra=_pairs(mark))
        finally:
            self._trial = None
            self._restrict()
        await self._lease.update()

    async def _abandon(self, mark: Mark) -> None:
        """Abandon a key: it is no longer a suspect once that is recorded."""
        abandon = self._abandon_key.get(mark.controller, self._record_abandoned)
        for _ in range(ABANDON_TRIES):
            try:
                await abandon(mark)
                break
            except ApiError as error:
                pairs = kv(error=type(error).__name__, reason=error.message)
                log.warning("abandoned reconcile could not be reported, retrying", extra=pairs)
                await asyncio.sleep(RETRY_SECONDS)
            except Exception:
                log.exception("abandoned reconcile could not be reported: unexpected exception")
                await self._record_abandoned(mark)
                break
        else:
            await self._record_abandoned(mark)
        self._record.suspects = without(self._record.suspects, mark.key)
        self._metrics.reconciles_abandoned.labels(mark.controller).inc()
        log.error("reconcile abandoned: it killed the leader twice", extra=_pairs(mark))
        await self._lease.update()
        queue = self._queues.get(mark.controller)
        version = self._held_versions.pop(mark.key, None)
        if queue is not None and version is not None:
            queue.add((mark.namespace, mark.name), Priority.PROGRESS, min_resource_version=version)
        self._restrict()

    async def _record_abandoned(self, mark: Mark) -> None:
        self._record.abandoned = bounded_marks((*self._record.abandoned, mark))
        await self._announce(mark)

    def _forget_deaths(self) -> None:
        self._record.unexplained_deaths = 0
        self._restrict()

    @property
    def _marks_all(self) -> bool:
        return self._record.unexplained_deaths >= DEATHS_TO_MARK_ALL

    def _restrict(self) -> None:
        """Have the workers consult `admit`, if any request needs care."""
        record = self._record
        if record.suspects:
            self._suspected.set()
        self._in_flight.is_restricted = bool(
            self._trial or record.suspects or record.abandoned or self._heavy or self._marks_all
        )


async def _until(condition: Callable[[], bool], seconds: float) -> None:
    """Wait until a condition is true, at most for some seconds."""
    deadline = asyncio.get_running_loop().time() + seconds
    while not condition() and asyncio.get_running_loop().time() < deadline:  # noqa: ASYNC110  (it spans many queues)
        await asyncio.sleep(POLL_SECONDS)


def _pairs(mark: Mark) -> dict[str, object]:
    return kv(
        controller=mark.controller, namespace=mark.namespace, name=mark.name, reason=mark.reason, deaths=mark.deaths
    )

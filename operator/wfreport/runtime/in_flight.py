"""The reconciles in flight, by worker, for the watchdog's thread and for the record on the Lease.

Every worker has one slot. Per reconcile it costs two assignments.
"""

import asyncio
from collections.abc import Awaitable
from typing import Any, Protocol

from wfreport.runtime.suspects import Mark, MarkReason
from wfreport.runtime.workqueue import Request, WorkQueue


class Slot:
    """The place of one worker. The event loop and the watchdog's thread both set ``mark``; the loop clears it.

    Attributes:
        controller: the controller's name, a label of metrics.
        task: the worker's task, by which the watchdog finds the slot of the reconcile that blocks the event loop.
        request: the request that is being reconciled; None between two.
        mark: the mark of this request on the Lease; None if it has none.
    """

    __slots__ = ("controller", "mark", "request", "task")

    def __init__(self, controller: str, task: "asyncio.Task[Any] | None") -> None:
        self.controller = controller
        self.task = task
        self.request: Request | None = None
        self.mark: Mark | None = None

    def set_mark(self, reason: MarkReason) -> bool:
        """Mark the current request. Return False if there is none, or if it is marked already."""
        request = self.request
        if request is None or self.mark is not None:
            return False
        self.mark = Mark(
            controller=self.controller,
            namespace=request.name[0],
            name=request.name[1],
            reason=reason,
        )
        return True


class Admission(Protocol):
    """Decides whether a worker begins a request."""

    def admit(self, slot: Slot, queue: WorkQueue) -> Awaitable[bool]:
        """Return whether to reconcile the slot's request; otherwise it has been taken out of the queue."""
        ...

    def mark_large(self, slot: Slot) -> Awaitable[None]:
        """Mark a request that has received a large response, before the response is decoded."""
        ...

    def ended(self, mark: Mark) -> None:
        """Note that a marked reconcile has ended."""
        ...


class InFlight:
    """The slots of all workers of a process.

    Attributes:
        admission: decides about requests and keeps their marks; None without a Lease.
        is_restricted: whether ``admission`` has to be consulted before a request: some of them need care.
    """

    def __init__(self) -> None:
        self._slots: list[Slot] = []
        self.admission: Admission | None = None
        self.is_restricted = False

    def open_slot(self, controller: str) -> Slot:
        """Create the slot of the worker that runs in the current task."""
        slot = Slot(controller, asyncio.current_task())
        self._slots = [*self._slots, slot]  # the watchdog's thread may be reading the list
        return slot

    def close_slot(self, slot: Slot) -> None:
        """Remove the slot of a worker that has ended."""
        self._slots = [other for other in self._slots if other is not slot]

    def busy(self) -> list[Slot]:
        """Return the slots that have a request."""
        return [slot for slot in self._slots if slot.request is not None]

    def marks(self) -> tuple[Mark, ...]:
        """Return the marks of the requests that are being reconciled."""
        return tuple(mark for slot in self._slots if (mark := slot.mark) is not None)

    def slot_of(self, task: "asyncio.Task[Any] | None") -> Slot | None:
        """Return the slot of a worker's task; None for any other task."""
        return next((slot for slot in self._slots if slot.task is task), None) if task else None

    async def begin(self, slot: Slot, request: Request, queue: WorkQueue) -> bool:
        """Begin a request. Return whether to reconcile it; ``end`` must follow in any event."""
        slot.request = request
        return not self.is_restricted or self.admission is None or await self.admission.admit(slot, queue)

    def end(self, slot: Slot) -> None:
        """End the slot's request."""
        mark, slot.mark, slot.request = slot.mark, None, None
        if mark and self.admission:
            self.admission.ended(mark)

    async def received_large_body(self) -> None:
        """Mark the request of the current task, because it has received a large response that is still to be decoded.

        What the body may do to the process happens next, perhaps without giving the event loop another turn.
        """
        slot = self.slot_of(asyncio.current_task())
        if slot and self.admission:
            await self.admission.mark_large(slot)

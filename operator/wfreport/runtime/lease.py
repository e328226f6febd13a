"""Leader election by a Lease: one of several replicas works, the others stand by (docs/decisions/0014).

The rules are those of client-go's tools/leaderelection. Another replica's Lease has expired if it was not renewed for
its duration, measured by our own monotonic clock from the time at which we observed the last renewal; clocks of
different machines are never compared. The duration of our own Lease counts from before the request that renewed it.
"""

import asyncio
import logging
import socket
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from typing import Final, Protocol

from msgspec import Struct

from wfreport.clock import now
from wfreport.kube.client import Client
from wfreport.kube.errors import AlreadyExistsError, ApiError, ConflictError, NotFoundError
from wfreport.kube.leases import Leases, LeaseSpec, StoredLease, micro_time
from wfreport.logs import kv, throttled
from wfreport.settings import Settings

log = logging.getLogger(__name__)

RENEWALS_PER_DURATION: Final = 3
"""Renewals within the Lease's duration: two of three may fail."""

RETRIES_PER_DURATION: Final = 15
"""Tries to renew after one has failed: a throttled API server refuses most requests for a while, but not all. client-go
retries at two fifteenths of its duration."""

MARGIN_DIVISOR: Final = 6
"""The Lease counts as lost 1/6 of its duration before its end, so that our actions have ended before another replica
can begin one."""

RELEASED_SECONDS: Final = 1
"""Duration that marks a Lease as released, as in client-go."""


class NotLeadingError(ApiError):
    """The Lease is not held, or expires too soon: no action may be performed."""

    transient = True


class LeaseLostError(Exception):
    """The Lease was lost. Another replica may work now, so this one must not."""


class LeaseTerms(Struct, frozen=True):
    """The identity of a candidate, and the duration of its Lease."""

    identity: str
    duration_seconds: int


class LeaseNote(Protocol):
    """The record that the holder keeps on the Lease for its successor. Each method returns its text."""

    def taking_over(self, stored: str, *, was_released: bool) -> str:
        """Return the text to write when the Lease is acquired.

        Args:
            stored: the predecessor's text.
            was_released: whether the predecessor released the Lease; otherwise it died, or lost it.
        """
        ...

    def renewing(self, stored: str) -> str:
        """Return the text to write with a renewal; ``stored`` is on the Lease now."""
        ...

    def releasing(self) -> str:
        """Return the text to write when the Lease is released."""
        ...


def configured_lease(settings: Settings, client: Client, note: LeaseNote) -> "Lease | None":
    """Return the Lease of the settings; None without leader election."""
    if not settings.leader_election:
        return None
    leases = Leases(client, namespace=settings.lease_namespace, name=settings.lease_name)
    terms = LeaseTerms(f"{socket.gethostname()}_{uuid.uuid4()}", settings.lease_seconds)
    return Lease(leases, terms, note, clock=time.monotonic, now=now)


class Lease:
    """A Lease, from the view of one candidate, which may become its holder."""

    def __init__(
        self,
        leases: Leases,
        terms: LeaseTerms,
        note: LeaseNote,
        *,
        clock: Callable[[], float],
        now: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Create a candidate; ``clock`` is monotonic, ``now`` is for the times in the Lease, which people read."""
        self._leases = leases
        self._terms = terms
        self._note = note
        self._writing = asyncio.Lock()
        self._clock = clock
        self._now = now
        self._sleep = sleep
        self._observed: StoredLease | None = None
        self._observed_at = 0.0
        self._held_until: float | None = None
        self._has_read = False

    @property
    def identity(self) -> str:
        """Return the name of this replica on the Lease."""
        return self._terms.identity

    @property
    def has_been_read(self) -> bool:
        """Return whether the Lease has been read. A standby replica is then ready."""
        return self._has_read

    @property
    def held_seconds(self) -> float:
        """Return for how many seconds the Lease is certainly held, less the margin; 0 if it is not."""
        if self._held_until is None:
            return 0.0
        return max(0.0, self._held_until - self._terms.duration_seconds / MARGIN_DIVISOR - self._clock())

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        """Run a block that ends before another replica can take the Lease.

        Raises:
            NotLeadingError: the Lease is not held, or the block took too long. Its last request may have taken effect.
        """
        seconds = self.held_seconds
        if not seconds:
            raise NotLeadingError("the Lease is not held")
        try:
            async with asyncio.timeout(seconds):
                yield
        except TimeoutError as error:
            raise NotLeadingError("the Lease was about to expire") from error

    async def acquire(self) -> None:
        """Wait until the Lease is held."""
        while not await self._try_once():
            await self._sleep(self._terms.duration_seconds / RENEWALS_PER_DURATION)
        log.info("became leader", extra=kv(identity=self._terms.identity))

    async def keep_renewed(self) -> None:
        """Renew the Lease until it is lost.

        Raises:
            LeaseLostError: another replica holds it, or it could not be renewed in time.
        """
        tries_per_duration = RENEWALS_PER_DURATION
        while True:
            await self._sleep(self._terms.duration_seconds / tries_per_duration)
            was_renewed = await self._try_once()
            tries_per_duration = RENEWALS_PER_DURATION if was_renewed else RETRIES_PER_DURATION
            if not was_renewed and not (self.held_seconds and self._is_ours()):
                self._held_until = None
                raise LeaseLostError("the Lease was lost")

    async def update(self) -> bool:
        """Renew the Lease now, so that the present record is written. Return whether it was written.

        A failure is logged. If another replica holds the Lease, the next regular renewal finds that too.
        """
        return await self._try_once()

    async def release(self) -> None:
        """Release the Lease if it is held, so that another replica can acquire it at once. Errors are ignored."""
        if self._held_until is None or self._observed is None or not self._is_ours():
            return
        self._held_until = None
        at = micro_time(self._now())
        released = LeaseSpec(
            lease_duration_seconds=RELEASED_SECONDS,
            acquire_time=at,
            renew_time=at,
            lease_transitions=self._observed.spec.lease_transitions,
        )
        with suppress(ApiError):
            async with self._writing:
                if await self._may_acquire() and self._is_ours():
                    await self._leases.write(self._observed, released, self._note.releasing())

    async def _try_once(self) -> bool:
        """Try once to acquire or renew the Lease. Return whether it is held afterwards."""
        async with self._writing:
            return await self._try_alone()

    async def _try_alone(self) -> bool:
        began = self._clock()
        try:
            async with asyncio.timeout(self._terms.duration_seconds / RENEWALS_PER_DURATION):
                written = await self._write() if await self._may_acquire() else None
        except (ConflictError, AlreadyExistsError):
            return False  # another candidate was faster
        except (ApiError, TimeoutError) as error:
            pairs = kv(error=type(error).__name__, reason=str(error))
            log.warning("lease update failed", extra=pairs | throttled("lease", type(error)))
            return False
        if written is None:
            return False
        self._observed, self._observed_at = written, began
        self._held_until = began + self._terms.duration_seconds
        return True

    async def _write(self) -> StoredLease:
        at = micro_time(self._now())
        before = self._observed.spec if self._observed else LeaseSpec()
        renewed = before.holder_identity == self._terms.identity
        spec = LeaseSpec(
            holder_identity=self._terms.identity,
            lease_duration_seconds=self._terms.duration_seconds,
            acquire_time=before.acquire_time if renewed else at,
            renew_time=at,
            lease_transitions=before.lease_transitions + (0 if renewed or self._observed is None else 1),
        )
        if self._observed is None:
            return await self._leases.create(spec, self._note.renewing(""))
        stored = self._observed.record
        was_released = not before.holder_identity
        record = self._note.renewing(stored) if renewed else self._note.taking_over(stored, was_released=was_released)
        return await self._leases.write(self._observed, spec, record)

    async def _may_acquire(self) -> bool:
        """Read the Lease. Return whether it is free, ours, or has expired."""
        try:
            lease = await self._leases.get()
        except NotFoundError:
            self._observed, self._has_read = None, True
            return True
        self._has_read = True
        if self._observed is None or lease.metadata.resource_version != self._observed.metadata.resource_version:
            self._observed, self._observed_at = lease, self._clock()
        if not self._observed.spec.holder_identity or self._is_ours():
            return True
        return self._clock() >= self._observed_at + self._observed.spec.lease_duration_seconds

    def _is_ours(self) -> bool:
        return self._observed is not None and self._observed.spec.holder_identity == self._terms.identity

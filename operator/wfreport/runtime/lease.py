"""Leader election: of several replicas one works, the others stand by (docs/decisions/0014).

The rules are client-go's (tools/leaderelection). Another's lease has run out when nobody renewed it for its duration,
by our own monotonic clock from the moment we saw the last renewal: clocks of machines are never compared. Ours counts
from before the request that renewed it.
"""

import asyncio
import logging
import socket
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from wfreport.clock import now
from wfreport.kube.client import Client
from wfreport.kube.errors import AlreadyExistsError, ApiError, ConflictError, NotFoundError
from wfreport.kube.leases import Leases, LeaseSpec, StoredLease, micro_time
from wfreport.logs import kv, throttled
from wfreport.settings import Settings

log = logging.getLogger(__name__)

RENEWALS: Final = 3
"""A lease is renewed so often in its duration: two tries may fail."""

MARGIN: Final = 6
"""This part of the duration before its end it counts as not held: an act must be over before another's can begin."""

RELEASED_SECONDS: Final = 1
"""client-go's mark of a lease that was given up: its duration."""


class NotLeadingError(ApiError):
    """The Lease is not held, or not for long enough: nothing may be done."""

    transient = True


class LeaseLostError(Exception):
    """The Lease is lost; whoever holds it now works, and we must not."""


@dataclass(frozen=True, slots=True)
class LeaseTerms:
    """Who wants the Lease, and for how long at a time."""

    identity: str
    duration_seconds: int


def configured_lease(settings: Settings, client: Client) -> "Lease | None":
    """The Lease that the settings name; None without leader election."""
    if not settings.leader_election:
        return None
    leases = Leases(client, namespace=settings.lease_namespace, name=settings.lease_name)
    terms = LeaseTerms(f"{socket.gethostname()}_{uuid.uuid4()}", settings.lease_seconds)
    return Lease(leases, terms, clock=time.monotonic, now=now)


class Lease:
    """A candidate for the Lease, and its holder."""

    def __init__(
        self,
        leases: Leases,
        terms: LeaseTerms,
        *,
        clock: Callable[[], float],
        now: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """``clock`` is monotonic; ``now`` is for people who read the Lease."""
        self._leases = leases
        self._terms = terms
        self._clock = clock
        self._now = now
        self._sleep = sleep
        self._seen: StoredLease | None = None
        self._seen_at = 0.0
        self._held_until: float | None = None
        self._reached = False

    @property
    def is_known(self) -> bool:
        """Whether the Lease was read: a replica that stands by is ready then."""
        return self._reached

    @property
    def held_seconds(self) -> float:
        """For how long it is certainly ours, a margin left; 0 where it is not."""
        if self._held_until is None:
            return 0.0
        return max(0.0, self._held_until - self._terms.duration_seconds / MARGIN - self._clock())

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        """A block that is certainly over before another replica can work; nothing in it outlives the Lease.

        Raises:
            NotLeadingError: it is not held, or the block took too long. What was begun may have been done.
        """
        seconds = self.held_seconds
        if not seconds:
            raise NotLeadingError("the Lease is not held")
        try:
            async with asyncio.timeout(seconds):
                yield
        except TimeoutError as error:
            raise NotLeadingError("the Lease nearly ran out") from error

    async def acquire(self) -> None:
        """Wait until it is ours."""
        while not await self._tried():
            await self._sleep(self._terms.duration_seconds / RENEWALS)
        log.info("leading", extra=kv(identity=self._terms.identity))

    async def keep(self) -> None:
        """Renew it for as long as that works.

        Raises:
            LeaseLostError: another has it, or it could not be renewed in time.
        """
        while True:
            await self._sleep(self._terms.duration_seconds / RENEWALS)
            if not await self._tried() and not (self.held_seconds and self._is_ours()):
                self._held_until = None
                raise LeaseLostError("the Lease is lost")

    async def release(self) -> None:
        """Give it up, so that another need not wait for its end. Best effort; what another has is left to it."""
        if self._held_until is None or self._seen is None or not self._is_ours():
            return
        self._held_until = None
        at = micro_time(self._now())
        given_up = LeaseSpec(
            lease_duration_seconds=RELEASED_SECONDS,
            acquire_time=at,
            renew_time=at,
            lease_transitions=self._seen.spec.lease_transitions,
        )
        with suppress(ApiError):
            await self._leases.write(self._seen, given_up)

    async def _tried(self) -> bool:
        """Try to acquire or renew once; whether it is ours afterwards."""
        began = self._clock()
        try:
            async with asyncio.timeout(self._terms.duration_seconds / RENEWALS):
                taken = await self._taken() if await self._may_take() else None
        except (ConflictError, AlreadyExistsError):
            return False  # another was quicker
        except (ApiError, TimeoutError) as error:
            pairs = kv(error=type(error).__name__, reason=str(error))
            log.warning("the Lease cannot be taken", extra=pairs | throttled("lease", type(error)))
            return False
        if taken is None:
            return False
        self._seen, self._seen_at = taken, began
        self._held_until = began + self._terms.duration_seconds
        return True

    async def _taken(self) -> StoredLease:
        at = micro_time(self._now())
        before = self._seen.spec if self._seen else LeaseSpec()
        renewed = before.holder_identity == self._terms.identity
        spec = LeaseSpec(
            holder_identity=self._terms.identity,
            lease_duration_seconds=self._terms.duration_seconds,
            acquire_time=before.acquire_time if renewed else at,
            renew_time=at,
            lease_transitions=before.lease_transitions + (0 if renewed or self._seen is None else 1),
        )
        return await (self._leases.write(self._seen, spec) if self._seen else self._leases.create(spec))

    async def _may_take(self) -> bool:
        """Look at it: whether it is nobody's, ours, or has run out."""
        try:
            found = await self._leases.get()
        except NotFoundError:
            self._seen, self._reached = None, True
            return True
        self._reached = True
        if self._seen is None or found.metadata.resource_version != self._seen.metadata.resource_version:
            self._seen, self._seen_at = found, self._clock()
        if not self._seen.spec.holder_identity or self._is_ours():
            return True
        return self._clock() >= self._seen_at + self._seen.spec.lease_duration_seconds

    def _is_ours(self) -> bool:
        return self._seen is not None and self._seen.spec.holder_identity == self._terms.identity

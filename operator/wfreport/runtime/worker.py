"""The loop around a look: what to do when it fails."""

import logging
from collections.abc import Awaitable, Callable
from typing import Final

from prometheus_client import Counter

from wfreport.core.snapshot.decode import NotAWorkflow
from wfreport.kube.errors import ApiError, ForbiddenError, NotFoundError, ThrottledError, UnauthorizedError
from wfreport.logs import Once, kv
from wfreport.metrics import Metrics
from wfreport.runtime.result import Look
from wfreport.runtime.workqueue import Lane, Ticket, WorkQueue

log = logging.getLogger(__name__)

RIGHTS_SECONDS: Final = 30
"""A right that is missing may be granted, a namespace may come back: but not within a second."""

REST: Final = 10
"""A look that took N seconds is followed by none for ten times N: a slow API server is asked less, not more."""

GIVEN_UP_SECONDS: Final = 300
"""The same look would fail the same way, until somebody changes what it looks at: then an event comes, or this ends."""

_MAY_HEAL = (ForbiddenError, UnauthorizedError, NotFoundError)


class Worker:
    """Takes keys off a queue and looks at them, one at a time. Run several of them."""

    def __init__(
        self,
        queue: WorkQueue,
        look: Callable[[Ticket], Awaitable[Look | None]],
        *,
        metrics: Metrics,
        once: Once,
        clock: Callable[[], float],
        failures: Counter | None = None,
    ) -> None:
        """``failures`` counts failed looks by error; looks at Workflows where it is not given."""
        self._failures = failures or metrics.reports_failed
        self._clock = clock
        self._queue = queue
        self._look = look
        self._metrics = metrics
        self._once = once

    async def run(self) -> None:
        """Work until the queue is closed."""
        while ticket := await self._queue.take():
            await self._work(ticket)

    async def _work(self, ticket: Ticket) -> None:
        began = self._clock()
        try:
            look = await self._look(ticket)
        except ApiError as error:
            self._failed(ticket, error)
        except NotAWorkflow as error:
            self._given_up(ticket, error)
        except Exception:
            # One odd object must not stop the reports of all others; the traceback is a bug to be reported.
            self._failures.labels("Bug").inc()
            log.exception("look failed by a bug", extra=kv(namespace=ticket.key[0], name=ticket.key[1]))
            self._queue.retry(ticket, at_least_seconds=RIGHTS_SECONDS)
        else:
            self._queue.done(ticket)
            if look:
                self._looked(ticket, look, took_seconds=self._clock() - began)

    def _looked(self, ticket: Ticket, look: Look, *, took_seconds: float) -> None:
        self._metrics.looks.labels(look.outcome).inc()
        if look.again_in_seconds is not None:
            seconds = max(look.again_in_seconds, took_seconds * REST)
            self._queue.add_in(ticket.key, seconds, Lane.PROGRESS, not_older_than=look.version)

    def _failed(self, ticket: Ticket, error: ApiError) -> None:
        if not (error.transient or isinstance(error, _MAY_HEAL)):
            self._given_up(ticket, error)
            return
        self._failures.labels(type(error).__name__).inc()
        at_least = (
            error.retry_after_seconds if isinstance(error, ThrottledError) else 0 if error.transient else RIGHTS_SECONDS
        )
        delay = self._queue.retry(ticket, at_least_seconds=at_least)
        if self._once.may_say((type(error), ticket.key[0])):
            log.warning(
                "look failed, tried again later",
                extra=kv(
                    namespace=ticket.key[0],
                    name=ticket.key[1],
                    error=type(error).__name__,
                    reason=error.message,
                    again_in_seconds=round(delay, 1),
                ),
            )

    def _given_up(self, ticket: Ticket, error: ApiError | NotAWorkflow) -> None:
        """It is not forgotten: a running Workflow that nobody looks at again would look as if nothing happened."""
        self._queue.retry(ticket, at_least_seconds=GIVEN_UP_SECONDS)
        self._failures.labels(type(error).__name__).inc()
        if self._once.may_say((type(error), ticket.key)):
            field = error.field if isinstance(error, ApiError) else ""
            log.error(
                "look failed, and would again",
                extra=kv(
                    namespace=ticket.key[0],
                    name=ticket.key[1],
                    error=type(error).__name__,
                    field=field,
                    reason=str(error),
                ),
            )

"""The loop around a look: what to do when it fails."""

import logging
from collections.abc import Awaitable, Callable
from typing import Final

from wfreport.core.snapshot.decode import NotAWorkflow
from wfreport.kube.errors import ApiError, ForbiddenError, NotFoundError, ThrottledError, UnauthorizedError
from wfreport.logs import kv, throttled
from wfreport.metrics import Metrics
from wfreport.runtime.result import Result
from wfreport.runtime.workqueue import Priority, Request, WorkQueue

log = logging.getLogger(__name__)

RIGHTS_SECONDS: Final = 30
"""A right that is missing may be granted, a namespace may come back: but not within a second."""

COOLDOWN_FACTOR: Final = 10
"""A look that took N seconds is followed by none for ten times N: a slow API server is asked less, not more."""

PERMANENT_RETRY_SECONDS: Final = 300
"""The same look would fail the same way, until somebody changes what it looks at: then an event comes, or this ends."""

_RECOVERABLE = (ForbiddenError, UnauthorizedError, NotFoundError)


class Worker:
    """Takes keys off a queue and looks at them, one at a time. Run several of them."""

    def __init__(
        self,
        queue: WorkQueue,
        reconcile: Callable[[Request], Awaitable[Result | None]],
        *,
        metrics: Metrics,
        clock: Callable[[], float],
        controller: str = "report",
    ) -> None:
        """Count errors under the label ``controller``."""
        self._controller = controller
        self._clock = clock
        self._queue = queue
        self._reconcile = reconcile
        self._metrics = metrics

    async def run(self) -> None:
        """Work until the queue is closed."""
        while request := await self._queue.get():
            await self._work(request)

    async def _work(self, request: Request) -> None:
        began = self._clock()
        try:
            look = await self._reconcile(request)
        except ApiError as error:
            self._failed(request, error)
        except NotAWorkflow as error:
            self._failed_permanently(request, error)
        except Exception:
            # One odd object must not stop the reports of all others; the traceback is a bug to be reported.
            self._metrics.reconcile_errors.labels(self._controller, "Bug").inc()
            log.exception("look failed by a bug", extra=kv(namespace=request.name[0], name=request.name[1]))
            self._queue.add_rate_limited(request, at_least_seconds=RIGHTS_SECONDS)
        else:
            self._queue.done(request)
            if look:
                self._succeeded(request, look, took_seconds=self._clock() - began)

    def _succeeded(self, request: Request, look: Result, *, took_seconds: float) -> None:
        self._metrics.reconciles.labels(look.outcome).inc()
        if look.requeue_after_seconds is not None:
            seconds = max(look.requeue_after_seconds, took_seconds * COOLDOWN_FACTOR)
            self._queue.add_after(request.name, seconds, Priority.PROGRESS, min_resource_version=look.resource_version)

    def _failed(self, request: Request, error: ApiError) -> None:
        if not (error.transient or isinstance(error, _RECOVERABLE)):
            self._failed_permanently(request, error)
            return
        self._metrics.reconcile_errors.labels(self._controller, type(error).__name__).inc()
        at_least = (
            error.retry_after_seconds if isinstance(error, ThrottledError) else 0 if error.transient else RIGHTS_SECONDS
        )
        delay = self._queue.add_rate_limited(request, at_least_seconds=at_least)
        pairs = kv(
            namespace=request.name[0],
            name=request.name[1],
            error=type(error).__name__,
            reason=error.message,
            again_in_seconds=round(delay, 1),
        )
        log.warning("look failed, tried again later", extra=pairs | throttled(type(error), request.name[0]))

    def _failed_permanently(self, request: Request, error: ApiError | NotAWorkflow) -> None:
        """It is not forgotten: a running Workflow that nobody looks at again would look as if nothing happened."""
        self._queue.add_rate_limited(request, at_least_seconds=PERMANENT_RETRY_SECONDS)
        self._metrics.reconcile_errors.labels(self._controller, type(error).__name__).inc()
        pairs = kv(
            namespace=request.name[0],
            name=request.name[1],
            error=type(error).__name__,
            field=error.field if isinstance(error, ApiError) else "",
            reason=str(error),
        )
        log.error("look failed, and would again", extra=pairs | throttled(type(error), request.name))

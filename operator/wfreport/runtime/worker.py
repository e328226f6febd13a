"""The worker loop of every queue, and the retry policy of reconcilers."""

import logging
from collections.abc import Awaitable, Callable
from typing import Final

from wfreport.cache.running import COOLDOWN_FACTOR
from wfreport.core.snapshot.decode import NotAWorkflow
from wfreport.kube.errors import ApiError, ForbiddenError, NotFoundError, ThrottledError, UnauthorizedError
from wfreport.large_work import take_turns_as
from wfreport.logs import kv, throttled
from wfreport.metrics import Metrics
from wfreport.runtime.in_flight import InFlight
from wfreport.runtime.result import Result
from wfreport.runtime.workqueue import Priority, Request, WorkQueue

log = logging.getLogger(__name__)

RIGHTS_SECONDS: Final = 30
"""Minimum delay after an error that an administrator can resolve: a missing permission or a deleted namespace."""

PERMANENT_RETRY_SECONDS: Final = 300
"""Minimum delay after an error that recurs until the object changes. A change enqueues the object before that."""

_RECOVERABLE = (ForbiddenError, UnauthorizedError, NotFoundError)


async def run_worker(
    queue: WorkQueue,
    process: Callable[[Request], Awaitable[None]],
    *,
    in_flight: InFlight,
    controller: str,
    count_bug: Callable[[], None],
    bug_retry_seconds: float,
) -> None:
    """Process the requests of a queue one at a time, until it is shut down. Run several workers for concurrency.

    An unexpected exception stops neither the worker nor its other requests: it is logged with its traceback and the
    request is retried.

    Args:
        queue: the requests.
        process: handles a request and finishes it, by ``queue.done`` or ``queue.add_rate_limited``.
        in_flight: shows the watchdog what is being processed, and may put off a request.
        controller: the controller's name, for the watchdog.
        count_bug: counts an unexpected exception.
        bug_retry_seconds: the minimum delay before the retry.
    """
    slot = in_flight.open_slot(controller)
    try:
        while request := await queue.get():
            take_turns_as(request.name[0])
            try:
                if await in_flight.begin(slot, request, queue):
                    await process(request)
            except Exception:
                count_bug()
                namespace, name = request.name
                log.exception("reconcile failed: unexpected exception", extra=kv(namespace=namespace, name=name))
                queue.add_rate_limited(request, at_least_seconds=bug_retry_seconds)
            finally:
                in_flight.end(slot)
    finally:
        in_flight.close_slot(slot)


class Worker:
    """Reconciles the keys of a queue, and schedules the next reconcile of each by its result or error."""

    def __init__(
        self,
        queue: WorkQueue,
        reconcile: Callable[[Request], Awaitable[Result | None]],
        *,
        metrics: Metrics,
        clock: Callable[[], float],
        controller: str = "report",
        in_flight: InFlight | None = None,
        name: str = "",
    ) -> None:
        """Create a worker.

        Args:
            queue: the keys.
            reconcile: reconciles one.
            metrics: counts results, and errors under the label ``controller``.
            clock: monotonic seconds.
            controller: the controller in the metrics of errors.
            in_flight: shows the watchdog what is being reconciled.
            name: the controller for the watchdog, if it is one of several that ``controller`` comprises.
        """
        self._in_flight = in_flight or InFlight()
        self._name = name or controller
        self._controller = controller
        self._clock = clock
        self._queue = queue
        self._reconcile = reconcile
        self._metrics = metrics

    async def run(self) -> None:
        """Reconcile until the queue is shut down."""
        bugs = self._metrics.reconcile_errors.labels(self._controller, "Bug")
        await run_worker(
            self._queue,
            self._process,
            in_flight=self._in_flight,
            controller=self._name,
            count_bug=bugs.inc,
            bug_retry_seconds=RIGHTS_SECONDS,
        )

    async def _process(self, request: Request) -> None:
        began = self._clock()
        try:
            result = await self._reconcile(request)
        except ApiError as error:
            self._failed(request, error)
        except NotAWorkflow as error:
            self._failed_permanently(request, error)
        else:
            self._queue.done(request)
            if result:
                self._succeeded(request, result, took_seconds=self._clock() - began)

    def _succeeded(self, request: Request, result: Result, *, took_seconds: float) -> None:
        self._metrics.reconciles.labels(result.outcome).inc()
        if result.requeue_after_seconds is not None:
            seconds = max(result.requeue_after_seconds, took_seconds * COOLDOWN_FACTOR)
            version = result.resource_version
            self._queue.add_after(request.name, seconds, Priority.PROGRESS, min_resource_version=version)

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
            retry_in_seconds=round(delay, 1),
        )
        log.warning("reconcile failed, retrying", extra=pairs | throttled(type(error), request.name[0]))

    def _failed_permanently(self, request: Request, error: ApiError | NotAWorkflow) -> None:
        """Requeue even permanent failures; otherwise a running Workflow's report would go stale unnoticed."""
        self._queue.add_rate_limited(request, at_least_seconds=PERMANENT_RETRY_SECONDS)
        self._metrics.reconcile_errors.labels(self._controller, type(error).__name__).inc()
        pairs = kv(
            namespace=request.name[0],
            name=request.name[1],
            error=type(error).__name__,
            field=error.field if isinstance(error, ApiError) else "",
            reason=str(error),
        )
        log.error("reconcile failed permanently", extra=pairs | throttled(type(error), request.name))

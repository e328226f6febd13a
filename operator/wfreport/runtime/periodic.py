"""The loop of a periodic resync."""

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable

from wfreport.kube.errors import ApiError
from wfreport.logs import kv
from wfreport.metrics import Metrics

log = logging.getLogger(__name__)


async def run_guarded(step: Callable[[], Awaitable[None]], *, task: str, count_bug: Callable[[], None]) -> None:
    """Run one step of a background task. An unexpected exception is logged and counted: it does not end the task.

    Args:
        step: the step.
        task: the name of the task, for the log.
        count_bug: counts an unexpected exception.
    """
    try:
        await step()
    except Exception:
        count_bug()
        log.exception("background task failed: unexpected exception", extra=kv(task=task))


async def run_periodically(
    resync: Callable[[], Awaitable[None]],
    *,
    controller: str,
    metrics: Metrics,
    interval_seconds: Callable[[], float],
    initial_delay_seconds: float = 0,
    retry_seconds: float = math.inf,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Resync for ever, and count each result under the label ``controller``.

    An unexpected exception stops no other resync: it is logged with its traceback, and counts as a failure.

    Args:
        resync: compares everything once; raises ApiError if a request failed.
        controller: report or remediation.
        metrics: counts the results.
        interval_seconds: returns the time until the next resync, with jitter.
        initial_delay_seconds: the time before the first one.
        retry_seconds: the maximum time until the next one after a failure.
        sleep: replaced by tests.
    """
    await sleep(initial_delay_seconds)
    while True:
        try:
            await resync()
        except ApiError as error:
            metrics.resyncs.labels(controller, "failed").inc()
            pairs = kv(controller=controller, error=type(error).__name__, reason=error.message)
            log.warning("resync failed, retrying", extra=pairs)
            await sleep(min(retry_seconds, interval_seconds()))
        except Exception:
            metrics.resyncs.labels(controller, "failed").inc()
            metrics.reconcile_errors.labels(controller, "Bug").inc()
            log.exception("resync failed: unexpected exception", extra=kv(controller=controller))
            await sleep(interval_seconds())
        else:
            metrics.resyncs.labels(controller, "ok").inc()
            await sleep(interval_seconds())

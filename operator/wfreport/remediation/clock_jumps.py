"""Decides again about all runs after the wall clock has jumped.

Backoffs and delays end at wall-clock times, but keys wait in queues by the monotonic clock. If the wall clock is
corrected by an hour, a key that was enqueued before waits an hour too long or too short.
"""

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Final

from wfreport.cache.remediation import RemediationCache
from wfreport.logs import kv
from wfreport.remediation.queues import RemediationQueues
from wfreport.runtime.workqueue import Priority

log = logging.getLogger(__name__)

JUMP_SECONDS: Final = 5
"""A smaller correction delays or hastens an action by no more than that."""


class ClockJumps:
    """Compares the wall clock with the monotonic clock, at each resync.

    Args:
        cache: the runs and policies to enqueue.
        queues: their queues.
        now: the wall clock.
        monotonic: the monotonic clock.
    """

    def __init__(
        self,
        cache: RemediationCache,
        queues: RemediationQueues,
        *,
        now: Callable[[], datetime],
        monotonic: Callable[[], float],
    ) -> None:
        self._cache = cache
        self._queues = queues
        self._now = now
        self._monotonic = monotonic
        self._offset_seconds = self._offset()

    def check(self) -> None:
        """Enqueue all runs and policies if the clock has jumped since the last call."""
        before, self._offset_seconds = self._offset_seconds, self._offset()
        jump_seconds = self._offset_seconds - before
        if abs(jump_seconds) < JUMP_SECONDS:
            return
        log.warning("the clock has jumped, deciding about all runs again", extra=kv(seconds=round(jump_seconds)))
        for key in self._cache.policies:
            self._queues.policies.add(key, Priority.PROGRESS)
        for namespace in self._cache.policies.namespaces():
            for key in self._cache.runs.reports_in(namespace):
                self._queues.runs.add(key, Priority.PROGRESS)

    def _offset(self) -> float:
        return self._now().timestamp() - self._monotonic()

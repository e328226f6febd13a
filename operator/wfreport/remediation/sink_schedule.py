"""When each sink may be tried again: a sink that fails is put off, with a delay that doubles."""

from collections.abc import Callable
from operator import itemgetter
from typing import Final

from msgspec import Struct

from wfreport.backoff import doubling_delay
from wfreport.cache.fair_cache import FairCache

FIRST_DELAY_SECONDS: Final = 1
MAX_DELAY_SECONDS: Final = 300

_MAX_SINKS: Final = 10_000

SinkKey = tuple[str, ...]
"""Namespace and identity of a sink: its Secret, or host and port of its URL."""


class _Outage(Struct, frozen=True):
    """The failures of a sink since its last success.

    Attributes:
        count: how often it has failed.
        until: when it may be tried again.
        problem: why it failed last.
    """

    count: int
    until: float
    problem: str


class SinkSchedule:
    """Backoff per sink, for all Remediations that notify it: 300 messages to a dead endpoint cost one try at a time."""

    def __init__(self, *, clock: Callable[[], float], jitter: Callable[[], float]) -> None:
        """``clock`` is monotonic; ``jitter`` returns a random factor near 1."""
        self._clock = clock
        self._jitter = jitter
        self._failures: FairCache[SinkKey, _Outage] = FairCache(namespace_of=itemgetter(0), max_entries=_MAX_SINKS)

    def delay_seconds(self, sink: SinkKey) -> float:
        """Return for how long the sink must not be tried; 0 if it may be."""
        outage = self._failures.get(sink)
        return max(0.0, outage.until - self._clock()) if outage else 0.0

    def problem(self, sink: SinkKey) -> str:
        """Return why the sink failed last; empty if it does not fail."""
        outage = self._failures.get(sink)
        return outage.problem if outage else ""

    def failed(self, sink: SinkKey, problem: str) -> float:
        """Put the sink off; return for how long."""
        before = self._failures.get(sink)
        failures = before.count + 1 if before else 1
        backoff = doubling_delay(failures, first_seconds=FIRST_DELAY_SECONDS, max_seconds=MAX_DELAY_SECONDS)
        delay = backoff * self._jitter()
        self._failures.put(sink, _Outage(failures, self._clock() + delay, problem))
        return delay

    def succeeded(self, sink: SinkKey) -> None:
        """Reset the sink's backoff."""
        self._failures.remove(sink)

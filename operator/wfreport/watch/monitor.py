"""How the streams are: for readiness, for the metrics, and for whoever wonders why nothing comes."""

import logging
from collections.abc import Callable, Iterable
from functools import partial

from wfreport.logs import kv, throttled
from wfreport.metrics import Metrics
from wfreport.watch.streams import Stream

log = logging.getLogger(__name__)


class StreamMonitor:
    """Hears everything that comes through the streams."""

    def __init__(self, expected: Iterable[Stream], *, metrics: Metrics, clock: Callable[[], float]) -> None:
        self._metrics = metrics
        self._clock = clock
        self._waiting_for = set(expected)
        self._heard_at: dict[str, float] = {}
        for plural in sorted({stream.plural for stream in self._waiting_for}):
            metrics.stream_silent_seconds.labels(plural).set_function(partial(self._silent_seconds, plural))

    def missing(self) -> list[str]:
        """Streams that were never listed and watched."""
        return sorted(f"{stream.plural} in {stream.namespace or 'all namespaces'}" for stream in self._waiting_for)

    def stream_connected(self, stream: Stream) -> None:
        """A watch began: its list was read."""
        self._waiting_for.discard(stream)
        self._heard_at[stream.plural] = self._clock()
        self._metrics.stream_connects.labels(stream.plural).inc()

    def stream_heard(self, stream: Stream, event_type: str, *, projected: bool) -> None:
        """Something came."""
        self._heard_at[stream.plural] = self._clock()
        self._metrics.observe_event(stream.plural, event_type)
        if not projected:
            self._metrics.projection_misses.labels(stream.plural).inc()
            log.error(
                "whole objects came where metadata was asked for: something strips the Accept header",
                extra=kv(stream=stream.plural) | throttled("projection", stream.plural),
            )

    def observe_request(self, verb: str, resource: str, code: str) -> None:
        """Count a request."""
        self._metrics.observe_request(verb, resource, code)

    def observe_bytes(self, verb: str, resource: str, count: int) -> None:
        """Count bytes."""
        self._metrics.observe_bytes(verb, resource, count)

    def _silent_seconds(self, plural: str) -> float:
        heard_at = self._heard_at.get(plural)
        return self._clock() - heard_at if heard_at is not None else float("inf")

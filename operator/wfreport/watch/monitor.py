"""State of the watch streams, for readiness, metrics and logs."""

import logging
from collections.abc import Callable, Iterable
from functools import partial

from wfreport.logs import kv, throttled
from wfreport.metrics import Metrics
from wfreport.watch.streams import Stream

log = logging.getLogger(__name__)


class StreamMonitor:
    """Observes all streams."""

    def __init__(
        self,
        expected: Iterable[Stream],
        *,
        metrics: Metrics,
        clock: Callable[[], float],
        on_all_connected: Callable[[], None],
    ) -> None:
        """Create a monitor that reports the expected streams as missing until their watches begin."""
        self._on_all_connected = on_all_connected
        self._metrics = metrics
        self._clock = clock
        self._missing = set(expected)
        self._active_at: dict[str, float] = {}
        for plural in sorted({stream.plural for stream in self._missing}):
            metrics.stream_silent_seconds.labels(plural).set_function(partial(self._silent_seconds, plural))

    def missing(self) -> list[str]:
        """Return the streams that have not been listed and watched yet."""
        return sorted(f"{stream.plural} in {stream.namespace or 'all namespaces'}" for stream in self._missing)

    def stream_connected(self, stream: Stream) -> None:
        """Note that a watch has begun; its list was read before."""
        self._missing.discard(stream)
        if not self._missing:
            self._on_all_connected()
        self._active_at[stream.plural] = self._clock()
        self._metrics.stream_connects.labels(stream.plural).inc()

    def event_received(self, stream: Stream, event_type: str, *, projected: bool) -> None:
        """Count an event; log an error if its object was not reduced to its metadata."""
        self._active_at[stream.plural] = self._clock()
        self._metrics.observe_event(stream.plural, event_type)
        if not projected:
            self._metrics.projection_misses.labels(stream.plural).inc()
            log.error(
                "watch sends whole objects instead of metadata: a proxy may remove the Accept header",
                extra=kv(stream=stream.plural) | throttled("projection", stream.plural),
            )

    def observe_request(self, verb: str, resource: str, code: str) -> None:
        """Count a request."""
        self._metrics.observe_request(verb, resource, code)

    def observe_bytes(self, verb: str, resource: str, count: int) -> None:
        """Count the bytes of a response."""
        self._metrics.observe_bytes(verb, resource, count)

    def _silent_seconds(self, plural: str) -> float:
        active_at = self._active_at.get(plural)
        return self._clock() - active_at if active_at is not None else float("inf")

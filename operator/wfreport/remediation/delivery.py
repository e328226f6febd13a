"""Delivers messages to the sinks of a rule: to each sink once, and to a failing sink later."""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from operator import itemgetter
from typing import Final
from urllib.parse import urlsplit

from msgspec import Struct

from wfreport.api.actions import Sink
from wfreport.cache.fair_cache import FairCache
from wfreport.core.plan.refusal import RefusedError
from wfreport.core.record.notification import Notification
from wfreport.logs import kv, throttled
from wfreport.metrics import Metrics
from wfreport.remediation.sink_schedule import SinkKey, SinkSchedule
from wfreport.remediation.sinks import OperatorStopsError, Sender, SinkError
from wfreport.runtime.lease import Lease, NotLeadingError

log = logging.getLogger(__name__)

GIVE_UP_AFTER: Final = timedelta(days=1)
"""Age of a message after which a failing sink is not tried again."""

_MAX_SENT: Final = 10_000
"""Deliveries that are remembered. Those of one namespace make no other's message be sent twice."""


class DeliveryResult(Struct, frozen=True):
    """Outcome of the delivery of a message.

    Attributes:
        problems: why sinks will never get it.
        failing: why the remaining sinks, which are tried again, do not have it yet.
        retry_seconds: when to try them again; None if none remains.
    """

    problems: tuple[str, ...] = ()
    failing: tuple[str, ...] = ()
    retry_seconds: float | None = None


class Delivery:
    """Delivers messages, and remembers which sinks have them. After a restart a message may be delivered twice."""

    def __init__(
        self,
        sender: Sender,
        schedule: SinkSchedule,
        *,
        lease: Lease | None,
        metrics: Metrics,
        clock: Callable[[], datetime],
    ) -> None:
        """Without a ``lease`` nothing is sent."""
        self._sender = sender
        self._schedule = schedule
        self._lease = lease
        self._metrics = metrics
        self._clock = clock
        self._sent: FairCache[tuple[str, str, str], str] = FairCache(namespace_of=itemgetter(0), max_entries=_MAX_SENT)

    def delay_seconds(self, namespace: str, sinks: Sequence[Sink], message_id: str) -> float:
        """Return for how long no sink that lacks the message may be tried; 0 if one may be."""
        lacking = self._lacking(namespace, sinks, message_id)
        return min((self._schedule.delay_seconds(sink_key(namespace, sink)) for sink in lacking), default=0.0)

    def failing(self, namespace: str, sinks: Sequence[Sink], message_id: str) -> tuple[str, ...]:
        """Return why sinks that lack the message fail. A sink may have failed with another message."""
        problems = (
            (sink, self._schedule.problem(sink_key(namespace, sink)))
            for sink in self._lacking(namespace, sinks, message_id)
        )
        return tuple(_problem(sink, problem) for sink, problem in problems if problem)

    def _lacking(self, namespace: str, sinks: Sequence[Sink], message_id: str) -> list[Sink]:
        return [sink for sink in sinks if (namespace, message_id, sink.name) not in self._sent]

    async def deliver(self, namespace: str, sinks: Sequence[Sink], message: Notification) -> DeliveryResult:
        """Send a message to each sink that has not had it and may be tried now. A failing sink delays no other one.

        Raises:
            NotLeadingError: the Lease is not held.
        """
        problems: list[str] = []
        delays: list[float] = []
        remaining: list[Sink] = []
        for sink in self._lacking(namespace, sinks, message.id):
            try:
                delay = await self._try(namespace, sink, message)
            except RefusedError as error:
                self._metrics.notifications.labels(_kind(sink), "refused").inc()
                problems.append(error.message)
            except SinkError as error:
                problems.append(_problem(sink, str(error)))
            else:
                delays += [delay] if delay else []
                remaining += [sink] if delay else []
        failing = self.failing(namespace, remaining, message.id)
        return DeliveryResult(tuple(problems), failing, min(delays, default=None))

    async def _try(self, namespace: str, sink: Sink, message: Notification) -> float:
        """Send a message to a sink if it may be tried; return when to try again, or 0.

        Raises:
            RefusedError: the sink is unusable as it is configured.
            SinkError: the sink fails, and the message is too old to be tried again.
        """
        key = sink_key(namespace, sink)
        is_old = self._clock() - message.at >= GIVE_UP_AFTER
        delay = self._schedule.delay_seconds(key)
        if delay and is_old:
            raise SinkError(f"{self._schedule.problem(key)}; the message is too old to be tried again")
        if delay:
            return delay
        try:
            await self._send(namespace, sink, message)
        except SinkError as error:
            self._metrics.notifications.labels(_kind(sink), "failed").inc()
            delay = self._schedule.failed(key, "" if isinstance(error, OperatorStopsError) else str(error))
            if is_old:
                raise
            pairs = kv(namespace=namespace, sink=sink.name, reason=str(error), retry_in_seconds=round(delay, 1))
            log.warning("notification failed, retrying", extra=pairs | throttled("notification", key))
            return delay
        self._schedule.succeeded(key)
        return 0

    async def _send(self, namespace: str, sink: Sink, message: Notification) -> None:
        if self._lease is None:
            raise NotLeadingError("leader election is off, and actions require it")
        async with self._lease.held():
            await self._sender.send(namespace, sink, message)
        self._metrics.notifications.labels(_kind(sink), "sent").inc()
        log.info("notification sent", extra=kv(namespace=namespace, sink=sink.name, workflow=message.subject))
        self._sent.put((namespace, message.id, sink.name), sink.name)


def sink_key(namespace: str, sink: Sink) -> SinkKey:
    """Return the identity of a sink: of the Secret, or of host and port, in the namespace."""
    if sink.apprise:
        return (namespace, sink.apprise.secret_name, sink.apprise.key)
    return (namespace, _location(sink.cloud_events.url if sink.cloud_events else ""))


def _problem(sink: Sink, problem: str) -> str:
    return f"sink {sink.name}: {problem}"


def _location(url: str) -> str:
    try:
        return urlsplit(url).netloc.rpartition("@")[2].lower()
    except ValueError:
        return url


def _kind(sink: Sink) -> str:
    return "apprise" if sink.apprise else "cloudevents"

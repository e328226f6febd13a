"""Deliveries to several sinks: each sink has its own backoff, and none delays another."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.remediation.in_memory import HeldLease

from wfreport.api.actions import Apprise, CloudEvents, Sink
from wfreport.api.reasons import Refusal
from wfreport.app.remediation import create_remediation_queues
from wfreport.app.shared import TimeSource
from wfreport.core.plan.refusal import RefusedError
from wfreport.core.record.notification import Notification, Stage
from wfreport.metrics import Metrics
from wfreport.remediation import delivery, sink_schedule
from wfreport.remediation.delivery import Delivery, DeliveryResult, sink_key
from wfreport.remediation.sink_schedule import MAX_DELAY_SECONDS, SinkSchedule
from wfreport.remediation.sinks import SinkError
from wfreport.runtime.workqueue import Priority

T0 = datetime(2026, 1, 1, tzinfo=UTC)


def hook(name: str, url: str = "") -> Sink:
    return Sink(name=name, cloud_events=CloudEvents(url=url or f"http://{name}/"))


def message(number: int = 1, at: datetime = T0) -> Notification:
    return Notification(id=f"uid{number}-failed", stage=Stage.FAILED, at=at, subject="data/etl", title="t", body="b")


class Endpoints:
    """A sender whose sinks fail as a test determines."""

    def __init__(self, **errors: Exception) -> None:
        self.errors = errors
        self.tried: list[tuple[str, str]] = []
        self.received: list[tuple[str, str]] = []

    async def send(self, namespace: str, sink: Sink, notification: Notification) -> None:
        self.tried.append((namespace, sink.name))
        if sink.name in self.errors:
            raise self.errors[sink.name]
        self.received.append((sink.name, notification.id))

    def close(self) -> None: ...


class Deliveries:
    """Deliveries with a clock that the test moves."""

    def __init__(self, endpoints: Endpoints) -> None:
        self.seconds = 0.0
        lease: Any = HeldLease()
        self.schedule = SinkSchedule(clock=lambda: self.seconds, jitter=lambda: 1.0)
        self.delivery = Delivery(
            endpoints,
            self.schedule,
            lease=lease,
            metrics=Metrics(),
            clock=lambda: T0 + timedelta(seconds=self.seconds),
        )

    async def deliver(self, *sinks: Sink, namespace: str = "data", number: int = 1) -> DeliveryResult:
        return await self.delivery.deliver(namespace, sinks, message(number))


async def test_a_sink_that_fails_does_not_delay_the_sinks_after_it() -> None:
    endpoints = Endpoints(dead=SinkError("no answer"))
    made = Deliveries(endpoints)
    result = await made.deliver(hook("dead"), hook("good"))
    assert endpoints.received == [("good", "uid1-failed")]
    assert result == DeliveryResult(failing=("sink dead: no answer",), retry_seconds=1)
    made.seconds = 1
    await made.deliver(hook("dead"), hook("good"))
    assert endpoints.received == [("good", "uid1-failed")]  # once


async def test_a_sink_that_was_refused_does_not_delay_the_others() -> None:
    endpoints = Endpoints(bad=RefusedError(Refusal.SINK_UNUSABLE, "sink bad: no"))
    result = await Deliveries(endpoints).deliver(hook("bad"), hook("good"))
    assert result == DeliveryResult(("sink bad: no",))
    assert endpoints.received == [("good", "uid1-failed")]


async def test_many_messages_to_a_dead_sink_are_one_try_at_a_time() -> None:
    endpoints = Endpoints(dead=SinkError("no answer"))
    made = Deliveries(endpoints)
    for second in range(600):
        made.seconds = second
        for number in range(5):
            await made.deliver(hook("dead"), number=number)
    assert len(endpoints.tried) == 10  # after 0, 1, 3, 7, 15, 31, 63, 127, 255 and 511 seconds
    del endpoints.errors["dead"]
    made.seconds = 1000
    for number in range(5):
        await made.deliver(hook("dead"), number=number)
    assert len(endpoints.received) == 5  # one success ends the backoff for all


async def test_the_backoff_of_a_sink_has_a_maximum() -> None:
    endpoints = Endpoints(dead=SinkError("no answer"))
    made = Deliveries(endpoints)
    for _ in range(20):
        result = await made.deliver(hook("dead"))
        made.seconds += result.retry_seconds or 0
    assert result.retry_seconds == MAX_DELAY_SECONDS


async def test_the_same_host_in_another_namespace_has_a_backoff_of_its_own() -> None:
    endpoints = Endpoints(dead=SinkError("no answer"))
    made = Deliveries(endpoints)
    await made.deliver(hook("dead"), namespace="data")
    await made.deliver(hook("dead"), namespace="other")
    assert endpoints.tried == [("data", "dead"), ("other", "dead")]


async def test_nothing_is_read_for_a_message_whose_sinks_wait() -> None:
    endpoints = Endpoints(dead=SinkError("no answer"))
    made = Deliveries(endpoints)
    sinks = [hook("dead"), hook("good")]
    assert made.delivery.delay_seconds("data", sinks, "uid1-failed") == 0
    await made.deliver(*sinks)
    assert made.delivery.delay_seconds("data", sinks, "uid1-failed") == 1
    assert made.delivery.delay_seconds("data", sinks, "uid2-failed") == 0  # the good sink lacks it


async def test_an_old_message_is_given_up() -> None:
    endpoints = Endpoints(dead=SinkError("no answer"))
    made = Deliveries(endpoints)
    made.seconds = 86_400
    assert await made.deliver(hook("dead")) == DeliveryResult(("sink dead: no answer",))
    result = await made.deliver(hook("dead"), number=2)  # the sink waits now, and the message is too old to wait too
    assert result.problems == ("sink dead: no answer; the message is too old to be tried again",)


def test_a_namespace_sends_one_notification_at_a_time_however_many_it_has() -> None:
    rules = create_remediation_queues(TimeSource(lambda: T0, lambda: 0.0, lambda: 1.0)).notifications._rules
    for number in range(100):
        rules.add(("flood", str(number)), Priority.URGENT, 0.0)
    rules.add(("data", "etl"), Priority.URGENT, 0.0)
    assert [request and request.name for request in (rules.get(0.0), rules.get(0.0), rules.get(0.0))] == [
        ("flood", "0"),
        ("data", "etl"),
        None,
    ]
    rules.done(("flood", "0"), 0.0)
    request = rules.get(0.0)
    assert request is not None
    assert request.name == ("flood", "1")


def test_a_sink_is_identified_by_its_secret_or_by_host_and_port() -> None:
    by_secret = Sink(name="a", apprise=Apprise(secret_name="notify"))
    assert sink_key("data", by_secret) == ("data", "notify", "urls")
    first, second = hook("a", "https://u:p@Example.com:8443/x"), hook("b", "https://example.com:8443/y")
    assert sink_key("data", first) == sink_key("data", second) == ("data", "example.com:8443")


def test_the_backoffs_of_very_many_sinks_are_bounded() -> None:
    schedule = SinkSchedule(clock=lambda: 0.0, jitter=lambda: 1.0)
    for number in range(10_001):
        schedule.failed(("data", str(number)), "no answer")
    assert schedule.delay_seconds(("data", "0")) == 0
    assert schedule.delay_seconds(("data", "10000")) == 1


async def test_the_many_messages_of_a_namespace_make_no_other_one_send_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "_MAX_SENT", 10)
    endpoints = Endpoints(dead=SinkError("no answer"))
    made = Deliveries(endpoints)
    await made.deliver(hook("good"), hook("dead"))
    for number in range(2, 30):
        await made.deliver(hook("other"), namespace="flood", number=number)
    made.seconds = 1
    await made.deliver(hook("good"), hook("dead"))
    assert endpoints.received.count(("good", "uid1-failed")) == 1


async def test_the_many_sinks_of_a_namespace_do_not_end_the_backoff_of_another_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sink_schedule, "_MAX_SINKS", 10)
    schedule = SinkSchedule(clock=lambda: 0.0, jitter=lambda: 1.0)
    schedule.failed(("data", "dead"), "no answer")
    for number in range(30):
        schedule.failed(("flood", str(number)), "no answer")
    assert schedule.delay_seconds(("data", "dead")) == 1

"""Which events are left alone, since they say nothing that is not known or about to be."""

from __future__ import annotations

import pytest

from wfreport.api.argo import LABEL_COMPLETED
from wfreport.cache.reports import ReportCache
from wfreport.cache.running import PollPolicy, RunningWorkflows
from wfreport.kube.objects import Labels, ObjectMeta
from wfreport.kube.workflows import WORKFLOWS
from wfreport.metrics import Metrics
from wfreport.runtime.workqueue import Priority, QueueLimits, WorkQueue
from wfreport.watch.enqueue import DELETED, EventHandlers, Queues

KEY = ("ns", "etl")


class World:
    """An intake and what it feeds."""

    def __init__(self) -> None:
        self.now = 100.0
        queue = WorkQueue(QueueLimits(), clock=lambda: self.now, jitter=lambda: 1.0)
        self.active = RunningWorkflows(PollPolicy(), clock=lambda: self.now)
        self.intake = EventHandlers(
            index=ReportCache(),
            active=self.active,
            queues=Queues(queue, queue, queue, queue, queue),
            metrics=Metrics(),
            capture=lambda _: None,
            debounce_seconds=2,
            ignore_events=False,
        )
        self.queue = queue

    def is_news(self, event_type: str, version: str = "8", *, completed: bool = False) -> bool:
        labels = Labels(completed="true" if completed else "")
        return self.intake.should_enqueue(WORKFLOWS, event_type, meta(version, labels))


def meta(version: str, labels: Labels) -> ObjectMeta:
    return ObjectMeta(name=KEY[1], namespace=KEY[0], uid="u", resource_version=version, labels=labels)


@pytest.fixture
async def world() -> World:
    return World()


async def test_that_it_was_started_is_no_news_while_the_look_at_its_creation_is_to_come(world: World) -> None:
    world.intake.workflow_changed("ADDED", meta("7", Labels()))
    assert not world.is_news(DELETED)


async def test_that_it_left_the_selector_is_news_when_no_look_is_near(world: World) -> None:
    assert world.is_news(DELETED)
    world.queue.add_after(KEY, 60, Priority.PROGRESS)
    assert world.is_news(DELETED), "the interval of one that waited for long"
    world.active.polled(KEY, uid="u", version=7)
    assert world.is_news(DELETED)


async def test_that_a_completed_one_is_gone_is_always_news(world: World) -> None:
    world.intake.workflow_changed("ADDED", meta("7", Labels()))
    assert world.is_news(DELETED, completed=True), f"{LABEL_COMPLETED}: its report may never have been written"


async def test_what_a_look_has_seen_is_no_news(world: World) -> None:
    assert world.is_news("ADDED", "7")
    world.active.polled(KEY, uid="u", version=8)
    assert not world.is_news("ADDED", "7")
    assert world.is_news("MODIFIED", "9")

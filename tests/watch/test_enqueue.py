"""Events that need no handling, because a reconcile has seen the change or is about to see it."""

from __future__ import annotations

from functools import partial

import pytest
from tests.eventually import eventually_async

from wfreport.api.argo import LABEL_COMPLETED
from wfreport.cache.reports import ReportCache, ReportEntry
from wfreport.cache.running import PollPolicy, RunningWorkflows
from wfreport.kube.objects import Labels, ObjectMeta
from wfreport.kube.workflows import WORKFLOWS
from wfreport.metrics import Metrics
from wfreport.runtime.requests import Queues, ReconcileRequests
from wfreport.runtime.workqueue import Priority, QueueLimits, WorkQueue
from wfreport.watch import enqueue
from wfreport.watch.enqueue import DELETED, EventHandlers, EventRules

KEY = ("ns", "etl")


class World:
    """The event handlers, and the queue that they fill."""

    def __init__(self) -> None:
        self.now, self.metrics = 100.0, Metrics()
        queue = WorkQueue(QueueLimits(), clock=lambda: self.now, jitter=lambda: 1.0)
        queues, self.reports = Queues(queue, queue, queue, queue, queue), ReportCache()
        self.running = RunningWorkflows(PollPolicy(), clock=lambda: self.now)
        self.handlers = EventHandlers(
            EventRules(debounce_seconds=2),
            queues=queues,
            requests=ReconcileRequests(queues, running=self.running, reports=self.reports),
            running=self.running,
            reports=self.reports,
            metrics=self.metrics,
            capture=lambda _: None,
        )
        self.queue = queue

    def should_enqueue(self, event_type: str, version: str = "8", *, completed: bool = False) -> bool:
        labels = Labels(completed="true" if completed else "")
        return self.handlers.should_enqueue(WORKFLOWS, event_type, meta(version, labels))


def meta(version: str, labels: Labels) -> ObjectMeta:
    return ObjectMeta(name=KEY[1], namespace=KEY[0], uid="u", resource_version=version, labels=labels)


@pytest.fixture
async def world() -> World:
    return World()


async def test_the_start_of_a_workflow_needs_no_handling_while_its_first_reconcile_is_due(world: World) -> None:
    world.handlers.workflow_changed("ADDED", meta("7", Labels()))
    assert not world.should_enqueue(DELETED)


async def test_a_workflow_that_left_the_selector_is_enqueued_if_no_reconcile_is_due(world: World) -> None:
    assert world.should_enqueue(DELETED)
    world.queue.add_after(KEY, 60, Priority.PROGRESS)
    assert world.should_enqueue(DELETED), "the next poll is far away"
    world.running.record_poll(KEY, uid="u", version=7)
    assert world.should_enqueue(DELETED)


async def test_the_deletion_of_a_completed_workflow_is_always_handled(world: World) -> None:
    world.handlers.workflow_changed("ADDED", meta("7", Labels()))
    assert world.should_enqueue(DELETED, completed=True), f"{LABEL_COMPLETED}: its report may never have been written"


def a_report(name: str, *, observed_version: str) -> ReportEntry:
    return ReportEntry(
        "ns", name, "r", observed_version or "1", 1, True, name, "u", "u", observed_version, 1, True, False
    )


async def test_a_run_deleted_before_the_answer_to_its_final_report_is_judged_by_that_answer(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(enqueue, "OWN_WRITE_SECONDS", 0.01)
    for name in ("reported", "lost"):
        world.reports.put(a_report(name, observed_version=""))
        world.reports.expect_write(("ns", name))
        deleted = ObjectMeta(name=name, namespace="ns", uid="u", resource_version="9", labels=Labels(completed="true"))
        world.handlers.workflow_changed(DELETED, deleted)
    unreported = partial(world.metrics.registry.get_sample_value, "wfreport_runs_unreported_total")
    assert unreported() == 0
    world.reports.put(a_report("reported", observed_version="8"))
    for name in ("reported", "lost"):
        world.reports.write_done(("ns", name))
    await eventually_async(unreported, lambda count: count == 1)


async def test_a_version_that_a_reconcile_has_seen_is_not_enqueued(world: World) -> None:
    assert world.should_enqueue("ADDED", "7")
    world.running.record_poll(KEY, uid="u", version=8)
    assert not world.should_enqueue("ADDED", "7")
    assert world.should_enqueue("MODIFIED", "9")

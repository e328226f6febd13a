"""Workflows that are read by lists, and those that a list cannot serve."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from wfreport.cache.reports import ReportCache
from wfreport.cache.running import PollPolicy, RunningWorkflows
from wfreport.kube.errors import GoneError
from wfreport.kube.objects import Labels, NamespacedName, ObjectMeta
from wfreport.kube.read_ahead import ReadAhead, WorkflowBody
from wfreport.kube.workflows import COMPLETED, NOT_COMPLETED, RUNNING
from wfreport.reconcile.chunked_reads import ChunkedReader
from wfreport.reconcile.polls import Poller
from wfreport.reconcile.workflow_lists import WorkflowLists
from wfreport.runtime.requests import Queues, ReconcileRequests
from wfreport.runtime.workqueue import Priority, QueueLimits, WorkQueue
from wfreport.watch.first_list import FirstList


class Time:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class FakeWorkflows:
    """The Workflows at an API server, of which lists return pages."""

    def __init__(self, time: Time) -> None:
        self.read_ahead = ReadAhead()
        self.stored: dict[NamespacedName, WorkflowBody] = {}
        self.lists: list[tuple[str | None, str, int]] = []
        self.metadata_lists: list[str] = []
        self.error_after: int | None = None
        self.seconds = 0.0
        self._time = time

    def add(self, namespace: str, *names: str, version: int = 7, completed: str = "") -> list[ObjectMeta]:
        metas = [
            ObjectMeta(
                name=name,
                namespace=namespace,
                uid="u",
                resource_version=str(version),
                labels=Labels(completed=completed),
            )
            for name in names
        ]
        self.stored |= {(meta.namespace, meta.name): WorkflowBody(meta, b"{}" * 1000) for meta in metas}
        return metas

    async def list_page(
        self, namespace: str | None, *, label_selector: str, limit: int, continue_token: str
    ) -> tuple[list[WorkflowBody], str]:
        if self.error_after is not None and len(self.lists) >= self.error_after:
            raise GoneError("the token has expired", status=410)
        self._time.now += self.seconds
        self.lists.append((namespace, label_selector, limit))
        found = [listed for name, listed in sorted(self.stored.items()) if namespace in {None, name[0]}]
        start = int(continue_token or 0)
        return found[start : start + limit], str(start + limit) if start + limit < len(found) else ""

    async def list_metadata(self, *, label_selector: str = "") -> AsyncIterator[ObjectMeta]:
        self.metadata_lists.append(label_selector)
        for listed in self.stored.values():
            if not label_selector or listed.meta.labels.completed == "false":
                yield listed.meta


class World:
    def __init__(self) -> None:
        self.time = Time()
        self.workflows = FakeWorkflows(self.time)
        self.queues = Queues(*(WorkQueue(QueueLimits(), clock=self.time, jitter=lambda: 1.0) for _ in range(5)))
        self.running = RunningWorkflows(PollPolicy(), clock=self.time)
        self.requests = ReconcileRequests(self.queues, running=self.running, reports=ReportCache())
        workflows: Any = self.workflows
        self.reader = ChunkedReader(workflows, self.requests)
        self.first_list = FirstList()
        self.lists = WorkflowLists(workflows, self.reader, self.requests, self.first_list)

    def poller(self, *, is_cluster_wide: bool = True) -> Poller:
        return Poller(running=self.running, requests=self.requests, reader=self.reader, is_cluster_wide=is_cluster_wide)

    def run(self, namespace: str, *names: str) -> None:
        self.workflows.add(namespace, *names, completed="false")
        for name in names:
            self.running.record_poll((namespace, name), uid="u", version=7)

    async def served(self) -> dict[NamespacedName, bool]:
        """Return the requested Workflows, each with whether its body has been read."""
        found = {}
        while any(self.queues.workflows.depth(priority) for priority in Priority):
            request = await self.queues.workflows.get()
            assert request
            minimum = request.min_resource_version
            found[request.name] = self.workflows.read_ahead.take(request.name, min_resource_version=minimum) is not None
            self.queues.workflows.done(request)
        return found


async def test_many_running_workflows_are_read_by_one_list_of_growing_pages() -> None:
    world = World()
    world.run("a", *map(str, range(20)))
    world.run("b", *map(str, range(10)))
    world.time.now += 10
    await world.poller().poll()
    assert world.workflows.lists == [(None, NOT_COMPLETED, 5), (None, NOT_COMPLETED, 20), (None, NOT_COMPLETED, 80)]
    served = await world.served()
    assert (len(served), set(served.values())) == (30, {True})


async def test_without_rights_in_the_cluster_each_namespace_is_listed_or_its_few_workflows_read_one_by_one() -> None:
    world = World()
    world.run("a", *map(str, range(20)))
    world.run("b", "0", "1")
    world.time.now += 10
    await world.poller(is_cluster_wide=False).poll()
    assert {scope for scope, _, _ in world.workflows.lists} == {"a"}
    served = await world.served()
    assert [served["a", "0"], served["b", "0"], len(served)] == [True, False, 22]


async def test_few_of_many_are_not_listed() -> None:
    world = World()
    world.run("a", *map(str, range(300)))
    world.time.now += 10
    await world.poller().poll()
    assert not world.workflows.lists
    served = await world.served()
    assert (len(served), set(served.values())) == (30, {False})


async def test_what_a_list_does_not_return_or_only_old_or_of_another_uid_is_read_by_a_get() -> None:
    world = World()
    world.run("a", *map(str, range(10)))
    del world.workflows.stored["a", "0"]
    world.running.record_poll(("a", "1"), uid="u", version=9)
    world.running.record_poll(("a", "2"), uid="new", version=9)
    world.time.now += 10
    await world.poller().poll()
    served = await world.served()
    assert [name for (_, name), is_read in sorted(served.items()) if not is_read] == ["0", "1", "2"]
    assert len(served) == 10


async def test_a_list_that_fails_in_between_leaves_the_rest_to_gets() -> None:
    world = World()
    world.run("a", *map(str, range(30)))
    world.workflows.error_after = 1
    world.time.now += 10
    await world.poller().poll()
    served = await world.served()
    assert (len(served), sum(served.values())) == (30, 5)


async def pages_of_polls(list_seconds: dict[float, float]) -> list[int]:
    """Return the pages that each poll lists; the arguments: when each poll begins, and how long each page takes."""
    world = World()
    world.run("a", *map(str, range(10)))
    poller, pages = world.poller(), []
    for at, seconds in list_seconds.items():
        world.time.now, world.workflows.seconds = at, seconds
        before = len(world.workflows.lists)
        await poller.poll()
        for name in await world.served():
            world.running.record_poll(name, uid="u", version=7)
        pages.append(len(world.workflows.lists) - before)
    return pages


async def test_two_slow_lists_in_a_row_are_followed_by_none_for_ten_minutes() -> None:
    assert await pages_of_polls({10: 5, 30: 5, 50: 0, 300: 0, 630: 0, 650: 0}) == [2, 2, 0, 0, 0, 2]


async def test_a_single_slow_list_stops_no_list() -> None:
    assert await pages_of_polls({10: 5, 30: 0, 50: 5, 70: 0, 90: 5, 110: 5, 130: 0}) == [2, 2, 2, 2, 2, 2, 0]


async def test_a_slow_list_after_the_ten_minutes_is_enough_to_make_none_for_as_long() -> None:
    assert await pages_of_polls({10: 5, 30: 5, 50: 0, 650: 5, 670: 0, 1_300: 0}) == [2, 2, 0, 2, 0, 2]


async def test_ended_runs_are_read_by_lists_in_which_namespaces_take_turns() -> None:
    world = World()
    metas = world.workflows.add("a", *map(str, range(40)), completed="true")
    metas += world.workflows.add("b", *map(str, range(20)), completed="true")
    few = world.workflows.add("c", *map(str, range(5)), completed="true")
    world.workflows.add("d", *map(str, range(100)), completed="true")
    some = [listed.meta for name, listed in world.workflows.stored.items() if name[0] == "d"][:20]
    await world.lists.read([*metas, *few, *some], {"a": 40, "b": 20, "c": 5, "d": 100})
    assert [scope for scope, _, _ in world.workflows.lists] == ["a", "b", "a", "b", "a"]
    assert {selector for _, selector, _ in world.workflows.lists} == {COMPLETED}
    served = await world.served()
    assert {name[0] for name, is_read in served.items() if not is_read} == {"c", "d"}
    assert len(served) == 85


async def test_the_first_metadata_is_that_of_the_streams_and_of_the_running_workflows() -> None:
    world = World()
    (ended,) = world.workflows.add("a", "ended", completed="true")
    world.run("a", "runs")
    assert world.first_list.collect(ended)
    world.first_list.complete()
    assert [meta.name async for meta in world.lists.metadata()] == ["ended", "runs"]
    assert not world.first_list.collect(ended), "from now on, a listed Workflow is handled at once"
    assert [meta.name async for meta in world.lists.metadata()] == ["ended", "runs"]
    assert world.workflows.metadata_lists == [RUNNING, ""]


async def test_streams_that_do_not_connect_are_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wfreport.watch.first_list.PATIENCE_SECONDS", 0.01)
    world = World()
    world.workflows.add("a", "ended", completed="true")
    assert [meta.name async for meta in world.lists.metadata()] == ["ended"]
    assert world.workflows.metadata_lists == [""]

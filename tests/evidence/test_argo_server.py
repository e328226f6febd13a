"""Requests, results, and when a reconcile is requested, without a server."""

from __future__ import annotations

from itertools import pairwise

import msgspec
import pytest
from msgspec.structs import replace
from tests.builders import a_node, a_snapshot

from wfreport.api.argo import Phase
from wfreport.api.reasons import Reason
from wfreport.argoserver.errors import ArgoServerError, ServerForbiddenError, ServerNotFoundError
from wfreport.argoserver.workflows import ServerWorkflows
from wfreport.cache.reports import ReportEntry
from wfreport.core.snapshot.model import NodesState, Snapshot, Source
from wfreport.evidence.archived_logs import ArchivedLogFetcher
from wfreport.evidence.argo_server import NODE_BYTES, ArgoServerFetcher
from wfreport.kube.objects import NamespacedName
from wfreport.metrics import Metrics
from wfreport.runtime.workqueue import QueueLimits, WorkQueue


class Runs(ServerWorkflows):
    """Returns or raises a prepared response."""

    def __init__(self) -> None:
        self.response: Snapshot | ArgoServerError = ServerNotFoundError("none")
        self.requests: list[tuple[str, str, str | None]] = []

    async def fetch(self, namespace: str, name: str, *, uid: str | None = None) -> Snapshot:
        self.requests.append((namespace, name, uid))
        if isinstance(self.response, ArgoServerError):
            raise self.response
        return self.response

    async def fetch_archived(self, namespace: str, name: str, *, uid: str | None = None) -> Snapshot:
        return await self.fetch(namespace, name, uid=uid)


class World:
    def __init__(self, *, has_report: bool = True, max_cached_nodes: int = 1000) -> None:
        self.runs = Runs()
        self.reconciles: list[tuple[NamespacedName, int]] = []
        self.now = 0.0
        self.queue = WorkQueue(QueueLimits(), clock=lambda: self.now, jitter=lambda: 1.0)
        logs = ArchivedLogFetcher(
            None,
            self.queue,
            request_reconcile=lambda name, version: self.reconciles.append((name, version)),
            has_report=lambda _: has_report,
            max_bytes=1000,
            reads_logs=lambda _: True,
            metrics=Metrics(),
        )
        self.fetcher = ArgoServerFetcher(
            self.runs,
            self.queue,
            logs=logs,
            request_reconcile=lambda name, version: self.reconciles.append((name, version)),
            has_report=lambda _: has_report,
            metrics=Metrics(),
            max_cached_nodes=max_cached_nodes,
        )

    async def fetch(self) -> None:
        request = await self.queue.get()
        assert request
        await self.fetcher.fetch(request)


def a_run(*, version: str = "5", phase: str = Phase.FAILED, name: str = "wf") -> Snapshot:
    snapshot = a_snapshot(a_node(name, phase), phase=phase)
    metadata = msgspec.structs.replace(
        snapshot.workflow.metadata, name=name, namespace="ns", uid=f"u-{name}", resource_version=version
    )
    return replace(snapshot, workflow=msgspec.structs.replace(snapshot.workflow, metadata=metadata))


def offloaded(snapshot: Snapshot, nodes: str = "fnv:1") -> Snapshot:
    status = msgspec.structs.replace(snapshot.workflow.status, offload_node_status_version=nodes)
    workflow = msgspec.structs.replace(snapshot.workflow, status=status)
    return replace(snapshot, workflow=workflow, nodes={}, nodes_state=NodesState.OFFLOADED)


def reason_of(snapshot: Snapshot) -> Reason | None:
    return snapshot.unavailable.reason if snapshot.unavailable else None


async def test_a_reconcile_goes_on_without_nodes_and_another_one_is_requested_once_they_are_fetched() -> None:
    world = World()
    world.runs.response = a_run()
    assert reason_of(world.fetcher.with_nodes(offloaded(a_run()))) == Reason.NODES_BEING_FETCHED
    assert not world.runs.requests
    await world.fetch()
    assert world.reconciles == [(("ns", "wf"), 5)]
    assert world.fetcher.with_nodes(offloaded(a_run())).nodes_state is NodesState.READ


@pytest.mark.parametrize(
    ("version", "nodes", "are_used"),
    [("5", "fnv:2", True), ("9", "fnv:1", True), ("9", "fnv:2", False), ("4", "fnv:1", False)],
    ids=["same version", "labelled since", "nodes changed since", "older than the result"],
)
async def test_nodes_are_used_only_for_the_version_that_they_belong_to(
    version: str, nodes: str, *, are_used: bool
) -> None:
    world = World()
    world.runs.response = a_run()
    world.fetcher.with_nodes(offloaded(a_run()))
    await world.fetch()
    snapshot = world.fetcher.with_nodes(offloaded(a_run(version=version), nodes))
    assert (snapshot.nodes_state is NodesState.READ) is are_used


async def test_a_running_workflow_shows_its_last_nodes_and_is_not_reconciled_in_a_loop() -> None:
    world = World()
    world.runs.response = a_run(phase=Phase.RUNNING)
    world.fetcher.with_nodes(offloaded(a_run(phase=Phase.RUNNING)))
    await world.fetch()
    later = offloaded(a_run(phase=Phase.RUNNING, version="9"), "fnv:9")
    assert world.fetcher.with_nodes(later).nodes_state is NodesState.READ
    await world.fetch()
    assert len(world.reconciles) == 1


async def test_an_error_requests_one_reconcile_and_is_not_retried_by_each_reconcile() -> None:
    world = World()
    world.runs.response = ServerForbiddenError("no")
    world.fetcher.with_nodes(offloaded(a_run()))
    await world.fetch()
    for version in ("6", "7"):
        snapshot = world.fetcher.with_nodes(offloaded(a_run(version=version), f"fnv:{version}"))
        assert reason_of(snapshot) == Reason.ARGO_SERVER_FORBIDDEN
    assert world.runs.requests == [("ns", "wf", "u-wf")]
    assert len(world.reconciles) == 1
    world.now = 30
    world.runs.response = a_run(version="7")
    await world.fetch()
    assert world.fetcher.with_nodes(offloaded(a_run(version="7"), "fnv:7")).nodes_state is NodesState.READ


async def test_a_workflow_without_report_is_not_retried() -> None:
    world = World(has_report=False)
    world.runs.response = ServerForbiddenError("no")
    world.fetcher.with_nodes(offloaded(a_run()))
    await world.fetch()
    assert ("ns", "wf") not in world.queue


async def test_the_number_of_cached_nodes_is_bounded() -> None:
    world = World(max_cached_nodes=3)
    for name in ("a", "b", "c"):
        world.runs.response = a_run(name=name)
        world.fetcher.with_nodes(offloaded(a_run(name=name)))
        await world.fetch()
    states = [world.fetcher.with_nodes(offloaded(a_run(name=name))).nodes_state for name in ("a", "b", "c")]
    assert states == [NodesState.OFFLOADED, NodesState.OFFLOADED, NodesState.READ]


async def test_cached_nodes_with_long_texts_count_as_several() -> None:
    world = World(max_cached_nodes=100)
    for name in ("a", "b", "c"):
        world.runs.response = replace(a_run(name=name), json_bytes=60 * NODE_BYTES)
        world.fetcher.with_nodes(offloaded(a_run(name=name)))
        await world.fetch()
    states = [world.fetcher.with_nodes(offloaded(a_run(name=name))).nodes_state for name in ("a", "b", "c")]
    assert states == [NodesState.OFFLOADED, NodesState.OFFLOADED, NodesState.READ]


async def test_a_run_that_is_nowhere_is_fetched_at_growing_intervals() -> None:
    world, lookups = World(), list[float]()
    entry = ReportEntry("ns", "asked", "r1", "1", 1, False, "wf", "", "", "", 1, True, False, source=Source.ARCHIVE)
    world.fetcher.archived(entry)
    while world.now < 24 * 3600:
        await world.fetch()
        lookups.append(world.now)
        due_at = world.queue._rules.next_alarm()
        assert due_at is not None
        world.now = due_at
    intervals = [later - earlier for earlier, later in pairwise(lookups)]
    assert intervals == sorted(intervals)
    assert intervals[-1] == 3600
    assert len(lookups) < 40


async def test_a_request_during_a_fetch_is_not_lost() -> None:
    world = World()
    world.fetcher.with_nodes(offloaded(a_run()))
    request = await world.queue.get()
    assert request
    first = next(iter(world.fetcher._requests[request.name].values()))
    world.fetcher.with_nodes(offloaded(a_run(version="9"), "fnv:9"))
    world.runs.response = a_run(version="5")
    await world.fetcher._fetch(first)
    world.queue.done(request)
    world.runs.response = a_run(version="9")
    await world.fetch()
    assert world.fetcher.with_nodes(offloaded(a_run(version="9"), "fnv:9")).nodes_state is NodesState.READ

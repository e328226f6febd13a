"""Wishes, answers and when a look is asked for, without a server."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest
from tests.builders import a_node, a_snapshot

from wfreport.api.argo import Phase
from wfreport.api.reasons import Reason
from wfreport.argoserver.errors import ArgoServerError, ServerForbiddenError, ServerNotFoundError
from wfreport.argoserver.workflows import ServerWorkflows
from wfreport.core.snapshot.model import NodesState, Snapshot
from wfreport.evidence.archived_logs import ArchivedLogFetcher
from wfreport.evidence.argo_server import ArgoServerFetcher
from wfreport.kube.objects import NamespacedName
from wfreport.metrics import Metrics
from wfreport.runtime.workqueue import QueueLimits, WorkQueue


class Runs(ServerWorkflows):
    """Gives what it is told to."""

    def __init__(self) -> None:
        self.answer: Snapshot | ArgoServerError = ServerNotFoundError("none")
        self.asked: list[tuple[str, str, str | None]] = []

    async def fetch(self, namespace: str, name: str, *, uid: str | None = None) -> Snapshot:
        self.asked.append((namespace, name, uid))
        if isinstance(self.answer, ArgoServerError):
            raise self.answer
        return self.answer


class World:
    def __init__(self, *, is_wanted: bool = True, kept_nodes: int = 1000) -> None:
        self.runs = Runs()
        self.looks: list[tuple[NamespacedName, int]] = []
        self.now = 0.0
        self.queue = WorkQueue(QueueLimits(), clock=lambda: self.now, jitter=lambda: 1.0)
        logs = ArchivedLogFetcher(
            None,
            self.queue,
            look=lambda key, version: self.looks.append((key, version)),
            is_wanted=lambda _: is_wanted,
            max_bytes=1000,
            reads_logs=lambda _: True,
            metrics=Metrics(),
        )
        self.reads = ArgoServerFetcher(
            self.runs,
            self.queue,
            logs=logs,
            look=lambda key, version: self.looks.append((key, version)),
            is_wanted=lambda _: is_wanted,
            metrics=Metrics(),
            kept_nodes=kept_nodes,
        )

    async def work(self) -> None:
        request = await self.queue.get()
        assert request
        await self.reads._read(request)


def whole(*, version: str = "5", phase: str = Phase.FAILED, name: str = "wf") -> Snapshot:
    snapshot = a_snapshot(a_node(name, phase), phase=phase)
    metadata = msgspec.structs.replace(
        snapshot.workflow.metadata, name=name, namespace="ns", uid=f"u-{name}", resource_version=version
    )
    return replace(snapshot, workflow=msgspec.structs.replace(snapshot.workflow, metadata=metadata))


def offloaded(snapshot: Snapshot, nodes: str = "fnv:1") -> Snapshot:
    status = msgspec.structs.replace(snapshot.workflow.status, offload_node_status_version=nodes)
    workflow = msgspec.structs.replace(snapshot.workflow, status=status)
    return replace(snapshot, workflow=workflow, nodes={}, nodes_state=NodesState.OFFLOADED)


def why(snapshot: Snapshot) -> Reason | None:
    return snapshot.unavailable.reason if snapshot.unavailable else None


async def test_a_look_goes_on_without_and_another_one_is_asked_for_when_the_nodes_are_here() -> None:
    world = World()
    world.runs.answer = whole()
    assert why(world.reads.with_nodes(offloaded(whole()))) == Reason.NODES_BEING_FETCHED
    assert not world.runs.asked
    await world.work()
    assert world.looks == [(("ns", "wf"), 5)]
    assert world.reads.with_nodes(offloaded(whole())).nodes_state is NodesState.READ


@pytest.mark.parametrize(
    ("version", "nodes", "are_these"),
    [("5", "fnv:2", True), ("9", "fnv:1", True), ("9", "fnv:2", False), ("4", "fnv:1", False)],
    ids=["same version", "a label since", "written since", "older than the answer"],
)
async def test_nodes_are_used_for_the_state_that_they_are_of(version: str, nodes: str, *, are_these: bool) -> None:
    world = World()
    world.runs.answer = whole()
    world.reads.with_nodes(offloaded(whole()))
    await world.work()
    found = world.reads.with_nodes(offloaded(whole(version=version), nodes))
    assert (found.nodes_state is NodesState.READ) is are_these


async def test_a_running_workflow_shows_the_nodes_of_a_look_ago_and_is_not_looked_at_in_a_circle() -> None:
    world = World()
    world.runs.answer = whole(phase=Phase.RUNNING)
    world.reads.with_nodes(offloaded(whole(phase=Phase.RUNNING)))
    await world.work()
    later = offloaded(whole(phase=Phase.RUNNING, version="9"), "fnv:9")
    assert world.reads.with_nodes(later).nodes_state is NodesState.READ
    await world.work()
    assert len(world.looks) == 1


async def test_a_failure_is_said_once_and_not_tried_again_by_every_look() -> None:
    world = World()
    world.runs.answer = ServerForbiddenError("no")
    world.reads.with_nodes(offloaded(whole()))
    await world.work()
    for version in ("6", "7"):
        found = world.reads.with_nodes(offloaded(whole(version=version), f"fnv:{version}"))
        assert why(found) == Reason.ARGO_SERVER_FORBIDDEN
    assert world.runs.asked == [("ns", "wf", "u-wf")]
    assert len(world.looks) == 1
    world.now = 30
    world.runs.answer = whole(version="7")
    await world.work()
    assert world.reads.with_nodes(offloaded(whole(version="7"), "fnv:7")).nodes_state is NodesState.READ


async def test_what_no_report_is_about_any_more_is_not_tried_again() -> None:
    world = World(is_wanted=False)
    world.runs.answer = ServerForbiddenError("no")
    world.reads.with_nodes(offloaded(whole()))
    await world.work()
    assert ("ns", "wf") not in world.queue


async def test_no_more_nodes_are_kept_than_may_be() -> None:
    world = World(kept_nodes=3)
    for name in ("a", "b", "c"):
        world.runs.answer = whole(name=name)
        world.reads.with_nodes(offloaded(whole(name=name)))
        await world.work()
    kept = [world.reads.with_nodes(offloaded(whole(name=name))).nodes_state for name in ("a", "b", "c")]
    assert kept == [NodesState.OFFLOADED, NodesState.OFFLOADED, NodesState.READ]


async def test_what_is_wished_for_while_the_server_is_asked_is_not_lost() -> None:
    world = World()
    world.reads.with_nodes(offloaded(whole()))
    request = await world.queue.get()
    assert request
    first = next(iter(world.reads._wishes[request.name].values()))
    world.reads.with_nodes(offloaded(whole(version="9"), "fnv:9"))
    world.runs.answer = whole(version="5")
    await world.reads._try(first)
    world.queue.done(request)
    world.runs.answer = whole(version="9")
    await world.work()
    assert world.reads.with_nodes(offloaded(whole(version="9"), "fnv:9")).nodes_state is NodesState.READ

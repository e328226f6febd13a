"""What is remembered of a running Workflow is little, and the event loop goes on while its evidence is collected.

Whatever its author writes: a Workflow of 30 kB can have hundreds of nodes with ids or names of templates of 30 kB each.
"""

from __future__ import annotations

import asyncio
import gc
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
from tests.core.hostile import packed_workflow
from tests.core.stall.stall_world import StallWorld
from tests.reconcile.test_loop_time import MAX_SECONDS, callback_seconds

from wfreport.cache.evidence import EvidenceCache
from wfreport.clock import now
from wfreport.core.snapshot.decode import decode_workflow
from wfreport.core.snapshot.model import Snapshot
from wfreport.core.snapshot.pod_names import pod_name
from wfreport.evidence.reader import MAX_QUERIED_NODES, EvidenceLimits, EvidenceReader
from wfreport.kube.objects import NamespacedName
from wfreport.large_work import run_in_thread
from wfreport.metrics import Metrics

Json = dict[str, Any]
NAME: NamespacedName = ("ns", "wf")
MAX_BYTES = 1 << 20
FEW, MANY, LENGTH = 300, 20_000, 30_000


def pod(name: str, phase: str, **fields: Any) -> Json:
    return {"name": f"wf.{name}", "type": "Pod", "phase": phase, "startedAt": "2020-11-22T03:00:00Z", **fields}


def long_ids(phase: str) -> Json:
    return {f"{n}-" + "x" * LENGTH: pod(str(n), phase) for n in range(FEW)}


def many(phase: str) -> Json:
    return {f"n{n}": pod(str(n), phase) for n in range(MANY)}


def lock(number: int, length: int) -> Json:
    return {"mutex": f"ns/Mutex/{number}-" + "m" * length, "holder": f"ns/wf/{number}-" + "h" * length}


def locks(field: str, number: int, length: int) -> Json:
    return {"synchronization": {"mutex": {field: [lock(n, length) for n in range(number)]}}}


RUNS: dict[str, Callable[[], bytes]] = {
    "long ids of failed steps": lambda: packed_workflow(long_ids("Failed"), phase="Running"),
    "long ids of running steps": lambda: packed_workflow(long_ids("Running"), phase="Running"),
    "many failed steps": lambda: packed_workflow(many("Failed"), phase="Running"),
    "many running steps": lambda: packed_workflow(many("Running"), phase="Running"),
    "many locks": lambda: packed_workflow({"n": pod("n", "Running")}, phase="Running", **locks("holding", 20_000, 1)),
    "many long locks": lambda: packed_workflow(
        {"n": pod("n", "Running")}, phase="Running", **locks("holding", 1000, 900)
    ),
    "long locks": lambda: packed_workflow({"n": pod("n", "Running")}, phase="Running", **locks("holding", 20, LENGTH)),
    "many locks that it waits for": lambda: packed_workflow(
        {"n": pod("n", "Pending")}, phase="Running", **locks("waiting", 20_000, 1)
    ),
}


class Collector:
    """Collects the evidence of a running Workflow whose pods are gone."""

    def __init__(self) -> None:
        self.world = StallWorld(now())
        any_: Any = self
        self.reader = EvidenceReader(any_, EvidenceLimits(), cache=EvidenceCache(), capturer=any_, metrics=Metrics())

    async def list_failed(self, *_: Any, **__: Any) -> list[Any]:
        return []

    def is_capturing(self, _: NamespacedName) -> bool:
        return False

    async def collect(self, snapshot: Snapshot) -> None:
        await self.world.poll(snapshot)
        running = self.world.running.get(NAME)
        await self.reader.read(
            snapshot, [], running, has_just_ended=False, has_ended_long_ago=False, retry_allowed=False
        )


@pytest.mark.parametrize("name", RUNS)
def test_little_is_remembered_of_a_running_workflow_and_no_callback_is_long(name: str) -> None:
    raw, collector = RUNS[name](), Collector()
    asyncio.run(collector.collect(decode_workflow(packed_workflow({"n": pod("n", "Running")}, phase="Running"))))
    tracemalloc.start()
    try:
        asyncio.run(collector.collect(decode_workflow(raw)))
        asyncio.run(collector.collect(decode_workflow(raw)))
        asyncio.run(run_in_thread(int))  # the thread forgets its last work with the next
        gc.collect()
        remembered = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert remembered < MAX_BYTES
    snapshot = decode_workflow(raw)
    with callback_seconds() as spent:
        asyncio.run(collector.collect(snapshot))
    assert max(spent) < MAX_SECONDS / 2


def test_no_more_pods_are_queried_than_a_report_can_describe() -> None:
    collector, snapshot = Collector(), decode_workflow(RUNS["many failed steps"]())
    for _ in range(3):
        asyncio.run(collector.collect(snapshot))
    running = collector.world.running.get(NAME)
    assert running is not None
    assert len(running.queried_nodes) == MAX_QUERIED_NODES
    assert len(running.queried_nodes) * running.queried_nodes.itemsize <= 16_000, "a thousand such Workflows may run"


def test_names_of_pods_are_not_remembered_with_long_names_of_templates() -> None:
    gc.collect()
    tracemalloc.start()
    try:
        for run in range(3):
            nodes = {f"n{n}": pod(str(n), "Failed", templateName=f"{run}-{n}" + "t" * LENGTH) for n in range(FEW)}
            snapshot = decode_workflow(packed_workflow(nodes, taskResultsCompletionStatus={"n": True}))  # names of v2
            names = {pod_name(snapshot.workflow, node) for node in snapshot.nodes.values()}
            assert len(names) == FEW
            del nodes, names, snapshot
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] < MAX_BYTES
    finally:
        tracemalloc.stop()

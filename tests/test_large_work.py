"""Large Workflows are decoded and rendered in a thread of their own, small ones on the loop."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

import pytest
from tests.builders import a_node, a_snapshot
from tests.core.hostile import packed_workflow

from wfreport.api.argo import Phase
from wfreport.core.snapshot.decode import decode_event, decode_pod, decode_workflow
from wfreport.core.snapshot.model import PodEvidence
from wfreport.large_work import (
    LARGE_EVIDENCE,
    MANY_STEPS,
    is_large,
    is_large_evidence,
    is_large_json,
    run_by_size,
    run_by_steps,
    run_in_thread,
    take_turns_as,
)


@pytest.mark.parametrize(("large", "name"), [(True, "large-work"), (False, "MainThread")])
def test_large_work_runs_in_its_own_thread(large: bool, name: str) -> None:
    where = asyncio.run(run_by_size(large, lambda: threading.current_thread().name))
    assert where.startswith(name)


def test_a_workflow_is_large_by_its_unpacked_nodes_or_by_its_evidence() -> None:
    raw = packed_workflow({f"wf-{index}": {"message": "x" * 1000} for index in range(100)})
    assert is_large_json(raw)
    assert is_large(decode_workflow(raw))
    texts = decode_workflow(packed_workflow({f"wf-{index}": {"message": "x" * 1000} for index in range(10)}))
    assert is_large(texts), "its messages are searched for secrets"
    small = a_snapshot(a_node("wf", Phase.FAILED))
    assert not is_large(small)
    assert is_large(small, *[PodEvidence()] * (LARGE_EVIDENCE + 1))


LONG: Final = "m" * 5_000
ENDED: Final = {"state": {"terminated": {"message": LONG}}, "lastState": {"waiting": {"message": "m"}}}
POD_STATUSES: Final = [
    {"message": LONG, "reason": LONG},
    {"conditions": [{"message": LONG}] * 2},
    {"initContainerStatuses": [ENDED], "containerStatuses": [ENDED, {}]},
]


@pytest.mark.parametrize("status", POD_STATUSES)
def test_a_workflow_is_large_by_the_texts_of_its_pods(status: dict[str, object]) -> None:
    small = a_snapshot(a_node("wf", Phase.FAILED))
    assert is_large(small, PodEvidence(decode_pod({"status": status})))
    assert not is_large(small, PodEvidence(decode_pod({"status": {"message": LONG}})))


def test_a_workflow_is_large_by_the_texts_of_events_also_if_its_pod_is_gone() -> None:
    event = decode_event({"message": LONG})
    assert is_large_evidence(PodEvidence(events=(event, event)))
    assert not is_large_evidence(PodEvidence(events=(event,)))


def test_the_garbage_collector_waits_for_large_work_and_no_longer() -> None:
    assert gc.isenabled()
    assert not asyncio.run(run_in_thread(gc.isenabled))
    assert gc.isenabled()
    with pytest.raises(ZeroDivisionError):
        asyncio.run(run_in_thread(lambda: 1 // 0))
    assert gc.isenabled()


@pytest.mark.parametrize("run", [run_in_thread, partial(run_by_steps, MANY_STEPS + 1)], ids=["large", "searches"])
def test_namespaces_take_turns_in_each_thread(run: Callable[..., Awaitable[None]]) -> None:
    done: list[str] = []

    async def work(namespace: str, number: int) -> None:
        take_turns_as(namespace)
        await run(done.append, f"{namespace}-{number}")

    async def flood() -> None:
        tasks = [asyncio.create_task(work("flood", number)) for number in range(5)]
        tasks += [asyncio.create_task(work(namespace, 0)) for namespace in ("a", "b")]
        await asyncio.gather(*tasks)

    asyncio.run(flood())
    assert done == ["flood-0", "flood-1", "a-0", "b-0", "flood-2", "flood-3", "flood-4"]


def test_work_that_is_cancelled_while_it_waits_leaves_its_turn_to_others() -> None:
    async def cancelled() -> str:
        first = asyncio.create_task(run_in_thread(str, "first"))
        waiting = [asyncio.create_task(run_in_thread(str, "waits")) for _ in range(3)]
        await asyncio.sleep(0)
        waiting[0].cancel()
        await first
        waiting[1].cancel()  # it has just been given the turn
        return await waiting[2] + await run_in_thread(str, " last")

    assert asyncio.run(cancelled()) == "waits last"


@pytest.mark.parametrize(("steps", "name"), [(MANY_STEPS, "MainThread"), (MANY_STEPS + 1, "searches")])
def test_many_steps_of_expressions_run_in_their_own_thread(steps: int, name: str) -> None:
    where = asyncio.run(run_by_steps(steps, lambda: threading.current_thread().name))
    assert where.startswith(name)

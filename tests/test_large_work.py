"""Large Workflows are decoded and rendered in a thread of their own, small ones on the loop."""

from __future__ import annotations

import asyncio
import gc
import threading

import pytest
from tests.builders import a_node, a_snapshot
from tests.core.hostile import packed_workflow

from wfreport.api.argo import Phase
from wfreport.core.snapshot.decode import decode_workflow
from wfreport.core.snapshot.model import PodEvidence
from wfreport.large_work import (
    LARGE_EVIDENCE,
    MANY_STEPS,
    is_large,
    is_large_json,
    run_by_size,
    run_by_steps,
    run_in_thread,
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


def test_the_garbage_collector_waits_for_large_work_and_no_longer() -> None:
    assert gc.isenabled()
    assert not asyncio.run(run_in_thread(gc.isenabled))
    assert gc.isenabled()
    with pytest.raises(ZeroDivisionError):
        asyncio.run(run_in_thread(lambda: 1 // 0))
    assert gc.isenabled()


@pytest.mark.parametrize(("steps", "name"), [(MANY_STEPS, "MainThread"), (MANY_STEPS + 1, "searches")])
def test_many_steps_of_expressions_run_in_their_own_thread(steps: int, name: str) -> None:
    where = asyncio.run(run_by_steps(steps, lambda: threading.current_thread().name))
    assert where.startswith(name)

"""Large Workflows are decoded and rendered in a thread of their own, small ones on the loop."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest
from tests.builders import a_node, a_report, a_snapshot
from tests.core.hostile import packed_workflow

from wfreport.api.argo import Phase
from wfreport.core.snapshot.decode import decode_workflow
from wfreport.core.snapshot.model import PodEvidence
from wfreport.large_work import LARGE_EVIDENCE, is_large, is_large_json, run_by_size


@pytest.mark.parametrize(("large", "name"), [(True, "large-work"), (False, "MainThread")])
def test_large_work_runs_in_its_own_thread(large: bool, name: str) -> None:
    where = asyncio.run(run_by_size(large, lambda: threading.current_thread().name))
    assert where.startswith(name)


def test_a_workflow_is_large_by_its_unpacked_nodes_or_by_its_evidence() -> None:
    raw = packed_workflow({f"wf-{index}": {"message": "x" * 1000} for index in range(100)})
    assert is_large_json(raw)
    assert is_large(decode_workflow(raw))
    small = a_snapshot(a_node("wf", Phase.FAILED))
    assert not is_large(small)
    assert is_large(small, *[PodEvidence()] * (LARGE_EVIDENCE + 1))


def test_no_callback_holds_the_loop_for_250_ms_while_500_failures_are_rendered() -> None:
    nodes = {
        f"wf-{index}": {"phase": "Failed", "type": "Pod", "message": f"{index} " + "/opt/lib/a.jar:" * 60}
        for index in range(500)
    }
    raw = packed_workflow(nodes)
    assert asyncio.run(_longest_callback(raw)) < 0.25


async def _longest_callback(raw: bytes) -> float:
    """Return the longest CPU time of the loop's thread between two turns, while a Workflow is reported."""
    done, longest = asyncio.Event(), 0.0

    async def report() -> None:
        snapshot = await run_by_size(is_large_json(raw), decode_workflow, raw)
        await run_by_size(is_large(snapshot), a_report, snapshot)
        done.set()

    task = asyncio.create_task(report())
    before = time.thread_time()
    while not done.is_set():
        await asyncio.sleep(0.001)
        now = time.thread_time()
        longest, before = max(longest, now - before), now
    await task
    return longest

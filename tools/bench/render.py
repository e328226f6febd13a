"""Measures the cost of rendering a large Workflow: `python -m bench.render [NODES ...]`. It needs no cluster.

Time is CPU time, the best of three. Memory is the peak of Python's allocations above the level before.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from bench import large
from wfreport.api.report import ReportSpec, ReportStatus, WorkflowRef
from wfreport.clock import now
from wfreport.core.redact.redactor import Redactor
from wfreport.core.render.status import render_status
from wfreport.core.snapshot.decode import decode_workflow
from wfreport.core.snapshot.model import RenderOptions, Snapshot

_T = TypeVar("_T")
_ROUNDS: Final = 3
_MESSAGE: Final = "main: Error (exit code 1): " + "word " * 400
_SHAPES: Final[dict[str, Callable[[int], large.Json]]] = {
    "fan-out": large.fan_out,
    "fan-out, compressed": lambda nodes: large.compressed(large.fan_out(nodes)),
    "stages of 100": large.stages,
    "chain": large.chain,
    "all failed": large.failures,
    "all failed, 2 kB each": lambda nodes: large.failures(nodes, _MESSAGE),
    "one message of 1 MB": lambda _: large.failures(3, "main: Error (exit code 1): " + "x" * 1_000_000),
}


@dataclass(frozen=True, slots=True)
class Cost:
    """Cost of one Workflow.

    Attributes:
        shape: shape of the Workflow.
        nodes: number of nodes.
        workflow_bytes: size of its JSON.
        decode_ms: time from its JSON to a snapshot.
        render_ms: time from the snapshot to the JSON of the report's status.
        peak_bytes: peak memory of both.
        report_bytes: size of that JSON.
    """

    shape: str
    nodes: int
    workflow_bytes: int
    decode_ms: float
    render_ms: float
    peak_bytes: int
    report_bytes: int


def report_without_evidence(snapshot: Snapshot, redactor: Redactor) -> ReportStatus:
    """Render the first report of a Workflow whose pods are gone."""
    return render_status(
        snapshot,
        stored=None,
        spec=ReportSpec(workflow_ref=WorkflowRef(name="large")),
        generation=1,
        evidence={},
        options=RenderOptions(),
        redactor=redactor,
        now=now(),
    )


def measure(shape: str, nodes: int) -> Cost:
    """Decode and render a Workflow of this shape and size."""
    value = _SHAPES[shape](nodes)
    text = json.dumps(value).encode()
    decode_ms, snapshot = _timed(lambda: decode_workflow(text))
    redactor = Redactor()

    def render() -> bytes:
        return report_without_evidence(snapshot, redactor).dump_json()

    render_ms, report = _timed(render)
    tracemalloc.start()
    decode_workflow(text)
    render()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return Cost(shape, len(snapshot.nodes), len(text), decode_ms, render_ms, peak, len(report))


def _timed(work: Callable[[], _T]) -> tuple[float, _T]:
    best = float("inf")
    for _ in range(_ROUNDS):
        began = time.process_time()
        result = work()
        best = min(best, time.process_time() - began)
    return best * 1000, result


def table(costs: Sequence[Cost]) -> Iterator[str]:
    """Return the lines of a Markdown table."""
    yield "| Shape | Nodes | Workflow | Decode | Render | Peak memory | Report |"
    yield "| --- | --: | --: | --: | --: | --: | --: |"
    for cost in costs:
        yield (
            f"| {cost.shape} | {cost.nodes:,} | {cost.workflow_bytes / 1e6:.1f} MB | {cost.decode_ms:.0f} ms "
            f"| {cost.render_ms:.0f} ms | {cost.peak_bytes / 1e6:.0f} MB | {cost.report_bytes / 1e3:.0f} kB |"
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure every shape at every size and print the table."""
    parser = argparse.ArgumentParser(prog="python -m bench.render", description=__doc__)
    parser.add_argument("nodes", nargs="*", type=int, default=[3_000, 10_000], help="numbers of nodes")
    options = parser.parse_args(arguments)
    costs = [measure(shape, nodes) for nodes in options.nodes for shape in _SHAPES]
    sys.stdout.write("".join(f"{line}\n" for line in table(costs)))
    return 0


if __name__ == "__main__":
    sys.exit(main())

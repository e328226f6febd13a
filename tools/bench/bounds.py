"""Implements ``python -m bench bounds``: the largest Workflows of each kind, and what a report about each costs.

A Workflow has at most 50,000 nodes and 16 MiB of them; a user's bytes decide what they are. Each shape here made some
step of the report slow once.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

from bench.large import compressed
from bench.render import report_without_evidence
from wfreport.core.redact.redactor import Redactor
from wfreport.core.snapshot.decode import decode_workflow
from wfreport.core.snapshot.model import Snapshot
from wfreport.large_work import without_collections

Nodes = dict[str, Any]
MAX_NODES: Final = 50_000
_MESSAGES: Final = 520
_TIMES: Final = {"startedAt": "2026-11-22T03:00:00Z", "finishedAt": "2026-11-22T04:00:00Z"}


def node(key: str, name: str, phase: str = "Failed", kind: str = "Pod", **fields: Any) -> Nodes:
    """Return a node."""
    named = {"id": key, "name": name, "displayName": name[-60:]}
    return named | {"type": kind, "phase": phase, **_TIMES, **fields}


def fan_out(size: int, phase: str = "Failed", **fields: Any) -> Nodes:
    """Return a DAG whose tasks run side by side."""
    tasks = {f"n{i}": node(f"n{i}", f"wf.s({i}:x)", phase, templateName="t", **fields) for i in range(size - 1)}
    return {"wf": node("wf", "wf", phase, "DAG", children=list(tasks))} | tasks


def attempts(size: int) -> Nodes:
    """Return a Retry node with attempts that failed."""
    tries = {f"a{i}": node(f"a{i}", f"wf.r({i})", message=f"Error (exit code 1): boom {i}") for i in range(size - 1)}
    return {"r": node("r", "wf.r", kind="Retry", children=list(tries))} | tries


def chain(size: int) -> Nodes:
    """Return nodes of which each encloses the next; their names grow, so that there are fewer of them."""
    depth = min(size, 3_900)
    return {f"c{i}": node(f"c{i}", "wf" + ".a" * i, kind="DAG", children=[f"c{i + 1}"]) for i in range(depth)}


def deep_and_wide(size: int) -> Nodes:
    """Return a chain of 900 groups with many failed steps in the innermost one."""
    inner = "wf" + ".a" * 900
    groups = {f"c{i}": node(f"c{i}", "wf" + ".a" * i, kind="DAG") for i in range(901)}
    return groups | {f"l{i}": node(f"l{i}", f"{inner}.l{i}") for i in range(min(size, 7_000))}


def deep(kind: str) -> Callable[[int], Nodes]:
    """Return nodes of a type with the same display name, within each other and side by side in the innermost one."""

    def shape(size: int) -> Nodes:
        depth = min(size // 2, 900)
        inner = "wf" + ".a" * (depth - 1)
        names = ["wf" + ".a" * i for i in range(depth)] + [f"{inner}.l{i}" for i in range(min(size, 7_000))]
        return {f"n{i}": node(f"n{i}", name, kind=kind, displayName="x") for i, name in enumerate(names)}

    return shape


def omitted(size: int) -> Nodes:
    """Return failed tasks before one chain of tasks that were omitted."""
    half = (size - 1) // 2
    failed = {f"f{i}": node(f"f{i}", f"wf.f{i}", children=["o0"]) for i in range(half)}
    rest = {f"o{i}": node(f"o{i}", f"wf.o{i}", "Omitted", "Skipped", children=[f"o{i + 1}"]) for i in range(half)}
    return {"wf": node("wf", "wf", kind="DAG")} | failed | rest


def links(size: int) -> Nodes:
    """Return tasks of which some are followed by very many: half a million links at 20,000 nodes."""
    nodes = fan_out(min(size, 20_000))
    targets = list(nodes)
    for key in targets[: 500_000 // len(targets)]:
        nodes[key]["children"] = targets
    return nodes


def messages(unit: str) -> Callable[[int], Nodes]:
    """Return failed steps with messages that consist of one unit, of 16 MiB at the full size."""

    def shape(size: int) -> Nodes:
        text = unit * (30_000 * size // MAX_NODES // len(unit))
        return {f"n{i}": node(f"n{i}", f"wf.n{i}", message=f"{i} {text}") for i in range(_MESSAGES)}

    return shape


def long_names(size: int) -> Nodes:
    """Return failed pods with long names, whose ids do not end with the hash of the name."""
    inner = "wf." + "a" * 250
    return {f"n{i}": node(f"n{i}", f"{inner}.{i}", hostNodeName="h") for i in range(min(size, 26_000))}


def one_text(field: str) -> Callable[[int], Nodes]:
    """Return a step of which one field has megabytes, beside some that are ordinary."""

    def shape(size: int) -> Nodes:
        nodes = fan_out(max(size // 100, 2), hostNodeName="h")
        nodes["n0"][field] = "a" * (300 * size)
        return nodes

    return shape


def artifacts(size: int) -> Nodes:
    """Return steps with very many artifacts."""
    some = [{"name": f"a{i}-logs", "s3": {"key": "k"}} for i in range(300)]
    return fan_out(max(size // 100, 1), "Succeeded", outputs={"artifacts": some, "exitCode": "0"})


def hooks(size: int) -> Nodes:
    """Return retries whose attempts and hooks are followed by others."""
    nodes: Nodes = {}
    for i in range(size // 5):
        tries = [f"a{i}-{n}" for n in range(2)]
        nodes[f"r{i}"] = node(f"r{i}", f"wf.r{i}", kind="Retry", children=[*tries, f"h{i}"])
        nodes |= {key: node(key, f"wf.r{i}({n})", children=[f"h{i}"]) for n, key in enumerate(tries)}
        nodes[f"h{i}"] = node(f"h{i}", f"wf.r{i}.hooks.failed", nodeFlag={"hooked": True})
        nodes[f"c{i}"] = node(f"c{i}", f"wf.r{i}(1).c", kind="Container", boundaryID=f"a{i}-1", children=[f"r{i}"])
    return nodes


SHAPES: Final[Mapping[str, Callable[[int], Nodes]]] = {
    "steps that succeeded": lambda size: fan_out(size, "Succeeded"),
    "steps that failed": lambda size: fan_out(size, message="main: Error (exit code 1)"),
    "pods that wait": lambda size: fan_out(size, "Pending", message="Unschedulable: 0/3 nodes are available"),
    "attempts of one step": attempts,
    "nested groups": chain,
    "failures in nested groups": deep_and_wide,
    "containers within containers": deep("Container"),
    "namesakes within namesakes": deep("DAG"),
    "omitted tasks": omitted,
    "links between tasks": links,
    "attempts with hooks and containers": hooks,
    "long names": long_names,
    "artifacts": artifacts,
    "one long name": one_text("name"),
    "one long display name": one_text("displayName"),
    "one long message": one_text("message"),
    "messages of words": messages("word "),
    "messages of class paths": messages("/opt/lib/a.jar:"),
    "messages of keys": messages("token: "),
    "messages of prefixes": messages("task '' errored: "),
}
"""The largest Workflows of each kind, by the number of their nodes."""


def workflow_of(nodes: Nodes) -> bytes:
    """Return a failed Workflow with these nodes, compressed."""
    document = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"name": "wf", "namespace": "ns", "uid": "u-1"},
        "spec": {"entrypoint": "main"},
        "status": {"phase": "Failed", **_TIMES, "nodes": nodes},
    }
    return json.dumps(compressed(document)).encode()


def report_on(snapshot: Snapshot) -> None:
    """Render a report without evidence."""
    report_without_evidence(snapshot, Redactor())


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of a report, in a process that does nothing else."""

    nodes: int
    decode_seconds: float
    render_seconds: float
    peak_mb: int


def main(arguments: Sequence[str]) -> int:
    """Print the CPU seconds and the memory of each shape, and the worst of them."""
    parser = argparse.ArgumentParser(prog="python -m bench bounds", description=__doc__)
    parser.add_argument("--nodes", type=int, default=MAX_NODES, help="number of nodes (default: %(default)s)")
    size = parser.parse_args(arguments).nodes
    write = sys.stdout.write
    write("| Workflow | nodes | object kB | decode CPU s | render CPU s | peak RSS MB |\n")
    write("| --- | --: | --: | --: | --: | --: |\n")
    costs = []
    # A process of its own for each, so that neither another shape nor the making of this one counts as its memory.
    with ProcessPoolExecutor(1, mp_context=get_context("spawn"), max_tasks_per_child=1) as processes:
        for name, shape in SHAPES.items():
            raw = workflow_of(shape(size))
            cost = processes.submit(measured, raw).result()
            costs.append(cost)
            figures = f"{cost.decode_seconds:.2f} | {cost.render_seconds:.2f} | {cost.peak_mb}"
            write(f"| {name} | {cost.nodes:,} | {len(raw) // 1000:,} | {figures} |\n")
    seconds = max(cost.decode_seconds + cost.render_seconds for cost in costs)
    write(f"\nworst: {seconds:.2f} CPU s, {max(cost.peak_mb for cost in costs)} MB\n")
    return 0


def measured(raw: bytes) -> Cost:
    """Decode and render a Workflow in this process, which has imported the code but compiled no pattern yet."""
    began = time.thread_time()
    snapshot = without_collections(decode_workflow, raw)
    decoded = time.thread_time()
    without_collections(report_on, snapshot)
    return Cost(len(snapshot.nodes), decoded - began, time.thread_time() - decoded, _peak_mb())


def _peak_mb() -> int:
    """Return the peak of this program's memory; that of ``getrusage`` includes the process that started it."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status["VmHWM"].split()[0]) // 1024

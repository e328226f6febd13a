"""Implements ``python -m bench cli``: the CPU time of commands beside Argo's own CLI, in one run.

One namespace has twenty Workflows of 20 nodes with their reports. The commands are run in turn, so that a busy machine
slows all of them alike; a figure is the minimum of its rounds, which a neighbour disturbs least.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bench.operators import compile_bytecode
from bench.workflows import Run, completed
from controlplane.argo import argo_release
from controlplane.plane import ControlPlane
from wfreport.api.names import API_VERSION, PLURAL_REPORTS
from wfreport.cli.sources.computed_reports import compute_report
from wfreport.clock import now
from wfreport.core.snapshot.decode import decode_workflow

NAMESPACE: Final = "bench"
RUNS, NODES = 20, 20
_REPORTS: Final = f"/apis/{API_VERSION}/namespaces/{NAMESPACE}/{PLURAL_REPORTS}"
_WORKFLOWS: Final = f"/apis/argoproj.io/v1alpha1/namespaces/{NAMESPACE}/workflows"
_HEADER: Final = ("| command | CPU s, least | median | beside | ratio |", "| --- | ---: | ---: | --- | ---: |")


@dataclass(frozen=True, slots=True)
class Measured:
    """A command.

    Attributes:
        name: the command as a person types it.
        line: its arguments.
        beside: the name of the command of Argo's CLI that it is compared with; empty for none.
    """

    name: str
    line: tuple[str, ...]
    beside: str = ""


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m bench cli", description=__doc__)
    parser.add_argument("--rounds", type=int, default=15, help="rounds, of which the least counts; default %(default)s")
    rounds = parser.parse_args(arguments).rounds
    compile_bytecode()
    with ControlPlane() as plane, tempfile.TemporaryDirectory(prefix="wfreport-bench-") as folder:
        commands = _commands(plane, Path(folder))
        env = {**os.environ, "KUBECONFIG": str(plane.kubeconfig)}
        seconds: dict[str, list[float]] = {command.name: [] for command in commands}
        for _ in range(rounds):
            for command in commands:
                seconds[command.name].append(_cpu_seconds(command.line, env))
    print("\n".join((*_HEADER, *(_row(command, seconds) for command in commands))))
    return 0


def _commands(plane: ControlPlane, folder: Path) -> list[Measured]:
    plane.create_namespace(NAMESPACE)
    documents = [_create(plane, number) for number in range(RUNS)]
    file = folder / "workflow.json"
    file.write_text(json.dumps(documents[0]))
    name = documents[0]["metadata"]["name"]
    ours, argo = (sys.executable, "-m", "wfreport"), (str(argo_release().cli),)
    there = ("-n", NAMESPACE)
    return [
        Measured("argo list", (*argo, "list", *there)),
        Measured("argo get NAME", (*argo, "get", name, *there)),
        Measured("wfreport list", (*ours, "list", *there), "argo list"),
        Measured("wfreport show NAME", (*ours, "show", name, *there), "argo get NAME"),
        Measured("wfreport explain FILE", (*ours, "explain", str(file)), "argo get NAME"),
        Measured("wfreport --help", (*ours, "--help")),
        Measured("python -c pass", (sys.executable, "-c", "pass")),
    ]


def _create(plane: ControlPlane, number: int) -> dict[str, Any]:
    """Create a Workflow that ended, and its report. Return the Workflow."""
    run = Run(f"run-{number:02}", NAMESPACE, nodes=NODES, updates=1, fails=True)
    document: dict[str, Any] = plane.api.post(_WORKFLOWS, completed(run, now()))
    report = compute_report(decode_workflow(document), {})
    plane.api.post(_REPORTS, {key: value for key, value in report.items() if key != "status"})
    status = {"apiVersion": API_VERSION, "kind": "WorkflowReport", "status": report["status"]}
    plane.api.apply(f"{_REPORTS}/{report['metadata']['name']}/status", status)
    return document


def _cpu_seconds(line: Sequence[str], env: Mapping[str, str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(line, env=env, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _row(command: Measured, seconds: Mapping[str, Sequence[float]]) -> str:
    least = min(seconds[command.name])
    ratio = f"{least / min(seconds[command.beside]):.1f}" if command.beside else ""
    median = statistics.median(seconds[command.name])
    return f"| `{command.name}` | {least:.2f} | {median:.2f} | {command.beside} | {ratio} |"

"""``wfreport pods``: the pods of a run's steps, also of those that are gone."""

import sys
from collections.abc import Collection, Sequence
from typing import Any

import click

from wfreport.api.argo import FAILED_PHASES
from wfreport.cli.problems import ExitCode
from wfreport.cli.render.style import one_line
from wfreport.cli.sources.cluster import Cluster, ClusterTarget, run_connected
from wfreport.cli.sources.run_pods import StepPod, steps_of
from wfreport.cli.sources.runs import find_run, list_pods

YES, GONE, NO, UNKNOWN = "yes", "gone", "no", "unknown"


def run_pods(target: ClusterTarget, name: str, *, failed: bool, output: str, color: str) -> int:
    """Print the pods of a run, and return the exit code.

    Raises:
        NotFound: there is no such run.
        UnusableInput: the cluster or what is in it cannot be used.
    """

    async def act(cluster: Cluster) -> int:
        run = await find_run(cluster, name, with_workflow=True)
        steps = steps_of(run)
        found = [pod for pod in steps.all_pods() if not failed or pod.step.phase in FAILED_PHASES]
        existing = await list_pods(cluster, run.name)
        names = None if existing is None else {pod.metadata.name for pod in existing}
        _print(found, names, output=output, color=color)
        if steps.complete and not found and output == "table":
            click.echo(f"{run.name} has no {'failed ' if failed else ''}pods.", err=True)
        return ExitCode.SUCCEEDED

    return run_connected(target, act)


def _exists(pod: StepPod, existing: Collection[str] | None) -> str:
    """``no`` is a pod that was never seen on a machine: it waits, or was never made (a cache, a quota)."""
    if existing is None:
        return UNKNOWN
    if pod.pod_name in existing:
        return YES
    return GONE if pod.has_run else NO


def _print(pods: Sequence[StepPod], existing: Collection[str] | None, *, output: str, color: str) -> None:
    if output == "name":
        for name in dict.fromkeys(pod.pod_name for pod in pods):
            click.echo(f"pod/{name}")
    elif output == "json":
        from wfreport.cli.render.output import print_object  # noqa: PLC0415

        print_object([_object(pod, existing) for pod in pods], output)
    elif pods:
        _print_table(pods, existing, color=color)


def _object(pod: StepPod, existing: Collection[str] | None) -> dict[str, Any]:
    return {
        "step": pod.step.display_name,
        "nodeId": pod.step.node_id,
        "fullName": pod.full_name,
        "attempt": pod.attempt,
        "podName": pod.pod_name,
        "phase": pod.step.phase,
        "hostNodeName": pod.host or None,
        "exists": _exists(pod, existing),
    }


def _print_table(pods: Sequence[StepPod], existing: Collection[str] | None, *, color: str) -> None:
    from rich.text import Text  # noqa: PLC0415

    from wfreport.cli.render.console import report_console  # noqa: PLC0415
    from wfreport.cli.render.table import Column, phase_cell, print_table, style_of  # noqa: PLC0415

    console = report_console(color, sys.stdout)
    look = style_of(console)
    columns = [
        Column("STEP", least=12), Column("ATTEMPT"), Column("POD"), Column("PHASE"), Column("EXISTS"),
        Column("HOST", least=6, optional=True),
    ]  # fmt: skip
    rows = [
        (
            Text(one_line(pod.step.display_name), style="bold"),
            Text(str(pod.attempt or "")),
            Text(one_line(pod.pod_name), style="cyan"),
            phase_cell(look, pod.step.phase),
            Text(exists := _exists(pod, existing), style="green" if exists == YES else "dim"),
            Text(one_line(pod.host), style="dim"),
        )
        for pod in pods
    ]
    print_table(columns, rows, console)

"""``wfreport pods``: the pods of a run's steps, including deleted ones."""

from collections.abc import Collection, Sequence
from typing import Any, Final

import click

from wfreport.api.argo import FAILED_PHASES
from wfreport.cli.group import Command
from wfreport.cli.options import ClusterTarget, cluster_options, color_option, completion, output_option
from wfreport.cli.problems import ExitCode
from wfreport.cli.render.column import Column
from wfreport.cli.render.output import print_object, print_table
from wfreport.cli.sources.cluster import Cluster, run_connected
from wfreport.cli.sources.run_pods import StepPod, steps_of
from wfreport.cli.sources.runs import find_run, list_pods

YES: Final = "yes"
GONE: Final = "gone"
NO: Final = "no"
UNKNOWN: Final = "unknown"


@click.command(
    cls=Command,
    exit_codes={
        ExitCode.SUCCEEDED: "success, even if the run has no pods",
        ExitCode.UNUSABLE: "the cluster cannot be used",
        ExitCode.NOT_FOUND: "no such run",
    },
    examples=("%(prog)s pods etl-x7k2p", "kubectl describe $(%(prog)s pods etl-x7k2p --failed -o name)"),
)
@click.argument("name", shell_complete=completion("runs"))
@click.option("--failed", is_flag=True, help="Only pods of failed steps.")
@output_option("table", "json", "name")
@color_option
@cluster_options
def pods(target: ClusterTarget, name: str, *, failed: bool, output: str, color: str) -> int:
    """List the pod of every step, attempt and loop item of a run.

    NAME is the name of a Workflow or of a report. Pod names are computed as Argo computes them, so they are known even
    after the pod or the Workflow was deleted. The column EXISTS is yes, gone (it ran and was deleted), no (it was
    never scheduled) or unknown (pods cannot be listed).
    """

    async def execute(cluster: Cluster) -> int:
        run = await find_run(cluster, name, with_workflow=True)
        steps = steps_of(run)
        selected = [pod for pod in steps.all_pods() if not failed or pod.step.phase in FAILED_PHASES]
        live_pods = await list_pods(cluster, run.name)
        live_names = None if live_pods is None else {pod.metadata.name for pod in live_pods}
        _print(selected, live_names, output=output, color=color)
        if steps.complete and not selected and output == "table":
            click.echo(f"{run.name} has no {'failed ' if failed else ''}pods.", err=True)
        return ExitCode.SUCCEEDED

    return run_connected(target, execute)


def _exists(pod: StepPod, live_names: Collection[str] | None) -> str:
    if live_names is None:
        return UNKNOWN
    if pod.pod_name in live_names:
        return YES
    # A pod that never ran waits, or was never created (a cache hit, a quota).
    return GONE if pod.has_run else NO


def _print(pods: Sequence[StepPod], live_names: Collection[str] | None, *, output: str, color: str) -> None:
    if output == "name":
        for name in dict.fromkeys(pod.pod_name for pod in pods):
            click.echo(f"pod/{name}")
    elif output == "json":
        print_object([_as_object(pod, live_names) for pod in pods], output)
    elif pods:
        print_table(_columns(live_names), pods, color=color)


def _as_object(pod: StepPod, live_names: Collection[str] | None) -> dict[str, Any]:
    return {
        "step": pod.step.display_name,
        "nodeId": pod.step.node_id,
        "fullName": pod.full_name,
        "attempt": pod.attempt,
        "podName": pod.pod_name,
        "phase": pod.step.phase,
        "hostNodeName": pod.host or None,
        "exists": _exists(pod, live_names),
    }


def _columns(live_names: Collection[str] | None) -> list[Column[StepPod]]:
    return [
        Column("STEP", lambda pod: pod.step.display_name, "bold"),
        Column("ATTEMPT", lambda pod: str(pod.attempt or ""), drop_order=2),
        Column("POD", lambda pod: pod.pod_name, "cyan"),
        Column("PHASE", lambda pod: pod.step.phase, is_phase=True),
        Column(
            "EXISTS",
            lambda pod: _exists(pod, live_names),
            lambda pod: "green" if _exists(pod, live_names) == YES else "dim",
            drop_order=1,
        ),
        Column("HOST", lambda pod: pod.host, "dim", drop_order=3),
    ]

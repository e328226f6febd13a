"""``wfreport exec``: a shell or a command in the pod of a running step."""

import os
import shutil
import sys
from collections.abc import Sequence
from typing import Final

import click

from wfreport.api.argo import Phase
from wfreport.cli.group import Command
from wfreport.cli.options import ClusterTarget, cluster_options, completion, container_option
from wfreport.cli.problems import ExitCode, UnusableInput
from wfreport.cli.render.style import one_line
from wfreport.cli.sources.cluster import Cluster, run_connected
from wfreport.cli.sources.run_pods import StepPod, default_container, steps_of
from wfreport.cli.sources.runs import FoundRun, find_run, list_pods

_SHELL: Final = ("sh",)


@click.command(
    "exec",
    cls=Command,
    exit_codes={
        ExitCode.FAILED: "the step is not running",
        ExitCode.UNUSABLE: "STEP is ambiguous, or kubectl or the cluster cannot be used",
        ExitCode.NOT_FOUND: "no such run or step",
    },
    examples=("%(prog)s exec etl-x7k2p transform", "%(prog)s exec etl-x7k2p transform -- ps aux"),
)
@click.argument("name", shell_complete=completion("runs"))
@click.argument("step", shell_complete=completion("steps"))
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
@container_option
@cluster_options
def exec_command(target: ClusterTarget, name: str, step: str, container: str | None, command: tuple[str, ...]) -> int:
    """Run a shell (sh), or the COMMAND after --, in the pod of STEP.

    This finds the pod and then becomes `kubectl exec`, which must be on PATH. The exit code is that of COMMAND, unless
    COMMAND cannot be started.
    """
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        raise UnusableInput(
            "kubectl", "it is not on PATH, but exec runs it; see https://kubernetes.io/docs/tasks/tools"
        )
    arguments: list[str] = []

    async def execute(cluster: Cluster) -> int:
        run = await find_run(cluster, name, with_workflow=True)
        running = _running_pods(run, step)
        if len(running) != 1:
            return _report_not_running(run, step, running)
        live_pods = {pod.metadata.name: pod for pod in await list_pods(cluster, run.name) or ()}
        live_pod = live_pods.get(running[0].pod_name)
        chosen = container or running[0].container or (default_container(live_pod) if live_pod else None)
        arguments.extend([*_cluster_arguments(target), "--namespace", cluster.namespace])
        arguments.extend(["exec", "-i", *(["-t"] if sys.stdin.isatty() else []), running[0].pod_name])
        arguments.extend([*(["-c", chosen] if chosen else []), "--", *(command or _SHELL)])
        return ExitCode.SUCCEEDED

    code = run_connected(target, execute)
    if arguments:
        sys.stdout.flush()
        os.execv(kubectl, ["kubectl", *arguments])  # noqa: S606  (the user's own command, in the user's own pod)
    return code


def _cluster_arguments(target: ClusterTarget) -> list[str]:
    options = {"--kubeconfig": target.kubeconfig, "--context": target.context}
    return [part for option, value in options.items() if value for part in (option, value)]


def _running_pods(run: FoundRun, step: str) -> list[StepPod]:
    pods = steps_of(run).pods_of(step, run)
    return [pod for pod in pods if pod.step.phase == Phase.RUNNING and not run.is_gone]


def _report_not_running(run: FoundRun, step: str, running: Sequence[StepPod]) -> ExitCode:
    if running:
        names = ", ".join(pod.full_name for pod in running)
        raise UnusableInput(step, f"{len(running)} of its steps are running; give one of {names}")
    phases = {one_line(pod.step.display_name): pod.step.phase for pod in steps_of(run).pods_of(step, run)}
    states = ", ".join(f"{name} is {phase or 'Pending'}" for name, phase in phases.items()) or f"{step} has no pod"
    deleted = f"; its Workflow {run.no_workflow}" if run.is_gone else ""
    click.echo(f"Error: no running container: {states}{deleted}", err=True)
    return ExitCode.FAILED

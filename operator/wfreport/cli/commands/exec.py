"""``wfreport exec``: a shell, or any command, in the pod of a step that runs."""

import os
import shutil
import sys
from collections.abc import Sequence
from typing import Final

import click

from wfreport.api.argo import Phase
from wfreport.cli.commands.logs import default_container
from wfreport.cli.problems import ExitCode, UnusableInput
from wfreport.cli.render.style import one_line
from wfreport.cli.sources.cluster import Cluster, ClusterTarget, run_connected
from wfreport.cli.sources.run_pods import StepPod, steps_of
from wfreport.cli.sources.runs import FoundRun, find_run, list_pods

_SHELL: Final = ("sh",)


def run_exec(target: ClusterTarget, name: str, step: str, *, container: str | None, command: Sequence[str]) -> int:
    """Become ``kubectl exec`` in the step's pod; returns only if that cannot be.

    Raises:
        NotFound: there is no such run or step.
        UnusableInput: the step is ambiguous, kubectl is missing, or the cluster cannot be used.
    """
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        raise UnusableInput(
            "kubectl", "it is not on PATH, and exec runs it; see https://kubernetes.io/docs/tasks/tools"
        )
    found: list[list[str]] = []

    async def act(cluster: Cluster) -> int:
        run = await find_run(cluster, name, with_workflow=True)
        running = [
            pod for pod in steps_of(run).pods_of(step, run) if pod.step.phase == Phase.RUNNING and not run.is_gone
        ]
        if len(running) != 1:
            return _tell_why_not(run, step, running)
        live = {pod.metadata.name: pod for pod in await list_pods(cluster, run.name) or ()}
        pod = live.get(running[0].pod_name)
        chosen = container or running[0].container or (default_container(pod) if pod else None)
        arguments = ["--namespace", cluster.namespace, "exec", "-i", *(["-t"] if sys.stdin.isatty() else [])]
        arguments += [running[0].pod_name, *(["-c", chosen] if chosen else []), "--", *(command or _SHELL)]
        found.append([*_cluster_arguments(target), *arguments])
        return ExitCode.SUCCEEDED

    code = run_connected(target, act)
    if found:
        sys.stdout.flush()
        os.execv(kubectl, ["kubectl", *found[0]])  # noqa: S606  (the user's own command, in the user's own pod)
    return code


def _cluster_arguments(target: ClusterTarget) -> list[str]:
    given = {"--kubeconfig": target.kubeconfig, "--context": target.context}
    return [part for option, value in given.items() if value for part in (option, value)]


def _tell_why_not(run: FoundRun, step: str, running: Sequence[StepPod]) -> ExitCode:
    if running:
        raise UnusableInput(
            step, f"{len(running)} of its steps run; give one of {', '.join(pod.full_name for pod in running)}"
        )
    phases = {one_line(pod.step.display_name): pod.step.phase for pod in steps_of(run).pods_of(step, run)}
    told = ", ".join(f"{shown} is {phase or 'Pending'}" for shown, phase in phases.items()) or f"{step} has no pod"
    gone = f"; its Workflow {run.no_workflow}" if run.is_gone else ""
    click.echo(f"Error: no container to go into: {told}{gone}", err=True)
    return ExitCode.FAILED

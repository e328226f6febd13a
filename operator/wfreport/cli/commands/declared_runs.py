"""Declarations of the commands that look at runs. What a command does is imported when it runs."""

from typing import Any, Final

import click

from wfreport.api.classes import FailureClass, Owner
from wfreport.cli.options import AnyCase, Command, Duration, cluster_options, color_option, page_options

_CLASSES: Final = tuple(found.value for found in FailureClass)
_OWNERS: Final = tuple(found.value for found in Owner)
_PHASES: Final = ("Pending", "Running", "Succeeded", "Failed", "Error")


@click.command(cls=Command, short_help="Explain a Workflow from a file; no cluster needed.")
@click.argument("file")
@click.option("--pods", metavar="FILE", help="Pods of the run: they know what Argo's messages leave out.")
@click.option("--events", metavar="FILE", help="Kubernetes Events about these pods.")
@click.option(
    "-o", "--output", type=click.Choice(["tree", "json", "yaml"]), default="tree", show_default=True,
    help="json and yaml are the WorkflowReport that the operator would write.",
)  # fmt: skip
@page_options
@click.pass_context
def explain(
    ctx: click.Context, file: str, pods: str | None, events: str | None, output: str, color: str, *, everything: bool
) -> None:
    """Print what happened to the Workflows in FILE (- is stdin), and why.

    FILE is JSON or YAML, plain or gzip: a Workflow, several documents, or a list as kubectl prints it. On a
    terminal the report is fitted to its width; in a pipe nothing is cut.

    Exit code: 0, also for a failed Workflow; 2 if something in FILE cannot be used.

    \b
    Examples:
      kubectl get wf etl-x7k2p -o yaml | wfreport explain -
      wfreport explain failed.json.gz --pods pods.json --events events.json
      kubectl get wf -A -o json | wfreport explain - -o json | jq '.items[].status.summary'
    """  # noqa: D301  (backspace is click's mark for lines to leave alone)
    from wfreport.cli.commands import explain as command  # noqa: PLC0415

    ctx.exit(
        command.explain(file, pods_path=pods, events_path=events, output=output, color=color, everything=everything)
    )


@click.command(cls=Command, short_help="Wait for a Workflow to end; the exit code says how.")
@click.argument("workflow")
@cluster_options
@click.option(
    "--timeout", type=Duration(), metavar="DURATION", help="Give up after this time: 90s, 30m, 2h. Default: never."
)
@click.pass_context
def wait(ctx: click.Context, /, workflow: str, timeout: float | None, **where: str | None) -> None:
    """Follow WORKFLOW to its end and print its summary: for CI jobs.

    It works where the operator is not installed, too. It needs the rights to get, list and watch Workflows.

    \b
    Exit code:
      0  Succeeded
      1  Failed
      2  the cluster cannot be used (credentials, rights)
      3  Error
      4  still running when the timeout passed
      5  no such Workflow, or it was deleted before it ended

    \b
    Examples:
      wfreport wait etl-x7k2p -n team-a --timeout 1h
      wfreport wait "$(argo submit -o name etl.yaml)" || exit 1
    """  # noqa: D301  (backspace is click's mark for lines to leave alone)
    from wfreport.cli.commands.wait import run_wait  # noqa: PLC0415
    from wfreport.cli.sources.cluster import ClusterTarget  # noqa: PLC0415

    ctx.exit(run_wait(workflow, ClusterTarget(**where), timeout_seconds=timeout))


@click.command("list", cls=Command, short_help="List runs by their reports, newest first.")
@click.option("-A", "--all-namespaces", is_flag=True, help="Of all namespaces.")
@click.option(
    "--class",
    "classes",
    multiple=True,
    type=AnyCase(_CLASSES),
    metavar="CLASS",
    help="That failed so: OOMKilled, ExitCode, Evicted, … May be repeated.",
)
@click.option(
    "--phase",
    "phases",
    multiple=True,
    type=AnyCase(_PHASES),
    metavar="PHASE",
    help=f"In this phase: {', '.join(_PHASES)}. May be repeated.",
)
@click.option("--cron", metavar="NAME", help="Of this CronWorkflow.")
@click.option(
    "--owner",
    type=AnyCase(_OWNERS),
    metavar="OWNER",
    help=f"That failed of something that is for this one to mend: {', '.join(_OWNERS)}.",
)
@click.option("--since", type=Duration(), metavar="DURATION", help="That started within this time: 90m, 24h, 7d.")
@click.option("--workflow", metavar="NAME", help="Of the Workflow of this name.")
@click.option("-l", "--selector", metavar="LABELS", help="Label selector, as kubectl takes it.")
@click.option(
    "-o",
    "--output",
    type=click.Choice(["table", "wide", "json", "yaml", "name"]),
    default="table",
    show_default=True,
)
@color_option
@cluster_options
@click.pass_context
def list_(
    ctx: click.Context,
    /,
    *,
    all_namespaces: bool,
    since: float | None,
    output: str,
    color: str,
    namespace: str | None,
    context: str | None,
    kubeconfig: str | None,
    **filters: Any,
) -> None:
    """List the runs of a namespace by their WorkflowReports, newest first.

    The API server selects by class, phase, CronWorkflow, name and labels; only --owner and --since are sorted out
    here. On a terminal the table is fitted to its width; in a pipe nothing is cut.

    Exit code: 0, also if there is none; 2 if an argument or the cluster cannot be used.

    \b
    Examples:
      wfreport list
      wfreport list -A --phase Failed --phase Error --since 24h
      wfreport list --class OOMKilled -o wide
      wfreport list --cron etl-daily -o json | jq -r '.items[].status.summary'
    """  # noqa: D301  (backspace is click's mark for lines to leave alone)
    from wfreport.cli.commands.list import run_list  # noqa: PLC0415
    from wfreport.cli.sources.cluster import ClusterTarget  # noqa: PLC0415
    from wfreport.cli.sources.reports import Filters  # noqa: PLC0415

    target = ClusterTarget(namespace, context, kubeconfig)
    wanted = Filters(since_seconds=since, **filters)
    ctx.exit(run_list(target, wanted, everywhere=all_namespaces, output=output, color=color))


@click.command(cls=Command, short_help="Show one run: why it failed, and its steps.")
@click.argument("name")
@click.option(
    "-o",
    "--output",
    type=click.Choice(["tree", "json", "yaml"]),
    default="tree",
    show_default=True,
    help="json and yaml are the WorkflowReport itself.",
)
@page_options
@cluster_options
@click.pass_context
def show(ctx: click.Context, /, name: str, output: str, color: str, *, everything: bool, **where: str | None) -> None:
    """Show the report of a run: header, root cause with its log, steps in execution order.

    NAME is that of a Workflow, also of one that is long gone, or of a report. Of several runs of one name the newest
    is shown. A run without a report is explained from the Workflow itself, where that is still there.

    What the cluster has no more is read from Argo's archive, if the variables WFREPORT_ARGO_SERVER_... lead to Argo
    Server; stderr says so.

    Exit code: 0, also for a failed run; 2 if the cluster cannot be used; 5 if there is no such run.

    \b
    Examples:
      wfreport show etl-x7k2p
      wfreport show etl-x7k2p -n team-a --all
      wfreport show "$(wfreport list --cron etl-daily -o name | head -1)"
    """  # noqa: D301  (backspace is click's mark for lines to leave alone)
    from wfreport.cli.commands.show import run_show  # noqa: PLC0415
    from wfreport.cli.sources.cluster import ClusterTarget  # noqa: PLC0415

    ctx.exit(run_show(ClusterTarget(**where), name, output=output, color=color, everything=everything))


@click.command(cls=Command, short_help="List the pods of a run, also of steps whose pods are gone.")
@click.argument("name")
@click.option("--failed", is_flag=True, help="Of failed steps only.")
@click.option("-o", "--output", type=click.Choice(["table", "json", "name"]), default="table", show_default=True)
@color_option
@cluster_options
@click.pass_context
def pods(ctx: click.Context, /, name: str, output: str, color: str, *, failed: bool, **where: str | None) -> None:
    """List the pod of every step, attempt and loop item of a run.

    NAME is that of a Workflow or of a report. A pod's name is computed as Argo does it, so it is known when the pod
    is gone and when the Workflow is. EXISTS says: yes; gone (it ran); no (it was never seen on a machine).

    Exit code: 0; 2 if the cluster cannot be used; 5 if there is no such run.

    \b
    Examples:
      wfreport pods etl-x7k2p
      kubectl describe $(wfreport pods etl-x7k2p --failed -o name)
    """  # noqa: D301  (backspace is click's mark for lines to leave alone)
    from wfreport.cli.commands.pods import run_pods  # noqa: PLC0415
    from wfreport.cli.sources.cluster import ClusterTarget  # noqa: PLC0415

    ctx.exit(run_pods(ClusterTarget(**where), name, failed=failed, output=output, color=color))


@click.command(cls=Command, short_help="Print the logs of a run, of live pods or as they were kept.")
@click.argument("name")
@click.argument("step", required=False)
@click.option("--failed", is_flag=True, help="Of failed steps only.")
@click.option("-f", "--follow", is_flag=True, help="Follow until the run has ended, pods to come included.")
@click.option("-c", "--container", metavar="NAME", help="Container of the pod. Default: the step's own.")
@click.option("--tail", type=click.IntRange(min=0), metavar="LINES", help="So many lines from the end of each log.")
@cluster_options
@click.pass_context
def logs(
    ctx: click.Context,
    /,
    name: str,
    step: str | None,
    container: str | None,
    tail: int | None,
    *,
    failed: bool,
    follow: bool,
    **where: str | None,
) -> None:
    """Print the logs of a run's steps, each from the first place that has it.

    That is the pod, if it still exists; else the end of the log that the report kept of a failed step; else Argo's
    archive. Which it is stands on stderr. Logs of several pods have the step before each line.

    NAME is that of a Workflow or of a report. STEP is the name of a step, as show and the UI display it, or of a
    group: then all in it are meant. Where several are called so, give the full name or the pod.

    Exit code: 0; 1 if there is no log; 2 if STEP is ambiguous or the cluster cannot be used; 5 if there is no such
    run or step.

    \b
    Examples:
      wfreport logs etl-x7k2p --failed
      wfreport logs etl-x7k2p transform --tail 20
      wfreport logs etl-x7k2p 'transform(2)' -c wait
      wfreport logs etl-x7k2p -f
    """  # noqa: D301  (backspace is click's mark for lines to leave alone)
    from wfreport.cli.commands.logs import LogSelection, run_logs  # noqa: PLC0415
    from wfreport.cli.sources.cluster import ClusterTarget  # noqa: PLC0415

    wanted = LogSelection(step=step, failed=failed, follow=follow, container=container, tail=tail)
    ctx.exit(run_logs(ClusterTarget(**where), name, wanted))


@click.command("exec", cls=Command, short_help="Run a command in the pod of a step that runs.")
@click.argument("name")
@click.argument("step")
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
@click.option("-c", "--container", metavar="NAME", help="Container of the pod. Default: the step's own.")
@cluster_options
@click.pass_context
def exec_(
    ctx: click.Context, /, name: str, step: str, container: str | None, command: tuple[str, ...], **where: str | None
) -> None:
    """Go into the pod of STEP by the step's name: a shell (sh), or the COMMAND after --.

    It finds the pod and becomes `kubectl exec`, which has to be on PATH.

    Exit code: that of COMMAND; 1 if the step does not run; 2 if STEP is ambiguous, or kubectl or the cluster cannot be
    used; 5 if there is no such run or step.

    \b
    Examples:
      wfreport exec etl-x7k2p transform
      wfreport exec etl-x7k2p transform -- ps aux
    """  # noqa: D301  (backspace is click's mark for lines to leave alone)
    from wfreport.cli.commands.exec import run_exec  # noqa: PLC0415
    from wfreport.cli.sources.cluster import ClusterTarget  # noqa: PLC0415

    ctx.exit(run_exec(ClusterTarget(**where), name, step, container=container, command=command))


COMMANDS: Final = (list_, show, pods, logs, exec_, explain, wait)

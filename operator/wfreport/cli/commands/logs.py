"""``wfreport logs``: the logs of a run's steps, from the live pods, the report or the archive."""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Final, TypeVar

import click
from msgspec import Struct

from wfreport.api.argo import FAILED_PHASES, MAIN_CONTAINER
from wfreport.api.kubernetes import Pod
from wfreport.api.report import Failure
from wfreport.argoserver.artifacts import RunRef
from wfreport.cli.group import Command
from wfreport.cli.options import ClusterTarget, cluster_options, completion, container_option
from wfreport.cli.problems import ExitCode
from wfreport.cli.render.style import one_line
from wfreport.cli.sources.archive import fetch_archived_log
from wfreport.cli.sources.cluster import Cluster, run_connected
from wfreport.cli.sources.run_pods import StepPod, default_container, steps_of
from wfreport.cli.sources.runs import FoundRun, find_run, list_pods, refresh_run
from wfreport.kube.errors import ApiError, InvalidError
from wfreport.kube.pods import Pods
from wfreport.kube.resource import CHUNK_SIZE

_MAX_FOLLOWED: Final = 32
_START_SECONDS: Final = 1
_POLL_SECONDS: Final = 3
_LineT = TypeVar("_LineT", str, bytes)


class LogSelection(Struct, frozen=True):
    """The logs to print.

    Attributes:
        step: only the logs of this step or group.
        failed: only the logs of failed steps.
        follow: continue until the containers end.
        container: name of the container; None: the step's own.
        tail: number of lines from the end of each log; None: all lines.
    """

    step: str | None
    failed: bool
    follow: bool
    container: str | None
    tail: int | None


@click.command(
    cls=Command,
    exit_codes={
        ExitCode.SUCCEEDED: "success",
        ExitCode.FAILED: "no log was found",
        ExitCode.UNUSABLE: "STEP is ambiguous, or the cluster cannot be used",
        ExitCode.NOT_FOUND: "no such run or step",
    },
    examples=(
        "%(prog)s logs etl-x7k2p --failed",
        "%(prog)s logs etl-x7k2p transform --tail 20",
        "%(prog)s logs etl-x7k2p 'transform(2)' -c wait",
        "%(prog)s logs etl-x7k2p -f",
    ),
)
@click.argument("name", shell_complete=completion("runs"))
@click.argument("step", required=False, shell_complete=completion("steps"))
@click.option("--failed", is_flag=True, help="Only logs of failed steps.")
@click.option("-f", "--follow", is_flag=True, help="Follow until the run has ended, including pods yet to start.")
@container_option
@click.option("--tail", type=click.IntRange(min=0), metavar="LINES", help="Number of lines from the end of each log.")
@cluster_options
def logs(
    target: ClusterTarget,
    name: str,
    step: str | None,
    container: str | None,
    tail: int | None,
    *,
    failed: bool,
    follow: bool,
) -> int:
    """Print the logs of a run's steps, each from the first source that has it.

    The sources, in this order, are the pod if it still exists, the last lines that the report stores for a failed step,
    and Argo's archive. The source is printed to stderr. If several pods are printed, each line starts with its step.

    NAME is the name of a Workflow or of a report. STEP is the name of a step as `show`, the UI and the column STEP
    display it; a group selects all steps in it. If several steps share a name, give it after the name of its task, as
    in train.executor; or the full name, or the pod.
    """
    selection = LogSelection(step=step, failed=failed, follow=follow, container=container, tail=tail)

    async def execute(cluster: Cluster) -> int:
        run = await find_run(cluster, name, with_workflow=True)
        pods = _selected_pods(run, selection)
        if follow and run.goes_on:
            return await _follow(cluster, run, selection)
        if not pods:
            click.echo(f"{run.name}: no {'failed ' if failed else ''}step with a pod to read a log of", err=True)
        printer = _LogPrinter(cluster, selection, prefixed=len(pods) > 1)
        sources = await _log_sources(cluster, run)
        # A list, not a generator: any() would stop at the first pod that has a log.
        return ExitCode.SUCCEEDED if any([await printer.print_log(pod, sources) for pod in pods]) else ExitCode.FAILED

    return run_connected(target, execute)


async def _follow(cluster: Cluster, run: FoundRun, selection: LogSelection) -> ExitCode:
    """Follow all pods, including those yet to start, until the run and every log have ended."""
    printer = _LogPrinter(
        cluster, selection, prefixed=selection.step is None or len(_selected_pods(run, selection)) > 1
    )
    slots = asyncio.Semaphore(_MAX_FOLLOWED)
    tasks: dict[tuple[str, str | None], asyncio.Task[bool]] = {}

    async def print_log(pod: StepPod, sources: _LogSources) -> bool:
        async with slots:
            return await printer.print_log(pod, sources)

    sources: _LogSources | None = await _log_sources(cluster, run)
    try:
        while sources is not None:
            for pod in _selected_pods(sources.run, selection):
                key = pod.pod_name, pod.container
                if key not in tasks and (pod.pod_name in sources.live_pods or pod.step.finished_at):
                    tasks[key] = asyncio.create_task(print_log(pod, sources))
            if not sources.run.goes_on:
                break
            await asyncio.sleep(_POLL_SECONDS)
            _raise_any(tasks.values())
            sources = await _refreshed(cluster, sources)
        return ExitCode.SUCCEEDED if any(await asyncio.gather(*tasks.values())) else ExitCode.FAILED
    finally:
        for task in tasks.values():
            task.cancel()


def _selected_pods(run: FoundRun, selection: LogSelection) -> list[StepPod]:
    """Return the pods to print, each once: all HTTP steps share one pod."""
    steps = steps_of(run)
    pods = steps.pods_of(selection.step, run) if selection.step else steps.all_pods()
    if selection.failed:
        pods = [pod for pod in pods if pod.step.phase in FAILED_PHASES]
    return list({(pod.pod_name, pod.container): pod for pod in pods}.values())


class _LogSources(Struct, frozen=True):
    """The sources of logs at one moment: a run with its report, and its live pods by name."""

    run: FoundRun
    live_pods: Mapping[str, Pod]


async def _log_sources(cluster: Cluster, run: FoundRun) -> _LogSources:
    return _LogSources(run, {pod.metadata.name: pod for pod in await list_pods(cluster, run.name) or ()})


async def _refreshed(cluster: Cluster, sources: _LogSources) -> _LogSources | None:
    """Return the current sources; the given ones after a transient error; None if the Workflow was deleted."""
    try:
        run = await refresh_run(cluster, sources.run)
        return await _log_sources(cluster, run) if run else None
    except ApiError as error:
        if not error.transient:
            raise
        return sources


def _raise_any(tasks: Iterable[asyncio.Task[bool]]) -> None:
    """Raise the error of a task that failed, for example on a closed pipe."""
    for task in tasks:
        if task.done():
            task.result()


def _last(lines: list[_LineT], count: int | None) -> list[_LineT]:
    return lines if count is None else lines[max(len(lines) - count, 0) :]


class _LogPrinter(Struct, frozen=True):
    """Prints logs on stdout, and the source of each on stderr."""

    cluster: Cluster
    selection: LogSelection
    prefixed: bool

    async def print_log(self, pod: StepPod, sources: _LogSources) -> bool:
        """Try the sources in turn; return whether one of them had a log."""
        why_not_live = await self._print_live(pod, sources.live_pods.get(pod.pod_name))
        if why_not_live is None:
            return True
        return self._print_stored(pod, sources.run, why_not_live) or await self._print_archived(
            pod, sources.run, why_not_live
        )

    async def _print_live(self, pod: StepPod, live_pod: Pod | None) -> str | None:
        """Print the log of the live pod; return None, or the reason why it has no log."""
        if live_pod is None:
            return f"pod {pod.pod_name} was deleted" if pod.has_run else f"pod {pod.pod_name} does not exist"
        container = self.selection.container or pod.container or default_container(live_pod)
        while True:
            try:
                async for line in self._live_lines(pod, container):
                    self._write(pod, line)
            except ApiError as error:
                if not (self.selection.follow and _is_starting(error)):
                    return f"no live log ({one_line(error.message)})"
                await asyncio.sleep(_START_SECONDS)
            else:
                return None

    async def _live_lines(self, pod: StepPod, container: str) -> AsyncIterator[bytes]:
        pods, namespace = Pods(self.cluster.client, chunk_size=CHUNK_SIZE), self.cluster.namespace
        follow, tail = self.selection.follow, self.selection.tail
        async with pods.open_log(namespace, pod.pod_name, container, follow=follow, tail_lines=tail) as lines:
            self._report_source(pod, f"live log of pod {pod.pod_name}, container {container}")
            async for line in lines:
                yield line

    def _print_stored(self, pod: StepPod, run: FoundRun, why_not_live: str) -> bool:
        """Print the last lines that the report stores; return whether it stores any."""
        failure = self._failure(pod, run)
        if failure is None or failure.log_tail is None:
            return False
        tail = failure.log_tail
        container = f", container {failure.container}" if failure.container else ""
        truncated = ", only its end" if tail.truncated else ""
        redacted = f", {tail.redacted} secrets redacted" if tail.redacted else ""
        self._report_source(pod, f"{why_not_live}; log stored in the report{container}{truncated}{redacted}")
        for line in _last(tail.text.rstrip("\n").split("\n"), self.selection.tail):
            self._write(pod, line.encode())
        return True

    def _failure(self, pod: StepPod, run: FoundRun) -> Failure | None:
        report = run.read_report()
        failures = (report.status and report.status.failures) or [] if report else []
        return next(
            (
                failure
                for failure in failures
                if failure.node_id == pod.step.node_id and self.selection.container in (None, failure.container)
            ),
            None,
        )

    async def _print_archived(self, pod: StepPod, run: FoundRun, why_not_live: str) -> bool:
        container = self.selection.container or pod.container or MAIN_CONTAINER
        ref = RunRef(run.namespace, run.name, run.uid)
        log = await fetch_archived_log(ref, pod.step.node_id, container, is_gone=run.is_gone)
        if log.missing:
            self._report_source(pod, f"{why_not_live}; the report stores no log; {log.missing}")
            return False
        truncated = ", only its beginning" if log.is_cut else ""
        self._report_source(pod, f"{why_not_live}; archived log of container {container}{truncated}")
        for line in _last(log.text.rstrip("\n").split("\n"), self.selection.tail):
            self._write(pod, line.encode())
        return True

    def _write(self, pod: StepPod, line: bytes) -> None:
        """Write the bytes unchanged, as kubectl does: a log can contain colors and text in any encoding."""
        prefix = f"[{self._label(pod)}] ".encode() if self.prefixed else b""
        sys.stdout.buffer.write(prefix + line + b"\n")
        sys.stdout.buffer.flush()

    def _report_source(self, pod: StepPod, text: str) -> None:
        click.echo(f"{self._label(pod)}: {text}", err=True)

    def _label(self, pod: StepPod) -> str:
        return one_line(pod.step.display_name)


def _is_starting(error: ApiError) -> bool:
    """Whether the kubelet answered that the container "is waiting to start"."""
    return isinstance(error, InvalidError) and "waiting to start" in error.message

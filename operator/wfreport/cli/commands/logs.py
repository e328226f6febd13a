"""``wfreport logs``: the log of a run's steps: of the live pod, else what the report kept, else the archive."""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

import click

from wfreport.api.argo import FAILED_PHASES
from wfreport.api.kubernetes import Pod
from wfreport.api.report import Failure
from wfreport.argoserver.artifacts import RunRef
from wfreport.cli.problems import ExitCode
from wfreport.cli.render.style import one_line
from wfreport.cli.sources.archive import fetch_archived_log
from wfreport.cli.sources.cluster import Cluster, ClusterTarget, lines_of, open_stream, run_connected
from wfreport.cli.sources.run_pods import StepPod, steps_of
from wfreport.cli.sources.runs import FoundRun, find_run, list_pods, see_again
from wfreport.kube.client import join_path
from wfreport.kube.errors import ApiError, InvalidError

MAIN: Final = "main"
_DEFAULT_CONTAINER: Final = "kubectl.kubernetes.io/default-container"
_LONGEST_LINE_BYTES: Final = 16 * 1024 * 1024
_FOLLOWED: Final = 32
_START_SECONDS: Final = 1
_LOOK_SECONDS: Final = 3
_TextT = TypeVar("_TextT", str, bytes)


@dataclass(frozen=True, slots=True)
class LogSelection:
    """Which logs.

    Attributes:
        step: of this step or group only.
        failed: of failed steps only.
        follow: go on until the containers end.
        container: this one; None: the step's own.
        tail: so many lines from the end; None: all.
    """

    step: str | None
    failed: bool
    follow: bool
    container: str | None
    tail: int | None


def run_logs(target: ClusterTarget, name: str, wanted: LogSelection) -> int:
    """Print the logs of a run, and return the exit code.

    Raises:
        NotFound: there is no such run or step.
        UnusableInput: the step is ambiguous, or the cluster or what is in it cannot be used.
    """

    async def act(cluster: Cluster) -> int:
        run = await find_run(cluster, name, with_workflow=True)
        chosen = _chosen(run, wanted)
        if wanted.follow and run.goes_on:
            return await _follow(cluster, run, wanted)
        if not chosen:
            click.echo(f"{run.name}: no {'failed ' if wanted.failed else ''}step with a pod to read a log of", err=True)
        printer = _Printer(cluster, wanted, prefixed=len(chosen) > 1)
        look = await _look(cluster, run)
        # Not a generator: any() would stop at the first that has a log.
        return ExitCode.SUCCEEDED if any([await printer.print_log(pod, look) for pod in chosen]) else ExitCode.FAILED

    return run_connected(target, act)


async def _follow(cluster: Cluster, run: FoundRun, wanted: LogSelection) -> ExitCode:
    """Follow all pods, also those that are still to come, until the run has ended and every log with it."""
    printer = _Printer(cluster, wanted, prefixed=wanted.step is None or len(_chosen(run, wanted)) > 1)
    together = asyncio.Semaphore(_FOLLOWED)
    tasks: dict[tuple[str, str | None], asyncio.Task[bool]] = {}

    async def print_log(pod: StepPod, look: _LogPoll) -> bool:
        async with together:
            return await printer.print_log(pod, look)

    look: _LogPoll | None = await _look(cluster, run)
    try:
        while look is not None:
            for pod in _chosen(look.run, wanted):
                key = pod.pod_name, pod.container
                if key not in tasks and (pod.pod_name in look.live or pod.step.finished_at):
                    tasks[key] = asyncio.create_task(print_log(pod, look))
            if not look.run.goes_on:
                break
            await asyncio.sleep(_LOOK_SECONDS)
            _raise_any(tasks.values())
            look = await _look_again(cluster, look)
        return ExitCode.SUCCEEDED if any(await asyncio.gather(*tasks.values())) else ExitCode.FAILED
    finally:
        for task in tasks.values():
            task.cancel()


def _chosen(run: FoundRun, wanted: LogSelection) -> list[StepPod]:
    """The pods to print, each once: all steps of HTTP share one."""
    steps = steps_of(run)
    found = steps.pods_of(wanted.step, run) if wanted.step else steps.all_pods()
    if wanted.failed:
        found = [pod for pod in found if pod.step.phase in FAILED_PHASES]
    return list({(pod.pod_name, pod.container): pod for pod in found}.values())


@dataclass(frozen=True, slots=True)
class _LogPoll:
    """What is there at a moment: the run, and its pods by name."""

    run: FoundRun
    live: Mapping[str, Pod]


async def _look(cluster: Cluster, run: FoundRun) -> _LogPoll:
    return _LogPoll(run, {pod.metadata.name: pod for pod in await list_pods(cluster, run.name) or ()})


def default_container(pod: Pod) -> str:
    """Argo marks ``main``, or the first of a containerSet."""
    return pod.metadata.annotations.get(_DEFAULT_CONTAINER, MAIN)


async def _look_again(cluster: Cluster, before: _LogPoll) -> _LogPoll | None:
    """What is there now; as before where the API server cannot tell at the moment; None where the Workflow is gone."""
    try:
        run = await see_again(cluster, before.run)
        return await _look(cluster, run) if run else None
    except ApiError as error:
        if not error.transient:
            raise
        return before


def _raise_any(tasks: Iterable[asyncio.Task[bool]]) -> None:
    """Let what broke in a task, such as a closed pipe, end the command."""
    for task in tasks:
        if task.done():
            task.result()


def _last(lines: list[_TextT], count: int | None) -> list[_TextT]:
    return lines if count is None else lines[max(len(lines) - count, 0) :]


@dataclass(frozen=True, slots=True)
class _Printer:
    """Prints logs, and says on stderr where each comes from."""

    cluster: Cluster
    wanted: LogSelection
    prefixed: bool

    async def print_log(self, pod: StepPod, look: _LogPoll) -> bool:
        """Try the sources in turn; returns whether one had a log."""
        missing = await self._print_live(pod, look.live.get(pod.pod_name))
        if missing is None:
            return True
        return self._print_kept(pod, look.run, missing) or await self._print_archived(pod, look.run, missing)

    async def _print_live(self, pod: StepPod, found: Pod | None) -> str | None:
        """Print the log of the pod that is there; returns why not, if it is not or has none."""
        if found is None:
            return f"pod {pod.pod_name} is gone" if pod.has_run else f"there is no pod {pod.pod_name}"
        container = self.wanted.container or pod.container or default_container(found)
        while True:
            try:
                async for line in self._live_lines(pod, container):
                    self._write(pod, line)
            except ApiError as error:
                # The kubelet's "is waiting to start"; whoever follows waits, too.
                if not (self.wanted.follow and isinstance(error, InvalidError) and "waiting to start" in error.message):
                    return f"no live log ({one_line(error.message)})"
                await asyncio.sleep(_START_SECONDS)
            else:
                return None

    async def _live_lines(self, pod: StepPod, container: str) -> AsyncIterator[bytes]:
        params = {"container": container} | ({"follow": "true"} if self.wanted.follow else {})
        params |= {} if self.wanted.tail is None else {"tailLines": str(self.wanted.tail)}
        path = join_path("/api/v1", self.cluster.namespace, "pods", pod.pod_name, "log")
        async with open_stream(self.cluster.client, path, params) as content:
            self._tell(pod, f"live log of pod {pod.pod_name}, container {container}")
            async for line in lines_of(content, longest_bytes=_LONGEST_LINE_BYTES):
                yield line

    def _print_kept(self, pod: StepPod, run: FoundRun, missing: str) -> bool:
        """Print the end of the log that the report kept."""
        failure = self._failure(pod, run)
        if failure is None or failure.log_tail is None:
            return False
        tail = failure.log_tail
        start = ", its end only" if tail.truncated else ""
        redacted = f", {tail.redacted} secrets replaced" if tail.redacted else ""
        of = f", container {failure.container}" if failure.container else ""
        self._tell(pod, f"{missing}; this is the log kept in the report{of}{start}{redacted}")
        for line in _last(tail.text.rstrip("\n").split("\n"), self.wanted.tail):
            self._write(pod, line.encode())
        return True

    def _failure(self, pod: StepPod, run: FoundRun) -> Failure | None:
        report = run.read_report()
        failures = (report.status and report.status.failures) or [] if report else []
        return next(
            (
                failure
                for failure in failures
                if failure.node_id == pod.step.node_id and self.wanted.container in (None, failure.container)
            ),
            None,
        )

    async def _print_archived(self, pod: StepPod, run: FoundRun, missing: str) -> bool:
        container = self.wanted.container or pod.container or MAIN
        ref = RunRef(run.namespace, run.name, run.uid)
        log = await fetch_archived_log(ref, pod.step.node_id, container, is_gone=run.is_gone)
        if log.missing:
            self._tell(pod, f"{missing}; the report kept no log of it; {log.missing}")
            return False
        more = ", its beginning only" if log.is_cut else ""
        self._tell(pod, f"{missing}; this is the archived log of container {container}{more}")
        for line in _last(log.text.rstrip("\n").split("\n"), self.wanted.tail):
            self._write(pod, line.encode())
        return True

    def _write(self, pod: StepPod, line: bytes) -> None:
        """Bytes as they are, as kubectl does: a live log is its reader's own."""
        prefix = f"[{self._label(pod)}] ".encode() if self.prefixed else b""
        sys.stdout.buffer.write(prefix + line + b"\n")
        sys.stdout.buffer.flush()

    def _tell(self, pod: StepPod, text: str) -> None:
        click.echo(f"{self._label(pod)}: {text}", err=True)

    def _label(self, pod: StepPod) -> str:
        return one_line(pod.step.display_name)

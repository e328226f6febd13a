"""Runs the demo: a control plane on this machine, the operator under its own ServiceAccount, eight Workflows at once.

The real Argo controller runs the Workflows if it is in the cache; ``--argo`` builds it. Otherwise the demo replays what
that controller wrote (``demo/recordings``, made by ``demo/record.py``). Ctrl-C ends everything; ``--once`` exits after
the last step.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NoReturn

import urllib3
import yaml

from controlplane import ControlPlane, ControlPlaneError
from controlplane.argo import argo_cached, argo_release
from controlplane.binaries import kubectl
from controlplane.component import Component
from controlplane.errors import DeadlineError
from controlplane.paths import REPO_ROOT
from controlplane.ports import free_ports
from controlplane.recording import load_recording
from controlplane.replay import replay
from controlplane.waiting import wait_until

HERE: Final = Path(__file__).resolve().parent
INSTALLED: Final = REPO_ROOT / "manifests" / "overlays" / "default"
NAMESPACE: Final = "demo"
OPERATOR_NAMESPACE: Final = "wfreport-system"
SERVICE_ACCOUNT: Final = "wfreport"
SHOWN_FAILURE: Final = "oom-retries"
WAITS_FOR_EVER: Final = "needs-approval"
REPORTS_PATH: Final = f"/apis/wfreport.dev/v1alpha1/namespaces/{NAMESPACE}/workflowreports"
STEPS: Final = 6
DEADLINE_SECONDS: Final = 240
REPLAY_SPEED: Final = 2
# Faster than in a cluster, since a person is waiting.
OPERATOR_SETTINGS: Final = {
    "WFREPORT_POLL_INTERVAL_MIN_SECONDS": "2",
    "WFREPORT_PROGRESS_INTERVAL_SECONDS": "2",
    "WFREPORT_HTTP_HOST": "127.0.0.1",
    "WFREPORT_LOG_FORMAT": "text",
}
_HINT: Final = "\n        (`make demo ARGO=1` builds the real Argo controller, in about 7 minutes, and uses it)"
_NOT_OURS_TO_APPLY: Final = frozenset({"CustomResourceDefinition", "Deployment", "Service"})
_COMPLETED: Final = frozenset({"Succeeded", "Failed", "Error"})
_USAGE_ERROR: Final = 2

Report = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Demo:
    """A running demo.

    Attributes:
        plane: the control plane.
        replayed: whether recordings are replayed instead of running the real Argo controller.
        operator: the operator's process.
        url: its metrics and health.
    """

    plane: ControlPlane
    replayed: bool
    operator: Component
    url: str


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo. Return 0; 2 with one line on stderr if this machine cannot run it; 130 after Ctrl-C."""
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, _leave)
    try:
        run(replayed=options.replay or not (options.argo or argo_cached()), once=options.once)
    except ControlPlaneError as error:
        sys.stderr.write(f"demo: {error}\n")
        return _USAGE_ERROR
    except KeyboardInterrupt:
        echo("\nstopped; nothing is left behind")
        return 0 if not options.once else 128 + signal.SIGINT
    return 0


def _leave(number: int, _frame: object) -> NoReturn:
    """Exit by an exception, so that all components are stopped in order."""
    raise SystemExit(128 + number)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--once", action="store_true", help="exit after the last step")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--replay", action="store_true", help="replay recordings even if Argo's controller is cached")
    how.add_argument("--argo", action="store_true", help="build Argo's controller if it is not cached")
    return parser


def run(*, replayed: bool, once: bool) -> None:
    """Show all steps; without ``once``, stay until Ctrl-C.

    Raises:
        ControlPlaneError: a component could not be started, or a report is missing.
    """
    with ExitStack() as stack:
        demo = start(stack, replayed=replayed)
        submit_and_watch(demo)
        show_failure(demo)
        show_around(demo)
        if not once:
            stay(demo)


def start(stack: ExitStack, *, replayed: bool) -> Demo:
    """Start everything; the stack stops it again."""
    how = (
        f"replaying recorded runs{'' if argo_cached() else _HINT}"
        if replayed
        else f"with the real Argo controller {argo_release().version}"
    )
    step(1, f"a control plane on this machine: etcd and kube-apiserver, {how}")
    plane = stack.enter_context(ControlPlane(argo=not replayed))
    step(2, "wfreport installed: CRD, ServiceAccount and report-only rights, from manifests/overlays/default")
    install(plane)
    step(3, "the operator, as that ServiceAccount")
    operator, url = start_operator(plane)
    stack.callback(operator.stop, graceful=True)
    wait_until_ready(operator, url)
    plane.create_namespace(NAMESPACE)
    return Demo(plane, replayed, operator, url)


def install(plane: ControlPlane) -> None:
    """Apply the manifests as a user would, without the Deployment: the operator runs here, not in a pod."""
    rendered = yaml.safe_load_all(plane.kubectl("kustomize", INSTALLED))
    wanted = [item for item in rendered if item["kind"] not in _NOT_OURS_TO_APPLY]
    plane.kubectl("apply", "--server-side", "-f", "-", stdin=yaml.safe_dump_all(wanted))


def start_operator(plane: ControlPlane, settings: Mapping[str, str] | None = None) -> tuple[Component, str]:
    """Start `wfreport run` as a process with additional ``settings``; return it and the URL of its metrics."""
    (port,) = free_ports(1)
    kubeconfig = plane.kubeconfig_for(service_account=SERVICE_ACCOUNT, namespace=OPERATOR_NAMESPACE)
    env = {"KUBECONFIG": str(kubeconfig), "WFREPORT_HTTP_PORT": str(port), **OPERATOR_SETTINGS, **(settings or {})}
    operator = Component("wfreport", [sys.executable, "-m", "wfreport", "run"], folder=plane.folder, env=env)
    operator.start()
    return operator, f"http://127.0.0.1:{port}"


def wait_until_ready(operator: Component, url: str) -> None:
    """Wait until the operator's streams are listed."""
    wait_until(lambda: _is_ready(operator, url), what="the operator to be ready", timeout_seconds=60)


def _is_ready(operator: Component, url: str) -> bool:
    operator.ensure_running()
    try:
        return urllib3.request("GET", f"{url}/readyz", retries=False, timeout=2).status == 200  # noqa: PLR2004  (OK)
    except urllib3.exceptions.HTTPError:
        return False


def submit_and_watch(demo: Demo) -> None:
    """Submit all Workflows at once and show the reports as they fill."""
    names = workflow_names()
    step(4, f"{len(names)} Workflows at once, and what `kubectl get workflowreports -w` says:")
    with _watching(demo.plane):
        submit(demo)
        _wait_for_reports(demo, names)
    echo("")
    echo(demo.plane.kubectl("get", "workflowreports", "-n", NAMESPACE).rstrip())


def workflow_names() -> list[str]:
    """The demo's Workflows; each file is named after its Workflow."""
    return sorted(path.stem for path in (HERE / "workflows").glob("*.yaml"))


def submit(demo: Demo) -> None:
    """Create the Workflows, or replay their recordings."""
    if demo.replayed:
        asyncio.run(_replay_all(demo.plane))
    else:
        demo.plane.kubectl("create", "-n", NAMESPACE, "-f", HERE / "workflows")


async def _replay_all(plane: ControlPlane) -> None:
    recordings = [load_recording(HERE / "recordings" / f"{name}.jsonl.gz") for name in workflow_names()]
    async with plane.api.session() as api:
        await asyncio.gather(*(replay(api, events, speed=REPLAY_SPEED, namespace=NAMESPACE) for events in recordings))


@contextmanager
def _watching(plane: ControlPlane) -> Iterator[None]:
    """Show `kubectl get wfr -w` on stdout during the block."""
    command = [str(kubectl()), f"--kubeconfig={plane.kubeconfig}", "get", "wfr", "-n", NAMESPACE, "-w"]
    with subprocess.Popen(command, stdout=sys.stdout, stderr=subprocess.DEVNULL) as watch:
        try:
            yield
        finally:
            watch.terminate()


def _wait_for_reports(demo: Demo, names: Sequence[str]) -> None:
    def all_final() -> bool:
        demo.operator.ensure_running()
        demo.plane.ensure_running()
        current = reports(demo.plane)
        return all(name in current and is_final(current[name]) for name in names)

    try:
        wait_until(all_final, what="the reports", timeout_seconds=DEADLINE_SECONDS, interval_seconds=0.5)
    except DeadlineError as error:
        raise ControlPlaneError(f"{error}; the operator's log ends:\n{demo.operator.log_tail()}") from error


def reports(plane: ControlPlane) -> dict[str, Report]:
    """Return the existing reports by Workflow."""
    return {item["spec"]["workflowRef"]["name"]: item for item in plane.api.get(REPORTS_PATH)["items"]}


def is_final(report: Mapping[str, Any]) -> bool:
    """Whether the report is final: the run has ended, or waits for a person."""
    status = report.get("status") or {}
    if report["spec"]["workflowRef"]["name"] == WAITS_FOR_EVER:
        return bool(status.get("waiting"))
    return (status.get("observedWorkflow") or {}).get("phase") in _COMPLETED


def show_failure(demo: Demo) -> None:
    """Print the report of one failure as a tree."""
    step(5, f"why {SHOWN_FAILURE} failed, from its report alone:")
    # Imported late: an early failure does not need rich.
    from wfreport.cli.render.console import report_console  # noqa: PLC0415
    from wfreport.cli.render.report_page import print_report  # noqa: PLC0415

    print_report(reports(demo.plane)[SHOWN_FAILURE], report_console("auto", sys.stdout))


def show_around(demo: Demo) -> None:
    """Print commands for exploring the reports."""
    step(6, "look around:")
    name = reports(demo.plane)[SHOWN_FAILURE]["metadata"]["name"]
    commands = [
        f"export KUBECONFIG={shlex.quote(str(demo.plane.kubeconfig))}",
        f"{_shown(kubectl())} get workflowreports -n {NAMESPACE} -o wide",
        f"{_shown(kubectl())} get wfr -n {NAMESPACE} --field-selector status.failureClass=OOMKilled",
        f"{_shown(kubectl())} get wfr -n {NAMESPACE} {name} -o yaml",
        f"{_shown(kubectl())} get wf -n {NAMESPACE} loop-item-fails -o yaml | {_shown_wfreport()} explain -",
        f"{_shown_wfreport()} wait parallel-step-fails -n {NAMESPACE}; echo $?",
        *_argo_commands(demo),
        f"curl -s {demo.url}/metrics",
        f"tail -f {shlex.quote(str(demo.operator.log_path))}",
    ]
    for command in commands:
        echo(f"    {command}")


def _argo_commands(demo: Demo) -> list[str]:
    release = None if demo.replayed else argo_release()
    return [f"{release.cli} resume {WAITS_FOR_EVER} -n {NAMESPACE}      # and see its report end"] if release else []


def _shown(program: Path) -> str:
    """Return the program as the user's shell finds it: by name if PATH has it."""
    on_path = any((Path(folder) / program.name) == program for folder in os.get_exec_path())
    if on_path:
        return program.name
    return str(program.relative_to(Path.cwd()) if program.is_relative_to(Path.cwd()) else program)


def _shown_wfreport() -> str:
    return _shown(Path(sys.prefix) / "bin" / "wfreport")


def stay(demo: Demo) -> None:
    """Keep everything running until Ctrl-C."""
    echo("\nCtrl-C ends it.")
    while True:
        signal.sigtimedwait([], 1.0)
        demo.plane.ensure_running()
        demo.operator.ensure_running()


_began: Final = time.monotonic()


def step(number: int, title: str) -> None:
    """Announce a step, with the seconds since the start."""
    echo(f"\n[{number}/{STEPS}] {time.monotonic() - _began:4.0f} s  {title}")


def echo(line: str) -> None:
    """Print a line and flush it, so that it stays in order with the output of other programs."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()

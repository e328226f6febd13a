"""Runs the demo: a control plane on this machine, the operator under its own ServiceAccount, its Workflows.

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
from pathlib import Path
from typing import Any, Final

from controlplane import ControlPlane, ControlPlaneError
from controlplane.argo import argo_cached, argo_release
from controlplane.binaries import kubectl
from controlplane.recording import load_recording
from controlplane.replay import replay
from controlplane.termination import end_in_order_on_sigterm
from demo import healing
from demo.healed import HEALED
from demo.installation import WITHOUT_LOGS, install, start_operator, wait_until_ready
from demo.running import HERE, NAMESPACE, REPLAY_SPEED, Demo, reports, wait_for_reports

SHOWN_FAILURE: Final = "oom-retries"
HUNG: Final = "sidecar-hangs"
WAIT_FOR_EVER: Final = frozenset({"needs-approval", "image-missing"})
STEPS: Final = 8
RESUBMIT: Final = "remediate-resubmit"
_HINT: Final = "\n        (`make demo ARGO=1` builds the real Argo controller, in about 7 minutes, and uses it)"
_COMPLETED: Final = frozenset({"Succeeded", "Failed", "Error"})
_USAGE_ERROR: Final = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo. Return 0; 2 with one line on stderr if this machine cannot run it; 130 after Ctrl-C."""
    options = _parser().parse_args(arguments)
    end_in_order_on_sigterm()
    try:
        run(replayed=options.replay or not (options.argo or argo_cached()), once=options.once)
    except ControlPlaneError as error:
        sys.stderr.write(f"demo: {error}\n")
        return _USAGE_ERROR
    except KeyboardInterrupt:
        echo("\nstopped; nothing is left behind")
        return 0 if not options.once else 128 + signal.SIGINT
    return 0


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
        heal(demo)
        show_hung(demo)
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
    step(2, f"wfreport installed: manifests/overlays/default, and the right to resubmit: components/{RESUBMIT}")
    install(plane, components=[RESUBMIT])
    step(3, "the operator, as a pod of that Deployment runs it: its settings, and the rights of its ServiceAccount")
    operator, url = start_operator(plane, WITHOUT_LOGS if replayed else None)
    stack.callback(operator.stop, graceful=True)
    wait_until_ready(operator, url)
    plane.create_namespace(NAMESPACE)
    return Demo(plane, replayed, operator, url)


def submit_and_watch(demo: Demo) -> None:
    """Submit the Workflows at once and show the reports as they fill."""
    names = [name for name in workflow_names() if name != HEALED]
    step(4, f"{len(names)} Workflows at once, and the output of `kubectl get workflowreports -w`:")
    with _watching(demo.plane):
        submit(demo, names)
        wait_for_reports(demo, lambda current: all(name in current and is_final(current[name]) for name in names))
    echo("")
    echo(demo.plane.kubectl("get", "workflowreports", "-n", NAMESPACE).rstrip())


def workflow_names() -> list[str]:
    """The demo's Workflows; each file is named after its Workflow."""
    return sorted(path.stem for path in (HERE / "workflows").glob("*.yaml"))


def submit(demo: Demo, names: Sequence[str], *, speed: int = REPLAY_SPEED) -> None:
    """Create the Workflows, or replay their recordings."""
    if demo.replayed:
        asyncio.run(_replay_all(demo.plane, names, speed))
        return
    files = [part for name in names for part in ("-f", HERE / "workflows" / f"{name}.yaml")]
    demo.plane.kubectl("create", "-n", NAMESPACE, *files)


async def _replay_all(plane: ControlPlane, names: Sequence[str], speed: int) -> None:
    recordings = [load_recording(HERE / "recordings" / f"{name}.jsonl.gz") for name in names]
    async with plane.api.session() as api:
        await asyncio.gather(*(replay(api, events, speed=speed, namespace=NAMESPACE) for events in recordings))


@contextmanager
def _watching(plane: ControlPlane) -> Iterator[None]:
    """Show `kubectl get wfr -w` on stdout during the block."""
    command = [str(kubectl()), f"--kubeconfig={plane.kubeconfig}", "get", "wfr", "-n", NAMESPACE, "-w"]
    with subprocess.Popen(command, stdout=sys.stdout, stderr=subprocess.DEVNULL) as watch:
        try:
            yield
        finally:
            watch.terminate()


def is_final(report: Mapping[str, Any]) -> bool:
    """Whether the report is final: the run has ended, or runs for ever."""
    status = report.get("status") or {}
    name, phase = report["spec"]["workflowRef"]["name"], (status.get("observedWorkflow") or {}).get("phase")
    if name in WAIT_FOR_EVER:
        return bool(status.get("waiting"))
    return phase == "Running" if name == HUNG else phase in _COMPLETED


def show_failure(demo: Demo) -> None:
    """Print the report of one failure."""
    step(5, f"why {SHOWN_FAILURE} failed, from its report alone:")
    run_cli(demo, "show", SHOWN_FAILURE)


def heal(demo: Demo) -> None:
    """Apply a policy, and show how it heals a run that needs more memory."""
    step(6, f"a policy heals {HEALED} by itself: oom-ladder.yaml raises the memory until it fits")
    demo.plane.kubectl("apply", "-n", NAMESPACE, "-f", HERE / "oom-ladder.yaml")
    healing.wait_until_allowed(demo)
    # A faster replay starts in the past, and a run that ended before its policy was enforced is left alone.
    healing.run(demo, lambda: submit(demo, [HEALED], speed=1))
    run_cli(demo, "remediations", HEALED)
    run_cli(demo, "show", healing.healed_run(demo))


def show_hung(demo: Demo) -> None:
    """Show the runs that need a person, and what keeps one of them from ending.

    It hangs since step 4, and is reported after its grace time.
    """
    step(7, "runs that Argo calls Running, though they will not go on by themselves:")
    wait_for_reports(demo, lambda current: bool((current[HUNG].get("status") or {}).get("stalled")))
    run_cli(demo, "list", "--stuck")
    run_cli(demo, "show", HUNG)


def run_cli(demo: Demo, *arguments: str) -> None:
    """Run a command as a user does, under the line that a user types."""
    echo(f"\n    $ kubectl wfreport {shlex.join(arguments)} -n {NAMESPACE}")
    env = {**os.environ, "KUBECONFIG": str(demo.plane.kubeconfig)}
    command = [str(Path(sys.prefix) / "bin" / "kubectl-wfreport"), *arguments, "-n", NAMESPACE]
    done = subprocess.run(command, env=env, check=False)
    if done.returncode:
        raise ControlPlaneError(f"{shlex.join(command)} exited with code {done.returncode}")


def show_around(demo: Demo) -> None:
    """Print commands for exploring the reports, as a shell accepts them."""
    step(8, "look around, in another terminal:")
    for command in commands(demo):
        echo(f"    {command}")


def commands(demo: Demo) -> list[str]:
    """Return the command lines: first the exports that the others need."""
    name = reports(demo.plane)[SHOWN_FAILURE]["metadata"]["name"]
    # `uv run` has these folders on its PATH, but the user's other terminal does not.
    folders = dict.fromkeys(str(folder) for folder in (Path(sys.prefix) / "bin", kubectl().parent))
    return [
        f"export PATH={':'.join(map(shlex.quote, folders))}:$PATH",
        f"export KUBECONFIG={shlex.quote(str(demo.plane.kubeconfig))}",
        f"kubectl get workflowreports -n {NAMESPACE} -o wide",
        f"kubectl get wfr -n {NAMESPACE} --field-selector status.failureClass=OOMKilled",
        f"kubectl get wfr -n {NAMESPACE} {name} -o yaml",
        f"kubectl wfreport list -n {NAMESPACE}",
        f"kubectl wfreport show needs-approval -n {NAMESPACE}",
        f"kubectl get wf -n {NAMESPACE} loop-item-fails -o yaml | wfreport explain -",
        f"wfreport wait parallel-step-fails -n {NAMESPACE} || echo $?",
        *_argo_commands(demo),
        f"curl -s {demo.url}/metrics",
        f"tail -f {shlex.quote(str(demo.operator.log_path))}",
    ]


def _argo_commands(demo: Demo) -> list[str]:
    release = None if demo.replayed else argo_release()
    return [f"{release.cli} resume needs-approval -n {NAMESPACE}      # and see its report end"] if release else []


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

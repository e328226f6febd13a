"""Command line: `python -m controlplane build | up | replay`."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from controlplane.api import AsyncApi
from controlplane.argo import argo_cached, argo_release
from controlplane.binaries import CHART_TOOLS, CONTROLLERS, SOURCES, STORE, binary
from controlplane.errors import ControlPlaneError
from controlplane.kubeconfig import read_kubeconfig
from controlplane.paths import REPO_ROOT
from controlplane.plane import ControlPlane
from controlplane.progress import echo
from controlplane.recording import load_recording
from controlplane.replay import replay
from controlplane.termination import end_in_order_on_sigterm

_USAGE_ERROR = 2
_RECORDINGS_DIR = REPO_ROOT / "tests" / "recordings"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command. Returns 0, or 2 with one line on stderr."""
    options = _parser().parse_args(arguments)
    end_in_order_on_sigterm()
    try:
        options.run(options)
    except ControlPlaneError as error:
        sys.stderr.write(f"controlplane: {error}\n")
        return _USAGE_ERROR
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m controlplane", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    build = commands.add_parser("build", help="build missing programs into the cache")
    build.add_argument("program", nargs="*", default=list(STORE), help=f"of {', '.join(SOURCES)}; default %(default)s")
    build.add_argument("--argo", action="store_true", help="all programs that a control plane with Argo Server runs")
    build.add_argument("--charts", action="store_true", help="helm and the other programs that check the chart")
    build.set_defaults(run=_build)

    up = commands.add_parser("up", help="start a control plane, print the path of its kubeconfig and wait for Ctrl-C")
    up.add_argument("--kcm", action="store_true", help="with kube-controller-manager")
    up.add_argument("--kwok", action="store_true", help="with a simulated node and kubelet")
    up.add_argument("--argo", action="store_true", help="with the real Argo controller, and the two above")
    up.add_argument("--argo-server", action="store_true", help="with Argo Server as well")
    up.add_argument("--crds", default="auto", choices=["auto", "full", "minimal", "own", "none"], help="Argo's CRDs")
    up.set_defaults(run=_up)

    play = commands.add_parser("replay", help="replay a recording into a control plane")
    play.add_argument("case", help="a .jsonl.gz, or the name of a case in tests/recordings")
    play.add_argument("--speed", type=float, default=1.0, help="10: ten times faster; 0: as fast as possible")
    play.add_argument("--namespace", help="instead of the recorded one")
    play.add_argument("--until", type=int, help="number of events to replay")
    play.add_argument("--kubeconfig", type=Path, help="one with a token, as `up` writes it; default $KUBECONFIG")
    play.set_defaults(run=_replay)
    return parser


def _build(options: argparse.Namespace) -> None:
    unknown = sorted(set(options.program) - set(SOURCES))
    if unknown:
        raise ControlPlaneError(f"unknown program {unknown[0]!r}: choose from {', '.join(SOURCES)}")
    for name in (
        *options.program,
        *(CONTROLLERS if options.argo else ()),
        *(CHART_TOOLS if options.charts else ()),
    ):
        _print(f"{name}: {binary(name)}")
    if options.argo:
        release = argo_release()
        _print(f"workflow-controller {release.version}: {release.controller}")
        _print(f"argo {release.version}: {release.cli}")


def _up(options: argparse.Namespace) -> None:
    plane = ControlPlane(
        controller_manager=options.kcm,
        kwok=options.kwok,
        argo=options.argo,
        argo_server=options.argo_server,
        workflow_crds=options.crds,
    )
    with plane:
        _print(str(plane.kubeconfig))
        if plane.argo_server_url:
            echo(f"Argo Server at {plane.argo_server_url}")
        elif not argo_cached():
            echo("no Argo in the cache: build it with `build --argo`, or replay recorded runs with `replay`")
        echo("press Ctrl-C to stop")
        while True:
            signal.sigtimedwait([], 1.0)
            plane.ensure_running()


def _replay(options: argparse.Namespace) -> None:
    path = Path(options.case)
    if not path.exists():
        path = _RECORDINGS_DIR / f"{options.case}.jsonl.gz"
    if not path.exists():
        raise ControlPlaneError(f"no recording {options.case!r}: not a file, and not a case in {_RECORDINGS_DIR}")
    kubeconfig = options.kubeconfig or os.environ.get("KUBECONFIG")
    if not kubeconfig:
        raise ControlPlaneError("no control plane: set --kubeconfig or $KUBECONFIG to the path that `up` prints")
    asyncio.run(_play(path, Path(kubeconfig), options))


async def _play(path: Path, kubeconfig: Path, options: argparse.Namespace) -> None:
    with read_kubeconfig(kubeconfig) as access:
        async with AsyncApi(access.server, token=access.token, ca=access.ca) as api:
            played = await replay(
                api,
                load_recording(path),
                speed=options.speed,
                namespace=options.namespace,
                until=options.until,
            )
    _print(f"{played.events_played} events replayed into {', '.join(sorted(set(played.namespaces.values())))}")


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())

"""Implements `python -m realnode provide | up | clean`."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Callable, Sequence
from typing import Final

from controlplane import ControlPlane, ControlPlaneError
from controlplane.argo import argo_executor, argo_release
from controlplane.binaries import binary
from controlplane.termination import end_in_order_on_sigterm
from realnode.cleanup import clean
from realnode.node import RealNode
from realnode.only_one import only_one
from realnode.progress import echo
from realnode.requirements import provide

_USAGE_ERROR: Final = 2
_PROGRAMS: Final = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet")


def main(arguments: Sequence[str] | None = None) -> int:
    """Return 0, or 2 with one line on stderr that names the missing part."""
    parser = argparse.ArgumentParser(prog="python -m realnode", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, run, told in (
        ("provide", _provide, "install and build what is missing"),
        ("up", _up, "start a control plane with Argo and a real node, and wait for Ctrl-C"),
        ("clean", _clean, "take away what a killed node has left"),
    ):
        _add(commands.add_parser(name, help=told), run)
    options = parser.parse_args(arguments)
    end_in_order_on_sigterm()
    try:
        options.run()
    except ControlPlaneError as error:
        sys.stderr.write(f"realnode: {error}\n")
        return _USAGE_ERROR
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    return 0


def _add(command: argparse.ArgumentParser, run: Callable[[], None]) -> None:
    command.set_defaults(run=run)


def _provide() -> None:
    provide()
    for name in _PROGRAMS:
        binary(name)
    argo_release()
    argo_executor()


def _clean() -> None:
    with only_one():
        clean()


def _up() -> None:
    _provide()
    with ControlPlane(argo=True, real_pods=True) as plane, RealNode(plane):
        sys.stdout.write(f"{plane.kubeconfig}\n")
        sys.stdout.flush()
        echo("Ctrl-C ends it")
        while True:
            signal.sigtimedwait([], 1.0)
            plane.ensure_running()


if __name__ == "__main__":
    sys.exit(main())

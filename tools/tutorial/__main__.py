"""Starts the cluster of the tutorial: a control plane with the real Argo controller, until Ctrl-C.

The folder gets a kubeconfig, and `bin` with kubectl, wfreport and argo.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from controlplane import ControlPlane, ControlPlaneError
from controlplane.argo import argo_release
from controlplane.binaries import kubectl
from controlplane.paths import REPO_ROOT
from controlplane.termination import end_in_order_on_sigterm

_DEFAULT: Final = REPO_ROOT / ".cache" / "cluster"
_PROGRAMS: Final = ("wfreport", "kubectl-wfreport", "kubectl_complete-wfreport")
_USAGE_ERROR: Final = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the cluster. Return 0 after Ctrl-C, or 2 with one line on stderr."""
    parser = argparse.ArgumentParser(prog="make cluster", description=__doc__)
    parser.add_argument("--folder", type=Path, default=_DEFAULT, help="made anew, and removed at the end")
    folder = parser.parse_args(arguments).folder.resolve()
    end_in_order_on_sigterm()
    try:
        run(folder)
    except ControlPlaneError as error:
        sys.stderr.write(f"cluster: {error}\n")
        return _USAGE_ERROR
    except KeyboardInterrupt:
        return 0
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


def run(folder: Path) -> None:
    """Run until a signal.

    Raises:
        ControlPlaneError: a program could not be built, or a component exited.
    """
    release = argo_release()
    with ControlPlane(argo=True, own_kinds=False) as plane:
        programs = {name: Path(sys.prefix) / "bin" / name for name in _PROGRAMS}
        write_folder(folder, plane.kubeconfig, {**programs, "kubectl": kubectl(), "argo": release.cli})
        sys.stdout.write(f"a cluster with Argo Workflows {release.version} is ready; Ctrl-C stops it\n")
        sys.stdout.flush()
        while True:
            signal.sigtimedwait([], 1.0)
            plane.ensure_running()


def write_folder(folder: Path, kubeconfig: Path, programs: dict[str, Path]) -> None:
    """Write the kubeconfig, and links to the programs."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "bin").mkdir(parents=True)
    (folder / "kubeconfig").touch(mode=0o600)
    (folder / "kubeconfig").write_text(kubeconfig.read_text())
    for name, program in programs.items():
        (folder / "bin" / name).symlink_to(program)


if __name__ == "__main__":
    sys.exit(main())

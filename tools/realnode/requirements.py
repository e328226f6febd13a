"""What the node needs of this machine, and what of it is missing."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

from controlplane import ControlPlaneError
from realnode.layout import CNI_PROGRAMS
from realnode.progress import echo

PACKAGES: Final = {
    "containerd": "containerd",
    "runc": "runc",
    "busybox-static": "busybox",
    "containernetworking-plugins": str(CNI_PROGRAMS / "bridge"),
    "socat": "socat",
    "iproute2": "ip",
}
"""Debian's packages, each with the program that tells whether it is there."""


_OS_RELEASE: Final = Path("/etc/os-release")


class LackingError(ControlPlaneError):
    """This machine lacks something; the message is one line that names it and tells how to get it."""


def provide() -> None:
    """Install the Debian packages that are missing; all else must be there.

    Raises:
        LackingError: something is missing that cannot be installed from here.
    """
    for message in (_not_root(), _not_debian(), _another_kubelet()):
        if message:
            raise LackingError(message)
    missing = missing_packages()
    if missing:
        _install(missing)


def missing_packages() -> list[str]:
    """Those of `PACKAGES` whose program is not there."""
    return [package for package, program in PACKAGES.items() if not shutil.which(program, path=_path())]


def _path() -> str:
    """A user's PATH often has no sbin, where Debian puts runc."""
    return f"{os.environ.get('PATH', '')}:/usr/local/sbin:/usr/sbin:/sbin"


def _not_root() -> str:
    return "" if os.geteuid() == 0 else "not root: a kubelet makes mounts and cgroups; use sudo on a spare machine"


def _not_debian() -> str:
    text = _OS_RELEASE.read_text() if _OS_RELEASE.exists() else ""
    if "ID=debian" in text.splitlines():
        return ""
    return "not Debian: the node is made of Debian's packages; run it on Debian 12, for instance in a virtual machine"


def _another_kubelet() -> str:
    names = (path.read_text().strip() for path in Path("/proc").glob("[0-9]*/comm") if path.exists())
    return "a kubelet runs here already: stop it first, two would share their cgroups" if "kubelet" in names else ""


def _install(packages: list[str]) -> None:
    echo(f"installing Debian packages by apt-get: {', '.join(packages)}")
    env = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", *packages]):
        done = subprocess.run(["apt-get", *command], capture_output=True, text=True, check=False, env=env)
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["no message"])[-1]
            raise LackingError(f"no {', '.join(packages)}: apt-get {command[0]} failed ({last}); install them by hand")

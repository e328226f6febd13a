"""Removes everything that a node created: processes, mounts, cgroups, bridge, addresses, files.

It searches the machine instead of keeping a list, so it also cleans up after a killed run.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from controlplane import ControlPlaneError
from controlplane.waiting import wait_until
from realnode import layout

_CGROUPS: Final = Path("/sys/fs/cgroup")
_CONTAINER_LINKS: Final = Path("/var/log/containers")
_CNI_RESULTS: Final = Path("/var/lib/cni/results")
_DEVICE_PLUGINS: Final = Path("/var/lib/kubelet/device-plugins")
"""Folder in which every kubelet listens for device plugins, independent of its root folder."""

_MOUNT_POINT: Final = 4
_OURS: Final = (layout.DATA, layout.RUN)


def clean() -> None:
    """Remove everything; do nothing if there is nothing.

    Raises:
        ControlPlaneError: something cannot be removed.
    """
    if not leftovers():
        return
    _kill_pods()
    for socket in _shim_sockets():
        socket.unlink(missing_ok=True)
    for mount in sorted(_mounts(), reverse=True):
        subprocess.run(["umount", "--lazy", mount], check=False, capture_output=True)
    for cgroup in _pod_cgroups():
        _remove_cgroup(cgroup)
    _remove_network()
    _remove_files()
    left = leftovers()
    if left:
        raise ControlPlaneError(f"the node left behind: {', '.join(left)}")


def leftovers() -> list[str]:
    """Return everything of a node on this machine."""
    addresses = _output("ip", "-oneline", "address", "show", "dev", "lo")
    return [
        *(f"process {pid}" for pid in _pod_processes()),
        *(f"mount {mount}" for mount in _mounts()),
        *(f"cgroup {cgroup}" for cgroup in _pod_cgroups()),
        *(f"address {address}" for address in layout.ADDRESSES if f" {address}/32 " in addresses),
        *([f"bridge {layout.BRIDGE}"] if Path("/sys/class/net", layout.BRIDGE).exists() else []),
        *(f"folder {folder}" for folder in _OURS if folder.exists()),
    ]


def _kill_pods() -> None:
    # Kill both together: a dead shim leaves its container to init, a dead container makes its shim report.
    for pid in _pod_processes():
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    wait_until(lambda: not _pod_processes(), what="the end of the pods' processes", timeout_seconds=20)


def _pod_processes() -> list[int]:
    """Return the processes of our containers and the shims of our containerd, which have its address as an argument."""
    contained = [int(pid) for cgroup in _pod_cgroups() for pid in _lines(cgroup / "cgroup.procs")]
    running = (int(path.name) for path in Path("/proc").glob("[0-9]*"))
    return sorted({*contained, *(pid for pid in running if _is_shim(pid))})


def _is_shim(pid: int) -> bool:
    try:
        arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return b"containerd-shim" in arguments[0] and str(layout.SOCKET).encode() in arguments


def _shim_sockets() -> list[Path]:
    """Return our shims' sockets in /run/containerd, which the machine's own containerd shares."""
    addresses = (path.read_text().strip() for path in layout.STATE.glob("io.containerd.runtime.v2.task/*/*/address"))
    return [Path(address.removeprefix("unix://")) for address in addresses]


def _mounts() -> list[str]:
    points = [line.split()[_MOUNT_POINT] for line in _lines(Path("/proc/self/mountinfo"))]
    return [point for point in points if any(Path(point).is_relative_to(folder) for folder in _OURS)]


def _pod_cgroups() -> list[Path]:
    """Return every cgroup of pods, the inner ones first: per controller on cgroup v1, unified on v2."""
    roots = [path for path in (_CGROUPS / "kubepods", *_CGROUPS.glob("*/kubepods")) if path.is_dir()]
    if not layout.DATA.exists():
        return []  # It belongs to another kubelet.
    found = {path.resolve() for root in roots for path in (root, *_folders(root))}
    return sorted(found, key=lambda path: len(path.parts), reverse=True)


def _folders(root: Path) -> Iterator[Path]:
    for folder, names, _ in os.walk(root):
        yield from (Path(folder, name) for name in names)


def _remove_cgroup(cgroup: Path) -> None:
    def is_gone() -> bool:
        try:
            cgroup.rmdir()
        except FileNotFoundError:
            return True
        except OSError:
            return False  # The kernel is still ending its processes.
        return True

    wait_until(is_gone, what=f"cgroup {cgroup} to be empty", timeout_seconds=10)


def _remove_network() -> None:
    commands = [["ip", "link", "delete", layout.BRIDGE]]
    commands += [["ip", "address", "delete", f"{address}/32", "dev", "lo"] for address in layout.ADDRESSES]
    for command in commands:
        subprocess.run(command, check=False, capture_output=True)
    if layout.IP_FORWARD_BEFORE.exists():
        layout.IP_FORWARD.write_text(layout.IP_FORWARD_BEFORE.read_text())


def _remove_files() -> None:
    for link in _CONTAINER_LINKS.glob("*.log"):
        if link.is_symlink() and link.readlink().is_relative_to(layout.DATA):
            link.unlink()
    for result in _CNI_RESULTS.glob("*"):
        # The CNI results of bridge and lo; each names its network namespace.
        if str(layout.RUN) in result.read_text():
            result.unlink()
    (_DEVICE_PLUGINS / "kubelet.sock").unlink(missing_ok=True)
    for folder in (_DEVICE_PLUGINS, _DEVICE_PLUGINS.parent, _CNI_RESULTS, _CNI_RESULTS.parent):
        _remove_if_empty(folder)
    shutil.rmtree(layout.RUN, ignore_errors=True)
    shutil.rmtree(layout.DATA, ignore_errors=True)


def _remove_if_empty(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError:
        return


def _output(*command: str) -> str:
    return subprocess.run(command, check=False, capture_output=True, text=True).stdout


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except OSError:
        return []

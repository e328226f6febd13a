"""The node: containerd, a bridge, kube-scheduler and the kubelet, joined to a control plane."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from urllib.parse import urlsplit

from controlplane import ApiError, ControlPlane
from controlplane.argo import argo_release
from controlplane.binaries import binary
from controlplane.component import Component
from controlplane.waiting import wait_until
from realnode import config, layout
from realnode.cleanup import clean
from realnode.images import images, write_archive
from realnode.layout import NODE
from realnode.only_one import only_one
from realnode.progress import echo
from realnode.requirements import LackingError

_PATIENCE_SECONDS = 240


@dataclass(slots=True)
class RealNode:
    """A real node of ``plane``, as a context manager; one at a time on a machine.

    Attributes:
        plane: a control plane with ``real_pods``.
    """

    plane: ControlPlane
    _stack: ExitStack = field(init=False, default_factory=ExitStack)

    def __enter__(self) -> RealNode:
        """Start everything and wait until the node is ready.

        Raises:
            LackingError: another node is up.
            ControlPlaneError: something did not start, with the end of its log.
        """
        try:
            self._start()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        echo("taking the node down: processes, mounts, cgroups, bridge, addresses, data")
        self._stack.close()

    def _start(self) -> None:
        programs = {name: binary(name) for name in ("kubelet", "kube-scheduler")}
        self._stack.enter_context(only_one())
        clean()
        self._stack.callback(clean)
        _prepare()
        echo("containerd, and images made here: argoexec, busybox, pause")
        self._component("containerd", ["containerd", "--config", layout.DATA / "containerd.toml"])
        _wait_for_containerd()
        _import_images()
        echo(f"kube-scheduler, kubelet, and a way from pods to the API server at {layout.API_SERVICE}:443")
        self._component("api-relay", _relay(self.plane))
        self._component("kube-scheduler", [programs["kube-scheduler"], *_scheduler_flags(self.plane)])
        kubelet = self._component("kubelet", [programs["kubelet"], *_kubelet_flags(self.plane)])
        wait_until(
            lambda: _is_ready(self.plane, kubelet), what=f"node {NODE} to be Ready", timeout_seconds=_PATIENCE_SECONDS
        )
        echo(f"node {NODE} is Ready")

    def _component(self, name: str, command: Sequence[str | Path]) -> Component:
        component = Component(name, command, folder=layout.LOGS, env={"PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin"})
        self._stack.callback(component.stop)
        component.start()
        return component


def _prepare() -> None:
    for folder in (layout.LOGS, layout.POD_LOGS, layout.KUBELET_ROOT, layout.CNI_CONFIG, layout.RUN):
        folder.mkdir(parents=True)
    # The bridge's plugin sets it.
    layout.IP_FORWARD_BEFORE.write_text(layout.IP_FORWARD.read_text())
    (layout.DATA / "containerd.toml").write_text(config.CONTAINERD)
    (layout.DATA / "kubelet.json").write_text(config.kubelet())
    (layout.CNI_CONFIG / "10-bridge.conflist").write_text(config.cni())
    for address in layout.ADDRESSES:
        subprocess.run(["ip", "address", "replace", f"{address}/32", "dev", "lo"], check=True)


def _ctr(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = ["ctr", "--address", layout.SOCKET, "--namespace", "k8s.io", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def _wait_for_containerd() -> None:
    wait_until(lambda: _ctr("version").returncode == 0, what="containerd", timeout_seconds=60)


def _import_images() -> None:
    archive = layout.DATA / "image.tar"
    for image in images(argo_release()):
        write_archive(image, archive)
        done = _ctr("images", "import", archive)
        if done.returncode:
            raise LackingError(f"containerd takes no image {image.name}: {done.stderr.strip()}")
    archive.unlink()


def _relay(plane: ControlPlane) -> list[str | Path]:
    port = urlsplit(plane.server).port
    return ["socat", f"TCP-LISTEN:443,bind={layout.API_SERVICE},fork,reuseaddr", f"TCP:127.0.0.1:{port}"]


def _scheduler_flags(plane: ControlPlane) -> list[str]:
    return [f"--kubeconfig={plane.kubeconfig}", "--secure-port=0", "--leader-elect=false"]


def _kubelet_flags(plane: ControlPlane) -> list[str]:
    return [
        f"--kubeconfig={plane.kubeconfig}",
        f"--config={layout.DATA / 'kubelet.json'}",
        f"--root-dir={layout.KUBELET_ROOT}",
        f"--cert-dir={layout.KUBELET_ROOT / 'pki'}",
        f"--hostname-override={NODE}",
        f"--node-ip={layout.NODE_ADDRESS}",
    ]


def _is_ready(plane: ControlPlane, kubelet: Component) -> bool:
    kubelet.ensure_running()
    try:
        conditions = plane.api.get(f"/api/v1/nodes/{NODE}").get("status", {}).get("conditions", [])
    except ApiError:
        return False
    return any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)

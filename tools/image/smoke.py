"""Runs the image's command as the pod of an installation runs it, and plays the demo's main story."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from controlplane import ControlPlane
from controlplane.component import Component
from controlplane.deployment import PodProcess, read_pod_process
from demo import story
from demo.installation import NAME, OPERATOR_NAMESPACE, WITHOUT_LOGS, environment_of, install, wait_until_ready
from demo.running import NAMESPACE, Demo
from image.errors import ImageError
from image.rootfs import command_in, environment_in

_COMPONENT: Final = "remediate-resubmit"
_READ_ONLY: Final = "Read-only file system"
_ACCOUNT: Final = "var/run/secrets/kubernetes.io/serviceaccount"
_PROBE: Final = """
import os
status = open('/proc/self/status').read()
print(os.getuid(), os.getgid(), status.partition('CapEff:\\t')[2].split()[0])
open('/app/new', 'w')
"""

Log = Callable[[str], None]


def check(root: Path, log: Log) -> None:
    """Check the image in a root filesystem, on a control plane of its own.

    Raises:
        ImageError: it is not confined, or does not stop in order.
        ControlPlaneError: a report or a remediation is missing.
    """
    _check_confinement(root)
    log("uid 65532, no capabilities, read-only root")
    with ControlPlane(own_kinds=False) as plane:
        plane.create_namespace(NAMESPACE)
        install(plane, components=[_COMPONENT])
        log(f"installed: manifests/overlays/default with components/{_COMPONENT}")
        _play(root, plane, log)


def _check_confinement(root: Path) -> None:
    """Check that nothing can be written, and that no capability is left."""
    command = command_in(root, "/app/.venv/bin/python", "-c", _PROBE)
    done = subprocess.run(command, env=environment_in({}), capture_output=True, text=True, check=False)
    if done.stdout.split() != ["65532", "65532", "0000000000000000"] or _READ_ONLY not in done.stderr:
        raise ImageError(f"not confined as a pod is: {done.stdout}{done.stderr}")


def _play(root: Path, plane: ControlPlane, log: Log) -> None:
    pod = read_pod_process(plane.api, OPERATOR_NAMESPACE, NAME)
    _mount_account(root, plane, pod)
    server = urlsplit(plane.server)
    in_cluster = {"KUBERNETES_SERVICE_HOST": str(server.hostname), "KUBERNETES_SERVICE_PORT": str(server.port)}
    settings, url = environment_of(pod, in_cluster | WITHOUT_LOGS)
    # Only what a pod has: nothing of this machine's environment.
    variables = [f"{name}={value}" for name, value in environment_in(settings).items()]
    command = ["env", "-i", *variables, *command_in(root, "wfreport", *pod.arguments)]
    operator = Component("wfreport", command, folder=plane.folder)
    operator.start()
    try:
        wait_until_ready(operator, url)
        log("ready, by the token of its ServiceAccount, with the settings of the Deployment")
        story.play(Demo(plane, replayed=True, operator=operator, url=url), log)
    finally:
        code = operator.stop(graceful=True)
    if code:
        raise ImageError(f"it exited with {code} after SIGTERM:\n{operator.log_tail()}")
    log("stopped by SIGTERM with exit code 0")


def _mount_account(root: Path, plane: ControlPlane, pod: PodProcess) -> None:
    """Write what a kubelet mounts into a pod."""
    folder = root / _ACCOUNT
    folder.mkdir(parents=True)
    (folder / "token").write_text(plane.service_account_token(pod.namespace, pod.service_account))
    (folder / "namespace").write_text(pod.namespace)
    (folder / "ca.crt").write_bytes(plane.ca.read_bytes())
    for file in folder.iterdir():
        file.chmod(0o644)

"""Installs the operator as a user does, and runs its container's command here, in place of a pod."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import urllib3
import yaml

from controlplane import ControlPlane
from controlplane.component import Component
from controlplane.deployment import PodProcess, read_pod_process
from controlplane.paths import REPO_ROOT
from controlplane.ports import free_ports
from controlplane.waiting import wait_until
from demo.running import NAMESPACE

OVERLAYS: Final = REPO_ROOT / "manifests" / "overlays"
NAME: Final = "wfreport"
OPERATOR_NAMESPACE: Final = "wfreport-system"
# Faster than in a cluster, since a person is waiting.
OPERATOR_SETTINGS: Final = {
    "WFREPORT_POLL_INTERVAL_MIN_SECONDS": "2",
    "WFREPORT_PROGRESS_INTERVAL_SECONDS": "2",
    "WFREPORT_WAITING_GRACE_IMAGE_PULL_SECONDS": "3",
    "WFREPORT_STALLED_GRACE_SECONDS": "30",
    "WFREPORT_HTTP_HOST": "127.0.0.1",
    "WFREPORT_LOG_FORMAT": "text",
}
WITHOUT_LOGS: Final = {"WFREPORT_NO_LOGS_NAMESPACES": NAMESPACE}
"""Replayed pods have no logs. Before an action, the operator would wait half a minute for each."""
_OK: Final = 200


def install(
    plane: ControlPlane, *, components: Sequence[str] = (), overlay: str = "default", namespace: str = ""
) -> None:
    """Apply an overlay with components, and no replica of the Deployment: the operator runs here, not in a pod."""
    folder = _kustomization(plane.folder, overlay, components, namespace)
    rendered = [item for item in yaml.safe_load_all(plane.kubectl("kustomize", folder)) if item]
    for item in rendered:
        if item["kind"] == "Deployment":
            item["spec"]["replicas"] = 0
    plane.kubectl("apply", "--server-side", "-f", "-", stdin=yaml.safe_dump_all(rendered))


def _kustomization(folder: Path, overlay: str, components: Sequence[str], namespace: str) -> Path:
    """Write a user's own kustomization: an overlay with components."""
    made = folder / "installation"
    made.mkdir()
    paths = [REPO_ROOT / "manifests" / "components" / component for component in components]
    kustomization: dict[str, object] = {
        "resources": [os.path.relpath(OVERLAYS / overlay, made)],
        "components": [os.path.relpath(path, made) for path in paths],
    }
    if namespace:
        kustomization["namespace"] = namespace
    (made / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
    return made


def start_operator(
    plane: ControlPlane,
    settings: Mapping[str, str] | None = None,
    *,
    namespace: str = OPERATOR_NAMESPACE,
    name: str = NAME,
) -> tuple[Component, str]:
    """Start what the Deployment's pods would run, as their ServiceAccount; return it and the URL of its metrics.

    ``settings`` are added to the Deployment's own.
    """
    pod = read_pod_process(plane.api, namespace, name)
    kubeconfig = plane.kubeconfig_for(service_account=pod.service_account, namespace=namespace)
    environment, url = environment_of(pod, settings)
    command = [sys.executable, "-m", "wfreport", *pod.arguments]
    operator = Component("wfreport", command, folder=plane.folder, env={**environment, "KUBECONFIG": str(kubeconfig)})
    operator.start()
    return operator, url


def environment_of(pod: PodProcess, settings: Mapping[str, str] | None = None) -> tuple[dict[str, str], str]:
    """Return the variables of an operator on this machine, and the URL of its metrics: pods share no port here."""
    (port,) = free_ports(1)
    environment = {**pod.environment, **OPERATOR_SETTINGS, **(settings or {}), "WFREPORT_HTTP_PORT": str(port)}
    return environment, f"http://127.0.0.1:{port}"


def wait_until_ready(operator: Component, url: str) -> None:
    """Wait until the operator's streams are listed."""
    wait_until(lambda: _is_ready(operator, url), what="the operator to be ready", timeout_seconds=120)


def _is_ready(operator: Component, url: str) -> bool:
    operator.ensure_running()
    try:
        return urllib3.request("GET", f"{url}/readyz", retries=False, timeout=2).status == _OK
    except urllib3.exceptions.HTTPError:
        return False

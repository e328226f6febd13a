"""Nothing that a control plane runs can be reached from another machine."""

from __future__ import annotations

import ipaddress

import psutil  # type: ignore[import-untyped]
import pytest

from controlplane import ControlPlane
from controlplane.argo import argo_dir

pytestmark = [pytest.mark.cluster, pytest.mark.argo]


def _listening(plane: ControlPlane) -> dict[str, set[str]]:
    """The addresses that each component listens on."""
    return {
        name: {
            connection.laddr.ip
            for connection in psutil.Process(component.pid).net_connections("inet")
            if connection.status == psutil.CONN_LISTEN
        }
        for name, component in plane.components.items()
    }


@pytest.mark.skipif(argo_dir() is not None, reason="a release in WFREPORT_ARGO_DIR listens on all interfaces")
def test_every_component_listens_on_loopback_only(archive_plane: ControlPlane) -> None:
    addresses = _listening(archive_plane)

    assert {"kube-apiserver", "etcd", "kwok", "workflow-controller", "argo-server", "postgres"} <= addresses.keys()
    assert addresses["argo-server"]
    beyond = {name: {ip for ip in ips if not ipaddress.ip_address(ip).is_loopback} for name, ips in addresses.items()}
    assert {name: ips for name, ips in beyond.items() if ips} == {}

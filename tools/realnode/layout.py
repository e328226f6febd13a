"""Defines fixed names and paths, so that a later run finds the leftovers of a killed one."""

from __future__ import annotations

from pathlib import Path
from typing import Final

NODE: Final = "real-node"
DATA: Final = Path("/var/lib/wfreport-node")
"""Large data: images, the containers' files, the kubelet's volumes, logs."""

RUN: Final = Path("/run/wfreport-node")
"""Sockets and mounts."""

SOCKET: Final = RUN / "containerd.sock"
STATE: Final = RUN / "state"
LOGS: Final = DATA / "logs"
POD_LOGS: Final = DATA / "pod-logs"
KUBELET_ROOT: Final = DATA / "kubelet"
CNI_CONFIG: Final = DATA / "cni"
CNI_PROGRAMS: Final = Path("/usr/lib/cni")
IP_FORWARD_BEFORE: Final = DATA / "ip_forward"
IP_FORWARD: Final = Path("/proc/sys/net/ipv4/ip_forward")

NETWORK: Final = "wfreport-node"
BRIDGE: Final = "wfrnode0"
POD_SUBNET: Final = "10.97.0.0/24"
API_SERVICE: Final = "10.0.0.1"
"""Address of the `kubernetes` Service, on lo: it needs no kube-proxy, and the certificate contains it."""

NODE_ADDRESS: Final = "10.98.0.1"
"""Address of the kubelet, also on lo. A kubelet refuses 127.0.0.1, and without an address it serves no logs."""

ADDRESSES: Final = (API_SERVICE, NODE_ADDRESS)
DNS_ADDRESS: Final = "10.0.0.10"
"""DNS address without a server: the steps resolve no names, but without an address each pod gets a warning Event."""

KUBELET_PORT: Final = 24795
KUBELET_HEALTH_PORT: Final = 24796
PAUSE_IMAGE: Final = "registry.k8s.io/pause:wfreport"
BUSYBOX_IMAGE: Final = "docker.io/library/busybox:1.35"

"""Renders the configuration files of containerd, the bridge and the kubelet."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from realnode import layout

_CRI: Final = 'plugins."io.containerd.grpc.v1.cri"'
CONTAINERD: Final = f"""\
version = 2
root = "{layout.DATA}/containerd"
state = "{layout.STATE}"
oom_score = 0
disabled_plugins = [
  "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.aufs",
  "io.containerd.snapshotter.v1.devmapper", "io.containerd.tracing.processor.v1.otlp",
  "io.containerd.internal.v1.tracing", "io.containerd.internal.v1.opt",
]
[grpc]
  address = "{layout.SOCKET}"
[{_CRI}]
  sandbox_image = "{layout.PAUSE_IMAGE}"
  # Below 0 needs a right that root in a container or a small virtual machine may not have.
  restrict_oom_score_adj = true
  disable_apparmor = true
  netns_mounts_under_state_dir = true
  [{_CRI}.containerd]
    snapshotter = "overlayfs"
    default_runtime_name = "runc"
    [{_CRI}.containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [{_CRI}.containerd.runtimes.runc.options]
        SystemdCgroup = false
  [{_CRI}.cni]
    bin_dir = "{layout.CNI_PROGRAMS}"
    conf_dir = "{layout.CNI_CONFIG}"
"""


def cni() -> str:
    """Return a bridge from which pods reach this machine only."""
    addresses = {
        "type": "host-local",
        "dataDir": str(layout.RUN / "addresses"),
        "ranges": [[{"subnet": layout.POD_SUBNET}]],
        "routes": [{"dst": "0.0.0.0/0"}],
    }
    bridge = {"type": "bridge", "bridge": layout.BRIDGE, "isGateway": True, "ipMasq": False, "ipam": addresses}
    return json.dumps({"cniVersion": "0.4.0", "name": layout.NETWORK, "plugins": [bridge]})


def kubelet() -> str:
    """Return the kubelet's configuration as JSON, which is YAML."""
    return json.dumps(_kubelet())


def _kubelet() -> Mapping[str, Any]:
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "failCgroupV1": False,
        "failSwapOn": False,
        "cgroupDriver": "cgroupfs",
        "containerRuntimeEndpoint": f"unix://{layout.SOCKET}",
        # Reachable from this machine and its pods only, for minutes.
        "authentication": {"anonymous": {"enabled": True}, "webhook": {"enabled": False}},
        "authorization": {"mode": "AlwaysAllow"},
        "address": layout.NODE_ADDRESS,
        "port": layout.KUBELET_PORT,
        "healthzPort": layout.KUBELET_HEALTH_PORT,
        "healthzBindAddress": "127.0.0.1",
        "readOnlyPort": 0,
        "oomScoreAdj": 0,
        "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
        # No registry has these images, so the kubelet must not delete them.
        "imageGCHighThresholdPercent": 100,
        "imageGCLowThresholdPercent": 99,
        "clusterDNS": [layout.DNS_ADDRESS],
        "clusterDomain": "cluster.local",
        "nodeStatusReportFrequency": "10s",
        "nodeStatusUpdateFrequency": "5s",
        "podLogsDir": str(layout.POD_LOGS),
    }

"""A real Kubernetes node on this machine: kubelet, containerd and runc, beside a control plane; as root, on Debian."""

from realnode.layout import NODE
from realnode.node import RealNode
from realnode.requirements import LackingError, provide

__all__ = ["NODE", "LackingError", "RealNode", "provide"]

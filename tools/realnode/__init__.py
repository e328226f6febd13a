"""Runs a real Kubernetes node on this machine: kubelet, containerd and runc. It needs root and Debian."""

from realnode.layout import NODE
from realnode.node import RealNode
from realnode.requirements import LackingError, provide

__all__ = ["NODE", "LackingError", "RealNode", "provide"]

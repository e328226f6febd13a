"""Runs a real Kubernetes control plane on this machine, without containers, for demo, tests and benchmarks."""

from controlplane.api import Api, AsyncApi
from controlplane.errors import ApiError, BinaryUnavailableError, ComponentDiedError, ControlPlaneError
from controlplane.plane import ControlPlane

__all__ = [
    "Api",
    "ApiError",
    "AsyncApi",
    "BinaryUnavailableError",
    "ComponentDiedError",
    "ControlPlane",
    "ControlPlaneError",
]

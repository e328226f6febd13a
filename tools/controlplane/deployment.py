"""Reads what a kubelet would start for a Deployment, so that a process of this machine can take the pod's place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from controlplane.api import Api, Json
from controlplane.errors import ControlPlaneError

_DEPLOYMENTS = "/apis/apps/v1/namespaces/{}/deployments"


@dataclass(frozen=True, slots=True, kw_only=True)
class PodProcess:
    """The only container of a Deployment's pods, as a process.

    Attributes:
        arguments: of the image's entry point.
        environment: the container's variables, with the fields of the pod in place of references to them.
        namespace: of the pod.
        service_account: whose token the pod has.
    """

    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    namespace: str
    service_account: str


def read_pod_process(api: Api, namespace: str, name: str) -> PodProcess:
    """Read an existing Deployment.

    Raises:
        ControlPlaneError: it does not exist, has several containers, or a variable refers to a Secret or the like.
    """
    spec = api.get(f"{_DEPLOYMENTS.format(namespace)}/{name}")["spec"]["template"]["spec"]
    if len(spec["containers"]) != 1 or "command" in spec["containers"][0]:
        raise ControlPlaneError(
            f"Deployment {namespace}/{name}: one container with the image's entry point is expected"
        )
    container = spec["containers"][0]
    fields = {
        "metadata.namespace": namespace,
        "metadata.name": f"{name}-0",
        "spec.serviceAccountName": spec["serviceAccountName"],
    }
    return PodProcess(
        arguments=tuple(container.get("args", ())),
        environment={one["name"]: _value(one, fields) for one in container.get("env", ())},
        namespace=namespace,
        service_account=spec["serviceAccountName"],
    )


def _value(variable: Mapping[str, Json], fields: Mapping[str, str]) -> str:
    if "valueFrom" not in variable:
        return str(variable.get("value", ""))
    path = variable["valueFrom"].get("fieldRef", {}).get("fieldPath")
    if path not in fields:
        raise ControlPlaneError(f"{variable['name']}: no value for {variable['valueFrom']}")
    return fields[path]

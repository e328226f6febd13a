"""What a kubelet would start for a Deployment."""

from __future__ import annotations

from typing import Any, cast

import pytest

from controlplane import Api, ControlPlaneError
from controlplane.deployment import read_pod_process


class OneDeployment:
    def __init__(self, *env: dict[str, Any], **container: Any) -> None:
        self.body = {"serviceAccountName": "reporter", "containers": [{"args": ["run"], "env": list(env), **container}]}

    def get(self, path: str) -> Any:
        assert path == "/apis/apps/v1/namespaces/argo/deployments/wfreport"
        return {"spec": {"template": {"spec": self.body}}}


def read(deployment: OneDeployment) -> Any:
    return read_pod_process(cast("Api", deployment), "argo", "wfreport")


def test_fields_of_the_pod_take_the_place_of_references_to_them() -> None:
    found = read(
        OneDeployment(
            {"name": "A", "value": "1"},
            {"name": "NAMESPACE", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}},
        )
    )
    assert found.arguments == ("run",)
    assert found.environment == {"A": "1", "NAMESPACE": "argo"}
    assert (found.namespace, found.service_account) == ("argo", "reporter")


@pytest.mark.parametrize(
    ("deployment", "named"),
    [
        (OneDeployment({"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}), "TOKEN"),
        (OneDeployment(command=["sh"]), "argo/wfreport"),
    ],
)
def test_anything_else_is_refused_by_name(deployment: OneDeployment, named: str) -> None:
    with pytest.raises(ControlPlaneError, match=named):
        read(deployment)

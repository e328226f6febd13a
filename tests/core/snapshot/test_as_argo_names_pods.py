"""Pods have the names that the real Argo controller gives them."""

from __future__ import annotations

from typing import Any

import pytest
from tests.eventually import eventually

from controlplane import ControlPlane
from wfreport.api.argo import ANNOTATION_NODE_ID, ANNOTATION_POD_NAME_FORMAT
from wfreport.core.snapshot.decode import decode_workflow
from wfreport.core.snapshot.pod_names import pod_name

pytestmark = [pytest.mark.cluster, pytest.mark.argo]

WORKFLOWS = "/apis/argoproj.io/v1alpha1/namespaces/{}/workflows"


def _a_run_that_holds_the_mutex(name: str) -> dict[str, Any]:
    step = {"name": "work", "container": {"image": "busybox", "command": ["true"]}}
    main = {"name": "main", "steps": [[{"name": "load", "template": "work"}]]}
    locks = {"mutexes": [{"name": "one-at-a-time"}]}
    spec = {"entrypoint": "main", "synchronization": locks, "templates": [main, step]}
    return {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": {"name": name}, "spec": spec}


def _ended(plane: ControlPlane, path: str) -> dict[str, Any]:
    run: dict[str, Any] = eventually(
        lambda: plane.api.get(path),
        until=lambda run: bool(run.get("status", {}).get("finishedAt")),
        timeout_seconds=120,
    )
    return run


def test_the_pods_of_a_run_that_argo_postponed_are_named(argo_plane: ControlPlane, namespace: str) -> None:
    path = WORKFLOWS.format(namespace)
    runs = ["first", "second"]
    for name in runs:
        argo_plane.api.post(path, _a_run_that_holds_the_mutex(name))
    ended = [_ended(argo_plane, f"{path}/{name}") for name in runs]
    assert any(ANNOTATION_POD_NAME_FORMAT not in run["metadata"].get("annotations", {}) for run in ended)
    snapshots = map(decode_workflow, ended)
    computed = {
        node.id: pod_name(run.workflow, node) for run in snapshots for node in run.nodes.values() if node.type == "Pod"
    }
    pods = argo_plane.api.get(f"/api/v1/namespaces/{namespace}/pods")["items"]
    named = {pod["metadata"]["annotations"][ANNOTATION_NODE_ID]: pod["metadata"]["name"] for pod in pods}
    assert len(named) == len(runs)
    assert computed == named

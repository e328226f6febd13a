"""The real Argo controller on the played node: a DAG runs to its end, and fails where its annotations say."""

from __future__ import annotations

from typing import Any

import pytest
from tests.eventually import eventually

from controlplane import ControlPlane

pytestmark = [pytest.mark.cluster, pytest.mark.argo]

WORKFLOWS = "/apis/argoproj.io/v1alpha1/namespaces/{}/workflows"
CONTAINER = {"image": "busybox", "command": ["true"]}


def _template(name: str, *, retries: str | None = None, **played: str) -> dict[str, Any]:
    annotations = {f"sim.wfreport.dev/{key.replace('_', '-')}": value for key, value in played.items()}
    template = {"name": name, "metadata": {"annotations": annotations}, "container": CONTAINER}
    return template | ({"retryStrategy": {"limit": retries}} if retries else {})


def _run(
    plane: ControlPlane, namespace: str, tasks: list[dict[str, str]], *templates: dict[str, Any]
) -> dict[str, Any]:
    workflow = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"name": "dag"},
        "spec": {"entrypoint": "main", "templates": [{"name": "main", "dag": {"tasks": tasks}}, *templates]},
    }
    plane.api.post(WORKFLOWS.format(namespace), workflow)
    ended = eventually(
        lambda: plane.api.get(f"{WORKFLOWS.format(namespace)}/dag"),
        until=lambda seen: bool(seen.get("status", {}).get("finishedAt")),
        timeout_seconds=120,
    )
    return ended["status"]  # type: ignore[no-any-return]


def _nodes(status: dict[str, Any]) -> dict[str, tuple[str, str | None]]:
    return {node["displayName"]: (node["phase"], node.get("message")) for node in status["nodes"].values()}


def test_a_dag_runs_to_completion(argo_plane: ControlPlane, namespace: str) -> None:
    tasks = [{"name": "a", "template": "ok"}, {"name": "b", "template": "ok", "depends": "a"}]

    status = _run(argo_plane, namespace, tasks, _template("ok"))

    assert status["phase"] == "Succeeded"
    assert _nodes(status) == {"dag": ("Succeeded", None), "a": ("Succeeded", None), "b": ("Succeeded", None)}


def test_a_pod_fails_as_its_annotations_say(argo_plane: ControlPlane, namespace: str) -> None:
    tasks = [{"name": "oom", "template": "oom"}, {"name": "after", "template": "oom", "depends": "oom"}]

    status = _run(argo_plane, namespace, tasks, _template("oom", exit_code="137", reason="OOMKilled"))

    assert status["phase"] == "Failed"
    assert _nodes(status)["oom"] == ("Failed", "main: OOMKilled (exit code 137)")
    assert _nodes(status)["after"][0] == "Omitted"


def test_a_retry_recovers_where_only_the_first_attempt_is_evicted(argo_plane: ControlPlane, namespace: str) -> None:
    evicted = _template(
        "flaky",
        retries="2",
        pod_reason="Evicted",
        pod_message="low on memory",
        attempt="{{retries}}",
        fail_attempts="0",
    )

    status = _run(argo_plane, namespace, [{"name": "flaky", "template": "flaky"}], evicted)

    assert status["phase"] == "Succeeded"
    assert _nodes(status)["flaky(0)"] == ("Failed", "low on memory")
    assert _nodes(status)["flaky(1)"] == ("Succeeded", None)


def test_a_held_pod_runs_until_it_is_deleted(argo_plane: ControlPlane, namespace: str) -> None:
    pods = f"/api/v1/namespaces/{namespace}/pods"
    annotations = {"sim.wfreport.dev/hold": "true"}
    spec = {"nodeName": "kwok-0", "containers": [{"name": "main", "image": "busybox"}]}
    argo_plane.api.post(pods, {"metadata": {"name": "held", "annotations": annotations}, "spec": spec})
    eventually(lambda: argo_plane.api.get(f"{pods}/held")["status"]["phase"], until=lambda phase: phase == "Running")

    argo_plane.api.delete(f"{pods}/held")

    eventually(lambda: argo_plane.api.get(pods)["items"], until=lambda items: not items)

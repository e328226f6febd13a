"""Runs of the real Argo controller with a database, and tokens that may read them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.argoserver.fake_server import NOW, Watcher
from tests.eventually import eventually
from tests.rights import bind_role, service_account

from controlplane import ControlPlane
from wfreport.argoserver.client import ArgoServer, RetryPolicy
from wfreport.argoserver.connection import connection_of
from wfreport.settings import load_settings

WORKFLOWS = "/apis/argoproj.io/v1alpha1/namespaces/{}/workflows"
ARCHIVING = "workflows.argoproj.io/workflow-archiving-status"


def oom_killed_dag(name: str, namespace: str) -> dict[str, Any]:
    """Return a Workflow in which ``transform`` is OOM-killed, so that ``load`` never runs."""
    tasks = [{"name": "transform", "template": "oom"}, {"name": "load", "template": "oom", "depends": "transform"}]
    played = {"sim.wfreport.dev/exit-code": "137", "sim.wfreport.dev/reason": "OOMKilled"}
    container = {"image": "busybox", "command": ["true"]}
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "entrypoint": "main",
            "templates": [
                {"name": "main", "dag": {"tasks": tasks}},
                {"name": "oom", "metadata": {"annotations": played}, "container": container},
            ],
        },
    }


def archived_run(plane: ControlPlane, namespace: str, name: str) -> dict[str, Any]:
    """Run a Workflow to its end: its nodes are offloaded, and it is archived."""
    path = WORKFLOWS.format(namespace)
    plane.api.post(path, oom_killed_dag(name, namespace))
    stored: dict[str, Any] = eventually(
        lambda: plane.api.get(f"{path}/{name}"),
        until=lambda run: run["metadata"].get("labels", {}).get(ARCHIVING) == "Archived",
        timeout_seconds=120,
    )
    return stored


def delete_workflow(plane: ControlPlane, namespace: str, name: str) -> None:
    """Delete a Workflow, as its TTL does."""
    plane.api.delete(f"{WORKFLOWS.format(namespace)}/{name}")


def reader_token(plane: ControlPlane, namespace: str, *, may_read: bool = True) -> str:
    """Return the token of a ServiceAccount that may read the namespace's Workflows, or nothing."""
    plane.api.post(f"/api/v1/namespaces/{namespace}/serviceaccounts", {"metadata": {"name": "reader"}})
    if may_read:
        rule = {"apiGroups": ["argoproj.io"], "resources": ["workflows"], "verbs": ["get", "list"]}
        bind_role(plane, namespace, "reader", [rule], service_account(namespace, "reader"))
    return plane.service_account_token(namespace, "reader")


@asynccontextmanager
async def connected(plane: ControlPlane, folder: Path, token: str, **settings: Any) -> AsyncIterator[ArgoServer]:
    """Connect to the plane's server by the operator's settings."""
    file = folder / "token"
    file.write_text(token)
    given = {"url": plane.argo_server_url, "ca_file": str(plane.ca), "token_file": str(file)} | settings
    connection = connection_of(
        load_settings(**{f"argo_server_{name}": value for name, value in given.items()}), clock=lambda: NOW
    )
    assert connection
    async with ArgoServer(
        connection, observer=Watcher(), clock=lambda: NOW, retry_policy=RetryPolicy(timeout_seconds=10, max_attempts=1)
    ) as server:
        yield server

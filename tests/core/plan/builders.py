"""Builders of failed Workflows as JSON, for the tests of actions."""

from __future__ import annotations

from typing import Any

from wfreport.core.snapshot.chain import ChainLink

UID = "3f9c1b8e-0212-4c5d-9a1b-000000000001"
ROOT = ChainLink("etl-x7k2p", UID)


def a_container(memory: str | None = "4Gi", request: str | None = None) -> dict[str, Any]:
    """Return a container with a memory limit."""
    resources: dict[str, Any] = {"limits": {"cpu": "1", **({"memory": memory} if memory else {})}}
    if request:
        resources["requests"] = {"memory": request}
    return {"name": "", "image": "busybox", "resources": resources}


def a_run(
    *templates: dict[str, Any],
    phase: str = "Failed",
    spec: dict[str, Any] | None = None,
    labels: dict[str, str] | None = None,
    annotations: dict[str, str] | None = None,
    **status: Any,
) -> dict[str, Any]:
    """Return a failed Workflow; without other templates, its step `transform` failed."""
    given = templates or (
        {"name": "main", "dag": {"tasks": [{"name": "transform", "template": "transform"}]}},
        {"name": "transform", "container": a_container()},
    )
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {
            "name": ROOT.root_name,
            "generateName": "etl-",
            "namespace": "data",
            "uid": UID,
            "resourceVersion": "81273",
            "labels": labels or {},
            "annotations": annotations or {},
        },
        "spec": {"entrypoint": "main", "templates": list(given), **(spec or {})},
        "status": {"phase": phase, **status},
    }

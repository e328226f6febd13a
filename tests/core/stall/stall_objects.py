"""Documents of Workflows and pods for tests of hung runs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

START = datetime(2026, 11, 20, 8, 0, 0, tzinfo=UTC)
NAMESPACE = "team"


def stamp(seconds: float | None) -> str | None:
    """Return a time, in seconds after the start, as JSON has it."""
    return None if seconds is None else f"{START + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%SZ}"


def node(name: str, phase: str = "Running", kind: str = "Pod", **fields: Any) -> dict[str, Any]:
    """Return a node named ``wf`` or ``wf.<name>``; ``start`` and ``end`` are seconds."""
    full = f"wf.{name}" if name else "wf"
    end = fields.pop("end", None if phase in {"Running", "Pending"} else 20)
    times = {"startedAt": stamp(fields.pop("start", 0)), "finishedAt": stamp(end)}
    return {
        "id": full,
        "name": full,
        "displayName": name or "wf",
        "type": kind,
        "phase": phase,
        "templateName": "work",
        **times,
        **fields,
    }


def workflow(*nodes: dict[str, Any], name: str = "wf", **parts: Any) -> dict[str, Any]:
    """Return a Workflow; ``metadata``, ``spec`` and ``status`` are added to its own."""
    phase = parts.pop("phase", "Running")
    has_ended = phase in {"Succeeded", "Failed", "Error"}
    metadata = {
        "name": name,
        "namespace": NAMESPACE,
        "uid": f"uid-{name}",
        "resourceVersion": parts.pop("version", "100"),
        "creationTimestamp": stamp(parts.pop("created", 0)),
        "labels": {"workflows.argoproj.io/completed": "true"} if has_ended else {},
    } | parts.get("metadata", {})
    status = {
        "phase": phase,
        "startedAt": stamp(0) if phase else None,
        "finishedAt": stamp(60) if has_ended else None,
        "nodes": {one["id"]: one for one in nodes},
    }
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": metadata,
        "spec": {"entrypoint": "main"} | parts.get("spec", {}),
        "status": status | parts.get("status", {}),
    }


def container(name: str, code: int | None = None, *, end: float = 18, reason: str = "") -> dict[str, Any]:
    """Return the status of a container that runs, or that ended with this code."""
    if code is None:
        return {"name": name, "state": {"running": {"startedAt": stamp(3)}}}
    reason = reason or ("Error" if code else "Completed")
    return {"name": name, "state": {"terminated": {"exitCode": code, "reason": reason, "finishedAt": stamp(end)}}}


def pod(
    node_id: str, *containers: dict[str, Any], phase: str = "Running", init: Any = (), **parts: Any
) -> dict[str, Any]:
    """Return the pod of a node of Workflow ``wf``; ``metadata``, ``spec`` and ``status`` are added to its own."""
    owner = parts.pop("owner", "wf")
    metadata = {
        "name": f"pod-{node_id}",
        "namespace": NAMESPACE,
        "uid": f"uid-pod-{node_id}",
        "creationTimestamp": stamp(parts.pop("created", 1)),
        "labels": {"workflows.argoproj.io/workflow": owner, "workflows.argoproj.io/completed": "false"},
        "annotations": {"workflows.argoproj.io/node-id": node_id},
        "ownerReferences": [{"kind": "Workflow", "name": owner, "uid": f"uid-{owner}"}],
    } | parts.get("metadata", {})
    status = {"phase": phase, "containerStatuses": list(containers), "initContainerStatuses": list(init)}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata,
        "spec": {"nodeName": "host-1"} | parts.get("spec", {}),
        "status": status | parts.get("status", {}),
    }

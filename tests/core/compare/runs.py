"""Workflows and reports of runs that are compared."""

from __future__ import annotations

import json
from typing import Any

from tests.builders import a_report

from wfreport.core.compare.changes import ComparedRun
from wfreport.core.snapshot.decode import decode_workflow


def a_template(name: str = "work", **container: Any) -> dict[str, Any]:
    """Return a template of one container."""
    fields: dict[str, Any] = {
        key: container.pop(key) for key in ("sidecars", "inputs", "retryStrategy") if key in container
    }
    return {"name": name, "container": {"image": "etl:1.8", "args": ["run"], **container}, **fields}


def a_dag(*tasks: dict[str, Any], name: str = "main") -> dict[str, Any]:
    """Return a template that calls others."""
    return {"name": name, "dag": {"tasks": list(tasks)}}


def a_workflow(
    *templates: dict[str, Any],
    name: str = "wf-1",
    phase: str = "Succeeded",
    seconds: dict[str, int] | None = None,
    parameters: dict[str, str] | None = None,
    machine: str = "node-a",
) -> dict[str, Any]:
    """Return a Workflow whose steps took these seconds, one after the other."""
    begin, nodes = 0, dict[str, dict[str, Any]]()
    for step, length in (seconds or {"work": 10}).items():
        node = f"{name}-{step}"
        nodes[node] = {"id": node, "name": f"{name}.{step}", "displayName": step, "type": "Pod", "templateName": "work"}
        nodes[node] |= {"phase": "Succeeded", "hostNodeName": machine}
        nodes[node] |= {"startedAt": at(begin), "finishedAt": at(begin + length)}
        begin += length
    root = {"id": name, "name": name, "displayName": name, "type": "DAG", "children": list(nodes)}
    nodes[name] = {**root, "phase": phase, "startedAt": at(0), "finishedAt": at(begin)}
    arguments = [{"name": key, "value": value} for key, value in (parameters or {}).items()]
    return {
        "kind": "Workflow",
        "metadata": {"name": name, "namespace": "data", "uid": f"uid-{name}", "creationTimestamp": at(0)},
        "spec": {
            "entrypoint": "main",
            "templates": list(templates) or [a_template()],
            "arguments": {"parameters": arguments},
        },
        "status": {"phase": phase, "startedAt": at(0), "finishedAt": at(begin), "nodes": nodes},
    }


def at(second: int) -> str:
    """Return a time."""
    return f"2026-01-01T{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}Z"


def run_of(workflow: dict[str, Any]) -> ComparedRun:
    """Return the run of a Workflow, with its report."""
    return ComparedRun(workflow["metadata"]["name"], a_report(decode_workflow(json.dumps(workflow).encode())))

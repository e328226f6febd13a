"""Generates large ended Workflows of several shapes, the worst cases of a renderer. No I/O, no clock."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from bench.workflows import Run, completed
from wfreport.core.snapshot.compressed_nodes import pack_nodes

Json = dict[str, Any]

_STARTED = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
_NAME = "large"


def fan_out(nodes: int) -> Json:
    """Return one loop over all items, with up to three failures."""
    return completed(Run(name=_NAME, namespace="bench", nodes=nodes, updates=2, fails=True), _STARTED)


def stages(nodes: int, width: int = 100) -> Json:
    """Return sequential stages of ``width`` pods: each pod waits for all pods of the stage before."""
    found = [_node(_NAME, "Steps", 0, nodes // width)]
    before = found
    for stage in range(nodes // width):
        name = f"{_NAME}[{stage}]"
        pods = [_node(f"{name}.work({n}:{n})", "Pod", stage, 1) for n in range(width)]
        group = _node(name, "StepGroup", stage, 1) | {"children": [pod["id"] for pod in pods]}
        for earlier in before:
            earlier["children"].append(group["id"])
        found = [*found, group, *pods]
        before = pods
    return _workflow(found, "Succeeded")


def failures(nodes: int, message: str = "main: Error (exit code 1): boom") -> Json:
    """Return a loop in which every pod failed after one retry."""
    found = [_node(_NAME, "DAG", 0, 9)]
    for number in range(nodes // 3):
        step = f"{_NAME}.work({number}:{number})"
        attempts = [f"{step}({n})" for n in range(2)]
        found[0]["children"].append(_id(step))
        found.append(_node(step, "Retry", 1, 4, message) | {"children": [_id(name) for name in attempts]})
        found += [_node(name, "Pod", 1 + 2 * n, 1, message) for n, name in enumerate(attempts)]
    return _workflow(found, "Failed")


def chain(nodes: int) -> Json:
    """Return a chain of pods."""
    names = [f"{_NAME}.step-{number}" for number in range(nodes - 1)]
    found = [_node(_NAME, "DAG", 0, nodes) | {"children": [_id(names[0])]}]
    for number, name in enumerate(names):
        found.append(_node(name, "Pod", number, 1) | {"children": [_id(after) for after in names[number + 1 :][:1]]})
    return _workflow(found, "Succeeded")


def compressed(workflow: Json) -> Json:
    """Return the Workflow in the form that the controller stores if it is too large for etcd."""
    status = dict(workflow["status"])
    packed = pack_nodes(json.dumps(status.pop("nodes")).encode())
    return workflow | {"status": status | {"compressedNodes": packed}}


def _id(name: str) -> str:
    return name if name == _NAME else f"{_NAME}-{_hash(name)}"


def _hash(name: str) -> int:
    """Return the FNV-1a hash that Argo uses for node names."""
    value = 0x811C9DC5
    for byte in name.encode():
        value = (value ^ byte) * 0x01000193 & 0xFFFFFFFF
    return value


def _node(name: str, kind: str, start: int, seconds: int, message: str = "") -> Json:
    failed = bool(message)
    node: Json = {
        "id": _id(name),
        "name": name,
        "displayName": name.removeprefix(f"{_NAME}."),
        "type": kind,
        "templateName": "work",
        "phase": "Failed" if failed else "Succeeded",
        "startedAt": _text(start),
        "finishedAt": _text(start + seconds),
        "children": [],
    }
    if kind == "Pod":
        node |= {"hostNodeName": "machine-1", "outputs": {"exitCode": "1" if failed else "0"}}
    return node | ({"message": message} if failed else {})


def _text(seconds: int) -> str:
    return (_STARTED + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def _workflow(nodes: list[Json], phase: str) -> Json:
    nodes[0]["phase"] = phase
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"name": _NAME, "namespace": "bench", "uid": "00000000-0000-0000-0000-000000000001"},
        "spec": {"entrypoint": "main", "templates": [{"name": "work", "container": {"image": "work:1"}}]},
        "status": {
            "phase": phase,
            "startedAt": _text(0),
            "finishedAt": nodes[0]["finishedAt"],
            "nodes": {node["id"]: node for node in nodes},
        },
    }

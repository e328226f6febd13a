"""Workflows that nobody should write, and that an API server stores: the CRD lets anything through."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable, Mapping
from typing import Any, Final

import brotli  # type: ignore[import-untyped]
import zstandard

Json = dict[str, Any]

BOMB: Final = "a0: &a0 x\n" + "".join(
    f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]\n" for level in range(1, 10)
)
"""YAML whose aliases stand for a thousand million strings."""

_ODD_TEXT: Final = "\x1b]0;title\x07\x00\x9b31m\u202egnp\u200b\u2066 odd"
_BLANKS: Final = b"{" + b" " * (40 << 20)


def failed(status: Json | None = None, *, spec: Json | None = None, **metadata: Any) -> Json:
    """Return a failed Workflow with these fields."""
    return {
        "metadata": metadata,
        "spec": {"entrypoint": "main", **(spec or {})},
        "status": {"phase": "Failed", "message": "it broke", **(status or {})},
    }


def _pod(key: str, **fields: Any) -> Json:
    return {"id": key, "name": f"w.{key}", "displayName": key, "type": "Pod", "phase": "Failed", **fields}


def _packed(raw: bytes) -> Json:
    return _as_packed(gzip.compress(raw, mtime=0))


def _as_packed(compressed: bytes) -> Json:
    return failed({"compressedNodes": base64.b64encode(compressed).decode()})


def _nodes(*nodes: Json) -> Json:
    return failed({"nodes": {node["id"]: node for node in nodes}})


def _alias_bomb() -> Json:
    template = {"name": "main", "podSpecPatch": BOMB, "container": {"image": "x", "args": [BOMB]}}
    inputs = {"artifacts": [{"name": "a", "raw": {"data": BOMB}}], "parameters": [{"name": "p", "value": BOMB}]}
    spec = {"podSpecPatch": BOMB, "templates": [template | {"inputs": inputs}]}
    return failed({"nodes": {"a": _pod("a", message=BOMB, templateName="main")}}, spec=spec)


def _times() -> Json:
    ends = ["9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59-14:00", "-0001-01-01T00:00:00Z", "NaN"]
    pods = [_pod(f"a{i}", startedAt=ends[-1 - i], finishedAt=end) for i, end in enumerate(ends)]
    used = {"cpu": 2**63 - 1, "memory": -(2**63)}
    workflow = _nodes(*pods)
    workflow["status"] |= {"startedAt": ends[0], "finishedAt": ends[1], "resourcesDuration": used}
    return workflow


def _cycle() -> Json:
    keys = [f"n{i}" for i in range(150)]
    return _nodes(*(_pod(key, type="DAG", children=keys, outboundNodes=keys, boundaryID=key) for key in keys))


def _odd_texts() -> Json:
    keys = ["../../secrets/x", "a/b", _ODD_TEXT, "%2e%2e", " "]
    pods = [
        _pod(key, displayName=key, templateName=key, message=_ODD_TEXT, hostNodeName=key, type=_ODD_TEXT)
        for key in keys
    ]
    arguments = {"parameters": [{"name": _ODD_TEXT, "value": _ODD_TEXT}]}
    return _nodes(*pods) | {"spec": {"entrypoint": _ODD_TEXT, "arguments": arguments}}


def _large_metadata() -> Json:
    annotations = {f"a/{i}": "x" * 2_500 for i in range(100)}
    return failed(annotations=annotations, labels={f"l-{i}": "v" * 63 for i in range(900)})


def _wrong_types(value: Any) -> Json:
    status = ["startedAt", "finishedAt", "progress", "conditions", "storedTemplates", "storedWorkflowTemplateSpec"]
    spec = [
        "templates",
        "arguments",
        "activeDeadlineSeconds",
        "shutdown",
        "suspend",
        "podSpecPatch",
        "templateDefaults",
    ]
    node = ["children", "outputs", "inputs", "startedAt", "message", "templateRef", "nodeFlag", "resourcesDuration"]
    pod = _pod("a") | dict.fromkeys(node, value)
    return failed(dict.fromkeys(status, value) | {"nodes": {"a": pod, "b": value}}, spec=dict.fromkeys(spec, value))


Expected = tuple[Callable[[], Json], str, str]
_MALFORMED: Final = "WorkflowMalformed"

HOSTILE: Final[Mapping[str, Expected]] = {
    "alias bombs": (_alias_bomb, "NodesRead", "ReportCurrent"),
    "deep arrays": (lambda: _packed(b'{"a":' + b"[" * 50_000), "NodesUnreadable", _MALFORMED),
    "deep in a node": (lambda: _nodes(_pod("a", outputs=json.loads("[" * 900 + "]" * 900))), "NodesRead", _MALFORMED),
    "odd times": (_times, "NodesRead", _MALFORMED),
    "a cycle": (_cycle, "NodesRead", "ReportCurrent"),
    "nodes without fields": (lambda: failed({"nodes": {f"n{i}": {} for i in range(2_000)}}), "NodesRead", ""),
    "too many nodes": (lambda: _packed(json.dumps({f"n{i}": {} for i in range(50_001)}).encode()), "TooLarge", ""),
    "a gzip bomb": (lambda: _packed(_BLANKS), "TooLarge", ""),
    "a zstd bomb": (lambda: _as_packed(zstandard.compress(_BLANKS)), "TooLarge", ""),
    "a brotli bomb": (lambda: _as_packed(brotli.compress(_BLANKS, quality=1)), "TooLarge", ""),
    "odd texts": (_odd_texts, "NodesRead", "ReportCurrent"),
    "large metadata": (_large_metadata, "NoNodesYet", "ReportCurrent"),
    "strings everywhere": (lambda: _wrong_types("x"), "NodesRead", _MALFORMED),
    "numbers everywhere": (lambda: _wrong_types(7), "NodesRead", _MALFORMED),
    "lists everywhere": (lambda: _wrong_types([[]]), "NodesRead", _MALFORMED),
    "objects everywhere": (lambda: _wrong_types({"a": 1}), "NodesRead", _MALFORMED),
    "text as nodes": (lambda: failed({"nodes": "x"}), "NodesUnreadable", _MALFORMED),
}
"""Workflows by kind, each with the reasons that its report has in NodesAvailable and Ready; empty for any."""

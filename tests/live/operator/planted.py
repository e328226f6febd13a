"""Secrets that look real, put wherever a user's program or Argo may put text.

They are made up here from parts, so that no scanner of this repository takes them for real ones.
"""

from __future__ import annotations

import base64
from typing import Any

import urllib3
from tests.live.operator.harness import COMPLETED, PHASE, WORKFLOWS, Cluster, rfc3339

from controlplane import ControlPlane
from wfreport.clock import now

NOW = now()
GITHUB = "ghp_" + "16C7e42F292c6912E7710c838347Ae178B4a"
AWS = "AKIA" + "Q3EGRJ7PLMZ2VWTN"
JWT = "eyJhbGciOiJIUzI1NiJ9" + ".eyJzdWIiOiIxMjM0NTY3ODkwIn0." + "dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
KEY_LINE = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQDE9zKQxv1nT5Qm"
URL_PASSWORD = "hunter2-correct-horse"
DSN_PASSWORD = "s3cr3t-Of-The-Warehouse"
ASSIGNED = "Tr0ub4dor-and-3"
BEARER = "o9vXq2LmZ7tRb4KdWn8sYc1HfGj5PaEu"
ENCODED = base64.b64encode(f"token {GITHUB}".encode()).decode()

PLANTED = {
    "a GitHub token": GITHUB,
    "an AWS key": AWS,
    "a JWT": JWT,
    "the signature of a JWT": JWT.rpartition(".")[2],
    "the body of a private key": KEY_LINE,
    "a password in a URL": URL_PASSWORD,
    "a password of a connection string": DSN_PASSWORD,
    "an assigned password": ASSIGNED,
    "a bearer token": BEARER,
    "a token in base64": ENCODED,
}
SPOKEN = [
    f"using token {GITHUB} now",
    f"export AWS_ACCESS_KEY_ID={AWS}",
    f"session {JWT}",
    f"connecting to postgresql://etl:{URL_PASSWORD}@db.example.com:5432/sales",
    f"Server=tcp:dwh.example.com,1433;User ID=etl;Password={DSN_PASSWORD};Encrypt=true",
    f"password={ASSIGNED}",
    f"Authorization: Bearer {BEARER}",
    f"got {ENCODED}",
]
"""Each secret but the key, as a program says it."""

KEY_BLOCK = ["-----BEGIN " + "PRIVATE KEY-----", *[KEY_LINE] * 24, "-----END PRIVATE KEY-----"]
ONE_LINE = "; ".join(SPOKEN)
MESSAGE = "\n".join([*SPOKEN, *KEY_BLOCK])
_LOST = 4
"""So much of a secret the cut of a line takes away: what is left of it no redactor would know."""

TAIL_BYTES = 8000
"""So much of a log is kept."""

LONG = "row of 0123456789 values, "
LOGS = {
    "many-lines": "\n".join(
        ["starting", *SPOKEN, *KEY_BLOCK, *(f"row {n} is fine" for n in range(20)), *SPOKEN, "boom"]
    ),
    # every way that the cut at lines or bytes can go through a secret
    "a-cut-key": "\n".join([*KEY_BLOCK * 8, "boom"]),
    "a-cut-assignment": "\n".join([f"{'x' * 90} password={ASSIGNED}" for _ in range(900)] + ["boom"]),
    "a-cut-line": f"{'z' * 4000} password={ASSIGNED}".ljust(4000 + TAIL_BYTES + len(" password=") + _LOST, "."),
    "long-lines": "\n".join([f"{LONG * 700}{said} {LONG * 250}" for said in SPOKEN] + ["boom"]),
    "one-line": (f"{ONE_LINE} " * 9)[-8000:],
    "one-huge-line": f"{ONE_LINE} {LONG}" * 900,
}


def everything_in_etcd(plane: ControlPlane) -> dict[str, bytes]:
    """Every key that etcd holds, and its value as it lies there."""
    every = base64.b64encode(b"\0").decode()
    answer = urllib3.request("POST", f"{plane.etcd_url}/v3/kv/range", json={"key": every, "range_end": every}).json()
    return {base64.b64decode(kv["key"]).decode(): base64.b64decode(kv["value"]) for kv in answer["kvs"]}


def found_in(texts: dict[str, str]) -> list[str]:
    """Which secret, or which half of one, is where."""
    halves = {what: (secret[: len(secret) // 2], secret[len(secret) // 2 :]) for what, secret in PLANTED.items()}
    return [
        f"{what} in {where}"
        for where, text in texts.items()
        for what, parts in halves.items()
        if any(part in text for part in parts)
    ]


def plant(world: Cluster, name: str, node: str) -> None:
    """A failed run with a pod per log, and secrets in all that can hold text."""
    api, namespace = world.plane.api, world.namespace
    made = world.create_workflow(name)
    owner = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "name": name, "uid": made["metadata"]["uid"]}
    for step in LOGS:
        pod = _pod(f"{name}-{step}", name, owner, node)
        stored = api.post(f"/api/v1/namespaces/{namespace}/pods", pod)
        event = _event(stored, namespace)
        api.post(f"/api/v1/namespaces/{namespace}/events", event)
        api.patch(f"/api/v1/namespaces/{namespace}/pods/{name}-{step}/status", {"status": _pod_status()})
    status = {
        "phase": "Failed",
        "message": MESSAGE,
        "startedAt": rfc3339(NOW),
        "finishedAt": rfc3339(NOW),
        "nodes": _nodes(name),
        "outputs": {"parameters": [{"name": "said", "value": MESSAGE}, {"name": "password", "value": ASSIGNED}]},
    }
    made["metadata"]["labels"] = {COMPLETED: "true", PHASE: "Failed", "team": "data"}
    made["metadata"]["annotations"] = {
        "workflows.argoproj.io/pod-name-format": "v1",
        "said": MESSAGE,
        "workflows.argoproj.io/description": MESSAGE,
        "workflows.argoproj.io/trace-id": SPOKEN[0],
    }
    values = [{"name": f"p{n}", "value": said} for n, said in enumerate([*SPOKEN, MESSAGE])]
    made["spec"]["arguments"] = {"parameters": [*values, {"name": "db-password", "value": DSN_PASSWORD}]}
    api.put(f"{WORKFLOWS.format(namespace)}/{name}", made | {"status": status})


def _nodes(name: str) -> dict[str, dict[str, Any]]:
    ids = [f"{name}-{step}" for step in LOGS]
    root = {"id": name, "name": name, "displayName": name, "type": "Steps", "phase": "Failed", "templateName": "main"}
    times = {"startedAt": rfc3339(NOW), "finishedAt": rfc3339(NOW)}
    nodes: dict[str, dict[str, Any]] = {name: root | times | {"children": ids, "message": MESSAGE}}
    for n, (step, said) in enumerate(zip(LOGS, [*SPOKEN, MESSAGE], strict=False)):
        nodes[ids[n]] = times | {
            "id": ids[n],
            "name": f"{name}[0].{step}",
            "displayName": f"{step}({n}:{said})",
            "type": "Pod",
            "templateName": "work",
            "phase": "Failed",
            "hostNodeName": "host",
            "message": f"main: Error (exit code 1): {said}\n{MESSAGE}",
            "outputs": {
                "exitCode": "1",
                "artifacts": [{"name": ("out", "main-logs")[n % 2], "s3": {"key": f"runs/{said}/{ONE_LINE}"}}],
            },
        }
    return nodes


def _pod(name: str, workflow: str, owner: dict[str, str], node: str) -> dict[str, Any]:
    return {
        "metadata": {
            "name": name,
            "labels": {"workflows.argoproj.io/workflow": workflow},
            "annotations": {"said": MESSAGE},
            "ownerReferences": [owner],
        },
        "spec": {"nodeName": node, "restartPolicy": "Never", "containers": [{"name": "main", "image": "etl"}]},
    }


def _pod_status() -> dict[str, Any]:
    ended = {
        "exitCode": 137,
        "reason": "Error",
        "message": MESSAGE,
        "startedAt": rfc3339(NOW),
        "finishedAt": rfc3339(NOW),
    }
    container = {"name": "main", "image": "etl", "imageID": "", "ready": False, "restartCount": 1}
    states = {"state": {"terminated": ended}, "lastState": {"terminated": ended}}
    return {
        "phase": "Failed",
        "reason": "Evicted",
        "message": MESSAGE[:1000],
        "containerStatuses": [container | states],
    }


def _event(pod: dict[str, Any], namespace: str) -> dict[str, Any]:
    return {
        "metadata": {"name": f"planted-{pod['metadata']['name']}", "namespace": namespace},
        "involvedObject": {"kind": "Pod", "namespace": namespace, **{k: pod["metadata"][k] for k in ("name", "uid")}},
        "type": "Warning",
        "reason": "Evicted",
        "message": ONE_LINE,
        "count": 1,
        "firstTimestamp": rfc3339(NOW),
        "lastTimestamp": rfc3339(NOW),
    }

"""Secrets that look real, in every place where a user's program or Argo may put text.

They are assembled from parts, so that no scanner takes this repository's files for a leak.
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

SECRETS = {
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
LINES = [
    f"using token {GITHUB} now",
    f"export AWS_ACCESS_KEY_ID={AWS}",
    f"session {JWT}",
    f"connecting to postgresql://etl:{URL_PASSWORD}@db.example.com:5432/sales",
    f"Server=tcp:dwh.example.com,1433;User ID=etl;Password={DSN_PASSWORD};Encrypt=true",
    f"password={ASSIGNED}",
    f"Authorization: Bearer {BEARER}",
    f"got {ENCODED}",
]
"""Each secret except the private key, as a program prints it."""

KEY_BLOCK = ["-----BEGIN " + "PRIVATE KEY-----", *[KEY_LINE] * 24, "-----END PRIVATE KEY-----"]
ONE_LINE = "; ".join(LINES)
MESSAGE = "\n".join([*LINES, *KEY_BLOCK])
_LOST = 4
"""Bytes of a secret that the cut of a line takes away: no redactor would recognise the rest."""

TAIL_BYTES = 8000
"""Bytes of a log that a report stores."""

LONG = "row of 0123456789 values, "
LOGS = {
    "many-lines": "\n".join(["starting", *LINES, *KEY_BLOCK, *(f"row {n} is fine" for n in range(20)), *LINES, "boom"]),
    # every way in which the cut at lines or bytes can split a secret
    "a-cut-key": "\n".join([*KEY_BLOCK * 8, "boom"]),
    "a-cut-assignment": "\n".join([f"{'x' * 90} password={ASSIGNED}" for _ in range(900)] + ["boom"]),
    "a-cut-line": f"{'z' * 4000} password={ASSIGNED}".ljust(4000 + TAIL_BYTES + len(" password=") + _LOST, "."),
    "long-lines": "\n".join([f"{LONG * 700}{line} {LONG * 250}" for line in LINES] + ["boom"]),
    "one-line": (f"{ONE_LINE} " * 9)[-8000:],
    "one-huge-line": f"{ONE_LINE} {LONG}" * 900,
}


def read_etcd(plane: ControlPlane) -> dict[str, bytes]:
    """Return every key in etcd with its stored value."""
    all_keys = base64.b64encode(b"\0").decode()
    response = urllib3.request(
        "POST", f"{plane.etcd_url}/v3/kv/range", json={"key": all_keys, "range_end": all_keys}
    ).json()
    return {base64.b64decode(kv["key"]).decode(): base64.b64decode(kv["value"]) for kv in response["kvs"]}


def find_leaks(texts: dict[str, str]) -> list[str]:
    """Return which secret, or half of one, is in which text."""
    halves = {kind: (secret[: len(secret) // 2], secret[len(secret) // 2 :]) for kind, secret in SECRETS.items()}
    return [
        f"{kind} in {where}"
        for where, text in texts.items()
        for kind, parts in halves.items()
        if any(part in text for part in parts)
    ]


def create_run(world: Cluster, name: str, node: str) -> None:
    """Create a failed run with a pod for each log, and secrets in every field that can hold text."""
    api, namespace = world.plane.api, world.namespace
    workflow = world.create_workflow(name)
    owner = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "name": name, "uid": workflow["metadata"]["uid"]}
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
        "outputs": {"parameters": [{"name": "text", "value": MESSAGE}, {"name": "password", "value": ASSIGNED}]},
    }
    workflow["metadata"]["labels"] = {COMPLETED: "true", PHASE: "Failed", "team": "data"}
    workflow["metadata"]["annotations"] = {
        "workflows.argoproj.io/pod-name-format": "v1",
        "text": MESSAGE,
        "workflows.argoproj.io/description": MESSAGE,
        "workflows.argoproj.io/trace-id": LINES[0],
    }
    values = [{"name": f"p{n}", "value": text} for n, text in enumerate([*LINES, MESSAGE])]
    workflow["spec"]["arguments"] = {"parameters": [*values, {"name": "db-password", "value": DSN_PASSWORD}]}
    api.put(f"{WORKFLOWS.format(namespace)}/{name}", workflow | {"status": status})


def _nodes(name: str) -> dict[str, dict[str, Any]]:
    ids = [f"{name}-{step}" for step in LOGS]
    root = {"id": name, "name": name, "displayName": name, "type": "Steps", "phase": "Failed", "templateName": "main"}
    times = {"startedAt": rfc3339(NOW), "finishedAt": rfc3339(NOW)}
    nodes: dict[str, dict[str, Any]] = {name: root | times | {"children": ids, "message": MESSAGE}}
    for n, (step, text) in enumerate(zip(LOGS, [*LINES, MESSAGE], strict=False)):
        nodes[ids[n]] = times | {
            "id": ids[n],
            "name": f"{name}[0].{step}",
            "displayName": f"{step}({n}:{text})",
            "type": "Pod",
            "templateName": "work",
            "phase": "Failed",
            "hostNodeName": "host",
            "message": f"main: Error (exit code 1): {text}\n{MESSAGE}",
            "outputs": {
                "exitCode": "1",
                "artifacts": [{"name": ("out", "main-logs")[n % 2], "s3": {"key": f"runs/{text}/{ONE_LINE}"}}],
            },
        }
    return nodes


def _pod(name: str, workflow: str, owner: dict[str, str], node: str) -> dict[str, Any]:
    return {
        "metadata": {
            "name": name,
            "labels": {"workflows.argoproj.io/workflow": workflow},
            "annotations": {"text": MESSAGE},
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
        "metadata": {"name": f"secret-{pod['metadata']['name']}", "namespace": namespace},
        "involvedObject": {"kind": "Pod", "namespace": namespace, **{k: pod["metadata"][k] for k in ("name", "uid")}},
        "type": "Warning",
        "reason": "Evicted",
        "message": ONE_LINE,
        "count": 1,
        "firstTimestamp": rfc3339(NOW),
        "lastTimestamp": rfc3339(NOW),
    }

"""The operator that a newcomer to kopf would write: whole objects, one synchronous handler, the official client.

`kopf run --all-namespaces --standalone naive_kopf.py` writes the same kind of report with less content.
"""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

import kopf
import kubernetes

COMPLETED = ("Succeeded", "Failed", "Error")
REPORTS = {"group": "wfreport.dev", "version": "v1alpha1", "plural": "workflowreports"}
PROGRESS_SECONDS = 10

# uid → time of the last write of its report; None if it is final
written: dict[str, float | None] = {}


@kopf.on.startup()
def configure(memo: kopf.Memo, **_: Any) -> None:
    """Log in once: a client per event, kopf's documented habit, would cost a TLS handshake each."""
    kubernetes.config.load_kube_config()  # type: ignore[no-untyped-call]
    memo.api = kubernetes.client.CustomObjectsApi()


@kopf.on.event("argoproj.io", "v1alpha1", "workflows")
def report(event: Any, name: str, namespace: str | None, uid: str, body: Any, memo: Any, **_: Any) -> None:
    """Create the report with the Workflow and update it every ten seconds and at the end."""
    if event["type"] == "DELETED":
        written.pop(uid, None)
        return
    if uid not in written:
        create(memo.api, name, namespace, uid)
        written[uid] = time.monotonic()
    status, last = body.get("status") or {}, written[uid]
    completed = status.get("phase") in COMPLETED
    if last is None or (not completed and time.monotonic() - last < PROGRESS_SECONDS):
        return
    patch = {"status": summary(status)}
    memo.api.patch_namespaced_custom_object_status(namespace=namespace, name=name, **REPORTS, body=patch)
    written[uid] = None if completed else time.monotonic()


def create(api: Any, name: str, namespace: str | None, uid: str) -> None:
    """Create the report unless it exists."""
    body = {
        "apiVersion": "wfreport.dev/v1alpha1",
        "kind": "WorkflowReport",
        "metadata": {"name": name},
        "spec": {"workflowRef": {"name": name, "uid": uid}},
    }
    try:
        api.create_namespaced_custom_object(namespace=namespace, **REPORTS, body=body)
    except kubernetes.client.ApiException as error:
        if error.reason != "Conflict":
            raise


def summary(status: Any) -> dict[str, Any]:
    """Return phase, counts and failed pods."""
    nodes = list((status.get("nodes") or {}).values())
    phases = Counter(node["phase"] for node in nodes)
    failed = [node for node in nodes if node["type"] == "Pod" and node["phase"] in {"Failed", "Error"}]
    observed = {key: status[key] for key in ("phase", "message", "startedAt", "finishedAt") if status.get(key)}
    counts = {name: phases[name.capitalize()] for name in ("succeeded", "failed", "running", "pending", "skipped")}
    counts |= {"total": len(nodes), "errored": phases["Error"], "omitted": phases["Omitted"]}
    return {
        "observedWorkflow": observed,
        "counts": counts | {"retriedAttempts": 0, "memoized": 0},
        "failures": [failure(node) for node in failed],
    }


def failure(node: Any) -> dict[str, Any]:
    """Return a failed pod, with the fewest fields that the schema accepts."""
    return {
        "role": "RootCause",
        "class": "Unknown",
        "owner": "User",
        "retryable": False,
        "confidence": "Low",
        "podName": node["id"],
        "displayName": node["displayName"],
        "message": node.get("message", ""),
        "exitCode": int((node.get("outputs") or {}).get("exitCode") or 0),
    }

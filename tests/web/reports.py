"""Reports and Remediations for the live page."""

from __future__ import annotations

from typing import Any


def a_report(namespace: str = "team-a", name: str = "run", *, phase: str = "Failed", **status: Any) -> dict[str, Any]:
    failed = phase in ("Failed", "Error")
    failure = {
        "displayName": "load", "role": "RootCause", "class": "OOMKilled", "owner": "User", "retryable": True,
        "confidence": "High",
    }  # fmt: skip
    times = {"startedAt": "2026-05-01T12:00:00Z"}
    if phase in ("Succeeded", "Failed", "Error"):
        times["finishedAt"] = "2026-05-01T12:10:00Z"
    cause = (
        {"failureClass": "OOMKilled", "reason": "OOMKilled", "step": "load", "failures": [failure]} if failed else {}
    )
    observed = {"uid": f"u-{name}", "phase": phase, **times}
    return {
        "apiVersion": "wfreport.dev/v1alpha1",
        "kind": "WorkflowReport",
        "metadata": {"name": name, "namespace": namespace, "creationTimestamp": "2026-05-01T12:00:00Z"},
        "spec": {"workflowRef": {"name": name}},
        "status": {"observedWorkflow": observed, "summary": f"summary of {name}", **cause, **status},
    }


def a_remediation(namespace: str, name: str, *, target: str) -> dict[str, Any]:
    return {
        "apiVersion": "wfreport.dev/v1alpha1",
        "kind": "Remediation",
        "metadata": {"name": name, "namespace": namespace, "creationTimestamp": "2026-05-01T12:20:00Z", "uid": name},
        "spec": {
            "policyRef": {"name": "retry-oom", "uid": "p-1", "generation": 1},
            "reportRef": {"name": target},
            "target": {"name": target, "uid": f"u-{target}", "startedAt": "2026-05-01T12:00:00Z"},
            "rootName": target, "rootUid": "root", "rule": "more", "action": "Resubmit", "lockClass": "mutate",
            "attempt": 1, "reason": "OOMKilled",
        },
    }  # fmt: skip

"""Builds the objects of the flood benchmark. No I/O."""

from __future__ import annotations

from typing import Any

from wfreport.clock import now

Json = dict[str, Any]

WORKFLOWS = "/apis/argoproj.io/v1alpha1/namespaces/{}/workflows"
OWN = "/apis/wfreport.dev/v1alpha1/namespaces/{}/{}"
PODS = "/api/v1/namespaces/{}/pods"
TEAM = {"team": "data"}
_LABEL = "workflows.argoproj.io/{}"


def running(name: str, namespace: str, pods: int = 1) -> Json:
    """Return a running Workflow whose pods are called after it."""
    at = f"{now():%FT%TZ}"
    pod = {"type": "Pod", "templateName": "work", "phase": "Running", "startedAt": at, "boundaryID": name}
    names = [f"{name}-pod", *(f"{name}-pod-{number}" for number in range(1, pods))]
    nodes: Json = {each: {"id": each, "name": f"{name}[0].{each}", "displayName": each, **pod} for each in names}
    root = {"id": name, "name": name, "displayName": name, "type": "Steps", "phase": "Running", "startedAt": at}
    nodes[name] = {**root, "children": names}
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": {**TEAM, _LABEL.format("completed"): "false", _LABEL.format("phase"): "Running"},
            "annotations": {_LABEL.format("pod-name-format"): "v1"},
        },
        "spec": {"entrypoint": "work", "templates": [{"name": "work", "container": {"image": "etl"}}]},
        "status": {"phase": "Running", "startedAt": at, "nodes": nodes},
    }


def ended(workflow: Json, phase: str) -> Json:
    """Return the Workflow as it ends now, all its nodes with it."""
    at = {"phase": phase, "finishedAt": f"{now():%FT%TZ}"}
    message = {"message": "main: Error (exit code 1)"} if phase == "Failed" else {}
    labels = {_LABEL.format("completed"): "true", _LABEL.format("phase"): phase}
    status = workflow.get("status") or {"startedAt": at["finishedAt"], "nodes": {}}
    nodes = {
        name: {**node, **at, **(message if node["type"] == "Pod" else {})} for name, node in status["nodes"].items()
    }
    metadata = {**workflow["metadata"], "labels": {**workflow["metadata"]["labels"], **labels}}
    return {**workflow, "metadata": metadata, "status": {**status, **at, "nodes": nodes}}


def pod_document(name: str, workflow: Json) -> Json:
    """Return a pod of a Workflow."""
    metadata = workflow["metadata"]
    owner = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "name": metadata["name"], "uid": metadata["uid"]}
    labels = {_LABEL.format("workflow"): metadata["name"]}
    return {
        "metadata": {
            "name": name,
            "labels": labels,
            "annotations": {_LABEL.format("node-id"): name},
            "ownerReferences": [owner],
        },
        "spec": {"containers": [{"name": "main", "image": "etl"}]},
    }


def evicted() -> Json:
    """Return the status of a pod whose Events are worth reading."""
    return {"status": {"phase": "Failed", "reason": "Evicted", "message": "The node was low on resource: memory."}}


def policy_document(namespace: str, rule: Json) -> Json:
    """Return a policy without backoff and with the largest budget and the most patient breaker that there are."""
    return {
        "apiVersion": "wfreport.dev/v1alpha1",
        "kind": "RemediationPolicy",
        "metadata": {"name": "p", "namespace": namespace},
        "spec": {
            "mode": "Enforce",
            "selector": {"matchLabels": TEAM},
            "backoff": {"initialSeconds": 0, "maxSeconds": 0},
            "budget": {"maxConcurrent": 1000, "maxPerWindow": 10_000},
            "circuitBreaker": {"minRuns": 10_000, "sameFingerprintAtMost": 1000},
            "rules": [rule],
        },
    }


def report_document(name: str, source: str) -> Json:
    """Return a report that a user creates, about a Workflow that is nowhere."""
    return {
        "apiVersion": "wfreport.dev/v1alpha1",
        "kind": "WorkflowReport",
        "metadata": {"name": name},
        "spec": {"workflowRef": {"name": name}, "source": source},
    }

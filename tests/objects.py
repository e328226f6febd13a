"""Builders of policies and Remediations as JSON, as users and the operator write them."""

from __future__ import annotations

from typing import Any

POLICIES = "/apis/wfreport.dev/v1alpha1/namespaces/{}/remediationpolicies"
REMEDIATIONS = "/apis/wfreport.dev/v1alpha1/namespaces/{}/remediations"


def a_policy(name: str, **spec: Any) -> dict[str, Any]:
    """Return a policy that is valid, apart from the given fields."""
    defaults = {"selector": {"matchLabels": {"team": "data"}}, "rules": [a_rule("again", resubmit={})]}
    return {
        "apiVersion": "wfreport.dev/v1alpha1",
        "kind": "RemediationPolicy",
        "metadata": {"name": name},
        "spec": defaults | spec,
    }


def a_rule(name: str, match: dict[str, Any] | None = None, **action: Any) -> dict[str, Any]:
    """Return a rule with an action."""
    return {"name": name, "match": match or {}, "action": action}


def a_remediation(name: str, **spec: Any) -> dict[str, Any]:
    """Return a Remediation that is valid, apart from the given fields."""
    defaults = {
        "policyRef": {"name": "batch", "uid": "p-1", "generation": 1},
        "reportRef": {"name": "etl-3f9c1b8e02"},
        "target": {"name": "etl", "uid": "3f9c1b8e", "startedAt": "2026-11-22T10:00:00Z"},
        "rootName": "etl",
        "rootUid": "3f9c1b8e",
        "rule": "oom",
        "action": "RaiseMemory",
        "lockClass": "mutate",
        "attempt": 1,
        "reason": "OOMKilled",
    }
    return {
        "apiVersion": "wfreport.dev/v1alpha1",
        "kind": "Remediation",
        "metadata": {"name": name},
        "spec": defaults | spec,
    }

"""Documents of policies, for tests in memory and on a real API server alike."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]

RESUBMIT: Json = {"name": "again", "match": {}, "action": {"resubmit": {}}}


def policy_document(*rules: Json, namespace: str, name: str = "p", mode: str = "Enforce", **spec: Any) -> Json:
    """Return a policy for the Workflows of team data, without backoff."""
    return {
        "apiVersion": "wfreport.dev/v1alpha1",
        "kind": "RemediationPolicy",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "mode": mode,
            "selector": {"matchLabels": {"team": "data"}},
            "backoff": {"initialSeconds": 0, "maxSeconds": 0},
            "rules": list(rules),
            **spec,
        },
    }

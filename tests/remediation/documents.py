"""Documents of policies, for tests in memory and on a real API server alike."""

from __future__ import annotations

from typing import Any, Final

Json = dict[str, Any]

RESUBMIT: Json = {"name": "again", "match": {}, "action": {"resubmit": {}}}

UNLIMITED: Final[Json] = {
    "remediation_max_concurrent": 1000,
    "remediation_max_concurrent_per_namespace": 1000,
    "remediation_max_per_hour": 10_000,
    "remediation_max_per_hour_per_namespace": 10_000,
}
"""Settings with which no budget of the operator holds an action, however many Workflows fail."""


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

"""A neighbour of hostile objects: it must get its report and its resubmission, whatever they are."""

from __future__ import annotations

from typing import Any, Final

import psutil  # type: ignore[import-untyped]
from tests.live.operator.harness import RunningOperator
from tests.live.remediation.harness import LONG_SECONDS, RemediationCluster

MEMORY_BYTES: Final = 350 << 20
"""More than the operator may take; its pod's limit is 512 MiB."""

UNBOUNDED: Final[dict[str, Any]] = {
    "budget": {"maxConcurrent": 1000, "maxPerWindow": 10_000},
    "circuitBreaker": {"failurePercentAtMost": 100, "minRuns": 1000},
}
SETTINGS: Final = {
    "remediation_max_concurrent": 1000,
    "remediation_max_concurrent_per_namespace": 1000,
    "remediation_max_per_hour": 1000,
    "remediation_max_per_hour_per_namespace": 1000,
}
"""With these settings and this part of a policy, neither budgets nor breakers hold an action."""


def start(cluster: RemediationCluster, neighbour: RemediationCluster, **settings: Any) -> RunningOperator:
    """Start an operator that watches both namespaces, and wait until the neighbour's policy is enforced."""
    operator = cluster.start(namespaces=f"{cluster.namespace},{neighbour.namespace}", **settings)
    neighbour.enforced()
    return operator


def start_enforcing(
    cluster: RemediationCluster, neighbour: RemediationCluster, rule: dict[str, Any], **policy: Any
) -> RunningOperator:
    """Start the operator with an unbounded policy of one rule, and wait until that is enforced."""
    cluster.apply_policy(rule, **policy, **UNBOUNDED)
    operator = start(cluster, neighbour, **SETTINGS)
    cluster.enforced()
    return operator


def assert_alive(operator: RunningOperator, neighbour: RemediationCluster, run: str) -> None:
    """Assert that a run of the neighbour is reported and resubmitted once, without a bug, a block or a leak."""
    neighbour.fail(run)
    neighbour.wait_for_remediation(run, "Executed", ("True",), timeout_seconds=LONG_SECONDS)
    assert operator.answer("/healthz") == "ok\n"
    assert operator.metric("wfreport_reconcile_errors_total", error="Bug") == 0
    assert operator.metric("wfreport_event_loop_blocked_total") == 0
    assert psutil.Process(operator.process.pid).memory_info().rss < MEMORY_BYTES
    assert len(neighbour.remediations()) == len({one["spec"]["target"]["uid"] for one in neighbour.remediations()})

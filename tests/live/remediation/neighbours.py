"""A neighbour of hostile objects: it must get its report and its resubmission, whatever they are."""

from __future__ import annotations

from tests.live.operator.harness import RunningOperator
from tests.live.remediation.harness import LONG_SECONDS, RemediationCluster


def start(cluster: RemediationCluster, neighbour: RemediationCluster) -> RunningOperator:
    """Start an operator that watches both namespaces, and wait until the neighbour's policy is enforced."""
    operator = cluster.start(namespaces=f"{cluster.namespace},{neighbour.namespace}")
    neighbour.enforced()
    return operator


def assert_alive(operator: RunningOperator, neighbour: RemediationCluster, run: str) -> None:
    """Assert that a run of the neighbour is reported and resubmitted, and that there was no unexpected exception."""
    neighbour.fail(run)
    neighbour.wait_for_remediation(run, "Executed", ("True",), timeout_seconds=LONG_SECONDS)
    assert operator.answer("/healthz") == "ok\n"
    assert operator.metric("wfreport_reconcile_errors_total", error="Bug") == 0
    assert operator.metric("wfreport_event_loop_blocked_total") == 0

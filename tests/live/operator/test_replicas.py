"""Two replicas: one works, the other stands by, ready; it takes over when the first is gone."""

from __future__ import annotations

from typing import Any

import pytest
from tests.eventually import eventually
from tests.live.operator.harness import FAST, USER, Cluster, RunningOperator

pytestmark = pytest.mark.cluster
LEASES = "/apis/coordination.k8s.io/v1/namespaces/{}/leases"


@pytest.fixture
def electing(world: Cluster) -> dict[str, Any]:
    """Settings of an operator that may have the Lease of the namespace."""
    rbac = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{world.namespace}"
    rule = {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["get", "create", "patch"]}
    world.plane.api.post(f"{rbac}/roles", {"metadata": {"name": "lease"}, "rules": [rule]})
    binding = {
        "metadata": {"name": "lease"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "lease"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": USER}],
    }
    world.plane.api.post(f"{rbac}/rolebindings", binding)
    return {**FAST, "leader_election": "true", "lease_namespace": world.namespace, "lease_seconds": 3}


def holder(world: Cluster) -> str:
    lease = world.plane.api.get(f"{LEASES.format(world.namespace)}/wfreport")
    return str(lease["spec"].get("holderIdentity", ""))


def works(operator: RunningOperator) -> bool:
    return operator.metric("wfreport_resyncs_total", controller="report", result="ok") > 0


def test_one_works_and_the_other_is_ready_and_asks_for_nothing(world: Cluster, electing: dict[str, Any]) -> None:
    first = world.start_operator(**electing)
    eventually(lambda: works(first))
    second = world.start_operator(**electing)
    world.create_workflow("etl", phase="Failed", failed=True)
    eventually(lambda: world.phase_of("etl"), lambda phase: phase == "Failed")
    assert second.ready()
    assert not works(second)
    assert second.metric("wfreport_api_requests_total") == second.metric(
        "wfreport_api_requests_total", resource="leases", verb="get"
    )


def test_a_replica_that_ends_hands_over_at_once_and_one_that_dies_when_its_lease_runs_out(
    world: Cluster, electing: dict[str, Any]
) -> None:
    first, second = world.start_operator(**electing), world.start_operator(**electing)
    eventually(lambda: works(first))
    was = holder(world)
    assert first.stop() == 0
    eventually(lambda: works(second))
    assert holder(world) not in {"", was}
    third = world.start_operator(**electing)
    second.kill()
    world.create_workflow("etl", phase="Failed", failed=True)
    eventually(lambda: world.phase_of("etl"), lambda phase: phase == "Failed")
    assert works(third)


def test_a_replica_that_loses_its_lease_ends_to_be_started_again(world: Cluster, electing: dict[str, Any]) -> None:
    first = world.start_operator(**electing)
    eventually(lambda: works(first))
    robbed = {"spec": {"holderIdentity": "somebody-else", "leaseDurationSeconds": 600}}
    world.plane.api.patch(f"{LEASES.format(world.namespace)}/wfreport", robbed)
    assert first.process.wait(20) == 1
    assert "the Lease is lost" in first.log.read_text()


def test_without_the_right_to_the_lease_it_waits_and_says_so(world: Cluster) -> None:
    settings = {**FAST, "leader_election": "true", "lease_namespace": world.namespace, "lease_seconds": 3}
    operator = world.start_operator(wait=False, **settings)
    eventually(lambda: "leases.coordination.k8s.io" in operator.log.read_text())
    assert operator.answer("/readyz") == "waiting for the Lease\n"
    assert not works(operator)

"""LimitRanges, ResourceQuotas and annotations of a Namespace that nobody should write.

They are read before the memory of a run is raised, and before any action.
"""

from __future__ import annotations

from typing import Any, Final

import pytest
from tests.eventually import eventually
from tests.live.hostile_values import HOSTILE, ODD, Json, is_stored
from tests.live.operator.harness import WORKFLOWS, condition
from tests.live.remediation.harness import LONG_SECONDS, RemediationCluster, message_of
from tests.live.remediation.neighbours import assert_alive, start_enforcing
from tests.live.remediation.test_hostile_templates_live import RAISE
from tests.remediation.documents import RESUBMIT

pytestmark = pytest.mark.cluster

QUANTITIES: Final = ("0", "1m", "1e18", "9e99", "1E", "9223372036854775807", "1234567.891Ki", "-1", "Gi", "1" * 30)
AMOUNTS: Final[tuple[Any, ...]] = (*QUANTITIES, *HOSTILE)


def limit_range(name: str, amount: Any) -> Json:
    item = {"type": "Container", "max": {"memory": amount, "example.com/x": amount}}
    return {"metadata": {"name": name}, "spec": {"limits": [item, {"type": "Pod", "max": {"memory": amount}}]}}


def quota(name: str, amount: Any) -> Json:
    return {"metadata": {"name": name}, "spec": {"hard": {"limits.memory": amount, f"count/{'x' * 50}.y": amount}}}


def create(cluster: RemediationCluster, plural: str, body: Json) -> bool:
    return is_stored(cluster.plane.api.post, f"/api/v1/namespaces/{cluster.namespace}/{plural}", body)


def test_hostile_limits_and_quotas_hold_a_raise_of_memory_with_their_reason_or_not_at_all(
    cluster: RemediationCluster, neighbour: RemediationCluster
) -> None:
    operator = start_enforcing(cluster, neighbour, RAISE)
    stored = [create(cluster, "limitranges", limit_range(f"r-{n}", amount)) for n, amount in enumerate(AMOUNTS)]
    stored += [create(cluster, "resourcequotas", quota(f"q-{n}", amount)) for n, amount in enumerate(AMOUNTS)]
    assert 8 <= sum(stored) < len(stored)
    path = f"{WORKFLOWS.format(cluster.namespace)}/run"
    cluster.create("run")
    cluster.end("run", "Failed", type="Pod", message="OOMKilled (exit code 137)")
    refused = cluster.wait_for_remediation("run", "Executed", ("False",), timeout_seconds=LONG_SECONDS)
    assert condition(refused, "Executed") == ("False", "NotPossible")
    assert message_of(refused, "Executed").startswith(("OverLimit: ", "OverQuota: "))
    assert cluster.plane.api.get(path)["status"]["phase"] == "Failed"
    assert cluster.workflows() == ["run"]
    assert_alive(operator, neighbour, "run")


def test_hostile_annotations_of_a_namespace_neither_opt_out_nor_hold_up_anybody(
    cluster: RemediationCluster, neighbour: RemediationCluster
) -> None:
    operator = start_enforcing(cluster, neighbour, RESUBMIT)
    odd = {f"{'p' * 200}.example.com/{n}": ODD * 200 for n in range(50)}
    annotations = odd | {"wfreport.dev/no-remediation": ODD + "true", "example.com/large": "x" * 100_000}
    cluster.plane.api.patch(f"/api/v1/namespaces/{cluster.namespace}", {"metadata": {"annotations": annotations}})
    cluster.fail("run")
    eventually(lambda: condition(cluster.remediation_of("run"), "Executed"), ("True", "Executed").__eq__)
    assert len(cluster.workflows()) == 2
    assert_alive(operator, neighbour, "run")

"""Two replicas: one leads, the other is ready and takes over when the first one ends."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import pytest
from tests.eventually import eventually
from tests.faults.experiment import undergo
from tests.faults.replica_faults import LEASE_SECONDS, kill_leader, pause_leader
from tests.faults.world import world_of
from tests.live.operator.harness import FAST, Cluster, RunningOperator

from controlplane import ControlPlane

pytestmark = pytest.mark.cluster
REQUESTS = "wfreport_api_requests_total"
LEASES = "/apis/coordination.k8s.io/v1/namespaces/{}/leases"


@pytest.fixture
def electing(electing: dict[str, Any]) -> dict[str, Any]:
    """Return the settings with a Lease that soon expires, since its holders are killed here."""
    return electing | {"lease_seconds": 3}


def holder(world: Cluster) -> str:
    lease = world.plane.api.get(f"{LEASES.format(world.namespace)}/wfreport")
    return str(lease["spec"].get("holderIdentity", ""))


def leads(operator: RunningOperator) -> bool:
    return operator.metric("wfreport_resyncs_total", controller="report", result="ok") > 0


def test_one_replica_leads_and_the_other_is_ready_without_requests(world: Cluster, electing: dict[str, Any]) -> None:
    first = world.start_operator(**electing)
    eventually(lambda: leads(first))
    second = world.start_operator(**electing)
    world.create_workflow("etl", phase="Failed", failed=True)
    eventually(lambda: world.phase_of("etl"), lambda phase: phase == "Failed")
    assert second.ready()
    assert not leads(second)
    requests = [line for line in second.answer("/metrics").splitlines() if line.startswith(f"{REQUESTS}{{")]
    assert requests
    assert [line for line in requests if not ('resource="leases"' in line and 'verb="get"' in line)] == []


def test_a_replica_that_stops_hands_over_at_once_and_a_killed_one_when_its_lease_expires(
    world: Cluster, electing: dict[str, Any]
) -> None:
    first, second = world.start_operator(**electing), world.start_operator(**electing)
    eventually(lambda: leads(first))
    previous = holder(world)
    assert first.stop() == 0
    eventually(lambda: leads(second))
    assert holder(world) not in {"", previous}
    third = world.start_operator(**electing)
    second.kill()
    world.create_workflow("etl", phase="Failed", failed=True)
    eventually(lambda: world.phase_of("etl"), lambda phase: phase == "Failed")
    eventually(lambda: leads(third))


def test_a_replica_that_loses_its_lease_exits(world: Cluster, electing: dict[str, Any]) -> None:
    first = world.start_operator(**electing)
    eventually(lambda: leads(first))
    taken_over = {"spec": {"holderIdentity": "somebody-else", "leaseDurationSeconds": 600}}
    world.plane.api.patch(f"{LEASES.format(world.namespace)}/wfreport", taken_over)
    assert first.process.wait(20) == 1
    assert "the Lease was lost" in first.log.read_text()


def test_no_run_is_without_a_report_and_no_action_happens_twice_when_leaders_are_killed_and_paused(
    plane: ControlPlane, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seconds: list[float] = []
    with world_of(plane, tmp_path, "under-fire", lease_seconds=LEASE_SECONDS, resync_interval_seconds=3) as world:
        world.start_replica()
        world.start_replica()

        def fault() -> AbstractContextManager[None]:
            seconds.extend(end(world) for end in (kill_leader, pause_leader, kill_leader))
            return nullcontext()

        undergo(world, "the leader is killed, paused and killed", fault, seconds=0)
    with capsys.disabled():
        print(f"takeover: {', '.join(f'{each:.1f} s' for each in seconds)}")


def test_a_replica_without_permission_for_the_lease_waits_and_logs_it(world: Cluster) -> None:
    settings = {**FAST, "leader_election": "true", "lease_namespace": world.namespace, "lease_seconds": 3}
    operator = world.start_operator(wait=False, **settings)
    eventually(lambda: "leases.coordination.k8s.io" in operator.log.read_text())
    assert operator.answer("/readyz") == "waiting for the Lease\n"
    assert not leads(operator)

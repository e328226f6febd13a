"""The short form of the fault suite (`make faults`): under load, nothing is lost, doubled or leaked by a fault."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests.faults.experiment import undergo
from tests.faults.process_faults import paused
from tests.faults.world import world_of

from controlplane import ControlPlane
from faults.proxy import Fault, FaultProxy

pytestmark = pytest.mark.cluster

SECONDS = 3
SHORT: dict[str, Any] = {"resync_interval_seconds": 3, "watch_timeout_seconds": 5, "lease_seconds": 30}


@pytest.fixture
def proxy(plane: ControlPlane) -> Iterator[FaultProxy]:
    """A proxy in front of the plane, without a fault."""
    with FaultProxy(plane.server, ca=plane.ca) as started:
        yield started


@pytest.mark.parametrize(
    "fault",
    [Fault.DROPPED_WATCHES, Fault.GONE_IN_WATCHES, Fault.THROTTLED, Fault.TORN_RESPONSES, Fault.LOST_RESPONSES],
)
def test_a_fault_of_the_network_loses_and_doubles_nothing(
    plane: ControlPlane, proxy: FaultProxy, tmp_path: Path, fault: Fault
) -> None:
    name = f"short-{fault.name.lower().replace('_', '-')}"
    with world_of(plane, tmp_path, name, server=proxy.url, **SHORT) as world:
        undergo(world, fault.value, partial(proxy.injecting, fault), seconds=SECONDS, warm_up_seconds=1)
    assert proxy.injected


def test_a_pause_loses_and_doubles_nothing(plane: ControlPlane, tmp_path: Path) -> None:
    with world_of(plane, tmp_path, "short-pause", **SHORT) as world:
        undergo(world, "SIGSTOP", lambda: paused(world), seconds=SECONDS, warm_up_seconds=1)

"""Faults between the operator and the API server, injected by a proxy."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
from tests.faults.experiment import Table, undergo
from tests.faults.world import world_of

from controlplane import ControlPlane
from faults.proxy import Fault, FaultProxy

pytestmark = pytest.mark.cluster
SECONDS = 15


@pytest.mark.parametrize("fault", Fault)
def test_nothing_is_lost_or_doubled(
    plane: ControlPlane, proxy: FaultProxy, tmp_path: Path, table: Table, fault: Fault
) -> None:
    name = fault.name.lower().replace("_", "-")
    with world_of(plane, tmp_path, name, server=proxy.url) as world:
        table.rows.append(undergo(world, fault.value, partial(proxy.injecting, fault), seconds=SECONDS))
    assert proxy.injected

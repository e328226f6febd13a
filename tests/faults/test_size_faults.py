"""Bursts and large objects."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.faults.experiment import Table, undergo
from tests.faults.process_faults import paused
from tests.faults.world import world_of
from tests.live.operator.harness import COMPLETED, WORKFLOWS, rfc3339, state
from tests.live.remediation.harness import RemediationCluster, workflow_of

from controlplane import ControlPlane
from controlplane.api import AsyncApi
from controlplane.errors import ApiError
from wfreport.clock import now

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1800)]
BURST_WORKFLOWS = 2_000
RUN_TIME = timedelta(minutes=5)
"""The time that `state` lets a run take: it must not end in the future."""
WRITES_EACH = 5
LARGEST_BYTES = 1_572_864
"""etcd's limit of a request."""


def test_ten_thousand_events_at_once(plane: ControlPlane, tmp_path: Path, table: Table) -> None:
    with world_of(plane, tmp_path, "burst") as world:

        @contextmanager
        def fault() -> Iterator[None]:
            with paused(world):
                asyncio.run(burst(world.clusters[0]))
            yield

        name = f"{BURST_WORKFLOWS * WRITES_EACH:,} events at once, of {BURST_WORKFLOWS:,} Workflows"
        row = undergo(world, name, fault, seconds=1)
    table.rows.append(row)


def test_the_largest_objects(plane: ControlPlane, tmp_path: Path, table: Table) -> None:
    sizes: list[int] = []
    with world_of(plane, tmp_path, "large") as world:

        @contextmanager
        def fault() -> Iterator[None]:
            sizes.extend(create_largest(world.clusters[0], f"large-{n}", failing=bool(n % 2)) for n in range(4))
            yield

        row = undergo(world, "four Workflows of the largest size that the API server accepts", fault, seconds=2)
    table.rows.append(row)
    assert min(sizes) > LARGEST_BYTES * 0.9


async def burst(cluster: RemediationCluster) -> None:
    """Create Workflows that have ended, and change each a few times."""
    numbers = iter(range(BURST_WORKFLOWS))
    async with cluster.plane.api.session() as api:
        await asyncio.gather(*(_write(api, cluster.namespace, numbers) for _ in range(8)))


async def _write(api: AsyncApi, namespace: str, numbers: Iterator[int]) -> None:
    path = WORKFLOWS.format(namespace)
    for n in numbers:
        name = f"burst-{n}"
        ended = state(name, phase="Succeeded", started_at=now() - RUN_TIME)
        body = workflow_of(name, namespace)
        body["metadata"]["labels"] |= ended["metadata"]["labels"]
        await api.post(path, body | {"status": ended["status"]})
        for change in range(WRITES_EACH - 1):
            await api.patch(f"{path}/{name}", {"metadata": {"annotations": {"change": str(change)}}})


def create_largest(cluster: RemediationCluster, name: str, *, failing: bool) -> int:
    """Create a Workflow that has ended, as large as the API server accepts; return its size."""
    steps = 11_000
    while True:
        body = large_workflow(name, cluster.namespace, steps, failing=failing)
        try:
            cluster.plane.api.post(WORKFLOWS.format(cluster.namespace), body)
        except ApiError as error:
            if error.status not in {413, 500}:
                raise
            steps = int(steps * 0.97)
        else:
            return len(json.dumps(body))


def large_workflow(name: str, namespace: str, steps: int, *, failing: bool) -> dict[str, Any]:
    """Return a Workflow with compressed nodes whose messages hardly compress."""
    at = rfc3339(now())
    phase = "Failed" if failing else "Succeeded"
    ended = state(name, phase=phase, failed=failing, started_at=now() - RUN_TIME)
    nodes = ended["status"].pop("nodes")
    if failing:
        nodes[f"{name}-2"]["type"] = "HTTP"
    noise = random.Random(name)  # noqa: S311  (reproducible)
    for n in range(3, steps):
        node = nodes[f"{name}-0"] | {"id": f"{name}-{n}", "name": f"{name}.step-{n}", "displayName": f"step-{n}"}
        nodes[node["id"]] = node | {"message": noise.randbytes(75).hex(), "startedAt": at, "finishedAt": at}
        nodes[name]["children"].append(node["id"])
    body = workflow_of(name, namespace)
    body["metadata"]["labels"] |= ended["metadata"]["labels"] | {COMPLETED: "true"}
    packed = base64.b64encode(gzip.compress(json.dumps(nodes).encode(), 6)).decode()
    return body | {"status": ended["status"] | {"compressedNodes": packed}}

"""Clusters of which the operator reports."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.live.operator import harness
from tests.rights import bind_role, user

from controlplane import ControlPlane


@pytest.fixture(scope="session")
def granted_archive_plane(archive_plane: ControlPlane) -> ControlPlane:
    """The real Argo Server and its database, and the operator's rights."""
    harness.grant(archive_plane)
    return archive_plane


@pytest.fixture
def archive_world(granted_archive_plane: ControlPlane, namespace: str, tmp_path: Path) -> Iterator[harness.Cluster]:
    """A namespace of that plane, not yet watched."""
    with harness.cluster(granted_archive_plane, namespace, tmp_path) as made:
        yield made


@pytest.fixture
def world(plane: ControlPlane, namespace: str, tmp_path: Path) -> Iterator[harness.Cluster]:
    """A namespace, not yet watched."""
    with harness.cluster(plane, namespace, tmp_path) as made:
        yield made


@pytest.fixture
def electing(world: harness.Cluster) -> dict[str, Any]:
    """Return settings of an operator that may hold the Lease of the namespace."""
    rule = {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["get", "create", "patch"]}
    bind_role(world.plane, world.namespace, "lease", [rule], user(harness.USER))
    return {**harness.FAST, "leader_election": "true", "lease_namespace": world.namespace, "lease_seconds": 15}

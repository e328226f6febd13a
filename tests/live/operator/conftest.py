"""One API server with an audit log for all tests of the operator; each has its own namespace and its own operator."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.live.operator import harness

from controlplane import ControlPlane


@pytest.fixture(scope="session")
def plane() -> Iterator[ControlPlane]:
    """A plane that counts what the operator asks of it."""
    with ControlPlane(
        workflow_crds="own", users={harness.USER: ["system:authenticated"]}, audit_policy=harness.AUDIT_POLICY
    ) as started:
        harness.grant(started)
        yield started


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

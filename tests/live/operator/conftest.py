"""Clusters of which the operator reports."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.live.operator import harness

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

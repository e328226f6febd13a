"""Clusters in which policies act."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.live.remediation.harness import RemediationCluster, argo_plane_with, remediation_cluster
from tests.remediation.documents import RESUBMIT

from controlplane import ControlPlane


@pytest.fixture(scope="session")
def argo_plane() -> Iterator[ControlPlane]:
    """A control plane with the real Argo controller and Argo Server, and the operator's user."""
    with argo_plane_with(argo_server=True) as started:
        yield started


@pytest.fixture
def cluster(request: pytest.FixtureRequest, namespace: str, tmp_path: Path) -> Iterator[RemediationCluster]:
    """A namespace, on the plane that the test uses, in which the operator has the rights of all components."""
    has_pods = "argo_plane" in request.fixturenames
    plane: ControlPlane = request.getfixturevalue("argo_plane" if has_pods else "plane")
    with remediation_cluster(plane, namespace, tmp_path, has_pods=has_pods) as made:
        yield made


@pytest.fixture
def neighbour(plane: ControlPlane, namespace: str, tmp_path: Path) -> Iterator[RemediationCluster]:
    """Another namespace that the same operator watches, with a policy that resubmits."""
    with remediation_cluster(plane, plane.create_namespace(f"{namespace}-b"), tmp_path) as made:
        made.apply_policy(RESUBMIT)
        yield made

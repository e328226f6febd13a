"""One API server for all tests of remediation; each has its own namespace, its own operator and its own rights."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.live.operator import harness
from tests.live.remediation.world import Acting, acting_in, argo_plane_with

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
def argo_plane() -> Iterator[ControlPlane]:
    """A plane with the real Argo controller and server, and the operator's user."""
    with argo_plane_with(argo_server=True) as started:
        yield started


@pytest.fixture
def acting(request: pytest.FixtureRequest, namespace: str, tmp_path: Path) -> Iterator[Acting]:
    """A namespace, on the plane that the test uses, in which the operator may do everything that a component allows."""
    has_pods = "argo_plane" in request.fixturenames
    plane: ControlPlane = request.getfixturevalue("argo_plane" if has_pods else "plane")
    with acting_in(plane, namespace, tmp_path, has_pods=has_pods) as made:
        yield made

"""One API server for all tests of remediation; each has its own namespace, its own operator and its own rights."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.operator import harness
from tests.remediation.world import ACTING, Acting, grant

from controlplane import ControlPlane
from controlplane.argo import argo_dir


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
    if argo_dir() is None:
        pytest.skip("Argo's programs are absent: set WFREPORT_ARGO_DIR, or have ../shared/argo")
    with ControlPlane(argo=True, argo_server=True, users={harness.USER: ["system:authenticated"]}) as started:
        harness.grant(started)
        yield started


@pytest.fixture
def acting(request: pytest.FixtureRequest, namespace: str, tmp_path: Path) -> Iterator[Acting]:
    """A namespace, on the plane that the test uses, in which the operator may do everything that a component allows."""
    plane: ControlPlane = request.getfixturevalue("argo_plane" if "argo_plane" in request.fixturenames else "plane")
    grant(plane, namespace, *ACTING)
    with harness.cluster(plane, namespace, tmp_path) as made:
        yield Acting(made)

"""The API server of the live tests. Each test has its own namespace and its own operator."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.live.operator import harness

from controlplane import ControlPlane


@pytest.fixture(scope="session")
def plane() -> Iterator[ControlPlane]:
    """A control plane whose audit log counts the requests of the operator."""
    with ControlPlane(
        workflow_crds="own", users={harness.USER: ["system:authenticated"]}, audit_policy=harness.AUDIT_POLICY
    ) as started:
        harness.grant(started)
        yield started

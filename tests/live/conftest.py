"""The API server of the live tests. Each test has its own namespace and its own operator."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.live.operator import harness

from controlplane import ControlPlane


@pytest.fixture(scope="session")
def plane() -> Iterator[ControlPlane]:
    """A control plane whose audit log counts the requests of the operator."""
    with harness.audited_plane() as started:
        yield started

"""Fixtures: a namespace of a real API server for recorded runs."""

from __future__ import annotations

import pytest
from tests.cli.workspace import Workspace

from controlplane import ControlPlane


@pytest.fixture
def workspace(plane: ControlPlane, namespace: str) -> Workspace:
    """Return an empty namespace."""
    return Workspace(plane, namespace)

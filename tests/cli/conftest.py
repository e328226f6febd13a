"""Runs on a real API server for the commands that look at them."""

from __future__ import annotations

import pytest
from tests.cli.workspace import Workspace

from controlplane import ControlPlane


@pytest.fixture
def workspace(plane: ControlPlane, namespace: str) -> Workspace:
    """An empty namespace."""
    return Workspace(plane, namespace)

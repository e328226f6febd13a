"""Runs on a real API server for the commands that look at them."""

from __future__ import annotations

import pytest
from tests.cli.shelf import Shelf

from controlplane import ControlPlane


@pytest.fixture
def shelf(plane: ControlPlane, namespace: str) -> Shelf:
    """An empty namespace."""
    return Shelf(plane, namespace)

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser
from tests.browser.chromium import running_chromium
from tests.cli.workspace import Workspace

from controlplane import ControlPlane


@pytest.fixture
def workspace(plane: ControlPlane, namespace: str) -> Workspace:
    """Return an empty namespace."""
    return Workspace(plane, namespace)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with running_chromium() as started:
        yield started

"""The reader's filters and focus in the live page stay while it changes, in a real Chromium."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import Any

import pytest
from playwright.async_api import Browser, expect
from tests.browser.chromium import CHROMIUM, MISSING, opened
from tests.web.conftest import Worlds
from tests.web.reports import a_report

pytestmark = [
    pytest.mark.browser,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(CHROMIUM is None, reason=MISSING),
]
PATIENT = 120_000
STEPS: list[dict[str, Any]] = [
    {"displayName": f"step-{number}", "nodeId": f"n-{number}", "type": "Pod", "phase": "Succeeded",
     "startedAt": "2026-05-01T12:00:00Z", "finishedAt": "2026-05-01T12:00:10Z"}
    for number in range(20)
]  # fmt: skip


async def test_typing_filters_the_list_and_the_url_and_new_runs_keep_coming(browser: Browser) -> None:
    async with AsyncExitStack() as stack:
        live = await Worlds(stack).local(rights={"team-a"})
        await live.api.put(a_report(name="etl-1"))
        async with opened(browser, str(live.browser.make_url(f"{live.base}/"))) as shown:
            rows, field = shown.page.locator("#runs tbody tr"), shown.page.locator("#f-text")
            await expect(rows).to_have_count(2, timeout=PATIENT)
            await field.fill("etl")
            await expect(rows).to_have_count(1, timeout=PATIENT)
            assert shown.page.url.endswith("/?text=etl")
            await live.api.put(a_report(name="etl-2"))
            await expect(rows).to_have_count(2, timeout=PATIENT)
            await expect(field).to_be_focused(timeout=PATIENT)
            assert shown.complaints == []


async def test_a_run_that_ends_keeps_the_filter_of_its_steps_and_the_focus(browser: Browser) -> None:
    async with AsyncExitStack() as stack:
        live = await Worlds(stack).local(rights={"team-a"})
        await live.api.put(a_report(name="etl", phase="Running", steps=STEPS))
        async with opened(browser, str(live.browser.make_url(f"{live.base}/runs/team-a/etl"))) as shown:
            await shown.until_ready()
            field, rows = shown.page.locator("#query"), shown.page.locator("#rows tr")
            await field.fill("step-1")
            await expect(rows).to_have_count(11, timeout=PATIENT)
            await live.api.put(a_report(name="etl", phase="Failed", steps=STEPS))
            await expect(shown.page.locator("h1")).to_contain_text("OOMKilled", timeout=PATIENT)
            await expect(rows).to_have_count(11, timeout=PATIENT)
            await expect(field).to_have_value("step-1", timeout=PATIENT)
            await expect(field).to_be_focused(timeout=PATIENT)
            assert shown.complaints == []

"""The page of a run in a real Chromium: nothing complains, nothing is fetched, everything can be reached."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.browser.chromium import CHROMIUM, Opened, chromium, opened
from tests.browser.pages import PAGES, write_page

from wfreport.cli.render.html_page import STATIC_STEPS

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is missing (Debian: apt install chromium)"),
    pytest.mark.long,
]


@pytest.fixture
async def browser() -> AsyncIterator[Any]:
    async with chromium() as started:
        yield started


async def ready(shown: Opened) -> None:
    await shown.page.wait_for_selector("html[data-ready]")


async def test_pages_are_quiet_fetch_nothing_and_can_be_used_by_everybody(browser: Any, tmp_path: Path) -> None:
    names = PAGES if os.environ.get("WFREPORT_ALL_PAGES") else ("failed", "hostile")
    for name in names:
        path = write_page(name, tmp_path)
        async with opened(browser, path) as shown:
            await ready(shown)
            assert await shown.accessibility_findings() == [], name
            assert shown.complaints == [], name
            assert shown.requests == [path.as_uri()], name


async def test_ten_thousand_steps_can_be_filtered_folded_zoomed_and_linked(browser: Any, tmp_path: Path) -> None:
    path = write_page("10000", tmp_path)
    async with opened(browser, path) as shown:
        page = shown.page
        await ready(shown)
        assert await page.locator("#rows tr").count() == STATIC_STEPS
        await page.fill("#query", "item-9876")
        assert await page.locator("#found").inner_text() == "1 of 10000 steps match"
        await page.locator("#rows .steplink").click()
        assert "#step-" in page.url
        await page.locator("tr.there", has_text="item-9876").wait_for()
        await page.click("#fold-all")
        assert await page.locator("#rows tr").count() == 1
        await page.click("#zoom button[value=in]")
        assert await page.locator("#times svg").first.get_attribute("viewBox") == "250 0 500 16"
        assert shown.complaints == []


async def test_without_script_the_cause_and_the_first_steps_are_readable(browser: Any, tmp_path: Path) -> None:
    async with opened(browser, write_page("1000", tmp_path), java_script_enabled=False) as shown:
        text = await shown.page.inner_text("main")
        assert "Why it failed" in text
        assert "Where the time went" in text
        assert await shown.page.locator("#rows tr").count() == STATIC_STEPS
        assert f"the first {STATIC_STEPS} of 1000 steps" in text
        assert not await shown.page.locator("#tools").is_visible()

"""The page of a run in a real Chromium: nothing complains, nothing is fetched, everything can be reached."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.async_api import Browser
from tests.browser.chromium import CHROMIUM, MISSING, opened
from tests.browser.pages import PAGES, write_page

from wfreport.cli.render.html_page import STATIC_STEPS

SHORT: Final = ("25", "failed", "running", "hostile")
IS_WHOLE: Final = "WFREPORT_BROWSER" in os.environ
SCREENSHOTS: Final = os.environ.get("WFREPORT_SCREENSHOTS")
WIDE: Final = {"width": 820, "height": 1200}
LOOKS: Final[dict[str, dict[str, Any]]] = {
    "light": {"viewport": WIDE, "color_scheme": "light"},
    "dark": {"viewport": WIDE, "color_scheme": "dark"},
    "narrow": {"viewport": {"width": 390, "height": 1200}},
    "print": {"viewport": {"width": 794, "height": 1123}},
}
pytestmark = [
    pytest.mark.browser,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(CHROMIUM is None, reason=MISSING),
]


@pytest.mark.parametrize("name", PAGES if IS_WHOLE else SHORT)
async def test_a_page_is_quiet_fetches_nothing_and_can_be_used_by_everybody(
    browser: Browser, tmp_path: Path, name: str
) -> None:
    url = write_page(name, tmp_path).as_uri()
    async with opened(browser, url) as shown:
        ready = await shown.until_ready()
        key = await shown.type_key("9")
        print(f"{name}: ready after {ready:.0f} ms, first key painted after {key:.0f} ms")
        await shown.page.keyboard.press("Backspace")
        assert await shown.accessibility_findings() == []
        assert shown.complaints == []
        assert shown.requests == [url]


async def test_a_dark_page_has_enough_contrast(browser: Browser, tmp_path: Path) -> None:
    async with opened(browser, write_page("failed", tmp_path).as_uri(), color_scheme="dark") as shown:
        await shown.until_ready()
        assert await shown.accessibility_findings() == []


async def test_a_narrow_page_scrolls_in_its_tables_only(browser: Browser, tmp_path: Path) -> None:
    for name in ("failed", "hostile"):
        async with opened(browser, write_page(name, tmp_path).as_uri(), **LOOKS["narrow"]) as shown:
            await shown.until_ready()
            assert (
                await shown.page.evaluate("document.documentElement.scrollWidth")
                <= LOOKS["narrow"]["viewport"]["width"]
            )


async def test_ten_thousand_steps_can_be_filtered_folded_zoomed_and_linked(browser: Browser, tmp_path: Path) -> None:
    async with opened(browser, write_page("10000", tmp_path).as_uri()) as shown:
        page = shown.page
        await shown.until_ready()
        assert await page.locator("#rows tr").count() == STATIC_STEPS
        await page.fill("#query", "item-9876")
        assert await page.locator("#found").inner_text() == "1 of 10000 rows match"
        await page.locator("#rows .steplink").click()
        assert "#step-" in page.url
        await page.locator("tr.there", has_text="item-9876").wait_for()
        await page.click("#fold-all")
        assert await page.locator("#rows tr").count() == 1
        await page.click("#zoom button[value=in]")
        assert await page.locator("#times svg").first.get_attribute("viewBox") == "250 0 500 16"
        assert shown.complaints == []


async def test_without_script_the_cause_and_the_first_steps_are_readable(browser: Browser, tmp_path: Path) -> None:
    url = write_page("1000", tmp_path).as_uri()
    async with opened(browser, url, java_script_enabled=False) as shown:
        text = await shown.page.inner_text("main")
        assert "Why it failed" in text
        assert "Where the time went" in text
        assert await shown.page.locator("#rows tr").count() == STATIC_STEPS
        assert f"the first {STATIC_STEPS} of 1000 steps" in text
        assert not await shown.page.locator("#tools").is_visible()


@pytest.mark.parametrize("look", LOOKS)
async def test_a_page_can_be_pictured_for_the_documentation(browser: Browser, tmp_path: Path, look: str) -> None:
    async with opened(browser, write_page("failed", tmp_path).as_uri(), **LOOKS[look]) as shown:
        await shown.until_ready()
        if look == "print":
            await shown.page.emulate_media(media="print")
        picture = await shown.page.screenshot(path=Path(SCREENSHOTS or tmp_path) / f"page-{look}.png")
        assert picture

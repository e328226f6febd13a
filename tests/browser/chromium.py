"""A real Chromium without a window, in which tests open pages."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import axe_playwright_python
from playwright.async_api import Browser, Dialog, Page, async_playwright

CHROMIUM: Final = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
MISSING: Final = "chromium is missing: install it (Debian: apt install chromium)"
_ARGUMENTS: Final = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-dev-shm-usage")
_TIMEOUT_MILLISECONDS: Final = 120_000
_AXE: Final = Path(axe_playwright_python.__file__).with_name("axe.min.js")
_WATCH_READY: Final = """
new MutationObserver(() => { window.readyAt ??= performance.now(); })
  .observe(document, {attributes: true, subtree: true, attributeFilter: ["data-ready"]});
"""
_TIME_NEXT_KEY: Final = """
window.painted = new Promise((resolve) => addEventListener("keydown", () => {
  const pressed = performance.now();
  requestAnimationFrame(() => setTimeout(() => resolve(performance.now() - pressed)));
}, {capture: true, once: true}));
null;
"""


@dataclass(slots=True)
class OpenPage:
    """A page, with what it did that a page must not do.

    Attributes:
        page: the page.
        complaints: messages on the console, errors and dialogs.
        requests: the URLs that were requested, that of the page first.
    """

    page: Page
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    async def until_ready(self) -> float:
        """Wait until the page can be filtered; return the milliseconds since it was opened."""
        await self.page.wait_for_selector("html[data-ready]")
        return float(await self.page.evaluate("window.readyAt"))

    async def accessibility_findings(self) -> list[str]:
        """Return what axe-core finds, a line for each rule."""
        await self.page.evaluate(f"(() => {{ {_AXE.read_text()} }})()")
        found: dict[str, Any] = await self.page.evaluate("axe.run({resultTypes: ['violations']})")
        return [f"{one['id']}: {one['nodes'][0]['html'][:200]}" for one in found["violations"]]

    async def type_key(self, key: str) -> float:
        """Type a key into the filter; return the milliseconds until its effect was painted."""
        await self.page.focus("#query")
        await self.page.evaluate(_TIME_NEXT_KEY)
        await self.page.keyboard.press(key)
        return float(await self.page.evaluate("window.painted"))


@asynccontextmanager
async def running_chromium() -> AsyncIterator[Browser]:
    """Start Chromium, and end it."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=list(_ARGUMENTS))
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def opened(browser: Browser, url: str, **options: Any) -> AsyncIterator[OpenPage]:
    """Open a URL in a fresh profile and collect complaints and requests."""
    context = await browser.new_context(**options)
    context.set_default_timeout(_TIMEOUT_MILLISECONDS)
    await context.add_init_script(_WATCH_READY)
    page = await context.new_page()
    shown = OpenPage(page)

    async def dismiss(dialog: Dialog) -> None:
        shown.complaints.append(f"dialog: {dialog.message}")
        await dialog.dismiss()

    page.on("console", lambda message: shown.complaints.append(message.text))
    page.on("pageerror", lambda error: shown.complaints.append(str(error)))
    page.on("dialog", dismiss)
    page.on("request", lambda request: shown.requests.append(request.url))
    try:
        await page.goto(url)
        yield shown
    finally:
        await context.close()

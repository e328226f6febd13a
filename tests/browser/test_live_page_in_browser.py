"""The live page in a real Chromium, on a real API server, under the rights of a viewer."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser
from tests.browser.chromium import CHROMIUM, MISSING, opened
from tests.cli.test_ui import READABLE, RUNNING, serving
from tests.cli.workspace import Workspace

from controlplane import ControlPlane

pytestmark = [
    pytest.mark.browser,
    pytest.mark.cluster,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(CHROMIUM is None, reason=MISSING),
]


async def test_a_viewer_watches_a_run_end_and_each_page_is_quiet_and_can_be_used_by_everybody(
    browser: Browser, workspace: Workspace, plane: ControlPlane
) -> None:
    report = workspace.put(RUNNING, workflow=False)
    workspace.put("oom-main", workflow=False)
    hidden = Workspace(plane, plane.create_namespace(f"hidden-{workspace.namespace}"[:63].strip("-")))
    hidden.put("oom-main", workflow=False, name="hidden-run")
    config = workspace.kubeconfig_of("viewer", READABLE, ("get", "list", "watch"))
    with serving("-n", workspace.namespace, env=workspace.environ(config)) as page:
        base = f"http://127.0.0.1:{page.port}{page.path}"
        run = f"/runs/{workspace.namespace}/{report['metadata']['name']}"
        for path in ("/", "/trends", "/remediations", run):
            async with opened(browser, base + path) as shown:
                await shown.page.locator("#view").wait_for()
                assert await shown.accessibility_findings() == [], path
                assert shown.complaints == [], path
                assert all(url.startswith(base) for url in shown.requests), path
                assert "hidden-run" not in await shown.page.content()
        async with opened(browser, base + run) as shown, opened(browser, f"{base}/?phase=Failed") as listed:
            for each in (shown, listed):
                await each.page.locator("#live", has_text="live").wait_for()
            report["status"]["observedWorkflow"] |= {"phase": "Failed", "finishedAt": "2026-11-23T00:00:00Z"}
            report["status"]["summary"] = "this is its end"
            workspace.put_report(report, is_new=False)
            for each in (shown, listed):
                await each.page.get_by_text("this is its end").first.wait_for()
                assert each.complaints == []
            assert "Failed" in await shown.page.locator("h1 .badge").inner_text()
        async with opened(browser, f"{base}/?namespace={hidden.namespace}") as refused:
            await refused.page.get_by_text("get, list and watch workflowreports.wfreport.dev").wait_for()
            assert await refused.accessibility_findings() == []
            assert all("403" in complaint for complaint in refused.complaints)
            assert "hidden-run" not in await refused.page.content()

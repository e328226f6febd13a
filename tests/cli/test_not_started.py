"""The page of a run that has not started, such as one that waits for a lock: its report has no start."""

from __future__ import annotations

import pytest
from tests.builders import a_report, a_snapshot

from wfreport.api.report import WorkflowReport
from wfreport.cli.render.live_details import LiveDetails
from wfreport.cli.render.report_page import report_lines
from wfreport.cli.render.style import Style
from wfreport.core.page.build import build_page


@pytest.mark.parametrize("phase", ["Pending", ""], ids=["locked", "new"])
def test_a_run_that_has_not_started_has_its_creation_and_says_so(phase: str) -> None:
    report = WorkflowReport.model_validate(
        {
            "metadata": {"name": "r", "namespace": "data"},
            "spec": {"workflowRef": {"name": "wf"}},
            "status": a_report(a_snapshot(phase=phase, started_at=None)).dump(),
        }
    )
    shown = [line.plain for line in report_lines(report, Style(width=120), LiveDetails())]
    assert "  created    2026-11-22 02:59:55Z" in shown
    assert "  duration   not started" in shown
    facts = {fact.label: fact.value for fact in build_page(report).facts}
    assert (facts["Created"], "Started" in facts) == ("2026-11-22 02:59:55Z", False)

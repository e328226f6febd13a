"""The time of a page is linear in the number of its steps, whatever their shape and texts are."""

from __future__ import annotations

import pytest
from tests.core.hostile import UNITS, cpu_seconds
from tests.examples import steps

from bench.bounds import SHAPES, messages, workflow_of
from wfreport.api.report import WorkflowReport
from wfreport.cli.render.html_page import html_of
from wfreport.cli.sources.computed_reports import EVERY_STEP, compute_report
from wfreport.core.page.build import build_page
from wfreport.core.page.markdown import markdown_of
from wfreport.core.snapshot.decode import decode_workflow

SMALL, LARGE = 500, 2_000
MAX_RATIO = 10
"""Four times the size costs at most ten times the time; anything quadratic costs sixteen times as much."""
ALL = {**SHAPES, **{f"texts of {unit!r}": messages(unit) for unit in UNITS[::4]}}


def report_of(name: str, size: int) -> WorkflowReport:
    snapshot = decode_workflow(workflow_of(ALL[name](size)))
    return WorkflowReport.model_validate(compute_report(snapshot, {}, EVERY_STEP))


def seconds(report: WorkflowReport) -> float:
    def make() -> None:
        page = build_page(report)
        html_of(page)
        markdown_of(page)

    return cpu_seconds(make, tries=3)


@pytest.mark.parametrize("name", steps(list(ALL), thinned_to=1))
def test_four_times_the_steps_take_no_more_than_linear_time(name: str) -> None:
    small, large = (report_of(name, size) for size in (SMALL, LARGE))
    assert seconds(large) <= MAX_RATIO * max(seconds(small), 0.02)

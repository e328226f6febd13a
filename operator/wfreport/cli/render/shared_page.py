"""Prints reports for others: as an HTML page, or as Markdown for a ticket."""

import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final

from wfreport.api.remediation import Remediation
from wfreport.api.report import WorkflowReport
from wfreport.cli.problems import UnusableInput
from wfreport.cli.render.live_details import LiveDetails
from wfreport.cli.render.remediation_state import message_of, state_of
from wfreport.cli.render.style import one_line
from wfreport.core.page.build import build_page
from wfreport.core.page.model import Fact, RunPage
from wfreport.core.timing.durations import instant

_BETWEEN: Final = "\n---\n\n"


def print_shared(reports: Sequence[Mapping[str, Any]], output: str, details: Sequence[LiveDetails]) -> None:
    """Print ``html`` or ``markdown``.

    Args:
        reports: the reports; HTML is a page of exactly one.
        output: the format.
        details: what each page shows besides its report.

    Raises:
        UnusableInput: HTML is asked for, and there is more than one report.
    """
    if output == "html" and len(reports) > 1:
        raise UnusableInput("-o html", f"it makes a page of one run, and these are {len(reports)}; give one Workflow")
    pages = [page_of(report, live) for report, live in zip(reports, details, strict=True)]
    sys.stdout.buffer.write(_text(pages, output).encode("utf-8", "replace"))
    sys.stdout.buffer.flush()


def page_of(report: Mapping[str, Any], live: LiveDetails | None = None) -> RunPage:
    """Return the page of a report, with next steps from the report alone if nothing else is known."""
    decoded = WorkflowReport.model_validate(report)
    if live is None:
        return build_page(decoded)
    in_order = sorted(live.actions, key=lambda action: (action.spec.attempt, action.metadata.name))
    return build_page(decoded, [_action(action) for action in in_order], live.commands)


def _text(pages: Sequence[RunPage], output: str) -> str:
    if output == "markdown":
        from wfreport.core.page.markdown import markdown_of  # noqa: PLC0415 - one of two formats

        return _BETWEEN.join(map(markdown_of, pages))
    from wfreport.cli.render.html_page import html_of  # noqa: PLC0415 - Jinja2 is slow to import

    return "".join(map(html_of, pages))


def _action(action: Remediation) -> Fact:
    state, _ = state_of(action)
    at = instant(action.metadata.creation_timestamp)
    parts = (state, f"attempt {action.spec.attempt}", at, message_of(action), one_line(action.metadata.name))
    return Fact(one_line(action.spec.action), ", ".join(part for part in parts if part))

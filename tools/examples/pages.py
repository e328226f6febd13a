"""Writes the pages of docs/examples/."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any, Final

from examples.scenarios import SCENARIOS, Scenario
from wfreport.api.report import WorkflowReport
from wfreport.cli.render.console import report_console
from wfreport.cli.render.next_steps import details_without_cluster
from wfreport.cli.render.report_page import print_report
from wfreport.core.next_steps.lines import PLUGIN

_WIDTH: Final = 120
_MADE_BY = "<!-- Made by `make examples` from what the operator wrote: change tools/examples, then make it anew. -->"
_INTRODUCTION = (
    "Ten runs by the real Argo controller, with Argo Server and PostgreSQL, on a local control plane with a simulated "
    "kubelet. The operator wrote all reports."
)


def scenario_page(scenario: Scenario, shown: str) -> str:
    """Return the page of one scenario: its Workflow and the output of `wfreport show`."""
    text = scenario.manifest.read_text()
    comment, _, manifest = text.partition("\n")
    return "\n".join(
        [
            _MADE_BY,
            "",
            f"# {scenario.title}",
            "",
            comment.removeprefix("# "),
            "",
            "```console",
            f"$ kubectl wfreport show {scenario.workflow_name}",
            shown.rstrip(),
            "```",
            "",
            "The Workflow (annotations tell the simulated kubelet how the pod ends):",
            "",
            "```yaml",
            manifest.rstrip(),
            "```",
            "",
        ]
    )


def index_page(table: str) -> str:
    """Return the index of all scenarios."""
    links = [f"* [{scenario.title}]({scenario.file}.md): `{scenario.workflow_name}`" for scenario in SCENARIOS]
    return "\n".join(
        [
            _MADE_BY,
            "",
            "# Examples",
            "",
            _INTRODUCTION,
            "",
            "```console",
            "$ kubectl get workflowreports",
            table.rstrip(),
            "```",
            "",
            *links,
            "",
        ]
    )


def shown(report: Mapping[str, Any], *, has_workflow: bool = True) -> str:
    """Return the output of ``wfreport show``."""
    out = io.StringIO()
    console = report_console("never", out)
    console.width = _WIDTH
    decoded = WorkflowReport.model_validate(report)
    details = details_without_cluster(decoded, PLUGIN, has_workflow=has_workflow)
    print_report(decoded, console, everything=True, live=details)
    return out.getvalue()

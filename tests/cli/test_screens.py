"""The screens of the commands on terminals of several widths, each character as it was approved."""

from __future__ import annotations

import difflib
import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from rich.text import Text
from tests.cli.test_tree import report
from tests.core.test_field import report_of
from tests.core.trends.runs import a_run, history
from tests.recorded import recording

from wfreport.api.action_types import ActionType
from wfreport.api.remediation import Remediation
from wfreport.api.report import WorkflowReport
from wfreport.cli.commands.list import report_columns
from wfreport.cli.commands.remediations import ListedRemediation, remediation_columns
from wfreport.cli.render.live_details import LiveDetails
from wfreport.cli.render.next_steps import next_commands
from wfreport.cli.render.report_page import report_lines
from wfreport.cli.render.style import Style
from wfreport.cli.render.table import table_lines
from wfreport.cli.render.trends import trend_lines
from wfreport.cli.sources.reports import ReportRow
from wfreport.core.next_steps.lines import Invocation
from wfreport.core.trends.facts import RunFacts
from wfreport.core.trends.trends import compute_trends

GOLDEN = Path(__file__).parent / "golden" / "screens"
WIDTHS = (60, 80, 120, 160)
NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
LISTED = [
    "dag-success", "retry-exhausted-varied", "loop-items-one-fails", "steps-parallel-fail", "onexit-handler-fails",
    "suspend-left-b", "image-pull-backoff", "invalid-template-ref", "cron-child-fails", "evicted",
]  # fmt: skip
INVOCATION = Invocation("kubectl wfreport", ["-n", "team-a"])


def row_of(case: str) -> ReportRow:
    return msgspec.json.decode(msgspec.json.encode(report(recording(case)).dump()), type=ReportRow)


def remediation(attempt: int, before: str, after: str, **outcome: str) -> Remediation:
    """Return a RaiseMemory of a weekly close; an outcome is a condition's type with its reason and message."""
    path = "spec.templates[close].container.resources[main].limits.memory"
    name = "weekly-close" if attempt == 1 else f"weekly-close-{'abcdef'[attempt]}71f03b5c2-{attempt - 1}"
    at = NOW - timedelta(hours=5 - attempt)
    conditions = [
        {
            "type": kind,
            "status": {"Executed": "True", "Succeeded": "False", "Approved": "Unknown"}[kind],
            "reason": reason.partition(": ")[0],
            "message": reason.partition(": ")[2],
            "lastTransitionTime": at.isoformat(),
        }
        for kind, reason in outcome.items()
    ]
    return Remediation.model_validate(
        {
            "metadata": {"name": f"{name}-0e2c61d9a{attempt}", "namespace": "team-a", "creationTimestamp": at},
            "spec": {
                "policyRef": {"name": "oom-ladder", "uid": "p", "generation": 3},
                "reportRef": {"name": f"{name}-0e2c61d9aa", "uid": "r"},
                "target": {"name": name, "uid": f"u{attempt}"},
                "rootName": "weekly-close",
                "rootUid": "u1",
                "rule": "more-memory",
                "action": "RaiseMemory",
                "lockClass": "mutate",
                "attempt": attempt,
                "reason": "OOMKilled",
                "approvalRequired": "Approved" in outcome,
                "plan": {"before": {path: before}, "after": {path: after}},
            },
            "status": {"conditions": conditions},
        }
    )


LADDER = [
    remediation(1, "4Gi", "6Gi", Executed="Executed", Succeeded="RunFailed: the new run failed: OOMKilled"),
    remediation(2, "6Gi", "9Gi", Executed="Executed", Succeeded="RunFailed: the new run failed: OOMKilled"),
    remediation(3, "9Gi", "13824Mi", Approved="ApprovalAwaited: a person has to approve it"),
]


def ladder_report() -> WorkflowReport:
    """Return the report of a run whose memory was raised twice, in vain."""
    made: dict[str, Any] = report(recording("retry-exhausted-varied")).dump()
    made["metadata"]["namespace"] = "team-a"
    made["status"]["remediation"] = {
        "attempts": 2,
        "rootUid": "u1",
        "chain": ["weekly-close", "weekly-close-c71f03b5c2-1", "weekly-close-d71f03b5c2-2"],
        "held": {
            "policyName": "oom-ladder",
            "rule": "more-memory",
            "reason": "BreakerOpen",
            "message": "9 of the last 10 runs of this template failed, the limit is 5 of 10",
        },
    }
    made["status"]["resources"] = {"cpuSeconds": 125, "memoryMiBSeconds": 512000}
    made["status"]["links"] = {"ui": f"https://argo.example.org/workflows/team-a/weekly-close?uid={'3f9c1b8e' * 5}"}
    return WorkflowReport.model_validate(made)


def trend_runs() -> list[RunFacts]:
    """Return a month of runs: one of which the later half is slower, one that is flaky, one that fails."""
    path = [{"queuedSeconds": 40}]
    nightly = [a_run(number, seconds=700 + number * 20, criticalPath=path) for number in range(24)]
    retried = {"retries": {"seconds": 95}, "durationSeconds": 80}
    flaky = history("ssfssfissfss", cron="integration-tests-of-everything", timing=retried)
    last = {"remediationRef": "r-1", "action": "RaiseMemory", "outcome": "RunSucceeded"}
    broken = [a_run(30, cron="ml", failed="OOMKilled", fingerprint="f2", remediation={"last": last})]
    return [*nightly, *flaky, *broken]


def page_lines(shown: WorkflowReport, width: int, actions: Sequence[Remediation] = ()) -> list[Text]:
    commands = next_commands(shown, actions, INVOCATION, has_workflow=True)
    return report_lines(shown, Style(width=width), LiveDetails(NOW, actions, commands))


def screen_lines(screen: str, width: int) -> list[Text]:
    style = Style(width=width)
    if screen == "list":
        rows = sorted(map(row_of, LISTED), key=lambda row: row.spec.workflow_ref.name)
        return table_lines(style, report_columns(NOW, all_namespaces=False, wide=False), rows)
    if screen == "remediations":
        columns = remediation_columns(NOW, all_namespaces=False, wide=False)
        return table_lines(style, columns, [ListedRemediation({}, each) for each in reversed(LADDER)])
    if screen == "trends":
        return trend_lines(style, compute_trends(trend_runs()), all_namespaces=False, limit=20)
    if screen == "show-ladder":
        return page_lines(ladder_report(), width, LADDER)
    if screen.startswith("show-reported-"):
        return page_lines(report_of(screen.removeprefix("show-reported-")), width)
    return page_lines(report(recording(screen.removeprefix("show-"))), width)


def test_an_action_names_what_it_responds_to_because_a_run_that_was_stopped_no_longer_shows_it() -> None:
    (raised,) = LADDER[:1]
    stop = raised.spec.model_copy(update={"action": ActionType.STOP, "reason": "MainEnded"})
    actions = [raised.model_copy(update={"spec": stop})]
    shown = "\n".join(line.plain for line in page_lines(ladder_report(), 160, actions))
    assert "Stop 1 after MainEnded" in shown


SCREENS = [
    "list",
    "remediations",
    "trends",
    "show-ladder",
    "show-suspend-left-b",
    "show-image-pull-backoff",
    "show-cron-child-fails",
    "show-reported-13-failedmount-secret",
    "show-reported-41-artifact-gc-delete-stuck",
    "show-reported-57-quota-init-wait",
    "show-reported-65-sidecar-alive-35",
    "show-reported-72-resource-rbac",
]


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("screen", SCREENS)
def test_a_screen_is_as_it_was_approved(screen: str, width: int) -> None:
    shown = "".join(f"{line.plain}\n" for line in screen_lines(screen, width))
    path = GOLDEN / f"{screen}.{width}.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(shown)
    approved = path.read_text() if path.exists() else ""
    assert shown == approved, "\n".join(difflib.unified_diff(approved.splitlines(), shown.splitlines(), lineterm=""))

"""The page of a report: golden files of recorded runs, the outline against Argo's own names, and hostile reports."""

from __future__ import annotations

import difflib
import functools
import os
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.examples import is_fast, steps
from tests.recorded import LARGEST, Recording, chosen_recordings, recording, recordings

from wfreport.api.gaps import EVIDENCE_GAPS
from wfreport.api.reasons import Reason
from wfreport.api.report import Step, WorkflowReport
from wfreport.cli.render.report_page import report_lines
from wfreport.cli.render.style import ASCII, UNICODE, Style, glyphs_for, terminal_safe
from wfreport.cli.sources.computed_reports import compute_report
from wfreport.core.snapshot.decode import decode_event, decode_pod, decode_workflow
from wfreport.core.snapshot.model import PodEvidence, Snapshot
from wfreport.core.step_outline import OutlineEntry, outline_steps

pytestmark = pytest.mark.long

GOLDEN = Path(__file__).parent / "golden"
SHAPES = [
    "dag-success", "retry-exhausted-varied", "loop-items-one-fails", "steps-parallel-fail", "onexit-handler-fails",
    "suspend-left-b", "image-pull-backoff", "nested-3-deep-b", "invalid-template-ref", "stop-after-failure",
    "depends-a-failed-then-fails-b", "evicted", *([] if is_fast() else [LARGEST]),
]  # fmt: skip
TERMINAL = Style(width=80)
LABEL_COLUMNS = 13


def snapshot_of(case: Recording) -> Snapshot:
    return decode_workflow(case.final["workflow"])


@functools.cache
def report(case: Recording) -> WorkflowReport:
    events = [decode_event(event) for event in case.final["events"]]
    evidence = {}
    for pod in map(decode_pod, case.final["pods"]):
        mine = [event for event in events if event.involved_object.uid == pod.metadata.uid]
        evidence[pod.metadata.name] = PodEvidence(pod, mine)
    return WorkflowReport.model_validate(compute_report(snapshot_of(case), evidence))


def text(shown: WorkflowReport | dict[str, Any], style: Style) -> str:
    return "".join(f"{line.plain}\n" for line in report_lines(shown, style))


def test_missing_evidence_is_named_in_words() -> None:
    shown = report(recording("retry-exhausted-varied"))
    status = shown.status
    assert status is not None
    assert status.failures
    failure = status.failures[0]

    def missing(*reasons: str) -> str:
        lacking = replace(failure, evidence_missing=list(reasons))
        page = text(replace(shown, status=replace(status, failures=[lacking])), Style())
        return (
            next(line for line in page.splitlines() if line.startswith("  missing")).removeprefix("  missing").strip()
        )

    assert missing("LogGone") == "log (pod was already gone)"
    assert missing("OfANewerVersion") == "OfANewerVersion"
    assert not [reason for reason in (*EVIDENCE_GAPS, Reason.LOG_DISABLED) if reason in missing(reason)]


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("style", [Style(), TERMINAL], ids=["pipe", "terminal"])
def test_the_tree_of_a_recorded_run_is_as_it_was_approved(name: str, style: Style) -> None:
    path = GOLDEN / f"{name}.{'terminal' if style.width else 'pipe'}.txt"
    shown = text(report(recording(name)), style)
    if os.environ.get("UPDATE_GOLDEN"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(shown)
    approved = path.read_text()
    difference = "\n".join(
        difflib.unified_diff(approved.splitlines(), shown.splitlines(), "approved", "shown", lineterm="")
    )
    assert shown == approved, f"{difference}\nUPDATE_GOLDEN=1 approves it"


def test_in_every_recorded_run_the_outline_agrees_with_the_full_names() -> None:
    """Reports have no full names of nodes, only display names, ids and children; the full names verify the outline."""
    wrong = []
    for case in steps(recordings(), thinned_to=40):
        snapshot, shown = snapshot_of(case), report(case)
        tree = snapshot.tree
        outline = outline_steps(shown.status.steps or [] if shown.status else [], shown.spec.workflow_ref.name)
        pending: list[tuple[OutlineEntry, str | None]] = [
            (top, None) for top in (*outline.main, *outline.exit_handlers)
        ]
        while pending:
            entry, holder = pending.pop()
            node = snapshot.nodes[entry.step.node_id]
            outer = next((outer.id for outer in tree.enclosing(node)), None)
            if outer != holder and node.name != tree.exit_handler_name:
                wrong.append(f"{case.name}: {node.name} lies in {holder}, not {outer}")
            pending += [(inner, node.id) for inner in entry.inside]
    assert wrong == []


@pytest.mark.parametrize("case", chosen_recordings(), ids=lambda case: case.name)
def test_no_line_is_wider_than_the_terminal_and_every_failure_is_shown(case: Recording) -> None:
    shown = report(case)
    wide = [line.plain for line in report_lines(shown, TERMINAL) if line.cell_len > 80]
    assert [line for line in wide if len(line[LABEL_COLUMNS:].split()) > 1] == [], "only a name or URL is never wrapped"
    in_pipe = text(shown, Style())
    failures = (shown.status and shown.status.failures) or []
    assert [failure.pod_name for failure in failures if failure.pod_name and failure.pod_name not in in_pipe] == []
    assert text(shown, Style(glyphs=ASCII, width=60))


MINIMAL = {
    "apiVersion": "wfreport.dev/v1alpha1",
    "kind": "WorkflowReport",
    "metadata": {"name": "r", "namespace": "n"},
    "spec": {"workflowRef": {"name": "wf"}},
}


def test_a_report_without_a_status_is_shown() -> None:
    assert text(MINIMAL, Style()).startswith("◷ wf  Pending  namespace n\n")


def step(name: str, phase: str = "Succeeded", **more: Any) -> dict[str, Any]:
    return {"displayName": name, "nodeId": name, "type": "Pod", "phase": phase, **more}


def with_status(**status: Any) -> dict[str, Any]:
    return MINIMAL | {"status": status}


def test_escape_sequences_of_a_workflow_do_not_reach_the_terminal() -> None:
    hostile = "\x1b[2J\x1b]0;title\x07ok\u202egnp\x00\x9b31m"
    shown = text(with_status(summary=hostile, steps=[step(hostile, "Failed", message=hostile)]), TERMINAL)
    assert not any(char in shown for char in "\x1b\x07\x00\x9b\u202e")
    assert "ok\\u202egnp\\x00" in shown


def test_a_log_tail_keeps_its_lines_and_markup_in_it_is_only_text() -> None:
    failure = {
        "role": "RootCause", "class": "ExitCode", "owner": "User", "retryable": False, "confidence": "High",
        "logTail": {"text": "[red]one[/red]\n  two\n\nthree\n", "lines": 4, "bytes": 20},
    }  # fmt: skip
    shown = text(with_status(failures=[failure]), Style())
    assert "    │ [red]one[/red]\n    │   two\n    │\n    │ three\n" in shown


def test_a_phase_that_nobody_knows_is_shown_with_a_question_mark() -> None:
    assert "? a" in text(with_status(steps=[step("a", "Levitating")]), Style())


def test_earlier_runs_truncation_and_missing_nodes_are_shown() -> None:
    conditions = [
        {"type": "Truncated", "status": "True", "reason": "SizeLimit", "message": "left out: 3 of 9 steps"},
        {"type": "NodesAvailable", "status": "False", "reason": "NodesOffloaded", "message": "in a database"},
    ]
    for condition in conditions:
        condition["lastTransitionTime"] = "2026-01-01T00:00:00Z"
    runs = [{"phase": "Failed", "class": "OOMKilled", "summary": "it was too big", "startedAt": "2026-01-01T00:00:00Z"}]
    shown = text(with_status(conditions=conditions, runs=runs), Style())
    assert "Truncated: left out: 3 of 9 steps" in shown
    assert "NodesOffloaded: in a database" in shown
    assert "✖ Failed (OOMKilled)  since 2026-01-01 00:00:00Z  it was too big" in shown


def test_on_a_terminal_the_sixth_and_later_root_causes_have_one_line_each() -> None:
    failure = {"role": "RootCause", "class": "ExitCode", "owner": "User", "retryable": False, "confidence": "High"}
    status = with_status(failures=[failure | {"displayName": f"f{n}"} for n in range(8)])
    assert "MORE FAILURES" in text(status, TERMINAL)
    assert "ROOT CAUSE 8 of 8  f7" in text(status, Style())


@given(st.lists(st.lists(st.integers(-2, 12), max_size=6), max_size=12))
def test_every_step_is_in_the_outline_once_whatever_the_children_are(children: list[list[int]]) -> None:
    """Children can form cycles and joins, be missing, or have several roots."""
    steps = [
        Step(display_name=f"s{n}", node_id=f"s{n}", type=("DAG", "Pod")[n % 2], phase="Succeeded", children=inner)
        for n, inner in enumerate(children)
    ]
    outline = outline_steps(steps, "wf")
    seen = [entry.step.node_id for top in (*outline.main, *outline.exit_handlers) for entry in top.walk()]
    assert sorted(seen) == sorted(step.node_id for step in steps)
    shown = text(with_status(steps=[step.dump() for step in steps]), Style())
    assert sum(shown.splitlines().count(line) for line in set(shown.splitlines())) >= len(steps)


@given(st.text())
def test_terminal_safe_text_cannot_move_the_cursor(value: str) -> None:
    shown = set(terminal_safe(value)) - set("\n\u200c\u200d")
    assert [char for char in shown if unicodedata.category(char) in {"Cc", "Cf", "Cs", "Zl", "Zp"}] == []


def test_glyphs_follow_the_encoding() -> None:
    assert glyphs_for("utf-8") is UNICODE
    assert glyphs_for("latin-1") is ASCII
    assert glyphs_for("no-such-encoding") is ASCII
    assert glyphs_for(None) is ASCII


def a_path(*steps: tuple[str, int, int], **timing: Any) -> dict[str, Any]:
    """Return a report with a critical path of ``(name, wait, seconds)``."""
    path = [
        {"displayName": name, "nodeId": name, "waitSeconds": wait, "seconds": seconds} for name, wait, seconds in steps
    ]
    total = sum(wait + seconds for _, wait, seconds in steps)
    return with_status(timing={"durationSeconds": total, "gapSeconds": 0} | timing, criticalPath=path)


def test_on_a_terminal_the_critical_path_has_bars_and_its_short_steps_are_counted() -> None:
    many = a_path(*((f"s{n}", 0, 100 if n % 2 else 1) for n in range(20)))
    shown = text(many, TERMINAL)
    assert "8 shorter steps (--all lists them)" in shown
    assert "█" in shown
    assert "shorter steps" not in text(many, Style(width=80, everything=True))
    in_pipe = text(many, Style())
    assert "█" not in in_pipe
    assert all(f"  s{n} " in in_pipe for n in range(20))


def test_the_slowest_step_is_shown_if_it_is_not_on_the_critical_path() -> None:
    slowest = {"displayName": "big", "nodeId": "n", "seconds": 90}
    shown = text(a_path(("a", 0, 5), ("b", 1, 5), slowestStep=slowest, gapSeconds=1), Style())
    assert "WHERE THE TIME WENT  critical path: 2 steps, 10s of 11s\n" in shown
    assert "  slowest    big 1m30s, not on this path\n" in shown


def test_steps_that_the_report_lacks_count_and_are_counted() -> None:
    cut = a_path(("a", 0, 5), ("b", 1, 5), criticalPathSteps=402, criticalPathSeconds=500, gapSeconds=100)
    cut["status"]["criticalPath"][1]["unlistedSeconds"] = 480
    shown = text(cut, Style())
    assert "WHERE THE TIME WENT  critical path: 402 steps, 8m20s of 10m00s\n" in shown
    assert "  not in the report: 400 shorter steps\n" in shown


def test_a_run_of_one_step_or_of_no_time_has_no_chart() -> None:
    assert "WHERE THE TIME WENT" not in text(a_path(("a", 0, 5)), Style())
    assert "WHERE THE TIME WENT" not in text(a_path(("a", 0, 0), ("b", 0, 0)), Style())
    late = text(a_path(("a", 60, 5), gapSeconds=60), Style())
    assert "WHERE THE TIME WENT  critical path: 1 step, 5s of 1m05s\n" in late


def test_the_cost_of_retries_is_in_the_header() -> None:
    cost = {"attempts": 1, "pods": 1, "seconds": 60, "backoffSeconds": 0}
    assert "retries    1 retry: 1m00s in 1 failed pod\n" in text(with_status(timing={"retries": cost}), Style())


def test_a_long_queue_time_is_shown() -> None:
    assert "queued 2m00s" in text(with_status(steps=[step("a", queuedSeconds=120)]), Style())
    assert "queued" not in text(with_status(steps=[step("a", queuedSeconds=2)]), Style())

"""Renders a WorkflowReport for people: the outcome, the failures, and the steps as a tree.

It needs only the report, so it can also render one whose Workflow was deleted.
"""

import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from rich.text import Text

from wfreport.api.argo import Phase
from wfreport.api.calendar import duration_of, shifted
from wfreport.api.condition import Condition
from wfreport.api.counts import Counts, StepCounts
from wfreport.api.reasons import ConditionType, StallReason
from wfreport.api.report import ReportStatus, Waiting, WorkflowReport
from wfreport.api.run import EarlierRun, NamedValue
from wfreport.cli.render.console import report_console
from wfreport.cli.render.failures import add_failures, never_ran
from wfreport.cli.render.live_details import NOTHING_LIVE, LiveDetails
from wfreport.cli.render.page import TextPage, ago, joined, phase_mark, phase_style, span
from wfreport.cli.render.remediation import add_remediation
from wfreport.cli.render.shown_texts import ShownTexts, is_about_a_child
from wfreport.cli.render.step_tree import add_rows
from wfreport.cli.render.style import Style, glyphs_for, one_line
from wfreport.cli.render.time_chart import add_times, retry_cost
from wfreport.core.next_steps.lines import NextCommand
from wfreport.core.next_steps.prospects import leading_prospect
from wfreport.core.next_steps.stalls import pod_of_stall
from wfreport.core.plurals import plural
from wfreport.core.render.columns import cause_of
from wfreport.core.render.conditions import creation_of
from wfreport.core.step_outline import Outline, StepNames, outline_steps
from wfreport.core.timing.durations import instant, short_duration
from wfreport.core.timing.hung_pods import HUNG_REASONS

if TYPE_CHECKING:
    from rich.console import Console

_MIN_COLUMNS: Final = 40
_NOT_STARTED: Final = frozenset({None, "", Phase.PENDING})
_OF_PODS: Final = (StallReason.MAIN_ENDED, StallReason.MAIN_NOT_STARTED, StallReason.POD_TERMINATING)
"""Stalls by a pod that exists."""


def print_pages(
    reports: Sequence[WorkflowReport | Mapping[str, Any]],
    details: Sequence[LiveDetails],
    *,
    color: str,
    everything: bool,
) -> None:
    """Print reports on stdout, with empty lines between them."""
    console = report_console(color, sys.stdout)
    for number, (report, live) in enumerate(zip(reports, details, strict=True)):
        if number:
            console.print("\n")
        print_report(report, console, everything=everything, live=live)


def print_report(
    report: WorkflowReport | Mapping[str, Any],
    console: "Console",
    *,
    everything: bool = False,
    live: LiveDetails = NOTHING_LIVE,
) -> None:
    """Print a report: fitted to the width of a terminal, in full in a pipe."""
    for line in report_lines(report, style_of(console, everything=everything), live):
        # soft_wrap: the lines are already fitted, and rich must neither pad nor cut them.
        console.print(line, soft_wrap=True, highlight=False, markup=False, emoji=False)


def style_of(console: "Console", *, everything: bool) -> Style:
    """Return the style of a page on this console."""
    width = max(console.width, _MIN_COLUMNS) if console.file.isatty() else None
    return Style(glyphs=glyphs_for(console.encoding), width=width, everything=everything)


def report_lines(
    report: WorkflowReport | Mapping[str, Any], style: Style, live: LiveDetails = NOTHING_LIVE
) -> list[Text]:
    """Return the lines of a report. This function is pure, so that tests can compare every character."""
    decoded = report if isinstance(report, WorkflowReport) else WorkflowReport.model_validate(report)
    page = TextPage(style)
    status = decoded.status or ReportStatus.model_validate({})
    outline = outline_steps(status.steps or (), decoded.spec.workflow_ref.name)
    names = StepNames(outline, decoded.spec.workflow_ref.name)
    _add_header(page, decoded, status, live)
    add_failures(page, status, names)
    _add_stalled(page, status, live)
    _add_waiting(page, status, live, names)
    add_remediation(page, status, live.actions, now=live.now)
    _add_next(page, live.commands)
    _add_warnings(page, status)
    add_times(page, status)
    _add_steps(page, outline, status)
    _add_outputs(page, status)
    _add_earlier_runs(page, status.runs or [])
    _add_truncation(page, status)
    return page.lines


def _add_next(page: TextPage, commands: Sequence[NextCommand]) -> None:
    """Add what to do next. Commands are never wrapped, so that they can be copied; a long reason stands below."""
    if not commands:
        return
    page.heading("NEXT")
    topic = ""
    for command in commands:
        if command.topic != topic:
            topic = command.topic
            page.lines.append(Text(f"{one_line(topic)}:" if topic else "Else:", style="bold"))
        mark = Text(f"{page.style.glyphs.arrow} ", style="dim")
        if not command.line:
            page.hanging(mark, Text(one_line(command.reason)))
            continue
        line = mark + Text(one_line(command.line), style="cyan")
        reason = Text(f"# {one_line(command.reason)}", style="dim")
        if page.style.width is None or line.cell_len + reason.cell_len + 2 <= page.style.width:
            page.lines.append(line + Text("  ") + reason)
            continue
        page.lines.append(line)
        page.hanging(Text("    "), reason)


def _add_header(page: TextPage, report: WorkflowReport, status: ReportStatus, live: LiveDetails) -> None:
    workflow = status.observed_workflow
    phase = workflow.phase if workflow else None
    cause = cause_of(status)
    outcome = f"{one_line(phase or 'Pending')}{f' ({one_line(cause)})' if cause else ''}"
    title = Text(f"{one_line(report.spec.workflow_ref.name)}  ", style="bold")
    title.append(outcome, style=phase_style(phase or Phase.PENDING))
    title.append(f"  namespace {one_line(report.metadata.namespace)}", style="dim")
    page.hanging(phase_mark(page.style, phase or Phase.PENDING) + Text(" "), title)
    if status.summary:
        page.hanging(Text("  "), Text(one_line(status.summary), style="bold"), max_lines=4)
        page.record_shown(status.summary)
    page.blank()
    page.field("created", _created(page, status, live.now))
    page.field("duration", _duration(page, status, live.now))
    page.field("progress", workflow.progress if workflow else None)
    page.field("steps", _counts(status.step_counts, status.counts))
    page.field("message", _message(page, status))
    page.field("retries", retry_cost(status.timing.retries) if status.timing else None)
    page.field("from", _source(page, status))
    page.field("by", status.workflow_source.creator if status.workflow_source else None)
    page.field("parameters", _values(page, status.parameters))
    page.field("requested", _resources(status.resources))
    page.verbatim("ui", status.links.ui if status.links else None)
    page.verbatim("trace", status.links.trace if status.links else None)
    for condition in _bad_conditions(status):
        page.field("note", f"{condition.reason}: {condition.message}", style="yellow")


def _message(page: TextPage, status: ReportStatus) -> str:
    """Return the Workflow's message, unless the summary or a failure has it."""
    message = (status.observed_workflow.message if status.observed_workflow else None) or ""
    failures = [failure.message for failure in status.failures or () if failure.message]
    of_failures = ShownTexts()
    for text in failures[:1]:
        of_failures.add(text)
    is_known = page.shown.has(message) or of_failures.has(message) or (bool(failures) and is_about_a_child(message))
    return "" if is_known else message


def _created(page: TextPage, status: ReportStatus, now: datetime | None) -> str:
    """Return the time of creation. The report has the start of the run, and how long before it was created."""
    started_at = status.observed_workflow.started_at if status.observed_workflow else None
    queued = duration_of((status.timing and status.timing.queued_seconds) or 0)
    created_at = shifted(started_at, -queued) if started_at else creation_of(status)
    if created_at is None:
        return ""
    return joined(page.style, [instant(created_at), ago(created_at, now) if now else None])


def _duration(page: TextPage, status: ReportStatus, now: datetime | None) -> str:
    workflow, timing = status.observed_workflow, status.timing
    started_at = workflow.started_at if workflow else None
    if workflow and not started_at and workflow.phase in _NOT_STARTED:
        return "not started"
    seconds = timing.duration_seconds if timing else None
    if seconds is None and started_at and now and not (workflow and workflow.finished_at):
        seconds = int((now - started_at).total_seconds())
    ran = short_duration(seconds) if seconds is not None else None
    queued = f"started {short_duration(timing.queued_seconds)} later" if timing and timing.queued_seconds else None
    times = span(page.style, workflow.started_at, workflow.finished_at) if workflow else None
    return joined(page.style, [ran, times, queued])


def _resources(resources: Mapping[str, int] | None) -> str:
    """Return Argo's resourcesDuration, which is requests multiplied by time: ``5 CPU-seconds, 1,200 MiB-seconds``."""
    named = {
        "cpuSeconds": "CPU-seconds",
        "memoryMiBSeconds": "MiB-seconds of memory",
        "ephemeralStorageGiBSeconds": "GiB-seconds of storage",
    }
    used = [f"{amount:,} {named.get(name, one_line(name))}" for name, amount in (resources or {}).items() if amount]
    return ", ".join(used)


def _counts(steps: StepCounts | None, nodes: Counts | None) -> str:
    """Return the number of steps that do work; of a report of an earlier version, nothing."""
    if steps is None:
        return "" if nodes else "unknown"
    named = {
        "succeeded": steps.succeeded, "failed": steps.failed, "running": steps.running, "pending": steps.pending,
        "skipped": steps.skipped, "omitted": steps.omitted,
        "memoized": nodes.memoized if nodes else 0,
    }  # fmt: skip
    parts = [f"{count} {name}" for name, count in named.items() if count]
    if nodes and nodes.retried_attempts:
        parts.append(f"{plural(nodes.retried_attempts, 'failed attempt')} retried")
    return f"{steps.total}: {', '.join(parts)}" if parts else str(steps.total)


def _source(page: TextPage, status: ReportStatus) -> str:
    source = status.workflow_source
    if source is None:
        return ""
    due = f" (due {instant(source.scheduled_at)})" if source.scheduled_at else ""
    return joined(
        page.style,
        [
            f"CronWorkflow {source.cron_workflow}{due}" if source.cron_workflow else None,
            f"WorkflowTemplate {source.workflow_template}" if source.workflow_template else None,
            f"ClusterWorkflowTemplate {source.cluster_workflow_template}" if source.cluster_workflow_template else None,
            f"resubmitted from {source.resubmitted_from}" if source.resubmitted_from else None,
        ],
    )


def _values(page: TextPage, values: list[NamedValue] | None) -> str:
    return joined(
        page.style,
        [one_line(f"{value.name}={value.value if value.value is not None else '?'}") for value in values or []],
    )


def _add_outputs(page: TextPage, status: ReportStatus) -> None:
    if status.outputs is None:
        return
    page.heading("OUTPUTS")
    page.field("parameters", _values(page, status.outputs.parameters))
    artifacts = status.outputs.artifacts or []
    named = [one_line(f"{item.name} ({item.key})" if item.key else item.name) for item in artifacts]
    # A Retry node repeats the artifacts of its last attempt.
    page.field("artifacts", joined(page.style, list(dict.fromkeys(named))))


def _bad_conditions(status: ReportStatus) -> list[Condition]:
    """Return the conditions that make the report incomplete."""
    types = (ConditionType.READY, ConditionType.NODES_AVAILABLE, ConditionType.EVIDENCE_COMPLETE)
    return [
        condition for condition in status.conditions or [] if condition.type in types and condition.status == "False"
    ]


def _add_stalled(page: TextPage, status: ReportStatus, live: LiveDetails) -> None:
    stalled = status.stalled
    if stalled is None:
        return
    since = f" {_since(stalled.since_at, live.now)}" if stalled.since_at else ""
    page.heading("STALLED", f"{stalled.reason}{since}", style="bold red")
    page.message("hangs", stalled.message)
    page.verbatim("pod", pod_of_stall(status) if stalled.reason in _OF_PODS else None)
    page.field("owner", _prospect(page, status))


def _add_waiting(page: TextPage, status: ReportStatus, live: LiveDetails, names: StepNames) -> None:
    waits = [wait for wait in status.waiting or () if not _is_the_stall(wait, status)]
    if not waits:
        return
    page.heading("WAITING", style="bold yellow")
    for waiting in waits:
        name = names.within_task(waiting.node_id) or waiting.display_name
        line = Text(one_line(name or "the Workflow itself"), style="bold")
        line.append(f"  {one_line(waiting.reason)}", style="yellow")
        line.append(f"  {_since(waiting.since_at, live.now)}" if waiting.since_at else "", style="dim")
        line.append(f"  {one_line(waiting.pod_name)}" if waiting.pod_name else "", style="cyan")
        message = (waiting.message or "").removeprefix(f"{waiting.reason}: ")
        is_new = bool(message) and not page.shown.has(message)
        line.append(f"  {one_line(message)}" if is_new else "", style="")
        page.hanging(Text("  ") + phase_mark(page.style, Phase.PENDING) + Text(" "), line, max_lines=4)
        page.record_shown(message)
    if status.stalled is None:
        page.field("owner", _prospect(page, status))


def _is_the_stall(wait: Waiting, status: ReportStatus) -> bool:
    """Return whether a wait is what the run hangs by, seen from its pod."""
    return status.stalled is not None and wait.reason in HUNG_REASONS and wait.node_id == status.stalled.node_id


def _prospect(page: TextPage, status: ReportStatus) -> str:
    """Return who can end the stall or the leading wait, and what to expect of it."""
    prospect = leading_prospect(status)
    return joined(page.style, [prospect.owner, prospect.outlook]) if prospect else ""


def _since(at: datetime, now: datetime | None) -> str:
    lasts = f"for {short_duration((now - at).total_seconds())}, " if now else ""
    return f"{lasts}since {instant(at)}"


def _add_warnings(page: TextPage, status: ReportStatus) -> None:
    if not status.warnings:
        return
    page.heading("WARNINGS", style="bold yellow")
    for warning in status.warnings:
        line = Text(one_line(warning.display_name or "the Workflow"), style="bold")
        line.append(f"  {one_line(warning.reason)}", style="yellow")
        line.append(f"  {one_line(warning.message)}" if warning.message else "", style="")
        page.hanging(Text("  "), line, following=Text("    "), max_lines=4)


def _add_steps(page: TextPage, outline: Outline, status: ReportStatus) -> None:
    if not status.steps:
        return
    page.heading("STEPS")
    complete = status.counts is not None and status.counts.total <= len(status.steps)
    unstarted = frozenset(failure.node_id or "" for failure in status.failures or () if never_ran(failure))
    add_rows(page, outline.main, complete=complete, never_ran=unstarted)
    if outline.exit_handlers:
        page.heading("EXIT HANDLERS AND HOOKS")
        add_rows(page, outline.exit_handlers, complete=complete, never_ran=unstarted)


def _add_earlier_runs(page: TextPage, runs: list[EarlierRun]) -> None:
    if not runs:
        return
    page.heading("EARLIER RUNS")
    for run in runs:
        line = Text(one_line(run.phase or "unknown"), style=phase_style(run.phase))
        line.append(f" ({run.failure_class})" if run.failure_class else "", style="yellow")
        line.append(f"  {span(page.style, run.started_at, run.finished_at)}", style="dim")
        line.append(f"  {one_line(run.summary or run.first_failure or '')}", style="")
        page.hanging(Text("  ") + phase_mark(page.style, run.phase) + Text(" "), line, max_lines=3)


def _add_truncation(page: TextPage, status: ReportStatus) -> None:
    for condition in status.conditions or []:
        if condition.type == ConditionType.TRUNCATED and condition.status == "True":
            page.blank()
            page.hanging(Text("Truncated: ", style="bold yellow"), Text(one_line(condition.message)))

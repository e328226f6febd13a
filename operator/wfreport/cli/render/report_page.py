"""A WorkflowReport for people: what happened, why, and the steps as a tree.

It reads the report alone, never the Workflow: a report that outlived its Workflow is shown just as well.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from rich.text import Text

from wfreport.api.argo import Phase
from wfreport.api.condition import Condition
from wfreport.api.reasons import ConditionType
from wfreport.api.report import Counts, EarlierRun, NamedValue, ReportStatus, WorkflowReport
from wfreport.cli.render.failures import add_failures
from wfreport.cli.render.page import TextPage, instant, joined, phase_mark, phase_style, span
from wfreport.cli.render.step_outline import outline_steps
from wfreport.cli.render.step_tree import add_rows
from wfreport.cli.render.style import Style, glyphs_for, one_line
from wfreport.cli.render.time_chart import add_times, retry_cost
from wfreport.core.timing.durations import short_duration

if TYPE_CHECKING:
    from rich.console import Console

_LEAST_COLUMNS: Final = 40


def print_report(report: WorkflowReport | Mapping[str, Any], console: "Console", *, everything: bool = False) -> None:
    """Print a report: fitted to the terminal, or in full where the console is a pipe."""
    width = max(console.width, _LEAST_COLUMNS) if console.file.isatty() else None
    look = Style(glyphs=glyphs_for(console.encoding), width=width, everything=everything)
    for line in report_lines(report, look):
        # soft_wrap: the lines are of the right width already, and rich must not pad or cut them.
        console.print(line, soft_wrap=True, highlight=False, markup=False, emoji=False)


def report_lines(report: WorkflowReport | Mapping[str, Any], look: Style) -> list[Text]:
    """The lines of a report; pure, so that it can be tested to the letter."""
    seen = report if isinstance(report, WorkflowReport) else WorkflowReport.model_validate(report)
    page = TextPage(look)
    status = seen.status or ReportStatus.model_validate({})
    _add_header(page, seen, status)
    add_failures(page, status.failures or [])
    _add_waiting(page, status)
    _add_warnings(page, status)
    add_times(page, status)
    _add_steps(page, seen, status)
    _add_outputs(page, status)
    _add_earlier_runs(page, status.runs or [])
    _add_truncation(page, status)
    return page.lines


def _add_header(page: TextPage, report: WorkflowReport, status: ReportStatus) -> None:
    workflow = status.observed_workflow
    phase = workflow.phase if workflow else None
    told = " ".join(
        filter(None, [one_line(phase or "Pending"), f"({status.failure_class})" if status.failure_class else ""])
    )
    title = Text(f"{one_line(report.spec.workflow_ref.name)}  ", style="bold")
    title.append(told, style=phase_style(phase or Phase.PENDING))
    title.append(f"  namespace {one_line(report.metadata.namespace)}", style="dim")
    page.hanging(phase_mark(page.look, phase or Phase.PENDING) + Text(" "), title)
    if status.summary:
        page.hanging(Text("  "), Text(one_line(status.summary), style="bold"), most_lines=4)
    page.blank()
    page.field("duration", _duration(page, status))
    page.field("progress", workflow.progress if workflow else None)
    page.field("nodes", _counts(status.counts))
    page.field("message", workflow.message if workflow else None)
    page.field("retries", retry_cost(status.timing.retries) if status.timing else None)
    page.field("from", _source(page, status))
    page.field("parameters", _values(page, status.parameters))
    page.field("ui", status.links.ui if status.links else None)
    page.field("trace", status.links.trace if status.links else None)
    attempts = status.remediation.attempts if status.remediation else 0
    page.field("remediations", f"{attempts} so far" if attempts else None)
    for condition in _bad_conditions(status):
        page.field("note", f"{condition.reason}: {condition.message}", style="yellow")


def _duration(page: TextPage, status: ReportStatus) -> str:
    workflow, timing = status.observed_workflow, status.timing
    ran = short_duration(timing.duration_seconds) if timing and timing.duration_seconds is not None else None
    queued = f"created {short_duration(timing.queued_seconds)} before" if timing and timing.queued_seconds else None
    times = span(page.look, workflow.started_at, workflow.finished_at) if workflow else None
    return joined(page.look, [ran, times, queued])


def _counts(counts: Counts | None) -> str:
    if counts is None:
        return "not known"
    named = {
        "succeeded": counts.succeeded, "failed": counts.failed, "in error": counts.errored, "running": counts.running,
        "pending": counts.pending, "skipped": counts.skipped, "omitted": counts.omitted,
        "from a cache": counts.memoized, "failed attempts retried": counts.retried_attempts,
    }  # fmt: skip
    parts = ", ".join(f"{count} {name}" for name, count in named.items() if count)
    return f"{counts.total}: {parts}" if parts else str(counts.total)


def _source(page: TextPage, status: ReportStatus) -> str:
    source = status.workflow_source
    if source is None:
        return ""
    due = f" (due {instant(source.scheduled_at)})" if source.scheduled_at else ""
    return joined(
        page.look,
        [
            f"CronWorkflow {source.cron_workflow}{due}" if source.cron_workflow else None,
            f"WorkflowTemplate {source.workflow_template}" if source.workflow_template else None,
            f"ClusterWorkflowTemplate {source.cluster_workflow_template}" if source.cluster_workflow_template else None,
            f"resubmitted from {source.resubmitted_from}" if source.resubmitted_from else None,
            f"by {source.creator}" if source.creator else None,
        ],
    )


def _values(page: TextPage, values: list[NamedValue] | None) -> str:
    return joined(
        page.look,
        [one_line(f"{value.name}={value.value if value.value is not None else '?'}") for value in values or []],
    )


def _add_outputs(page: TextPage, status: ReportStatus) -> None:
    if status.outputs is None:
        return
    page.heading("OUTPUTS")
    page.field("parameters", _values(page, status.outputs.parameters))
    artifacts = status.outputs.artifacts or []
    named = [one_line(f"{item.name} ({item.key})" if item.key else item.name) for item in artifacts]
    # A Retry has the artifacts of its last attempt, too.
    page.field("artifacts", joined(page.look, list(dict.fromkeys(named))))


def _bad_conditions(status: ReportStatus) -> list[Condition]:
    """Conditions that make the report less than it could be; a failed run is none of them."""
    wanted = (ConditionType.READY, ConditionType.NODES_AVAILABLE, ConditionType.EVIDENCE_COMPLETE)
    return [
        condition for condition in status.conditions or [] if condition.type in wanted and condition.status == "False"
    ]


def _add_waiting(page: TextPage, status: ReportStatus) -> None:
    if not status.waiting:
        return
    page.heading("WAITING", style="bold yellow")
    for waiting in status.waiting:
        line = Text(one_line(waiting.display_name or "the Workflow itself"), style="bold")
        line.append(f"  {one_line(waiting.reason)}", style="yellow")
        line.append(f"  since {instant(waiting.since_at)}" if waiting.since_at else "", style="dim")
        line.append(f"  {one_line(waiting.pod_name)}" if waiting.pod_name else "", style="cyan")
        told = (waiting.message or "").removeprefix(f"{waiting.reason}: ")
        line.append(f"  {one_line(told)}" if told else "", style="")
        page.hanging(Text("  ") + phase_mark(page.look, Phase.PENDING) + Text(" "), line, most_lines=4)


def _add_warnings(page: TextPage, status: ReportStatus) -> None:
    if not status.warnings:
        return
    page.heading("WARNINGS", style="bold yellow")
    for warning in status.warnings:
        line = Text(one_line(warning.display_name or "the Workflow"), style="bold")
        line.append(f"  {one_line(warning.reason)}", style="yellow")
        line.append(f"  {one_line(warning.message)}" if warning.message else "", style="")
        page.hanging(Text("  "), line, following=Text("    "), most_lines=4)


def _add_steps(page: TextPage, report: WorkflowReport, status: ReportStatus) -> None:
    if not status.steps:
        return
    outline = outline_steps(status.steps, report.spec.workflow_ref.name)
    page.heading("STEPS")
    complete = status.counts is not None and status.counts.total <= len(status.steps)
    add_rows(page, outline.main, complete=complete)
    if outline.exit_handlers:
        page.heading("EXIT HANDLERS AND HOOKS")
        add_rows(page, outline.exit_handlers, complete=complete)


def _add_earlier_runs(page: TextPage, runs: list[EarlierRun]) -> None:
    if not runs:
        return
    page.heading("EARLIER RUNS")
    for run in runs:
        line = Text(one_line(run.phase or "not known"), style=phase_style(run.phase))
        line.append(f" ({run.failure_class})" if run.failure_class else "", style="yellow")
        line.append(f"  {span(page.look, run.started_at, run.finished_at)}", style="dim")
        line.append(f"  {one_line(run.summary or run.first_failure or '')}", style="")
        page.hanging(Text("  ") + phase_mark(page.look, run.phase) + Text(" "), line, most_lines=3)


def _add_truncation(page: TextPage, status: ReportStatus) -> None:
    for condition in status.conditions or []:
        if condition.type == ConditionType.TRUNCATED and condition.status == "True":
            page.blank()
            page.hanging(Text("Cut: ", style="bold yellow"), Text(one_line(condition.message)))

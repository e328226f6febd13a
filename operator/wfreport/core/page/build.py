"""Builds the page of a run from its report."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Final

from wfreport.api.classes import Role
from wfreport.api.comparison import Comparison, Difference, FailureHistory, FailureNovelty
from wfreport.api.gaps import gap_phrase
from wfreport.api.reasons import ConditionType
from wfreport.api.report import Failure, PreviousAttempt, ReportStatus, Waiting, WorkflowReport
from wfreport.api.run import NamedValue, WorkflowSource
from wfreport.core.compare.words import then_and_now
from wfreport.core.next_steps.lines import NextCommand, command_lines, invocation_anywhere
from wfreport.core.next_steps.model import ReportedRun, can_retry
from wfreport.core.page.model import ChangeRow, ComparisonCard, Fact, FailureCard, NextLine, RunPage, StepLink
from wfreport.core.page.steps import place_steps
from wfreport.core.page.texts import block, duration, line
from wfreport.core.page.timeline import draw_timeline, tone_of
from wfreport.core.plurals import plural
from wfreport.core.render.columns import cause_of, telling_reason
from wfreport.core.render.conditions import creation_of
from wfreport.core.render.equal_failures import equal_groups
from wfreport.core.render.sentences import AGENT, failure_phrase, is_of_agent, retry_prospect
from wfreport.core.step_outline import StepNames, outline_steps
from wfreport.core.timing.durations import instant

MAX_FAILURES: Final = 25
MAX_OTHERS: Final = 20
_MAX_LOG_CHARACTERS: Final = 8_000
_NOTHING_TO_COMPARE: Final = "Not known: there is no earlier run of the same origin to compare with."
_MAX_FACTS: Final = 100
_MAX_COMMAND_CHARACTERS: Final = 4_000
_ROLES: Final = {
    Role.ROOT_CAUSE: "a root cause", Role.EXIT_HANDLER: "in an exit handler",
    Role.VICTIM: "stopped because of another failure", Role.TOLERATED: "tolerated by the run",
}  # fmt: skip
_INCOMPLETE: Final = (ConditionType.READY, ConditionType.NODES_AVAILABLE, ConditionType.EVIDENCE_COMPLETE)


def build_page(
    report: WorkflowReport, actions: Sequence[Fact] = (), commands: Sequence[NextCommand] | None = None
) -> RunPage:
    """Return the page of a report.

    Args:
        report: the report.
        actions: what became of each Remediation of the run's chain; empty if none is known.
        commands: what a person does next; None if nothing is known but the report.
    """
    status = report.status or ReportStatus()
    observed = status.observed_workflow
    phase = (observed.phase if observed else None) or "Pending"
    outline = outline_steps(status.steps or (), report.spec.workflow_ref.name)
    names = StepNames(outline, report.spec.workflow_ref.name)
    placed = place_steps(status, outline, report.spec.workflow_ref.name)
    anchors = {one.step.node_id: one.row.anchor for one in placed}
    may_retry = can_retry(status)
    failures = [
        _failure(first, others, anchors, names, can_retry=may_retry)
        for first, *others in equal_groups(status.failures or [], by_log_line=True)
    ]
    return RunPage(
        name=line(report.spec.workflow_ref.name),
        namespace=line(report.metadata.namespace),
        as_of=instant(max(_times(status), default=None)),
        outcome=line(f"{phase} ({cause})" if (cause := cause_of(status)) else phase),
        tone=tone_of(phase),
        summary=line(status.summary, 1000),
        facts=_present(_facts(status)),
        notes=list(_notes(status)),
        failures=failures[:MAX_FAILURES],
        more_failures=sum(1 + len(card.others) + card.more_others for card in failures[MAX_FAILURES:]),
        stalled=_present(_stalled(status)),
        waiting=list(islice(_waiting(status, names), _MAX_FACTS)),
        next_steps=list(_next_steps(report, status) if commands is None else map(_next_line, commands)),
        warnings=list(islice(_warnings(status), _MAX_FACTS)),
        comparison=_comparison(status),
        remediation=[*_present(_remediation(status, has_actions=bool(actions))), *actions],
        timeline=draw_timeline(status, placed),
        steps=[one.row for one in placed],
        steps_note=_steps_note(status, len(placed)),
        earlier=list(_earlier(status)),
        links=_links(status),
    )


def _times(status: ReportStatus) -> Iterator[datetime]:
    """Yield the times in a report that are of the run. The newest is that of its last known change."""
    observed = status.observed_workflow
    known = [observed.started_at, observed.finished_at] if observed else []
    known += [time for step in status.steps or () for time in (step.started_at, step.finished_at)]
    known += [failure.finished_at for failure in status.failures or ()]
    known += [wait.since_at for wait in status.waiting or ()]
    known += [status.stalled.since_at] if status.stalled else []
    return (time for time in known if time)


def _present(facts: Iterable[Fact]) -> list[Fact]:
    return [fact for fact in facts if fact.value]


def _facts(status: ReportStatus) -> Iterator[Fact]:
    observed, timing = status.observed_workflow, status.timing
    if observed:
        yield Fact("Created", "" if observed.started_at else instant(creation_of(status)))
        yield Fact("Started", instant(observed.started_at))
        yield Fact("Ended", instant(observed.finished_at))
    yield Fact("Took", duration(timing.duration_seconds) if timing else "")
    yield Fact("Progress", line(observed.progress) if observed else "")
    counts = status.step_counts
    if counts:
        parts = {"succeeded": counts.succeeded, "failed": counts.failed, "running": counts.running,
                 "pending": counts.pending, "skipped": counts.skipped, "omitted": counts.omitted}  # fmt: skip
        told = ", ".join(f"{count} {name}" for name, count in parts.items() if count)
        yield Fact(
            "Steps", f"{counts.total}: {told} (without groups of steps and superseded attempts)" if told else "0"
        )
    yield Fact("Message", line(observed.message, 1000) if observed else "")
    yield Fact("From", _origin(status.workflow_source))
    yield Fact("Parameters", _values(status.parameters))
    yield Fact("Outputs", _values(status.outputs.parameters) if status.outputs else "")


def _origin(source: WorkflowSource | None) -> str:
    if source is None:
        return ""
    parts = (
        ("CronWorkflow", source.cron_workflow), ("WorkflowTemplate", source.workflow_template),
        ("ClusterWorkflowTemplate", source.cluster_workflow_template), ("resubmitted from", source.resubmitted_from),
        ("by", source.creator),
    )  # fmt: skip
    return ", ".join(f"{label} {line(value)}" for label, value in parts if value)


def _values(values: Sequence[NamedValue] | None) -> str:
    return ", ".join(f"{line(one.name)}={'?' if one.value is None else line(one.value)}" for one in values or ())


def _notes(status: ReportStatus) -> Iterator[str]:
    for condition in status.conditions or ():
        if condition.type in _INCOMPLETE and condition.status == "False":
            yield line(f"{condition.reason}: {condition.message}", 1000)
        elif condition.type == ConditionType.TRUNCATED and condition.status == "True":
            yield line(f"Truncated: {condition.message}", 1000)


def _failure(
    failure: Failure, others: Sequence[Failure], anchors: Mapping[str, str], names: StepNames, *, can_retry: bool
) -> FailureCard:
    tail = failure.log_tail
    return FailureCard(
        title=_title(failure, names),
        phrase=line(failure_phrase(failure), 1000),
        badge=line(telling_reason(failure)),
        meaning=f"{_ROLES.get(failure.role, line(failure.role))}; {_fixer(failure, can_retry=can_retry)}",
        facts=_present(_failure_facts(failure)),
        log=block(tail.text, _MAX_LOG_CHARACTERS) if tail else "",
        log_title=f"Log of {line(tail.container or failure.container) or 'the container'}" if tail else "",
        telling_line=line(failure.log_line),
        events=[_event(one.reason, one.message, one.count, one.last_seen_at) for one in failure.events or ()],
        attempts=[_attempt(attempt) for attempt in failure.previous_attempts or ()],
        anchor=anchors.get(failure.node_id or "", ""),
        others=[StepLink(_title(other, names), anchors.get(other.node_id or "", "")) for other in others[:MAX_OTHERS]],
        more_others=max(0, len(others) - MAX_OTHERS),
    )


def _title(subject: Failure | Waiting, names: StepNames) -> str:
    of_none = AGENT if isinstance(subject, Failure) and is_of_agent(subject) else "The Workflow itself"
    return line(names.within_task(subject.node_id) or subject.display_name) or of_none


def _fixer(failure: Failure, *, can_retry: bool) -> str:
    owners = {"User": "to be corrected by the workflow's owner", "Infrastructure": "caused by the infrastructure",
              "Platform": "caused by the platform"}  # fmt: skip
    return f"{owners.get(failure.owner, line(failure.owner))}; {retry_prospect(failure, can_retry=can_retry)}"


def _failure_facts(failure: Failure) -> Iterator[Fact]:
    yield Fact("Message", block(failure.message, 2000))
    yield Fact("Pod", line(failure.pod_name))
    yield Fact("Container", line(failure.container))
    yield Fact("Machine", line(failure.host_node_name))
    yield Fact("Exit code", "" if failure.exit_code is None else str(failure.exit_code))
    yield Fact("Template", line(failure.template_name))
    yield Fact("Ended", instant(failure.finished_at))
    resources = failure.resources
    yield Fact("Requests", _amounts(resources.requests) if resources else "")
    yield Fact("Limits", _amounts(resources.limits) if resources else "")
    yield Fact("Pod status", line(f"{failure.pod_reason or ''} {failure.pod_message or ''}"))
    yield Fact("Missing evidence", ", ".join(line(gap_phrase(reason)) for reason in failure.evidence_missing or ()))


def _amounts(amounts: dict[str, str] | None) -> str:
    return ", ".join(f"{line(name)} {line(amount)}" for name, amount in sorted((amounts or {}).items()))


def _event(reason: str, message: str, count: int, at: datetime | None) -> Fact:
    times = f" ({count} times)" if count > 1 else ""
    return Fact(line(reason), f"{line(message, 1000)}{times} {instant(at)}".strip())


def _attempt(attempt: PreviousAttempt) -> str:
    code = "" if attempt.exit_code is None else f", exit {attempt.exit_code}"
    memory = f", memory limit {line(attempt.memory_limit)}" if attempt.memory_limit else ""
    return f"{line(attempt.failure_class) or 'failed'}{code}{memory}"


def _stalled(status: ReportStatus) -> Iterator[Fact]:
    if status.stalled:
        yield Fact("Reason", line(status.stalled.reason))
        yield Fact("Since", instant(status.stalled.since_at))
        yield Fact("What hangs", line(status.stalled.message, 1000))


def _waiting(status: ReportStatus, names: StepNames) -> Iterator[Fact]:
    for wait in status.waiting or ():
        since = f" since {instant(wait.since_at)}" if wait.since_at else ""
        message = f": {line(wait.message, 1000)}" if wait.message else ""
        yield Fact(_title(wait, names), f"{line(wait.reason)}{since}{message}")


def _next_steps(report: WorkflowReport, status: ReportStatus) -> Iterator[NextLine]:
    namespace = report.metadata.namespace or ""
    run = ReportedRun(report.spec.workflow_ref.name, namespace, status)
    return map(_next_line, command_lines(run, invocation_anywhere(namespace)))


def _next_line(command: NextCommand) -> NextLine:
    topic = f"{command.topic}: " if command.topic else ""
    return NextLine(line(command.line, _MAX_COMMAND_CHARACTERS), line(f"{topic}{command.reason}", 1000))


def _warnings(status: ReportStatus) -> Iterator[Fact]:
    for warning in status.warnings or ():
        message = f": {line(warning.message, 1000)}" if warning.message else ""
        yield Fact(line(warning.display_name) or "The Workflow", f"{line(warning.reason)}{message}")


def _comparison(status: ReportStatus) -> ComparisonCard | None:
    comparison = status.comparison
    if comparison is None:
        went_wrong = bool(status.failures or status.stalled)
        return ComparisonCard([_NOTHING_TO_COMPARE], changes=[], more=0, slower=[]) if went_wrong else None
    return ComparisonCard(
        sentences=list(_compared(comparison)),
        changes=[_change(one) for one in comparison.changes or ()],
        more=comparison.more_changes or 0,
        slower=[
            f"{line(step.display_name)}: {duration(step.seconds)}, usually {duration(step.baseline_seconds)} "
            f"(median of {plural(step.runs, 'run')}; {step.why.lower()} longer)"
            for step in comparison.steps or ()
        ],
    )


def _compared(comparison: Comparison) -> Iterator[str]:
    last, baseline = comparison.last_success, comparison.baseline
    if last:
        at = f" at {instant(last.finished_at)}" if last.finished_at else ""
        since = f"{plural(last.runs_since, 'run')} in between" if last.runs_since else "no known run in between"
        row = f", the last of {plural(last.successes, 'success')} in a row" if last.successes > 1 else ""
        yield f"Last success: {line(last.workflow_name)}{at}{row}, {since}."
    if comparison.failure:
        yield _history(comparison.failure)
    if baseline and baseline.runs == 1 and not comparison.slow:
        yield f"The one known success took {duration(baseline.p50_seconds)}."
    elif baseline:
        slow = "This run was slow. " if comparison.slow else ""
        yield (
            f"{slow}Successful runs usually take {duration(baseline.p50_seconds)}, 95 % of them at most "
            f"{duration(baseline.p95_seconds)} ({plural(baseline.runs, 'run')})."
        )
    if comparison.last_success and not comparison.changes:
        yield "Nothing that the reports know of differs from that success."
    if comparison.unknown:
        yield line(comparison.unknown, 1000)


def _history(failure: FailureHistory) -> str:
    if failure.novelty == FailureNovelty.NEW:
        return "This failure is new: no known run failed this way before."
    first = f", first at {instant(failure.first_seen_at)}" if failure.first_seen_at else ""
    row = f", {failure.consecutive} in a row" if failure.consecutive > 1 else ""
    return f"This failure was seen before: in {plural(failure.occurrences, 'run')}{row}{first}."


def _change(one: Difference) -> ChangeRow:
    before, after = then_and_now(one)
    return ChangeRow(line(one.what), line(one.name), line(before), line(after, 1000))


def _remediation(status: ReportStatus, *, has_actions: bool) -> Iterator[Fact]:
    summary = status.remediation
    if summary is None:
        return
    held = summary.held
    if held:
        rule = f", rule {line(held.rule)}" if held.rule else ""
        again = f"; checked again at {instant(held.recheck_at)}" if held.recheck_at else ""
        why = f": {line(held.message, 1000)}" if held.message else ""
        yield Fact("Held", f"{line(held.reason)}{why} (policy {line(held.policy_name)}{rule}){again}")
    if summary.last and not has_actions:
        yield Fact("Last action", " ".join(line(summary.last.get(key)) for key in ("action", "outcome")).strip())
    yield Fact("Resubmissions", str(summary.attempts) if summary.attempts else "")
    yield Fact("Runs", " → ".join(map(line, summary.chain or ())) if len(summary.chain or ()) > 1 else "")


def _steps_note(status: ReportStatus, shown: int) -> str:
    total = status.counts.total if status.counts else shown
    if total > shown:
        return (
            f"{shown:,} of {total:,} steps are known here, with groups and attempts: a report keeps those that failed, "
            "ran last or started first."
        )
    return f"{plural(shown, 'row')}: the steps, the groups around them, and each attempt."


def _earlier(status: ReportStatus) -> Iterator[Fact]:
    for run in status.runs or ():
        outcome = f"{line(run.phase) or 'unknown'}{f' ({run.failure_class})' if run.failure_class else ''}"
        yield Fact(outcome, f"{instant(run.started_at)} {line(run.summary or run.first_failure)}".strip())


def _links(status: ReportStatus) -> list[Fact]:
    links = status.links
    return _present([Fact("Argo", _web(links.ui)), Fact("Trace", _web(links.trace))]) if links else []


def _web(url: str | None) -> str:
    """Return a URL that a browser may open; nothing for other schemes, which could be a script."""
    plain = line(url, 2000)
    return plain if plain.lower().startswith(("https://", "http://")) else ""

"""Summarizes a run in one line: the step, what happened with the most relevant number, and the consequences."""

from collections.abc import Sequence

from wfreport.api.argo import Phase, Workflow
from wfreport.api.classes import CAUSES, FailureClass, Role
from wfreport.api.counts import Counts, StepCounts
from wfreport.api.failure_reasons import FailureReason
from wfreport.api.report import Failure, Stalled, StepWarning, Waiting
from wfreport.api.timing import Timing
from wfreport.api.wire import TEXT
from wfreport.core.plurals import plural
from wfreport.core.redact.bounds import cut
from wfreport.core.redact.printable import strip_invisible
from wfreport.core.render.columns import StepLabels, step_name
from wfreport.core.render.equal_failures import LeadingGroup
from wfreport.core.render.phrases import name, tidy
from wfreport.core.render.sentences import AGENT, failure_phrase, is_of_agent, waiting_phrase
from wfreport.core.render.stall import HUNG, stalled_clause
from wfreport.core.timing.durations import short_duration

_MAX_NAMED = 2
_GROUP = 2


def summarize(
    workflow: Workflow,
    *,
    failures: list[Failure],
    roles: Sequence[Role],
    leading: LeadingGroup,
    stalled: Stalled | None,
    waiting: list[Waiting],
    warnings: list[StepWarning],
    counts: Counts | None,
    steps: StepCounts | None,
    timing: Timing | None,
    labels: StepLabels,
    nothing_ran: str | None = None,
) -> str:
    """Summarize a run in one line.

    Args:
        workflow: the run.
        failures: failures that the report lists.
        roles: roles of all failures, even those that are not listed.
        leading: the failures that equal the first one.
        stalled: why the run hangs; None if it does not.
        waiting: waiting steps of a run in progress.
        warnings: problems that did not fail the run.
        counts: number of nodes by phase; None if the nodes cannot be read.
        steps: number of steps that do work; None if the nodes cannot be read.
        timing: timing of the run; None before its end.
        labels: the names of steps.
        nothing_ran: that no step did anything, in words; None if one did.
    """
    phase = workflow.status.phase
    is_warned = stalled is not None and any(warning.message == stalled.message for warning in warnings)
    hang = [stalled_clause(stalled)] if stalled and not is_warned else []
    if phase == Phase.SUCCEEDED:
        ran = [tidy(nothing_ran)] if nothing_ran else []
        ran += [f"it was told to stop (shutdown {name(shutdown)})"] if (shutdown := workflow.spec.shutdown) else []
        parts = [_succeeded(timing), *ran, *_notes_on_success(failures, len(roles), warnings, counts), *hang]
    elif workflow.status.has_failed:
        parts = [_failed(failures[0], leading, workflow, labels), *_consequences(roles, leading, steps), *hang]
        parts += [tidy(warning.message or "") for warning in warnings if warning.reason == HUNG]
    else:
        parts = _active(workflow, failures, roles, leading, hang, waiting, labels)
    return cut(" ".join("; ".join(parts).split()), TEXT)


def _succeeded(timing: Timing | None) -> str:
    return f"Succeeded in {timing.duration}" if timing and timing.duration else "Succeeded"


def _notes_on_success(
    failures: list[Failure], tolerated: int, warnings: list[StepWarning], counts: Counts | None
) -> list[str]:
    """List the problems in a run that succeeded."""
    notes = []
    if counts and counts.retried_attempts:
        notes.append(f"{plural(counts.retried_attempts, 'failed attempt')} retried")
    if failures:
        notes.append(f"{plural(tolerated, 'failure')} tolerated ({_names(failures)})")
    notes += [
        f"{_subject(warning.display_name)}: {tidy(warning.message or warning.reason)}" for warning in warnings[:1]
    ]
    if len(warnings) > 1:
        notes.append(plural(len(warnings) - 1, "other warning"))
    return notes


def _names(failures: list[Failure]) -> str:
    """Return the names of the failed steps: a single one with its failure, otherwise the first two."""
    if len(failures) == 1:
        return f"{_step(failures[0])}: {failure_phrase(failures[0])}"
    names = list(dict.fromkeys(_step(failure) for failure in failures))
    more = f", {len(names) - _MAX_NAMED} more" if len(names) > _MAX_NAMED else ""
    return ", ".join(names[:_MAX_NAMED]) + more


def _failed(first: Failure, leading: LeadingGroup, workflow: Workflow, labels: StepLabels) -> str:
    phrase = failure_phrase(first)
    has_deadline = first.failure_class == FailureClass.TIMEOUT and first.reason != FailureReason.MAX_DURATION_EXCEEDED
    limit = _deadline(first, workflow) if has_deadline else ""
    if limit:
        phrase = f"{phrase.partition('deadline')[0]}deadline of {limit}"
    attempts = f" after {first.attempt} attempts" if first.attempt and first.attempt > 1 else ""
    ended = f" ({first.retries_ended})" if first.retries_ended else ""
    return f"{_who(first, leading, labels)}: {phrase}{attempts}{ended}"


def _who(first: Failure, leading: LeadingGroup, labels: StepLabels) -> str:
    """Return the name of the step that failed, or the number of those that failed alike."""
    if not leading.loop or leading.failed < _GROUP:
        step = _label(first, labels)
        return step if leading.failed < _GROUP else f"{step} and {plural(leading.failed - 1, 'step')} more failed alike"
    number = (
        f"all {leading.failed:,}" if leading.failed == leading.items else f"{leading.failed:,} of {leading.items:,}"
    )
    return f"{number} items of {name(leading.loop)} failed{f' in {name(leading.step)}' if leading.step else ''}"


def _deadline(failure: Failure, workflow: Workflow) -> str:
    """Return the exceeded deadline, if the Workflow states it; a template's deadline may be an expression."""
    if failure.reason == "WorkflowDeadlineExceeded":
        limit: str | int | None = workflow.spec.active_deadline_seconds
    else:
        stored = workflow.status.stored_workflow_template_spec
        templates = [*workflow.spec.templates, *(stored.templates if stored else ())]
        templates += workflow.status.stored_templates.values()
        template = next((t for t in templates if t.name and t.name == failure.template_name), None)
        limit = (template.active_deadline_seconds or template.timeout) if template else None
    if isinstance(limit, int):
        return short_duration(limit)
    return name(limit) if limit and "{{" not in limit else ""


def _subject(display_name: str | None) -> str:
    return name(display_name) if display_name else "workflow"


def _step(failure: Failure) -> str:
    """Return the name of the failed step. The last attempt of a step has the step's name, without its number."""
    if is_of_agent(failure):
        return AGENT
    step = _subject(step_name(failure))
    if failure.role != Role.EXIT_HANDLER:
        return step
    return "exit handler" if step.endswith(".onExit") else f"exit handler {step}"


def _label(failure: Failure, labels: StepLabels) -> str:
    """Return the name of the failed step, with the task around it if its own name says too little."""
    is_step_group = (failure.display_name or "").startswith("[")
    label = labels.readable(failure.node_id) if failure.role == Role.ROOT_CAUSE and not is_step_group else None
    return name(label) if label else _step(failure)


def _consequences(roles: Sequence[Role], leading: LeadingGroup, steps: StepCounts | None) -> list[str]:
    victims = sum(1 for role in roles if role == Role.VICTIM)
    notes = []
    if leading.others:
        notes.append(plural(leading.others, "other failure"))
    if victims:
        notes.append(f"{plural(victims, 'other step')} terminated")
    if steps and steps.omitted:
        notes.append(f"{plural(steps.omitted, 'step')} omitted")
    if steps is None:
        notes.append("its steps cannot be read")
    return notes


def _active(
    workflow: Workflow,
    failures: list[Failure],
    roles: Sequence[Role],
    leading: LeadingGroup,
    hang: list[str],
    waiting: list[Waiting],
    labels: StepLabels,
) -> list[str]:
    status = workflow.status
    # Argo counts pods, so before the first pod the progress is 0/0.
    progress = f" {status.progress}" if status.progress not in ("", "0/0") else ""
    phase = status.phase or ("Retried by hand" if status.waits_for_retry else "Not started")
    parts = [strip_invisible(f"{phase}{progress}")]
    if any(role in CAUSES for role in roles):
        parts.append(_failed(failures[0], leading, workflow, labels))
    if leading.others:
        parts.append(plural(leading.others, "other failure"))
    parts += hang
    parts += [
        f"{_subject(labels.readable(entry.node_id) or entry.display_name)} {waiting_phrase(entry)}"
        for entry in waiting[:1]
    ]
    if len(waiting) > 1:
        parts.append(f"{len(waiting) - 1:,} more waiting")
    return parts

"""The one line a person reads: the step, what happened, the number that matters, what it led to."""

from collections.abc import Sequence

from wfreport.api.argo import Phase, Workflow
from wfreport.api.classes import FailureClass, Role
from wfreport.api.report import Counts, Failure, StepWarning, Waiting
from wfreport.api.timing import Timing
from wfreport.api.wire import TEXT
from wfreport.core.redact.bounds import cut
from wfreport.core.render.phrases import name, plural, tidy
from wfreport.core.render.sentences import what_happened, what_is_waited_for
from wfreport.core.timing.durations import short_duration

_NAMED = 2
_CAUSES = (Role.ROOT_CAUSE, Role.EXIT_HANDLER)


def summarize(
    workflow: Workflow,
    *,
    failures: list[Failure],
    roles: Sequence[Role],
    waiting: list[Waiting],
    warnings: list[StepWarning],
    counts: Counts | None,
    timing: Timing | None,
) -> str:
    """What happened, in one sentence.

    Args:
        workflow: the run.
        failures: those that the report lists.
        roles: of all failures, also of those that are too many to be listed.
        waiting: what holds it up.
        warnings: what went wrong without failing it.
        counts: of its nodes; None where they cannot be read.
        timing: its duration, when it has ended.
    """
    phase = workflow.status.phase
    if phase == Phase.SUCCEEDED:
        parts = [_succeeded(timing), *_on_the_way(failures, len(roles), warnings, counts)]
    elif workflow.status.has_failed:
        parts = [_failed(failures[0], workflow), *_consequences(roles, counts)]
    else:
        parts = _active(workflow, failures, roles, waiting)
    return cut(" ".join("; ".join(parts).split()), TEXT)


def _succeeded(timing: Timing | None) -> str:
    return f"Succeeded in {timing.duration}" if timing and timing.duration else "Succeeded"


def _on_the_way(
    failures: list[Failure], tolerated: int, warnings: list[StepWarning], counts: Counts | None
) -> list[str]:
    """What went wrong in a run that succeeded all the same."""
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
    """Who failed; the one failure with what happened, of many the first two."""
    if len(failures) == 1:
        return f"{_who(failures[0])}: {what_happened(failures[0])}"
    names = list(dict.fromkeys(_who(failure) for failure in failures))
    more = f", {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def _failed(first: Failure, workflow: Workflow) -> str:
    what = what_happened(first)
    limit = _deadline(first, workflow) if first.failure_class == FailureClass.TIMEOUT else ""
    if limit:
        what = f"{what.partition('deadline')[0]}deadline of {limit}"
    attempts = f" after {first.attempt} attempts" if first.attempt and first.attempt > 1 else ""
    return f"{_who(first)}: {what}{attempts}"


def _deadline(failure: Failure, workflow: Workflow) -> str:
    """The deadline that passed, as far as it is written in the Workflow; a template's may be an expression."""
    if failure.reason == "WorkflowDeadlineExceeded":
        limit: str | int | None = workflow.spec.active_deadline_seconds
    else:
        stored = workflow.status.stored_workflow_template_spec
        templates = [*workflow.spec.templates, *(stored.templates if stored else ())]
        templates += workflow.status.stored_templates.values()
        found = next((t for t in templates if t.name and t.name == failure.template_name), None)
        limit = (found.active_deadline_seconds or found.timeout) if found else None
    if isinstance(limit, int):
        return short_duration(limit)
    return name(limit) if limit and "{{" not in limit else ""


def _subject(display_name: str | None) -> str:
    return name(display_name) if display_name else "workflow"


def _who(failure: Failure) -> str:
    """The step: an attempt by the name of its step, for it is the last of them."""
    shown = _subject(failure.display_name)
    if failure.attempt is not None:
        shown = shown.removesuffix(f"({failure.attempt - 1})")
    if failure.role != Role.EXIT_HANDLER:
        return shown
    return "exit handler" if shown.endswith(".onExit") else f"exit handler {shown}"


def _consequences(roles: Sequence[Role], counts: Counts | None) -> list[str]:
    others = sum(1 for role in roles[1:] if role in _CAUSES)
    victims = sum(1 for role in roles if role == Role.VICTIM)
    notes = []
    if others:
        notes.append(plural(others, "other failure"))
    if victims:
        notes.append(f"{plural(victims, 'step')} ended with it")
    if counts and counts.omitted:
        notes.append(f"{plural(counts.omitted, 'step')} omitted")
    if counts is None:
        notes.append("its steps cannot be read")
    return notes


def _active(workflow: Workflow, failures: list[Failure], roles: Sequence[Role], waiting: list[Waiting]) -> list[str]:
    status = workflow.status
    # Argo counts pods: before the first there is none to count.
    progress = f" {status.progress}" if status.progress not in ("", "0/0") else ""
    parts = [f"{status.phase or 'Not started'}{progress}"]
    causes = sum(1 for role in roles if role in _CAUSES)
    if causes:
        parts.append(_failed(failures[0], workflow))
    if causes > 1:
        parts.append(plural(causes - 1, "other failure"))
    parts += [f"{_subject(entry.display_name)} {what_is_waited_for(entry)}" for entry in waiting[:1]]
    if len(waiting) > 1:
        parts.append(f"{len(waiting) - 1:,} more waiting")
    return parts

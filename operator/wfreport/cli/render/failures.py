"""Renders the failures of a report: the cause, its owner, and the evidence from the pod."""

from typing import Final

from rich.text import Text

from wfreport.api.classes import Confidence, FailureClass, Role
from wfreport.api.evidence import ContainerEnd, ContainerSummary
from wfreport.api.failure_reasons import FailureReason
from wfreport.api.gaps import gap_phrase
from wfreport.api.report import Failure, PreviousAttempt, ReportStatus
from wfreport.cli.render.page import TextPage, joined, span
from wfreport.cli.render.quantities import human_memory, with_sizes
from wfreport.cli.render.style import one_line, terminal_safe
from wfreport.core.next_steps.model import can_retry
from wfreport.core.plurals import plural
from wfreport.core.render.equal_failures import equal_groups
from wfreport.core.render.meanings import class_meaning, reason_beyond_class, reason_meaning
from wfreport.core.render.sentences import AGENT, is_of_agent, retry_prospect
from wfreport.core.step_outline import StepNames
from wfreport.core.timing.durations import short_duration

_TITLES: Final = {Role.ROOT_CAUSE: "ROOT CAUSE", Role.EXIT_HANDLER: "EXIT HANDLER FAILED"}
_BEFORE_START: Final = frozenset(
    {FailureClass.IMAGE_PULL, FailureClass.UNSCHEDULABLE, FailureClass.QUOTA_EXCEEDED, FailureClass.LOCK_WAIT}
)
"""Classes of failures before the step's program starts."""
_NOT_STARTED: Final = frozenset(
    {
        FailureReason.ARGUMENTS_TOO_LONG,
        FailureReason.COMMAND_NOT_FOUND,
        FailureReason.COMMAND_NOT_STARTED,
        FailureReason.EXEC_FORMAT_ERROR,
    }
)
"""Reasons of failures of argoexec, which could not start the step's program."""
_WITHOUT_POD: Final = frozenset({FailureClass.CONFIG_ERROR, FailureClass.TEMPLATE_ERROR, FailureClass.CONTROLLER_ERROR})
"""Classes of failures that prevent a pod, or befall a running one."""
_FULL_BLOCKS: Final = 5
"""Failures that a terminal shows in full; the others have a line each. One cause often fails many items of a loop."""
_LOG_LINES: Final = 12
_NAMED: Final = 10
"""Equal failures that a terminal names."""


def add_failures(page: TextPage, status: ReportStatus, names: StepNames) -> None:
    """Add a block per root cause and failed exit handler, then a line per victim and tolerated failure."""
    failures = status.failures or []
    queued = {step.node_id: step.queued_seconds for step in status.steps or () if step.queued_seconds}
    causes = equal_groups([failure for failure in failures if failure.role in _TITLES])
    in_full = causes if page.style.width is None or page.style.everything else causes[:_FULL_BLOCKS]
    for number, (first, *equal) in enumerate(in_full, 1):
        count = f" {number} of {len(causes)}" if len(causes) > 1 else ""
        more = f" and {len(equal)} more, which failed alike" if equal else ""
        subject = f"{_name(first, names)}{more}"
        page.heading(f"{_TITLES[first.role]}{count}", subject, style="bold red")
        _add_details(page, first, queued.get(first.node_id or "", 0), can_retry=can_retry(status))
        _add_equal(page, equal, names)
    _add_short(page, "MORE FAILURES", [failure for group in causes[len(in_full) :] for failure in group], names)
    _add_short(page, "FAILED AS A CONSEQUENCE", [failure for failure in failures if failure.role == Role.VICTIM], names)
    _add_short(
        page, "FAILED, BUT TOLERATED", [failure for failure in failures if failure.role == Role.TOLERATED], names
    )


def _name(failure: Failure, names: StepNames) -> str:
    of_none = AGENT if is_of_agent(failure) else "the Workflow itself"
    return names.within_task(failure.node_id) or failure.display_name or of_none


def _add_details(page: TextPage, failure: Failure, queued_seconds: int, *, can_retry: bool) -> None:
    _add_class(page, failure)
    retry = retry_prospect(failure, can_retry=can_retry)
    page.field("owner", joined(page.style, [failure.owner, retry, _doubt(failure)]))
    page.verbatim("template", failure.template_name)
    page.verbatim("pod", failure.pod_name, style="cyan")
    page.field("container", failure.container)
    page.verbatim("host", failure.host_node_name)
    page.field("exit code", _exit(failure))
    page.field("pod status", joined(page.style, [failure.pod_reason, with_sizes(failure.pod_message or "")]))
    if failure.pod_message:
        page.record_shown(failure.pod_message)
    page.field("containers", _containers(page, failure))
    page.field("limits", _resources(page, failure))
    page.field("time", _time(page, failure, queued_seconds))
    page.message("message", failure.message, style="red")
    _add_attempts(page, failure)
    _add_events(page, failure)
    _add_log(page, failure)
    page.field("missing", joined(page.style, [*map(gap_phrase, failure.evidence_missing or ())]), style="yellow")


def _doubt(failure: Failure) -> str:
    """Return what the class rests on, if that is so little that a reader should check it first."""
    if failure.confidence != Confidence.LOW:
        return ""
    return "confidence Low" + (f", from {failure.evidence} alone" if failure.evidence else "")


def _add_class(page: TextPage, failure: Failure) -> None:
    """Add the reason, if it says more than the class, and the class; the more telling one is explained."""
    reason, meaning = reason_beyond_class(failure), reason_meaning(failure)
    page.field("reason", Text(reason, style="bold").append(f": {meaning}", style="dim") if meaning else reason)
    failure_class = Text(f"{failure.failure_class}", style="bold").append(f": {class_meaning(failure)}", style="dim")
    page.field("class", failure.failure_class if meaning else failure_class)


def _add_equal(page: TextPage, equal: list[Failure], names: StepNames) -> None:
    """Name the failures that equal the one above."""
    shown = equal if page.style.width is None or page.style.everything else equal[:_NAMED]
    named = [one_line(_name(failure, names)) for failure in shown]
    named += [f"{len(equal) - len(shown)} more"] if len(shown) < len(equal) else []
    page.field("also", ", ".join(named))


def _containers(page: TextPage, failure: Failure) -> str:
    """Describe the containers if there are several; the failure itself describes a single one."""
    containers = failure.containers or []
    return joined(page.style, [_container(container) for container in containers]) if len(containers) > 1 else ""


def _container(container: ContainerSummary) -> str:
    restarts = f"{container.restarts} restarts" if container.restarts else ""
    previous = f"previously {_end(container.last)}" if container.last else ""
    state = _end(container) if container.state == "Terminated" else f"{container.state} {container.reason or ''}"
    return " ".join(part for part in (one_line(container.name), one_line(state).strip(), restarts, previous) if part)


def _end(end: ContainerEnd) -> str:
    if end.exit_code == 0 and end.reason in (None, "Completed"):
        return "ok"
    return f"{one_line(end.reason or 'ended')} (exit {end.exit_code})"


def _exit(failure: Failure) -> str:
    signal = f"signal {failure.signal}" if failure.signal else ""
    if failure.exit_code is None:
        return signal
    return f"{failure.exit_code} ({signal})" if signal else str(failure.exit_code)


def _resources(page: TextPage, failure: Failure) -> str:
    if failure.resources is None:
        return ""
    limits = [f"{name} {human_memory(value)}" for name, value in (failure.resources.limits or {}).items()]
    requests = [f"{name} {human_memory(value)}" for name, value in (failure.resources.requests or {}).items()]
    return joined(page.style, [", ".join(limits) or "none", f"requests {', '.join(requests)}" if requests else None])


def _time(page: TextPage, failure: Failure, queued_seconds: int) -> str:
    start, end = failure.started_at, failure.finished_at
    took = short_duration((end - start).total_seconds()) if start and end else None
    if never_ran(failure):
        lasted = f"failed after {took}, never ran"
    else:
        # Argo starts the clock of a step when it creates the pod.
        lasted = f"took {took}, {short_duration(queued_seconds)} of it queued" if queued_seconds else f"ran {took}"
    return joined(page.style, [lasted if took else None, span(page.style, start, end)])


def never_ran(failure: Failure) -> bool:
    """Return whether the step's own program never ran."""
    if failure.reason in _NOT_STARTED:
        return True
    if failure.failure_class in _BEFORE_START:
        return failure.exit_code is None
    return failure.failure_class in _WITHOUT_POD and failure.pod_name is None


def _add_attempts(page: TextPage, failure: Failure) -> None:
    earlier = failure.previous_attempts or []
    if failure.attempt is None and not earlier:
        return
    number = failure.attempt or len(earlier) + 1
    this = f"this is attempt {number}"
    previous = [_attempt(attempt) for attempt in earlier]
    page.field("attempts", f"{this}; earlier: {', '.join(previous)}" if previous else this)


def _attempt(attempt: PreviousAttempt) -> str:
    code = f"exit {attempt.exit_code}" if attempt.exit_code is not None else ""
    at = f"at {human_memory(attempt.memory_limit)}" if attempt.memory_limit else ""
    outcome = " ".join(part for part in (attempt.failure_class or "failed", code, at) if part)
    return f"{outcome} ({attempt.pod_name})" if attempt.pod_name else outcome


def _add_events(page: TextPage, failure: Failure) -> None:
    for number, event in enumerate(failure.events or []):
        times = f" {page.style.glyphs.times}{event.count}" if event.count > 1 else ""
        body = Text(f"{one_line(event.reason)}{times}", style="yellow")
        if event.message and not page.shown.has(event.message):
            body.append(f"  {one_line(event.message)}", style="")
        page.field("" if number else "events", body)


def _add_log(page: TextPage, failure: Failure) -> None:
    tail = failure.log_tail
    if tail is None or not tail.text.strip():
        return
    lines = terminal_safe(tail.text).rstrip("\n").split("\n")
    shown = lines if page.style.width is None or page.style.everything else lines[-_LOG_LINES:]
    is_partial = tail.truncated or len(shown) < len(lines)
    redacted = f", {plural(tail.redacted, 'secret')} redacted" if tail.redacted else ""
    page.field("log", f"{'last ' if is_partial else ''}{plural(len(shown), 'line')}{redacted}", style="dim")
    edge = Text(f"    {page.style.glyphs.bar} ", style="dim")
    for line in shown:
        page.hanging(edge, Text(line), following=edge)


def _add_short(page: TextPage, title: str, failures: list[Failure], names: StepNames) -> None:
    if not failures:
        return
    page.heading(title)
    for failure in failures:
        line = Text(one_line(_name(failure, names)), style="bold")
        name_lines = line.cell_len // page.style.width if page.style.width else 0
        line.append(f"  {failure.failure_class}", style="yellow")
        if failure.exit_code is not None:
            line.append(f" (exit {failure.exit_code})", style="")
        if failure.pod_name:
            line.append(f"  {one_line(failure.pod_name)}", style="cyan")
        if failure.message and not page.shown.has(failure.message):
            line.append(f"  {one_line(failure.message)}", style="dim")
        page.hanging(Text("  "), line, following=Text("    "), max_lines=2 + name_lines)

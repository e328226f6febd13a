"""The one line a person reads: the step, what happened, the number that matters, what it led to."""

from collections.abc import Callable

from wfreport.api.argo import Phase, WorkflowStatus
from wfreport.api.classes import FailureClass, Role
from wfreport.api.report import Counts, Failure, Waiting
from wfreport.api.timing import Timing
from wfreport.api.wire import TEXT
from wfreport.core.bounds import cut
from wfreport.core.messages import parse_exit

_DETAIL_LENGTH = 160
_TELLING_EVENTS = frozenset({"Failed", "BackOff", "FailedMount", "FailedScheduling"})


def summarize(
    status: WorkflowStatus,
    failures: list[Failure],
    waiting: list[Waiting],
    counts: Counts | None,
    timing: Timing | None,
) -> str:
    """What happened, in one sentence."""
    if status.phase == Phase.SUCCEEDED:
        sentence = _succeeded(failures, counts, timing)
    elif status.phase in (Phase.FAILED, Phase.ERROR):
        sentence = _failed(failures, counts)
    else:
        sentence = _active(status, failures, waiting)
    return cut(" ".join(sentence.split()), TEXT)


def _plural(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _succeeded(failures: list[Failure], counts: Counts | None, timing: Timing | None) -> str:
    took = f" in {timing.duration}" if timing and timing.duration else ""
    notes = []
    if counts and counts.retried_attempts:
        notes.append(f"{_plural(counts.retried_attempts, 'failed attempt')} retried")
    if failures:
        notes.append(f"{_plural(len(failures), 'failure')} tolerated")
    return "; ".join([f"Succeeded{took}", *notes])


def _failed(failures: list[Failure], counts: Counts | None) -> str:
    first = failures[0]
    notes = _consequences(failures, counts)
    return "; ".join([f"{_subject(first)}: {_what(first)}{_after_attempts(first)}", *notes])


def _subject(failure: Failure) -> str:
    name = failure.display_name or "workflow"
    if failure.attempt is not None:
        name = name.removesuffix(f"({failure.attempt - 1})")
    return f"exit handler {name}" if failure.role == Role.EXIT_HANDLER else name


def _after_attempts(failure: Failure) -> str:
    return f" after {failure.attempt} attempts" if failure.attempt and failure.attempt > 1 else ""


def _consequences(failures: list[Failure], counts: Counts | None) -> list[str]:
    others = sum(1 for f in failures[1:] if f.role in (Role.ROOT_CAUSE, Role.EXIT_HANDLER))
    victims = sum(1 for f in failures if f.role == Role.VICTIM)
    notes = []
    if others:
        notes.append(f"{_plural(others, 'other failure')}")
    if victims:
        notes.append(f"{_plural(victims, 'step')} ended with it")
    if counts and counts.omitted:
        notes.append(f"{_plural(counts.omitted, 'step')} omitted")
    return notes


def _active(status: WorkflowStatus, failures: list[Failure], waiting: list[Waiting]) -> str:
    started = f"{status.phase or 'Not started'}{f' {status.progress}' if status.progress else ''}"
    causes = [f for f in failures if f.role in (Role.ROOT_CAUSE, Role.EXIT_HANDLER)]
    notes = [f"{_subject(failure)}: {_what(failure)}" for failure in causes[:1]]
    if len(causes) > 1:
        notes.append(_plural(len(causes) - 1, "other failure"))
    notes += [f"{entry.display_name or 'workflow'} waits: {_waits_for(entry)}" for entry in waiting[:1]]
    if len(waiting) > 1:
        notes.append(f"{len(waiting) - 1} more waiting")
    return "; ".join([started, *notes])


def _waits_for(entry: Waiting) -> str:
    message = entry.message or ""
    return cut(
        message if message.startswith(entry.reason) else f"{entry.reason}{f' ({message})' if message else ''}",
        _DETAIL_LENGTH,
    )


def _what(failure: Failure) -> str:
    return cut(_SENTENCES.get(failure.failure_class, _message)(failure), _DETAIL_LENGTH * 2)


def _who(failure: Failure) -> str:
    """The container, and a blank; nothing where the step has its name (a containerSet's)."""
    container = failure.container or "main"
    return "" if container == failure.display_name else f"{container} "


def _exit(failure: Failure) -> str:
    return f" (exit {failure.exit_code})" if failure.exit_code is not None else ""


def _detail(failure: Failure) -> str:
    """What the program itself said last, where Argo passed it on."""
    ending = parse_exit(failure.message or "")
    detail = ending.detail.strip() if ending else ""
    return f": {cut(detail, _DETAIL_LENGTH)}" if detail else ""


def _message(failure: Failure) -> str:
    ending = parse_exit(failure.message or "")
    if ending is not None and ending.detail.strip():
        return f"{_who(failure).rstrip() or 'it'}: {ending.detail.strip()}{_exit(failure)}"
    return (failure.message or failure.reason or "failed, and Argo does not say why").strip()


def _out_of_memory(failure: Failure) -> str:
    limit = (failure.resources.limits or {}).get("memory") if failure.resources else None
    return f"{_who(failure)}OOMKilled{f' at {limit}' if limit else ''}{_exit(failure)}"


def _exit_code(failure: Failure) -> str:
    if failure.exit_code is None:
        return "daemon ended while it was needed" if failure.reason == "DaemonExited" else _message(failure)
    return f"{_who(failure)}exited with code {failure.exit_code}{_detail(failure)}"


def _killed(failure: Failure) -> str:
    return f"{_who(failure)}killed by signal {failure.signal}{_exit(failure)}, by whom is not known"


def _with_text(lead: str) -> Callable[[Failure], str]:
    def sentence(failure: Failure) -> str:
        text = (failure.message or "").strip()
        return f"{lead}: {text}" if text and parse_exit(text) is None else f"{lead}{_detail(failure)}"

    return sentence


def _lost_host(failure: Failure) -> str:
    host = f" {failure.host_node_name}" if failure.host_node_name else ""
    return f"its machine{host} was lost ({failure.reason or failure.message})"


def _never_started(lead: str) -> Callable[[Failure], str]:
    def sentence(failure: Failure) -> str:
        told = next((event.message for event in failure.events or [] if event.reason in _TELLING_EVENTS), None)
        return f"{lead}: {told or _message(failure)}"

    return sentence


_SENTENCES: dict[FailureClass, Callable[[Failure], str]] = {
    FailureClass.OOM_KILLED: _out_of_memory,
    FailureClass.EXIT_CODE: _exit_code,
    FailureClass.KILLED: _killed,
    FailureClass.EVICTED: _with_text("evicted"),
    FailureClass.PREEMPTED: _with_text("preempted"),
    FailureClass.NODE_LOST: _lost_host,
    FailureClass.POD_DELETED: lambda _: "pod deleted while it ran, by whom is not known",
    FailureClass.IMAGE_PULL: _never_started("image could not be pulled"),
    FailureClass.CONFIG_ERROR: _never_started("could not start"),
    FailureClass.UNSCHEDULABLE: _with_text("no machine could take it"),
    FailureClass.TIMEOUT: _with_text("deadline exceeded"),
    FailureClass.CANCELLED: lambda _: "stopped by hand",
}

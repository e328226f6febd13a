"""Writes the page of a run as Markdown for a ticket, at most 30,000 characters of it.

No text of a run can add markup: it is escaped, and logs are in fences longer than any run of backticks in them.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from wfreport.api.argo import FAILED_PHASES
from wfreport.core.page.model import Fact, FailureCard, NextLine, RunPage, StepRow
from wfreport.core.page.texts import block, duration
from wfreport.core.plurals import plural
from wfreport.imports import lazy_pattern

MAX_CHARACTERS: Final = 30_000
"""Jira takes 32,767 characters, GitHub 65,536."""

_MAX_FAILURES, _MAX_STEPS = 5, 30
_LOG_CHARACTERS: Final = 3_000
_BACKTICKS: Final = lazy_pattern("`+")
_ESCAPES: Final = {char: f"\\{char}" for char in "\\`*_{}[]#|~$"} | {
    "&": "&amp;", "<": "&lt;", ">": "&gt;", "@": "&commat;"}  # fmt: skip
"""`@` would tell somebody on GitHub."""
_BLOCK_START: Final = lazy_pattern(r"^(?:\d{1,9}(?=[.)])|(?=[-+=]))")
"""A list or an underlined heading, at the start of a line."""


def markdown_of(page: RunPage) -> str:
    """Return the page as Markdown. Parts that do not fit are left out from the end, and the text says so."""
    parts, left = [], MAX_CHARACTERS
    for part in _parts(page):
        if len(part) > left:
            parts.append("*More is in the report: this text is cut to fit a ticket.*")
            break
        parts.append(part)
        left -= len(part) + 2
    return "\n\n".join(parts) + "\n"


def escaped(text: str) -> str:
    """Return a text on one line, with every character escaped that Markdown or HTML could obey."""
    plain = "".join(_ESCAPES.get(char, char) for char in " ".join(text.split()))
    return _BLOCK_START.sub(r"\g<0>\\", plain)


def fenced(text: str) -> str:
    """Return a text as a block of code that no line of it can end."""
    fence = "`" * max([3, *(len(run) + 1 for run in _BACKTICKS.findall(text))])
    return f"{fence}text\n{text.rstrip()}\n{fence}"


def _parts(page: RunPage) -> Iterator[str]:
    yield f"## {escaped(page.name)}: {escaped(page.outcome)}"
    if page.summary:
        yield f"**{escaped(page.summary)}**"
    if page.as_of:
        yield f"As of {escaped(page.as_of)}, its last recorded change."
    for failure in page.failures[:1]:
        yield from _failure(failure, has_log=True)
    yield from _facts("It hangs", page.stalled)
    yield from _facts("What it waits for", page.waiting)
    yield from _comparison(page)
    yield from _next_steps(page.next_steps)
    for failure in page.failures[1:_MAX_FAILURES]:
        yield from _failure(failure, has_log=False)
    hidden = len(page.failures) - _MAX_FAILURES + page.more_failures
    if hidden > 0:
        yield f"The report has {plural(hidden, 'more failure')}."
    yield from _facts("Remediation", page.remediation)
    yield from _facts("Warnings", page.warnings)
    yield from _facts("The run", [*page.facts, *(Fact("Note", note) for note in page.notes)])
    yield from _steps("Critical path", [step for step in page.steps if step.is_critical])
    yield from _steps("Steps that failed", [step for step in page.steps if step.phase in FAILED_PHASES])


def _failure(failure: FailureCard, *, has_log: bool) -> Iterator[str]:
    yield f"### {escaped(failure.title)}: {escaped(failure.badge)}"
    yield f"{escaped(failure.phrase)}. It is {escaped(failure.meaning)}."
    if failure.log and has_log:
        yield f"{escaped(failure.log_title)}:"
        yield fenced(block(failure.log, _LOG_CHARACTERS))
    elif failure.telling_line:
        yield fenced(failure.telling_line)
    if failure.facts:
        yield _list(failure.facts)
    if failure.events and has_log:
        yield "Events of the pod:"
        yield _list(failure.events)
    if failure.others:
        names = ", ".join(escaped(other.name) for other in failure.others)
        yield f"Failed the same way: {names}{f' and {failure.more_others} more' if failure.more_others else ''}"
    if failure.attempts:
        yield f"Earlier attempts: {escaped('; '.join(failure.attempts))}"


def _next_steps(steps: Sequence[NextLine]) -> Iterator[str]:
    if steps:
        yield "### What to do next"
    for number, step in enumerate(steps, 1):
        yield f"{number}. {escaped(step.text or 'Run')}{':' if step.command else ''}"
        if step.command:
            yield fenced(step.command)


def _facts(title: str, facts: Sequence[Fact]) -> Iterator[str]:
    if facts:
        yield f"### {title}"
        yield _list(facts)


def _list(facts: Iterable[Fact]) -> str:
    return "\n".join(f"- {escaped(fact.label)}: {escaped(fact.value)}" for fact in facts)


def _comparison(page: RunPage) -> Iterator[str]:
    comparison = page.comparison
    if comparison is None:
        return
    yield "### What changed"
    if comparison.sentences:
        yield " ".join(map(escaped, comparison.sentences))
    if comparison.changes:
        yield _table(
            ("What", "Name", "Then", "Now"), [(one.what, one.name, one.before, one.after) for one in comparison.changes]
        )
    if comparison.slower:
        yield "\n".join(f"- {escaped(step)}" for step in comparison.slower)


def _steps(title: str, steps: Sequence[StepRow]) -> Iterator[str]:
    if not steps:
        return
    yield f"### {title}"
    yield _table(
        ("Step", "State", "Started", "Took", "Waited"),
        [
            (
                step.name,
                step.phase,
                "" if step.offset is None else f"+{duration(step.offset)}",
                duration(step.seconds),
                duration(step.waited) if step.waited else "",
            )
            for step in steps[:_MAX_STEPS]
        ],
    )
    if len(steps) > _MAX_STEPS:
        yield f"{len(steps) - _MAX_STEPS} more are in the report."


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *([escaped(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)

"""The table of steps of a page: the tree, row by row, within a budget of characters."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Final

from msgspec import Struct

from wfreport.api.report import ReportStatus, Step
from wfreport.core.page.model import StepRow
from wfreport.core.page.texts import line
from wfreport.core.step_outline import Outline, OutlineEntry
from wfreport.core.timing.durations import seconds_between
from wfreport.imports import lazy_pattern

MAX_STEPS: Final = 20_000
"""Steps of a page. With more, those after them are left out."""

_MAX_DEPTH: Final = 12
_NAME_BUDGET, _MESSAGE_BUDGET = 600_000, 400_000
"""Characters of all names and of all messages: what compresses badly still fits into a page of 1 MB."""
_SHORTEST_NAME, _SHORTEST_MESSAGE, _LONGEST_TEXT = 24, 16, 300
_ANCHOR: Final = lazy_pattern(r"[A-Za-z0-9][A-Za-z0-9-]{0,30}")


class PlacedStep(Struct, frozen=True):
    """A step and its row."""

    step: Step
    row: StepRow


def place_steps(status: ReportStatus, outline: Outline, workflow_name: str) -> list[PlacedStep]:
    """Return all steps, parents before the steps inside them, exit handlers last."""
    critical = {step.node_id for step in status.critical_path or ()}
    entries = list(islice(_walk([*outline.main, *outline.exit_handlers]), MAX_STEPS))
    rows = _Rows(status, workflow_name, critical, [entry.step for entry, _ in entries])
    return [
        PlacedStep(entry.step, rows.row(number, entry.step, depth)) for number, (entry, depth) in enumerate(entries)
    ]


def _walk(tops: Iterable[OutlineEntry]) -> Iterator[tuple[OutlineEntry, int]]:
    pending = [(entry, 0) for entry in reversed(list(tops))]
    while pending:
        entry, depth = pending.pop()
        yield entry, depth
        pending.extend((inner, depth + 1) for inner in reversed(entry.inside))


class _Rows:
    def __init__(self, status: ReportStatus, workflow_name: str, critical: set[str], steps: Sequence[Step]) -> None:
        observed = status.observed_workflow
        self._started_at = observed.started_at if observed else None
        self._prefix = f"{workflow_name}-"
        self._critical = critical
        self._anchors: set[str] = set()
        self._name_characters = _share(_NAME_BUDGET, len(steps), _SHORTEST_NAME)
        messages = sum(1 for step in steps if step.message)
        self._message_characters = _share(_MESSAGE_BUDGET, messages, _SHORTEST_MESSAGE)

    def row(self, number: int, step: Step, depth: int) -> StepRow:
        return StepRow(
            depth=min(depth, _MAX_DEPTH),
            name=line(step.display_name, self._name_characters),
            phase=line(step.phase, _SHORTEST_NAME),
            kind=line(step.type, _SHORTEST_NAME),
            template=line(step.template_name, self._name_characters),
            anchor=self._anchor(number, step),
            offset=self._offset(step.started_at),
            seconds=seconds_between(step.started_at, step.finished_at),
            waited=(step.wait_seconds or 0) + (step.queued_seconds or 0),
            exit_code=step.exit_code,
            message=line(step.message, self._message_characters),
            pod=line(step.pod_name, self._name_characters * 2),
            is_critical=step.node_id in self._critical,
        )

    def _offset(self, at: datetime | None) -> int | None:
        return seconds_between(self._started_at, at)

    def _anchor(self, number: int, step: Step) -> str:
        """Return the hash in the node's id, which is the same in every page of the run; else the number of the row."""
        own = step.node_id.removeprefix(self._prefix)
        if not _ANCHOR.fullmatch(own) or own in self._anchors:
            return f"step-row-{number}"
        self._anchors.add(own)
        return f"step-{own}"


def _share(budget: int, count: int, shortest: int) -> int:
    return max(shortest, min(_LONGEST_TEXT, budget // max(count, 1)))

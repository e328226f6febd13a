"""The timeline of a page: when steps waited and worked, with the times compressed in which nothing worked."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import Final

from msgspec import Struct

from wfreport.api.argo import FAILED_PHASES, NodeType
from wfreport.api.report import ReportStatus, Step
from wfreport.core.page.model import Bar, StepRow, Timeline, TimelineRow
from wfreport.core.page.steps import PlacedStep
from wfreport.core.page.texts import duration
from wfreport.core.plurals import plural
from wfreport.core.timing.durations import seconds_between

WIDTH: Final = 1000
"""Units of the axis."""

MAX_LANES: Final = 60
_MIN_IDLE_SECONDS: Final = 60
_IDLE_SHARE, _DRAWN_SHARE = 0.1, 0.03
"""A stretch is compressed if it takes a tenth of the time; it is then drawn as 3 % of the rest."""
_MIN_BAR: Final = 2.0
_WORK_TYPES: Final = frozenset({NodeType.POD, NodeType.CONTAINER, NodeType.HTTP, NodeType.PLUGIN, NodeType.SUSPEND})


class _StepTimes(Struct, frozen=True):
    """A step in seconds since the start of the first one: from ``created`` it waited, from ``begun`` it worked."""

    row: StepRow
    asked: int
    begun: int
    end: int

    @property
    def created(self) -> int:
        return self.row.offset or 0


def draw_timeline(status: ReportStatus, placed: Sequence[PlacedStep]) -> Timeline | None:
    """Return the timeline; None if no step that does work has started."""
    end = _end(status, placed)
    spans = [_span(one.row, one.step, end) for one in placed if _does_work(one.row)]
    if not spans:
        return None
    axis = _Axis(spans)
    shown = _shown(spans)
    return Timeline(
        rows=[_row(span, axis) for span in shown],
        idle=[_between(axis.x(start), axis.x(stop), "idle") for start, stop in axis.idle],
        notes=list(_notes(spans, shown, axis)),
    )


def _does_work(row: StepRow) -> bool:
    return row.kind in _WORK_TYPES and row.offset is not None


def _end(status: ReportStatus, placed: Sequence[PlacedStep]) -> int:
    """Return the end of the run, or the latest time that is known of it: a page knows no present."""
    observed = status.observed_workflow
    ended = seconds_between(observed.started_at, observed.finished_at) if observed else None
    known = [(one.row.offset or 0) + (one.row.seconds or 0) for one in placed]
    return max([*known, ended or 0, 1])


def _between(start: float, stop: float, kind: str) -> Bar:
    return Bar(round(start, 1), round(max(stop - start, _MIN_BAR), 1), kind)


def _span(row: StepRow, step: Step, end: int) -> _StepTimes:
    created = row.offset or 0
    stop = created + row.seconds if row.seconds is not None else max(end, created)
    waits = row.kind == NodeType.SUSPEND or row.phase == "Pending"
    begun = stop if waits else min(created + (step.queued_seconds or 0), stop)
    return _StepTimes(row, max(0, created - (step.wait_seconds or 0)), begun, stop)


class _Axis:
    """Maps seconds to the axis. Long stretches in which no step works are compressed."""

    def __init__(self, spans: Sequence[_StepTimes]) -> None:
        first, last = min(span.asked for span in spans), max(1, *(span.end for span in spans))
        self.idle = _idle_stretches(spans, first, last)
        self.idle_seconds = sum(stop - start for start, stop in self.idle)
        drawn = max((last - first - self.idle_seconds) * _DRAWN_SHARE, 1.0)
        self._marks: list[tuple[int, float]] = [(first, 0.0)]
        for start, stop in self.idle:
            self._extend(start, float(start - self._marks[-1][0]))
            self._extend(stop, drawn)
        self._extend(last, float(last - self._marks[-1][0]))
        self._total = self._marks[-1][1] or 1.0

    def _extend(self, second: int, length: float) -> None:
        self._marks.append((second, self._marks[-1][1] + length))

    def x(self, second: int) -> float:
        """Return the place of a second, from 0 to `WIDTH`."""
        position = min(max(bisect_right(self._marks, second, key=lambda mark: mark[0]), 1), len(self._marks) - 1)
        (start, start_at), (stop, stop_at) = self._marks[position - 1], self._marks[position]
        share = min((second - start) / (stop - start), 1.0) if stop > start else 0.0
        return (start_at + share * (stop_at - start_at)) / self._total * WIDTH


def _idle_stretches(spans: Sequence[_StepTimes], first: int, last: int) -> list[tuple[int, int]]:
    shortest = max(_MIN_IDLE_SECONDS, (last - first) * _IDLE_SHARE)
    stretches, busy_until = [], first
    for begun, end in sorted((span.begun, span.end) for span in spans if span.end > span.begun):
        if begun - busy_until >= shortest:
            stretches.append((busy_until, begun))
        busy_until = max(busy_until, end)
    if last - busy_until >= shortest and busy_until > first:
        stretches.append((busy_until, last))
    return stretches


def _shown(spans: Sequence[_StepTimes]) -> list[_StepTimes]:
    """Return the spans to show, by start: the critical path, then failures, then the longest."""

    def rank(span: _StepTimes) -> tuple[bool, bool, int]:
        return not span.row.is_critical, span.row.phase not in FAILED_PHASES, span.asked - span.end

    return sorted(sorted(spans, key=rank)[:MAX_LANES], key=lambda span: (span.created, span.end))


def _row(span: _StepTimes, axis: _Axis) -> TimelineRow:
    row = span.row
    return TimelineRow(
        name=row.name,
        anchor=row.anchor,
        tone=tone_of(row.phase),
        is_critical=row.is_critical,
        bars=list(_bars(span, axis)),
        took=duration(row.seconds) or row.phase.lower(),
        note=f"waited {duration(row.waited)}" if row.waited else "",
    )


def _bars(span: _StepTimes, axis: _Axis) -> Iterator[Bar]:
    asked, begun, end = axis.x(span.asked), axis.x(span.begun), axis.x(span.end)
    if begun > asked:
        yield _between(asked, begun, "wait")
    if end > begun or begun <= asked:
        yield _between(min(begun, WIDTH - _MIN_BAR), end, "work")


def _notes(spans: Sequence[_StepTimes], shown: Sequence[_StepTimes], axis: _Axis) -> Iterator[str]:
    if len(shown) < len(spans):
        yield f"{len(shown)} of {plural(len(spans), 'step')}: the critical path, failures, then the longest."
    if axis.idle:
        idle = duration(axis.idle_seconds)
        many = f"{plural(len(axis.idle), 'stretch')}, {idle} in all, are"
        yield f"{f'One stretch of {idle} is' if len(axis.idle) == 1 else many} without work and drawn short."


def tone_of(phase: str) -> str:
    """Return how a phase is to be shown: good, bad, busy or idle."""
    tones = {"Succeeded": "good", "Failed": "bad", "Error": "bad", "Running": "busy", "Pending": "busy"}
    return tones.get(phase, "idle")

"""Renders the critical path of a run, a row per step, with bars on a terminal."""

from collections.abc import Iterator, Sequence
from typing import Final

from msgspec import Struct
from rich.cells import cell_len
from rich.text import Text

from wfreport.api.report import ReportStatus
from wfreport.api.timing import CriticalStep, RetryCost, Timing
from wfreport.cli.render.page import TextPage, joined
from wfreport.cli.render.style import one_line
from wfreport.core.plurals import plural
from wfreport.core.timing.durations import short_duration

_BAR_COLUMNS: Final = 24
_NAME_COLUMNS: Final = 28
_SECONDS_COLUMNS: Final = 6
_MAX_ROWS: Final = 12
_MIN_GAP_SECONDS: Final = 10


class _ChartRow(Struct, frozen=True):
    """A step of the critical path.

    Attributes:
        step: the step.
        created_after_seconds: seconds from the start of the run to the creation of the step.
    """

    step: CriticalStep
    created_after_seconds: int

    @property
    def weight(self) -> int:
        """Seconds that the step and the wait before it took."""
        return self.step.seconds + self.step.wait_seconds


def add_times(page: TextPage, status: ReportStatus) -> None:
    """Add the critical path, unless it is one step that started at once."""
    path, timing = status.critical_path or [], status.timing
    if not path or timing is None or not timing.duration_seconds:
        return
    if len(path) == 1 and (timing.gap_seconds or 0) < _MIN_GAP_SECONDS:
        return
    rows = list(_rows(path))
    shown = _longest(page, rows)
    page.heading("WHERE THE TIME WENT", _summary(path, timing))
    name_columns = min(max(cell_len(one_line(row.step.display_name)) for row in shown), _NAME_COLUMNS)
    for row in shown:
        _add_row(page, row, name_columns, timing.duration_seconds)
    _add_unlisted(page, len(rows) - len(shown), (timing.critical_path_steps or len(rows)) - len(rows))
    slowest = timing.slowest_step
    if slowest and slowest.node_id not in {step.node_id for step in path}:
        page.field("slowest", f"{one_line(slowest.display_name)} {short_duration(slowest.seconds)}, not on this path")


def _add_unlisted(page: TextPage, folded: int, unlisted: int) -> None:
    """Add the numbers of steps that are not shown: those that an option lists, and those that the report lacks."""
    if folded:
        page.hanging(Text("  "), Text(f"{plural(folded, 'shorter step')} (--all lists them)", style="dim"))
    if unlisted:
        page.hanging(Text("  "), Text(f"not in the report: {plural(unlisted, 'shorter step')}", style="dim"))


def retry_cost(cost: RetryCost | None) -> str:
    """Describe the cost of retries; empty if there were none."""
    if cost is None:
        return ""
    retries, pods = plural(cost.attempts, "retry"), plural(cost.pods, "failed pod")
    backoff = f", {short_duration(cost.backoff_seconds)} backoff" if cost.backoff_seconds else ""
    return f"{retries}: {short_duration(cost.seconds)} in {pods}{backoff}"


def _summary(path: Sequence[CriticalStep], timing: Timing) -> str:
    number = timing.critical_path_steps or len(path)
    steps, seconds = plural(number, "step"), _seconds(path, timing)
    total = seconds + (timing.gap_seconds or 0)
    return f"critical path: {steps}, {short_duration(seconds)} of {short_duration(total)}"


def _seconds(path: Sequence[CriticalStep], timing: Timing) -> int:
    """Return the seconds of all steps of the path, also if the report lists only the longest of them."""
    listed = sum(step.seconds for step in path)
    return listed if timing.critical_path_seconds is None else timing.critical_path_seconds


def _rows(path: Sequence[CriticalStep]) -> Iterator[_ChartRow]:
    ended_after = 0
    for step in path:
        created_after = ended_after + (step.unlisted_seconds or 0) + step.wait_seconds
        yield _ChartRow(step, created_after)
        ended_after = created_after + step.seconds


def _longest(page: TextPage, rows: list[_ChartRow]) -> list[_ChartRow]:
    if page.style.width is None or page.style.everything or len(rows) <= _MAX_ROWS:
        return rows
    least = sorted((row.weight for row in rows), reverse=True)[_MAX_ROWS - 1]
    return [row for row in rows if row.weight >= least][:_MAX_ROWS]


def _add_row(page: TextPage, row: _ChartRow, name_columns: int, duration_seconds: int) -> None:
    name = Text(one_line(row.step.display_name))
    if page.style.width is not None and name.cell_len > name_columns:
        page.hanging(Text("  "), name)
        name = Text()
    line = name + Text(" " * max(name_columns - name.cell_len, 0) + "  ")
    if page.style.width is not None:
        line += _bar(page, row, duration_seconds) + Text("  ")
    line += Text(f"{short_duration(row.step.seconds):>{_SECONDS_COLUMNS}}")
    line += Text(f"  {joined(page.style, _notes(row.step))}", style="dim")
    page.hanging(Text("  "), line, following=Text("    "), max_lines=2)


def _notes(step: CriticalStep) -> Iterator[str]:
    if step.wait_seconds:
        yield f"waited {short_duration(step.wait_seconds)}{_because(step.wait_reason)}"
    if step.queued_seconds:
        yield f"queued {short_duration(step.queued_seconds)}{_because(step.queued_reason)}"


def _because(reason: str | None) -> str:
    return f" ({one_line(reason)})" if reason else ""


def _bar(page: TextPage, row: _ChartRow, duration_seconds: int) -> Text:
    """Draw when the step was queued and when it ran; the shortest bar is one column wide."""

    def column(seconds: int) -> int:
        return round(seconds / duration_seconds * _BAR_COLUMNS)

    start, queued = row.created_after_seconds, row.step.queued_seconds or 0
    begin = min(column(start), _BAR_COLUMNS - 1)
    ran_from = min(max(column(start + queued), begin), _BAR_COLUMNS)
    end = min(max(column(start + row.step.seconds), ran_from, begin + 1), _BAR_COLUMNS)
    bar = Text(" " * begin)
    bar.append(page.style.glyphs.queued * (ran_from - begin), style="yellow")
    bar.append(page.style.glyphs.ran * (end - ran_from), style="cyan")
    bar.append(" " * (_BAR_COLUMNS - end), style="")
    return bar

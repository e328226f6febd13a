"""Renders the steps of a report as a tree, one row per step."""

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from typing import Final

from msgspec import Struct
from rich.cells import cell_len
from rich.text import Text

from wfreport.api.argo import FAILED_PHASES, NodeType, Phase
from wfreport.api.report import Step
from wfreport.cli.render.page import TextPage, phase_mark, phase_style
from wfreport.cli.render.shown_texts import is_about_a_child
from wfreport.cli.render.style import one_line
from wfreport.core.plurals import plural
from wfreport.core.step_outline import OutlineEntry
from wfreport.core.timing.durations import short_duration

_QUIET_PHASES: Final = frozenset({Phase.SUCCEEDED, Phase.SKIPPED, Phase.OMITTED})
_PLAIN_TYPES: Final = frozenset({NodeType.POD, NodeType.DAG, NodeType.STEPS, NodeType.STEP_GROUP, NodeType.SKIPPED})
_COUNTED_TYPES: Final = {NodeType.RETRY: "attempt", NodeType.TASK_GROUP: "item"}
_MAX_QUIET_STEPS, _SHOWN_QUIET_STEPS = 8, 3
_NAME_SHARE: Final = 0.55
_STATE_COLUMNS: Final = 8
_MIN_QUEUED_SECONDS: Final = 5


class _TreeRow(Struct, frozen=True):
    """A row of the tree: a step, or a note that replaces several collapsed steps.

    Attributes:
        guides: box-drawing prefix of the step's own line.
        below: box-drawing prefix of the lines printed under the step.
        entry: the step; None for a note.
        note: text of the note.
        note_phase: common phase of the steps that the note replaces.
    """

    guides: str
    below: str
    entry: OutlineEntry | None
    note: str = ""
    note_phase: str = ""


class _Columns(Struct, frozen=True):
    """Widths of the columns of a tree."""

    name: int
    state: int


class _Folded(Struct, frozen=True):
    """Consecutive steps that ended well, which a terminal shows as one note."""

    entries: Sequence[OutlineEntry]


def add_rows(
    page: TextPage, tops: Sequence[OutlineEntry], *, complete: bool, never_ran: AbstractSet[str] = frozenset()
) -> None:
    """Add the tree, a row per step in execution order.

    Args:
        page: page to add to.
        tops: outermost steps.
        complete: whether no step is missing, so that the numbers of attempts and items are exact.
        never_ran: ids of the failed steps that never ran.
    """
    rows = list(_rows(page, tops))
    columns = _Columns(
        _name_columns(page, rows, complete=complete),
        max((len(_state(row.entry.step, never_ran)) for row in rows if row.entry), default=0),
    )
    for row in rows:
        if row.entry is None:
            page.hanging(Text(row.guides, style="dim"), _note(page, row), max_lines=1)
        else:
            _add_row(page, row, row.entry, columns, name=_name(row.entry, complete=complete), never_ran=never_ran)


def _rows(page: TextPage, tops: Sequence[OutlineEntry]) -> Iterator[_TreeRow]:
    glyphs = page.style.glyphs
    pending: list[tuple[OutlineEntry | _Folded, str, str]] = [
        (top, "", "") for top in reversed(_without_lone_groups(tops))
    ]
    while pending:
        item, guides, below = pending.pop()
        if isinstance(item, _Folded):
            yield _TreeRow(guides, below, None, note=_folded_note(page, item), note_phase=item.entries[0].step.phase)
            continue
        inside = _folded(page, _without_lone_groups(item.inside))
        yield _TreeRow(guides, f"{below}{glyphs.pipe}" if inside else f"{below}  ", item)
        last = len(inside) - 1
        for position in range(last, -1, -1):
            is_last = position == last
            branch, rest = (glyphs.last, "  ") if is_last else (glyphs.branch, glyphs.pipe)
            pending.append((inside[position], below + branch, below + rest))


def _without_lone_groups(entries: Sequence[OutlineEntry]) -> list[OutlineEntry]:
    """Replace the step groups by their steps if each has only one: the groups then add nothing.

    If any has more, all are shown, so that no number is missing between them.
    """
    groups = [entry for entry in entries if entry.step.type == NodeType.STEP_GROUP]
    if any(len(group.inside) != 1 for group in groups):
        return list(entries)
    return [entry.inside[0] if entry.step.type == NodeType.STEP_GROUP else entry for entry in entries]


def _folded(page: TextPage, entries: list[OutlineEntry]) -> list[OutlineEntry | _Folded]:
    if page.style.width is None or page.style.everything:
        return list(entries)
    result: list[OutlineEntry | _Folded] = []
    for row in _quiet_groups(entries):
        if len(row) > _MAX_QUIET_STEPS:
            result += [*row[:_SHOWN_QUIET_STEPS], _Folded(row[_SHOWN_QUIET_STEPS:])]
        else:
            result += row
    return result


def _quiet_groups(entries: list[OutlineEntry]) -> Iterator[list[OutlineEntry]]:
    """Group consecutive steps that have the same quiet phase and contain nothing; every other step is alone."""
    row: list[OutlineEntry] = []
    for entry in entries:
        is_quiet = entry.step.phase in _QUIET_PHASES and not entry.inside
        if row and not (is_quiet and entry.step.phase == row[0].step.phase):
            yield row
            row = []
        if is_quiet:
            row.append(entry)
        else:
            yield [entry]
    if row:
        yield row


def _folded_note(page: TextPage, folded: _Folded) -> str:
    first, last = (one_line(folded.entries[index].step.display_name) for index in (0, -1))
    phase = folded.entries[0].step.phase.lower()
    return f"{len(folded.entries)} more {phase}: {first} {page.style.glyphs.ellipsis} {last} (--all lists them)"


def _note(page: TextPage, row: _TreeRow) -> Text:
    return phase_mark(page.style, row.note_phase) + Text(f" {row.note}", style="dim")


def _name_columns(page: TextPage, rows: Sequence[_TreeRow], *, complete: bool) -> int:
    """Return the columns of guides and name that align the rest, limited so that long names leave room for it."""
    widest = max(
        (cell_len(row.guides) + 2 + cell_len(_name(row.entry, complete=complete)) for row in rows if row.entry),
        default=0,
    )
    return widest if page.style.width is None else min(widest, int(page.style.width * _NAME_SHARE))


def _name(entry: OutlineEntry, *, complete: bool) -> str:
    name, step_type = one_line(entry.step.display_name), entry.step.type
    if step_type in _COUNTED_TYPES:
        counted = plural(len(entry.inside), _COUNTED_TYPES[NodeType(step_type)])
        return f"{name} ({'' if complete else 'at least '}{counted})"
    return name if step_type in _PLAIN_TYPES else f"{name} ({one_line(step_type)})"


def _add_row(
    page: TextPage,
    row: _TreeRow,
    entry: OutlineEntry,
    columns: _Columns,
    *,
    name: str,
    never_ran: AbstractSet[str],
) -> None:
    step = entry.step
    guides = Text(row.guides, style="dim") + phase_mark(page.style, step.phase) + Text(" ")
    line = Text(name, style=phase_style(step.phase) if step.phase != Phase.SUCCEEDED else "")
    line.append(" " * max(columns.name - guides.cell_len - line.cell_len, 0))
    line += Text(f"  {_state(step, never_ran):<{max(_STATE_COLUMNS, columns.state)}}", style="dim")
    beside, under = _details(page, entry, cell_len(row.guides) + 2 + line.cell_len)
    for detail in beside:
        line += Text("  ") + detail
    page.hanging(guides, line, following=Text(row.below + "  ", style="dim"))
    for detail in under:
        indent = Text(row.below + "  ", style="dim")
        # A message is cut, but not a pod's name.
        page.hanging(indent, detail, following=indent, max_lines=1 if " " in detail.plain else None)


def _state(step: Step, never_ran: AbstractSet[str]) -> str:
    """Return the duration of a step, or its phase if it has none. What never ran has no duration."""
    if step.node_id in never_ran or (step.type == NodeType.SKIPPED and step.phase in FAILED_PHASES):
        return "never ran"
    if step.phase in (Phase.SKIPPED, Phase.OMITTED, Phase.PENDING):
        return step.phase.lower()
    if step.started_at and step.finished_at:
        return short_duration((step.finished_at - step.started_at).total_seconds())
    return one_line(step.phase).lower()


def _details(page: TextPage, entry: OutlineEntry, used: int) -> tuple[list[Text], list[Text]]:
    """Return the details beside the name, and those on lines of their own; a pipe has all of them beside the name."""
    details = [*_facts(entry), *_message(page, entry)]
    if page.style.width is None:
        return details, []
    beside: list[Text] = []
    left = page.style.width - used
    while details and details[0].cell_len + 2 <= left:
        detail = details.pop(0)
        left -= detail.cell_len + 2
        beside.append(detail)
    # A cut pod name is useless, and nobody needs the pod of a step that ended well.
    return beside, details if entry.step.phase not in _QUIET_PHASES else []


def _facts(entry: OutlineEntry) -> list[Text]:
    step = entry.step
    facts = [Text(f"exit {step.exit_code}", style="red")] if step.exit_code else []
    if (step.queued_seconds or 0) >= _MIN_QUEUED_SECONDS and step.type != NodeType.SUSPEND:
        facts.append(Text(f"queued {short_duration(step.queued_seconds or 0)}", style="yellow"))
    if step.pod_name:
        facts.append(Text(one_line(step.pod_name), style="cyan" if step.phase in FAILED_PHASES else "dim"))
    return facts


def _message(page: TextPage, entry: OutlineEntry) -> list[Text]:
    message = one_line(entry.step.message or "")
    failed_inside = any(inner.step.phase in FAILED_PHASES for inner in entry.inside)
    shown_inside = failed_inside and (page.style.width is not None or is_about_a_child(message))
    if not message or shown_inside or page.shown.has(message):
        return []
    return [Text(message, style="red" if entry.step.phase in FAILED_PHASES else "dim")]

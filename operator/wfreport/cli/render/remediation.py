"""Renders the remediation of a run: what holds it, how memory was raised, and what came of each action."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from rich.text import Text

from wfreport.api.action_types import ActionType
from wfreport.api.remediation import Remediation
from wfreport.api.report import Held, ReportStatus
from wfreport.cli.render.page import TextPage, ago, joined
from wfreport.cli.render.quantities import human_memory
from wfreport.cli.render.remediation_state import message_of, state_of
from wfreport.cli.render.style import one_line
from wfreport.core.timing.durations import instant
from wfreport.imports import lazy_pattern

_MEMORY_LIMIT: Final = ".limits.memory"
_BRACKETED: Final = lazy_pattern(r"\[([^\]]+)\]")
_STATE_COLUMNS: Final = 9
_DONE: Final = frozenset({"Executed", "Helped", "NotHelped"})


def add_remediation(
    page: TextPage, status: ReportStatus, actions: Sequence[Remediation], *, now: datetime | None
) -> None:
    """Add the section; nothing if no policy acted on the run or was held.

    Args:
        page: page to add to.
        status: status of the report.
        actions: Remediations of the run's chain; empty if they could not be read.
        now: the present, for relative times; None: only absolute times.
    """
    summary = status.remediation
    if summary is None or not (summary.held or summary.last or actions or summary.attempts):
        return
    page.heading("REMEDIATION", style="bold")
    page.field("held", _held(page, summary.held, now) if summary.held else None, style="yellow")
    in_order = sorted(actions, key=lambda action: (action.spec.attempt, action.metadata.name))
    for container, limits in _memory_limits(in_order):
        page.field("memory", f"{f' {page.style.glyphs.arrow} '.join(limits)} ({container})")
    for action in in_order:
        _add_action(page, action, now)
    if not actions and summary.last:
        last = summary.last
        page.field("last action", joined(page.style, [last.get("action"), last.get("outcome")]))
        page.verbatim("remediation", last.get("remediationRef"))
    if not actions and summary.attempts:
        page.field("attempts", f"{summary.attempts} so far")
    if len(summary.chain or ()) > 1:
        page.field("runs", f" {page.style.glyphs.arrow} ".join(map(one_line, summary.chain or ())))


def _held(page: TextPage, held: Held, now: datetime | None) -> str:
    rule = f", rule {held.rule}" if held.rule else ""
    recheck = f"checked again at {instant(held.recheck_at)}" if _is_ahead(held.recheck_at, now) else None
    reason = f"{held.reason}: {held.message}" if held.message else held.reason
    return joined(page.style, [reason, f"policy {held.policy_name}{rule}", recheck])


def _is_ahead(at: datetime | None, now: datetime | None) -> bool:
    return at is not None and (now is None or at > now)


def _memory_limits(actions: Sequence[Remediation]) -> Iterator[tuple[str, list[str]]]:
    """Yield each container whose memory was raised, with its limits in the order of the attempts."""
    raised: dict[str, list[str]] = {}
    for action in actions:
        if action.spec.action != ActionType.RAISE_MEMORY:
            continue
        before = action.spec.plan.before or {}
        for path, after in (action.spec.plan.after or {}).items():
            if path.endswith(_MEMORY_LIMIT):
                limits = raised.setdefault(_container(path), [human_memory(before.get(path, "unset"))])
                state, _ = state_of(action)
                limits.append(human_memory(after) if state in _DONE else f"{human_memory(after)} ({state})")
    yield from raised.items()


def _container(path: str) -> str:
    """Return template and container of a changed field: ``a/main`` of ``spec.templates[a].resources[main].limits``."""
    return "/".join(map(one_line, _BRACKETED.findall(path))) or one_line(path)


def _add_action(page: TextPage, action: Remediation, now: datetime | None) -> None:
    state, style = state_of(action)
    at, message = action.metadata.creation_timestamp, message_of(action)
    line = Text(f"{state:<{_STATE_COLUMNS}}", style=style)
    line.append(f"  {action.spec.action} {action.spec.attempt}", style="bold")
    if action.spec.action != ActionType.RAISE_MEMORY:  # that follows OOMKilled only
        line.append(f" after {one_line(action.spec.reason)}")
    line.append(f"  {ago(at, now) if now else instant(at)}" if at else "", style="dim")
    line.append(f"  {message}" if message else "", style="")
    line.append(f"  {one_line(action.metadata.name)}", style="cyan")
    page.hanging(Text("  "), line, following=Text("    "), max_lines=4)

"""Prints the result of a simulation, for people and for programs."""

import sys
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from rich.text import Text

from wfreport.api.match import LabelSelector
from wfreport.api.policy import RemediationPolicy
from wfreport.api.reason_meanings import HOLD_MEANINGS
from wfreport.api.reasons import HoldReason
from wfreport.api.wire import rfc3339
from wfreport.cli.render.column import Column
from wfreport.cli.render.console import report_console
from wfreport.cli.render.output import print_object
from wfreport.cli.render.style import one_line
from wfreport.cli.render.table import print_table
from wfreport.core.decide.replay import ReplayedDecision
from wfreport.core.decide.replay_summary import ActionCount, BreakerOpenInterval, ReplaySummary, describe
from wfreport.core.decide.selection import selector_text
from wfreport.core.plurals import plural
from wfreport.core.timing.durations import short_duration

if TYPE_CHECKING:
    from rich.console import Console


class Simulation(Struct, frozen=True):
    """The result of a simulation.

    Attributes:
        policies: the simulated policies.
        since: start of the simulated period.
        until: end of the simulated period.
        summary: the actions and holds in this period.
    """

    policies: Sequence[RemediationPolicy]
    since: datetime
    until: datetime
    summary: ReplaySummary


def _matches_nothing(selector: LabelSelector) -> str:
    if selector.match_expressions:
        return f"No run matches the selector {one_line(selector_text(selector))}."
    labels = selector.match_labels or {}
    return f"No run has the {'label' if len(labels) == 1 else 'labels'} {one_line(selector_text(selector))}."


def print_simulation(simulation: Simulation, *, output: str, color: str) -> None:
    """Print a simulation as ``table``, ``wide`` (with every run), ``json`` or ``yaml``."""
    if output in ("json", "yaml"):
        print_object(as_object(simulation), output)
        return
    console = report_console(color, sys.stdout)
    _print_head(simulation, console)
    if simulation.summary.runs and not simulation.summary.selected:
        _print_line(console)
        for policy in simulation.policies:
            _print_line(console, _matches_nothing(policy.spec.selector))
        return
    _print_actions(simulation.summary, console)
    _print_holds(simulation.summary, console)
    _print_breaker(simulation.summary, console)
    if output == "wide":
        _print_runs(simulation.summary, console)


def as_object(simulation: Simulation) -> dict[str, Any]:
    """Return the simulation as JSON values."""
    summary = simulation.summary
    return {
        "policies": [policy.metadata.name for policy in simulation.policies],
        "since": rfc3339(simulation.since),
        "until": rfc3339(simulation.until),
        "runs": summary.runs,
        "selected": summary.selected,
        "succeeded": summary.succeeded,
        "actions": [
            {"rule": action_count.rule, "action": action_count.action.value, "times": action_count.count}
            | {"helped": action_count.helped, "notHelped": action_count.not_helped}
            for action_count in summary.actions
        ],
        "held": [{"reason": str(reason), "runs": runs} for reason, runs in summary.held],
        "delayed": [{"reason": str(reason), "runs": runs} for reason, runs in summary.delayed],
        "breakerOpen": [
            {"since": rfc3339(interval.since), "until": rfc3339(interval.until), "runs": interval.runs}
            for interval in summary.breaker
        ],
        "podsLabelled": summary.pods,
        "decisions": [_decision_object(replayed) for replayed in summary.last],
    }


def _decision_object(replayed: ReplayedDecision) -> dict[str, Any]:
    decision = replayed.decision
    return {
        "at": rfc3339(replayed.at),
        "namespace": decision.run.namespace,
        "workflow": decision.run.name,
        "uid": decision.run.uid,
        "rule": decision.rule.name if decision.rule else None,
        "action": decision.action.value if decision.action else None,
        "attempt": decision.attempt,
        "reason": str(decision.reason),
        "message": decision.message,
    }


def _print_line(console: "Console", line: Text | str = "") -> None:
    console.print(line, soft_wrap=True, highlight=False, markup=False, emoji=False)


def _print_title(console: "Console", title: str) -> None:
    _print_line(console)
    _print_line(console, Text(title, style="bold"))


def _print_head(simulation: Simulation, console: "Console") -> None:
    summary, period = simulation.summary, _period(simulation.until - simulation.since)
    names = ", ".join(one_line(policy.metadata.name) for policy in simulation.policies)
    matches = "selector matches" if len(simulation.policies) == 1 else "selectors match"
    outcome = f"{summary.succeeded} succeeded, {summary.selected - summary.succeeded} failed"
    matched = f"{matches} {summary.selected} of {plural(summary.runs, 'finished run')} ({period})"
    _print_line(console, Text.assemble((names, "bold"), f": {matched}: {outcome}"))


def _period(time: timedelta) -> str:
    is_whole = time.days and not time.seconds
    return f"{time.days}d" if is_whole else short_duration(time.total_seconds())


def _print_actions(summary: ReplaySummary, console: "Console") -> None:
    labelled = f"{plural(summary.pods, 'failed pod')} would have been labelled."
    if not summary.actions:
        _print_line(console)
        _print_line(console, labelled if summary.pods else "No action would have been taken.")
        return
    total = sum(action_count.count for action_count in summary.actions)
    _print_title(console, f"{plural(total, 'action')} would have been taken:")
    columns: list[Column[ActionCount]] = [
        Column("RULE", lambda action_count: action_count.rule),
        Column("ACTION", lambda action_count: action_count.action),
        Column("TIMES", lambda action_count: str(action_count.count)),
        Column(
            "HELPED",
            lambda action_count: str(action_count.helped),
            lambda action_count: "green" if action_count.helped else "dim",
        ),
        Column(
            "NOT HELPED",
            lambda action_count: str(action_count.not_helped),
            lambda action_count: "red" if action_count.not_helped else "dim",
        ),
        Column(
            "UNKNOWN",
            lambda action_count: str(action_count.count - action_count.helped - action_count.not_helped),
            "dim",
        ),
    ]
    print_table(columns, summary.actions, console)
    if summary.pods:
        _print_line(console, labelled)


def _print_holds(summary: ReplaySummary, console: "Console") -> None:
    columns: list[Column[tuple[str, int]]] = [
        Column("REASON", lambda hold: hold[0]),
        Column("RUNS", lambda hold: str(hold[1])),
        Column("MEANING", lambda hold: HOLD_MEANINGS[HoldReason(hold[0])], "dim", min_width=24, drop_order=1),
    ]
    for title, holds in (
        ("Runs without an action:", summary.held),
        ("Runs whose action would have been delayed:", summary.delayed),
    ):
        if holds:
            _print_title(console, title)
            print_table(columns, holds, console)


def _print_breaker(summary: ReplaySummary, console: "Console") -> None:
    if not summary.breaker:
        return
    _print_title(console, "The circuit breaker would have been open:")
    columns: list[Column[BreakerOpenInterval]] = [
        Column("SINCE", lambda interval: rfc3339(interval.since)),
        Column("UNTIL", lambda interval: rfc3339(interval.until)),
        Column("RUNS HELD", lambda interval: str(interval.runs), "yellow"),
    ]
    print_table(columns, summary.breaker, console)


def _print_runs(summary: ReplaySummary, console: "Console") -> None:
    if not summary.last:
        return
    _print_title(console, "Run by run:")
    columns: list[Column[ReplayedDecision]] = [
        Column("TIME", lambda replayed: rfc3339(replayed.at), "dim"),
        Column("WORKFLOW", lambda replayed: replayed.decision.run.name, "bold"),
        Column(
            "ACTION",
            lambda replayed: replayed.decision.action or "-",
            lambda replayed: "cyan" if replayed.decision.action else "dim",
        ),
        Column("REASON", lambda replayed: describe(replayed.decision), min_width=24),
    ]
    print_table(columns, summary.last, console)

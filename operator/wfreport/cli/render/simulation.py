"""What a simulation has found, for people and for programs."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from rich.text import Text

from wfreport.api.policy import RemediationPolicy
from wfreport.api.reason_meanings import HOLD_MEANINGS
from wfreport.api.reasons import HoldReason
from wfreport.api.wire import rfc3339
from wfreport.cli.render.console import report_console
from wfreport.cli.render.output import print_object
from wfreport.cli.render.style import one_line
from wfreport.cli.render.table import Column, print_table
from wfreport.core.decide.replay import ReplayedDecision
from wfreport.core.decide.replay_summary import ActionCount, ReplaySummary, describe
from wfreport.core.timing.durations import short_duration

if TYPE_CHECKING:
    from rich.console import Console


@dataclass(frozen=True, slots=True)
class Simulation:
    """What a simulation has found.

    Attributes:
        policies: the policies.
        since: from when on they would have acted.
        until: up to when.
        tally: what it comes to.
    """

    policies: Sequence[RemediationPolicy]
    since: datetime
    until: datetime
    tally: ReplaySummary


def print_simulation(found: Simulation, *, output: str, color: str) -> None:
    """Print as ``table``, ``wide`` (with every run), ``json`` or ``yaml``."""
    if output in ("json", "yaml"):
        print_object(as_object(found), output)
        return
    console = report_console(color, sys.stdout)
    _print_head(found, console)
    _print_acts(found.tally, console)
    _print_holds(found.tally, console)
    _print_breaker(found.tally, console)
    if output == "wide":
        _print_runs(found.tally, console)


def as_object(found: Simulation) -> dict[str, Any]:
    """The same for programs."""
    counted = found.tally
    return {
        "policies": [policy.metadata.name for policy in found.policies],
        "since": rfc3339(found.since),
        "until": rfc3339(found.until),
        "runs": counted.runs,
        "selected": counted.selected,
        "succeeded": counted.succeeded,
        "acts": [
            {"rule": act.rule, "action": act.action.value, "times": act.count}
            | {"helped": act.helped, "notHelped": act.not_helped}
            for act in counted.actions
        ],
        "held": [{"reason": str(reason), "runs": runs} for reason, runs in counted.held],
        "delayed": [{"reason": str(reason), "runs": runs} for reason, runs in counted.delayed],
        "breakerOpen": [
            {"since": rfc3339(time.since), "until": rfc3339(time.until), "runs": time.runs} for time in counted.breaker
        ],
        "podsLabelled": counted.pods,
        "decisions": [_decision(judged) for judged in counted.last],
    }


def _decision(judged: ReplayedDecision) -> dict[str, Any]:
    made = judged.decision
    return {
        "at": rfc3339(judged.at),
        "namespace": made.run.namespace,
        "workflow": made.run.name,
        "uid": made.run.uid,
        "rule": made.rule.name if made.rule else None,
        "action": made.action.value if made.action else None,
        "attempt": made.attempt,
        "reason": str(made.reason),
        "message": made.message,
    }


def _say(console: "Console", line: Text | str = "") -> None:
    console.print(line, soft_wrap=True, highlight=False, markup=False, emoji=False)


def _print_head(found: Simulation, console: "Console") -> None:
    names = ", ".join(one_line(policy.metadata.name) for policy in found.policies)
    span = short_duration((found.until - found.since).total_seconds())
    counted = found.tally
    _say(console, Text.assemble((names, "bold"), f": of {counted.runs} runs in {span} it selects {counted.selected}"))
    failed = counted.selected - counted.succeeded
    _say(console, f"{counted.succeeded} of them succeeded, {failed} did not.")


def _print_acts(counted: ReplaySummary, console: "Console") -> None:
    _say(console)
    labelled = f"It would have labelled {counted.pods} failed pods." if counted.pods else ""
    if not counted.actions:
        _say(console, labelled or "It would have done nothing.")
        return
    times = sum(act.count for act in counted.actions)
    _say(console, Text(f"It would have acted {times} time{'' if times == 1 else 's'}:", style="bold"))
    titles = ("ACTION", "TIMES", "HELPED", "NOT HELPED", "NOT KNOWN")
    columns = [Column("RULE", least=8), *map(Column, titles)]
    print_table(columns, [_act_cells(act) for act in counted.actions], console)
    if labelled:
        _say(console, labelled)


def _act_cells(act: ActionCount) -> list[Text]:
    return [
        Text(one_line(act.rule)),
        Text(act.action),
        Text(str(act.count)),
        Text(str(act.helped), style="green" if act.helped else "dim"),
        Text(str(act.not_helped), style="red" if act.not_helped else "dim"),
        Text(str(act.count - act.helped - act.not_helped), style="dim"),
    ]


def _print_holds(counted: ReplaySummary, console: "Console") -> None:
    for title, held in (
        ("It would have left alone:", counted.held),
        ("Before it acted, it would have waited:", counted.delayed),
    ):
        if held:
            _say(console)
            _say(console, Text(title, style="bold"))
            columns = [Column("REASON"), Column("RUNS"), Column("WHY", least=24, optional=True)]
            rows = [
                [Text(reason), Text(str(runs)), Text(HOLD_MEANINGS[HoldReason(reason)], style="dim")]
                for reason, runs in held
            ]
            print_table(columns, rows, console)


def _print_breaker(counted: ReplaySummary, console: "Console") -> None:
    if not counted.breaker:
        return
    _say(console)
    _say(console, Text("Its circuit breaker would have been open:", style="bold"))
    rows = [
        [Text(rfc3339(time.since)), Text(rfc3339(time.until)), Text(str(time.runs), style="yellow")]
        for time in counted.breaker
    ]
    print_table([Column("SINCE"), Column("UNTIL"), Column("RUNS HELD BACK")], rows, console)


def _print_runs(counted: ReplaySummary, console: "Console") -> None:
    if not counted.last:
        return
    _say(console)
    _say(console, Text("Run by run:", style="bold"))
    rows = [
        [
            Text(rfc3339(judged.at), style="dim"),
            Text(one_line(judged.decision.run.name), style="bold"),
            Text(judged.decision.action or "-", style="cyan" if judged.decision.action else "dim"),
            Text(one_line(describe(judged.decision))),
        ]
        for judged in counted.last
    ]
    print_table(
        [Column("WHEN"), Column("WORKFLOW", least=12), Column("ACTION"), Column("WHY", least=24)], rows, console
    )

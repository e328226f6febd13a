"""Summarizes a replay: how often a policy would have acted, what it held, and when its breaker was open."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from msgspec import Struct

from wfreport.api.action_types import ActionType
from wfreport.api.reasons import HoldReason
from wfreport.api.remediation import LockClass
from wfreport.core.decide.model import Decision
from wfreport.core.decide.replay import Replay, ReplayedDecision

IRRELEVANT_HOLDS: Final = frozenset({HoldReason.NO_POLICY, HoldReason.RUN_SUCCEEDED, HoldReason.RUN_ACTIVE})
"""Holds of runs that no rule was applied to."""


class ActionCount(Struct, frozen=True):
    """Number of actions by rule and type.

    Attributes:
        rule: name of the rule.
        action: type of the action.
        count: number of actions.
        helped: number of actions for which history has a resulting run that succeeded.
        not_helped: number of actions for which history has a resulting run that failed.
    """

    rule: str
    action: ActionType
    count: int
    helped: int = 0
    not_helped: int = 0


class BreakerOpenInterval(Struct, frozen=True):
    """A period in which the circuit breaker was open.

    Attributes:
        since: time of the first hold.
        until: latest recheck time of its holds.
        runs: number of runs that it held.
    """

    since: datetime
    until: datetime
    runs: int


class ReplaySummary(Struct, frozen=True):
    """The summary of a replay.

    Attributes:
        runs: number of runs that were decided about.
        selected: number of runs that a policy selects.
        succeeded: number of selected runs that succeeded.
        actions: numbers of actions, in the order of the first one.
        held: number of runs that were held to the end, by reason, highest first.
        delayed: number of runs that were held for a while before an action, by reason, highest first.
        breaker: periods in which the circuit breaker was open.
        pods: number of pods that would have been labelled.
        last: last decision about each run that rules were applied to, in chronological order.
    """

    runs: int
    selected: int
    succeeded: int
    actions: tuple[ActionCount, ...]
    held: tuple[tuple[str, int], ...]
    delayed: tuple[tuple[str, int], ...]
    breaker: tuple[BreakerOpenInterval, ...]
    pods: int
    last: tuple[ReplayedDecision, ...]


def summarize_replay(replay: Replay) -> ReplaySummary:
    """Count the decisions of a replay."""
    of_runs = [replayed for replayed in replay.decisions if replayed.decision.lock == LockClass.MUTATE]
    last = {_run(replayed): replayed for replayed in of_runs}
    acted_on = {_run(replayed) for replayed in of_runs if replayed.decision.action is not None}
    relevant = {run: replayed for run, replayed in last.items() if replayed.decision.reason not in IRRELEVANT_HOLDS}
    held = [replayed for run, replayed in relevant.items() if run not in acted_on]
    holds = {(_run(replayed), replayed.decision.reason) for replayed in of_runs if replayed.decision.action is None}
    return ReplaySummary(
        runs=len(last),
        selected=sum(replayed.decision.policy is not None for replayed in last.values()),
        succeeded=sum(replayed.decision.reason == HoldReason.RUN_SUCCEEDED for replayed in last.values()),
        actions=_count_actions(replay),
        held=_highest_first(_held_by(replayed, of_runs) for replayed in held),
        delayed=_highest_first(
            reason for run, reason in holds if run in acted_on and reason != HoldReason.ALREADY_REMEDIATED
        ),
        breaker=tuple(_open_intervals(of_runs)),
        pods=len({pod.pod_uid for replayed in replay.decisions for pod in replayed.pods}),
        last=tuple(sorted(relevant.values(), key=lambda replayed: replayed.at)),
    )


def _run(replayed: ReplayedDecision) -> tuple[str, datetime | None]:
    return replayed.decision.run.uid, replayed.decision.run.started_at


def _held_by(last: ReplayedDecision, of_runs: Sequence[ReplayedDecision]) -> str:
    """Return the reason of a run's hold. If the run became too old during another hold, that hold is the reason."""
    if last.decision.reason != HoldReason.RUN_TOO_OLD:
        return last.decision.reason
    earlier = [replayed for replayed in of_runs if _run(replayed) == _run(last) and replayed is not last]
    return earlier[-1].decision.reason if earlier else last.decision.reason


def _highest_first(reasons: Iterable[str]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(Counter(reasons).items(), key=lambda entry: (-entry[1], entry[0])))


def _count_actions(replay: Replay) -> tuple[ActionCount, ...]:
    outcomes = {(past.workflow_uid, past.started_at, past.lock): past.has_helped for past in replay.actions}
    counted: dict[tuple[str, ActionType], list[bool | None]] = {}
    for replayed in replay.decisions:
        decision = replayed.decision
        if decision.action is not None and decision.rule is not None:
            has_helped = outcomes.get((decision.run.uid, decision.run.started_at, decision.lock))
            counted.setdefault((decision.rule.name, decision.action), []).append(has_helped)
    return tuple(
        ActionCount(rule, action, len(helped), helped.count(True), helped.count(False))
        for (rule, action), helped in counted.items()
    )


def _open_intervals(decisions: Sequence[ReplayedDecision]) -> list[BreakerOpenInterval]:
    """Merge adjacent and overlapping holds of the breaker into the periods in which it was open."""
    intervals: list[BreakerOpenInterval] = []
    runs: set[tuple[str, datetime | None]] = set()
    for replayed in decisions:
        until = replayed.decision.recheck_at
        if replayed.decision.reason != HoldReason.BREAKER_OPEN or until is None:
            continue
        if not intervals or replayed.at > intervals[-1].until:
            runs = set()
            intervals.append(BreakerOpenInterval(replayed.at, until, 0))
        runs.add(_run(replayed))
        intervals[-1] = BreakerOpenInterval(intervals[-1].since, max(intervals[-1].until, until), len(runs))
    return intervals


def describe(decision: Decision) -> str:
    """Describe a decision in one line: the action, or the hold."""
    return decision.message if decision.action is not None else f"{decision.reason}: {decision.message}"

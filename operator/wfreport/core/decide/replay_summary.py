"""What a replay comes to: how often a policy would have acted, what it held back, and when its breaker was open."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from wfreport.api.actions import ActionType
from wfreport.api.reasons import HoldReason
from wfreport.api.remediation import LockClass
from wfreport.core.decide.model import Decision
from wfreport.core.decide.replay import Replay, ReplayedDecision

NOT_ITS_BUSINESS: Final = frozenset({HoldReason.NO_POLICY, HoldReason.RUN_SUCCEEDED, HoldReason.RUN_ACTIVE})
"""Holds of runs that no rule was ever asked about."""


@dataclass(frozen=True, slots=True)
class ActionCount:
    """How often a rule would have acted.

    Attributes:
        rule: its name.
        action: what it does.
        times: how often.
        helped: after how many of these the past has a run that succeeded.
        not_helped: after how many it has one that failed.
    """

    rule: str
    action: ActionType
    times: int
    helped: int = 0
    not_helped: int = 0


@dataclass(frozen=True, slots=True)
class BreakerOpenInterval:
    """A time in which the circuit breaker let nothing through.

    Attributes:
        since: when it first held a run back.
        until: when it was to be asked again for the last time.
        runs: how many runs it held back.
    """

    since: datetime
    until: datetime
    runs: int


@dataclass(frozen=True, slots=True)
class ReplaySummary:
    """What a replay comes to.

    Attributes:
        runs: runs that were looked at.
        selected: those that a policy selects.
        succeeded: those of them that succeeded.
        acts: by rule and action, in the order of the first.
        held: how many runs were left alone in the end, by reason, most first.
        delayed: how many runs had to wait and were acted on after all, by reason, most first.
        breaker: when the circuit breaker was open.
        pods: how many pods would have been labelled.
        last: the last decision about each run that was a rule's business, in the order of time.
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


def summarize_replay(replayed: Replay) -> ReplaySummary:
    """Count what a replay has judged."""
    of_runs = [judged for judged in replayed.decisions if judged.decision.lock == LockClass.MUTATE]
    last = {_run(judged): judged for judged in of_runs}
    acted = {_run(judged) for judged in of_runs if judged.decision.action is not None}
    business = {run: judged for run, judged in last.items() if judged.decision.reason not in NOT_ITS_BUSINESS}
    left_alone = [judged for run, judged in business.items() if run not in acted]
    waited = {(_run(judged), judged.decision.reason) for judged in of_runs if judged.decision.action is None}
    return ReplaySummary(
        runs=len(last),
        selected=sum(judged.decision.policy is not None for judged in last.values()),
        succeeded=sum(judged.decision.reason == HoldReason.RUN_SUCCEEDED for judged in last.values()),
        actions=_count_actions(replayed),
        held=_most_first(_held_by(judged, of_runs) for judged in left_alone),
        delayed=_most_first(
            reason for run, reason in waited if run in acted and reason != HoldReason.ALREADY_REMEDIATED
        ),
        breaker=tuple(_open_intervals(of_runs)),
        pods=len({pod.pod_uid for judged in replayed.decisions for pod in judged.pods}),
        last=tuple(sorted(business.values(), key=lambda judged: judged.at)),
    )


def _run(judged: ReplayedDecision) -> tuple[str, datetime | None]:
    return judged.decision.run.uid, judged.decision.run.started_at


def _held_by(last: ReplayedDecision, of_runs: Sequence[ReplayedDecision]) -> str:
    """Why a run was left alone; one that grew too old while it waited, by what it waited for."""
    if last.decision.reason != HoldReason.RUN_TOO_OLD:
        return last.decision.reason
    waited = [judged for judged in of_runs if _run(judged) == _run(last) and judged is not last]
    return waited[-1].decision.reason if waited else last.decision.reason


def _most_first(reasons: Iterable[str]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(Counter(reasons).items(), key=lambda entry: (-entry[1], entry[0])))


def _count_actions(replayed: Replay) -> tuple[ActionCount, ...]:
    outcomes = {(act.workflow_uid, act.started_at, act.lock): act.has_helped for act in replayed.actions}
    counted: dict[tuple[str, ActionType], list[bool | None]] = {}
    for judged in replayed.decisions:
        decision = judged.decision
        if decision.action is not None and decision.rule is not None:
            known = outcomes.get((decision.run.uid, decision.run.started_at, decision.lock))
            counted.setdefault((decision.rule.name, decision.action), []).append(known)
    return tuple(
        ActionCount(rule, action, len(helped), helped.count(True), helped.count(False))
        for (rule, action), helped in counted.items()
    )


def _open_intervals(judged: Sequence[ReplayedDecision]) -> list[BreakerOpenInterval]:
    """Holds of the breaker, one after another or side by side, as the times in which it was open."""
    times: list[BreakerOpenInterval] = []
    runs: set[tuple[str, datetime | None]] = set()
    for held in judged:
        until = held.decision.recheck_at
        if held.decision.reason != HoldReason.BREAKER_OPEN or until is None:
            continue
        if not times or held.at > times[-1].until:
            runs = set()
            times.append(BreakerOpenInterval(held.at, until, 0))
        runs.add(_run(held))
        times[-1] = BreakerOpenInterval(times[-1].since, max(times[-1].until, until), len(runs))
    return times


def describe(decision: Decision) -> str:
    """A decision in a line: what would be done, or why not."""
    return decision.message if decision.action is not None else f"{decision.reason}: {decision.message}"

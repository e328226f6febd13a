"""The circuit breaker: when too much fails at once, acting stops; then one act is tried, and its outcome decides.

Its state is not kept anywhere. It is what the runs and acts of the past say: the rate of failures over the window is
a step function of time, and the last time that it was too high begins the cooldown (medik8s' storm cooldown).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import Final

from wfreport.api.actions import ActionType
from wfreport.api.policy import CircuitBreaker
from wfreport.api.reasons import PolicyReason
from wfreport.core.decide.budget import LOOK_AGAIN
from wfreport.core.decide.model import CHAIN_ACTIONS, PastAction, Run

_MEMORY: Final = timedelta(days=3)
"""A storm that was longer ago than this is forgotten: the longest window, the longest cooldown, and a day to try."""


class BreakerState(StrEnum):
    """What a circuit breaker lets through: everything, nothing, or one act at a time."""

    CLOSED = "Closed"
    OPEN = "Open"
    HALF_OPEN = "HalfOpen"


@dataclass(frozen=True, slots=True)
class Breaker:
    """A circuit breaker at a moment.

    Attributes:
        state: what it lets through.
        allows: whether it lets an act through now.
        reason: why, as one stable word.
        message: why, for people.
        since: since when the rate was too high, or had fallen.
        recheck_at: when that may change by itself; None for never.
    """

    state: BreakerState
    allows: bool
    reason: PolicyReason
    message: str
    since: datetime | None = None
    recheck_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Storm:
    """A time in which the rate was too high: from ``began`` until just before ``ended``."""

    began: datetime
    ended: datetime
    failed: int
    total: int


CLOSED: Final = Breaker(
    BreakerState.CLOSED, allows=True, reason=PolicyReason.CLOSED, message="the rate of failures is within its limit"
)


def judge_breaker(spec: CircuitBreaker, runs: Iterable[Run], acts: Iterable[PastAction], now: datetime) -> Breaker:
    """The circuit breaker of a policy.

    Args:
        spec: its settings.
        runs: the runs that the policy selects.
        acts: the policy's acts.
        now: the moment.
    """
    storm = _last_storm(spec, runs, now)
    if storm is None:
        return CLOSED
    cooldown = timedelta(seconds=spec.cooldown_seconds)
    if now < storm.ended:
        message = (
            f"{storm.failed} of {storm.total} runs failed within {spec.window_seconds} seconds, "
            f"more than {spec.failure_percent_at_most}%"
        )
        return _open(PolicyReason.TOO_MANY_FAILURES, message, storm.began, storm.ended + cooldown)
    return _after(storm.ended + cooldown, storm.ended, cooldown, _trials(acts), now)


def _open(reason: PolicyReason, message: str, since: datetime, until: datetime) -> Breaker:
    return Breaker(BreakerState.OPEN, allows=False, reason=reason, message=message, since=since, recheck_at=until)


def _trials(acts: Iterable[PastAction]) -> list[PastAction]:
    """Acts whose outcome tells whether acting helps, oldest first."""
    return sorted(
        (act for act in acts if act.counts and act.action in CHAIN_ACTIONS), key=lambda act: (act.at, act.name)
    )


def _after(
    tries_from: datetime, since: datetime, cooldown: timedelta, trials: Sequence[PastAction], now: datetime
) -> Breaker:
    """After a storm: what the acts that were tried since the end of the cooldown say."""
    for act in trials:
        if act.at < tries_from:
            continue
        if act.is_in_flight:
            message = f"{act.name} is being tried, and its outcome decides"
            return Breaker(
                BreakerState.HALF_OPEN,
                allows=False,
                reason=PolicyReason.HALF_OPEN,
                message=message,
                since=since,
                recheck_at=now + LOOK_AGAIN,
            )
        if act.has_helped:
            return CLOSED
        if act.has_helped is False:
            since = act.finished_at or act.at
            tries_from = since + cooldown
    if now < tries_from:
        message = f"the cooldown of {int(cooldown.total_seconds())} seconds is not over"
        return _open(PolicyReason.COOLING_DOWN, message, since, tries_from)
    return Breaker(
        BreakerState.HALF_OPEN,
        allows=True,
        reason=PolicyReason.HALF_OPEN,
        message="the cooldown is over, and one act is tried",
        since=since,
    )


def _last_storm(spec: CircuitBreaker, runs: Iterable[Run], now: datetime) -> _Storm | None:
    """The last time, begun by now, in which the rate was too high; its end may be yet to come."""
    window = timedelta(seconds=spec.window_seconds)
    ended = [
        (run.finished_at, run.has_failed)
        for run in runs
        if run.finished_at is not None
        and now - _MEMORY < run.finished_at <= now
        and (run.has_failed or run.has_succeeded)
    ]
    last: _Storm | None = None
    for began, until, failed, total in _rates(ended, window):
        if began > now:
            break
        if _is_too_high(spec, failed, total):
            since = last.began if last is not None and last.ended == began else began
            last = _Storm(since, until, failed, total)
    return last


def _is_too_high(spec: CircuitBreaker, failed: int, total: int) -> bool:
    return total >= spec.min_runs and failed * 100 > spec.failure_percent_at_most * total


def _rates(ended: Sequence[tuple[datetime, bool]], window: timedelta) -> Iterator[tuple[datetime, datetime, int, int]]:
    """From when until when there were how many failed and how many runs in the window, in order of time."""
    changes: dict[datetime, tuple[int, int]] = {}
    for at, has_failed in ended:
        for moment, sign in ((at, 1), (at + window, -1)):
            failed, total = changes.get(moment, (0, 0))
            changes[moment] = (failed + sign * has_failed, total + sign)
    failed_now = total_now = 0
    for began, until in pairwise(sorted(changes)):
        failed, total = changes[began]
        failed_now, total_now = failed_now + failed, total_now + total
        yield began, until, failed_now, total_now


def comebacks(
    fingerprint: str | None,
    action: ActionType,
    acts: Iterable[PastAction],
    runs: Iterable[Run],
    now: datetime,
    seconds: int,
) -> list[PastAction]:
    """Acts of this kind on this failure after which the same failure came back, within so many seconds."""
    if fingerprint is None:
        return []
    made = {(run.root_uid, run.attempt) for run in runs if run.fingerprint == fingerprint and run.has_failed}
    since = now - timedelta(seconds=seconds)
    return [
        act
        for act in acts
        if act.action == action
        and act.fingerprint == fingerprint
        and act.has_helped is False
        and act.finished_at is not None
        and since < act.finished_at <= now
        and _came_back(act, made)
    ]


def _came_back(act: PastAction, made: set[tuple[str, int]]) -> bool:
    """Whether the run that the act made failed like the one before; a retry makes no other Workflow."""
    return act.action == ActionType.RETRY or (act.root_uid, act.attempt) in made

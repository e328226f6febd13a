"""The circuit breaker: it stops actions while too many runs fail, then tries one action, whose outcome decides.

The breaker stores no state. Its state is computed from past runs and actions: the failure rate over the window is a
step function of time, and the end of its last excess starts the cooldown (as in medik8s' storm cooldown).

            rate > limit      rate falls          cooldown ends        trial helped
    Closed ────────────► Open ──────────► Open ──────────────► HalfOpen ──────────► Closed
                                           ▲   (cooling down)     │ trial failed
                                           └──────────────────────┘
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import Final

from msgspec import Struct

from wfreport.api.action_types import ActionType
from wfreport.api.calendar import shifted
from wfreport.api.policy import CircuitBreaker
from wfreport.api.reasons import PolicyReason
from wfreport.core.decide.budget import RECHECK_INTERVAL
from wfreport.core.decide.model import CHAIN_ACTIONS, PastAction, Run

_LOOKBACK: Final = timedelta(days=3)
"""Age up to which runs are considered: the longest window, the longest cooldown, and a day for a trial."""


class BreakerState(StrEnum):
    """State of a circuit breaker: it allows all actions, none, or one at a time."""

    CLOSED = "Closed"
    OPEN = "Open"
    HALF_OPEN = "HalfOpen"


class Breaker(Struct, frozen=True):
    """A circuit breaker at a point in time.

    Attributes:
        state: state of the breaker.
        allows: whether it allows an action now.
        reason: stable reason of the state.
        message: reason in words.
        since: start of the excess of failures, or its end; None if closed.
        recheck_at: time at which the state may change without an event; None if never.
    """

    state: BreakerState
    allows: bool
    reason: PolicyReason
    message: str
    since: datetime | None = None
    recheck_at: datetime | None = None


class _HighFailureRate(Struct, frozen=True):
    """A period in which the failure rate exceeded the limit: from ``began`` until just before ``ended``."""

    began: datetime
    ended: datetime
    failed: int
    total: int


CLOSED: Final = Breaker(
    BreakerState.CLOSED, allows=True, reason=PolicyReason.CLOSED, message="the failure rate is within its limit"
)


def judge_breaker(spec: CircuitBreaker, runs: Iterable[Run], actions: Iterable[PastAction], now: datetime) -> Breaker:
    """Return the state of a policy's circuit breaker.

    Args:
        spec: settings of the breaker.
        runs: runs that the policy selects.
        actions: actions of the policy.
        now: current time.
    """
    excess = _last_high_rate(spec, runs, now)
    if excess is None:
        return CLOSED
    cooldown = timedelta(seconds=spec.cooldown_seconds)
    if now < excess.ended:
        message = (
            f"{excess.failed} of {excess.total} runs failed within {spec.window_seconds} seconds, "
            f"more than {spec.failure_percent_at_most}%"
        )
        return _open(PolicyReason.TOO_MANY_FAILURES, message, excess.began, excess.ended + cooldown)
    return _after_high_rate(excess.ended + cooldown, excess.ended, cooldown, _trials(actions), now)


def _open(reason: PolicyReason, message: str, since: datetime, until: datetime) -> Breaker:
    return Breaker(BreakerState.OPEN, allows=False, reason=reason, message=message, since=since, recheck_at=until)


def _trials(actions: Iterable[PastAction]) -> list[PastAction]:
    """Return the actions whose outcome shows whether actions help, oldest first."""
    trials = (action for action in actions if action.counts and action.type in CHAIN_ACTIONS)
    return sorted(trials, key=lambda action: (action.at, action.name))


def _after_high_rate(
    trials_from: datetime, since: datetime, cooldown: timedelta, trials: Sequence[PastAction], now: datetime
) -> Breaker:
    """Return the state after the failure rate has fallen, from the trial actions since the end of the cooldown."""
    for trial in trials:
        if trial.at < trials_from:
            continue
        if trial.is_in_flight:
            return Breaker(
                BreakerState.HALF_OPEN,
                allows=False,
                reason=PolicyReason.HALF_OPEN,
                message=f"waiting for the outcome of the trial {trial.name}",
                since=since,
                recheck_at=now + RECHECK_INTERVAL,
            )
        if trial.has_helped:
            return CLOSED
        if trial.has_helped is False:
            since = trial.finished_at or trial.at
            trials_from = shifted(since, cooldown)
    if now < trials_from:
        message = f"the cooldown of {int(cooldown.total_seconds())} seconds has not elapsed"
        return _open(PolicyReason.COOLING_DOWN, message, since, trials_from)
    return Breaker(
        BreakerState.HALF_OPEN,
        allows=True,
        reason=PolicyReason.HALF_OPEN,
        message="the cooldown has elapsed; one action is tried",
        since=since,
    )


def _last_high_rate(spec: CircuitBreaker, runs: Iterable[Run], now: datetime) -> _HighFailureRate | None:
    """Return the latest period of a high failure rate that has begun; its end may be in the future."""
    window = timedelta(seconds=spec.window_seconds)
    ended = [
        (run.finished_at, run.has_failed)
        for run in runs
        if run.finished_at is not None
        and now - _LOOKBACK < run.finished_at <= now
        and (run.has_failed or run.has_succeeded)
    ]
    last: _HighFailureRate | None = None
    for began, until, failed, total in _rates(ended, window):
        if began > now:
            break
        if _is_too_high(spec, failed, total):
            since = last.began if last is not None and last.ended == began else began
            last = _HighFailureRate(since, until, failed, total)
    return last


def _is_too_high(spec: CircuitBreaker, failed: int, total: int) -> bool:
    return total >= spec.min_runs and failed * 100 > spec.failure_percent_at_most * total


def _rates(ended: Sequence[tuple[datetime, bool]], window: timedelta) -> Iterator[tuple[datetime, datetime, int, int]]:
    """Yield consecutive periods with constant rates: start, end, failed runs and all runs in the window."""
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
    actions: Iterable[PastAction],
    runs: Iterable[Run],
    now: datetime,
    window_seconds: int,
) -> list[PastAction]:
    """Return the actions of this type on this failure after which the same failure came back within the window."""
    if fingerprint is None:
        return []
    failed_again = {(run.root_uid, run.attempt) for run in runs if run.fingerprint == fingerprint and run.has_failed}
    since = now - timedelta(seconds=window_seconds)
    return [
        past
        for past in actions
        if past.type == action
        and past.fingerprint == fingerprint
        and past.has_helped is False
        and past.finished_at is not None
        and since < past.finished_at <= now
        and _came_back(past, failed_again)
    ]


def _came_back(action: PastAction, failed_again: set[tuple[str, int]]) -> bool:
    """Return whether the new run failed in the same way. A retry creates no new Workflow, so it always counts."""
    return action.type == ActionType.RETRY or (action.root_uid, action.attempt) in failed_again

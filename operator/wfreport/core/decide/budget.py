"""Limits on the number of actions, in flight and per window."""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct

from wfreport.api.calendar import shifted
from wfreport.api.remediation import LockClass
from wfreport.core.decide.model import ActionTimes, PastAction
from wfreport.core.plurals import plural

RECHECK_INTERVAL: Final = timedelta(seconds=60)
"""Interval of rechecks while an action is in flight. Normally the event at the end of its run comes first."""

IN_FLIGHT_MAX: Final[Mapping[LockClass, timedelta]] = {
    LockClass.MUTATE: timedelta(hours=6),
    LockClass.NOTIFY: timedelta(minutes=10),
    LockClass.NOTIFY_STALL: timedelta(minutes=10),
}
"""How long an action counts as in flight in the budgets that policies share. A run may be suspended for ever, and an
endpoint may be dead for a day; neither may hold the actions of others for so long."""


class ActionBudget(Struct, frozen=True):
    """A limit on the number of actions of one lock class.

    Attributes:
        max_concurrent: maximum number of actions in flight.
        max_per_window: maximum number of actions in the window.
        window_seconds: length of the window.
        in_flight_for: how long an action counts as in flight; None for as long as its outcome is open.
    """

    max_concurrent: int
    max_per_window: int
    window_seconds: int
    in_flight_for: timedelta | None = None


class ExhaustedBudget(Struct, frozen=True):
    """A budget that allows no further action.

    Attributes:
        message: the exhausted limit, with its numbers.
        recheck_at: time at which the budget may allow an action again.
    """

    message: str
    recheck_at: datetime


def actions_of_policy(actions: Iterable[PastAction], namespace: str, policy_name: str) -> list[PastAction]:
    """Return the actions of a policy, identified by name: a policy that is deleted and recreated keeps its history."""
    return [action for action in actions if action.namespace == namespace and action.policy_name == policy_name]


def action_times(actions: Iterable[PastAction], lock: LockClass) -> ActionTimes:
    """Return when the actions of a lock class that count were performed."""
    counted = [action for action in actions if action.lock == lock and action.counts]
    return ActionTimes(
        in_flight=sorted(action.at for action in counted if action.is_in_flight),
        counted=sorted(action.at for action in counted),
    )


def without_action(times: ActionTimes, action: PastAction | None, since: datetime) -> ActionTimes:
    """Return the times after ``since`` without those of one action."""
    in_flight, counted = _after(times.in_flight, since), _after(times.counted, since)
    if action is not None and action.counts and action.at > since:
        counted.remove(action.at)
        if action.is_in_flight:
            in_flight.remove(action.at)
    return ActionTimes(in_flight, counted)


def exhausted_budget(times: ActionTimes, budget: ActionBudget, now: datetime) -> ExhaustedBudget | None:
    """Return the exhausted budget, or None if it allows an action after those at the given times."""
    flying = times.in_flight if budget.in_flight_for is None else _after(times.in_flight, now - budget.in_flight_for)
    if len(flying) >= budget.max_concurrent:
        message = f"{plural(len(flying), 'action')} in flight, the maximum is {budget.max_concurrent}"
        return ExhaustedBudget(message, now + RECHECK_INTERVAL)
    window = timedelta(seconds=budget.window_seconds)
    recent = _after(times.counted, now - window)
    if len(recent) >= budget.max_per_window:
        message = (
            f"{plural(len(recent), 'action')} in the last {plural(budget.window_seconds, 'second')}, "
            f"the maximum is {budget.max_per_window}"
        )
        return ExhaustedBudget(message, shifted(recent[len(recent) - budget.max_per_window], window))
    return None


def _after(times: Sequence[datetime], since: datetime) -> list[datetime]:
    return list(times[bisect_right(times, since) :])

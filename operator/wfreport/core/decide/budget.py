"""Limits on the number of actions, in flight and per window."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from wfreport.api.remediation import LockClass
from wfreport.core.decide.model import PastAction

RECHECK_INTERVAL: Final = timedelta(seconds=60)
"""Interval of rechecks while an action is in flight. Normally the event at the end of its run comes first."""


@dataclass(frozen=True, slots=True)
class ExhaustedBudget:
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


def exhausted_budget(
    actions: Iterable[PastAction],
    lock: LockClass,
    *,
    max_concurrent: int,
    max_per_window: int,
    window_seconds: int,
    now: datetime,
) -> ExhaustedBudget | None:
    """Return the exhausted budget, or None if it allows an action. Lock classes are counted separately."""
    counted = [action for action in actions if action.lock == lock and action.counts]
    in_flight = sum(action.is_in_flight for action in counted)
    if in_flight >= max_concurrent:
        message = f"{in_flight} actions are in flight, the maximum is {max_concurrent}"
        return ExhaustedBudget(message, now + RECHECK_INTERVAL)
    window = timedelta(seconds=window_seconds)
    recent = sorted(action.at for action in counted if now - window < action.at)
    if len(recent) >= max_per_window:
        message = f"{len(recent)} actions in the last {window_seconds} seconds, the maximum is {max_per_window}"
        return ExhaustedBudget(message, _first_to_leave(recent, max_per_window) + window)
    return None


def _first_to_leave(recent: Sequence[datetime], maximum: int) -> datetime:
    """Return the time of the action that has to leave the window before another is allowed."""
    return recent[len(recent) - maximum]

"""How many acts are allowed: at once, and in a window."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from wfreport.api.remediation import LockClass
from wfreport.core.decide.model import PastAction

LOOK_AGAIN: Final = timedelta(seconds=60)
"""When an act in flight ends is not known; the end of its run is an event too, so this is only the last resort."""


@dataclass(frozen=True, slots=True)
class Exhausted:
    """A budget that is spent.

    Attributes:
        message: which part of it, with its number.
        recheck_at: when it may have something left.
    """

    message: str
    recheck_at: datetime


def actions_of_policy(acts: Iterable[PastAction], namespace: str, policy_name: str) -> list[PastAction]:
    """The acts of a policy, by its name: one that was deleted and made again begins with what it did before."""
    return [act for act in acts if act.namespace == namespace and act.policy_name == policy_name]


def exhausted_budget(
    acts: Iterable[PastAction],
    lock: LockClass,
    *,
    max_concurrent: int,
    max_per_window: int,
    window_seconds: int,
    now: datetime,
) -> Exhausted | None:
    """Whether a budget is spent by these acts; acts on runs and notifications are counted apart."""
    counted = [act for act in acts if act.lock == lock and act.counts]
    in_flight = sum(act.is_in_flight for act in counted)
    if in_flight >= max_concurrent:
        return Exhausted(f"{in_flight} acts are in flight, and at most {max_concurrent} may be", now + LOOK_AGAIN)
    window = timedelta(seconds=window_seconds)
    recent = sorted(act.at for act in counted if now - window < act.at)
    if len(recent) >= max_per_window:
        message = f"{len(recent)} acts in the last {window_seconds} seconds, and at most {max_per_window} may be"
        return Exhausted(message, _first_gone(recent, max_per_window) + window)
    return None


def _first_gone(recent: Sequence[datetime], allowed: int) -> datetime:
    """The act with whose leaving the window there is room for another."""
    return recent[len(recent) - allowed]

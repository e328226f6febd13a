"""Counts consecutive failures of a CronWorkflow or a template.

A run and its resubmissions count as one, so an action that does not help adds no failure of the schedule. A run that a
person ended neither counts nor interrupts a streak.
"""

from collections.abc import Callable, Iterable
from datetime import datetime

from msgspec import Struct

from wfreport.api.calendar import EARLIEST
from wfreport.core.decide.model import Run


class Streak(Struct, frozen=True):
    """Consecutive failures up to a given run.

    Attributes:
        root_uids: chains of the streak, latest first; empty if the run's chain, or a later one, succeeded.
    """

    root_uids: tuple[str, ...] = ()

    @property
    def length(self) -> int:
        """Number of consecutive failures."""
        return len(self.root_uids)


def streak_of(run: Run, runs: Iterable[Run], of: str) -> Streak:
    """Return the consecutive failures up to ``run``, of its CronWorkflow or its template (``of``)."""
    source = _SOURCES[of](run)
    if source is None:
        return Streak()
    chains: dict[str, list[Run]] = {}
    for other in (run, *runs):
        if other.is_completed and other.namespace == run.namespace and _SOURCES[of](other) == source:
            chains.setdefault(other.root_uid, []).append(other)
    ordered = sorted(chains.values(), key=_began)
    counted = [chain for chain in ordered if not all(member.is_cancelled for member in chain)]
    return _streak(counted, run.root_uid)


def _streak(chains: list[list[Run]], root_uid: str) -> Streak:
    """Collect failed chains backwards from the run's chain to the last success; none if it or a later one succeeded."""
    own = next((index for index, chain in enumerate(chains) if chain[0].root_uid == root_uid), None)
    if own is None or any(map(_succeeded, chains[own:])):
        return Streak()
    failed: list[str] = []
    for chain in reversed(chains[: own + 1]):
        if _succeeded(chain):
            break
        failed.append(chain[0].root_uid)
    return Streak(tuple(failed))


def _began(chain: list[Run]) -> tuple[datetime, str]:
    return min(run.started_at or EARLIEST for run in chain), chain[0].root_uid


def _succeeded(chain: list[Run]) -> bool:
    return any(run.has_succeeded for run in chain)


_SOURCES: dict[str, Callable[[Run], str | None]] = {
    "CronWorkflow": lambda run: run.cron_workflow,
    "Template": lambda run: run.template,
}

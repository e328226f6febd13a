"""How often in a row a CronWorkflow or a template failed.

A run and its resubmissions are one: a remedy that fails is not another failure of the schedule. A run that a person
ended neither counts nor interrupts.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from wfreport.core.decide.model import Run

_LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Streak:
    """Failures in a row that end with a run.

    Attributes:
        root_uids: the chains in it, latest first; empty where the run's chain, or a later one, succeeded.
    """

    root_uids: tuple[str, ...] = ()

    @property
    def length(self) -> int:
        """How many there are."""
        return len(self.root_uids)


def streak_of(run: Run, runs: Iterable[Run], of: str) -> Streak:
    """The failures in a row that end with ``run``, of its CronWorkflow or of its template (``of``)."""
    source = _sources[of](run)
    if source is None:
        return Streak()
    chains: dict[str, list[Run]] = {}
    for found in (run, *runs):
        if found.is_completed and found.namespace == run.namespace and _sources[of](found) == source:
            chains.setdefault(found.root_uid, []).append(found)
    ordered = sorted(chains.values(), key=_began)
    counted = [chain for chain in ordered if not all(found.is_cancelled for found in chain)]
    return _streak(counted, run.root_uid)


def _streak(chains: list[list[Run]], root_uid: str) -> Streak:
    """Back from the chain of the run to the latest that succeeded; nothing where one after it did."""
    mine = next((at for at, chain in enumerate(chains) if chain[0].root_uid == root_uid), None)
    if mine is None or any(map(_succeeded, chains[mine:])):
        return Streak()
    failed: list[str] = []
    for chain in reversed(chains[: mine + 1]):
        if _succeeded(chain):
            break
        failed.append(chain[0].root_uid)
    return Streak(tuple(failed))


def _began(chain: list[Run]) -> tuple[datetime, str]:
    return min(found.started_at or _LONG_AGO for found in chain), chain[0].root_uid


def _succeeded(chain: list[Run]) -> bool:
    return any(found.has_succeeded for found in chain)


_sources: dict[str, Callable[[Run], str | None]] = {
    "CronWorkflow": lambda run: run.cron_workflow,
    "Template": lambda run: run.template,
}

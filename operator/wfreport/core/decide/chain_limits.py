"""How many acts a chain has had, and how long the next one waits."""

import math
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from typing import Final

from wfreport.api.policy import Backoff
from wfreport.api.wire import rfc3339
from wfreport.core.decide.model import CHAIN_ACTIONS, PastAction, Run

_HASH_BYTES: Final = 8


def actions_on_chain(run: Run, acts: Iterable[PastAction]) -> list[PastAction]:
    """What was done to run this chain again, by whatever policy, oldest first."""
    of_chain = (
        act
        for act in acts
        if act.root_uid == run.root_uid
        and act.namespace == run.namespace
        and act.action in CHAIN_ACTIONS
        and act.counts
    )
    return sorted(of_chain, key=lambda act: (act.attempt, act.at, act.name))


def next_attempt(run: Run, chain: Sequence[PastAction]) -> int:
    """The number of the next act: above all that were, also those whose Remediation was deleted since."""
    return max((run.attempt, *(act.attempt for act in chain))) + 1


def attempts_exhausted(run: Run, chain: Sequence[PastAction], *, counts_toward_limit: bool) -> int:
    """Acts of one kind, ordinary or of the infrastructure, that the chain has had.

    Acts whose Remediation was deleted are known by the number of the run's resubmission: they count as ordinary.
    """
    forgotten = max(0, run.attempt - len(chain)) if counts_toward_limit else 0
    return forgotten + sum(act.counts_toward_limit == counts_toward_limit for act in chain)


def due_at(run: Run, backoff: Backoff | None, attempt: int, delay_seconds: int) -> datetime | None:
    """When an act is due: so long after the run's end as backoff and delay say; None where the end is not known.

    The wait before attempt n is initialSeconds x factor^(n - 1), at most maxSeconds (Kueue's requeuingStrategy), and
    longer by a part of it that a hash of the run chooses: the same run always waits the same time.
    """
    if run.finished_at is None:
        return None
    seconds = max(delay_seconds, _backoff_seconds(run, backoff, attempt) if backoff else 0)
    return run.finished_at + timedelta(seconds=seconds)


def _backoff_seconds(run: Run, backoff: Backoff, attempt: int) -> int:
    grown = Decimal(backoff.initial_seconds) * Decimal(backoff.factor) ** (attempt - 1)
    wait = min(grown, Decimal(backoff.max_seconds))
    return math.ceil(wait * (1 + Decimal(backoff.jitter) * _chance(run, attempt)))


def _chance(run: Run, attempt: int) -> Decimal:
    """A number from 0 up to 1 that is the run's and the attempt's own."""
    seed = f"{run.uid}\x00{rfc3339(run.started_at) if run.started_at else ''}\x00{attempt}"
    drawn = int.from_bytes(sha256(seed.encode()).digest()[:_HASH_BYTES], "big")
    return Decimal(drawn) / Decimal(1 << (8 * _HASH_BYTES))

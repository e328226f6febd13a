"""Counts the attempts of a chain and computes the delay before the next one."""

import math
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from typing import Final

from wfreport.api.calendar import shifted
from wfreport.api.policy import Backoff
from wfreport.api.wire import rfc3339
from wfreport.core.decide.model import CHAIN_ACTIONS, PastAction, Run

_HASH_BYTES: Final = 8


def actions_on_chain(run: Run, actions: Iterable[PastAction]) -> list[PastAction]:
    """Return the actions of all policies that ran this chain again, oldest first."""
    of_chain = (
        action
        for action in actions
        if action.root_uid == run.root_uid
        and action.namespace == run.namespace
        and action.type in CHAIN_ACTIONS
        and action.counts
    )
    return sorted(of_chain, key=lambda action: (action.attempt, action.at, action.name))


def next_attempt(run: Run, chain: Sequence[PastAction]) -> int:
    """Return the number of the next action, above all earlier ones, even if their Remediations have been deleted."""
    return max((run.attempt, *(action.attempt for action in chain))) + 1


def used_attempts(run: Run, chain: Sequence[PastAction], *, counts_toward_limit: bool) -> int:
    """Return how many attempts of one kind, ordinary or for infrastructure failures, the chain has used.

    The run's own attempt number reveals actions whose Remediations have been deleted. They count as ordinary.
    """
    deleted = max(0, run.attempt - len(chain)) if counts_toward_limit else 0
    return deleted + sum(action.counts_toward_limit == counts_toward_limit for action in chain)


def due_at(run: Run, backoff: Backoff | None, attempt: int, delay_seconds: int) -> datetime | None:
    """Return when the action is due: the run's end plus the longer of backoff and delay; None if the end is unknown.

    The backoff of attempt n is initialSeconds x factor^(n - 1), at most maxSeconds, as in Kueue's requeuingStrategy.
    Jitter extends it by a fraction derived from a hash of the run, so the same run always has the same delay.
    """
    if run.finished_at is None:
        return None
    seconds = max(delay_seconds, _backoff_seconds(run, backoff, attempt) if backoff else 0)
    return shifted(run.finished_at, timedelta(seconds=seconds))


def _backoff_seconds(run: Run, backoff: Backoff, attempt: int) -> int:
    exponential = Decimal(backoff.initial_seconds) * Decimal(backoff.factor) ** (attempt - 1)
    capped = min(exponential, Decimal(backoff.max_seconds))
    return math.ceil(capped * (1 + Decimal(backoff.jitter) * _jitter_of(run, attempt)))


def _jitter_of(run: Run, attempt: int) -> Decimal:
    """Return a number in [0, 1) that is specific to the run and the attempt."""
    seed = f"{run.uid}\x00{rfc3339(run.started_at) if run.started_at else ''}\x00{attempt}"
    value = int.from_bytes(sha256(seed.encode()).digest()[:_HASH_BYTES], "big")
    return Decimal(value) / Decimal(1 << (8 * _HASH_BYTES))

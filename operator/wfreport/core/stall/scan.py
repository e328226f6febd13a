"""Reads from a Workflow what an inspection needs of it: in one function, which a thread runs if the Workflow is large.

What is remembered of a Workflow's locks is bounded, because it has as many of them as its author writes.
"""

from collections.abc import Iterable
from datetime import datetime
from itertools import accumulate, islice
from typing import Final

from msgspec import Struct

from wfreport.core.snapshot.model import Snapshot
from wfreport.core.stall.locks import awaited_locks, held_locks, lock_holds
from wfreport.core.stall.pod_rules import needs_pods
from wfreport.core.stall.workflow_rules import newest_time

MAX_LOCKS: Final = 1000
"""Locks, and holders of locks, that are looked at in a Workflow."""

_LOCK_LENGTH: Final = 1024
"""The longest name of a lock or a holder: of a namespace, a Workflow or ConfigMap, and a node or key."""

_LOCKS_LENGTH: Final = 64 * 1024
"""All names of a Workflow's locks together: a thousand ordinary ones. They are remembered for each running Workflow."""


class RunScan(Struct, frozen=True):
    """What an inspection needs of a Workflow.

    Attributes:
        newest_at: the newest time that Argo's controller wrote into it.
        needs_pods: whether a step has run for so long that its pods are to be looked at.
        locks_held: the locks that it holds.
        lock_holds: since when it and its steps have held them, by holder.
        locks_awaited: the locks that it waits for.
        holders: the holders of those.
    """

    newest_at: datetime | None
    needs_pods: bool
    locks_held: frozenset[str]
    lock_holds: dict[str, datetime]
    locks_awaited: frozenset[str]
    holders: frozenset[str]


def scan_run(snapshot: Snapshot, *, now: datetime, after_seconds: float) -> RunScan:
    """Scan a Workflow; its pods are needed if a step has run for longer than ``after_seconds``."""
    awaited = awaited_locks(snapshot)
    holds = lock_holds(snapshot)
    return RunScan(
        newest_at=newest_time(snapshot),
        needs_pods=needs_pods(snapshot, now=now, after_seconds=after_seconds),
        locks_held=_some(held_locks(snapshot)),
        lock_holds={holder: holds[holder] for holder in _some(holds)},
        locks_awaited=_some(lock.name for lock in awaited),
        holders=_some(holder for lock in awaited for holder in lock.holders),
    )


def _some(names: Iterable[str]) -> frozenset[str]:
    """Return the names that an object can have, as many as are looked at."""
    some = list(islice((name for name in names if len(name) <= _LOCK_LENGTH), MAX_LOCKS))
    lengths = accumulate(map(len, some))
    return frozenset(name for name, length in zip(some, lengths, strict=True) if length <= _LOCKS_LENGTH)

"""Suspicions from locks whose holder has ended.

The holders in a Workflow's status are those at its last attempt to get the lock. Another Workflow may have got it
since, so a lock counts as leaked only if nobody is known to hold it now, and since the last one that waited for it has
got it: a queue may move faster than it is polled.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Final

from msgspec import Struct

from wfreport.api.argo import UNFINISHED_PHASES, LockWait, Node, Phase
from wfreport.api.reasons import StallReason
from wfreport.core.snapshot.model import Snapshot
from wfreport.core.stall.model import HolderState, Owed, StallFacts, StallGraces, Suspicion

_DONE: Final = frozenset({HolderState.ENDED, HolderState.GONE})
_MAX_HOLDERS: Final = 3


class AwaitedLock(Struct, frozen=True):
    """A lock that a Workflow waits for.

    Attributes:
        name: ``<namespace>/Mutex/<name>`` or ``<namespace>/ConfigMap/<name>/<key>``.
        holders: ``<namespace>/<workflow>[/<node id>]``, as of the last attempt to get it.
    """

    name: str
    holders: tuple[str, ...]


def awaited_locks(snapshot: Snapshot) -> list[AwaitedLock]:
    """Return the locks that the Workflow or its steps wait for."""
    return [AwaitedLock(_lock_name(wait), _holders(wait)) for wait in _entries(snapshot, "waiting")]


def held_locks(snapshot: Snapshot) -> frozenset[str]:
    """Return the names of the locks that the Workflow holds."""
    return frozenset(_lock_name(entry) for entry in _entries(snapshot, "holding"))


def lock_holds(snapshot: Snapshot) -> dict[str, datetime]:
    """Return since when the Workflow and its steps have held their locks, by holder.

    Argo writes no time for it. A Workflow that waits for a lock of its own has not started, so it has held it since its
    start. A step may have waited; it has held its lock for as long as it exists at most.
    """
    holders = [holder for entry in _entries(snapshot, "holding") for holder in _holders(entry)]
    times = ((holder, _holds_since(snapshot, holder)) for holder in holders)
    return {holder: since_at for holder, since_at in times if since_at is not None}


def _holds_since(snapshot: Snapshot, holder: str) -> datetime | None:
    node = snapshot.nodes.get(holder.rpartition("/")[2])
    return node.started_at if node else snapshot.workflow.status.started_at


def holder_workflow(holder: str) -> str:
    """Return ``<namespace>/<workflow>`` of a holder; empty if it is written in another way."""
    parts = holder.split("/")
    return "/".join(parts[:2]) if len(parts) in {2, 3} and all(parts) else ""


def lock_suspicions(snapshot: Snapshot, facts: StallFacts, graces: StallGraces) -> Iterator[Suspicion]:
    """Yield that the Workflow waits for locks that nobody will release."""
    if snapshot.workflow.status.is_completed:
        return
    waiting = _waiting_nodes(snapshot)
    for lock in awaited_locks(snapshot):
        states = {holder: _state(snapshot, holder, facts) for holder in lock.holders}
        if not states or lock.name in facts.locks_held or not all(state in _DONE for state in states.values()):
            continue
        node = waiting.get(lock.name)
        shown = ", ".join(f"{holder} ({state.lower()})" for holder, state in list(states.items())[:_MAX_HOLDERS])
        subject = node.display_name if node else "the Workflow"
        yield Suspicion(
            StallReason.LOCK_LEAKED,
            f"{subject} waits for the lock {lock.name}, whose holder has ended or does not exist: {shown}",
            graces.seconds,
            facts.locks_moved_at.get(lock.name),
            node.id if node else "",
            owed=Owed.PERHAPS,
            cause=lock.name,
        )


def _state(snapshot: Snapshot, holder: str, facts: StallFacts) -> HolderState:
    """Return the state of a holder: of a step, if it is one of the same Workflow."""
    own = snapshot.nodes.get(holder.rpartition("/")[2])
    if own is not None:
        return HolderState.RUNNING if own.phase in UNFINISHED_PHASES else HolderState.ENDED
    return facts.holders.get(holder_workflow(holder), HolderState.UNKNOWN)


def _waiting_nodes(snapshot: Snapshot) -> Mapping[str, Node]:
    """Return a step that waits for each lock, by the lock's name."""
    pending = (node for node in snapshot.nodes.values() if node.phase == Phase.PENDING)
    return {node.synchronization_status.waiting: node for node in pending if node.synchronization_status}


def _entries(snapshot: Snapshot, field: str) -> Iterator[LockWait]:
    locks = snapshot.workflow.status.synchronization
    for kind in (locks.mutex, locks.semaphore) if locks else ():
        if kind:
            yield from kind.waiting if field == "waiting" else kind.holding


def _lock_name(entry: LockWait) -> str:
    return entry.mutex or entry.semaphore


def _holders(entry: LockWait) -> tuple[str, ...]:
    return tuple(entry.holders) or ((entry.holder,) if entry.holder else ())

"""Names who holds a lock that a run waits for, and since when."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from msgspec import Struct, field

from wfreport.api.argo import LockWait, Node
from wfreport.api.report import Waiting
from wfreport.core.snapshot.model import Snapshot
from wfreport.core.timing.durations import minute
from wfreport.imports import lazy_pattern

HELD_BY: Final = "; held by "
_MAX_HOLDERS: Final = 3
_SINCE: Final = lazy_pattern(r" since \d{4}-\d\d-\d\d \d\d:\d\dZ")


class LockHolds(Struct, frozen=True):
    """What is known of other runs that hold locks.

    Attributes:
        since: since when each holder has held its lock.
        stored: the waits in the stored report. They have the times of holders that are not known yet after a restart.
    """

    since: Mapping[str, datetime] = field(default_factory=dict)
    stored: Sequence[Waiting] = ()

    def with_stored_times(self, message: str, node_id: str) -> str:
        """Return the message of a wait, or the stored one if it is the same with more times."""
        former = next((wait.message or "" for wait in self.stored if (wait.node_id or "") == node_id), "")
        is_same = _SINCE.sub("", former) == _SINCE.sub("", message)
        return former if is_same and len(_SINCE.findall(former)) > len(_SINCE.findall(message)) else message


NO_HOLDS: Final = LockHolds()


def holders_clause(snapshot: Snapshot, node: Node | None, message: str, holds: LockHolds) -> str:
    """Return who holds the lock for which a step, or the Workflow itself, waits; empty if that is unknown."""
    awaited = node.synchronization_status.waiting if node and node.synchronization_status else None
    wait = next(
        (wait for wait in _waits(snapshot) if (name := _name(wait)) and _is_meant(name, awaited, message)), None
    )
    holders = ([wait.holder] if wait.holder else wait.holders) if wait else []
    return HELD_BY + ", ".join(_holder(each, snapshot, holds) for each in holders[:_MAX_HOLDERS]) if holders else ""


def _waits(snapshot: Snapshot) -> list[LockWait]:
    locks = snapshot.workflow.status.synchronization
    return [wait for kind in (locks.mutex, locks.semaphore) if kind for wait in kind.waiting] if locks else []


def _name(wait: LockWait) -> str:
    return wait.mutex or wait.semaphore


def _is_meant(name: str, awaited: str | None, message: str) -> bool:
    """Return whether a wait is for this lock. A Workflow only says so in its message."""
    return name == awaited if awaited else f" {name} " in message


def _holder(holder: str, snapshot: Snapshot, holds: LockHolds) -> str:
    """Return the step of this run that holds a lock, or the other run as ``<namespace>/<workflow>``, and since when."""
    own = snapshot.nodes.get(holder.rpartition("/")[2])
    name = own.display_name if own else "/".join(holder.split("/")[:2])
    since_at = own.started_at if own else holds.since.get(holder)
    since = f" since {minute(since_at)}" if since_at else ""
    return f"{name}{since}"

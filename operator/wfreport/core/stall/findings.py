"""Decides which suspicion about a run is a finding.

    objects ─► suspicions ─► (lasts for its grace time, by the objects' times *and* by ours) ─► one finding

Both clocks count. The times of objects can come from machines whose clocks differ, and from a controller that is late;
a suspicion must therefore also have been seen for half of its grace time. A finding that the stored report already has
is not tried again, so that a restart does not clear it. After a silence Argo's controller has a whole grace time to
catch up with what it owes; else each run that it has not reached yet would be a finding of its own.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from heapq import nsmallest
from typing import Final

from msgspec import structs

from wfreport.api.reasons import StallReason
from wfreport.api.report import Stalled
from wfreport.core.snapshot.model import Snapshot
from wfreport.core.stall.deletion import deletion_suspicions
from wfreport.core.stall.locks import lock_suspicions
from wfreport.core.stall.model import Owed, StallFacts, StallFinding, StallGraces, Suspicion
from wfreport.core.stall.pod_rules import pod_suspicions
from wfreport.core.stall.workflow_rules import workflow_suspicions

SEEN_SHARE: Final = 0.5
"""The share of its grace time for which a suspicion must have been seen, if the objects have the time of its start."""

_MAX_SUSPICIONS: Final = 500
"""Suspicions about a run that are followed, the most important first; a run may have one for each of its steps."""

_OF_THE_MACHINE: Final = frozenset({StallReason.POD_TERMINATING, StallReason.MACHINE_SILENT})
"""Reasons that do not depend on how fast Argo's controller is."""

FirstSeen = Mapping[tuple[str, str], datetime]
"""When each suspicion was seen first, by its key."""

_ORDER: Final = (
    StallReason.SUSPENDED_AND_TERMINATED,
    StallReason.POD_TERMINATING,
    StallReason.POD_GONE,
    StallReason.MACHINE_SILENT,
    StallReason.MAIN_NOT_STARTED,
    StallReason.MAIN_ENDED,
    StallReason.AGENT_GONE,
    StallReason.TASK_RESULT_MISSING,
    StallReason.LOCK_LEAKED,
    StallReason.EXIT_HANDLER_NOT_STARTED,
    StallReason.NOTHING_SCHEDULED,
    StallReason.DELETION_BLOCKED,
    StallReason.ARTIFACT_GC_FAILED,
    StallReason.CONTROLLER_SILENT,
)
"""Reasons by priority, the most specific first."""


def find_suspicions(snapshot: Snapshot, facts: StallFacts, graces: StallGraces) -> list[Suspicion]:
    """Return the suspicions about a run, with grace times that fit its size."""
    factor = graces.scaled(len(snapshot.nodes))
    suspicions = [*workflow_suspicions(snapshot, graces), *deletion_suspicions(snapshot, facts.pods, graces)]
    suspicions += lock_suspicions(snapshot, facts, graces)
    if facts.pods is not None and not snapshot.workflow.status.is_completed:
        suspicions += pod_suspicions(snapshot, facts.pods, graces)
    first = nsmallest(_MAX_SUSPICIONS, suspicions, key=lambda one: _priority(one, one.since_at))
    return [
        one if one.reason in _OF_THE_MACHINE else structs.replace(one, grace_seconds=one.grace_seconds * factor)
        for one in first
    ]


def choose_finding(
    suspicions: Iterable[Suspicion],
    facts: StallFacts,
    *,
    first_seen: FirstSeen | None,
    stored: Stalled | None,
    now: datetime,
) -> StallFinding | None:
    """Return the finding about a run; None if it does not hang, or not for long enough.

    Args:
        suspicions: the suspicions about it.
        facts: the facts that led to them.
        first_seen: when each was seen first; None to rely on the objects' times alone.
        stored: the finding in the stored report.
        now: the present time.
    """
    due = []
    for one in suspicions:
        shown = _of_silence(one, facts)
        is_silence = shown.reason == StallReason.CONTROLLER_SILENT
        if is_silence and facts.controller_silent_since_at is None:
            continue
        is_stored = stored is not None and stored.reason == shown.reason
        if is_stored or (not _is_being_caught_up_with(one, facts, now) and is_due(one, first_seen=first_seen, now=now)):
            due.append((shown, _began_at(one, shown, first_seen, stored)))
    if not due:
        return None
    return StallFinding(*min(due, key=lambda pair: _priority(*pair)))


def _priority(suspicion: Suspicion, since_at: datetime | None) -> tuple[int, float, str]:
    return (_ORDER.index(suspicion.reason), _seconds(since_at), suspicion.node_id)


def is_due(suspicion: Suspicion, *, first_seen: FirstSeen | None, now: datetime) -> bool:
    """Return whether the grace time of a suspicion is over."""
    since, grace = suspicion.since_at, suspicion.grace_seconds
    if since is not None and (now - since).total_seconds() < grace:
        return False
    if first_seen is None:
        return True
    seen_seconds = (now - first_seen.get(suspicion.key, now)).total_seconds()
    return seen_seconds >= (grace if since is None else grace * SEEN_SHARE)


def _is_being_caught_up_with(suspicion: Suspicion, facts: StallFacts, now: datetime) -> bool:
    resumed_at = facts.controller_resumed_at
    is_recent = resumed_at is not None and (now - resumed_at).total_seconds() < suspicion.grace_seconds
    return is_recent and suspicion.owed is not Owed.NO


def _of_silence(suspicion: Suspicion, facts: StallFacts) -> Suspicion:
    """Return the suspicion, as one of a silent controller if that explains it."""
    since_at = facts.controller_silent_since_at
    if since_at is None or suspicion.owed is Owed.NO:
        return suspicion
    message = f"Argo's controller has done nothing since {since_at:%Y-%m-%d %H:%MZ}: {suspicion.message}"
    return structs.replace(suspicion, reason=StallReason.CONTROLLER_SILENT, message=message, since_at=since_at)


def _began_at(
    suspicion: Suspicion, shown: Suspicion, first_seen: FirstSeen | None, stored: Stalled | None
) -> datetime | None:
    """Return when the finding began. A time that no object has stays the one that was reported first."""
    if stored and stored.reason == shown.reason and (suspicion.since_at is None or suspicion is not shown):
        return stored.since_at
    return shown.since_at or (first_seen or {}).get(suspicion.key)


def _seconds(at: datetime | None) -> float:
    return at.timestamp() if at else 0.0

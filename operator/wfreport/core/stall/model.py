"""The values from which it is decided whether a run hangs."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Final

from msgspec import Struct, field

from wfreport.api.kubernetes import Pod
from wfreport.api.reasons import StallReason
from wfreport.core.redact.bounds import short_key

SHUTDOWN_SECONDS: Final = 60
"""Grace time of a Workflow that is suspended and shut down: nothing has to happen meanwhile."""

LARGE_NODES: Final = 200
"""Number of nodes from which on all grace times grow."""

NODES_PER_GRACE: Final = 400
"""This many further nodes add a whole grace time. A pass of Argo's controller over thousands of nodes takes minutes,
and their pods end long before their nodes do: with 3,000 nodes, they have 40 minutes."""


class StallGraces(Struct, frozen=True):
    """Grace times: a shorter stall is not reported.

    Attributes:
        seconds: for all that has none of its own.
        outputs_seconds: for Argo's ``wait`` after the main container: it may store large artifacts.
        task_result_seconds: for the result of a step; Argo gives up waiting after 10 minutes itself
            (``TASK_RESULT_TIMEOUT_DURATION``, since 3.6), if it knows of the result at all.
        deletion_seconds: for the garbage collection of artifacts of a deleted Workflow.
    """

    seconds: float = 300
    outputs_seconds: float = 1800
    task_result_seconds: float = 900
    deletion_seconds: float = 900

    def scaled(self, nodes: int) -> float:
        """Return the factor of all grace times for a Workflow of so many nodes."""
        return 1 + max(0, nodes - LARGE_NODES) / NODES_PER_GRACE


class HolderState(StrEnum):
    """State of the Workflow that holds a lock."""

    RUNNING = "Running"
    ENDED = "Ended"
    GONE = "Gone"
    UNKNOWN = "Unknown"


class PodsSeen(Struct, frozen=True):
    """The pods of a Workflow that were read for its unfinished steps.

    Attributes:
        by_node: pods by node id.
        agent: Argo's agent, if it was among them.
        collectors: pods that delete the Workflow's artifacts.
        is_complete: whether these are all of its pods that are not labelled as completed: then others are gone.
        seen_at: when they were read; None for now.
    """

    by_node: Mapping[str, Pod] = field(default_factory=dict)
    agent: Pod | None = None
    collectors: tuple[Pod, ...] = ()
    is_complete: bool = False
    seen_at: datetime | None = None


class StallFacts(Struct, frozen=True):
    """Facts besides the Workflow.

    Attributes:
        pods: its pods; None if they were not read.
        holders: states of the Workflows that hold locks, by ``<namespace>/<name>``.
        locks_held: the locks that running Workflows are known to hold.
        locks_moved_at: when a run was seen last that had got an awaited lock; most are not known.
        controller_silent_since_at: time since which Argo's controller does nothing; None if it works.
        controller_resumed_at: time at which it went on after a silence; None if there was none.
    """

    pods: PodsSeen | None = None
    holders: Mapping[str, HolderState] = field(default_factory=dict)
    locks_held: frozenset[str] = frozenset()
    locks_moved_at: Mapping[str, datetime] = field(default_factory=dict)
    controller_silent_since_at: datetime | None = None
    controller_resumed_at: datetime | None = None


class Owed(StrEnum):
    """How certain it is that Argo's controller should have done something for a run."""

    NO = "No"
    PERHAPS = "Perhaps"
    CERTAINLY = "Certainly"


class Suspicion(Struct, frozen=True):
    """A state in which a run hangs, if it lasts.

    Attributes:
        reason: the reason of the stall.
        message: the state in words, unredacted.
        grace_seconds: how long it must last.
        since_at: when it began, according to the objects; None if they have no time of it.
        node_id: id of the step; empty for the Workflow itself.
        owed: whether Argo's controller should have ended this state.
        cause: what several runs may wait for alike, as a lock; empty if the state is the run's own.
    """

    reason: StallReason
    message: str
    grace_seconds: float
    since_at: datetime | None = None
    node_id: str = ""
    owed: Owed = Owed.NO
    cause: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """Identity of the suspicion between two reconciles."""
        return (self.reason, short_key(self.node_id))


class StallFinding(Struct, frozen=True):
    """A run hangs: a suspicion whose grace time is over.

    Attributes:
        suspicion: the suspicion.
        since_at: when it began, or when it was seen first.
    """

    suspicion: Suspicion
    since_at: datetime | None


class StallVerdict(Struct, frozen=True):
    """Whether a run hangs.

    Attributes:
        finding: why it hangs; None if it does not.
        is_known: whether that is known. If not, the finding in the stored report is kept.
        lock_holds: since when other runs have held the locks that it waits for, by holder, as far as that is known.
    """

    finding: StallFinding | None = None
    is_known: bool = True
    lock_holds: Mapping[str, datetime] = field(default_factory=dict)


UNKNOWN_VERDICT: Final = StallVerdict(is_known=False)

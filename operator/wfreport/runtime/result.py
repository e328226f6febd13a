"""What a look is told, and what comes of it."""

from dataclasses import dataclass
from enum import StrEnum


class ReconcileOutcome(StrEnum):
    """What a look found."""

    COMPLETED = "completed"
    RUNNING = "running"
    GONE = "gone"
    NOT_OURS = "not_ours"


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a look.

    Attributes:
        outcome: what was found.
        again_in_seconds: when to look again; None for not before something happens.
        version: the Workflow's resourceVersion that was seen; the next look does not go back behind it.
    """

    outcome: ReconcileOutcome
    requeue_after_seconds: float | None = None
    resource_version: int = 0

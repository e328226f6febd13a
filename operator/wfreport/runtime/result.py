"""What a look is told, and what comes of it."""

from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """What a look found."""

    COMPLETED = "completed"
    RUNNING = "running"
    GONE = "gone"
    NOT_OURS = "not_ours"


@dataclass(frozen=True, slots=True)
class Look:
    """What came of a look.

    Attributes:
        outcome: what was found.
        again_in_seconds: when to look again; None for not before something happens.
        version: the Workflow's resourceVersion that was seen; the next look does not go back behind it.
    """

    outcome: Outcome
    again_in_seconds: float | None = None
    version: int = 0

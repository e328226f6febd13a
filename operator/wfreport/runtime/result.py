"""The result of a reconcile."""

from enum import StrEnum

from msgspec import Struct


class ReconcileOutcome(StrEnum):
    """The state that a reconcile found."""

    COMPLETED = "completed"
    RUNNING = "running"
    GONE = "gone"
    NOT_OURS = "not_ours"
    ABANDONED = "abandoned"


class Result(Struct, frozen=True):
    """The result of a reconcile that succeeded.

    Attributes:
        outcome: the state that was found.
        requeue_after_seconds: time until the next reconcile; None to wait for an event.
        resource_version: resourceVersion of the Workflow; the next reconcile reads no older version.
    """

    outcome: ReconcileOutcome
    requeue_after_seconds: float | None = None
    resource_version: int = 0

"""Says what the class of a failure means, without the alternatives that the failure itself rules out."""

from collections.abc import Callable
from typing import Final

from wfreport.api.argo import EXECUTOR_CONTAINERS
from wfreport.api.classes import CLASS_MEANINGS, FailureClass, Owner
from wfreport.api.failure_reasons import FAILURE_REASON_MEANINGS, FailureReason
from wfreport.api.report import Failure

_OF_REASONS: Final = {reason.value: meaning.replace("`", "") for reason, meaning in FAILURE_REASON_MEANINGS.items()}
_OF_EVERY_PROGRAM: Final = frozenset({"Error", "Completed"})
"""Reasons that Kubernetes gives whenever a container ends."""


def reason_beyond_class(failure: Failure) -> str:
    """Return the reason of a failure; empty if it says no more than the class."""
    is_class = failure.reason in (None, failure.failure_class.value)
    return "" if is_class or failure.reason in _OF_EVERY_PROGRAM else failure.reason or ""


def reason_meaning(failure: Failure) -> str:
    """Return what the reason of a failure means; empty if it is the class, or one of Kubernetes' or Argo's."""
    return _OF_REASONS.get(reason_beyond_class(failure), "")


def class_meaning(failure: Failure) -> str:
    """Return what the class means for this failure."""
    narrowed = _NARROWED.get(failure.failure_class)
    return (narrowed(failure) if narrowed else "") or CLASS_MEANINGS[failure.failure_class]


def _evicted(failure: Failure) -> str:
    if failure.owner == Owner.USER:
        return "The kubelet evicted the pod: it exceeded its storage limit."
    return "The kubelet evicted the pod: the machine ran short."


def _artifacts(failure: Failure) -> str:
    if failure.container == "init":
        return "An input could not be loaded."
    return "An output could not be saved." if failure.container in EXECUTOR_CONTAINERS else ""


def _program(failure: Failure) -> str:
    ended = failure.exit_code not in (None, 0) and not reason_meaning(failure)
    return "The step's program ended with an exit code other than 0." if ended else ""


def _quota(failure: Failure) -> str:
    used_up = "exceeded quota" in (failure.message or "")
    return FAILURE_REASON_MEANINGS[FailureReason.QUOTA_EXCEEDED] if used_up else ""


_NARROWED: Final[dict[FailureClass, Callable[[Failure], str]]] = {
    FailureClass.EVICTED: _evicted,
    FailureClass.ARTIFACT_IO: _artifacts,
    FailureClass.EXIT_CODE: _program,
    FailureClass.QUOTA_EXCEEDED: _quota,
}

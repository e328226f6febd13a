"""Builds verdicts: the class's defaults, unless a rule has more specific values."""

from typing import Final

from wfreport.api.classes import Confidence, FailureClass, Owner
from wfreport.core.classify.symptom import Symptom
from wfreport.core.snapshot.model import Verdict

SIGNAL_BASE: Final = 128
_SIGNALS: Final = 64

CLASS_DEFAULTS: Final[dict[FailureClass, tuple[Owner, bool]]] = {
    FailureClass.OOM_KILLED: (Owner.USER, False),
    FailureClass.NODE_LOST: (Owner.INFRASTRUCTURE, True),
    FailureClass.EVICTED: (Owner.INFRASTRUCTURE, True),
    FailureClass.PREEMPTED: (Owner.INFRASTRUCTURE, True),
    FailureClass.POD_DELETED: (Owner.INFRASTRUCTURE, True),
    FailureClass.IMAGE_PULL: (Owner.USER, False),
    FailureClass.CONFIG_ERROR: (Owner.USER, False),
    FailureClass.UNSCHEDULABLE: (Owner.INFRASTRUCTURE, True),
    FailureClass.TIMEOUT: (Owner.USER, True),
    FailureClass.EXIT_CODE: (Owner.USER, False),
    FailureClass.KILLED: (Owner.INFRASTRUCTURE, True),
    FailureClass.ARTIFACT_IO: (Owner.PLATFORM, True),
    FailureClass.LOCK_WAIT: (Owner.USER, True),
    FailureClass.TEMPLATE_ERROR: (Owner.USER, False),
    FailureClass.QUOTA_EXCEEDED: (Owner.PLATFORM, True),
    FailureClass.CONTROLLER_ERROR: (Owner.PLATFORM, True),
    FailureClass.CANCELLED: (Owner.USER, False),
    FailureClass.UNKNOWN: (Owner.USER, False),
}
"""The party that can fix a failure of the class, and whether another attempt may succeed without a change."""


def verdict_of(
    symptom: Symptom,
    failure_class: FailureClass,
    confidence: Confidence,
    evidence: str,
    *,
    owner: Owner | None = None,
    retryable: bool | None = None,
    reason: str | None = None,
    container: str | None = None,
) -> Verdict:
    """Build a verdict from a rule's values and the class's defaults.

    Args:
        symptom: the failure.
        failure_class: its class.
        confidence: the confidence in the class.
        evidence: the field that led to the class.
        owner: the owner, if it differs from the class's default.
        retryable: whether a retry may succeed, if it differs from the class's default.
        reason: the reason; by default the pod's, or that of the message.
        container: the container; by default the one that failed.
    """
    default_owner, default_retryable = CLASS_DEFAULTS[failure_class]
    return Verdict(
        failure_class=failure_class,
        owner=owner or default_owner,
        retryable=default_retryable if retryable is None else retryable,
        confidence=confidence,
        evidence=evidence,
        reason=reason or symptom.pod_reason or (symptom.ending.reason if symptom.ending else None) or None,
        container=container or symptom.container,
        signal=_signal(symptom.exit_code),
    )


def _signal(exit_code: int | None) -> int | None:
    """Return the number of the signal of a shell's exit code; None if the code is not that of a signal."""
    if exit_code is None or not SIGNAL_BASE < exit_code <= SIGNAL_BASE + _SIGNALS:
        return None
    return exit_code - SIGNAL_BASE

"""What may be missing of a failed pod, ordered."""

from wfreport.api.reasons import Reason

EVIDENCE_GAPS: tuple[Reason, ...] = (
    Reason.CAPTURE_PENDING,
    Reason.LOG_IN_ARCHIVE,
    Reason.POD_NOT_CAPTURED,
    Reason.PODS_FORBIDDEN,
    Reason.PODS_UNREACHABLE,
    Reason.CAPTURE_LIMIT,
    Reason.LOG_FORBIDDEN,
    Reason.LOG_GONE,
    Reason.LOG_UNREACHABLE,
    Reason.EVENTS_FORBIDDEN,
    Reason.EVENTS_NOT_READ,
)
"""What may be missing of a failed pod, the gravest first: that one is the reason of EvidenceComplete."""

PODS_MISSING = frozenset(EVIDENCE_GAPS[:5])
"""Gaps that are filled where the pod turns out to be there."""

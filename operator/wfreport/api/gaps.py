"""The possible gaps in the evidence of a failed pod."""

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
"""All gaps, the most severe first. The most severe gap of a report is the reason of its condition EvidenceComplete."""

PODS_MISSING = frozenset(EVIDENCE_GAPS[:5])
"""Gaps that are closed if the pod is found later."""

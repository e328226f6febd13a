"""The possible gaps in the evidence of a failed pod."""

from collections.abc import Mapping

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

_PHRASES: Mapping[str, str] = {
    Reason.CAPTURE_PENDING: "evidence (still being read)",
    Reason.LOG_IN_ARCHIVE: "log (being fetched from the archive)",
    Reason.POD_NOT_CAPTURED: "pod (deleted before evidence was collected)",
    Reason.PODS_FORBIDDEN: "pod (the operator has no right to list pods)",
    Reason.PODS_UNREACHABLE: "pod (the API server did not respond)",
    Reason.CAPTURE_LIMIT: "pod or log (too many pods failed)",
    Reason.LOG_FORBIDDEN: "log (the operator has no right to read logs)",
    Reason.LOG_GONE: "log (pod was already gone)",
    Reason.LOG_UNREACHABLE: "log (its machine did not respond)",
    Reason.LOG_DISABLED: "log (not read: settings or the report's spec disable it)",
    Reason.EVENTS_FORBIDDEN: "Events (the operator has no right to list them)",
    Reason.EVENTS_NOT_READ: "Events (not read)",
}


def gap_phrase(reason: str) -> str:
    """Return what is missing, and why, as people read it; an unknown reason as it is."""
    return _PHRASES.get(reason, reason)

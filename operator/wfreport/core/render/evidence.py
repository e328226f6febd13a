"""The evidence of a failed pod in a report: its containers, its Events, and the end of its log.

Evidence that is available now takes precedence; the stored report supplies that of pods that no longer exist.
"""

from collections.abc import Mapping
from datetime import datetime
from itertools import islice
from typing import Any

from msgspec import Struct

from wfreport.api.argo import EXECUTOR_CONTAINERS, MAIN_CONTAINER
from wfreport.api.evidence import ContainerEnd, ContainerSummary, EventSummary, LogTail
from wfreport.api.gaps import EVIDENCE_GAPS
from wfreport.api.kubernetes import ContainerState, ContainerStatus, Event, Pod, StateTerminated
from wfreport.api.reasons import Reason
from wfreport.api.report import Failure
from wfreport.api.wire import LINE, SHORT
from wfreport.core.classify.argoexec_lines import without_argoexec
from wfreport.core.classify.kubeflow_programs import is_of_kubeflow
from wfreport.core.classify.last_words import changes_by_last_words
from wfreport.core.classify.pod_volumes import volume_clause
from wfreport.core.classify.telling_line import telling_line
from wfreport.core.redact.bounds import tail
from wfreport.core.redact.text import TextSanitizer, clip
from wfreport.core.render.phrases import stored_line
from wfreport.core.snapshot.model import PodEvidence
from wfreport.core.snapshot.pod_states import all_statuses, disruption, terminated

MAX_LOGS_PER_POD = 3
"""Maximum number of containers of a pod whose logs are read."""

_MAX_EVENTS, _MAX_CONTAINERS = 20, 32
_ROUTINE_EVENTS = frozenset({"Scheduled", "Pulled", "Created", "Started"})
_KILLED_CODES = frozenset({137, 143})


class LogLimits(Struct, frozen=True):
    """Limits of a log in a report.

    Attributes:
        lines: maximum number of lines; 0 for no log.
        max_bytes: maximum size in bytes.
    """

    lines: int
    max_bytes: int


class ShortLog(Struct, frozen=True):
    """The end of a log, ready for a report.

    Attributes:
        text: last lines, redacted.
        telling: the line that tells most about a failure, redacted; it may precede the last lines. Empty if none does.
        redacted: number of replaced secrets.
        was_cut: whether the log was longer.
    """

    text: str
    telling: str
    redacted: int
    was_cut: bool


def shortened_log(raw: str, container: str, sanitizer: TextSanitizer, limits: LogLimits) -> ShortLog:
    """Return the end of a container's log, without the lines that Argo's executor writes into the log of a step.

    It is redacted before it is cut, so that no secret is cut in half and missed.
    """
    own = raw if container in EXECUTOR_CONTAINERS else without_argoexec(raw)
    whole, redacted = sanitizer.log(own)
    text, was_cut = tail(whole, limits.lines, limits.max_bytes)
    return ShortLog(text, telling_line(whole), redacted, was_cut)


def containers_to_read(pod: Pod) -> list[str]:
    """Return the containers whose logs to read: those that ended badly, ``main`` first, Argo's own last."""
    ended = ((status.name, terminated(status)) for status in all_statuses(pod))
    bad = [name for name, end in ended if end is not None and _ended_badly(end)]
    init = [c.name for c in pod.spec.init_containers]
    by_relevance = sorted(bad, key=lambda name: (name != MAIN_CONTAINER, name in ("wait", "supervisor"), name in init))
    return by_relevance[:MAX_LOGS_PER_POD]


def _ended_badly(end: StateTerminated) -> bool:
    return end.exit_code != 0 or end.reason == "OOMKilled"


def needs_events(pod: Pod) -> bool:
    """Return whether Events may explain the failure better than the pod: not if a container simply exited nonzero."""
    if pod.status.reason or disruption(pod):
        return True
    ends = [terminated(status) for status in all_statuses(pod)]
    killed = any(end and end.exit_code in _KILLED_CODES and end.reason != "OOMKilled" for end in ends)
    return killed or not ends or None in ends


def conclusive(evidence: PodEvidence | None) -> PodEvidence | None:
    """Return the evidence if it has a pod or Events, else None. A missing pod alone proves nothing."""
    return evidence if evidence and (evidence.pod or evidence.events) else None


def evidence_fields(
    current: PodEvidence | None,
    stored: Failure | None,
    container: str | None,
    sanitizer: TextSanitizer,
    limits: LogLimits,
) -> dict[str, Any]:
    """Return the fields of a Failure that come from its pod.

    Args:
        current: evidence available now.
        stored: stored failure of the same execution.
        container: name of the failed container, if known.
        sanitizer: sanitizer of free text.
        limits: limits of the log.
    """
    pod = current.pod if current else None
    fields: dict[str, Any] = {
        "pod_uid": clip(pod.metadata.uid, SHORT) if pod else None,
        "pod_reason": clip(pod.status.reason) if pod else None,
        "pod_message": sanitizer.text(pod.status.message) if pod else None,
        "containers": _containers(pod, sanitizer) if pod else None,
        "events": _events(current, sanitizer) if current else None,
        **_log(current, container or MAIN_CONTAINER, sanitizer, limits),
    }
    if stored is not None and (pod is None or stored.pod_uid in (None, fields["pod_uid"])):
        fields |= {name: getattr(stored, name) for name, value in fields.items() if not value}
    missing = _without_archived(_missing(current, stored, limits), current)
    return fields | {"evidence_missing": missing}


def with_late_evidence(
    failure: Failure, evidence: Mapping[str, PodEvidence], sanitizer: TextSanitizer, limits: LogLimits
) -> Failure:
    """Add evidence that arrived late, without changing the class. A capture without evidence is no longer pending."""
    if Reason.CAPTURE_PENDING not in (failure.evidence_missing or ()):
        return failure
    current = evidence.get(failure.pod_name or "", PodEvidence(None))
    fields = evidence_fields(current, failure, failure.container, sanitizer, limits)
    by_words = changes_by_last_words(
        failure.failure_class,
        failure.message,
        fields["log_line"],
        is_of_kubeflow=is_of_kubeflow(failure.template_name or "", None, current.pod),
    )
    return failure.model_copy(update=fields | by_words)


def _missing(current: PodEvidence | None, stored: Failure | None, limits: LogLimits) -> list[str] | None:
    """Return the missing evidence. The stored gaps apply as long as nothing newer is known."""
    if current is not None and (current.pod is not None or stored is None or not stored.pod_uid):
        return _current_gaps(current, limits) or None
    if stored is None:
        return None
    return stored.evidence_missing if current is None or current.is_pending else final_gaps(stored)


LOG_GAPS = frozenset({Reason.LOG_GONE, Reason.LOG_FORBIDDEN, Reason.LOG_UNREACHABLE, Reason.LOG_IN_ARCHIVE})
"""Gaps that an archived log closes."""


def _without_archived(missing: list[str] | None, current: PodEvidence | None) -> list[str] | None:
    """Return the gaps of a deleted pod, without those that the archive closes."""
    if current is None or current.pod is not None:
        return missing
    is_being_fetched = Reason.LOG_IN_ARCHIVE in current.missing
    if not (is_being_fetched or current.logs):
        return missing
    others = [reason for reason in missing or () if reason not in LOG_GAPS]
    return [*others, Reason.LOG_IN_ARCHIVE.value] if is_being_fetched else others or None


def _current_gaps(current: PodEvidence, limits: LogLimits) -> list[str]:
    """Return the current gaps. If this report opted out of logs, log gaps belong to another report's request."""
    missing = [reason.value for reason in current.missing]
    if limits.lines or current.pod is None or not containers_to_read(current.pod):
        return missing
    return [*(reason for reason in missing if not reason.startswith("Log")), Reason.LOG_DISABLED.value]


def final_gaps(stored: Failure) -> list[str] | None:
    """Return the gaps of a failure whose pod was deleted, from which no more evidence will come."""
    missing = list(stored.evidence_missing or ())
    if Reason.CAPTURE_PENDING in missing:
        missing.remove(Reason.CAPTURE_PENDING)
        missing.append(Reason.LOG_GONE if stored.pod_uid else Reason.POD_NOT_CAPTURED)
    return missing or None


def gaps(failure: Failure) -> list[Reason]:
    """Return the gaps in the evidence of a failure, gravest first. A log that is disabled is not a gap."""
    if not failure.pod_name:
        return []
    known = [reason for reason in EVIDENCE_GAPS if reason in (failure.evidence_missing or ())]
    return known or ([] if failure.pod_uid else [Reason.POD_NOT_CAPTURED])


def _containers(pod: Pod, sanitizer: TextSanitizer) -> list[ContainerSummary] | None:
    statuses = list(islice(all_statuses(pod), _MAX_CONTAINERS))
    return [_container(status, sanitizer) for status in statuses] or None


def _container(status: ContainerStatus, sanitizer: TextSanitizer) -> ContainerSummary:
    state = status.state or ContainerState()
    ended = state.terminated
    name = "Terminated" if ended else "Waiting" if state.waiting else "Running" if state.running else "Unknown"
    before = status.last_state.terminated if status.last_state else None
    return ContainerSummary(
        name=sanitizer.line(status.name),
        state=name,
        restarts=max(0, status.restart_count) or None,
        last=ContainerEnd(**_end(before, sanitizer)) if before else None,
        **_state_fields(state, sanitizer),
    )


def _state_fields(state: ContainerState, sanitizer: TextSanitizer) -> dict[str, Any]:
    if state.terminated:
        return _end(state.terminated, sanitizer)
    if state.waiting:
        return {"reason": clip(state.waiting.reason), "message": sanitizer.text(state.waiting.message)}
    return {}


def _end(ended: StateTerminated, sanitizer: TextSanitizer) -> dict[str, Any]:
    return {
        "reason": clip(ended.reason),
        "exit_code": ended.exit_code,
        "signal": ended.signal or None,
        "message": sanitizer.text(ended.message),
        "finished_at": ended.finished_at,
    }


def _events(evidence: PodEvidence, sanitizer: TextSanitizer) -> list[EventSummary] | None:
    """Return the pod's Events, apart from routine ones, newest last."""
    relevant = [event for event in evidence.events if event.reason not in _ROUTINE_EVENTS]
    relevant.sort(key=lambda event: (at.timestamp() if (at := _last_seen_at(event)) else 0.0, event.reason))
    return [
        EventSummary(
            reason=sanitizer.line(event.reason)[:126],
            message=sanitizer.text(event.message + volume_clause(event.message, evidence.pod)) or "",
            count=max(0, event.count or (event.series.count if event.series else 0) or 1),
            last_seen_at=_last_seen_at(event),
        )
        for event in relevant[-_MAX_EVENTS:]
    ] or None


def _last_seen_at(event: Event) -> datetime | None:
    series = event.series.last_observed_time if event.series else None
    return event.last_timestamp or series or event.event_time or event.first_timestamp


def _log(
    evidence: PodEvidence | None, container: str, sanitizer: TextSanitizer, limits: LogLimits
) -> dict[str, LogTail | str | None]:
    """Return the log of the failed container, else the first log that was read, and its most telling line."""
    logs = evidence.logs if evidence else {}
    name = next((name for name in (container, *logs) if logs.get(name)), None)
    if evidence is None or limits.lines == 0 or name is None:
        return {"log_tail": None, "log_line": None}
    log = shortened_log(logs[name], name, sanitizer, limits)
    telling = evidence.telling.get(name) or log.telling
    found = LogTail(
        container=None if name == container else clip(name),
        text=log.text,
        lines=len(log.text.splitlines()),
        bytes=len(log.text.encode()),
        truncated=log.was_cut or name in evidence.containers_with_more_log,
        redacted=log.redacted + evidence.redacted.get(name, 0),
        source="Archive" if evidence.is_archived else None,
    )
    return {"log_tail": found, "log_line": stored_line(telling, LINE) if telling and name == container else None}

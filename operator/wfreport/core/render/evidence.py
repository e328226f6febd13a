"""What was seen of a failed pod, as it stands in the report: its containers, its Events, the end of its log.

What is seen now, else what the stored report kept of a pod that is gone.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from wfreport.api.argo import MAIN_CONTAINER
from wfreport.api.evidence import ContainerEnd, ContainerSummary, EventSummary, LogTail
from wfreport.api.gaps import EVIDENCE_GAPS
from wfreport.api.kubernetes import ContainerState, ContainerStatus, Event, Pod, StateTerminated
from wfreport.api.reasons import Reason
from wfreport.api.report import Failure
from wfreport.api.wire import SHORT
from wfreport.core.redact.bounds import tail
from wfreport.core.redact.text import TextSanitizer, clip
from wfreport.core.snapshot.model import PodEvidence

MAX_LOGS = 3
"""Containers of one pod whose logs are read."""

_MAX_EVENTS, _MAX_CONTAINERS = 20, 32
_ROUTINE_EVENTS = frozenset({"Scheduled", "Pulled", "Created", "Started"})
_KILLED_CODES = frozenset({137, 143})


@dataclass(frozen=True, slots=True)
class LogLimits:
    """How much of a log is kept.

    Attributes:
        lines: at the most; 0 for none.
        max_bytes: at the most.
    """

    lines: int
    max_bytes: int


@dataclass(frozen=True, slots=True)
class ShortLog:
    """A log that is fit to be written.

    Attributes:
        text: its last lines.
        redacted: how many secrets were replaced.
        was_cut: whether there was more.
    """

    text: str
    redacted: int
    was_cut: bool


def shortened_log(raw: str, prose: TextSanitizer, limits: LogLimits) -> ShortLog:
    """The end of a log: redacted first, cut after, so that no half secret is left over."""
    text, redacted = prose.log(raw)
    text, was_cut = tail(text, limits.lines, limits.max_bytes)
    return ShortLog(text, redacted, was_cut)


def containers_to_read(pod: Pod) -> list[str]:
    """Containers whose logs matter: those that ended badly, ``main`` first, argoexec's own last."""
    ended = ((s.name, s.state.terminated) for s in statuses_of(pod) if s.state is not None)
    bad = [name for name, end in ended if end is not None and _ended_badly(end)]
    own = [c.name for c in pod.spec.init_containers]
    return sorted(bad, key=lambda name: (name != MAIN_CONTAINER, name in ("wait", "supervisor"), name in own))[
        :MAX_LOGS
    ]


def _ended_badly(end: StateTerminated) -> bool:
    return end.exit_code != 0 or end.reason == "OOMKilled"


def statuses_of(pod: Pod) -> list[ContainerStatus]:
    """Statuses of a pod's containers, init containers first."""
    return [*pod.status.init_container_statuses, *pod.status.container_statuses]


def events_may_tell(pod: Pod) -> bool:
    """Whether the pod's Events can say more than the pod itself: not where a container simply ended with an error."""
    if pod.status.reason or any(c.type == "DisruptionTarget" and c.status == "True" for c in pod.status.conditions):
        return True
    ends = [s.state.terminated if s.state else None for s in statuses_of(pod)]
    killed = any(end and end.exit_code in _KILLED_CODES and end.reason != "OOMKilled" for end in ends)
    return killed or not ends or None in ends


def told_by(seen: PodEvidence | None) -> PodEvidence | None:
    """The evidence where it says anything; that a pod was not found says nothing of its failure."""
    return seen if seen and (seen.pod or seen.events) else None


def evidence_fields(
    seen: PodEvidence | None, kept: Failure | None, container: str | None, prose: TextSanitizer, log: LogLimits
) -> dict[str, Any]:
    """The fields of a Failure that come from its pod.

    Args:
        seen: what is seen now.
        kept: what the stored report has of the same execution.
        container: the container that failed, as far as it is said.
        prose: makes text fit.
        log: bounds of the log.
    """
    pod = seen.pod if seen else None
    fields: dict[str, Any] = {
        "pod_uid": clip(pod.metadata.uid, SHORT) if pod else None,
        "pod_reason": clip(pod.status.reason) if pod else None,
        "pod_message": prose.text(pod.status.message) if pod else None,
        "containers": _containers(pod, prose) if pod else None,
        "events": _events(seen.events, prose) if seen else None,
        "log_tail": _log_tail(seen, container or MAIN_CONTAINER, prose, log) if seen else None,
    }
    if kept is not None and (pod is None or kept.pod_uid in (None, fields["pod_uid"])):
        fields |= {name: getattr(kept, name) for name, value in fields.items() if not value}
    return fields | {"evidence_missing": _less_archived(_missing(seen, kept, log), seen)}


def amended_failure(
    failure: Failure, evidence: Mapping[str, PodEvidence], prose: TextSanitizer, log: LogLimits
) -> Failure:
    """A failure whose evidence came late, its class as it was; where none came, none will."""
    if Reason.CAPTURE_PENDING not in (failure.evidence_missing or ()):
        return failure
    seen = evidence.get(failure.pod_name or "", PodEvidence(None))
    return failure.model_copy(update=evidence_fields(seen, failure, failure.container, prose, log))


def _missing(seen: PodEvidence | None, kept: Failure | None, log: LogLimits) -> list[str] | None:
    """What is missing now; what was missing before counts as long as nothing newer is known."""
    if seen is not None and (seen.pod is not None or kept is None or not kept.pod_uid):
        return _unasked(seen, log) or None
    if kept is None:
        return None
    return kept.evidence_missing if seen is None or seen.is_pending else settled_gaps(kept)


LOG_GAPS = frozenset({Reason.LOG_GONE, Reason.LOG_FORBIDDEN, Reason.LOG_UNREACHABLE, Reason.LOG_IN_ARCHIVE})
"""Gaps that an archived log closes."""


def _less_archived(missing: list[str] | None, seen: PodEvidence | None) -> list[str] | None:
    """The gaps of a pod that is gone, less what the archive has of it."""
    if seen is None or seen.pod is not None:
        return missing
    is_coming = Reason.LOG_IN_ARCHIVE in seen.missing
    if not (is_coming or seen.logs):
        return missing
    others = [reason for reason in missing or () if reason not in LOG_GAPS]
    return [*others, Reason.LOG_IN_ARCHIVE.value] if is_coming else others or None


def _unasked(seen: PodEvidence, log: LogLimits) -> list[str]:
    """The gaps; where this report wants no log, another may, and what became of that is none of its business."""
    missing = [reason.value for reason in seen.missing]
    if log.lines or seen.pod is None or not containers_to_read(seen.pod):
        return missing
    return [*(reason for reason in missing if not reason.startswith("Log")), Reason.LOG_DISABLED.value]


def settled_gaps(kept: Failure) -> list[str] | None:
    """What is missing of a failure whose pod is gone: nothing more will come."""
    missing = list(kept.evidence_missing or ())
    if Reason.CAPTURE_PENDING in missing:
        missing.remove(Reason.CAPTURE_PENDING)
        missing.append(Reason.LOG_GONE if kept.pod_uid else Reason.POD_NOT_CAPTURED)
    return missing or None


def gaps(failure: Failure) -> list[Reason]:
    """What could not be had of a failure's pod, the gravest first; a log that was not asked for is none."""
    if not failure.pod_name:
        return []
    known = [reason for reason in EVIDENCE_GAPS if reason in (failure.evidence_missing or ())]
    return known or ([] if failure.pod_uid else [Reason.POD_NOT_CAPTURED])


def _containers(pod: Pod, prose: TextSanitizer) -> list[ContainerSummary] | None:
    statuses = statuses_of(pod)[:_MAX_CONTAINERS]
    return [_container(status, prose) for status in statuses] or None


def _container(status: ContainerStatus, prose: TextSanitizer) -> ContainerSummary:
    state = status.state or ContainerState()
    ended = state.terminated
    word = "Terminated" if ended else "Waiting" if state.waiting else "Running" if state.running else "Unknown"
    said = state.waiting or ended
    before = status.last_state.terminated if status.last_state else None
    return ContainerSummary(
        name=prose.line(status.name),
        state=word,
        restarts=status.restart_count or None,
        last=ContainerEnd(**_end(before, prose)) if before else None,
        **(
            _end(ended, prose)
            if ended
            else {"reason": clip(said.reason), "message": prose.text(said.message)}
            if said
            else {}
        ),
    )


def _end(ended: StateTerminated, prose: TextSanitizer) -> dict[str, Any]:
    return {
        "reason": clip(ended.reason),
        "exit_code": ended.exit_code,
        "signal": ended.signal or None,
        "message": prose.text(ended.message),
        "finished_at": ended.finished_at,
    }


def _events(events: Sequence[Event], prose: TextSanitizer) -> list[EventSummary] | None:
    """The pod's Events that tell something, newest last."""
    telling = [event for event in events if event.reason not in _ROUTINE_EVENTS]
    telling.sort(key=lambda event: (seen.timestamp() if (seen := _seen_at(event)) else 0.0, event.reason))
    return [
        EventSummary(
            reason=prose.line(event.reason)[:126],
            message=prose.text(event.message) or "",
            count=event.count or (event.series.count if event.series else 0) or 1,
            last_seen_at=_seen_at(event),
        )
        for event in telling[-_MAX_EVENTS:]
    ] or None


def _seen_at(event: Event) -> datetime | None:
    series = event.series.last_observed_time if event.series else None
    return event.last_timestamp or series or event.event_time or event.first_timestamp


def _log_tail(seen: PodEvidence, container: str, prose: TextSanitizer, limits: LogLimits) -> LogTail | None:
    """The log of the container that failed, else of the first that was read."""
    name = next((name for name in _preferred(container, seen.logs) if seen.logs.get(name)), None)
    if limits.lines == 0 or name is None:
        return None
    log = shortened_log(seen.logs[name], prose, limits)
    return LogTail(
        container=None if name == container else clip(name),
        text=log.text,
        lines=len(log.text.splitlines()),
        bytes=len(log.text.encode()),
        truncated=log.was_cut or name in seen.containers_with_more_log,
        redacted=log.redacted + seen.redacted.get(name, 0),
        source="Archive" if seen.is_archived else None,
    )


def _preferred(container: str, logs: Iterable[str]) -> Iterable[str]:
    return (container, *logs)

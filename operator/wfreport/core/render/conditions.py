"""Renders the conditions of a report.

Their transition times are times of the Workflow, so that the same run always has the same report.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Literal

from wfreport.api.argo import Phase, Workflow
from wfreport.api.condition import Condition
from wfreport.api.gaps import EVIDENCE_GAPS
from wfreport.api.reasons import ConditionType, Reason
from wfreport.api.report import Failure, ReportStatus
from wfreport.api.wire import TEXT
from wfreport.core.plurals import plural
from wfreport.core.redact.bounds import cut
from wfreport.core.redact.printable import strip_invisible
from wfreport.core.render.evidence import gaps
from wfreport.core.snapshot.model import NodesState, Snapshot, Source

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
"""Transition time for a malformed Workflow without any times, because the field is required."""

_MAX_NAMED = 5
"""Maximum number of pods named in a message; the list of failures has them all."""

Status = Literal["True", "False", "Unknown"]


def condition(
    kind: StrEnum,
    status: Status,
    reason: str,
    message: str,
    at: datetime | None,
    generation: int | None,
) -> Condition:
    """Return a condition whose message is printable and fits its limit; policies, too, have texts of users."""
    return Condition(
        type=kind,
        status=status,
        reason=reason,
        message=cut(strip_invisible(message), TEXT),
        last_transition_time=at or EPOCH,
        observed_generation=generation,
    )


def conditions_of_run(
    snapshot: Snapshot, failures: list[Failure], summary: str, generation: int | None
) -> list[Condition]:
    """Return the conditions Ready, Succeeded, NodesAvailable and EvidenceComplete of a run."""
    workflow = snapshot.workflow
    began = workflow.metadata.creation_timestamp or workflow.status.started_at
    ended = workflow.status.finished_at if workflow.status.is_completed else None
    return [
        _ready(snapshot, began, generation),
        _succeeded(workflow, failures, summary, ended or workflow.status.started_at or began, generation),
        _nodes_available(snapshot, workflow.status.started_at or began, generation),
        _evidence_of_run(snapshot, failures, ended or workflow.status.started_at or began, generation),
    ]


def creation_of(status: ReportStatus) -> datetime | None:
    """Return when the Workflow of a report was created: since then, the report has been ready. None if unknown."""
    ready = (
        one for one in status.conditions or () if one.type == ConditionType.READY and one.reason in _SINCE_CREATION
    )
    return next((one.last_transition_time for one in ready if one.last_transition_time != EPOCH), None)


_SINCE_CREATION = frozenset({Reason.REPORT_CURRENT, Reason.WORKFLOW_MALFORMED})
"""Reasons of ``Ready`` whose transition time is the creation of the Workflow."""

_CURRENT: dict[Source, str] = {
    Source.CLUSTER: "the report matches the Workflow",
    Source.ARCHIVE: "the report matches the Workflow in Argo's archive, which is no longer in the cluster",
}


def _ready(snapshot: Snapshot, at: datetime | None, generation: int | None) -> Condition:
    if snapshot.problems:
        return condition(
            ConditionType.READY,
            "True",
            Reason.WORKFLOW_MALFORMED,
            "; ".join(snapshot.problems),
            at,
            generation,
        )
    return condition(
        ConditionType.READY,
        "True",
        Reason.REPORT_CURRENT,
        _CURRENT[snapshot.source],
        at,
        generation,
    )


def _succeeded(
    workflow: Workflow, failures: list[Failure], summary: str, at: datetime | None, generation: int | None
) -> Condition:
    phase = workflow.status.phase
    if phase == Phase.SUCCEEDED:
        return condition(ConditionType.SUCCEEDED, "True", Reason.WORKFLOW_SUCCEEDED, summary, at, generation)
    if not workflow.status.is_completed:
        message = f"the Workflow is {strip_invisible(phase) or 'not started'}"
        return condition(ConditionType.SUCCEEDED, "Unknown", Reason.WORKFLOW_ACTIVE, message, at, generation)
    fallback = Reason.WORKFLOW_FAILED if phase == Phase.FAILED else Reason.WORKFLOW_ERRORED
    reason = leading_class(failures) or fallback
    return condition(ConditionType.SUCCEEDED, "False", reason, summary, at, generation)


def leading_class(failures: Sequence[Failure]) -> str | None:
    """Return the class of the first failure if it caused the run to fail."""
    first = failures[0] if failures else None
    return first.failure_class.value if first and first.role in ("RootCause", "ExitHandler") else None


_NODES: dict[NodesState, tuple[Status, Reason, str]] = {
    NodesState.READ: ("True", Reason.NODES_READ, "all nodes were read"),
    NodesState.NONE_YET: ("True", Reason.NO_NODES_YET, "the Workflow has no nodes"),
    NodesState.OFFLOADED: (
        "False",
        Reason.NODES_OFFLOADED,
        (
            "the nodes are offloaded to Argo's database; counts and steps are unknown. To read them, configure Argo "
            "Server: WFREPORT_ARGO_SERVER_URL, and WFREPORT_ARGO_SERVER_TOKEN_FILE or _TOKEN_COMMAND"
        ),
    ),
    NodesState.UNREADABLE: (
        "False",
        Reason.NODES_UNREADABLE,
        "the nodes could not be decoded; counts and steps are unknown",
    ),
    NodesState.TOO_LARGE: ("False", Reason.TOO_LARGE, "the nodes are too large; counts and steps are unknown"),
}


def _nodes_available(snapshot: Snapshot, at: datetime | None, generation: int | None) -> Condition:
    status, reason, message = _NODES[snapshot.nodes_state]
    if snapshot.unavailable and snapshot.nodes_state is NodesState.OFFLOADED:
        reason = snapshot.unavailable.reason
        message = f"the nodes are offloaded, counts and steps are unknown: {snapshot.unavailable.message}"
    if snapshot.unavailable and snapshot.nodes_state is NodesState.TOO_LARGE:
        message = f"{snapshot.unavailable.message}; counts and steps are unknown"
    return condition(ConditionType.NODES_AVAILABLE, status, reason, message, at, generation)


def _evidence_of_run(
    snapshot: Snapshot, failures: list[Failure], at: datetime | None, generation: int | None
) -> Condition:
    if snapshot.nodes_state in {NodesState.OFFLOADED, NodesState.UNREADABLE, NodesState.TOO_LARGE}:
        _, reason, _ = _NODES[snapshot.nodes_state]
        message = "the failed pods are unknown because the nodes are unavailable (see NodesAvailable)"
        # Clients may wait for this condition, and the nodes of a run that has ended may never be readable.
        status: Status = "False" if snapshot.workflow.status.is_completed else "Unknown"
        return condition(ConditionType.EVIDENCE_COMPLETE, status, reason, message, at, generation)
    return evidence_complete(failures, at, generation)


def evidence_complete(failures: list[Failure], at: datetime | None, generation: int | None) -> Condition:
    """Return the condition EvidenceComplete; it is only Unknown while pods are still being read."""
    with_pods = [failure for failure in failures if failure.pod_name]
    missing: dict[Reason, list[str]] = {}
    for failure in with_pods:
        for reason in gaps(failure):
            missing.setdefault(reason, []).append(str(failure.pod_name))
    if not missing:
        reason = Reason.EVIDENCE_CAPTURED if with_pods else Reason.NOTHING_FAILED
        message = _all_captured(with_pods) if with_pods else "no pod failed"
        return condition(ConditionType.EVIDENCE_COMPLETE, "True", reason, message, at, generation)
    worst = min(missing, key=EVIDENCE_GAPS.index)
    status: Status = "Unknown" if worst == Reason.CAPTURE_PENDING else "False"
    message = "; ".join(
        f"{_gap(reason, len(missing[reason]), len(with_pods))}: {_named(missing[reason])}"
        for reason in EVIDENCE_GAPS
        if reason in missing
    )
    return condition(ConditionType.EVIDENCE_COMPLETE, status, worst, message, at, generation)


_GAPS: dict[Reason, str] = {
    Reason.CAPTURE_PENDING: "{pods} {are} still being read",
    Reason.LOG_IN_ARCHIVE: "the archived logs of {pods} are being fetched through Argo Server",
    Reason.POD_NOT_CAPTURED: "{pods} {were} deleted before evidence was collected",
    Reason.PODS_FORBIDDEN: "{pods} could not be read: the operator is not permitted to list pods",
    Reason.PODS_UNREACHABLE: "{pods} could not be read: the API server did not respond",
    Reason.CAPTURE_LIMIT: "{pods} or {their} logs were not read: too many pods failed",
    Reason.LOG_FORBIDDEN: (
        "the logs of {pods} could not be read: the operator is not permitted to (install the component pod-logs)"
    ),
    Reason.LOG_GONE: "the logs of {pods} were gone before they were read",
    Reason.LOG_UNREACHABLE: "the logs of {pods} could not be read: {their} {machines} did not respond",
    Reason.EVENTS_FORBIDDEN: "the Events of {pods} could not be read: the operator is not permitted to list Events",
    Reason.EVENTS_NOT_READ: "the Events of {pods} were not read",
}


def _gap(reason: Reason, without: int, total: int) -> str:
    """Return the gap in words: of the only failed pod, or of some of several."""
    if total == 1:
        return _GAPS[reason].format(pods="the failed pod", are="is", were="was", their="its", machines="machine")
    pods = f"{without} of {total} failed pods"
    return _GAPS[reason].format(pods=pods, are="are", were="were", their="their", machines="machines")


def _named(pods: list[str]) -> str:
    return ", ".join(pods[:_MAX_NAMED]) + (", …" if len(pods) > _MAX_NAMED else "")


def _all_captured(with_pods: list[Failure]) -> str:
    disabled = sum(1 for failure in with_pods if Reason.LOG_DISABLED in (failure.evidence_missing or ()))
    unread = (
        f"; {plural(disabled, 'log')} not read, because settings or the report's spec disable it" if disabled else ""
    )
    pods = "the failed pod was" if len(with_pods) == 1 else f"all {plural(len(with_pods), 'failed pod')} were"
    return f"{pods} captured{unread}"

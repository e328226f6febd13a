"""The conditions of a report.

Their times come from the Workflow, so that the same run gives the same report whenever it is looked at.
"""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Literal

from wfreport.api.argo import Phase, Workflow
from wfreport.api.condition import Condition
from wfreport.api.gaps import EVIDENCE_GAPS
from wfreport.api.reasons import ConditionType, Reason
from wfreport.api.report import Failure
from wfreport.api.wire import TEXT
from wfreport.core.redact.bounds import cut
from wfreport.core.render.evidence import gaps
from wfreport.core.snapshot.model import NodesState, Snapshot, Source

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
"""Stands in where a malformed Workflow has no time at all: the field is required."""

_NAMED = 5
"""Pods named in a message; the failures name them all."""

Status = Literal["True", "False", "Unknown"]


def condition(
    kind: StrEnum,
    status: Status,
    reason: str,
    message: str,
    at: datetime | None,
    generation: int | None,
) -> Condition:
    """One condition."""
    return Condition(
        type=kind,
        status=status,
        reason=reason,
        message=cut(message, TEXT),
        last_transition_time=at or EPOCH,
        observed_generation=generation,
    )


def judge(snapshot: Snapshot, failures: list[Failure], summary: str, generation: int | None) -> list[Condition]:
    """Ready, Succeeded, NodesAvailable and EvidenceComplete of a Workflow that was read."""
    workflow = snapshot.workflow
    began = workflow.metadata.creation_timestamp or workflow.status.started_at
    ended = workflow.status.finished_at if workflow.status.is_completed else None
    return [
        _ready(snapshot, began, generation),
        _succeeded(workflow, failures, summary, ended or workflow.status.started_at or began, generation),
        _nodes_available(snapshot, workflow.status.started_at or began, generation),
        _evidence_of_run(snapshot, failures, ended or workflow.status.started_at or began, generation),
    ]


_CURRENT: dict[Source, str] = {
    Source.CLUSTER: "the report says what the Workflow says",
    Source.ARCHIVE: "the report says what Argo's archive has of the Workflow, which is not in the cluster",
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
        message = f"the Workflow is {phase or 'not started'}"
        return condition(ConditionType.SUCCEEDED, "Unknown", Reason.WORKFLOW_ACTIVE, message, at, generation)
    fallback = Reason.WORKFLOW_FAILED if phase == Phase.FAILED else Reason.WORKFLOW_ERRORED
    reason = leading_class(failures) or fallback
    return condition(ConditionType.SUCCEEDED, "False", reason, summary, at, generation)


def leading_class(failures: list[Failure]) -> str | None:
    """Class of the first failure, where it is why the run failed."""
    first = failures[0] if failures else None
    return first.failure_class.value if first and first.role in ("RootCause", "ExitHandler") else None


_NODES: dict[NodesState, tuple[Status, Reason, str]] = {
    NodesState.READ: ("True", Reason.NODES_READ, "all nodes were read"),
    NodesState.NONE_YET: ("True", Reason.NO_NODES_YET, "the Workflow has no nodes"),
    NodesState.OFFLOADED: (
        "False",
        Reason.NODES_OFFLOADED,
        (
            "the nodes are in Argo's database; counts and steps are unknown. To have them, tell the operator where "
            "Argo Server is: WFREPORT_ARGO_SERVER_URL, and WFREPORT_ARGO_SERVER_TOKEN_FILE or _TOKEN_COMMAND"
        ),
    ),
    NodesState.UNREADABLE: (
        "False",
        Reason.NODES_UNREADABLE,
        "status.compressedNodes could not be decoded; counts and steps are unknown",
    ),
}


def _nodes_available(snapshot: Snapshot, at: datetime | None, generation: int | None) -> Condition:
    status, reason, message = _NODES[snapshot.nodes_state]
    if snapshot.unavailable and snapshot.nodes_state is NodesState.OFFLOADED:
        why = snapshot.unavailable
        reason, message = why.reason, f"the nodes are in Argo's database, counts and steps are unknown: {why.message}"
    return condition(ConditionType.NODES_AVAILABLE, status, reason, message, at, generation)


def _evidence_of_run(
    snapshot: Snapshot, failures: list[Failure], at: datetime | None, generation: int | None
) -> Condition:
    if snapshot.nodes_state in {NodesState.OFFLOADED, NodesState.UNREADABLE}:
        _, reason, _ = _NODES[snapshot.nodes_state]
        message = "which pods failed is not known, as the nodes are not (see NodesAvailable)"
        # after the end nothing may ever bring them, and whoever waits for the condition is to have an answer
        status: Status = "False" if snapshot.workflow.status.is_completed else "Unknown"
        return condition(ConditionType.EVIDENCE_COMPLETE, status, reason, message, at, generation)
    return evidence_complete(failures, at, generation)


def evidence_complete(failures: list[Failure], at: datetime | None, generation: int | None) -> Condition:
    """Whether all was had that was asked for; Unknown only while pods are still being read, or the run goes on."""
    with_pods = [failure for failure in failures if failure.pod_name]
    missing: dict[Reason, list[str]] = {}
    for failure in with_pods:
        for reason in gaps(failure):
            missing.setdefault(reason, []).append(str(failure.pod_name))
    if not missing:
        reason = Reason.EVIDENCE_CAPTURED if with_pods else Reason.NOTHING_FAILED
        message = _all_seen(with_pods) if with_pods else "no pod failed"
        return condition(ConditionType.EVIDENCE_COMPLETE, "True", reason, message, at, generation)
    worst = min(missing, key=EVIDENCE_GAPS.index)
    status: Status = "Unknown" if worst == Reason.CAPTURE_PENDING else "False"
    message = "; ".join(
        f"{_GAPS[reason].format(f'{len(missing[reason])} of {len(with_pods)} failed pods')}: {_named(missing[reason])}"
        for reason in EVIDENCE_GAPS
        if reason in missing
    )
    return condition(ConditionType.EVIDENCE_COMPLETE, status, worst, message, at, generation)


_GAPS: dict[Reason, str] = {
    Reason.CAPTURE_PENDING: "{} are still being read",
    Reason.LOG_IN_ARCHIVE: "the archived logs of {} are being fetched through Argo Server",
    Reason.POD_NOT_CAPTURED: "{} were gone before they were seen",
    Reason.PODS_FORBIDDEN: "{} could not be read, the right to list pods is missing",
    Reason.PODS_UNREACHABLE: "{} could not be read, the API server did not answer",
    Reason.CAPTURE_LIMIT: "{} were not read, or their logs were not, being too many",
    Reason.LOG_FORBIDDEN: "the logs of {} could not be read, the right to is missing (install the component pod-logs)",
    Reason.LOG_GONE: "the logs of {} were gone before they were read",
    Reason.LOG_UNREACHABLE: "the logs of {} could not be read, their machines did not answer",
    Reason.EVENTS_FORBIDDEN: "the Events of {} could not be read, the right to list them is missing",
    Reason.EVENTS_NOT_READ: "the Events of {} were not read",
}


def _named(pods: list[str]) -> str:
    return ", ".join(pods[:_NAMED]) + (", …" if len(pods) > _NAMED else "")


def _all_seen(with_pods: list[Failure]) -> str:
    off = sum(1 for failure in with_pods if Reason.LOG_DISABLED in (failure.evidence_missing or ()))
    unread = f"; {off} logs were not read, as the settings or the report's spec say" if off else ""
    return f"all {len(with_pods)} failed pods were seen{unread}"

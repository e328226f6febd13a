"""Builders of small runs, reports and evidence for tests."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.recorded import Recording

from wfreport.api.argo import Metadata, Node, NodeFlag, NodeType, Outputs, Phase, Workflow, WorkflowSpec, WorkflowStatus
from wfreport.api.report import ReportSpec, ReportStatus, WorkflowRef
from wfreport.core.compare.comparison import NO_RUNS, KnownRuns
from wfreport.core.redact.redactor import Redactor
from wfreport.core.render.status import render_status
from wfreport.core.snapshot.decode import decode_event, decode_pod, decode_workflow
from wfreport.core.snapshot.model import NodesState, PodEvidence, RenderOptions, Snapshot
from wfreport.core.stall.model import UNKNOWN_VERDICT, StallVerdict

REDACTOR = Redactor()
T0 = datetime(2026, 11, 22, 3, 0, 0, tzinfo=UTC)
LONG_AFTER = datetime(2036, 1, 1, tzinfo=UTC)
"""A time at which every wait has exceeded its grace time."""


def at(seconds: float) -> datetime:
    """Return a time, in seconds after the start of the run."""
    return T0 + timedelta(seconds=seconds)


def a_node(
    name: str,
    phase: str = Phase.SUCCEEDED,
    node_type: str = NodeType.POD,
    *,
    message: str = "",
    children: Sequence[str] = (),
    exit_code: str | None = None,
    start: float = 0,
    end: float | None = 1,
    hooked: bool = False,
    **fields: Any,
) -> Node:
    """Build a node whose id is its name; ``children`` are names."""
    return Node(
        id=name,
        name=name,
        display_name=fields.pop("display_name", name.rsplit(".", 1)[-1]),
        type=node_type,
        phase=phase,
        message=message,
        children=list(children),
        started_at=at(start),
        finished_at=None if end is None else at(end),
        outputs=None if exit_code is None else Outputs(exit_code=exit_code),
        host_node_name=fields.pop("host_node_name", "host-1" if node_type == NodeType.POD else ""),
        node_flag=NodeFlag(hooked=True) if hooked else None,
        **fields,
    )


def a_snapshot(
    *nodes: Node,
    phase: str = Phase.FAILED,
    message: str = "",
    end: float | None = 60,
    spec: WorkflowSpec | None = None,
    **status: Any,
) -> Snapshot:
    """Build the snapshot of a run named ``wf``."""
    completed = phase in (Phase.SUCCEEDED, Phase.FAILED, Phase.ERROR)
    workflow = Workflow(
        metadata=Metadata(name="wf", namespace="ns", uid="u-1", resource_version="7", creation_timestamp=at(-5)),
        spec=spec or WorkflowSpec(entrypoint="main"),
        status=WorkflowStatus(
            phase=phase,
            message=message,
            started_at=status.pop("started_at", at(0)),
            finished_at=at(end) if completed and end is not None else None,
            **status,
        ),
    )
    return Snapshot(workflow, {node.id: node for node in nodes}, NodesState.READ if nodes else NodesState.NONE_YET)


def a_report(
    snapshot: Snapshot,
    *,
    stored: ReportStatus | None = None,
    evidence: Mapping[str, PodEvidence] | None = None,
    log_tail_lines: int | None = None,
    now: datetime = LONG_AFTER,
    known: KnownRuns = NO_RUNS,
    stall: StallVerdict = UNKNOWN_VERDICT,
    **options: Any,
) -> ReportStatus:
    """Render the status that the operator would write."""
    name = snapshot.workflow.metadata.name or "wf"
    return render_status(
        snapshot,
        stored=stored,
        spec=ReportSpec(workflow_ref=WorkflowRef(name=name), log_tail_lines=log_tail_lines),
        generation=1,
        evidence=evidence or {},
        options=RenderOptions(**options),
        redactor=REDACTOR,
        now=now,
        known=known,
        stall=stall,
    )


def evidence_of(
    pods: Sequence[Mapping[str, Any]], events: Sequence[Mapping[str, Any]], logs: Mapping[str, str] | None = None
) -> dict[str, PodEvidence]:
    """Build the evidence of recorded pods, Events and logs (by ``pod/container``), by pod name."""
    pods_by_name = {pod["metadata"]["name"]: decode_pod(pod) for pod in pods}
    events_by_pod: dict[str, list[Any]] = {}
    for event in map(decode_event, events):
        if event.involved_object.kind == "Pod":
            events_by_pod.setdefault(event.involved_object.name, []).append(event)
    logs_by_pod: dict[str, dict[str, str]] = {}
    for key, text in (logs or {}).items():
        pod, _, container = key.partition("/")
        logs_by_pod.setdefault(pod, {})[container] = text
    return {
        name: PodEvidence(pods_by_name.get(name), tuple(events_by_pod.get(name, ())), logs_by_pod.get(name, {}))
        for name in pods_by_name.keys() | events_by_pod.keys()
    }


@functools.cache
def final_of(recording: Recording) -> tuple[Snapshot, dict[str, PodEvidence]]:
    """Return the final snapshot of a recorded run, and the evidence of its pods."""
    final = recording.final
    return decode_workflow(final["workflow"]), evidence_of(final["pods"], final["events"], final.get("logs"))

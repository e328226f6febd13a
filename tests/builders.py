"""Small worlds for tests: a run is told as its nodes."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.recorded import Recording

from wfreport.api.argo import Metadata, Node, NodeFlag, NodeType, Outputs, Phase, Workflow, WorkflowSpec, WorkflowStatus
from wfreport.api.report import ReportSpec, ReportStatus, WorkflowRef
from wfreport.core.redact.redactor import Redactor
from wfreport.core.render.status import render_status
from wfreport.core.snapshot.decode import decode_event, decode_pod, decode_workflow
from wfreport.core.snapshot.model import NodesState, PodEvidence, RenderOptions, Snapshot

REDACTOR = Redactor()
T0 = datetime(2026, 11, 22, 3, 0, 0, tzinfo=UTC)
LONG_AFTER = datetime(2036, 1, 1, tzinfo=UTC)
"""A time at which every wait is past its grace."""


def at(seconds: float) -> datetime:
    """So many seconds after the start."""
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
    """A node whose id is its name; ``children`` are names."""
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
    """A run named ``wf``."""
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
    **options: Any,
) -> ReportStatus:
    """The status that the operator would write."""
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
    )


def evidence_of(
    pods: Sequence[Mapping[str, Any]], events: Sequence[Mapping[str, Any]], logs: Mapping[str, str] | None = None
) -> dict[str, PodEvidence]:
    """What recorded pods, Events and logs (by ``pod/container``) tell, by pod name."""
    seen = {pod["metadata"]["name"]: decode_pod(pod) for pod in pods}
    told: dict[str, list[Any]] = {}
    for event in map(decode_event, events):
        if event.involved_object.kind == "Pod":
            told.setdefault(event.involved_object.name, []).append(event)
    said: dict[str, dict[str, str]] = {}
    for key, text in (logs or {}).items():
        pod, _, container = key.partition("/")
        said.setdefault(pod, {})[container] = text
    names = seen.keys() | told.keys()
    return {name: PodEvidence(seen.get(name), tuple(told.get(name, ())), said.get(name, {})) for name in names}


@functools.cache
def final_of(recording: Recording) -> tuple[Snapshot, dict[str, PodEvidence]]:
    """The end of a recorded run and what its pods tell."""
    final = recording.final
    return decode_workflow(final["workflow"]), evidence_of(final["pods"], final["events"], final.get("logs"))

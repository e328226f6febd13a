"""Computes the report of a run on this machine, with the operator's own core."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from wfreport.api.argo import LABEL_WORKFLOW, Workflow
from wfreport.api.kubernetes import Event, Pod
from wfreport.api.report import ReportSpec, ReportStatus, WorkflowReport
from wfreport.clock import now
from wfreport.core.redact.redactor import Redactor
from wfreport.core.render.status import render_status
from wfreport.core.snapshot.identity import new_report
from wfreport.core.snapshot.model import PodEvidence, RenderOptions, Snapshot
from wfreport.core.stall.findings import choose_finding, find_suspicions
from wfreport.core.stall.model import StallFacts, StallFinding, StallGraces, StallVerdict
from wfreport.core.stall.pod_rules import pods_seen

Report = dict[str, Any]

ORDINARY: Final = RenderOptions()
"""Limits of the operator, with its default settings."""

EVERY_STEP: Final = RenderOptions(max_bytes=64 * 1024 * 1024, steps=20_000, running_steps=20_000)
"""Limits of a report that is shown and never stored."""

_FIRST_GENERATION: Final = 1


def compute_report(
    snapshot: Snapshot, evidence: Mapping[str, PodEvidence], options: RenderOptions = ORDINARY
) -> Report:
    """Return the report that the operator would write for a Workflow without one.

    Args:
        snapshot: the Workflow.
        evidence: its pods by name.
        options: limits of the report; those of a page are `EVERY_STEP`.
    """
    report = new_report(snapshot.workflow)
    if not snapshot.workflow.metadata.uid:
        # A manifest that was never submitted has no uid to bind to.
        del report["spec"]["workflowRef"]["uid"]
    read_at = now()
    status = render_status(
        snapshot,
        stored=None,
        spec=ReportSpec.model_validate(report["spec"]),
        generation=_FIRST_GENERATION,
        evidence=evidence,
        options=options,
        redactor=Redactor(),
        now=read_at,
        stall=StallVerdict(_finding(snapshot, evidence, read_at)),
    )
    return {**report, "status": status.dump()}


def with_every_step(report: WorkflowReport, snapshot: Snapshot) -> ReportStatus:
    """Return the status of a stored report with all steps of its Workflow; what else was stored of the run stays."""
    stored = report.status or ReportStatus()
    computed = render_status(
        snapshot,
        stored=stored,
        spec=report.spec,
        generation=stored.observed_generation,
        evidence={},
        options=EVERY_STEP,
        redactor=Redactor(),
        now=now(),
    )
    return stored.changed(steps=computed.steps, critical_path=computed.critical_path)


def _finding(snapshot: Snapshot, evidence: Mapping[str, PodEvidence], read_at: datetime) -> StallFinding | None:
    """Return why the run hangs, according to the objects' times. A pod that was not supplied may exist."""
    pods = [one.pod for one in evidence.values() if one.pod]
    facts = StallFacts(pods_seen(snapshot, pods, is_complete=False))
    suspicions = find_suspicions(snapshot, facts, StallGraces())
    return choose_finding(suspicions, facts, first_seen=None, stored=None, now=read_at)


class SuppliedEvidence:
    """Pods and Events, assigned to the Workflows they belong to."""

    def __init__(self, pods: Sequence[Pod], events: Sequence[Event]) -> None:
        self._pods = sorted(pods, key=lambda pod: (_created_seconds(pod), pod.metadata.uid))
        self._events = [event for event in events if event.involved_object.kind == "Pod"]

    def for_workflow(self, workflow: Workflow) -> dict[str, PodEvidence]:
        """Return the evidence of one Workflow by pod name.

        Of two pods with the same name the newer one counts, as it does for Argo. Events count even without their pod:
        they outlive it and explain why it never started or what happened to its machine.
        """
        namespace = workflow.metadata.namespace
        events = [event for event in self._events if event.involved_object.namespace == namespace]
        names = {event.involved_object.name for event in events}
        without_pod = {name: PodEvidence(None, [e for e in events if e.involved_object.name == name]) for name in names}
        pods = [pod for pod in self._pods if _belongs_to(pod, workflow)]
        with_pod = {pod.metadata.name: PodEvidence(pod, [e for e in events if _is_about(e, pod)]) for pod in pods}
        return without_pod | with_pod


def _created_seconds(pod: Pod) -> float:
    created = pod.metadata.creation_timestamp
    return created.timestamp() if created else 0.0


def _is_about(event: Event, pod: Pod) -> bool:
    involved, metadata = event.involved_object, pod.metadata
    same_uid = not involved.uid or not metadata.uid or involved.uid == metadata.uid
    return involved.name == metadata.name and involved.namespace == metadata.namespace and same_uid


def _belongs_to(pod: Pod, workflow: Workflow) -> bool:
    owner_uid = next((owner.uid for owner in pod.metadata.owner_references if owner.kind == "Workflow"), "")
    if pod.metadata.namespace != workflow.metadata.namespace:
        return False
    if owner_uid and workflow.metadata.uid:
        return owner_uid == workflow.metadata.uid
    return pod.metadata.labels.get(LABEL_WORKFLOW, workflow.metadata.name) == workflow.metadata.name

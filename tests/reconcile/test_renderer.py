"""The status that a reconcile writes, or that it leaves as it is."""

from __future__ import annotations

import msgspec
from msgspec.structs import replace
from tests.builders import REDACTOR, T0, a_node, a_report, a_snapshot, at

from wfreport.api.argo import LABEL_COMPLETED, NodeType, Phase
from wfreport.api.report import ReportSpec, ReportStatus, WorkflowRef
from wfreport.cache.reports import entry_of
from wfreport.core.snapshot.model import NodesState, RenderOptions, Snapshot
from wfreport.evidence.argo_server import BEING_FETCHED, NOWHERE
from wfreport.evidence.collector import CollectedEvidence, RemainingEvidence
from wfreport.kube.objects import ObjectMeta
from wfreport.kube.reports import HeadObserved, HeadStatus, ReportHead, StoredReport
from wfreport.reconcile.renderer import StatusRenderer

RENDERER = StatusRenderer(RenderOptions(), REDACTOR)


def running() -> Snapshot:
    return a_snapshot(a_node("wf", Phase.RUNNING, end=None), phase=Phase.RUNNING)


def stored(status: ReportStatus | None, *, bound_uid: str = "u-1") -> StoredReport:
    head = ReportHead(ObjectMeta(generation=7), status=HeadStatus(observed_workflow=HeadObserved(uid=bound_uid)))
    spec = ReportSpec(workflow_ref=WorkflowRef(name="wf"))
    return StoredReport(head, spec, status, status.dump_json() if status else None, T0)


def without_workflow(report: StoredReport, evidence: RemainingEvidence) -> ReportStatus | None:
    return RENDERER.render_without_workflow(entry_of(report.head), report, evidence)


def test_nodes_that_are_being_fetched_do_not_make_the_report_flicker() -> None:
    fetching = replace(running(), nodes={}, nodes_state=NodesState.OFFLOADED, unavailable=BEING_FETCHED)
    evidence = CollectedEvidence(T0)
    assert RENDERER.render(fetching, stored(a_report(running())), evidence) is None
    assert RENDERER.render(fetching, stored(None), evidence), "without any nodes there is nothing to keep"
    assert RENDERER.render(running(), stored(a_report(running())), evidence)


def test_a_status_of_a_newer_operator_is_left_alone_once_its_workflow_is_gone() -> None:
    assert without_workflow(stored(None), RemainingEvidence(T0)) is None


def test_a_deleted_workflow_is_reported_for_the_present_generation() -> None:
    status = without_workflow(stored(a_report(running())), RemainingEvidence(T0))
    assert status
    assert (status.observed_generation, (status.summary or "").startswith("Deleted")) == (7, True)
    ended = a_report(a_snapshot(a_node("wf", Phase.SUCCEEDED), phase=Phase.SUCCEEDED))
    assert without_workflow(stored(ended), RemainingEvidence(T0)) == ended.changed(observed_generation=7)


def test_an_archived_run_is_rendered_as_one_in_the_cluster() -> None:
    archived = a_snapshot(a_node("wf", Phase.SUCCEEDED), phase=Phase.SUCCEEDED)
    status = without_workflow(stored(None), RemainingEvidence(T0, archived))
    assert status
    assert status.counts
    assert status.counts.total == 1


def test_an_unbound_report_gives_the_reason_why_there_is_no_workflow() -> None:
    status = without_workflow(stored(None, bound_uid=""), RemainingEvidence(T0, NOWHERE))
    assert status
    assert NOWHERE.message in (status.summary or "")


def test_bare_progress_is_written_every_30_seconds_or_at_a_poll_a_moment_earlier() -> None:
    renderer = StatusRenderer(RenderOptions(), REDACTOR, progress_seconds=30)

    def rendered(
        snapshot: Snapshot, *, seconds: float, labels: dict[str, str] | None = None, is_known: bool = True
    ) -> bool:
        before = a_report(step(Phase.RUNNING), now=T0).changed(observed_generation=7)
        report = replace(stored(before), written_at=T0 if is_known else None)
        metadata = msgspec.structs.replace(snapshot.workflow.metadata, labels=labels or {})
        workflow = msgspec.structs.replace(snapshot.workflow, metadata=metadata)
        evidence = CollectedEvidence(at(seconds))
        return renderer.render(replace(snapshot, workflow=workflow), report, evidence) is not None

    def step(phase: str) -> Snapshot:
        root = a_node("wf", Phase.RUNNING, NodeType.DAG, end=None, children=["s"])
        return a_snapshot(root, a_node("s", phase, end=None), phase=Phase.RUNNING)

    assert not rendered(step(Phase.SUCCEEDED), seconds=26)
    assert rendered(step(Phase.SUCCEEDED), seconds=27)
    assert rendered(step(Phase.SUCCEEDED), seconds=26, is_known=False), "a restart does not delay it"
    assert rendered(step(Phase.FAILED), seconds=1)
    assert rendered(step(Phase.SUCCEEDED), seconds=1, labels={LABEL_COMPLETED: "true"})

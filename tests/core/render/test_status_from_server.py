"""Reports whose nodes or runs are available through Argo Server only."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace
from tests.builders import T0, a_node, a_report, a_snapshot, at

from wfreport.api.argo import Phase
from wfreport.api.reasons import Reason
from wfreport.api.report import ReportStatus, WorkflowRef
from wfreport.core.render.gone import render_deleted, render_missing
from wfreport.core.render.status import has_nodes_of_run
from wfreport.core.snapshot.model import NodesState, Snapshot, Source, Unavailable

UNAVAILABLE = Unavailable(Reason.ARGO_SERVER_UNREACHABLE, "nobody answers; check the URL")
GONE = Unavailable(Reason.WORKFLOW_NOT_FOUND, "it is nowhere")


def conditions(report: ReportStatus) -> dict[str, tuple[str, str]]:
    return {c.type: (c.status, c.reason) for c in report.conditions or ()}


def message(report: ReportStatus, kind: str) -> str:
    return next(c.message for c in report.conditions or () if c.type == kind)


def ended(**status: Any) -> Snapshot:
    return a_snapshot(a_node("wf", Phase.FAILED, message="main: Error (exit code 3)", exit_code="3"), **status)


def running() -> Snapshot:
    return a_snapshot(a_node("wf", Phase.RUNNING, end=None), phase=Phase.RUNNING)


def offloaded(snapshot: Snapshot, unavailable: Unavailable | None = None) -> Snapshot:
    return replace(snapshot, nodes={}, nodes_state=NodesState.OFFLOADED, unavailable=unavailable)


def newer(snapshot: Snapshot) -> Snapshot:
    """Return the same Workflow after a label was changed."""
    metadata = msgspec.structs.replace(snapshot.workflow.metadata, resource_version="99")
    return replace(snapshot, workflow=msgspec.structs.replace(snapshot.workflow, metadata=metadata))


def test_without_a_server_the_message_names_the_settings() -> None:
    report = a_report(offloaded(ended()))
    assert conditions(report)["NodesAvailable"] == ("False", Reason.NODES_OFFLOADED)
    assert "WFREPORT_ARGO_SERVER_URL" in message(report, "NodesAvailable")
    assert report.counts is None


def test_the_servers_reason_is_in_the_condition() -> None:
    report = a_report(offloaded(ended(), UNAVAILABLE))
    assert conditions(report)["NodesAvailable"] == ("False", Reason.ARGO_SERVER_UNREACHABLE)
    assert message(report, "NodesAvailable").endswith("nobody answers; check the URL")


def test_nothing_is_claimed_of_pods_while_the_nodes_are_unknown() -> None:
    report = a_report(offloaded(running()))
    assert conditions(report)["EvidenceComplete"] == ("Unknown", Reason.NODES_OFFLOADED)


@pytest.mark.parametrize("unavailable", [None, UNAVAILABLE])
def test_evidence_of_a_completed_run_with_unread_nodes_is_final(unavailable: Unavailable | None) -> None:
    report = a_report(offloaded(ended(), unavailable))
    assert conditions(report)["EvidenceComplete"] == ("False", Reason.NODES_OFFLOADED)
    unreadable = a_report(replace(ended(), nodes={}, nodes_state=NodesState.UNREADABLE))
    assert conditions(unreadable)["EvidenceComplete"] == ("False", Reason.NODES_UNREADABLE)
    assert conditions(a_report(ended(), stored=report))["EvidenceComplete"][1] == Reason.POD_NOT_CAPTURED


def test_evidence_of_a_deleted_run_with_unread_nodes_is_final() -> None:
    report = render_deleted(a_report(offloaded(running())), 2)
    assert conditions(report)["EvidenceComplete"] == ("False", Reason.NODES_OFFLOADED)


def test_a_run_from_the_archive_has_this_source() -> None:
    report = a_report(replace(ended(), source=Source.ARCHIVE))
    assert report.observed_workflow
    assert report.observed_workflow.source == "Archive"
    assert "archive" in message(report, "Ready")


def test_stored_nodes_of_a_completed_run_are_kept_if_they_become_unavailable() -> None:
    stored = a_report(ended())
    again = a_report(newer(offloaded(ended(), UNAVAILABLE)), stored=stored)
    assert again.failures == stored.failures
    assert again.counts == stored.counts
    assert again.observed_workflow
    assert again.observed_workflow.resource_version == "99"


@pytest.mark.parametrize(
    "stored",
    [ReportStatus(), a_report(running()), a_report(ended(end=50)), a_report(offloaded(ended()))],
    ids=["nothing", "running", "another end", "no nodes"],
)
def test_other_stored_nodes_are_not_kept(stored: ReportStatus) -> None:
    again = a_report(offloaded(ended(), UNAVAILABLE), stored=stored)
    assert conditions(again)["NodesAvailable"] == ("False", Reason.ARGO_SERVER_UNREACHABLE)
    assert again.counts is None


def test_a_running_workflow_is_not_rendered_while_its_nodes_are_being_fetched() -> None:
    now = offloaded(running()).workflow
    assert has_nodes_of_run(a_report(running()), now)
    assert not has_nodes_of_run(None, now)
    assert not has_nodes_of_run(a_report(offloaded(running())), now)
    assert not has_nodes_of_run(a_report(running()), ended().workflow)
    assert not has_nodes_of_run(a_report(a_snapshot(phase=Phase.RUNNING, started_at=at(-900))), now)


def test_nodes_deleted_with_their_workflow_are_lost() -> None:
    report = render_deleted(a_report(offloaded(ended())), 2, GONE)
    assert conditions(report)["NodesAvailable"] == ("False", Reason.WORKFLOW_NOT_ARCHIVED)
    assert "it is nowhere" in message(report, "NodesAvailable")
    report = render_deleted(a_report(offloaded(ended())), 2, UNAVAILABLE)
    assert conditions(report)["NodesAvailable"] == ("False", Reason.ARGO_SERVER_UNREACHABLE)


def test_a_report_with_nodes_ignores_the_archive() -> None:
    stored = a_report(ended())
    assert render_deleted(stored, 1, GONE).dump() == stored.dump()
    assert render_deleted(ReportStatus(), 1, GONE).dump() == ReportStatus(conditions=[]).dump()


def test_the_archives_reason_is_in_the_condition() -> None:
    report = render_missing(
        stored=None, ref=WorkflowRef(name="wf"), generation=1, created_at=T0, unavailable=UNAVAILABLE
    )
    assert conditions(report)["Ready"] == ("False", Reason.ARGO_SERVER_UNREACHABLE)
    assert report.summary == "Workflow wf: nobody answers; check the URL"

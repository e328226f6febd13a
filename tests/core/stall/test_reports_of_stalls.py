"""The report of a run that hangs."""

from __future__ import annotations

import pytest
from tests.builders import a_node, a_report, a_snapshot, at

from wfreport.api.argo import NodeType, Phase
from wfreport.api.reasons import StallReason
from wfreport.api.report import ReportStatus
from wfreport.core.render.gone import render_deleted
from wfreport.core.snapshot.model import NodesState, Snapshot
from wfreport.core.stall.model import StallFinding, StallVerdict, Suspicion
from wfreport.core.stall.pod_rules import needs_pods


def running() -> Snapshot:
    nodes = [a_node("wf", Phase.RUNNING, NodeType.DAG, end=None), a_node("wf.train", Phase.RUNNING, end=None)]
    return a_snapshot(*nodes, phase=Phase.RUNNING)


def verdict(reason: StallReason = StallReason.MAIN_ENDED, *, node_id: str = "wf.train") -> StallVerdict:
    message = "istio-proxy keeps the pod alive; password=hunter2hunter2"
    return StallVerdict(StallFinding(Suspicion(reason, message, 300, at(18), node_id), at(18)))


def conditions(status: ReportStatus) -> dict[str, tuple[str, str]]:
    return {one.type: (one.status, one.reason) for one in status.conditions or ()}


def test_a_run_that_hangs_has_the_reason_wherever_one_looks() -> None:
    status = a_report(running(), stall=verdict())
    assert status.stalled is not None
    assert (status.stalled.reason, status.stalled.since_at) == ("MainEnded", at(18))
    assert "istio-proxy" in (status.stalled.message or "")
    assert "sidecar" in (status.stalled.advice or "")
    assert conditions(status)["RunStalled"] == ("True", "MainEnded")
    assert conditions(status)["Ready"] == ("True", "ReportCurrent")
    assert (status.reason, status.step, status.stalled.node_id) == ("MainEnded", "train", "wf.train")
    assert "; hangs: istio-proxy keeps the pod alive" in (status.summary or "")
    assert "(since 2026-11-22 03:00Z)" in (status.summary or "")
    assert "hunter2" not in status.dump_json().decode()


def test_the_finding_stays_until_it_is_known_that_the_run_goes_on() -> None:
    hung = a_report(running(), stall=verdict())
    assert a_report(running(), stored=hung).dump_json() == hung.dump_json()
    went_on = a_report(running(), stored=hung, stall=StallVerdict())
    assert (went_on.stalled, went_on.reason, "RunStalled" in conditions(went_on)) == (None, None, False)


def test_the_name_of_a_step_that_hangs_stays_if_the_nodes_cannot_be_read_any_more() -> None:
    hung = a_report(running(), stall=verdict())
    unreadable = Snapshot(running().workflow, {}, NodesState.UNREADABLE)
    assert a_report(unreadable, stored=hung).step == "train"
    assert a_report(unreadable, stored=hung, stall=verdict(node_id="wf.other")).step is None


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("the main container of main exited with code 0", "the main container of load.main exited with code 0"),
        ("main is Running for Argo", "load.main is Running for Argo"),
        ("nothing was done: main(0) is Running for Argo", "nothing was done: load.main(0) is Running for Argo"),
        ("main, b wait for Argo's agent", "load.main, b wait for Argo's agent"),
        ("no name of it", "no name of it"),
    ],
)
def test_the_message_names_a_step_with_its_task_if_its_own_name_says_too_little(message: str, shown: str) -> None:
    tasks = [a_node(f"wf.{name}", Phase.RUNNING, NodeType.DAG, end=None) for name in ("load", "train")]
    steps = [a_node(f"{task.name}.main", Phase.RUNNING, end=None) for task in tasks]
    run = a_snapshot(running().nodes["wf"], *tasks, *steps, phase=Phase.RUNNING)
    suspicion = Suspicion(StallReason.MAIN_ENDED, message, 300, at(18), "wf.load.main")
    stalled = a_report(run, stall=StallVerdict(StallFinding(suspicion, at(18)))).stalled
    assert stalled is not None
    assert stalled.message == shown


def test_a_wait_of_another_step_is_listed_beside_a_stall() -> None:
    waiting = a_node("wf.b", Phase.PENDING, message="ImagePullBackOff: no", end=None)
    hung = a_report(
        Snapshot(running().workflow, {**running().nodes, "wf.b": waiting}, NodesState.READ), stall=verdict()
    )
    assert "b cannot pull its image" in (hung.summary or "")
    same = a_report(Snapshot(running().workflow, {"wf.b": waiting}, NodesState.READ), stall=verdict(node_id="wf.b"))
    assert "cannot pull" not in (same.summary or "")


def test_a_run_that_was_deleted_does_not_hang() -> None:
    deleted = render_deleted(a_report(running(), stall=verdict()), 1)
    assert (deleted.stalled, "RunStalled" in conditions(deleted)) == (None, False)


def test_a_run_that_ended_shows_what_hangs_after_it() -> None:
    ended = a_snapshot(a_node("wf", Phase.SUCCEEDED), phase=Phase.SUCCEEDED)
    status = a_report(ended, stall=verdict(StallReason.DELETION_BLOCKED, node_id=""))
    assert "; istio-proxy keeps the pod alive" in (status.summary or "")
    assert "hangs" not in (status.summary or "")
    assert (status.reason, status.step) == ("DeletionBlocked", None)


def test_a_run_that_failed_and_hangs_has_both_reasons() -> None:
    ended = a_snapshot(a_node("wf", Phase.FAILED, message="Error (exit code 1)", exit_code="1"))
    status = a_report(ended, stall=verdict(StallReason.DELETION_BLOCKED, node_id=""))
    assert (status.reason, status.failure_class) == ("ExitCode,DeletionBlocked", "ExitCode")


def test_a_run_that_hung_until_it_was_ended_still_shows_why() -> None:
    hung = a_report(running(), stall=verdict())
    gone = a_snapshot(a_node("wf", Phase.ERROR), a_node("wf.train", Phase.ERROR, message="pod deleted"))
    ended = a_report(gone, stored=hung, stall=StallVerdict())
    (warning,) = ended.warnings or []
    assert (warning.display_name, warning.reason) == ("train", "Hung")
    assert "train: pod deleted while running" in (ended.summary or "")
    assert "; the run hung: istio-proxy keeps the pod alive" in (ended.summary or "")
    assert (ended.summary or "").endswith("(since 2026-11-22 03:00Z)")
    assert (ended.stalled, ended.reason) == (None, "PodDeleted")
    assert a_report(gone, stored=ended, stall=StallVerdict()).dump_json() == ended.dump_json()


def test_a_run_that_hung_and_then_succeeded_notes_it_and_blocks_no_later_finding() -> None:
    hung = a_report(running(), stall=verdict())
    done = a_snapshot(a_node("wf", Phase.SUCCEEDED), a_node("wf.train", Phase.SUCCEEDED), phase=Phase.SUCCEEDED)
    deleting = a_report(done, stored=hung, stall=verdict(StallReason.DELETION_BLOCKED, node_id=""))
    assert "train: the run hung: istio-proxy" in (deleting.summary or "")
    assert deleting.reason == "DeletionBlocked"
    unknown = a_report(done, stored=hung)
    assert (unknown.stalled, unknown.warnings) == (hung.stalled, None), "it is not known yet whether it goes on"


@pytest.mark.parametrize("reason", [StallReason.CONTROLLER_SILENT, StallReason.DELETION_BLOCKED])
def test_what_does_not_explain_the_end_of_a_run_is_forgotten(reason: StallReason) -> None:
    hung = a_report(running(), stall=verdict(reason))
    assert a_report(a_snapshot(a_node("wf")), stored=hung, stall=StallVerdict()).warnings is None


def test_no_pods_are_needed_of_a_run_that_has_ended() -> None:
    ended = a_snapshot(a_node("wf.train", Phase.RUNNING, end=None))
    assert not needs_pods(ended, now=at(9999), after_seconds=1)

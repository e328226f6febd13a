"""Which archived logs a report lacks, and what evidence they make."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest
from tests.builders import a_node, a_snapshot

from wfreport.api.argo import Artifact, Metadata, Node, NodeType, Outputs, Phase
from wfreport.api.kubernetes import Pod
from wfreport.api.reasons import Reason
from wfreport.core.render.archived_logs import MAX_LOGS, ArchivedText, LogRef, logs_wanted, with_archived_logs
from wfreport.core.snapshot.model import PodEvidence, Snapshot

POD = "wf"  # of a Workflow that is one pod
REF = LogRef("wf", POD, "main")


def leaving(node: Node, *artifacts: str) -> Node:
    """The node with these output artifacts."""
    return msgspec.structs.replace(node, outputs=Outputs(artifacts=[Artifact(name=name) for name in artifacts]))


def failed(*artifacts: str, message: str = "main: Error (exit code 1)", phase: str = Phase.FAILED) -> Snapshot:
    return a_snapshot(leaving(a_node("wf", Phase.FAILED, message=message), *artifacts), phase=phase)


def test_the_archived_log_of_a_failed_pod_is_wanted() -> None:
    assert logs_wanted(failed("result", "main-logs"), {}, ()) == [REF]
    assert REF.artifact == "main-logs"


@pytest.mark.parametrize(
    ("snapshot", "kept"),
    [(failed("result", "-logs"), ()), (failed("main-logs", phase=Phase.RUNNING), ()), (failed("main-logs"), ("wf",))],
    ids=["none is archived", "the run goes on", "the report has it"],
)
def test_no_other_log_is(snapshot: Snapshot, kept: tuple[str, ...]) -> None:
    assert not logs_wanted(snapshot, {}, kept)


@pytest.mark.parametrize(
    ("seen", "is_wanted"),
    [
        (PodEvidence(missing=(Reason.POD_NOT_CAPTURED,)), True),
        (PodEvidence(Pod(), missing=(Reason.LOG_FORBIDDEN,)), True),
        (PodEvidence(Pod(), missing=(Reason.LOG_GONE,)), True),
        (PodEvidence(Pod(), logs={"main": "boom"}), False),
        (PodEvidence(Pod()), False),
        (PodEvidence(missing=(Reason.CAPTURE_PENDING,)), False),
        (PodEvidence(missing=(Reason.LOG_DISABLED,)), False),
    ],
    ids=["gone", "forbidden", "log gone", "read", "silent", "being read", "switched off"],
)
def test_it_depends_on_what_was_seen_of_the_pod(seen: PodEvidence, *, is_wanted: bool) -> None:
    assert bool(logs_wanted(failed("main-logs"), {POD: seen}, ())) is is_wanted


@pytest.mark.parametrize(
    ("message", "artifacts", "container"),
    [
        ("sidecar: Error (exit code 1)", ("main-logs", "sidecar-logs"), "sidecar"),
        ("sidecar: Error (exit code 1)", ("other-logs", "main-logs"), "main"),
        ("pod deleted", ("other-logs",), "other"),
    ],
)
def test_the_log_of_the_container_that_failed_goes_first(
    message: str, artifacts: tuple[str, ...], container: str
) -> None:
    assert [ref.container for ref in logs_wanted(failed(*artifacts, message=message), {}, ())] == [container]


def test_a_container_of_a_set_has_its_log_on_its_pods_node() -> None:
    pod_node = a_node("wf", Phase.FAILED, children=["wf.two"], message="container two failed")
    snapshot = a_snapshot(
        leaving(pod_node, "main-logs", "two-logs"),
        a_node("wf.two", Phase.FAILED, NodeType.CONTAINER, boundary_id="wf", message="Error (exit code 1)"),
    )
    assert logs_wanted(snapshot, {}, ()) == [LogRef("wf", POD, "two")]


def test_nodes_without_pod_have_no_log() -> None:
    assert not logs_wanted(a_snapshot(phase=Phase.ERROR, message="invalid spec"), {}, ())
    assert not logs_wanted(a_snapshot(a_node("wf", Phase.ERROR, NodeType.SKIPPED)), {}, ())


def test_there_is_an_end_to_it() -> None:
    nodes = [leaving(a_node(f"wf.{n}", Phase.FAILED), "main-logs") for n in range(MAX_LOGS + 5)]
    assert len(logs_wanted(a_snapshot(*nodes), {}, ())) == MAX_LOGS


def test_a_log_that_is_here_is_evidence_of_a_pod_that_nobody_saw() -> None:
    found = with_archived_logs({}, {REF: ArchivedText("boom\n", has_more=True)})
    assert found[POD] == PodEvidence(
        logs={"main": "boom\n"},
        containers_with_more_log=frozenset({"main"}),
        missing=(Reason.POD_NOT_CAPTURED,),
        is_archived=True,
    )


def test_a_log_that_is_here_closes_the_gaps_of_the_pods_log_and_no_other() -> None:
    seen = PodEvidence(Pod(Metadata(uid="p")), missing=(Reason.LOG_GONE, Reason.EVENTS_NOT_READ))
    found = with_archived_logs({POD: seen, "other": seen}, {REF: ArchivedText("boom\n", has_more=False)})
    assert found[POD] == replace(seen, logs={"main": "boom\n"}, missing=(Reason.EVENTS_NOT_READ,), is_archived=True)
    assert found["other"] is seen


def test_a_log_that_comes_later_is_said_to_be_in_the_archive() -> None:
    seen = PodEvidence(missing=(Reason.POD_NOT_CAPTURED, Reason.LOG_GONE))
    assert with_archived_logs({POD: seen}, {REF: None})[POD].missing == (
        Reason.POD_NOT_CAPTURED,
        Reason.LOG_IN_ARCHIVE,
    )

"""The archived logs that a report lacks, and the evidence made from them."""

from __future__ import annotations

import msgspec
import pytest
from msgspec.structs import replace
from tests.builders import a_node, a_snapshot

from wfreport.api.argo import Artifact, Metadata, Node, NodeType, Outputs, Phase
from wfreport.api.kubernetes import Pod
from wfreport.api.reasons import Reason
from wfreport.core.render.archived_logs import MAX_LOGS_PER_RUN, ArchivedText, LogRef, missing_logs, with_archived_logs
from wfreport.core.snapshot.model import PodEvidence, Snapshot

POD = "wf"  # of a Workflow that is one pod
REF = LogRef("wf", POD, "main")


def leaving(node: Node, *artifacts: str) -> Node:
    """Return the node with these output artifacts."""
    return msgspec.structs.replace(node, outputs=Outputs(artifacts=[Artifact(name=name) for name in artifacts]))


def failed(*artifacts: str, message: str = "main: Error (exit code 1)", phase: str = Phase.FAILED) -> Snapshot:
    return a_snapshot(leaving(a_node("wf", Phase.FAILED, message=message), *artifacts), phase=phase)


def test_the_archived_log_of_a_failed_pod_is_missing() -> None:
    assert missing_logs(failed("result", "main-logs"), {}, ()) == [REF]
    assert REF.artifact == "main-logs"


@pytest.mark.parametrize(
    ("snapshot", "reported"),
    [(failed("result", "-logs"), ()), (failed("main-logs", phase=Phase.RUNNING), ()), (failed("main-logs"), ("wf",))],
    ids=["none is archived", "the run is in progress", "the report has it"],
)
def test_no_other_log_is_missing(snapshot: Snapshot, reported: tuple[str, ...]) -> None:
    assert not missing_logs(snapshot, {}, reported)


@pytest.mark.parametrize(
    ("evidence", "is_missing"),
    [
        (PodEvidence(missing=(Reason.POD_NOT_CAPTURED,)), True),
        (PodEvidence(Pod(), missing=(Reason.LOG_FORBIDDEN,)), True),
        (PodEvidence(Pod(), missing=(Reason.LOG_GONE,)), True),
        (PodEvidence(Pod(), logs={"main": "boom"}), False),
        (PodEvidence(Pod()), False),
        (PodEvidence(missing=(Reason.CAPTURE_PENDING,)), False),
        (PodEvidence(missing=(Reason.LOG_DISABLED,)), False),
    ],
    ids=["gone", "forbidden", "log gone", "read", "silent", "being read", "disabled"],
)
def test_it_depends_on_the_evidence_of_the_pod(evidence: PodEvidence, *, is_missing: bool) -> None:
    assert bool(missing_logs(failed("main-logs"), {POD: evidence}, ())) is is_missing


def test_no_log_is_requested_for_a_node_or_a_container_of_a_length_that_argo_never_writes() -> None:
    long = a_node("wf", Phase.FAILED, message="main: Error (exit code 1)")
    snapshot = a_snapshot(replace(leaving(long, "main-logs"), id="wf-" + "1" * 300))
    assert not missing_logs(snapshot, {}, ())
    assert not missing_logs(failed("c" * 301 + "-logs"), {}, ())


@pytest.mark.parametrize(
    ("message", "artifacts", "container"),
    [
        ("sidecar: Error (exit code 1)", ("main-logs", "sidecar-logs"), "sidecar"),
        ("sidecar: Error (exit code 1)", ("other-logs", "main-logs"), "main"),
        ("pod deleted", ("other-logs",), "other"),
    ],
)
def test_the_log_of_the_failed_container_is_preferred(message: str, artifacts: tuple[str, ...], container: str) -> None:
    assert [ref.container for ref in missing_logs(failed(*artifacts, message=message), {}, ())] == [container]


def test_the_log_of_a_containerset_is_on_its_pods_node() -> None:
    pod_node = a_node("wf", Phase.FAILED, children=["wf.two"], message="container two failed")
    snapshot = a_snapshot(
        leaving(pod_node, "main-logs", "two-logs"),
        a_node("wf.two", Phase.FAILED, NodeType.CONTAINER, boundary_id="wf", message="Error (exit code 1)"),
    )
    assert missing_logs(snapshot, {}, ()) == [LogRef("wf", POD, "two")]


def test_nodes_without_a_pod_have_no_log() -> None:
    assert not missing_logs(a_snapshot(phase=Phase.ERROR, message="invalid spec"), {}, ())
    assert not missing_logs(a_snapshot(a_node("wf", Phase.ERROR, NodeType.SKIPPED)), {}, ())


def test_the_number_of_logs_is_limited() -> None:
    nodes = [leaving(a_node(f"wf.{n}", Phase.FAILED), "main-logs") for n in range(MAX_LOGS_PER_RUN + 5)]
    assert len(missing_logs(a_snapshot(*nodes), {}, ())) == MAX_LOGS_PER_RUN


def test_a_fetched_log_is_evidence_of_a_pod_that_was_not_captured() -> None:
    combined = with_archived_logs({}, {REF: ArchivedText("boom\n", has_more=True)})
    assert combined[POD] == PodEvidence(
        logs={"main": "boom\n"},
        containers_with_more_log=frozenset({"main"}),
        missing=(Reason.POD_NOT_CAPTURED,),
        is_archived=True,
    )


def test_a_fetched_log_closes_only_the_gaps_of_the_log() -> None:
    captured = PodEvidence(Pod(Metadata(uid="p")), missing=(Reason.LOG_GONE, Reason.EVENTS_NOT_READ))
    combined = with_archived_logs({POD: captured, "other": captured}, {REF: ArchivedText("boom\n", has_more=False)})
    assert combined[POD] == replace(
        captured, logs={"main": "boom\n"}, missing=(Reason.EVENTS_NOT_READ,), is_archived=True
    )
    assert combined["other"] is captured


def test_a_log_that_is_being_fetched_is_a_gap() -> None:
    captured = PodEvidence(missing=(Reason.POD_NOT_CAPTURED, Reason.LOG_GONE))
    assert with_archived_logs({POD: captured}, {REF: None})[POD].missing == (
        Reason.POD_NOT_CAPTURED,
        Reason.LOG_IN_ARCHIVE,
    )

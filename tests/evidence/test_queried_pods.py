"""A reconcile queries only pods that nothing is known about."""

from __future__ import annotations

import pytest
from tests.builders import a_node, a_report, a_snapshot

from wfreport.api.argo import Metadata, NodeType, Phase
from wfreport.api.kubernetes import Pod
from wfreport.api.report import ReportStatus
from wfreport.core.snapshot.model import PodEvidence, Snapshot
from wfreport.core.snapshot.pod_names import agent_pod_name
from wfreport.evidence.reader import EvidenceLimits, pod_query


def retried() -> Snapshot:
    """Return a run whose second attempt is running."""
    snapshot = a_snapshot(
        a_node("wf", Phase.RUNNING, NodeType.RETRY, children=["wf(0)", "wf(1)"]),
        a_node("wf(0)", Phase.FAILED, message="main: Error (exit code 1)"),
        a_node("wf(1)", Phase.RUNNING, end=None),
        phase=Phase.RUNNING,
    )
    snapshot.workflow.metadata.annotations["workflows.argoproj.io/pod-name-format"] = "v1"
    return snapshot


EVIDENCE = {"wf(0)": PodEvidence(Pod(metadata=Metadata(name="wf(0)", uid="p-0")))}


@pytest.mark.parametrize(
    ("stored", "nodes"),
    [
        (None, {"wf(0)": "wf(0)"}),
        (a_report(retried()), {"wf(0)": "wf(0)"}),
        (a_report(retried(), evidence=EVIDENCE), {}),
    ],
    ids=["no report", "a report without the attempt", "a report with the attempt"],
)
def test_the_pod_of_a_reported_attempt_is_not_queried_again(stored: ReportStatus | None, nodes: dict[str, str]) -> None:
    query = pod_query(
        retried(), [stored] if stored else [], queried_nodes=set(), has_just_ended=False, limits=EvidenceLimits()
    )
    assert query.nodes == nodes


def test_the_agents_pod_is_queried_if_a_request_failed_with_it() -> None:
    failed = 'agent pod failed with reason:"The node was low on resource: memory"'
    run = a_snapshot(
        a_node("wf.a", Phase.FAILED, NodeType.HTTP, message=failed),
        a_node("wf.b", Phase.FAILED, NodeType.HTTP, message="received non-2xx response code: 500"),
    )
    query = pod_query(run, [], queried_nodes=set(), has_just_ended=False, limits=EvidenceLimits())
    assert query.nodes == {agent_pod_name("wf"): "wf.a"}


def test_the_agents_pod_is_queried_if_the_workflow_failed_with_it() -> None:
    nodes = [a_node("wf.a", Phase.PENDING, NodeType.PLUGIN, end=None), a_node("wf.b")]
    run = a_snapshot(*nodes, message='agent pod failed with reason:"x"')
    query = pod_query(run, [], queried_nodes=set(), has_just_ended=False, limits=EvidenceLimits())
    assert query.nodes == {agent_pod_name("wf"): "wf.a"}

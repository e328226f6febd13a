"""Nodes beyond a limit are left out, and the report names the limit and is written from phase and message."""

from __future__ import annotations

import base64
import gzip
import json
from typing import Any

import pytest
from tests.builders import a_report
from tests.core.hostile import cpu_seconds
from tests.examples import steps

from wfreport.api.reasons import ConditionType, Reason
from wfreport.core.snapshot import lenient
from wfreport.core.snapshot.decode import NotAWorkflow, decode_workflow
from wfreport.core.snapshot.model import NodesState, Snapshot
from wfreport.core.snapshot.node_limits import MAX_BYTES, MAX_NODES, MAX_VALUES, count_values


def packed(raw: bytes) -> str:
    return base64.b64encode(gzip.compress(raw, mtime=0)).decode()


def decoded(**status: Any) -> Snapshot:
    return decode_workflow(
        json.dumps(
            {"metadata": {"name": "wf"}, "status": {"phase": "Failed", "message": "it broke", **status}}
        ).encode()
    )


def nodes_json(number: int, node: str = "{}") -> bytes:
    return ("{" + ",".join(f'"wf-{index}":{node}' for index in range(number)) + "}").encode()


def message_of(snapshot: Snapshot) -> str:
    """Return the message of NodesAvailable, after a check of the rest of the report."""
    report = a_report(snapshot)
    (condition,) = (c for c in report.conditions or () if c.type == ConditionType.NODES_AVAILABLE)
    assert (condition.status, condition.reason) == ("False", Reason.TOO_LARGE)
    (evidence,) = (c for c in report.conditions or () if c.type == ConditionType.EVIDENCE_COMPLETE)
    assert (evidence.status, evidence.reason) == ("False", Reason.TOO_LARGE)
    assert report.counts is None
    assert "it broke" in (report.summary or "")
    return condition.message


def test_a_workflow_with_too_many_compressed_nodes_is_reported_without_them() -> None:
    snapshot = decoded(compressedNodes=packed(nodes_json(MAX_NODES + 1)))
    expected = "the Workflow has 50,001 nodes, and at most 50,000 are read; counts and steps are unknown"
    assert message_of(snapshot) == expected


KINDS = [
    pytest.param('{"id":5}', id="misfit"),
    pytest.param("{}", id="empty"),
    pytest.param('{"message":"' + "x" * 40 + '"}', id="large"),
]


@pytest.mark.parametrize("node", steps(KINDS, thinned_to=1))
def test_a_workflow_with_too_many_plain_nodes_is_reported_without_them(node: str) -> None:
    snapshot = decoded(nodes=json.loads(nodes_json(MAX_NODES + 1, node)))
    assert message_of(snapshot).startswith("the Workflow has 50,001 nodes, and at most 50,000 are read")


def test_nodes_that_have_to_be_repaired_are_counted_too() -> None:
    raw = nodes_json(MAX_NODES + 1)[:-1] + b',"x":{"children":[NaN]}}'
    assert message_of(decoded(compressedNodes=packed(raw))).startswith("the Workflow has 50,002 nodes")


@pytest.mark.parametrize("number", [1, MAX_NODES])
def test_as_many_nodes_as_allowed_are_read(number: int) -> None:
    for snapshot in (
        decoded(compressedNodes=packed(nodes_json(number))),
        decoded(nodes=json.loads(nodes_json(number, '{"phase":"Succeeded"}'))),
    ):
        assert (snapshot.nodes_state, len(snapshot.nodes)) == (NodesState.READ, number)


def test_a_large_workflow_without_nodes_or_with_null_has_none() -> None:
    text = "x" * 2_000_000
    assert (
        decoded(nodes=None, outputs={"parameters": [{"name": "a", "value": text}]}).nodes_state is NodesState.NONE_YET
    )
    assert decoded(outputs={"parameters": [{"name": "a", "value": text}]}).nodes_state is NodesState.NONE_YET


def test_nodes_of_many_tiny_values_are_too_large() -> None:
    raw = b'{"a":{"children":[' + b",".join([b'"b"'] * (MAX_VALUES + 1)) + b"]}}"
    assert message_of(decoded(compressedNodes=packed(raw))).startswith("the nodes have 1,000,003 JSON values")


def test_plain_nodes_beyond_16_mib_are_too_large() -> None:
    snapshot = decoded(nodes={"a": {"message": "x" * MAX_BYTES}})
    assert message_of(snapshot).startswith("the nodes take 16,777,2")


def test_marks_in_texts_do_not_count_as_values() -> None:
    text = '[{",' * 400_000
    raw = json.dumps({"a": {"message": text, "phase": "Failed\\"}}).encode()
    assert count_values(raw, at_most=10) == 3
    assert decoded(compressedNodes=packed(raw)).nodes["a"].phase == "Failed\\"


def test_a_large_workflow_that_does_not_fit_is_repaired_if_it_has_few_values() -> None:
    snapshot = decoded(startedAt="yesterday", nodes={"a": {"phase": "Failed", "message": "x" * 2_000_000}})
    assert snapshot.problems == ("status.startedAt: invalid RFC3339 encoded datetime",)
    assert snapshot.nodes["a"].phase == "Failed"
    with pytest.raises(NotAWorkflow, match=r"more than 1,000,000 JSON values"):
        decoded(startedAt="yesterday", outputs=[0] * (MAX_VALUES + 1))


def test_a_misfit_in_each_node_takes_few_seconds_and_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = json.dumps(
        {"status": {"compressedNodes": packed(nodes_json(MAX_NODES, '{"id":5,"phase":"Failed"}'))}}
    ).encode()
    assert cpu_seconds(lambda: decode_workflow(raw), tries=1) < 4
    monkeypatch.setattr(lenient, "MAX_REPAIRS", 2)
    limited = decode_workflow({"status": {"nodes": {"a": {"id": 1}, "b": {"id": 2}, "c": {"id": 3}, "d": {"id": 4}}}})
    assert list(limited.nodes) == ["a", "b", "c"]
    children = decode_workflow(
        {"status": {"nodes": {"a": {"children": [1, 2, 3, 4, "b"], "outputs": {"exitCode": 1}}}}}
    )
    assert children.nodes["a"].children == []
    assert len(children.problems) == 3

from __future__ import annotations

import base64
import functools
import gzip
import json
from collections.abc import Callable
from typing import Any

import brotli  # type: ignore[import-untyped]
import msgspec
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.examples import examples
from tests.recorded import recording, recordings

from wfreport.api.argo import Node, Workflow
from wfreport.core.snapshot.decode import NotAnObject, NotAWorkflow, decode_event, decode_pod, decode_workflow
from wfreport.core.snapshot.model import NodesState, Snapshot

CODECS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "zstd": zstandard.ZstdCompressor().compress,
    "brotli": brotli.compress,
}
NAMES = ["metadata", "spec", "status", "nodes", "compressedNodes", "templates", "name", "labels", "children", "kind"]

keys = st.sampled_from(NAMES) | st.text(max_size=5)
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=9)
    | st.sampled_from(NAMES)
)
json_values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4), max_leaves=15
)
names = st.text(max_size=8)
nodes = st.dictionaries(
    names, st.builds(Node, name=names, message=names, children=st.lists(names, max_size=3)), min_size=1
)


@functools.cache
def recorded(name: str) -> str:
    return json.dumps(recording(name).final["workflow"])


CASES = [case.name for case in recordings() if case.name != "large-3000"]


def is_whole(snapshot: Snapshot) -> bool:
    """Check the invariants of a snapshot: ids are keys, it can be encoded, problems are few and have one line each."""
    assert type(snapshot.workflow) is Workflow
    assert all(key == node.id for key, node in snapshot.nodes.items())
    assert bool(snapshot.nodes) <= (snapshot.nodes_state is NodesState.READ)
    assert len(snapshot.problems) <= 21
    msgspec.json.encode(snapshot.workflow)
    return True


@given(value=st.dictionaries(keys, json_values, max_size=5))
def test_any_object_becomes_a_snapshot_or_is_refused(value: dict[str, Any]) -> None:
    for raw in (value, json.dumps(value).encode()):
        try:
            assert is_whole(decode_workflow(raw))
        except NotAWorkflow:
            assert value["kind"] not in ("Workflow", None)


@given(raw=st.binary(max_size=60) | json_values.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_become_an_object_or_are_refused(raw: bytes) -> None:
    for decode in (decode_workflow, decode_pod, decode_event):
        try:
            decode(raw)
        except NotAnObject as error:
            assert "\n" not in str(error)  # noqa: PT017 - no error is a valid outcome too


@given(data=st.data())
@settings(max_examples=examples(200))
def test_a_real_workflow_with_any_value_anywhere_becomes_a_snapshot(data: st.DataObject) -> None:
    workflow = json.loads(recorded(data.draw(st.sampled_from(CASES))))
    name = workflow["metadata"]["name"]
    place: Any = workflow
    while True:
        key = data.draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
        inner = place[key]
        if not isinstance(inner, dict | list) or not inner or data.draw(st.integers(0, 3)) == 0:
            break
        place = inner
    place[key] = data.draw(json_values)
    try:
        snapshot = decode_workflow(json.dumps(workflow).encode())
    except NotAWorkflow:
        assert key == "kind"
        return
    assert is_whole(snapshot)
    assert snapshot.workflow.metadata.name == name or key in ("metadata", "name")


@given(raw=json_values.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=50), data=st.data())
def test_any_compressed_bytes_are_read_or_unreadable(raw: bytes, data: st.DataObject) -> None:
    damaged = bytearray(data.draw(st.sampled_from(list(CODECS.values())))(raw))
    if data.draw(st.booleans()):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] ^= data.draw(st.integers(1, 255))
    snapshot = decode_workflow({"status": {"compressedNodes": base64.b64encode(bytes(damaged)).decode()}})
    assert is_whole(snapshot)
    assert snapshot.nodes_state in (NodesState.READ, NodesState.UNREADABLE)
    assert (snapshot.nodes_state is NodesState.READ) or snapshot.problems


@pytest.mark.parametrize("compress", CODECS.values(), ids=CODECS)
@given(nodes=nodes)
def test_compressed_nodes_equal_the_plain_nodes(compress: Callable[[bytes], bytes], nodes: dict[str, Node]) -> None:
    raw = msgspec.json.encode(nodes)
    snapshot = decode_workflow({"status": {"compressedNodes": base64.b64encode(compress(raw)).decode()}})
    assert snapshot.problems == ()
    assert snapshot.nodes == {key: msgspec.structs.replace(node, id=key) for key, node in nodes.items()}
    assert snapshot.nodes == decode_workflow({"status": {"nodes": msgspec.to_builtins(nodes)}}).nodes

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any

import brotli  # type: ignore[import-untyped]
import msgspec
import pytest
import zstandard
from tests.recorded import Recording, chosen_recordings, recording

from wfreport.api.argo import Metadata, Node, Outputs, Task, Workflow, WorkflowStatus
from wfreport.core.snapshot import compressed_nodes
from wfreport.core.snapshot.decode import (
    NotAnObject,
    NotAWorkflow,
    decode_event,
    decode_pod,
    decode_workflow,
)
from wfreport.core.snapshot.lenient import LenientConverter, problem_lines
from wfreport.core.snapshot.model import NodesState, Snapshot

GZIP = partial(gzip.compress, mtime=0)  # the bytes name test cases, so they must not depend on the time
CODECS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": GZIP,
    "zstd": zstandard.ZstdCompressor().compress,
    "brotli": brotli.compress,
}


class Thing(msgspec.Struct):
    names: Annotated[list[str], msgspec.Meta(max_length=2)] = []
    either: dict[str, int] | str = ""


NODES = {"a": {"id": "a", "name": "a", "type": "Pod", "children": ["b"]}, "b": {"id": "b", "startedAt": None}}


def as_bytes(value: Any) -> bytes:
    return json.dumps(value).encode()


def packed(raw: bytes, compress: Callable[[bytes], bytes] = GZIP) -> str:
    return base64.b64encode(compress(raw)).decode()


def with_status(**status: Any) -> Snapshot:
    return decode_workflow(as_bytes({"kind": "Workflow", "metadata": {"name": "x"}, "status": status}))


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in chosen_recordings()])
def test_every_recording_is_read_without_a_problem(case: Recording) -> None:
    raw = case.final["workflow"]
    snapshot = decode_workflow(as_bytes(raw))
    assert snapshot.problems == ()
    assert snapshot == decode_workflow(raw)
    assert snapshot.workflow.metadata.name == raw["metadata"]["name"]
    assert len(snapshot.nodes) == case.expected["nodes"]
    assert list(snapshot.nodes) == [node.id for node in snapshot.nodes.values()]
    assert (snapshot.nodes_state is NodesState.READ) == bool(snapshot.nodes)


def test_every_recorded_pod_and_event_is_read() -> None:
    final = recording("oom-main").final
    pod = decode_pod(as_bytes(final["pods"][0]))
    assert pod == decode_pod(final["pods"][0])
    assert [status.name for status in pod.status.container_statuses if status.state and status.state.terminated]
    events = [decode_event(as_bytes(event)) for event in final["events"]]
    assert {event.metadata.name for event in events} == {event["metadata"]["name"] for event in final["events"]}
    assert all(event.reason and event.involved_object.uid for event in events)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "not JSON: Expecting value: line 1 column 1"),
        (b"{", "not JSON: Expecting property name"),
        (b"kind: Workflow", "not JSON"),
        (b"[]", "not a JSON object but an array"),
        (b'"x"', "not a JSON object but a string"),
        (b"5", "not a JSON object but a number"),
        (b"1e999", "not a JSON object but null"),
        (b"null", "not a JSON object but null"),
        (b"true", "not a JSON object but true"),
        (b'{"kind": "Pod"}', 'kind is "Pod", not Workflow'),
        (b'{"kind": 5}', "kind is not a string, not Workflow"),
        (b'{"kind": "' + b"x" * 99 + b'"}', 'kind is "' + "x" * 60 + '", not Workflow'),
        (b"[" * 100_000, "not JSON: "),
        (b'{"metadata": {"name": ' + b"[" * 100_000, "not JSON: "),
    ],
)
def test_input_that_is_no_workflow_is_refused_in_one_line(raw: bytes, message: str) -> None:
    with pytest.raises(NotAWorkflow) as caught:
        decode_workflow(raw)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("decode", [decode_pod, decode_event])
def test_pods_and_events_must_be_objects(decode: Callable[[bytes], object]) -> None:
    with pytest.raises(NotAnObject, match="not a JSON object but an array"):
        decode(b"[]")


@pytest.mark.parametrize("raw", [b"{}", b'{"kind": null, "status": null, "spec": null}', b'{"kind": "Workflow"}'])
def test_an_empty_object_is_an_empty_workflow(raw: bytes) -> None:
    assert decode_workflow(raw) == Snapshot(Workflow())


def test_only_fields_that_do_not_fit_are_omitted_and_reported() -> None:
    snapshot = decode_workflow(
        {
            "metadata": {"name": 5, "namespace": "etl", "labels": {"a": 1, "b": "2", "c": None}},
            "spec": {"templates": [{"name": "t", "dag": {"tasks": [{"name": []}, "x", {"name": "y"}]}}, 7]},
            "status": {
                "phase": "Failed",
                "startedAt": "yesterday",
                "nodes": {
                    "a": {"id": "a", "startedAt": 5, "phase": "Failed", "children": ["b", 1]},
                    "b": {"id": "b", "outputs": {"exitCode": 1}},
                    "c": None,
                },
            },
        }
    )
    assert snapshot.workflow.metadata == Metadata(namespace="etl", labels={"b": "2"})
    assert snapshot.workflow.spec.templates[0].dag is not None
    assert snapshot.workflow.spec.templates[0].dag.tasks == [Task(), Task(name="y")]
    assert snapshot.workflow.status.phase == "Failed"
    assert snapshot.nodes == {
        "a": Node(id="a", phase="Failed", children=["b"]),
        "b": Node(id="b", outputs=Outputs()),
    }
    assert snapshot.nodes_state is NodesState.READ
    assert snapshot.problems == (
        "metadata.name: expected `str`, got `int`",
        "metadata.labels[a]: expected `str`, got `int`",
        "metadata.labels[c]: expected `str`, got `null`",
        "spec.templates[0].dag.tasks[0].name: expected `str`, got `array`",
        "spec.templates[0].dag.tasks[1]: expected `object`, got `str`",
        "spec.templates[1]: expected `object`, got `int`",
        "status.startedAt: invalid RFC3339 encoded datetime",
        "status.nodes[a].startedAt: expected `datetime | null`, got `int`",
        "status.nodes[a].children[1]: expected `str`, got `int`",
        "status.nodes[b].outputs.exitCode: expected `str | null`, got `int`",
        "status.nodes[c]: expected `object`, got `null`",
    )


def test_null_means_absent() -> None:
    nodes = {"a": {"id": "a", "children": None, "message": None, "inputs": None, "resourcesDuration": None}}
    snapshot = with_status(nodes=nodes, conditions=None, storedTemplates=None, compressedNodes=None, phase=None)
    assert snapshot.problems == ()
    assert snapshot.nodes == {"a": Node(id="a")}


def test_many_problems_are_cut_to_the_first_ones_and_a_count() -> None:
    snapshot = with_status(nodes={f"n{index}": {"id": f"n{index}", "phase": 1} for index in range(1025)})
    assert len(snapshot.problems) == 21
    assert snapshot.problems[19] == "status.nodes[n19].phase: expected `str`, got `int`"
    assert snapshot.problems[20] == "and 1,005 more"
    assert len(snapshot.nodes) == 1025


def test_a_problem_with_a_long_name_is_short() -> None:
    snapshot = with_status(nodes={"n" * 5000: {"phase": 1}})
    assert len(snapshot.problems[0]) < 200


def test_the_key_of_a_node_is_its_id() -> None:
    snapshot = with_status(nodes={"a": {"id": "b", "name": "x"}, "c": {"name": "y"}})
    assert snapshot.nodes == {"a": Node(id="a", name="x"), "c": Node(id="c", name="y")}
    assert snapshot.problems == ("status.nodes[a].id: expected the node's key; the key is used",)


@pytest.mark.parametrize("compress", CODECS.values(), ids=CODECS)
def test_compressed_nodes_are_read(compress: Callable[[bytes], bytes]) -> None:
    snapshot = with_status(
        compressedNodes=packed(as_bytes(NODES), compress), nodes={}, offloadNodeStatusVersion="fnv:1"
    )
    assert snapshot.nodes == {"a": Node(id="a", name="a", type="Pod", children=["b"]), "b": Node(id="b")}
    assert (snapshot.nodes_state, snapshot.problems) == (NodesState.READ, ())


def test_the_compressed_nodes_of_argos_own_test_are_read() -> None:
    """hydrator_test.go:114."""
    text = (
        "H4sIAAAAAAAA/6pWSkosUrKqVspMUbJSUtJRykvMTYWwUjKLC3ISK/3gAiWVBVBWcUliUUlqimOJklVeaU6OjlJaZl5mcQZCpFZHKS0/"
        "nwbm1gICAAD//8SSRamxAAAA"
    )
    snapshot = with_status(compressedNodes=text[:60] + "\n" + text[60:])
    assert list(snapshot.nodes) == ["bar", "foo"]
    assert snapshot.problems == ()


def test_compressed_nodes_that_do_not_fit_are_omitted() -> None:
    snapshot = with_status(compressedNodes=packed(b'{"a": {"phase": 5, "type": "Pod"}, "b": 1}'))
    assert snapshot.nodes == {"a": Node(id="a", type="Pod")}
    assert snapshot.nodes_state is NodesState.READ
    assert snapshot.problems == (
        "status.nodes[a].phase: expected `str`, got `int`",
        "status.nodes[b]: expected `object`, got `int`",
    )


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ({}, NodesState.NONE_YET),
        ({"nodes": {}}, NodesState.NONE_YET),
        ({"nodes": None}, NodesState.NONE_YET),
        ({"offloadNodeStatusVersion": "fnv:123"}, NodesState.OFFLOADED),
        ({"nodes": {}, "offloadNodeStatusVersion": "fnv:123"}, NodesState.OFFLOADED),
        ({"nodes": {"a": {}}, "offloadNodeStatusVersion": "fnv:123"}, NodesState.READ),
        ({"nodes": {"a": {}}, "compressedNodes": "?"}, NodesState.READ),
        ({"nodes": "x"}, NodesState.UNREADABLE),
        ({"nodes": {"a": 5}}, NodesState.UNREADABLE),
        ({"compressedNodes": 5}, NodesState.UNREADABLE),
        ({"offloadNodeStatusVersion": 5}, NodesState.UNREADABLE),
        ({"phase": 5}, NodesState.NONE_YET),
    ],
)
def test_the_state_of_the_nodes_follows_the_status(status: dict[str, Any], state: NodesState) -> None:
    assert with_status(**status).nodes_state is state


def test_an_unreadable_status_makes_the_nodes_unreadable() -> None:
    snapshot = decode_workflow(b'{"status": [1]}')
    assert snapshot.nodes_state is NodesState.UNREADABLE
    assert snapshot.problems == ("status: expected `object`, got `array`",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ü", "not base64: "),
        ("abc", "not base64: "),
        (" ", "damaged brotli: it ends too early"),
        (base64.b64encode(b"plain text").decode(), "damaged brotli: "),
        (base64.b64encode(b"\x1f\x8bxxxxxxxxxxxxx").decode(), "damaged gzip: "),
        (base64.b64encode(gzip.compress(as_bytes(NODES), mtime=0)[:-9]).decode(), "damaged gzip: it ends too early"),
        (base64.b64encode(brotli.compress(as_bytes(NODES))[:-9]).decode(), "damaged brotli: it ends too early"),
        (base64.b64encode(b"\x28\xb5\x2f\xfdxxxxxxxxxxxxx").decode(), "damaged zstd: "),
        (base64.b64encode(zstandard.compress(as_bytes(NODES))[:-9]).decode(), "not JSON: "),
        (packed(b"{"), "not JSON: "),
        (packed(b"[]"), "not a JSON object but an array"),
    ],
)
def test_nodes_that_cannot_be_unpacked_are_unreadable_with_a_cause(text: str, message: str) -> None:
    snapshot = with_status(compressedNodes=text)
    assert (snapshot.nodes_state, snapshot.nodes) == (NodesState.UNREADABLE, {})
    assert len(snapshot.problems) >= 1
    assert snapshot.problems[-1].startswith(f"status.compressedNodes: {message}")


@pytest.mark.parametrize("compress", CODECS.values(), ids=CODECS)
def test_a_decompression_bomb_is_too_large(compress: Callable[[bytes], bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compressed_nodes, "MAX_BYTES", 4 * 1024 * 1024)
    bomb = packed(b'{"a": {"message": "' + b"x" * (5 * 1024 * 1024) + b'"}}', compress)
    snapshot = with_status(phase="Failed", message="boom", compressedNodes=bomb)
    assert (snapshot.nodes_state, snapshot.problems) == (NodesState.TOO_LARGE, ())
    assert snapshot.unavailable is not None
    assert "more than 4,194,304 bytes" in snapshot.unavailable.message


NOT_STRICT = "object: not strict JSON: invalid text was replaced, numbers out of range left out"


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        (b'{"metadata": {"name": "a\xff"}}', "a\ufffd"),
        (b'{"metadata": {"name": "a\\ud800"}}', "a?"),
        (b'\xef\xbb\xbf{"metadata": {"name": "a"}}', "a"),
        (b'{"metadata": {"name": "a"}, "x": NaN, "\\udc00": [-Infinity]}', "a"),
        (b'{"metadata": {"name": "a"}, "x": [1e999, ' + b"9" * 5000 + b"]}", "a"),
    ],
)
def test_json_that_is_not_strict_is_read(raw: bytes, name: str) -> None:
    # msgspec does not validate the fields that it skips, so they cause no problem.
    snapshot = decode_workflow(raw.replace(b'"x"', b'"spec"').replace(b'"\\udc00"', b'"status"'))
    assert snapshot.workflow.metadata.name == name
    assert snapshot.problems[0] == NOT_STRICT
    assert snapshot.workflow.metadata.name.encode()


def test_infinite_numbers_are_omitted() -> None:
    raw = b'{"spec": {"arguments": {"parameters": [{"name": "p", "value": NaN}, {"name": "q", "value": 1e999}]}}}'
    snapshot = decode_workflow(raw)
    assert snapshot.workflow.spec.arguments is not None
    assert [parameter.value for parameter in snapshot.workflow.spec.arguments.parameters] == [None, None]


@pytest.mark.parametrize(
    "metadata",
    [
        {"name": "a", "creationTimestamp": datetime(2026, 11, 22, 3, tzinfo=UTC)},
        {"name": "a", "labels": {1: "x"}, "creationTimestamp": "2026-11-22T03:00:00Z", "odd": {(1, 2): 3}},
        {"name": "a", "creationTimestamp": "2026-11-22T03:00:00Z", "odd": object()},
        {"name": "a", "creationTimestamp": "2026-11-22T03:00:00Z", "odd": "\ud800"},
    ],
)
def test_an_object_parsed_from_yaml_is_decoded(metadata: dict[str, Any]) -> None:
    decoded = decode_workflow({"metadata": metadata}).workflow.metadata
    assert (decoded.name, decoded.creation_timestamp) == ("a", datetime(2026, 11, 22, 3, tzinfo=UTC))


def test_an_object_that_contains_itself_is_refused() -> None:
    loop: dict[str, object] = {}
    loop["metadata"] = loop
    with pytest.raises(NotAWorkflow, match="not a JSON object: "):
        decode_workflow(loop)


def test_templates_nested_too_deeply_are_omitted() -> None:
    template: dict[str, Any] = {"name": "leaf"}
    for _ in range(30):
        template = {"name": "t", "dag": {"tasks": [{"name": "x", "inline": template}]}}
    snapshot = decode_workflow({"metadata": {"name": 5}, "spec": {"templates": [template]}})
    assert snapshot.problems == ("metadata.name: expected `str`, got `int`",)
    template["dag"]["tasks"].append(5)
    snapshot = decode_workflow({"spec": {"templates": [template]}})
    assert snapshot.problems == ("spec.templates[0].dag.tasks[1]: expected `object`, got `int`",)


def test_a_misfit_below_the_maximum_depth_removes_its_subtree() -> None:
    task: dict[str, Any] = {"name": 5}
    for _ in range(30):
        task = {"inline": {"dag": {"tasks": [task]}}}
    snapshot = decode_workflow({"spec": {"templates": [{"name": "t", "dag": {"tasks": [task]}}]}})
    assert snapshot.workflow.spec.templates[0].name == "t"
    assert len(snapshot.problems) == 1
    assert snapshot.problems[0].endswith(": nested more than 50 levels deep")


def test_a_workflow_at_the_depth_limit_of_the_parsers_is_read() -> None:
    for depth in range(150, 300):
        template = b'{"dag":{"tasks":[{"inline":' * depth + b"{}" + b"}]}}" * depth
        raw = b'{"metadata":{"name":"x","uid":5},"spec":{"templates":[' + template + b"]}}"
        assert decode_workflow(raw).workflow.metadata.name == "x"


@pytest.mark.parametrize("levels", [1_500, 9_990])
@pytest.mark.parametrize(
    "place",
    [
        '"spec":{"entrypoint":"main","x":DEEP},"status":STATUS',
        '"spec":{"entrypoint":"main"},"status":STATUS,"unknown":DEEP',
        '"spec":{"entrypoint":5,"x":DEEP},"status":STATUS',
        '"metadata":{"managedFields":[{"fieldsV1":DEEP}]},"status":STATUS',
        '"status":{"phase":"Failed","nodes":{"n":{"phase":"Failed","message":"boom","x":DEEP}}}',
        '"status":{"phase":"Failed","compressedNodes":"PACKED"}',
        '"spec":{"x":"\\ud800","y":DEEP},"status":STATUS',
    ],
)
def test_a_workflow_however_deeply_nested_is_read_without_its_deep_values(place: str, levels: int) -> None:
    deep = '{"a":' * levels + "[]" + "}" * levels
    nodes = '{"n":{"phase":"Failed","message":"boom"}}'
    packed = nodes.replace('"boom"', f'"boom","x":{deep}').encode()
    text = place.replace("STATUS", '{"phase":"Failed","nodes":' + nodes + "}").replace("DEEP", deep)
    text = text.replace("PACKED", base64.b64encode(gzip.compress(packed, mtime=0)).decode())
    for large in ("", "x" * 2_000_000):
        snapshot = decode_workflow(f'{{"kind":"Workflow",{text},"filler":"{large}"}}'.encode())
        assert snapshot.workflow.status.phase == "Failed"
        assert snapshot.nodes["n"].message == "boom"
        assert any("nested too deeply to be read whole" in problem for problem in snapshot.problems)


@pytest.mark.parametrize("levels", [1_500, 9_990])
def test_pods_and_events_however_deeply_nested_are_read(levels: int) -> None:
    raw = b'{"metadata":{"name":"x"},"y":' + b"[" * levels + b"]" * levels + b"}"
    assert decode_pod(raw).metadata.name == "x"
    assert decode_event(raw).reason == ""


def test_a_pod_and_an_event_survive_a_bad_field() -> None:
    pod = decode_pod({"metadata": {"name": "p"}, "status": {"phase": "Failed", "containerStatuses": [{"name": 1}, 2]}})
    assert (pod.metadata.name, pod.status.phase, len(pod.status.container_statuses)) == ("p", "Failed", 1)
    event = decode_event({"reason": "Killed", "count": "3", "series": {"count": 2, "lastObservedTime": 5}})
    assert (event.reason, event.count) == ("Killed", None)
    assert event.series is not None
    assert event.series.count == 2


def test_annotated_types_are_converted_like_plain_ones() -> None:
    lenient = LenientConverter()
    assert lenient.convert({"names": ["a", 1], "either": {"x": "y", "z": 1}}, Thing) == Thing(["a"], {"z": 1})
    assert problem_lines(lenient.problems) == (
        "names[1]: expected `str`, got `int`",
        "either[x]: expected `int`, got `str`",
    )


def test_the_decoded_status_has_argos_values() -> None:
    assert with_status(phase="Failed", progress="1/2").workflow.status == WorkflowStatus(phase="Failed", progress="1/2")

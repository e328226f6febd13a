"""From what an API server sent to frozen values: total for every JSON object, as one odd field must not cost a report.

The fast path is one msgspec decode. Where it fails, the object is decoded again without what does not fit
(``lenient``), and each thing left out is a problem of the snapshot.
"""

import json
import math
from collections.abc import Mapping
from typing import Any, Final, TypeVar

import msgspec

from wfreport.api.argo import Metadata, Node, Struct, Workflow, WorkflowSpec, WorkflowStatus
from wfreport.api.kubernetes import Event, Pod
from wfreport.core.snapshot.compressed_nodes import UnreadableNodes, unpack_nodes
from wfreport.core.snapshot.lenient import DecodeProblem, Lenient, problem_lines
from wfreport.core.snapshot.model import NodesState, Snapshot

_KIND: Final = "Workflow"
_MAX_INTEGER_DIGITS: Final = 300
_MAX_SHOWN: Final = 60
_NODE_FIELDS: Final = ("status.nodes", "status.compressedNodes", "status.offloadNodeStatusVersion")

T = TypeVar("T", bound=msgspec.Struct)


class NotAnObject(ValueError):  # noqa: N818 - what it is, in the words of the message
    """The input is not a JSON object; the text is one line that says what it is."""


class NotAWorkflow(NotAnObject):
    """The input is not JSON, not an object, or of another kind than Workflow; the text is one line that says which."""


class _WorkflowDocument(Struct, frozen=True):
    kind: str | None = None
    metadata: Metadata = Metadata()
    spec: WorkflowSpec = WorkflowSpec()
    status: WorkflowStatus = WorkflowStatus()


_WORKFLOW: Final = msgspec.json.Decoder(_WorkflowDocument)
_NODES: Final = msgspec.json.Decoder(dict[str, Node])
_POD: Final = msgspec.json.Decoder(Pod)
_EVENT: Final = msgspec.json.Decoder(Event)


def decode_workflow(raw: bytes | Mapping[str, object]) -> Snapshot:
    """The Workflow, its nodes unpacked; what could not be read is left out and named in ``problems``.

    Raises:
        NotAWorkflow: the input is not JSON, not an object, or its kind is another.
    """
    lenient = Lenient()
    try:
        found = _decoded(raw, _WORKFLOW, _WorkflowDocument, lenient)
    except NotAnObject as error:
        raise NotAWorkflow(str(error)) from error
    if found.kind not in {None, _KIND} or any(problem.path == "kind" for problem in lenient.problems):
        raise NotAWorkflow(f"kind is {_shown(found.kind)}, not {_KIND}")
    state, nodes = _nodes(found.status, lenient)
    workflow = Workflow(metadata=found.metadata, spec=found.spec, status=found.status)
    return Snapshot(workflow, nodes, state, problem_lines(lenient.problems))


def decode_pod(raw: bytes | Mapping[str, object]) -> Pod:
    """The pod, without the fields that do not fit.

    Raises:
        NotAnObject: the input is not a JSON object.
    """
    return _decoded(raw, _POD, Pod, Lenient())


def decode_event(raw: bytes | Mapping[str, object]) -> Event:
    """The Kubernetes Event, without the fields that do not fit.

    Raises:
        NotAnObject: the input is not a JSON object.
    """
    return _decoded(raw, _EVENT, Event, Lenient())


def _decoded(
    raw: bytes | Mapping[str, object], decoder: msgspec.json.Decoder[T], wanted: type[T], lenient: Lenient
) -> T:
    text = raw if isinstance(raw, bytes) else _as_json(raw)
    try:
        return decoder.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        found: T = lenient.convert(_parsed(text, lenient), wanted)
        return found


def _as_json(value: Mapping[str, object]) -> bytes:
    """JSON of an object that was read already: YAML's times and its numbers as keys become what an API server sends."""
    try:
        return msgspec.json.encode(dict(value))
    except (TypeError, ValueError, OverflowError, RecursionError):
        return _as_careless_json(value)


def _as_careless_json(value: Mapping[str, object]) -> bytes:
    try:
        return json.dumps(dict(value), skipkeys=True, default=str).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise NotAnObject(f"not a JSON object: {error}") from error


def _parsed(raw: bytes, lenient: Lenient) -> dict[str, Any]:
    """The object in plain values; where it is JSON only by a generous reading, a problem says so."""
    try:
        value = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        value = _parsed_generously(raw)
        lenient.problems.append(
            DecodeProblem("", "not strict JSON: invalid text was replaced, numbers out of range left out")
        )
    if not isinstance(value, dict):
        raise NotAnObject(f"not a JSON object but {_json_type(value)}")
    return value


def _parsed_generously(raw: bytes) -> object:
    text = raw.decode("utf-8", "replace").removeprefix("\ufeff")
    try:
        return _clean(json.loads(text, parse_int=_integer, parse_constant=lambda _: None))
    except RecursionError as error:
        raise NotAnObject("not JSON that can be read: it is nested too deeply") from error
    except ValueError as error:
        raise NotAnObject(f"not JSON: {error}") from error


def _integer(digits: str) -> int | None:
    return int(digits) if len(digits) <= _MAX_INTEGER_DIGITS else None


def _clean(value: object) -> object:
    """The same without lone surrogates, which no output could encode, and without infinite numbers."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {_clean(key): _clean(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_clean(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _json_type(value: object) -> str:
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, list):
        return "an array"
    return "a string" if isinstance(value, str) else "a number"


def _shown(value: str | None) -> str:
    return json.dumps(value[:_MAX_SHOWN]) if value is not None else "not a string"


def _nodes(status: WorkflowStatus, lenient: Lenient) -> tuple[NodesState, dict[str, Node]]:
    """Argo's own order: the nodes, else the compressed ones, else they are in its database (``hydrator.go``)."""
    if status.nodes:
        return NodesState.READ, _keyed(status.nodes, lenient)
    if status.compressed_nodes:
        return _unpacked(status.compressed_nodes, lenient)
    if any(problem.path == "status" or problem.path.startswith(_NODE_FIELDS) for problem in lenient.problems):
        return NodesState.UNREADABLE, {}
    return (NodesState.OFFLOADED if status.offload_node_status_version else NodesState.NONE_YET), {}


def _unpacked(text: str, lenient: Lenient) -> tuple[NodesState, dict[str, Node]]:
    try:
        nodes = _decoded_nodes(unpack_nodes(text), lenient)
    except (UnreadableNodes, NotAnObject) as error:
        lenient.problems.append(DecodeProblem("status.compressedNodes", str(error)))
        return NodesState.UNREADABLE, {}
    return NodesState.READ, _keyed(nodes, lenient)


def _decoded_nodes(raw: bytes, lenient: Lenient) -> dict[str, Node]:
    try:
        return _NODES.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        found: dict[str, Node] = lenient.convert(_parsed(raw, lenient), dict[str, Node], "status.nodes")
        return found


def _keyed(nodes: dict[str, Node], lenient: Lenient) -> dict[str, Node]:
    """The nodes with their keys as ids: children refer to keys."""
    for key, node in nodes.items():
        if node.id != key:
            nodes[key] = msgspec.structs.replace(node, id=key)
            if node.id:
                lenient.problems.append(
                    DecodeProblem(f"status.nodes[{key}].id", "expected the node's key; the key is used")
                )
    return nodes

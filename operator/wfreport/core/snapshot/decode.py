"""Decodes objects of the API server into frozen values.

Every JSON object can be decoded, because one odd field must not prevent a report. The fast path is a single msgspec
decode. If it fails, the object is converted again without the fields that do not fit (``lenient``), and each omission
becomes a problem of the snapshot.
"""

import json
import math
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

import msgspec

from wfreport.api.argo import Metadata, Node, StatusWithoutNodes, Struct, Workflow, WorkflowSpec, WorkflowStatus
from wfreport.api.kubernetes import Event, Pod
from wfreport.api.nesting import MAX_LEVELS, without_deep_values
from wfreport.api.reasons import Reason
from wfreport.core.redact.bounds import clip_text
from wfreport.core.snapshot.compressed_nodes import UnreadableNodes, unpack_nodes
from wfreport.core.snapshot.definition import digest_definition
from wfreport.core.snapshot.lenient import MAX_KEY_LENGTH, DecodeProblem, LenientConverter, problem_lines
from wfreport.core.snapshot.model import NodesState, Snapshot, Unavailable
from wfreport.core.snapshot.node_limits import MAX_VALUES, TooLargeNodes, check_limits, check_number, count_values
from wfreport.core.snapshot.pod_names import uses_v1_names
from wfreport.core.snapshot.texts import clip_event, clip_pod, clip_status

_KIND: Final = "Workflow"
_TOO_DEEP: Final = f"nested too deeply to be read whole; values below {MAX_LEVELS} levels are left out"
_MAX_INTEGER_DIGITS: Final = 300
_MAX_QUOTED_CHARACTERS: Final = 60
_NODE_FIELDS: Final = ("status.nodes", "status.compressedNodes", "status.offloadNodeStatusVersion")

T = TypeVar("T", bound=msgspec.Struct)
R = TypeVar("R")


class NotAnObject(ValueError):  # noqa: N818 - named after the state of the input
    """The input is not a JSON object. The message describes it in one line."""


class NotAWorkflow(NotAnObject):
    """The input is not JSON, not an object, or of another kind. The message describes it in one line."""


class _WorkflowDocument(Struct, frozen=True):
    kind: str | None = None
    metadata: Metadata = Metadata()
    spec: WorkflowSpec = WorkflowSpec()
    status: WorkflowStatus = WorkflowStatus()


class _StatusOfLarge(StatusWithoutNodes, frozen=True):
    nodes: msgspec.Raw = msgspec.Raw()


class _LargeDocument(Struct, frozen=True):
    kind: str | None = None
    metadata: Metadata = Metadata()
    spec: WorkflowSpec = WorkflowSpec()
    status: _StatusOfLarge = _StatusOfLarge()


_LARGE_BYTES: Final = 1024 * 1024
"""A larger Workflow is decoded without its plain nodes first, so that they can be checked before they take memory."""

_WORKFLOW: Final = msgspec.json.Decoder(_WorkflowDocument)
_LARGE: Final = msgspec.json.Decoder(_LargeDocument)
_NODES: Final = msgspec.json.Decoder(dict[str, Node])
_POD: Final = msgspec.json.Decoder(Pod)
_EVENT: Final = msgspec.json.Decoder(Event)


def decode_workflow(raw: bytes | Mapping[str, object]) -> Snapshot:
    """Decode a Workflow and unpack its nodes. Fields that cannot be read are omitted and listed in ``problems``.

    Messages are clipped (``texts``).

    Raises:
        NotAWorkflow: the input is not JSON, not an object, or of another kind.
    """
    try:
        return _shallowly(_decode_workflow, raw)
    except NotAnObject as error:
        raise NotAWorkflow(str(error)) from error


def _decode_workflow(text: bytes, converter: LenientConverter) -> Snapshot:
    document, plain_nodes = _decode_document(text, converter)
    if document.kind not in {None, _KIND} or any(problem.path == "kind" for problem in converter.problems):
        raise NotAWorkflow(f"kind is {_quote(document.kind)}, not {_KIND}")
    workflow = Workflow(metadata=document.metadata, spec=document.spec, status=clip_status(document.status))
    try:
        unpacked = _unpack(document.status, plain_nodes, converter)
        state, nodes = _nodes(document.status, unpacked, converter)
    except TooLargeNodes as error:
        too_large = Unavailable(Reason.TOO_LARGE, str(error))
        problems = problem_lines(converter.problems)
        return Snapshot(workflow, {}, NodesState.TOO_LARGE, problems, unavailable=too_large, json_bytes=len(text))
    if uses_v1_names(workflow, nodes):
        workflow = msgspec.structs.replace(workflow, has_v1_pod_names=True)
    return Snapshot(
        workflow,
        nodes,
        state,
        problem_lines(converter.problems),
        definition=digest_definition(text, workflow.metadata) if workflow.status.is_completed else None,
        json_bytes=len(text) + len(unpacked or b""),
    )


def _decode_document(text: bytes, converter: LenientConverter) -> tuple[_WorkflowDocument, msgspec.Raw]:
    """Decode a Workflow; return it, and the JSON of its plain nodes if it is too large for them to be in it."""
    if len(text) <= _LARGE_BYTES:
        return _decode(text, _WORKFLOW, _WorkflowDocument, converter), msgspec.Raw()
    try:
        large = _LARGE.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError):
        if count_values(text, at_most=MAX_VALUES) > MAX_VALUES:
            raise NotAWorkflow(f"some fields do not fit, and it has more than {MAX_VALUES:,} JSON values") from None
        return _decode(text, _WORKFLOW, _WorkflowDocument, converter), msgspec.Raw()
    fields = {name: getattr(large.status, name) for name in StatusWithoutNodes.__struct_fields__}
    document = _WorkflowDocument(
        kind=large.kind, metadata=large.metadata, spec=large.spec, status=WorkflowStatus(**fields)
    )
    return document, large.status.nodes


def decode_pod(raw: bytes | Mapping[str, object]) -> Pod:
    """Decode a pod without the fields that do not fit.

    Raises:
        NotAnObject: the input is not a JSON object.
    """
    return clip_pod(_shallowly(lambda text, converter: _decode(text, _POD, Pod, converter), raw))


def decode_event(raw: bytes | Mapping[str, object]) -> Event:
    """Decode a Kubernetes Event without the fields that do not fit.

    Raises:
        NotAnObject: the input is not a JSON object.
    """
    return clip_event(_shallowly(lambda text, converter: _decode(text, _EVENT, Event, converter), raw))


def _shallowly(decode: Callable[[bytes, LenientConverter], R], raw: bytes | Mapping[str, object]) -> R:
    """Decode an object; without its deep values, if it is nested too deeply."""
    text = raw if isinstance(raw, bytes) else _encode(raw)
    try:
        return decode(text, LenientConverter())
    except RecursionError:
        return decode(without_deep_values(text), LenientConverter([DecodeProblem("", _TOO_DEEP)]))


def _decode(text: bytes, decoder: msgspec.json.Decoder[T], target: type[T], converter: LenientConverter) -> T:
    try:
        return decoder.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError):
        converted: T = converter.convert(_parse(text, converter), target)
        return converted


def _encode(value: Mapping[str, object]) -> bytes:
    """Encode parsed YAML as the JSON that an API server would send; YAML has times, and numbers as keys."""
    try:
        return msgspec.json.encode(dict(value))
    except (TypeError, ValueError, OverflowError, RecursionError):
        return _encode_permissively(value)


def _encode_permissively(value: Mapping[str, object]) -> bytes:
    try:
        return json.dumps(dict(value), skipkeys=True, default=str).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise NotAnObject(f"not a JSON object: {error}") from error


def _parse(raw: bytes, converter: LenientConverter) -> dict[str, Any]:
    """Parse the object into plain values. Input that is not strict JSON is accepted and adds a problem."""
    try:
        value = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        value = _parse_permissively(raw)
        converter.problems.append(
            DecodeProblem("", "not strict JSON: invalid text was replaced, numbers out of range left out")
        )
    if not isinstance(value, dict):
        raise NotAnObject(f"not a JSON object but {_describe_type(value)}")
    return value


def _parse_permissively(raw: bytes) -> object:
    text = raw.decode("utf-8", "replace").removeprefix("\ufeff")
    try:
        return _without_unencodable(json.loads(text, parse_int=_parse_integer, parse_constant=lambda _: None))
    except ValueError as error:
        raise NotAnObject(f"not JSON: {error}") from error


def _parse_integer(digits: str) -> int | None:
    return int(digits) if len(digits) <= _MAX_INTEGER_DIGITS else None


def _without_unencodable(value: object) -> object:
    """Return the value without lone surrogates and infinite numbers, which cannot be encoded."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {_without_unencodable(key): _without_unencodable(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_without_unencodable(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _describe_type(value: object) -> str:
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, list):
        return "an array"
    return "a string" if isinstance(value, str) else "a number"


def _quote(value: str | None) -> str:
    return json.dumps(value[:_MAX_QUOTED_CHARACTERS]) if value is not None else "not a string"


def _unpack(status: WorkflowStatus, plain: msgspec.Raw, converter: LenientConverter) -> bytes | None:
    """Return the JSON of nodes that are not decoded yet: plain or compressed; None if they cannot be unpacked.

    Raises:
        TooLargeNodes: they exceed a limit.
    """
    if status.nodes or bytes(plain) not in (b"", b"null", b"{}"):
        return bytes(plain)
    try:
        # a blank for nothing, so that it is decoded and found not to be JSON
        return (unpack_nodes(status.compressed_nodes) or b" ") if status.compressed_nodes else b""
    except UnreadableNodes as error:
        converter.problems.append(DecodeProblem("status.compressedNodes", str(error)))
        return None


def _nodes(
    status: WorkflowStatus, unpacked: bytes | None, converter: LenientConverter
) -> tuple[NodesState, dict[str, Node]]:
    """Return the nodes, in Argo's order of places: plain, compressed, offloaded to its database (``hydrator.go``).

    Raises:
        TooLargeNodes: they exceed a limit.
    """
    if unpacked is None:
        return NodesState.UNREADABLE, {}
    try:
        nodes = status.nodes or (_decode_nodes(unpacked, converter) if unpacked else None)
    except NotAnObject as error:
        converter.problems.append(DecodeProblem("status.compressedNodes", str(error)))
        return NodesState.UNREADABLE, {}
    if nodes is not None:
        return NodesState.READ, _completed(nodes, converter)
    if any(problem.path == "status" or problem.path.startswith(_NODE_FIELDS) for problem in converter.problems):
        return NodesState.UNREADABLE, {}
    return (NodesState.OFFLOADED if status.offload_node_status_version else NodesState.NONE_YET), {}


def _decode_nodes(raw: bytes, converter: LenientConverter) -> dict[str, Node]:
    check_limits(raw)
    try:
        return _read_nodes(raw, converter)
    except RecursionError:
        converter.problems.append(DecodeProblem("status.nodes", _TOO_DEEP))
        return _read_nodes(without_deep_values(raw), converter)


def _read_nodes(raw: bytes, converter: LenientConverter) -> dict[str, Node]:
    try:
        return _NODES.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        converted: dict[str, Node] = converter.convert(_parse(raw, converter), dict[str, Node], "status.nodes")
        return converted


def _completed(nodes: dict[str, Node], converter: LenientConverter) -> dict[str, Node]:
    """Use the nodes' keys as their ids, because ``children`` refers to keys, and clip their messages.

    Raises:
        TooLargeNodes: there are too many.
    """
    check_number(len(nodes))
    for key, node in nodes.items():
        message = clip_text(node.message)
        if node.id == key and message is node.message:
            continue
        nodes[key] = msgspec.structs.replace(node, id=key, message=message)
        if node.id not in ("", key):
            path = f"status.nodes[{key[:MAX_KEY_LENGTH]}].id"
            converter.problems.append(DecodeProblem(path, "expected the node's key; the key is used"))
    return nodes

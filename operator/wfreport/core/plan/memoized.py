"""Memoized resubmission: the new run starts with the succeeded nodes of the old one, and does not run them again.

Mirrors ``argo resubmit --memoized`` (``FormulateResubmitWorkflow``, util.go:749): the new Workflow is created
with ``status.nodes``, which a plain create can set because the CRD has no status subresource. Succeeded pods become
nodes of type Skipped with the pod's outputs. The result differs from Argo's if that run would never end, or would run
succeeded steps again; docs/decisions/0021-what-a-memoized-run-takes-over.md lists the differences.

When a new Argo version changes the function, run tests/core/plan/test_as_argo_resubmits.py and
tests/live/remediation/test_memoized_live.py with it, and update that list.
"""

import copy
import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from msgspec import Struct

from wfreport.api.argo import FAILED_PHASES, NodeType, Phase
from wfreport.api.reasons import Refusal
from wfreport.core.plan.plan import Change, Json
from wfreport.core.plan.refusal import RefusedError
from wfreport.core.plan.unfinished import Reusable, reusable
from wfreport.core.plurals import plural
from wfreport.core.snapshot.compressed_nodes import UnreadableNodes, pack_nodes, unpack_nodes
from wfreport.core.snapshot.pod_names import node_id

_STEP_TYPES: Final = frozenset({NodeType.POD, NodeType.HTTP, NodeType.PLUGIN, NodeType.SUSPEND})
"""Types of nodes that do work."""
_COMPOSITE_TYPES: Final = frozenset(NodeType) - _STEP_TYPES - {NodeType.SKIPPED, NodeType.CONTAINER}
"""Types of nodes that contain other nodes."""

_LINKS: Final = ("children", "outboundNodes")

_REUSED_PREFIX: Final = "original pod: "
"""Start of the message of a node that was reused (util.go:848)."""


class EndedRun(Struct, frozen=True):
    """The nodes of a failed run.

    Attributes:
        name: name of the Workflow.
        nodes: nodes by id, without the exit handler and its nodes, which always run again.
        reusable: nodes that the new run starts with.
        is_compressed: whether the nodes are stored compressed.
    """

    name: str
    nodes: Mapping[str, Json]
    reusable: Reusable
    is_compressed: bool

    def starts_with(self, key: str) -> bool:
        """Return whether the new run starts with this node."""
        return key in self.reusable.done or key in self.reusable.open

    @property
    def reused(self) -> Iterator[Json]:
        """All reused nodes."""
        return (self.nodes[key] for key in self.nodes if key in self.reusable.done)

    @property
    def reused_steps(self) -> Iterator[Json]:
        """The reused nodes that did work."""
        return (node for node in self.reused if node.get("type") in _STEP_TYPES or _was_reused(node))


def ended_run(workflow: Json) -> EndedRun:
    """Return the nodes of the run.

    Raises:
        RefusedError: the run did not fail, or its nodes are incomplete.
    """
    status = workflow.get("status") or {}
    if status.get("phase") not in FAILED_PHASES:
        raise RefusedError(Refusal.RUN_NOT_FAILED, "the run did not fail: only a failed run is resubmitted memoized")
    nodes = status.get("nodes") or _decompressed(status)
    _check_complete(nodes)
    name = workflow["metadata"]["name"]
    exit_handler = re.compile(rf"{re.escape(name)}\.onExit(?:$|[.\[(])")  # the exit handler's node and those in it
    main = {key: node for key, node in nodes.items() if not exit_handler.match(node["name"])}
    return EndedRun(name, main, reusable(main), is_compressed=bool(nodes) and not status.get("nodes"))


def reuse_changes(run: EndedRun) -> tuple[Change, ...]:
    """Return the number of reused steps, for audit."""
    count = sum(1 for _ in run.reused_steps)
    return (Change("status.nodes", None, f"{plural(count, 'succeeded step')} not run again"),)


def memoized_status(workflow: Json, run: EndedRun, new_name: str, now: datetime) -> dict[str, Any]:
    """Return the ``status`` with which the new Workflow is created."""
    at = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    initial = [node for key, node in run.nodes.items() if run.starts_with(key)]
    nodes = {node["id"]: node for node in (_renewed(old, run, new_name, at) for old in initial)}
    # nodes that were too large for Argo uncompressed still are
    compress = run.is_compressed
    stored_nodes = {"compressedNodes": pack_nodes(json.dumps(nodes).encode())} if compress else {"nodes": nodes}
    stored = workflow["status"].get("storedTemplates")
    return {
        **stored_nodes,
        **({"storedTemplates": copy.deepcopy(stored)} if stored else {}),
        "conditions": [{"type": "Completed", "status": "False"}],
    }


def _decompressed(status: Json) -> Any:
    text = status.get("compressedNodes")
    if not text and status.get("offloadNodeStatusVersion"):
        raise _unreadable("they are offloaded to Argo's database: use retry, or memoized: false")
    try:
        return json.loads(unpack_nodes(text)) if text else {}
    except (UnreadableNodes, ValueError, RecursionError) as error:
        raise _unreadable(f"status.compressedNodes: {error}") from error


def _unreadable(cause: str) -> RefusedError:
    return RefusedError(Refusal.NODES_UNREADABLE, f"the run's nodes cannot be reused: {cause}")


def _check_complete(nodes: Any) -> None:
    """Check names, ids and links: a node's new id is derived from its name, and links from the linked nodes' names."""
    if not isinstance(nodes, dict):
        raise _unreadable("status.compressedNodes is not a JSON object")
    for key, node in nodes.items():
        if not isinstance(node, dict) or node.get("id") != key or not isinstance(node.get("name"), str):
            raise _unreadable(f"status.nodes[{key}] has no name, or a different id")
        if not all(_is_list_of_ids(node.get(field)) for field in _LINKS):
            raise _unreadable(f"status.nodes[{key}].children or outboundNodes is not a list of ids")
        boundary = node.get("boundaryID")
        if boundary and not (isinstance(boundary, str) and boundary in nodes):
            raise _unreadable(f"status.nodes[{key}] has the boundary {boundary}, which does not exist")


def _is_list_of_ids(links: Any) -> bool:
    return links is None or (isinstance(links, list) and all(isinstance(link, str) for link in links))


def _was_reused(node: Json) -> bool:
    is_skipped = node.get("type") == NodeType.SKIPPED and node.get("phase") == Phase.SKIPPED
    return is_skipped and str(node.get("message") or "").startswith(_REUSED_PREFIX)


def _renewed(node: Json, run: EndedRun, new_name: str, at: str) -> dict[str, Any]:
    """Return a node of the new run, with the new run's names and ids for itself and its links."""
    new = copy.deepcopy(dict(node)) | {"startedAt": at, "finishedAt": at}
    new |= {"name": _renamed(node, run, new_name), "id": _new_id(node, run, new_name), **_relinked(node, run, new_name)}
    if node["id"] in run.reusable.open:
        new.pop("message", None)
        return new | {"phase": "Pending"}
    if node.get("type") == NodeType.POD:
        return new | {"phase": "Skipped", "type": "Skipped", "message": f"{_REUSED_PREFIX}{node['id']}"}
    return new | ({"phase": "Skipped"} if node.get("type") in _COMPOSITE_TYPES else {})


def _renamed(node: Json, run: EndedRun, new_name: str) -> str:
    name: str = node["name"]
    return new_name + name.removeprefix(run.name) if name.startswith(run.name) else name


def _new_id(node: Json, run: EndedRun, new_name: str) -> str:
    return node_id(new_name, _renamed(node, run, new_name))


def _relinked(node: Json, run: EndedRun, new_name: str) -> dict[str, Any]:
    """Return the new ids of linked nodes, without missing ones, which Argo would consider as still running."""
    links: dict[str, Any] = {}
    for field in _LINKS:
        if node.get(field):
            links[field] = [_new_id(run.nodes[key], run, new_name) for key in node[field] if run.starts_with(key)]
    if node.get("boundaryID"):
        links["boundaryID"] = _new_id(run.nodes[node["boundaryID"]], run, new_name)
    return links

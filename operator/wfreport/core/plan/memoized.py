"""A memoized resubmission: the new run begins with what succeeded in the old one, and that is not done again.

As ``argo resubmit --memoized`` does it (FormulateResubmitWorkflow, util.go:749), this puts
``status.nodes`` into the Workflow that is created: the CRD has no status subresource, so that a plain create sets it.
Pods that succeeded become nodes of type Skipped with the pod's outputs. Where Argo's run would not end, or would do
again what succeeded, ours differs; docs/decisions/0021-what-a-memoized-run-takes-over.md has the list.
"""

import copy
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from wfreport.api.argo import FAILED_PHASES, NodeType, Phase
from wfreport.api.reasons import Refusal
from wfreport.core.plan.plan import Change, Json
from wfreport.core.plan.refusal import RefusedError
from wfreport.core.plan.unfinished import Reusable, reusable
from wfreport.core.snapshot.compressed_nodes import UnreadableNodes, pack_nodes, unpack_nodes
from wfreport.core.snapshot.pod_names import node_id

_DOING: Final = frozenset({NodeType.POD, NodeType.HTTP, NodeType.PLUGIN, NodeType.SUSPEND})
_HOLDING: Final = frozenset(NodeType) - _DOING - {NodeType.SKIPPED, NodeType.CONTAINER}

_LINKS: Final = ("children", "outboundNodes")

_TAKEN_OVER: Final = "original pod: "
"""How the message begins of a node that was not run again (util.go:848)."""


@dataclass(frozen=True, slots=True)
class EndedRun:
    """A run that failed, as its nodes tell.

    Attributes:
        name: of the Workflow.
        nodes: by id, without those of its exit handler, which runs again with all that it runs.
        kept: which of them the new run begins with.
        is_packed: whether they are stored compressed.
    """

    name: str
    nodes: Mapping[str, Json]
    kept: Reusable
    is_packed: bool

    def begins_with(self, key: str) -> bool:
        """Whether the new run does."""
        return key in self.kept.done or key in self.kept.open

    @property
    def done(self) -> Iterator[Json]:
        """All nodes that are not done again."""
        return (self.nodes[key] for key in self.nodes if key in self.kept.done)

    @property
    def taken_over(self) -> Iterator[Json]:
        """The steps among these that did something."""
        return (node for node in self.done if node.get("type") in _DOING or _was_taken_over(node))


def ended_run(workflow: Json) -> EndedRun:
    """The run, if its nodes can be read.

    Raises:
        RefusedError: it has not failed, or its nodes are not all there.
    """
    status = workflow.get("status") or {}
    if status.get("phase") not in FAILED_PHASES:
        raise RefusedError(Refusal.RUN_NOT_FAILED, "only a run that failed is resubmitted without what succeeded in it")
    nodes = status.get("nodes") or _unpacked(status)
    _check_whole(nodes)
    name = workflow["metadata"]["name"]
    exit_handler = re.compile(rf"{re.escape(name)}\.onExit(?:$|[.\[(])")  # itself, and what it runs
    main = {key: node for key, node in nodes.items() if not exit_handler.match(node["name"])}
    return EndedRun(name, main, reusable(main), is_packed=bool(nodes) and not status.get("nodes"))


def taken_over_changes(run: EndedRun) -> tuple[Change, ...]:
    """What is not run again, for the audit."""
    count = sum(1 for _ in run.taken_over)
    return (Change("status.nodes", None, f"{count} step{'' if count == 1 else 's'} that succeeded not run again"),)


def memoized_status(workflow: Json, run: EndedRun, new_name: str, now: datetime) -> dict[str, Any]:
    """``status`` of the new Workflow, which goes into its creation."""
    at = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    kept = [node for key, node in run.nodes.items() if run.begins_with(key)]
    nodes = {node["id"]: node for node in (_renewed(old, run, new_name, at) for old in kept)}
    # what was too large for Argo unpacked still is
    stored_nodes = {"compressedNodes": pack_nodes(json.dumps(nodes).encode())} if run.is_packed else {"nodes": nodes}
    stored = workflow["status"].get("storedTemplates")
    return {
        **stored_nodes,
        **({"storedTemplates": copy.deepcopy(stored)} if stored else {}),
        "conditions": [{"type": "Completed", "status": "False"}],
    }


def _unpacked(status: Json) -> Any:
    text = status.get("compressedNodes")
    if not text and status.get("offloadNodeStatusVersion"):
        raise _unreadable("they are in Argo's database: use retry, or memoized: false")
    try:
        return json.loads(unpack_nodes(text)) if text else {}
    except (UnreadableNodes, ValueError, RecursionError) as error:
        raise _unreadable(f"status.compressedNodes: {error}") from error


def _unreadable(why: str) -> RefusedError:
    return RefusedError(Refusal.NODES_UNREADABLE, f"the run's nodes cannot be taken over: {why}")


def _check_whole(nodes: Any) -> None:
    """A node's new id follows from its name, and its boundary's from that one's."""
    if not isinstance(nodes, dict):
        raise _unreadable("status.compressedNodes is no JSON object")
    for key, node in nodes.items():
        if not isinstance(node, dict) or node.get("id") != key or not isinstance(node.get("name"), str):
            raise _unreadable(f"status.nodes[{key}] has no name, or another id")
        if not all(_is_list_of_names(node.get(field)) for field in _LINKS):
            raise _unreadable(f"status.nodes[{key}].children or outboundNodes is no list of ids")
        boundary = node.get("boundaryID")
        if boundary and not (isinstance(boundary, str) and boundary in nodes):
            raise _unreadable(f"status.nodes[{key}] is within {boundary}, which is not there")


def _is_list_of_names(links: Any) -> bool:
    return links is None or (isinstance(links, list) and all(isinstance(link, str) for link in links))


def _was_taken_over(node: Json) -> bool:
    is_skipped = node.get("type") == NodeType.SKIPPED and node.get("phase") == Phase.SKIPPED
    return is_skipped and str(node.get("message") or "").startswith(_TAKEN_OVER)


def _renewed(node: Json, run: EndedRun, new_name: str, at: str) -> dict[str, Any]:
    """A node of the new run: its name and its neighbours' are the new run's."""
    new = copy.deepcopy(dict(node)) | {"startedAt": at, "finishedAt": at}
    new |= {"name": _renamed(node, run, new_name), "id": _new_id(node, run, new_name), **_relinked(node, run, new_name)}
    if node["id"] in run.kept.open:
        new.pop("message", None)
        return new | {"phase": "Pending"}
    if node.get("type") == NodeType.POD:
        return new | {"phase": "Skipped", "type": "Skipped", "message": f"{_TAKEN_OVER}{node['id']}"}
    return new | ({"phase": "Skipped"} if node.get("type") in _HOLDING else {})


def _renamed(node: Json, run: EndedRun, new_name: str) -> str:
    name: str = node["name"]
    return new_name + name.removeprefix(run.name) if name.startswith(run.name) else name


def _new_id(node: Json, run: EndedRun, new_name: str) -> str:
    return node_id(new_name, _renamed(node, run, new_name))


def _relinked(node: Json, run: EndedRun, new_name: str) -> dict[str, Any]:
    """Its neighbours' new ids; Argo takes one that is not there for one that still runs, so it is left out."""
    links: dict[str, Any] = {}
    for field in _LINKS:
        if node.get(field):
            links[field] = [_new_id(run.nodes[key], run, new_name) for key in node[field] if run.begins_with(key)]
    if node.get("boundaryID"):
        links["boundaryID"] = _new_id(run.nodes[node["boundaryID"]], run, new_name)
    return links

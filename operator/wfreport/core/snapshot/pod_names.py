"""Computes node ids and pod names exactly as Argo does (``pod_name.go``, and ``NodeID`` in ``workflow_types.go``).

A node does not contain the name of its pod, so the name is derived from the node's. A pod that has been read names its
node by an annotation, so its real name is known. That matters for pods of inline templates, which Argo 3.5.0 to 3.5.8
named with a double dash (``wf--123``), and for runs that continue after a change of ``POD_NAMES``.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Final

import msgspec

from wfreport.api.argo import ANNOTATION_NODE_ID, ANNOTATION_POD_NAME_FORMAT, Artifact, Node, NodeType, Workflow
from wfreport.core.redact.bounds import NAME_LENGTH
from wfreport.core.snapshot.messages import is_exit
from wfreport.core.snapshot.model import PodEvidence, Snapshot
from wfreport.imports import lazy_pattern

_FNV_OFFSET: Final = 0x811C9DC5
_FNV_PRIME: Final = 0x01000193
_MASK: Final = 0xFFFFFFFF
_MAX_PREFIX_BYTES: Final = NAME_LENGTH - 10 - 1
"""A pod name has at most 253 characters; ten are reserved for the hash and one for the dash before it."""


def fnv1a32(text: str) -> int:
    """Return the 32-bit FNV-1a hash of the text's UTF-8 bytes (Go's ``fnv.New32a``)."""
    return _fnv(_FNV_OFFSET, text)


def _fnv(state: int, text: str) -> int:
    for byte in text.encode("utf-8", "surrogatepass"):
        state = ((state ^ byte) * _FNV_PRIME) & _MASK
    return state


_state_after = lru_cache(maxsize=256)(fnv1a32)
"""Caches the hash of a Workflow's name, because the names of all its nodes begin with it."""


_LONG_NAME: Final = 128
_MAX_HASHED: Final = 1024
"""Longest name that is hashed. Argo's own ids contain the hash, so only a crafted node needs it."""

_HASH_IN_ID: Final = lazy_pattern(r"-(\d{1,10})")


def _hash_of(workflow_name: str, node: Node) -> int | None:
    """Return the hash of a node's long name from its id, which ends with it; an odd id does not."""
    if node.id.startswith(workflow_name):
        in_id = _HASH_IN_ID.fullmatch(node.id, len(workflow_name))
        if in_id is not None:
            return int(in_id[1])
    if len(node.name) > _MAX_HASHED:
        return None
    return _name_hash(workflow_name, node.name)


def _name_hash(workflow_name: str, node_name: str) -> int:
    if node_name.startswith(workflow_name):
        return _fnv(_state_after(workflow_name), node_name[len(workflow_name) :])
    return fnv1a32(node_name)


def node_id(workflow_name: str, node_name: str) -> str:
    """Return the id that Argo gives to a node of that name (``Workflow.NodeID``)."""
    if node_name == workflow_name:
        return workflow_name
    return f"{workflow_name}-{_name_hash(workflow_name, node_name)}"


def pod_name(workflow: Workflow, node: Node) -> str | None:
    """Return the name of the node's pod; None if the node's type has no pod of its own, or its name is not Argo's.

    A Container node shares the pod of its boundary node. HTTP and Plugin nodes run in the agent's pod
    (``agent_pod_name``).
    """
    if node.type != NodeType.POD:
        return None
    if node.id in workflow.observed_pod_names:
        return workflow.observed_pod_names[node.id]
    if workflow.has_v1_pod_names or workflow.metadata.annotations.get(ANNOTATION_POD_NAME_FORMAT) == "v1":
        return node.id if len(node.id) <= NAME_LENGTH else None
    return _v2_pod_name(workflow.metadata.name, node)


def _v2_pod_name(name: str, node: Node) -> str | None:
    if node.name == name:
        return name
    template = node.called_template_name
    if len(node.name) > _LONG_NAME or len(template) > NAME_LENGTH:  # too long to be cached
        hashed = _hash_of(name, node)
        return None if hashed is None else f"{_prefix(name, template)}-{hashed}"
    return _pod_name(name, node.name, template)


@lru_cache(maxsize=16_384)
def _pod_name(workflow_name: str, node_name: str, template_name: str) -> str:
    """Return the pod name in version v2; cached, because each reconcile of a running Workflow needs the same ones."""
    return f"{_prefix(workflow_name, template_name)}-{_name_hash(workflow_name, node_name)}"


def pod_name_of_id(workflow_name: str, node_id: str, template_name: str) -> str:
    """Return the pod name (v2) for the id of a Pod node; the id ends with the same hash as the pod name."""
    if node_id == workflow_name:
        return workflow_name
    return f"{_prefix(workflow_name, template_name)}{node_id.removeprefix(workflow_name)}"


def _prefix(workflow_name: str, template_name: str) -> str:
    prefix = f"{workflow_name}-{template_name}" if template_name else workflow_name
    if len(prefix) <= _MAX_PREFIX_BYTES and prefix.isascii():
        return prefix
    return prefix.encode("utf-8", "surrogatepass")[:_MAX_PREFIX_BYTES].decode("utf-8", "ignore")


def agent_pod_name(workflow_name: str) -> str:
    """Return the name of the agent's pod, which runs all HTTP and Plugin nodes of a Workflow (``agent.go``)."""
    return f"{node_id(workflow_name, 'agent')}-agent"


def uses_v1_names(workflow: Workflow, nodes: Mapping[str, Node]) -> bool:
    """Return whether the pods of a Workflow without the annotation of their format are named as their nodes' ids.

    Since Argo 3.2 the controller writes the annotation, but not if it postponed the Workflow because too many others
    were running (``operator.go``: only if the phase is still unknown). The default is v2 since Argo 3.4, whose statuses
    have fields of their own. It was v1 before, unless the key of an archived log, which contains the pod's name, says
    otherwise.
    """
    if not nodes or ANNOTATION_POD_NAME_FORMAT in workflow.metadata.annotations:
        return False
    if workflow.status.artifact_gc_status is not None or workflow.status.task_results_completion_status:
        return False
    return not any(_has_v2_log_key(workflow.metadata.name, node) for node in nodes.values() if node.outputs)


def _has_v2_log_key(workflow_name: str, node: Node) -> bool:
    if node.type != NodeType.POD or node.outputs is None or node.name == workflow_name:
        return False
    keys = [key for artifact in node.outputs.artifacts if is_log(artifact) and (key := artifact_key(artifact))]
    return bool(keys) and any(_v2_pod_name(workflow_name, node) in key.split("/") for key in keys)


_LOGS_SUFFIX: Final = "-logs"


def is_log(artifact: Artifact) -> bool:
    """Return whether an output artifact is the archived log of a container."""
    return artifact.name.endswith(_LOGS_SUFFIX)


def artifact_key(artifact: Artifact) -> str | None:
    """Return the key of an artifact in its store; None if it has another kind of location."""
    location = artifact.s3 or artifact.gcs or artifact.oss
    blob = (artifact.azure or {}).get("blob")
    return location.key if location else (blob if isinstance(blob, str) else None)


def ran_in_pod(node: Node) -> bool:
    """Return whether a Pod node had a pod that ran.

    Since Argo 2.9 the node has the name of the pod's machine. Before that an exit code or an archived log proves it.
    """
    if node.type != NodeType.POD or node.host_node_name:
        return node.type == NodeType.POD
    outputs = node.outputs
    has_recorded_end = outputs is not None and (outputs.exit_code is not None or any(map(is_log, outputs.artifacts)))
    return has_recorded_end or is_exit(node.message)


def with_observed_pod_names(snapshot: Snapshot, evidence: Mapping[str, PodEvidence]) -> Snapshot:
    """Return the snapshot with the real names of pods that name a node of it, but have another name than computed."""
    workflow, observed = snapshot.workflow, dict[str, str]()
    for name, captured in evidence.items():
        node_id = captured.pod.metadata.annotations.get(ANNOTATION_NODE_ID, "") if captured.pod else ""
        node = snapshot.nodes.get(node_id)
        expected = pod_name(workflow, node) if node else None
        if expected is not None and expected != name and not _has_pod(evidence.get(expected)):
            observed[node_id] = name
    if not observed:
        return snapshot
    observed = {**workflow.observed_pod_names, **observed}
    return snapshot.with_workflow(msgspec.structs.replace(workflow, observed_pod_names=observed))


def _has_pod(evidence: PodEvidence | None) -> bool:
    return evidence is not None and evidence.pod is not None

"""Lists the nodes of a run in execution order, and its parameters, outputs and resources."""

import json
from collections.abc import Callable, Iterable
from datetime import datetime

from wfreport.api import argo
from wfreport.api.argo import Artifact, Node, NodeType, Parameter, Phase
from wfreport.api.calendar import LATEST
from wfreport.api.report import Step
from wfreport.api.run import MAX_VALUES, ArtifactRef, NamedValue, RunOutputs
from wfreport.api.wire import SHORT
from wfreport.core.redact.text import TextSanitizer, clip
from wfreport.core.snapshot.messages import exit_code
from wfreport.core.snapshot.model import Snapshot
from wfreport.core.snapshot.pod_names import artifact_key, is_log, pod_name, ran_in_pod
from wfreport.core.snapshot.tree import Tree
from wfreport.core.timing.timing import RunTimes

MAX_VALUE_LENGTH = 256
"""Characters of a parameter's value that a report shows."""
_MAX_INTEGER = 2**63 - 1
"""The largest number that an API server accepts as an integer."""

SUCCESSFUL_PHASES = frozenset({Phase.SUCCEEDED, Phase.SKIPPED, Phase.OMITTED})
"""Phases of a node that ended without a failure."""


def list_steps(snapshot: Snapshot, sanitizer: TextSanitizer, limit: int, times: RunTimes) -> list[Step]:
    """List the nodes in execution order.

    If there are more than ``limit``, nodes that failed, run or wait are preferred.
    """
    nodes = _chosen(snapshot.tree, limit)
    index = {node.id: position for position, node in enumerate(nodes)}
    return [_step(node, snapshot, sanitizer, index, times) for node in nodes]


def _chosen(tree: Tree, limit: int) -> list[Node]:
    order = _execution_order(tree)
    nodes = list(tree.nodes.values())
    if len(nodes) <= limit:
        return sorted(nodes, key=order)
    enclosing = tree.nodes_enclosing_failures
    important = [node for node in nodes if node.phase not in SUCCESSFUL_PHASES or node.id in enclosing]
    chosen = sorted(important, key=order)[:limit]
    if len(chosen) < limit:
        known = {node.id for node in chosen}
        others = sorted((node for node in nodes if node.id not in known), key=order)
        chosen = sorted([*chosen, *others[: limit - len(chosen)]], key=order)
    return chosen


def _execution_order(tree: Tree) -> Callable[[Node], tuple[datetime, int, str]]:
    """Sort nodes by their start. Nodes of the same second are in graph order, parents before their children."""
    depth = _breadth_first(tree)
    last = len(depth)
    return lambda node: (node.started_at or LATEST, depth.get(node.id, last), node.name)


def _breadth_first(tree: Tree) -> dict[str, int]:
    nodes, names_of_roots = tree.nodes, (tree.workflow_name, tree.exit_handler_name)
    roots = [node for node in nodes.values() if node.name in names_of_roots]
    order: dict[str, int] = {node.id: position for position, node in enumerate(sorted(roots, key=lambda n: n.name))}
    level = list(roots)
    while level:
        following = []
        for node in level:
            for child in node.children:
                if child not in order and (reached := nodes.get(child)):
                    order[child] = len(order)
                    following.append(reached)
        level = following
    return order


def _step(node: Node, snapshot: Snapshot, sanitizer: TextSanitizer, index: dict[str, int], times: RunTimes) -> Step:
    pod_times = times.pods.get(node.id)
    return Step(
        display_name=sanitizer.line(node.display_name or node.name or node.id),
        node_id=clip(node.id) or "",
        type=clip(node.type, SHORT) or "",
        template_name=clip(node.called_template_name),
        phase=clip(node.phase, SHORT) or "",
        pod_name=clip(pod_name(snapshot.workflow, node)) if ran_in_pod(node) else None,
        started_at=node.started_at,
        finished_at=node.finished_at,
        wait_seconds=times.order.wait_seconds(node) if times.order else None,
        queued_seconds=pod_times.queued_seconds if pod_times else None,
        running_seconds=pod_times.running_seconds if pod_times else None,
        exit_code=_exit_code(node),
        message=sanitizer.text(node.message),
        children=[index[child] for child in node.children if child in index] or None,
    )


def _exit_code(node: Node) -> int | None:
    """Return the exit code of a step that ran. For a failed step, 0 is the code of another container and ignored."""
    recorded = node.outputs.exit_code if node.outputs else None
    if node.type in (NodeType.POD, NodeType.CONTAINER) and not node.has_failed:
        return 0 if recorded == "0" else exit_code("", recorded)
    return exit_code(node.message, recorded) if node.type in (NodeType.POD, NodeType.CONTAINER) else None


def list_parameters(parameters: Iterable[Parameter], sanitizer: TextSanitizer) -> list[NamedValue]:
    """List parameters. Values are redacted as ``name=value``, because often only the name reveals a secret."""
    return [NamedValue(name=sanitizer.line(p.name), value=_value(p, sanitizer)) for p in list(parameters)[:MAX_VALUES]]


def _value(parameter: Parameter, sanitizer: TextSanitizer) -> str | None:
    if parameter.value is None:
        return None
    value = parameter.value if isinstance(parameter.value, str) else json.dumps(parameter.value)
    return sanitizer.value(parameter.name, value, MAX_VALUE_LENGTH)


def list_outputs(snapshot: Snapshot, sanitizer: TextSanitizer) -> RunOutputs | None:
    """List global outputs and the artifacts of the run and its steps, with the many archived logs last."""
    outputs = snapshot.workflow.status.outputs
    parameters = list_parameters(outputs.parameters if outputs else (), sanitizer)
    artifacts: list[tuple[Node | None, Artifact]] = [
        (None, artifact) for artifact in (outputs.artifacts if outputs else ())
    ]
    if snapshot.workflow.status.is_completed:  # while the run is in progress, the list would change constantly
        artifacts += [(n, output) for n in snapshot.nodes.values() if n.outputs for output in n.outputs.artifacts]
    artifacts.sort(key=lambda pair: is_log(pair[1]))
    listed = [_artifact(node, artifact, snapshot.workflow, sanitizer) for node, artifact in artifacts[:MAX_VALUES]]
    return RunOutputs(parameters=parameters or None, artifacts=listed or None) if parameters or listed else None


def _artifact(node: Node | None, artifact: Artifact, workflow: argo.Workflow, sanitizer: TextSanitizer) -> ArtifactRef:
    own_names = (workflow.metadata.name, *((node.id, pod_name(workflow, node)) if node else ()))
    return ArtifactRef(
        name=sanitizer.line(artifact.name),
        node_id=clip(node.id) if node else None,
        key=sanitizer.path(artifact_key(artifact), own_names),
    )


def resources_used(workflow: argo.Workflow) -> dict[str, int]:
    """Return Argo's resourcesDuration in plain units.

    Argo counts memory in 100 MiB and ephemeral storage in 10 GiB (see "Resource Duration" in Argo's documentation).
    """
    units = {
        "cpu": ("cpuSeconds", 1),
        "memory": ("memoryMiBSeconds", 100),
        "ephemeral-storage": ("ephemeralStorageGiBSeconds", 10),
    }
    used = {}
    for name, amount in sorted(workflow.status.resources_duration.items())[:16]:
        key, factor = units.get(name, (f"{name}Seconds", 1))
        used[clip(key) or ""] = max(0, min(amount * factor, _MAX_INTEGER))
    return used

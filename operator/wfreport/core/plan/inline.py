"""Finds inline templates. They have no name, so they are identified by the step or task that contains them.

A node of an inline template has no templateName. Its own name consists of its boundary node's name, the step group,
the step or task, the loop item and the attempt: ``wf[0].load(1:b)(0)``. Mirrors the naming of nodes in steps.go and
dag.go; docs/explanation/argo-behaviour.md explains what to do when a new Argo version changes it.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from wfreport.api.argo import Node, NodeType
from wfreport.api.reasons import Refusal
from wfreport.core.plan.plan import Json
from wfreport.core.plan.refusal import RefusedError
from wfreport.imports import lazy_pattern

_CALL: Final = lazy_pattern(r"(?:\[\d+\])?\.(?P<name>[^.(]+)(?:\(|$)")


def named_caller(node: Node, nodes: Mapping[str, Node]) -> tuple[Node, tuple[str, ...]]:
    """Return the innermost enclosing node with a named template, and the steps and tasks from there to the node.

    A node with a named template is returned itself, without any steps. The path starts at the outermost step.

    Raises:
        RefusedError: an enclosing node is missing, or the node's name does not contain its step or task.
    """
    calls: list[str] = []
    visited: set[str] = set()
    while not (node.template_name or node.template_ref):
        boundary = nodes.get(node.boundary_id)
        if boundary is None or node.id in visited:
            raise _not_found(node.name)
        if node.type != NodeType.CONTAINER:  # the boundary of a containerSet's container is its own pod
            calls.insert(0, _call_of(node, boundary))
        visited.add(node.id)
        node = boundary
    return node, tuple(calls)


def inline_template(template: dict[str, Any], calls: tuple[str, ...]) -> tuple[dict[str, Any], str]:
    """Follow the steps and tasks to an inline template; return it and its path.

    Raises:
        RefusedError: a step or task does not exist or is ambiguous.
    """
    path = ""
    for name in calls:
        matches = [(kind, call) for kind, call in _calls(template) if call.get("name") == name and call.get("inline")]
        if len(matches) != 1:
            raise _not_found(name)
        ((kind, call),) = matches
        template, path = call["inline"], f"{path}.{kind}[{name}].inline"
    return template, path


def _call_of(node: Node, boundary: Node) -> str:
    match = _CALL.match(node.name.removeprefix(boundary.name)) if node.name.startswith(boundary.name) else None
    if match is None:
        raise _not_found(node.name)
    return match["name"]


def _calls(template: Json) -> Iterator[tuple[str, dict[str, Any]]]:
    yield from (("steps", step) for group in template.get("steps") or () for step in group)
    yield from (("tasks", task) for task in (template.get("dag") or {}).get("tasks") or ())


def _not_found(name: str) -> RefusedError:
    return RefusedError(
        Refusal.TEMPLATE_NOT_FOUND,
        f"the inline template of {name} cannot be identified: give the step a named template",
    )

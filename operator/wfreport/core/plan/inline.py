"""A template that a step or task has inline: it has no name, so it is found by who calls it.

A node of such a template has no templateName. It is named after the node within which it runs (its boundary), the
step's group, its own step or task, the loop's item and the attempt: ``wf[0].load(1:b)(0)``.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from wfreport.api.argo import Node, NodeType
from wfreport.api.reasons import Refusal
from wfreport.core.plan.plan import Json
from wfreport.core.plan.refusal import RefusedError

_CALL: Final = re.compile(r"(?:\[\d+\])?\.(?P<name>[^.(]+)(?:\(|$)")


def named_caller(node: Node, nodes: Mapping[str, Node]) -> tuple[Node, tuple[str, ...]]:
    """The node whose template has a name, and the steps and tasks that lead from there to a node, outermost first.

    For a node of a named template that is the node itself.

    Raises:
        RefusedError: its name does not tell which step or task it is, or a node around it is not there.
    """
    calls: list[str] = []
    seen: set[str] = set()
    while not (node.template_name or node.template_ref):
        around = nodes.get(node.boundary_id)
        if around is None or node.id in seen:
            raise _not_found(node.name)
        if node.type != NodeType.CONTAINER:  # a containerSet's container, whose boundary is its own pod
            calls.insert(0, _call_of(node, around))
        seen.add(node.id)
        node = around
    return node, tuple(calls)


def inline_template(template: dict[str, Any], calls: tuple[str, ...]) -> tuple[dict[str, Any], str]:
    """The template that is reached by these steps and tasks of a template, and the path to it there.

    Raises:
        RefusedError: there is no such step or task, or more than one.
    """
    path = ""
    for name in calls:
        found = [(kind, call) for kind, call in _calls(template) if call.get("name") == name and call.get("inline")]
        if len(found) != 1:
            raise _not_found(name)
        ((kind, call),) = found
        template, path = call["inline"], f"{path}.{kind}[{name}].inline"
    return template, path


def _call_of(node: Node, around: Node) -> str:
    found = _CALL.match(node.name.removeprefix(around.name)) if node.name.startswith(around.name) else None
    if found is None:
        raise _not_found(node.name)
    return found["name"]


def _calls(template: Json) -> Iterator[tuple[str, dict[str, Any]]]:
    yield from (("steps", step) for group in template.get("steps") or () for step in group)
    yield from (("tasks", task) for task in (template.get("dag") or {}).get("tasks") or ())


def _not_found(what: str) -> RefusedError:
    return RefusedError(
        Refusal.TEMPLATE_NOT_FOUND,
        f"the inline template of {what} cannot be told from the run: give the step a named template",
    )

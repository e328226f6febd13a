"""Names a step as people find it: by its display name, and by the task around it if that name says too little.

In Kubeflow Pipelines, for example, each task is a group with a step ``executor`` of its own: ``train.executor``.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Final

from wfreport.api.argo import Node, NodeType
from wfreport.core.snapshot.tree import Tree

SEPARATOR: Final = "."
"""Stands between a task and the step in it, as in the names that Argo gives to nodes."""

NAMING_TYPES: Final = frozenset({NodeType.DAG, NodeType.STEPS, NodeType.POD})
"""Types of nodes whose name helps to find a step in them. Groups of parallel steps or of items say nothing new."""

_MAX_LEVELS: Final = 3
_MAX_TASKS: Final = 7
"""Tasks around a step that are compared, as in an outline: thousands of steps may each be within a thousand."""

_MAX_CHARACTERS: Final = 60

Path = tuple[str, ...]
"""The names of a step and of the tasks around it, innermost first."""

UNNAMED_GROUPS: Final = frozenset({NodeType.STEP_GROUP, NodeType.TASK_GROUP})
"""Types of groups that are no step of the task that they are in."""


def step_label(node: Node, tree: Tree) -> str:
    """Return the shortest name by which a person, and ``wfreport logs``, finds a step; without an attempt's number.

    It is the display name, with the task around the step if another step has the same one, or if the step is the only
    one in its task: then people know the task's name. It is empty if three names are not enough.
    """
    path = _path(node, tree)
    namesakes = {_path(other, tree) for other in tree.nodes.values() if other.display_name == path[0]}
    return shortest_name(path, count_ends({path, *namesakes}), is_alone=len(path) > 1 and _is_alone(node, tree))


def count_ends(paths: Iterable[Path]) -> Counter[Path]:
    """Return how many of the paths, all of them different, have each end that a name may be made of."""
    return Counter(path[:levels] for path in paths for levels in _levels(path))


def shortest_name(path: Path, ends: Mapping[Path, int], *, is_alone: bool) -> str:
    """Return the shortest end of a path that is not the end of another one; empty if three names are not enough.

    Args:
        path: the names of a step and of the tasks around it, innermost first.
        ends: how many paths have each end, among them this one.
        is_alone: whether the step is the only one in its task.
    """
    for levels in _levels(path)[1 if is_alone else 0 :]:
        if ends[path[:levels]] == 1:
            return SEPARATOR.join(reversed(path[:levels]))
    return ""


def _levels(path: Path) -> range:
    return range(1, min(len(path), _MAX_LEVELS) + 1)


def unique_name(node: Node, tree: Tree) -> str:
    """Return the label of a step; if it has none, its full name, or its id if that is long."""
    step = _untried(node, tree)
    return step_label(node, tree) or (step.name if len(step.name) <= _MAX_CHARACTERS else step.id)


def _untried(node: Node, tree: Tree) -> Node:
    """Return the step of which a node is an attempt; else the node."""
    return tree.retry_of.get(node.id, node)


def _path(node: Node, tree: Tree) -> Path:
    """Return the names of a step and of the tasks around it, innermost first; the Workflow's own is left out."""
    step = _untried(node, tree)
    around = (_untried(outer, tree) for outer in islice(_tasks_around(step, tree), _MAX_TASKS))
    return (step.display_name, *(outer.display_name for outer in around if outer.name != tree.workflow_name))


def _tasks_around(step: Node, tree: Tree) -> Iterator[Node]:
    task = _task_of(step, tree)
    while task is not None:
        yield task
        task = _task_of(task, tree)


def _task_of(node: Node, tree: Tree) -> Node | None:
    """Return the innermost node with a telling name that encloses a node."""
    return tree.innermost_of(NAMING_TYPES).get(node.name)


def _is_alone(node: Node, tree: Tree) -> bool:
    """Return whether a step is the only one in its task. The whole run and its exit handler are no tasks."""
    step = _untried(node, tree)
    task = _task_of(step, tree)
    if task is None or _untried(task, tree).name in (tree.workflow_name, tree.exit_handler_name):
        return False
    return all(_is_step_of(task, other, tree) == (other is step) for other in tree.nodes.values())


def _is_step_of(task: Node, node: Node, tree: Tree) -> bool:
    if node.type in UNNAMED_GROUPS or node.id in tree.retry_of:
        return False
    return _task_of(node, tree) is task

"""Facts about a failed node that follow from the nodes that enclose it, computed once for each of them."""

from collections.abc import Iterator, Mapping

import msgspec

from wfreport.api.argo import ContinueOn, Node, NodeType, Phase, Task, Template, Workflow
from wfreport.core.snapshot.model import Snapshot
from wfreport.core.snapshot.tree import GROUP_TYPES
from wfreport.imports import lazy_pattern

_TASK_END = lazy_pattern(r"[.\[(]")
_TEMPLATE_TYPES = frozenset({NodeType.DAG, NodeType.STEPS})
_CALLERS = frozenset({NodeType.DAG, NodeType.STEPS, NodeType.STEP_GROUP})


class Lineage(msgspec.Struct, frozen=True, gc=False):
    """Properties of a node that come from itself or from a node that encloses it.

    Attributes:
        is_in_exit_handler: whether it is within the Workflow's exit handler.
        always_tolerated: whether a failure of it is tolerated: within a hook, a retry that goes on, a group that
            succeeded, a task whose failure another task responds to, or a task with ``continueOn``.
        failure_tolerated: whether a ``continueOn`` tolerates it if its phase is Failed.
        error_tolerated: the same for all other phases.
        caller_type: the type of the innermost DAG, steps node or step group that encloses it.
        template_node: the innermost DAG or steps node among it and those that enclose it.
    """

    is_in_exit_handler: bool = False
    always_tolerated: bool = False
    failure_tolerated: bool = False
    error_tolerated: bool = False
    caller_type: str | None = None
    template_node: Node | None = None

    def is_tolerated(self, phase: str) -> bool:
        """Whether the failure of a node with this lineage and phase is tolerated."""
        return self.always_tolerated or (self.failure_tolerated if phase == Phase.FAILED else self.error_tolerated)


_OUTSIDE = Lineage()


class Lineages:
    """The lineages of the nodes of a Workflow. Those of nodes that enclose others are kept."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._tree = snapshot.tree
        self._exit_handler_name = snapshot.tree.exit_handler_name
        self._tolerated = snapshot.tree.hooks | _running_attempts(snapshot)
        self._continue_on = _continue_on_of_calls(snapshot.workflow)
        self._known: dict[str, Lineage] = {}
        self._inner: dict[str, Lineage] = {}

    def of(self, node: Node) -> Lineage:
        """Return the lineage of a node."""
        parent = self._tree.parents.get(node.name)
        if parent is not None and parent.id not in self._known:
            self._derive_enclosing(parent)
        return self._derive(node, parent)

    def _derive_enclosing(self, node: Node) -> None:
        """Derive the lineages of a node and of those that enclose it, as far as they are not known."""
        parents, known = self._tree.parents, self._known
        unknown: list[Node] = []
        outer: Node | None = node
        while outer is not None and outer.id not in known:
            unknown.append(outer)
            outer = parents.get(outer.name)
        for inner in reversed(unknown):
            known[inner.id] = self._derive(inner, parents.get(inner.name))

    def _derive(self, node: Node, parent: Node | None) -> Lineage:
        """Derive the lineage of a node from that of its parent."""
        lineage = self._within(node, parent) if parent else _OUTSIDE
        tolerated = lineage.always_tolerated or node.id in self._tolerated or self._is_handled_task(node, lineage)
        is_template = node.type in _TEMPLATE_TYPES
        is_exit_handler = node.name == self._exit_handler_name
        if tolerated == lineage.always_tolerated and not is_template and not is_exit_handler:
            return lineage
        return msgspec.structs.replace(
            lineage,
            is_in_exit_handler=lineage.is_in_exit_handler or is_exit_handler,
            always_tolerated=tolerated,
            template_node=node if is_template else lineage.template_node,
        )

    def _within(self, node: Node, parent: Node) -> Lineage:
        """Return what holds for a node because of those that enclose it."""
        inner = self._inner.get(parent.id)
        if inner is None:
            inner = self._inner[parent.id] = self._inside(parent)
        if not self._continue_on or parent.type not in (NodeType.DAG, NodeType.STEP_GROUP):
            return inner
        return self._with_continue_on(inner, node, parent)

    def _inside(self, parent: Node) -> Lineage:
        """Return what holds for all nodes directly within a node."""
        outer = self._known[parent.id]
        has_succeeded = parent.phase == Phase.SUCCEEDED and parent.type in GROUP_TYPES
        if not has_succeeded and parent.type not in _CALLERS:
            return outer
        return msgspec.structs.replace(
            outer,
            always_tolerated=outer.always_tolerated or has_succeeded,
            caller_type=parent.type if parent.type in _CALLERS else outer.caller_type,
        )

    def _with_continue_on(self, inner: Lineage, node: Node, parent: Node) -> Lineage:
        """Add the ``continueOn`` of the task or step that the node is, or is within.

        Its own phase counts (``assessDAGPhase``, dag.go; ``executeStepGroup``, steps.go:366). If the task has no node,
        that of the failed node does.
        """
        task = _TASK_END.split(node.name[len(parent.name) + 1 :], maxsplit=1)[0]
        caller = inner.template_node
        continue_on = self._continue_on.get((caller.called_template_name, task)) if caller else None
        if continue_on is None:
            return inner
        if node.name == f"{parent.name}.{task}":
            tolerated = continue_on.failed if node.phase == Phase.FAILED else continue_on.error
            return msgspec.structs.replace(inner, always_tolerated=inner.always_tolerated or tolerated)
        return msgspec.structs.replace(
            inner,
            failure_tolerated=inner.failure_tolerated or continue_on.failed,
            error_tolerated=inner.error_tolerated or continue_on.error,
        )

    def _is_handled_task(self, node: Node, lineage: Lineage) -> bool:
        """Whether a node is a failed task to which another one responds. Only in a DAG can it do so (``depends``)."""
        return lineage.caller_type == NodeType.DAG and node.has_failed and self._tree.failure_is_handled(node)


def _running_attempts(snapshot: Snapshot) -> frozenset[str]:
    """Return the ids of the attempts that others may follow.

    Argo leaves some Retry nodes Running in Workflows that have failed.
    """
    if snapshot.workflow.status.has_failed:
        return frozenset()
    return frozenset(attempt for attempt, retry in snapshot.tree.retry_of.items() if retry.phase == Phase.RUNNING)


def _continue_on_of_calls(workflow: Workflow) -> Mapping[tuple[str, str], ContinueOn]:
    """Return each ``continueOn``, by the names of its template and its task.

    Stored templates come first, because names can recur in other scopes (GetStoredTemplate, workflow_types.go:3880).
    """
    found: dict[tuple[str, str], ContinueOn] = {}
    for name, template in _named_templates(workflow):
        for task in _tasks(template):
            if task.continue_on is not None:
                found.setdefault((name, task.name), task.continue_on)
    return found


def _named_templates(workflow: Workflow) -> Iterator[tuple[str, Template]]:
    for key, template in workflow.status.stored_templates.items():
        yield key.rpartition("/")[2], template
    stored_spec = workflow.status.stored_workflow_template_spec
    for template in (*workflow.spec.templates, *(stored_spec.templates if stored_spec else ())):
        yield template.name, template


def _tasks(template: Template) -> Iterator[Task]:
    if template.dag is not None:
        yield from template.dag.tasks
    for group in template.steps or ():
        yield from group

"""Assigns a role to each failed leaf: its part in the outcome of the run.

The rules are applied in order to every leaf that was not superseded by a later attempt, and the first match gives the
role. They are tested with all recordings of the real controller.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from wfreport.api.argo import ContinueOn, Node, NodeType, Phase, Task, Template, Workflow
from wfreport.api.classes import Role
from wfreport.core.classify.kubelet_messages import STOPPED_MESSAGE
from wfreport.core.snapshot.messages import parse_exit
from wfreport.core.snapshot.model import Snapshot
from wfreport.core.snapshot.tree import GROUP_TYPES, Tree

_KILLED_CODES = (137, 143)
_FAIL_FAST_MESSAGE = "template has failed or errored children and failFast enabled"
_OTHER_CONTAINER_FAILED = re.compile(r": (?:container \S+ failed|dependency \S+ exited with non-zero code: \d+)$")
"""The message of a container that never ran, because one of its dependencies failed (emissary.go:203)."""

_POD_FAILED_FIRST = "Pod Failed whilst container running"  # operator.go:1590
_END_CHARACTERS = 512
_TASK_END = re.compile(r"[.\[(]")
_CALLERS = (NodeType.DAG, NodeType.STEPS, NodeType.STEP_GROUP)


@dataclass(frozen=True, slots=True)
class FailedLeaf:
    """A failed leaf and its role.

    Attributes:
        node: the leaf; None if the Workflow failed without one (invalid spec, lock, too large).
        role: its part in the outcome of the run.
    """

    node: Node | None
    role: Role


def assign_roles(snapshot: Snapshot) -> list[FailedLeaf]:
    """Return the failed leaves with their roles: RootCause, ExitHandler, Victim, Tolerated; each ordered by time."""
    tree = snapshot.tree
    failed = [FailedLeaf(leaf, _role(leaf, snapshot.workflow, tree)) for leaf in tree.failed_leaves]
    failed = _with_stopped_as_victims(failed, snapshot.workflow)
    if snapshot.workflow.status.has_failed and not any(
        leaf.role in (Role.ROOT_CAUSE, Role.EXIT_HANDLER) for leaf in failed
    ):
        failed.append(FailedLeaf(None, Role.ROOT_CAUSE))
    return sorted(failed, key=_order)


def is_stopped(node: Node, workflow: Workflow) -> bool:
    """Whether the node was ended by a person who stopped or terminated the Workflow.

    A killed main container overwrites Argo's own message with its exit code. Exit handlers continue after a Stop
    (``ShouldExecute``, workflow_types.go).
    """
    if STOPPED_MESSAGE.match(node.message):
        return True
    shutdown = workflow.spec.shutdown
    in_exit_handler = node.name.startswith(f"{workflow.metadata.name}.onExit")
    if not shutdown or (shutdown == "Stop" and in_exit_handler):
        return False
    return _is_killed(node)


def _is_killed(node: Node) -> bool:
    ending = parse_exit(node.message[:_END_CHARACTERS])
    return ending is not None and ending.reason == "Error" and ending.code in _KILLED_CODES


def _role(node: Node, workflow: Workflow, tree: Tree) -> Role:
    lineage = [node, *tree.enclosing(node)]
    if any(outer.name == tree.exit_handler_name for outer in lineage):
        return Role.EXIT_HANDLER
    if _is_tolerated(node, lineage, workflow, tree):
        return Role.TOLERATED
    if node.message == _FAIL_FAST_MESSAGE or (
        node.type == NodeType.CONTAINER and _ended_by_another_container(node, tree)
    ):
        return Role.VICTIM
    return Role.ROOT_CAUSE


def _ended_by_another_container(node: Node, tree: Tree) -> bool:
    """Whether a Container ended because another one of its pod, named in the pod's message, had failed."""
    if _OTHER_CONTAINER_FAILED.search(node.message[-_END_CHARACTERS:]):
        return True
    pod_node = tree.pod_node(node)
    culprit = parse_exit(pod_node.message) if pod_node else None
    other_failed = culprit is not None and culprit.container not in (None, node.display_name)
    return other_failed and (node.message == _POD_FAILED_FIRST or _is_killed(node))


def _is_tolerated(node: Node, lineage: list[Node], workflow: Workflow, tree: Tree) -> bool:
    return (
        any(outer.is_hook for outer in lineage)
        or any(_retry_still_runs(outer, tree) for outer in lineage)
        or any(outer.phase == Phase.SUCCEEDED and outer.type in GROUP_TYPES for outer in lineage[1:])
        or _continues_on(node, lineage, workflow)
        or any(_is_failed_task(i, lineage) and tree.failure_is_handled(outer) for i, outer in enumerate(lineage))
    )


def _retry_still_runs(node: Node, tree: Tree) -> bool:
    retry = tree.retry_of.get(node.id)
    return retry is not None and retry.phase == Phase.RUNNING


def _is_failed_task(index: int, lineage: list[Node]) -> bool:
    """Whether a node is a failed task of a DAG. Only in a DAG can another task respond to a failure (``depends``)."""
    caller = next((outer.type for outer in lineage[index + 1 :] if outer.type in _CALLERS), None)
    return caller == NodeType.DAG and lineage[index].has_failed


def _continues_on(node: Node, lineage: list[Node], workflow: Workflow) -> bool:
    """Whether a ``continueOn`` of the node's task or step, or of an enclosing one, tolerates that task's phase.

    Argo's rules are in ``assessDAGPhase`` (dag.go) and ``executeStepGroup`` (steps.go:366).
    """
    for index, outer in enumerate(lineage[1:], start=1):
        if outer.type in (NodeType.DAG, NodeType.STEP_GROUP):
            task_name = _TASK_END.split(node.name[len(outer.name) + 1 :], maxsplit=1)[0]
            ended = next((n.phase for n in lineage if n.name == f"{outer.name}.{task_name}"), node.phase)
            template_node = next((n for n in lineage[index:] if n.type in (NodeType.DAG, NodeType.STEPS)), None)
            if template_node and _tolerates(_continue_on(template_node, task_name, workflow), ended):
                return True
    return False


def _tolerates(continue_on: ContinueOn | None, phase: str) -> bool:
    if continue_on is None:
        return False
    return continue_on.failed if phase == Phase.FAILED else continue_on.error


def _continue_on(caller: Node, task_name: str, workflow: Workflow) -> ContinueOn | None:
    for template in _templates_of(caller, workflow):
        for task in _tasks(template):
            if task.name == task_name and task.continue_on is not None:
                return task.continue_on
    return None


def _tasks(template: Template) -> Iterable[Task]:
    if template.dag is not None:
        yield from template.dag.tasks
    for group in template.steps or ():
        yield from group


def _templates_of(node: Node, workflow: Workflow) -> Iterable[Template]:
    """Yield every template that the node may have run.

    Those of its own scope come first, because names can recur in other scopes (GetStoredTemplate,
    workflow_types.go:3880).
    """
    name = node.template_ref.template if node.template_ref else node.template_name
    suffix = f"/{name}"
    stored = workflow.status.stored_templates
    yield from (template for key, template in stored.items() if key.endswith(suffix))
    stored_spec = workflow.status.stored_workflow_template_spec
    own = [*workflow.spec.templates, *(stored_spec.templates if stored_spec else [])]
    yield from (template for template in own if template.name == name)


def _with_stopped_as_victims(failed: list[FailedLeaf], workflow: Workflow) -> list[FailedLeaf]:
    """Turn nodes killed by a stop into victims if another node failed by itself; otherwise they remain root causes."""
    causes = [leaf.node for leaf in failed if leaf.role == Role.ROOT_CAUSE and leaf.node]
    own_failures = {node.id for node in causes if not is_stopped(node, workflow)}
    if not own_failures:
        return failed
    return [
        FailedLeaf(leaf.node, Role.VICTIM)
        if leaf.role == Role.ROOT_CAUSE and leaf.node and leaf.node.id not in own_failures
        else leaf
        for leaf in failed
    ]


_ROLE_ORDER = {Role.ROOT_CAUSE: 0, Role.EXIT_HANDLER: 1, Role.VICTIM: 2, Role.TOLERATED: 3}


def _order(leaf: FailedLeaf) -> tuple[int, bool, float, str]:
    ended_at = leaf.node.finished_at or leaf.node.started_at if leaf.node else None
    return (
        _ROLE_ORDER[leaf.role],
        ended_at is None,
        ended_at.timestamp() if ended_at else 0.0,
        leaf.node.name if leaf.node else "",
    )

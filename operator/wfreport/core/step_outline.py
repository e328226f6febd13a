"""The outline of a run: which step contains which, from the steps of a report.

``children`` of a step are Argo's: the steps that ran after it, a graph in which the tasks of a DAG hang below each
other. People think of containment instead. The id of a node is a hash of its full name, and that name is its parent's
name plus its own (``workflow/util/util.go``, ``NodeID``), so the id proves the parent. If no name matches, because
names were cut or redacted, a step is placed where its predecessor is.
"""

from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from typing import Final

from msgspec import Struct, field

from wfreport.api.argo import NodeType
from wfreport.api.report import Step
from wfreport.core.snapshot.pod_names import node_id
from wfreport.core.snapshot.step_labels import NAMING_TYPES, UNNAMED_GROUPS, Path, count_ends, shortest_name

_GROUP_TYPES: Final = frozenset(
    {NodeType.DAG, NodeType.STEPS, NodeType.STEP_GROUP, NodeType.TASK_GROUP, NodeType.RETRY}
)

_TRIES_PER_STEP: Final = 8
"""Groups that are tried as a step's parent, on average: nearly always the first or second one matches. It bounds the
work for a hostile report whose steps form one long chain of groups, none of whose ids match."""

_MAX_LEVELS: Final = 8
"""Names in a path: more are not needed to tell steps apart, and each level of nested tasks would repeat all of them."""


class OutlineEntry(Struct):
    """A step and the steps inside it, in execution order."""

    step: Step
    full_name: str
    inside: list["OutlineEntry"] = field(default_factory=list)

    @property
    def is_group(self) -> bool:
        """Whether the step groups others and runs nothing itself."""
        return self.step.type in _GROUP_TYPES

    def walk(self) -> Iterator["OutlineEntry"]:
        """Yield this entry and all entries inside it."""
        pending = [self]
        while pending:
            entry = pending.pop()
            yield entry
            pending.extend(reversed(entry.inside))


class Outline(Struct, frozen=True):
    """The steps of a run.

    Attributes:
        main: the outermost steps, including any whose parent is unknown.
        exit_handlers: exit handlers and hooks of the Workflow.
    """

    main: Sequence[OutlineEntry]
    exit_handlers: Sequence[OutlineEntry]


def step_paths(outline: Outline, workflow_name: str) -> Iterator[tuple[OutlineEntry, Path]]:
    """Yield all entries with their paths. The attempts of a step have its path, and so have the steps in them."""
    pending: list[tuple[OutlineEntry, Path, str]] = [
        (entry, (), "") for entry in (*reversed(outline.exit_handlers), *reversed(outline.main))
    ]
    while pending:
        entry, around, tried = pending.pop()
        name, step_type = entry.step.display_name, entry.step.type
        is_attempt = bool(tried) and name.startswith(f"{tried}(")
        path = (tried if is_attempt else name, *around[: _MAX_LEVELS - 1])
        yield entry, path
        names_its_steps = step_type in NAMING_TYPES and path != (workflow_name,)
        retried = name if step_type == NodeType.RETRY else ""
        inner = path if names_its_steps else around
        pending.extend((one, inner, retried) for one in reversed(entry.inside))


class StepNames:
    """The names by which people find the steps of an outline, and which ``wfreport logs`` takes (``step_label``)."""

    def __init__(self, outline: Outline, workflow_name: str) -> None:
        self._paths: dict[str, Path] = {}
        self._in_task: defaultdict[Path, set[Path]] = defaultdict(set)
        self._no_tasks = ((), (f"{workflow_name}.onExit",))
        for entry, path in step_paths(outline, workflow_name):
            self._paths[entry.step.node_id] = path
            if entry.step.type not in UNNAMED_GROUPS:
                self._in_task[path[1:]].add(path)
        self._ends = count_ends(set(self._paths.values()))

    def within_task(self, node_id: str | None) -> str:
        """Return the name of a step with that of the task around it, if its own name says too little; else nothing."""
        path = self._paths.get(node_id or "", ())
        if len(path) <= 1:
            return ""
        is_alone = path[1:] not in self._no_tasks and self._in_task[path[1:]] == {path}
        name = shortest_name(path, self._ends, is_alone=is_alone)
        return name if name != path[0] else ""


def outline_steps(steps: Sequence[Step], workflow_name: str) -> Outline:
    """Arrange the steps. Every step is in the outline exactly once, whatever ``children`` contain."""
    return _Arrangement(steps, workflow_name).outline()


class _Arrangement:
    def __init__(self, steps: Sequence[Step], workflow_name: str) -> None:
        self._steps = steps
        self._workflow_name = workflow_name
        self._entries: dict[int, OutlineEntry] = {}
        self._parent: dict[int, int | None] = {}
        self._tries_left = _TRIES_PER_STEP * len(steps)

    def outline(self) -> Outline:
        for start in self._starts():
            if start not in self._entries:
                self._place_reachable(start)
        tops = [index for index in sorted(self._entries) if self._parent[index] is None]
        for index in sorted(self._entries):
            parent = self._parent[index]
            if parent is not None:
                self._entries[parent].inside.append(self._entries[index])
        return Outline(
            main=[self._entries[index] for index in tops if not self._is_exit_handler(index)],
            exit_handlers=[self._entries[index] for index in tops if self._is_exit_handler(index)],
        )

    def _starts(self) -> list[int]:
        """Return the steps without a predecessor, then all others: the steps of a cycle must be placed too."""
        count = len(self._steps)
        successors = {child for step in self._steps for child in step.children or () if 0 <= child < count}
        return [*(index for index in range(count) if index not in successors), *range(count)]

    def _place_reachable(self, start: int) -> None:
        self._place(start, parent=None, full_name=self._top_name(self._steps[start]))
        queue = deque([start])
        while queue:
            predecessor = queue.popleft()
            for child in self._steps[predecessor].children or ():
                if 0 <= child < len(self._steps) and child not in self._entries:
                    self._place(child, *self._parent_of(child, predecessor))
                    queue.append(child)

    def _place(self, index: int, parent: int | None, full_name: str) -> None:
        self._entries[index] = OutlineEntry(self._steps[index], full_name)
        self._parent[index] = parent

    def _top_name(self, step: Step) -> str:
        return self._workflow_name if step.node_id == self._workflow_name else step.display_name

    def _parent_of(self, index: int, predecessor: int) -> tuple[int | None, str]:
        """Return the parent and the full name of a step."""
        step = self._steps[index]
        for parent in self._outwards(predecessor):
            for name in _names_within(self._entries[parent], step):
                if step.node_id == node_id(self._workflow_name, name):
                    return parent, name
        return self._guessed_parent(predecessor, step), step.display_name

    def _guessed_parent(self, predecessor: int, step: Step) -> int | None:
        if step.type == NodeType.STEP_GROUP:
            outer = (index for index in self._outwards(predecessor) if self._steps[index].type == NodeType.STEPS)
            if (steps := next(outer, None)) is not None:
                return steps
        if self._entries[predecessor].is_group or self._parent[predecessor] is None:
            return predecessor
        return self._parent[predecessor]

    def _outwards(self, index: int) -> Iterator[int]:
        """Yield a step and the groups around it, the innermost first."""
        current: int | None = index
        while current is not None and self._tries_left:
            self._tries_left -= 1
            yield current
            current = self._parent[current]

    def _is_exit_handler(self, index: int) -> bool:
        name = self._steps[index].display_name
        return name.startswith((f"{self._workflow_name}.onExit", f"{self._workflow_name}.hooks."))


def _names_within(parent: OutlineEntry, step: Step) -> Iterator[str]:
    """Yield the full names of a step inside this parent: as a task, a step group, an attempt, a loop item or a hook."""
    own, outer = step.display_name, parent.step.display_name
    yield f"{parent.full_name}.{own}"
    if own.startswith("["):
        yield f"{parent.full_name}{own}"
    # A loop item or hook is named after its task, but a task `approve` is not inside a task `a`.
    if own.startswith((f"{outer}(", f"{outer}.")):
        yield f"{parent.full_name}{own.removeprefix(outer)}"

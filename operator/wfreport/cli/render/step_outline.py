"""Which step lies in which: the outline of a run, from the steps of a report.

``children`` of a step are Argo's: what ran after it, a graph in which the tasks of a DAG hang one below the other.
People think in what lies in what. A node's id is a hash of its full name, and that name is its parent's plus its own
(``workflow/util/util.go``, ``NodeID``): so the parent is proven by the id. Where no name fits (cut or redacted
names), a step lies where its predecessor lies.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from wfreport.api.argo import NodeType
from wfreport.api.report import Step

_HOLDERS: Final = frozenset({NodeType.DAG, NodeType.STEPS, NodeType.STEP_GROUP, NodeType.TASK_GROUP, NodeType.RETRY})
_FNV_OFFSET, _FNV_PRIME = 0x811C9DC5, 0x01000193


@dataclass(slots=True)
class OutlineEntry:
    """A step with what lies in it, in execution order."""

    step: Step
    full_name: str
    inside: list["OutlineEntry"] = field(default_factory=list)

    @property
    def holds_steps(self) -> bool:
        """Whether it groups others rather than running something itself."""
        return self.step.type in _HOLDERS

    def walk(self) -> Iterator["OutlineEntry"]:
        """This entry and all that lies in it."""
        pending = [self]
        while pending:
            entry = pending.pop()
            yield entry
            pending.extend(reversed(entry.inside))


@dataclass(frozen=True, slots=True)
class Outline:
    """The run's own tree with what lost its parent, and beside it the Workflow's exit handlers and hooks."""

    main: Sequence[OutlineEntry]
    exit_handlers: Sequence[OutlineEntry]


def outline_steps(steps: Sequence[Step], workflow_name: str) -> Outline:
    """Arrange the steps; every one is in the outline exactly once, whatever ``children`` say."""
    return _Arrangement(steps, workflow_name).outline()


class _Arrangement:
    def __init__(self, steps: Sequence[Step], workflow_name: str) -> None:
        self._steps = steps
        self._workflow_name = workflow_name
        self._entries: dict[int, OutlineEntry] = {}
        self._holder: dict[int, int | None] = {}

    def outline(self) -> Outline:
        for start in self._starts():
            if start not in self._entries:
                self._place_reachable(start)
        tops = [index for index in sorted(self._entries) if self._holder[index] is None]
        for index in sorted(self._entries):
            holder = self._holder[index]
            if holder is not None:
                self._entries[holder].inside.append(self._entries[index])
        handlers = [index for index in tops if self._is_exit_handler(index)]
        return Outline(
            main=[self._entries[index] for index in tops if index not in handlers],
            exit_handlers=[self._entries[index] for index in handlers],
        )

    def _starts(self) -> list[int]:
        """Steps without a parent, then all others: a cycle has no beginning, and must be shown all the same."""
        count = len(self._steps)
        with_parent = {child for step in self._steps for child in step.children or () if 0 <= child < count}
        return [*(index for index in range(count) if index not in with_parent), *range(count)]

    def _place_reachable(self, start: int) -> None:
        self._put(start, holder=None, full_name=self._top_name(self._steps[start]))
        queue = deque([start])
        while queue:
            parent = queue.popleft()
            for child in self._steps[parent].children or ():
                if 0 <= child < len(self._steps) and child not in self._entries:
                    self._put(child, *self._holder_of(child, parent))
                    queue.append(child)

    def _put(self, index: int, holder: int | None, full_name: str) -> None:
        self._entries[index] = OutlineEntry(self._steps[index], full_name)
        self._holder[index] = holder

    def _top_name(self, step: Step) -> str:
        return self._workflow_name if step.node_id == self._workflow_name else step.display_name

    def _holder_of(self, index: int, parent: int) -> tuple[int | None, str]:
        step = self._steps[index]
        for holder in self._outwards(parent):
            for name in _names_within(self._entries[holder], step):
                if step.node_id == node_id(self._workflow_name, name):
                    return holder, name
        return self._guessed_holder(parent), step.display_name

    def _guessed_holder(self, parent: int) -> int | None:
        return parent if self._entries[parent].holds_steps or self._holder[parent] is None else self._holder[parent]

    def _outwards(self, index: int) -> Iterator[int]:
        current: int | None = index
        while current is not None:
            yield current
            current = self._holder[current]

    def _is_exit_handler(self, index: int) -> bool:
        name = self._steps[index].display_name
        return name.startswith((f"{self._workflow_name}.onExit", f"{self._workflow_name}.hooks."))


def _names_within(holder: OutlineEntry, step: Step) -> Iterator[str]:
    """Full names the step would have if it lay there: a task, a step group, an attempt, item or hook."""
    own, outer = step.display_name, holder.step.display_name
    yield f"{holder.full_name}.{own}"
    if own.startswith("["):
        yield f"{holder.full_name}{own}"
    # An item or hook is named after its task; a task `approve` is not within a task `a`.
    if own.startswith((f"{outer}(", f"{outer}.")):
        yield f"{holder.full_name}{own.removeprefix(outer)}"


def node_id(workflow_name: str, full_name: str) -> str:
    """Argo's id of the node of that full name: the Workflow's name and an FNV-1a hash."""
    if full_name == workflow_name:
        return workflow_name
    value = _FNV_OFFSET
    for byte in full_name.encode("utf-8", "surrogatepass"):
        value = (value ^ byte) * _FNV_PRIME & 0xFFFFFFFF
    return f"{workflow_name}-{value}"

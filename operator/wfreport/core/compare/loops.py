"""Finds the item of a loop that a step belongs to, from the names that Argo gives to nodes.

Argo names the step of an item ``name(index:value)``, and an attempt ``name(index)`` (``processItem`` in
``workflow/controller/steps.go``, ``retryStrategy`` in ``operator.go``). Names of steps have no brackets.
"""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from wfreport.api.argo import NodeType
from wfreport.api.report import Step

_GROUPS: Final = frozenset({NodeType.DAG, NodeType.STEPS, NodeType.RETRY})
_MAX_PATH: Final = 253
_BEGIN: Final = "("
_END: Final = ")"
_END_AND_BEGIN: Final = f"{_END}{_BEGIN}"


class LoopItem(Struct, frozen=True, gc=False):
    """An item of a loop.

    Attributes:
        position: its position.
        value: its value, as Argo writes it into names.
        enclosing: name of the group of steps that the loop repeats; empty if it repeats the step itself.
        name: the whole name of the step.
    """

    position: str
    value: str
    enclosing: str
    name: str

    @property
    def by_value(self) -> str:
        """A key by which items of the same value are equal."""
        return f"{self.enclosing}={self.value}"

    @property
    def by_position(self) -> str:
        """A key by which items at the same position are equal."""
        return f"{self.enclosing}#{self.position}"

    def label(self, step: str) -> str:
        """Return the name of a step of this item, as people read it."""
        return f"{step} of {self.name}" if self.enclosing else self.name


def split_item(name: str, *, of_group: bool = False) -> tuple[str, LoopItem | None]:
    """Return the name of a step without its item or attempt, and the item; None for an attempt, or if it has none."""
    if not name.endswith(_END):
        return name, None
    step, _, rest = name[:-1].partition(_BEGIN)
    if _END_AND_BEGIN in rest:
        of_item, _, attempt = rest.rpartition(_END_AND_BEGIN)
        rest = of_item if attempt.isdecimal() else rest
    index, colon, value = rest.partition(":")
    if not index.isdecimal():
        return name, None
    return step, LoopItem(index, value, step if of_group else "", name) if colon else None


def item_of(name: str, *, of_group: bool = False) -> LoopItem | None:
    """Return the item that a name has; None for an attempt, or if it has none."""
    return split_item(name, of_group=of_group)[1]


def enclosing_items(steps: Sequence[Step]) -> dict[int, LoopItem]:
    """Return the items of loops over groups of steps that enclose steps, by the index of the step.

    A step that follows several items comes after the loop. Parents are listed before their children.
    """
    found: dict[int, LoopItem | None] = {}
    for index, step in enumerate(steps):
        if not step.children:
            continue
        item = item_of(step.display_name, of_group=True) if step.type in _GROUPS else None
        own = item or found.get(index)
        for child in step.children:
            found[child] = own if found.get(child, own) == own else None
    return {index: item for index, item in found.items() if item}


def enclosing_groups(steps: Sequence[Step]) -> dict[int, str]:
    """Return the names of the groups around steps, outermost first, by the index of the step.

    A step that follows the steps of a group may be taken for one of them, in each run alike.
    """
    found: dict[int, str] = {}
    for index, step in enumerate(steps):
        if not step.children:
            continue
        own = found.get(index, "")
        if step.type in _GROUPS:
            own = f"{own}/{step.display_name}"[-_MAX_PATH:]
        for child in step.children:
            found[child] = min(found.get(child, own), own, key=len)
    return found

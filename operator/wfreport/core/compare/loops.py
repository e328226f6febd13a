"""Finds the item of a loop that a step belongs to, from the names that Argo gives to nodes.

Argo names the step of an item ``name(index:value)``, and an attempt ``name(index)`` (``processItem`` in
``workflow/controller/steps.go``, ``retryStrategy`` in ``operator.go``). Names of steps have no brackets.
"""

from collections.abc import Mapping, Sequence
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
    if not any(step.display_name[-1:] == _END and step.type in _GROUPS for step in steps):
        return {}
    found: dict[int, LoopItem | None] = {}
    linked: dict[tuple[int, ...], LoopItem | None] = {}
    for index, step in enumerate(steps):
        if not step.children:
            continue
        item = item_of(step.display_name, of_group=True) if step.type in _GROUPS else None
        own = item or found.get(index)
        # all tasks of a layer of a DAG may have the same children: all of the next layer
        children = tuple(step.children)
        known = linked.get(children, _NO_LINK)
        if known is _NO_LINK or (known is not None and known != own):
            linked[children] = own if known is _NO_LINK else None
            for child in children:
                found[child] = own if found.get(child, own) == own else None
    return {index: item for index, item in found.items() if item}


_NO_LINK: Final = LoopItem("", "", "", "")


class EnclosingGroups(Struct, frozen=True):
    """The groups around steps.

    Attributes:
        paths: their names, outermost first, by the index of the step.
        names: the name of the innermost one, by this path; empty for the whole run and for its exit handler.
    """

    paths: Mapping[int, str]
    names: Mapping[str, str]

    def name(self, index: int, step_name: str) -> str:
        """Return the name of the innermost group around a step, which people know; empty if it says nothing new."""
        name = self.names.get(self.paths.get(index, ""), "")
        return name if name != step_name else ""

    def is_alone(self, index: int) -> bool:
        """Return whether a step is the only one in its group."""
        path = self.paths.get(index)
        return sum(1 for other in self.paths.values() if other == path) == 1


def enclosing_groups(steps: Sequence[Step]) -> EnclosingGroups:
    """Return the groups around steps.

    A step that follows the steps of a group may be taken for one of them, in each run alike.
    """
    found: dict[int, str] = {}
    names: dict[str, str] = {}
    shortest: dict[tuple[int, ...], int] = {}
    for index, step in enumerate(steps):
        if not step.children:
            continue
        own = found.get(index, "")
        if step.type in _GROUPS:
            outer, own = own, f"{own}/{step.display_name}"[-_MAX_PATH:]
            names.setdefault(own, _group_name(step.display_name, names.get(outer, "")) if outer else "")
        children = tuple(step.children)
        if len(own) < shortest.get(children, _MAX_PATH + 1):
            shortest[children] = len(own)
            for child in children:
                known = found.get(child)
                if known is None or len(own) < len(known):
                    found[child] = own
    return EnclosingGroups(found, names)


def _group_name(name: str, outer: str) -> str:
    """Return the name of a group of steps; an attempt of one has the name of what is tried."""
    group, item = split_item(name)
    return name if item or group == name else outer

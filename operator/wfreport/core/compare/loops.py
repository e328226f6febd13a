"""Finds the item of a loop that a step belongs to, from the names that Argo gives to nodes.

Argo names the step of an item ``name(index:value)``, and an attempt ``name(index)`` (``processItem`` in
``workflow/controller/steps.go``, ``retryStrategy`` in ``operator.go``). Names of steps have no brackets.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from wfreport.api.argo import NodeType
from wfreport.api.report import Step

_GROUPS: Final = frozenset({NodeType.DAG, NodeType.STEPS, NodeType.RETRY})
_BEGIN: Final = "("
_END: Final = ")"


class LoopItem(NamedTuple):
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


def without_item(name: str) -> str:
    """Return the name of a step without its item or attempt."""
    parts = _split(name)
    return parts[0] if parts else name


def item_of(name: str, *, of_group: bool = False) -> LoopItem | None:
    """Return the item that a name has; None for an attempt, or if it has none."""
    step, index, value = _split(name) or ("", "", None)
    return LoopItem(index, value, step if of_group else "", name) if value is not None else None


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


def _split(name: str) -> tuple[str, str, str | None] | None:
    """Return the name of a step, the index, and the value of its item, None for an attempt."""
    if not name.endswith(_END):
        return None
    step, _, rest = name.removesuffix(_END).partition(_BEGIN)
    of_item, brackets, attempt = rest.rpartition(f"{_END}{_BEGIN}")
    index, colon, value = (of_item if brackets and attempt.isdecimal() else rest).partition(":")
    return (step, index, value if colon else None) if index.isdecimal() else None

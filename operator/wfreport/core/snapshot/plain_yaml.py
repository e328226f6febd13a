"""Parses YAML of strangers: no aliases, no deep nesting, a maximum size.

Ten lines of aliases stand for gigabytes as soon as the value is copied or written. Kubernetes objects and patches that
``kubectl`` prints have none.
"""

from collections.abc import Iterator
from typing import Any, Final

import yaml
from yaml.composer import Composer, ComposerError
from yaml.events import AliasEvent
from yaml.nodes import Node
from yaml.resolver import Resolver

MAX_DEPTH: Final = 100
"""Maximum nesting, deeper than any real object."""

_Parser: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The C parser if it is available: it is ten times as fast."""


class _Loader(Composer, _Parser):  # type: ignore[misc, valid-type]
    """Loads YAML as Kubernetes does, without aliases, with the C parser if it is available.

    A timestamp stays a string, because JSON has no timestamps. The composer is Python's, because the one of the C
    parser cannot be extended.
    """

    def __init__(self, stream: str) -> None:
        _Parser.__init__(self, stream)
        Composer.__init__(self)
        self._depth = 0

    def compose_node(self, parent: Node | None, index: Any) -> Node | None:
        """Compose a node, but no alias.

        Raises:
            ComposerError: it is an alias, or nested too deeply.
        """
        event = self.peek_event()
        mark: Any = event.start_mark
        if isinstance(event, AliasEvent):
            raise ComposerError(None, None, f"aliases such as *{event.anchor} are not allowed", mark)
        if self._depth >= MAX_DEPTH:
            raise ComposerError(None, None, f"nested more than {MAX_DEPTH} levels deep", mark)
        self._depth += 1
        node: Node | None = super().compose_node(parent, index)
        self._depth -= 1
        return node


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in Resolver.yaml_implicit_resolvers.items()
}


def load_yaml(text: str) -> Any:
    """Parse a single YAML document; None if the text is empty.

    Raises:
        yaml.YAMLError: it is not YAML, or has aliases or deep nesting.
        ValueError: a number or time in it is out of range.
    """
    documents = load_documents(text)
    value = next(documents, None)
    if next(documents, None) is not None:
        raise ComposerError(None, None, "expected a single document", None)
    return value


def load_documents(text: str) -> Iterator[Any]:
    """Yield the YAML documents of a text, parsed as Kubernetes does.

    Raises:
        yaml.YAMLError: it is not YAML, or has aliases or deep nesting.
        ValueError: a number or time in it is out of range.
    """
    yield from yaml.load_all(text, Loader=_Loader)

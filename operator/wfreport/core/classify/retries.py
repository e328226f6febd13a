"""What the Retry node around an attempt says of its end."""

from typing import Final

from wfreport.api.argo import Node
from wfreport.core.snapshot.tree import Tree
from wfreport.imports import lazy_pattern

_WHY_NO_MORE: Final = lazy_pattern(
    r"Max duration limit exceeded|Backoff would exceed max duration limit|retryStrategy\.expression evaluated to false"
)
"""Why Argo retried no more, but for "No more retries left", which the number of attempts tells."""


def enclosing_attempt(node: Node, tree: Tree) -> Node | None:
    """Return the attempt of a Retry node that a node is, or is within; None if there is none."""
    return next((one for one in (node, *tree.enclosing(node)) if one.id in tree.retry_of), None)


def why_no_more_retries(attempt: Node, tree: Tree) -> str | None:
    """Return why Argo made no further attempt after this one; None if the limit of the attempts was reached."""
    match = _WHY_NO_MORE.match(tree.retry_of[attempt.id].message)
    return match[0] if match else None

"""Regular expressions of policies, by RE2: whatever a user writes, matching takes linear time."""

import functools
from typing import Any, Final

import re2

_MAX_MEMORY_BYTES: Final = 1 << 20


class BadExpressionError(ValueError):
    """The expression is not one that RE2 takes; the message says why."""


@functools.lru_cache(maxsize=512)
def compiled(expression: str) -> Any:
    """The expression, ready to search with.

    Raises:
        BadExpressionError: it is not valid, or takes too much memory.
    """
    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MAX_MEMORY_BYTES
    try:
        return re2.compile(expression, options)
    except re2.error as error:
        said = error.args[0]
        raise BadExpressionError(said.decode() if isinstance(said, bytes) else str(said)) from error


def is_found(expression: str, text: str | None) -> bool:
    """Whether the expression is found in the text; an invalid one is found nowhere (its policy is not Ready)."""
    try:
        return bool(text) and compiled(expression).search(text) is not None
    except BadExpressionError:
        return False

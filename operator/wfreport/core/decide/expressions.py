"""Regular expressions of policies, compiled by RE2: matching takes linear time for any expression."""

import functools
from typing import Any, Final

import re2

_MAX_MEMORY_BYTES: Final = 1 << 20


class BadExpressionError(ValueError):
    """RE2 rejected the expression; the message gives the reason."""


@functools.lru_cache(maxsize=512)
def compiled(expression: str) -> Any:
    """Compile the expression.

    Raises:
        BadExpressionError: it is invalid, or needs too much memory.
    """
    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MAX_MEMORY_BYTES
    try:
        return re2.compile(expression, options)
    except re2.error as error:
        message = error.args[0]
        raise BadExpressionError(message.decode() if isinstance(message, bytes) else str(message)) from error


def is_found(expression: str, text: str | None) -> bool:
    """Return whether the text contains a match. An invalid expression never matches; its policy is not Ready."""
    try:
        return bool(text) and compiled(expression).search(text) is not None
    except BadExpressionError:
        return False

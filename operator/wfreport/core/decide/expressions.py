"""Regular expressions of policies, compiled by RE2: matching takes linear time for any expression.

Linear is not short: one step for each instruction of the expression and each character, where RE2 cannot keep the
states that it has met. So an expression has a maximal size.
"""

import threading
from collections import OrderedDict
from typing import Any, Final

import re2

_MAX_MEMORY_BYTES: Final = 1 << 18
_MAX_COMPILED_BYTES: Final = 1 << 16
"""Memory that RE2 may take to compile an expression: about 2,000 instructions. Ordinary ones have less than 200."""

_CACHED: Final = 256
"""Expressions that stay compiled. Each may come to take ``_MAX_MEMORY_BYTES``, so that all take 64 MiB at most."""

_cache: Final[OrderedDict[str, Any]] = OrderedDict()
_lock: Final = threading.Lock()
"""Guards the cache, which the event loop and the thread for searches share. Nothing is compiled under it."""

_TOO_LARGE: Final = "pattern too large"


class BadExpressionError(ValueError):
    """RE2 rejected the expression; the message gives the reason."""


def compiled(expression: str) -> Any:
    """Compile the expression.

    Raises:
        BadExpressionError: it is invalid, or too large.
    """
    found = _compiled(expression)
    if isinstance(found, str):
        raise BadExpressionError(found)
    return found


def is_compiled(expression: str) -> bool:
    """Return whether the expression is compiled already, so that its use takes no time for that."""
    return expression in _cache


def _compiled(expression: str) -> Any:
    """Return the compiled expression, or why there is none; the ones used last stay compiled."""
    with _lock:
        if expression in _cache:
            _cache.move_to_end(expression)
            return _cache[expression]
    found = _compile(expression)
    with _lock:
        _cache[expression] = found
        if len(_cache) > _CACHED:
            _cache.popitem(last=False)
    return found


def _compile(expression: str) -> Any:
    try:
        re2.compile(expression, _options(_MAX_COMPILED_BYTES))
        return re2.compile(expression, _options(_MAX_MEMORY_BYTES))
    except re2.error as error:
        message = error.args[0]
        text = message.decode() if isinstance(message, bytes) else str(message)
        return f"{text}; numbers of repetitions multiply, as do classes such as \\pL" if _TOO_LARGE in text else text


def _options(max_memory_bytes: int) -> Any:
    options = re2.Options()
    options.log_errors = False
    options.max_mem = max_memory_bytes
    return options


def instructions_of(expression: str | None) -> int:
    """Return the size of the compiled expression; 0 if there is none, or an invalid one."""
    found = _compiled(expression) if expression is not None else ""
    return 0 if isinstance(found, str) else int(found.programsize)


def is_found(expression: str, text: str | None) -> bool:
    """Return whether the text contains a match. An invalid expression never matches; its policy is not Ready."""
    try:
        return bool(text) and compiled(expression).search(text) is not None
    except BadExpressionError:
        return False

"""Polling with a deadline: the only place of the tests that waits."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


def eventually(
    look: Callable[[], T],
    until: Callable[[T], bool] = bool,
    *,
    timeout_seconds: float = 30,
    interval_seconds: float = 0.1,
) -> T:
    """Look until `until(look())` holds, and return what was seen; an AssertionError in it means "not yet".

    Raises:
        AssertionError: it never held; tells the condition, how often was looked, and what was seen last.
    """
    attempt = _Attempts(until, timeout_seconds)
    while True:
        try:
            seen = look()
        except AssertionError as error:
            attempt.note(error)
        else:
            if until(seen):
                return seen
            attempt.note(seen)
        attempt.check()
        time.sleep(interval_seconds)  # noqa: TID251  (a poll with a deadline is what everyone else uses this for)


async def eventually_async(
    look: Callable[[], T | Awaitable[T]],
    until: Callable[[T], bool] = bool,
    *,
    timeout_seconds: float = 30,
    interval_seconds: float = 0.1,
) -> T:
    """As `eventually`, for asyncio; `look` may be a coroutine function."""
    attempt = _Attempts(until, timeout_seconds)
    while True:
        try:
            answer = look()
            seen: T = await answer if inspect.isawaitable(answer) else answer
        except AssertionError as error:
            attempt.note(error)
        else:
            if until(seen):
                return seen
            attempt.note(seen)
        attempt.check()
        await asyncio.sleep(interval_seconds)


class _Attempts:
    """Counts the looks and words the failure."""

    def __init__(self, until: Callable[..., bool], timeout_seconds: float) -> None:
        self._until = until
        self._timeout_seconds = timeout_seconds
        self._deadline = time.monotonic() + timeout_seconds
        self._looks = 0
        self._last: object = None

    def note(self, seen: object) -> None:
        self._looks += 1
        self._last = seen

    def check(self) -> None:
        if time.monotonic() < self._deadline:
            return
        seen = repr(self._last)
        shown = seen if len(seen) <= 2000 else f"{seen[:2000]}… ({len(seen)} characters)"
        raise AssertionError(
            f"not within {self._timeout_seconds:g} s ({self._looks} looks): {_worded(self._until)}\nlast seen: {shown}"
        )


def _worded(condition: Callable[..., bool]) -> str:
    if condition is bool:
        return "anything true"
    try:
        return inspect.getsource(condition).strip()
    except (OSError, TypeError):
        return getattr(condition, "__name__", repr(condition))

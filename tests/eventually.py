"""Polls until a condition holds or a deadline passes. No other part of the tests waits."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


def eventually(
    probe: Callable[[], T],
    until: Callable[[T], bool] = bool,
    *,
    timeout_seconds: float = 30,
    interval_seconds: float = 0.1,
) -> T:
    """Call `probe` until `until(value)` holds, and return the value. An AssertionError in `probe` means "not yet".

    Raises:
        AssertionError: the condition never held; the message has the condition, the number of attempts and the last
            value.
    """
    poll = _Poll(until, timeout_seconds)
    while True:
        try:
            value = probe()
        except AssertionError as error:
            poll.record(error)
        else:
            if until(value):
                return value
            poll.record(value)
        poll.check_deadline()
        time.sleep(interval_seconds)  # noqa: TID251 - all other tests poll through this function


async def eventually_async(
    probe: Callable[[], T | Awaitable[T]],
    until: Callable[[T], bool] = bool,
    *,
    timeout_seconds: float = 30,
    interval_seconds: float = 0.1,
) -> T:
    """Do the same as `eventually` in asyncio; `probe` may be a coroutine function."""
    poll = _Poll(until, timeout_seconds)
    while True:
        try:
            result = probe()
            value: T = await result if inspect.isawaitable(result) else result
        except AssertionError as error:
            poll.record(error)
        else:
            if until(value):
                return value
            poll.record(value)
        poll.check_deadline()
        await asyncio.sleep(interval_seconds)


class _Poll:
    """Counts the attempts and describes the failure."""

    def __init__(self, until: Callable[..., bool], timeout_seconds: float) -> None:
        self._until = until
        self._timeout_seconds = timeout_seconds
        self._deadline = time.monotonic() + timeout_seconds
        self._attempts = 0
        self._last: object = None

    def record(self, value: object) -> None:
        self._attempts += 1
        self._last = value

    def check_deadline(self) -> None:
        if time.monotonic() < self._deadline:
            return
        value = repr(self._last)
        shown = value if len(value) <= 2000 else f"{value[:2000]}… ({len(value)} characters)"
        raise AssertionError(
            f"condition not met in {self._timeout_seconds:g} s ({self._attempts} attempts): {_describe(self._until)}\n"
            f"last value: {shown}"
        )


def _describe(condition: Callable[..., bool]) -> str:
    if condition is bool:
        return "a true value"
    try:
        return inspect.getsource(condition).strip()
    except (OSError, TypeError):
        return getattr(condition, "__name__", repr(condition))

"""Polls a condition with a timeout."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from controlplane.errors import DeadlineError


def wait_until(
    check: Callable[[], bool],
    *,
    what: str,
    timeout_seconds: float = 60,
    interval_seconds: float = 0.1,
) -> None:
    """Wait until `check()` returns true.

    Raises:
        DeadlineError: it did not within `timeout_seconds`.
    """
    deadline = time.monotonic() + timeout_seconds
    pause = threading.Event()
    while not check():
        if time.monotonic() > deadline:
            raise DeadlineError(f"timed out after {timeout_seconds:.0f} s waiting for {what}")
        pause.wait(interval_seconds)

"""Ends a command in order on SIGTERM."""

from __future__ import annotations

import signal
from typing import NoReturn


def end_in_order_on_sigterm() -> None:
    """Let SIGTERM raise an exception, so that components are stopped in order."""
    signal.signal(signal.SIGTERM, _leave)


def _leave(number: int, _frame: object) -> NoReturn:
    raise SystemExit(128 + number)

"""Progress lines on stderr. stdout is reserved for a command's result."""

from __future__ import annotations

import sys
import time
from types import TracebackType


def echo(message: str) -> None:
    """Write one line and flush it."""
    sys.stderr.write(f"controlplane: {message}\n")
    sys.stderr.flush()


class Ticker:
    """Shows the progress of a long step: one line updated in place on a terminal, a line every 30 s in a log."""

    def __init__(self, title: str, *, log_interval_seconds: float = 30) -> None:
        self._title = title
        self._log_interval_seconds = log_interval_seconds
        self._terminal = sys.stderr.isatty()
        self._started = time.monotonic()
        self._last_logged = self._started

    @property
    def elapsed_seconds(self) -> float:
        """Seconds since the step began."""
        return time.monotonic() - self._started

    def __enter__(self) -> Ticker:
        echo(self._title)
        return self

    def tick(self, detail: str) -> None:
        """Show `detail`. Cheap enough to call several times a second."""
        line = f"  {self.elapsed_seconds:4.0f} s  {detail}"
        if self._terminal:
            sys.stderr.write(f"\r\x1b[K{line[:110]}")
        elif time.monotonic() - self._last_logged >= self._log_interval_seconds:
            self._last_logged = time.monotonic()
            sys.stderr.write(f"{line}\n")
        sys.stderr.flush()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        result = "failed" if error else "done"
        start = "\r\x1b[K" if self._terminal else ""
        sys.stderr.write(f"{start}  {self.elapsed_seconds:4.0f} s  {result}\n")
        sys.stderr.flush()

"""Runs `go build` and reports its progress."""

from __future__ import annotations

import subprocess
import threading
from collections import deque
from collections.abc import Sequence
from pathlib import Path

from controlplane.errors import BinaryUnavailableError
from controlplane.golang import go_env
from controlplane.progress import Ticker


def run_build(command: Sequence[str], folder: Path, ticker: Ticker) -> None:
    """Run `go build -v …` in `folder` and count the compiled packages.

    Raises:
        BinaryUnavailableError: the build failed; the message ends with the compiler's output.
    """
    tail: deque[str] = deque(maxlen=30)
    packages = 0
    with subprocess.Popen(
        command, cwd=folder, env=go_env(), stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as build:
        lines = _StderrLines(build)
        while build.poll() is None:
            for line in lines.take():
                tail.append(line)
                packages += not line.startswith("go: ")
            ticker.tick(f"{packages} packages compiled; {tail[-1] if tail else 'loading the module'}")
            lines.wait(0.5)
        tail.extend(lines.remaining())
    if build.returncode:
        raise BinaryUnavailableError(f"`{' '.join(command[:2])} {command[-1]}` failed:\n" + "\n".join(tail))


class _StderrLines:
    """Reads a program's stderr in a thread, so that the elapsed time is updated while the program is silent."""

    def __init__(self, program: subprocess.Popen[str]) -> None:
        self._lines: deque[str] = deque()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._read, args=(program,), daemon=True)
        self._thread.start()

    def _read(self, program: subprocess.Popen[str]) -> None:
        for line in program.stderr or ():
            self._lines.append(line.rstrip())
        self._ended.set()

    def take(self) -> list[str]:
        """Return the lines read since the last call."""
        return [self._lines.popleft() for _ in range(len(self._lines))]

    def wait(self, seconds: float) -> None:
        """Wait for the end of the output, at most `seconds`."""
        self._ended.wait(seconds)

    def remaining(self) -> list[str]:
        """Return the last lines of a program that has exited. It may exit before all of them are read."""
        self._thread.join(timeout=10)
        return self.take()

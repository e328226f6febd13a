"""Runs one program of the control plane under a guard process (see guard.py)."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from controlplane.errors import ComponentDiedError, DeadlineError, PortTakenError
from controlplane.paths import PACKAGE_DIR
from controlplane.waiting import wait_until

_STOP_SECONDS = 20


class Component:
    """A program and its log. The program does not outlive this process."""

    def __init__(
        self, name: str, command: Sequence[str | Path], *, folder: Path, env: Mapping[str, str] | None = None
    ) -> None:
        self.name = name
        self.log_path = folder / f"{name}.log"
        self._command = [str(part) for part in command]
        self._folder = folder
        self._env = os.environ | dict(env or {})
        self._guard: subprocess.Popen[str] | None = None
        self._pid = 0

    def start(self) -> None:
        """Start the program, unless it is running."""
        if self.running:
            return
        self._close()
        guard = [sys.executable, "-I", str(PACKAGE_DIR / "guard.py"), str(self._folder), str(self.log_path)]
        self._guard = subprocess.Popen(
            [*guard, *self._command],
            env=self._env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,  # Ctrl-C must not reach components: they are stopped in order
        )
        answer = self._guard.stdout.readline() if self._guard.stdout else ""
        if not answer:
            self._guard.wait()
            raise ComponentDiedError(f"{self.name} did not start:\n{self.log_tail()}")
        self._pid = int(answer)

    @property
    def running(self) -> bool:
        """Whether the program is running."""
        return self._guard is not None and self._guard.poll() is None

    @property
    def pid(self) -> int:
        """The process id of the program itself, not of its guard."""
        self.ensure_running()
        return self._pid

    def ensure_running(self) -> None:
        """Raise if the program has exited.

        Raises:
            PortTakenError: its port was in use.
            ComponentDiedError: any other cause; the message contains the end of its log.
        """
        if self.running:
            return
        tail = self.log_tail()
        code = self._guard.returncode if self._guard else "none, it was not started"
        kind = PortTakenError if "address already in use" in tail else ComponentDiedError
        raise kind(f"{self.name} exited (exit code {code}); the end of {self.log_path}:\n{tail}")

    def log_tail(self, lines: int = 25) -> str:
        """Return the last lines of its log."""
        try:
            text = self.log_path.read_text(errors="replace")
        except FileNotFoundError:
            return "(no log)"
        return "\n".join(line[:500] for line in text.splitlines()[-lines:])

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the program, for example SIGSTOP to make it hang."""
        os.kill(self.pid, number)

    def stop(self, *, graceful: bool = False) -> int | None:
        """Stop the program: with SIGKILL, because its data is discarded, or with SIGTERM if `graceful`.

        Return its exit code, or the negative number of the signal that ended it; None if it was stopped before.
        """
        if graceful and self.running:
            os.kill(self._pid, signal.SIGTERM)
            self._wait_for_end()
        return self._close()

    def _wait_for_end(self) -> None:
        try:
            wait_until(lambda: not self.running, what=f"the end of {self.name}", timeout_seconds=_STOP_SECONDS)
        except DeadlineError:
            return  # killed by _close

    def _close(self) -> int | None:
        guard, self._guard = self._guard, None
        if guard is None:
            return None
        if guard.stdin:
            try:
                guard.stdin.write("q")  # a byte requests a stop; end of file alone would mean that this process died
                guard.stdin.close()
            except BrokenPipeError:
                pass
        code = guard.wait()
        if guard.stdout:
            guard.stdout.close()
        return code

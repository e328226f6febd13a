"""`show --watch` and `list --watch` redraw a terminal, on a real API server; Ctrl-C leaves it as it was."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
import termios
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from tests.cli.cases import COMMAND
from tests.cli.workspace import Workspace
from tests.eventually import eventually

HOME, LEAVE, SHOW_CURSOR = "\x1b[H", "\x1b[?1049l", "\x1b[?25h"
RUNNING = "running-with-failed-branch"


class Terminal:
    """A command on a terminal, which a person types on.

    Attributes:
        process: the command.
        shown: everything that it has written.
    """

    def __init__(self, command: list[str], env: dict[str, str]) -> None:
        self._ours, theirs = pty.openpty()
        termios.tcsetwinsize(theirs, (60, 100))
        self.shown = ""
        # A session of its own, so that the terminal controls the process and turns Ctrl-C into a signal.
        self.process = subprocess.Popen(
            [sys.executable, "-c", _CONTROLLED, *command], stdin=theirs, stdout=theirs, stderr=theirs, env=env,
            start_new_session=True,
        )  # fmt: skip
        os.close(theirs)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        with os.fdopen(self._ours, "rb", buffering=0, closefd=False) as stream:
            while True:
                try:
                    part = stream.read(65536)
                except OSError:  # Linux raises EIO at the end of a terminal
                    return
                if not part:
                    return
                self.shown += part.decode(errors="replace")

    def type(self, keys: bytes) -> None:
        os.write(self._ours, keys)

    def end(self) -> int:
        """Wait for the command's end; return its exit code."""
        code = self.process.wait(timeout=60)
        self._reader.join(timeout=60)
        return code

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self._ours)

    @property
    def frame(self) -> str:
        """The last complete frame, without colors."""
        return _plain(self.shown.split(HOME)[-2]) if self.shown.count(HOME) > 1 else ""

    @property
    def left_behind(self) -> str:
        """What is on the terminal after the command, without colors."""
        return _plain(self.shown.rpartition(LEAVE)[2])


def _plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text)


_CONTROLLED = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""


@contextmanager
def terminal(workspace: Workspace, *arguments: str, env: dict[str, str] | None = None) -> Iterator[Terminal]:
    environment = {key: value for key, value in workspace.environ().items() if key not in ("COLUMNS", "LINES")}
    started = Terminal(workspace.command(*arguments), environment | {"TERM": "xterm-256color"} | (env or {}))
    try:
        yield started
    finally:
        started.close()


def update(workspace: Workspace, report: dict[str, Any], **observed: Any) -> None:
    status = report["status"]
    status["observedWorkflow"] |= observed
    status["summary"] = f"now {observed['phase']}"
    workspace.put_report(report, is_new=False)


@pytest.mark.cluster
def test_show_follows_a_run_to_its_end_and_leaves_its_page(workspace: Workspace) -> None:
    report = workspace.put(RUNNING, workflow=False)
    with terminal(workspace, "show", RUNNING, "--watch") as shown:
        eventually(lambda: f"{RUNNING}  Running" in shown.frame, timeout_seconds=60)
        update(workspace, report, phase="Running", progress="7/9")
        eventually(lambda: "7/9" in shown.frame, timeout_seconds=60)
        update(workspace, report, phase="Failed", finishedAt="2026-11-23T00:00:00Z")
        assert shown.end() == 0
    assert "now Failed" in shown.left_behind
    assert f"{RUNNING}  Failed" in shown.left_behind
    assert SHOW_CURSOR in shown.shown


@pytest.mark.cluster
def test_a_run_that_has_ended_is_shown_once(workspace: Workspace) -> None:
    workspace.put("oom-main", workflow=False)
    with terminal(workspace, "show", "oom-main", "-w") as shown:
        assert shown.end() == 0
    assert "Failed (OOMKilled)" in shown.left_behind


@pytest.mark.cluster
def test_list_shows_new_and_changed_runs_until_ctrl_c(workspace: Workspace) -> None:
    report = workspace.put(RUNNING, workflow=False)
    with terminal(workspace, "list", "--watch", "--phase", "Running", "--phase", "Failed") as shown:
        eventually(lambda: RUNNING in shown.frame, timeout_seconds=60)
        workspace.put("oom-main", workflow=False)
        eventually(lambda: "oom-main" in shown.frame, timeout_seconds=60)
        update(workspace, report, phase="Succeeded")
        eventually(lambda: RUNNING not in shown.frame and "oom-main" in shown.frame, timeout_seconds=60)
        shown.type(b"\x03")
        assert shown.end() == 128 + signal.SIGINT
    assert [line.split()[0] for line in shown.left_behind.splitlines() if line.strip("^C ")] == ["WORKFLOW", "oom-main"]
    assert "Traceback" not in shown.shown
    assert "Aborted" not in shown.shown


@pytest.mark.cluster
@pytest.mark.parametrize(
    "arguments", [["list", "--watch"], ["show", "oom-main", "--watch"]], ids=lambda words: words[0]
)
def test_a_pipe_is_refused_with_what_to_use_instead(workspace: Workspace, arguments: list[str]) -> None:
    workspace.put("oom-main", workflow=False)
    done = workspace.run(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines() == [
        "Error: --watch: it redraws a terminal; in a pipe use `wfreport wait`, or `kubectl get wfr -w`"
    ]


@pytest.mark.parametrize("arguments", [["list", "--watch", "-o", "json"], ["show", "a", "--watch", "-o", "yaml"]])
def test_an_object_cannot_be_redrawn(arguments: list[str]) -> None:
    done = subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "leave out -o" in done.stderr


@pytest.mark.parametrize("module", ["wfreport.cli", "typing", "enum"])
def test_ctrl_c_while_it_starts_is_silent_and_130(module: str) -> None:
    """The command line interrupts itself while modules are imported, where no command can catch it."""
    script = (
        "import builtins, os, signal, sys\n"
        "real = builtins.__import__\n"
        "def interrupting(name, *rest, **more):\n"
        f"    if name.startswith('{module}'):\n"
        "        os.kill(os.getpid(), signal.SIGINT)\n"
        "    return real(name, *rest, **more)\n"
        "builtins.__import__ = interrupting\n"
        "from wfreport.__main__ import main\n"
        "main()\n"
    )
    shell = ["/bin/sh", "-c", '"$@"; echo "exit code $?"', "sh", sys.executable, "-c", script, "list"]
    done = subprocess.run(shell, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr.strip()) in [("exit code 130\n", ""), ("exit code 130\n", "Interrupt")]

"""Recorded runs as the files of a user, and commands on a terminal."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import sys
import termios
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.recorded import recording

COMMAND = (sys.executable, "-m", "wfreport")


@dataclass(frozen=True, slots=True)
class Files:
    """A recording, split into the files that `explain` reads."""

    workflow: Path
    pods: Path
    events: Path

    @property
    def arguments(self) -> list[str]:
        return [str(self.workflow), "--pods", str(self.pods), "--events", str(self.events)]


def workflow_of(case: str) -> dict[str, Any]:
    workflow: dict[str, Any] = recording(case).final["workflow"]
    return workflow


def split(case: str, folder: Path) -> Files:
    final = recording(case).final
    paths = {part: folder / f"{case}.{part}.json" for part in ("workflow", "pods", "events")}
    for part, path in paths.items():
        path.write_text(json.dumps(final[part]))
    return Files(**paths)


def on_terminal(arguments: Sequence[str], *, columns: int, env: Mapping[str, str] | None = None) -> str:
    """Return the output of a command on a terminal of this width."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (40, columns))
    environment = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "FORCE_COLOR")}
    environment |= {"TERM": "xterm-256color", **(env or {})}
    environment.pop("COLUMNS", None)  # pytest-xdist sets it; the terminal's own width counts
    with subprocess.Popen(arguments, stdin=theirs, stdout=theirs, stderr=theirs, env=environment) as process:
        os.close(theirs)
        shown = _read_all(ours)
        process.wait(timeout=180)
    os.close(ours)
    return shown.decode().replace("\r\n", "\n")


def _read_all(terminal: int) -> bytes:
    shown = b""
    while select.select([terminal], [], [], 180)[0]:
        try:
            part = os.read(terminal, 65536)
        except OSError:  # Linux raises EIO at the end of a terminal
            return shown
        if not part:
            return shown
        shown += part
    raise AssertionError(f"the command hangs without further output: {shown[-500:]!r}")

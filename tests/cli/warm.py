"""Runs `wfreport` commands in forks of a process that has imported what they need (``tests/forked.py``)."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Mapping, Sequence

from tests.forked import run_command


def run(arguments: Sequence[str], env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run `wfreport` with these arguments, its output in a pipe."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        code = run_command(arguments, env, out, err)
        out.seek(0)
        err.seek(0)
        return subprocess.CompletedProcess(list(arguments), code, out.read().decode(), err.read().decode())

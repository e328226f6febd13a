"""The guard of one program: what it does if it cannot start."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from controlplane import guard


def test_a_guard_whose_folder_was_removed_during_the_start_ends_quietly(tmp_path: Path) -> None:
    gone = tmp_path / "gone"

    ended = _run(gone, gone / "etcd.log", sys.executable, "--version")

    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")


def test_a_program_that_is_absent_is_named_in_the_log(tmp_path: Path) -> None:
    log = tmp_path / "etcd.log"

    ended = _run(tmp_path, log, "/no/such/etcd")

    assert (ended.returncode, ended.stdout) == (1, "")
    assert "No such file or directory: '/no/such/etcd'" in log.read_text()


def test_a_program_runs_in_the_folder_and_its_exit_code_is_the_guards(tmp_path: Path) -> None:
    log = tmp_path / "etcd.log"

    ended = _run(tmp_path, log, sys.executable, "-c", "import os; print(os.getcwd()); raise SystemExit(7)")

    assert (ended.returncode, ended.stderr) == (7, "")
    assert ended.stdout.strip().isdigit()
    assert log.read_text().strip() == str(tmp_path)


def _run(folder: Path, log: Path, *command: str) -> subprocess.CompletedProcess[str]:
    arguments = [sys.executable, "-I", guard.__file__, str(folder), str(log), *command]
    reader, writer = os.pipe()  # the owner's end stays open: its end of file would be the owner's death
    try:
        return subprocess.run(arguments, stdin=reader, capture_output=True, text=True, timeout=60, check=False)
    finally:
        os.close(reader)
        os.close(writer)

"""Runs one program and kills it when its owner, the parent process, dies for any reason.

    python -I guard.py FOLDER LOG PROGRAM [ARGUMENT…]

A parent-death signal alone is not sufficient: the kernel sends it when the *thread* that forked exits, and a worker
thread may start a plane. Therefore the owner holds a pipe to this process. A byte requests a stop. End of file
without a byte means that the owner died (including kill -9); FOLDER is then removed as well. This process has a
single thread, so a parent-death signal between it and the program is reliable: it covers a kill -9 of the guard.
The module uses only the standard library, so that it starts with -I in a few milliseconds.
"""

from __future__ import annotations

import ctypes
import os
import select
import shutil
import signal
import subprocess
import sys
from types import FrameType

_PR_SET_PDEATHSIG = 1
_STDIN = 0


def main(arguments: list[str]) -> int:
    """Run the program. Returns its exit code, or the negative number of the signal that ended it."""
    folder, log_path, *command = arguments
    owner = os.getppid()
    news = _wake_up_pipe()
    try:
        program = _start(command, folder, log_path)
    except FileNotFoundError:
        if os.path.isdir(folder):  # noqa: PTH112
            raise
        return 0  # Ctrl-C during the start: the owner has removed its folder already, and there is nothing to guard
    sys.stdout.write(f"{program.pid}\n")
    sys.stdout.flush()
    orphaned = _watch(program, owner, news)
    if program.poll() is None:
        program.kill()
    program.wait()
    if orphaned:
        shutil.rmtree(folder, ignore_errors=True)
    return program.returncode


def _start(command: list[str], folder: str, log_path: str) -> subprocess.Popen[bytes]:
    with open(log_path, "ab", buffering=0) as log:  # noqa: PTH123  (pathlib would double the start-up time)
        os.dup2(log.fileno(), sys.stderr.fileno())
        return subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            preexec_fn=_die_with_guard,  # noqa: PLW1509  (safe: this process has one thread)
        )


def _watch(program: subprocess.Popen[bytes], owner: int, news: int) -> bool:
    """Wait until the program exits or must be stopped. Returns True if the owner died."""
    while program.poll() is None:
        ready, _, _ = select.select([_STDIN, news], [], [], 1.0)
        if _STDIN in ready:
            return not os.read(_STDIN, 1)
        if news in ready and any(number in _STOP_SIGNALS for number in os.read(news, 64)):
            return False
        # A fork of the owner may keep the pipe open forever, so the parent's process id is compared as well.
        if os.getppid() != owner:
            return True
    return False


_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def _wake_up_pipe() -> int:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer)
    for number in (*_STOP_SIGNALS, signal.SIGCHLD):
        signal.signal(number, _only_wake_up)
    return reader


def _only_wake_up(_number: int, _frame: FrameType | None) -> None:
    return


def _die_with_guard() -> None:
    if sys.platform == "linux":
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


_LIBC = ctypes.CDLL(None)

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

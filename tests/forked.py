"""Programs as forks of one process that has imported everything: most of a program's start is Python's imports.

A fork has its own environment, output, signals and exit code, like a process that a user starts. Tests that start a
program for real (on a terminal, as a plugin, in a container) prove that it imports what it needs by itself.

    test process ──request──► server (imports all of wfreport) ──fork──► supervisor ──fork──► program
         ▲                                                                   │
         └────────────────── process ID, then the exit code ─────────────────┘

The supervisor kills its program if the test process closes the connection, so that no program outlives the tests.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import gc
import importlib
import json
import os
import pkgutil
import random
import select
import signal
import socket
import subprocess
import sys
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any, NoReturn

_ROOT = Path(__file__).parents[1]
_NUMBER_BYTES = 8


class ForkedProcess:
    """A running fork, with the part of ``subprocess.Popen`` that the tests use."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        try:
            self.pid = int.from_bytes(_received(control, _NUMBER_BYTES))
        except BaseException:
            control.close()
            raise
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Return the exit code, or None while it runs."""
        if self.returncode is None and select.select([self._control], [], [], 0)[0]:
            self._note_end()
        return self.returncode

    def wait(self, timeout_seconds: float | None = None) -> int:
        """Wait for its end and return the exit code.

        Raises:
            subprocess.TimeoutExpired: it still runs.
        """
        if self.returncode is None:
            if not select.select([self._control], [], [], timeout_seconds)[0]:
                raise subprocess.TimeoutExpired([str(self.pid)], timeout_seconds or 0)
            self._note_end()
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal, if it still runs."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Kill it, as an out-of-memory kill does."""
        self.send_signal(signal.SIGKILL)

    def close(self) -> None:
        """Let its supervisor kill it if it still runs, and wait for nothing."""
        self._control.close()

    def _note_end(self) -> None:
        try:
            self.returncode = int.from_bytes(_received(self._control, _NUMBER_BYTES), signed=True)
        finally:
            self._control.close()


def run_command(arguments: Sequence[str], env: Mapping[str, str], out: IO[bytes], err: IO[bytes]) -> int:
    """Run ``wfreport`` with these arguments to its end and return the exit code."""
    return _start({"arguments": list(arguments)}, env, out, err).wait()


def start_python(code: str, env: Mapping[str, str], output: IO[bytes]) -> ForkedProcess:
    """Start a program given as Python code, as ``python -c`` does."""
    return _start({"code": code}, env, output, output)


def _start(program: dict[str, Any], env: Mapping[str, str], out: IO[bytes], err: IO[bytes]) -> ForkedProcess:
    request = json.dumps({**program, "env": dict(env)}).encode()
    ours, theirs = socket.socketpair()
    with theirs:
        server = _server()
        size, descriptors = len(request).to_bytes(_NUMBER_BYTES), [out.fileno(), err.fileno(), theirs.fileno()]
        try:
            socket.send_fds(server, [size], descriptors)
            server.sendall(request)
        except BaseException:
            ours.close()
            raise
    return ForkedProcess(ours)


@functools.cache
def _server() -> socket.socket:
    """Return the connection to the server, which ends when this process does."""
    ours, theirs = socket.socketpair()
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.forked", str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            cwd=_ROOT,
            env={**os.environ, "PYTHONPATH": str(_ROOT / "operator")},
            stdin=subprocess.DEVNULL,
        )
    atexit.register(_end, ours, process)
    return ours


def _end(connection: socket.socket, process: subprocess.Popen[bytes]) -> None:
    connection.close()
    process.wait(10)


def _received(connection: socket.socket, count: int) -> bytes:
    content = b""
    while len(content) < count:
        part = connection.recv(count - len(content))
        if not part:
            raise ConnectionError("the process that forks programs has ended")
        content += part
    return content


def _serve(connection: socket.socket) -> None:
    _import_everything()
    # Nobody waits for a supervisor: the kernel reaps it.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        head, descriptors, _, _ = socket.recv_fds(connection, _NUMBER_BYTES, 3)
        if not head:
            return
        request = json.loads(_received(connection, int.from_bytes(head)))
        if not os.fork():
            connection.close()
            _supervise(request, *descriptors)
        for descriptor in descriptors:
            os.close(descriptor)


def _import_everything() -> None:
    import wfreport  # noqa: PLC0415

    for module in pkgutil.walk_packages(wfreport.__path__, "wfreport."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    importlib.import_module("kubernetes.client")
    gc.collect()
    gc.freeze()


def _supervise(request: dict[str, Any], out: int, err: int, control: int) -> NoReturn:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    program = os.fork()
    if not program:
        os.close(control)
        _become(request, out, err)
    with socket.socket(fileno=control) as connection:
        connection.sendall(program.to_bytes(_NUMBER_BYTES))
        end = os.pidfd_open(program)
        if end not in select.select([end, connection.fileno()], [], [])[0]:
            os.kill(program, signal.SIGKILL)
        code = os.waitstatus_to_exitcode(os.waitpid(program, 0)[1])
        with contextlib.suppress(OSError):  # the test process may have ended
            connection.sendall(code.to_bytes(_NUMBER_BYTES, signed=True))
    os._exit(0)


def _become(request: dict[str, Any], out: int, err: int) -> NoReturn:
    os.dup2(out, 1)
    os.dup2(err, 2)
    sys.stdout, sys.stderr = os.fdopen(1, "w"), os.fdopen(2, "w", buffering=1)
    os.environ.clear()
    os.environ.update(request["env"])
    random.seed()
    # It reads $KUBECONFIG when it is imported; the slow part of it stays.
    for name in [name for name in sys.modules if name == "kubernetes" or name.startswith("kubernetes.config")]:
        del sys.modules[name]
    code = 1
    try:
        _run(request)
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001  (as the interpreter's own end: a traceback, and 1)
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _run(request: dict[str, Any]) -> None:
    if "code" in request:
        exec(request["code"], {"__name__": "__main__"})  # noqa: S102  (the test's own code)
        return
    from wfreport.cli.main import cli  # noqa: PLC0415

    cli(request["arguments"], prog_name="wfreport")


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))
